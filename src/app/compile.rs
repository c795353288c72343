//! The thread that makes changed accounts into the next snapshot, and ends campaigns whose last day is over.
//!
//! What changes within a moment is published together. An account that can't be compiled keeps what it has in force,
//! and says why; the others are published without it.
//!
//! At the start every account of the catalog is due: it may have been changed, or restored, while no daemon ran, or a
//! moment before the last one ended. What another process changes beside a running daemon is looked for every second.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::publish::Publisher;
use crate::admin::snapshots::SnapshotControl as _;
use crate::clock::Clock;
use crate::control::compiler::{
    CompileError, Compiled, Due, Failure, Kept, Known, Publications, compile, limits,
};
use crate::control::config::CampaignsConfig;
use crate::control::desk::calendar;
use crate::control::refusal::Refusal;
use crate::control::reports::ReportShelf;
use crate::control::store::{Catalog, INSTALLATION, Kind, Query, Store, thread};
use crate::domain::ids::{AccountId, Epoch};
use crate::identity::Keyring;
use crate::outbox::derived::Figures;
use crate::shard::allowance::Allowances;
use crate::shutdown::Member;
use crate::snapshot::build::{
    AccountsEdit, After, BuildError, BuildOptions, Built, Dealt, Source, build, edit_accounts,
};
use crate::snapshot::calendar::today;
use crate::snapshot::load::Loaded;
use crate::snapshot::source::TargetDirectory;
use crate::snapshot::view::SnapshotView;

/// How soon the thread notices that it should end.
const NAP: Duration = Duration::from_millis(200);

/// How long a change waits for others, so that a burst of them is one epoch: a few publications a second at most.
const GATHER: Duration = Duration::from_millis(100);

/// How often it is looked whose last day is over, in naps.
const LOOK_EVERY: u32 = 50;

/// How often it is looked what other processes have changed, in naps: about every second.
const ASK_EVERY: u32 = 5;

/// How often it is tried again what a full disk or an unreadable catalog was in the way of, in naps: about every 10 s.
const RETRY_EVERY: u32 = 50;

/// What the thread works with.
pub(super) struct CompileThread {
    pub(super) catalog: Catalog,
    pub(super) reader: Box<dyn Store>,
    pub(super) publications: Arc<Publications>,
    pub(super) publisher: Arc<Publisher>,
    pub(super) keyring: Keyring,
    pub(super) clock: Clock,
    pub(super) config: CampaignsConfig,
    /// Where report files are.
    pub(super) shelf: ReportShelf,
    /// Accounts that are to be tried again.
    pub(super) put_off: BTreeSet<AccountId>,
    /// Told how fast accounts may hand over.
    pub(super) allowances: Arc<Allowances>,
    /// What was read of accounts before.
    pub(super) kept: Kept,
    /// The users of segments.
    pub(super) counted: Figures,
    pub(super) figures: Arc<CompileFigures>,
}

/// What the thread counts.
#[derive(Debug, Default)]
pub(super) struct CompileFigures {
    /// Epochs that were published.
    pub(super) published: AtomicU64,
    /// Accounts, or epochs, that could not be.
    pub(super) failed: AtomicU64,
}

impl CompileThread {
    /// Starts the thread, which ends when the member is asked to.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn spawn(mut self, member: Member) -> std::io::Result<()> {
        std::thread::Builder::new().name("compiler".to_owned()).spawn(move || {
            self.run(&member);
            drop(self);
            drop(member);
        })?;
        Ok(())
    }

    fn run(&mut self, member: &Member) {
        let mut naps = 0_u32;
        self.begin_with_all();
        while !member.is_asked() {
            if naps.is_multiple_of(LOOK_EVERY) {
                self.look_at_calendar();
            }
            if naps.is_multiple_of(ASK_EVERY) {
                self.take_up_what_others_did();
            }
            if naps.is_multiple_of(RETRY_EVERY) {
                std::mem::take(&mut self.put_off).into_iter().for_each(|account| {
                    self.publications.changed(account);
                });
            }
            if let Some(due) = self.publications.take(NAP, GATHER) {
                let due = self.behind_all(due);
                self.publish(&due);
            }
            naps = naps.wrapping_add(1);
        }
    }

    /// Every account of the catalog is due; but where there are snapshots and none of them loads, an operator has to look
    /// first.
    fn begin_with_all(&mut self) {
        let is_damaged = |newest: Option<_>| newest.is_some();
        let none_loads = self.publisher.slot.current().is_none();
        let waits_for_operator = none_loads && self.publisher.store.latest().is_ok_and(is_damaged);
        let found = self.reader.read(&mut |tx| {
            let mut accounts = Vec::new();
            tx.scan(&Query::all(INSTALLATION, Kind::Account), &mut |record| {
                accounts.push(AccountId(record.key.id));
                Ok(())
            })?;
            for account in accounts {
                self.allowances.set(account, limits(tx, account)?.records_per_s);
                if !waits_for_operator {
                    self.publications.changed(account);
                }
            }
            Ok(())
        });
        if let Err(error) = found {
            tracing::error!(%error, "the catalog's accounts can't be read; changes made while no daemon ran are not in force");
        }
    }

    /// Accounts that a command has changed. The catalog's own thread is asked, for what it writes itself it tells anyway.
    fn take_up_what_others_did(&mut self) {
        let publications = Arc::clone(&self.publications);
        let found = self.catalog.ask_and_wait(move |store| {
            let accounts = store.changed_elsewhere()?;
            for account in &accounts {
                publications.changed(*account);
            }
            Ok(accounts.len())
        });
        match found {
            Ok(0) | Err(Refusal::Ending | Refusal::Busy) => {}
            Ok(accounts) => tracing::info!(accounts, "accounts were changed by a command"),
            Err(error) => {
                tracing::error!(%error, "what commands have changed in the catalog can't be read")
            }
        }
    }

    /// Campaigns whose last local day is over, or has begun.
    fn look_at_calendar(&mut self) {
        let (now, keyring, config) = (self.clock.now(), self.keyring.clone(), self.config);
        let (publications, shelf) = (Arc::clone(&self.publications), self.shelf.clone());
        let ended = self.catalog.ask_and_wait(move |store| {
            let looked =
                thread::write(store, |tx| calendar::look(tx, now, &keyring, &config, &shelf))?;
            for account in &looked.touched {
                publications.changed(*account);
            }
            shelf.discard(&looked.gone);
            Ok(looked.touched.len())
        });
        match ended {
            Ok(0) | Err(Refusal::Ending) => {}
            Ok(accounts) => tracing::info!(accounts, "campaigns ended with their last day"),
            Err(error) => {
                tracing::error!(%error, "campaigns were not looked through for those that are over")
            }
        }
    }

    /// The daily renewal of schedules and operators publish too: their number may be the one that was told.
    fn behind_all(&self, due: Due) -> Due {
        match self.publisher.store.latest() {
            Ok(Some(latest)) if latest >= due.epoch => {
                let epoch = Epoch(latest.0 + 1);
                self.publications.skip_past(epoch);
                Due { epoch, ..due }
            }
            // What is wrong with the store is told when it is to be written.
            Ok(_) | Err(_) => due,
        }
    }

    fn publish(&mut self, due: &Due) {
        let current = self.publisher.slot.current();
        let view = current.as_deref().map(Loaded::view);
        let mut batch = self.compiled(due, view);
        let built = loop {
            match self.build(due, &batch, view) {
                Ok(built) => break built,
                Err(error) => {
                    let Some(at_fault) = error.account().filter(|id| batch.holds(*id)) else {
                        return self.give_up(due, &error.to_string());
                    };
                    let reason = error.to_string();
                    self.fail((at_fault, due.epoch), Failure { campaign: None, reason });
                    batch.leave_out(at_fault);
                }
            }
        };
        let published = self.publisher.store.publish(&built).map_err(|error| error.to_string());
        if let Err(reason) = published.and_then(|_| self.publisher.reload().map(drop)) {
            self.give_up(due, &reason);
            // What is in the way is none of theirs, and may be gone the next time.
            self.put_off.extend(&due.accounts);
            return;
        }
        self.figures.published.fetch_add(1, Ordering::Relaxed);
        let done = batch.put.accounts.iter().map(|one| one.id).chain(batch.gone);
        done.for_each(|account| self.publications.note(account, due.epoch, Ok(())));
    }

    fn compiled(&mut self, due: &Due, view: Option<SnapshotView<'_>>) -> Batch {
        let mut batch = Batch::default();
        for &account in &due.accounts {
            match self.account(account, view) {
                Ok(Some(compiled)) => batch.take(compiled),
                Ok(None) if self.is_a_file_s(account, view) => {}
                Ok(None) => batch.gone.push(account),
                Err(error) => {
                    let campaign = error.campaign();
                    if error.is_passing() {
                        self.put_off.insert(account);
                    }
                    let reason = error.to_string();
                    self.fail((account, due.epoch), Failure { campaign, reason });
                }
            }
        }
        batch
    }

    /// Whether the snapshot has campaigns of an account that come from `geofenced snapshot build`: those that the catalog
    /// has nothing of. They go on as they are.
    fn is_a_file_s(&mut self, account: AccountId, view: Option<SnapshotView<'_>>) -> bool {
        let in_force = view.and_then(|view| view.account(account));
        let runs = in_force.is_some_and(|account| account.campaigns().next().is_some());
        let mut known = 0;
        let counted = self.reader.read(&mut |tx| {
            known = tx.count(&Query::all(account, Kind::Campaign))?;
            Ok(())
        });
        runs && (known == 0 || counted.is_err())
    }

    fn account(
        &mut self,
        account: AccountId,
        view: Option<SnapshotView<'_>>,
    ) -> Result<Option<Compiled>, CompileError> {
        let mut directory = TargetDirectory::of_account(view, account);
        let known = Known { keyring: &self.keyring, figures: Some(&self.counted) };
        let mut records = self.kept.take(account);
        let mut outcome = Ok(None);
        self.reader.read(&mut |tx| {
            self.allowances.set(account, limits(tx, account)?.records_per_s);
            outcome = compile(tx, &mut records, known, |key| directory.id_of(account, key));
            Ok(())
        })?;
        if outcome.as_ref().is_ok_and(Option::is_some) {
            self.kept.put(records);
        }
        outcome
    }

    fn build(
        &self,
        due: &Due,
        batch: &Batch,
        view: Option<SnapshotView<'_>>,
    ) -> Result<Built, BuildError> {
        let key = self.keyring.installation_key();
        let valid_from = today(self.clock.now());
        let Some(view) = view else {
            let options = BuildOptions { epoch: due.epoch, valid_from, key: &key, previous: None };
            return build(&batch.put, options);
        };
        let there = |account: &AccountId| view.account(*account).is_some();
        let remove: Vec<AccountId> = batch.gone.iter().copied().filter(there).collect();
        // Also where nothing has come of a change: whoever made it was told this epoch, and may wait for it.
        let after = After { epoch: due.epoch, previous: Some(view), dealt: &Dealt::new() };
        let edit = AccountsEdit { put: &batch.put, remove: &remove };
        edit_accounts(view, &edit, &key, valid_from, after)
    }

    fn fail(&self, (account, epoch): (AccountId, Epoch), failure: Failure) {
        let reason = &failure.reason;
        let campaign = failure.campaign.map(|campaign| campaign.0);
        tracing::error!(account = account.0, campaign, %reason, "changes of an account are not in force");
        self.figures.failed.fetch_add(1, Ordering::Relaxed);
        self.publications.note(account, epoch, Err(failure));
    }

    /// Nothing of it is in force; the last good snapshot stays.
    fn give_up(&self, due: &Due, reason: &str) {
        for &account in &due.accounts {
            let failure = Failure { campaign: None, reason: reason.to_owned() };
            self.fail((account, due.epoch), failure);
        }
    }
}

/// Accounts on their way into an epoch.
#[derive(Default)]
struct Batch {
    put: Source,
    gone: Vec<AccountId>,
}

impl Batch {
    fn take(&mut self, compiled: Compiled) {
        let Compiled { account, targets, campaigns } = compiled;
        self.put.accounts.push(account);
        self.put.targets.extend(targets);
        self.put.campaigns.extend(campaigns);
    }

    fn holds(&self, account: AccountId) -> bool {
        self.put.accounts.iter().any(|one| one.id == account)
    }

    fn leave_out(&mut self, account: AccountId) {
        self.put.accounts.retain(|one| one.id != account);
        self.put.targets.retain(|one| one.account != account);
        self.put.campaigns.retain(|one| one.account != account);
    }
}
