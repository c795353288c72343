//! The thread that goes through the recording, and what it has to do and has done.
//!
//! One backtest runs at a time: it takes a processor, and memory like the daemon's own for the devices of the account.
//! Nothing of it outlives the daemon: a draft can be tried again.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::report::BacktestReport;
use super::trial::{Trial, TrialError};
use crate::control::compiler::Known;
use crate::control::desk::drafts::UNNUMBERED;
use crate::control::documents::Campaign;
use crate::control::refusal::Refusal;
use crate::control::room::Room;
use crate::control::store::Store;
use crate::domain::ids::{AccountId, CampaignId};
use crate::domain::turns::Turn;
use crate::identity::Keyring;
use crate::offline::backtest::BacktestError;
use crate::outbox::derived::Figures;
use crate::shutdown::Member;

/// Backtests of all accounts that may wait or run, and those of one: each may take minutes.
const WAITING: u32 = 16;
const WAITING_OF_ONE: u32 = 4;

/// Finished ones that are kept of all accounts, and of one; the oldest go first. Each is a few kilobytes a day of its
/// recording.
const KEPT: usize = 256;
const KEPT_OF_ONE: usize = 16;

/// How soon the thread notices that it should end.
const NAP: Duration = Duration::from_millis(200);

/// A backtest as callers see it.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, utoipa::ToSchema)]
pub struct BacktestShown {
    /// Its number, among those since the daemon was started.
    pub id: u32,
    /// The campaign's number; none for one that is not kept.
    pub campaign: Option<u32>,
    /// What the campaign is called.
    pub name: String,
    /// waiting, running, done or failed.
    pub state: &'static str,
    /// How much of the recording has been gone through, per cent.
    pub progress_pct: u16,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What came of it, once it is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report: Option<BacktestReport>,
}

/// Backtests of an account.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, utoipa::ToSchema)]
pub struct BacktestList {
    /// The newest first, without their reports.
    pub items: Vec<BacktestShown>,
}

/// What there is to do and was done. Cheap to clone.
#[derive(Clone)]
pub struct Backtests {
    shared: Arc<Shared>,
}

struct Shared {
    room: Room,
    /// Locked for a moment by requests, and by the thread between two steps.
    state: Mutex<State>,
    due: Condvar,
}

#[derive(Default)]
struct State {
    last_id: u32,
    waiting: VecDeque<Waiting>,
    /// Waiting, running and finished ones, the newest last.
    all: VecDeque<(AccountId, BacktestShown)>,
}

struct Waiting {
    id: u32,
    account: AccountId,
    draft: (CampaignId, Campaign),
    /// Until it is over.
    _turn: Turn,
}

impl Default for Backtests {
    fn default() -> Self {
        let room = Room::of("backtests", WAITING, WAITING_OF_ONE);
        Self { shared: Arc::new(Shared { room, state: Mutex::default(), due: Condvar::new() }) }
    }
}

impl Backtests {
    /// Lines a draft up.
    ///
    /// # Errors
    /// [`Refusal::TooMany`].
    pub fn begin(
        &self,
        account: AccountId,
        draft: (CampaignId, Campaign),
    ) -> Result<BacktestShown, Refusal> {
        let turn = self.shared.room.enter(account)?;
        let mut state = self.state();
        state.last_id += 1;
        let id = state.last_id;
        let shown = BacktestShown {
            id,
            campaign: (draft.0 != UNNUMBERED).then_some(draft.0.0),
            name: draft.1.name.clone(),
            state: "waiting",
            progress_pct: 0,
            reason: None,
            report: None,
        };
        state.all.push_back((account, shown.clone()));
        state.waiting.push_back(Waiting { id, account, draft, _turn: turn });
        state.forget(account);
        drop(state);
        self.shared.due.notify_one();
        Ok(shown)
    }

    /// A backtest of an account.
    #[must_use]
    pub fn get(&self, account: AccountId, id: u32) -> Option<BacktestShown> {
        let state = self.state();
        let found = state.all.iter().find(|(whose, shown)| *whose == account && shown.id == id);
        found.map(|(_, shown)| shown.clone())
    }

    /// The backtests of an account, the newest first, without their reports.
    #[must_use]
    pub fn list(&self, account: AccountId) -> BacktestList {
        let state = self.state();
        let own = state.all.iter().rev().filter(|(whose, _)| *whose == account);
        let unreported = |shown: &BacktestShown| BacktestShown { report: None, ..shown.clone() };
        BacktestList { items: own.map(|(_, shown)| unreported(shown)).collect() }
    }

    fn next(&self) -> Option<Waiting> {
        let nothing = |state: &mut State| state.waiting.is_empty();
        let waited = self.shared.due.wait_timeout_while(self.state(), NAP, nothing);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let next = state.waiting.pop_front()?;
        state.change(next.id, |shown| shown.state = "running");
        Some(next)
    }

    fn change(&self, id: u32, change: impl FnOnce(&mut BacktestShown)) {
        self.state().change(id, change);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn change(&mut self, id: u32, change: impl FnOnce(&mut BacktestShown)) {
        if let Some((_, shown)) = self.all.iter_mut().find(|(_, shown)| shown.id == id) {
            change(shown);
        }
    }

    /// Makes room for one more.
    fn forget(&mut self, account: AccountId) {
        let over = |(_, shown): &(AccountId, BacktestShown)| shown.is_over();
        let own = |one: &(AccountId, BacktestShown)| one.0 == account && over(one);
        if self.all.iter().filter(|one| own(one)).count() >= KEPT_OF_ONE {
            let oldest = self.all.iter().position(own);
            oldest.and_then(|at| self.all.remove(at));
        }
        if self.all.len() > KEPT {
            let oldest = self.all.iter().position(over);
            oldest.and_then(|at| self.all.remove(at));
        }
    }
}

impl BacktestShown {
    fn is_over(&self) -> bool {
        matches!(self.state, "done" | "failed")
    }
}

/// What the thread works with.
pub struct BacktestQueue {
    /// What there is to do.
    pub backtests: Backtests,
    /// Where campaigns are.
    pub reader: Box<dyn Store>,
    /// The users of segments.
    pub figures: Figures,
    /// What devices are sealed with.
    pub keyring: Keyring,
    /// The folder of the journal.
    pub journal: PathBuf,
}

impl BacktestQueue {
    /// Starts the thread, which ends when the member is asked to, within a moment.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn spawn(mut self, member: Member) -> std::io::Result<()> {
        std::thread::Builder::new().name("backtests".to_owned()).spawn(move || {
            while !member.is_asked() {
                if let Some(next) = self.backtests.next() {
                    self.run(next, &member);
                }
            }
            drop(self);
            drop(member);
        })?;
        Ok(())
    }

    fn run(&mut self, waiting: Waiting, member: &Member) {
        let (id, account) = (waiting.id, waiting.account);
        // Its turn ends with the trial, so that whoever sees the outcome finds room.
        let outcome = self.tried(waiting, member);
        if let Err(error) = &outcome {
            let (account, reason) = (account.0, error.to_string());
            match error {
                TrialError::NothingRecorded(_) | TrialError::Backtest(BacktestError::Stopped) => {
                    tracing::info!(account, backtest = id, %reason, "a backtest came to nothing");
                }
                TrialError::NoAccount(_)
                | TrialError::Compile(_)
                | TrialError::Store(_)
                | TrialError::Keys(_)
                | TrialError::Recording(_)
                | TrialError::Backtest(_) => {
                    tracing::error!(account, backtest = id, %reason, "a backtest failed");
                }
            }
        }
        self.backtests.change(id, |shown| match outcome {
            Ok(report) => {
                (shown.state, shown.progress_pct) = ("done", 100);
                shown.report = Some(report);
            }
            Err(error) => (shown.state, shown.reason) = ("failed", Some(error.to_string())),
        });
    }

    fn tried(&mut self, waiting: Waiting, member: &Member) -> Result<BacktestReport, TrialError> {
        let Waiting { id, account, draft, _turn } = waiting;
        let known = Known { keyring: &self.keyring, figures: Some(&self.figures) };
        let (mut draft, mut outcome) = (Some(draft), Err(TrialError::NoAccount(account)));
        self.reader.read(&mut |tx| {
            if let Some(draft) = draft.take() {
                outcome = Trial::compile(tx, account, known, draft);
            }
            Ok(())
        })?;
        let mut told = 0;
        outcome?.run(&self.journal, &self.keyring, |permille| {
            if permille / 10 != told {
                told = permille / 10;
                self.backtests.change(id, |shown| shown.progress_pct = told);
            }
            !member.is_asked()
        })
    }
}
