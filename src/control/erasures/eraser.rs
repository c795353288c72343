//! The thread that erases: waits until somebody asks for it, goes to all keepers, writes the receipts.

use std::collections::BTreeSet;
use std::time::Duration;

use super::keeper::Keeper;
use crate::clock::Clock;
use crate::control::desk::changes::content;
use crate::control::desk::{Actor, Desk};
use crate::control::documents::Erasure;
use crate::control::documents::erasure::{ERASED, WAITING};
use crate::control::refusal::Refusal;
use crate::control::store::{
    Catalog, Content, DeviceList, INSTALLATION, Key, Kind, Query, Store, StoreError, thread,
};
use crate::domain::ids::{AccountId, DeviceKey};
use crate::identity::{Gone, Keyring};
use crate::shutdown::Member;

/// How soon it sees that somebody has asked, and that it should end.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Looks that it lets pass after a pass that failed, a minute, and at most, an hour: each try goes through all stores.
const LOOKS_BETWEEN_TRIES: u32 = 120;
const MOST_LOOKS_BETWEEN_TRIES: u32 = 7200;

/// How often the catalog's log is tried to be emptied in a pass.
const PURGE_TRIES: u32 = 20;

/// Devices that one pass takes: their forms at rest lie in memory.
const PASS_DEVICES: usize = 100_000;

/// Erasures of an account that may wait.
pub const MAX_WAITING: u64 = 10_000;

/// What the thread works with.
pub struct Eraser {
    /// Where erasures are asked for, and receipts go.
    pub catalog: Catalog,
    /// By which they are read, beside the catalog's own thread.
    pub reader: Box<dyn Store>,
    /// In the order in which they are gone to.
    pub keepers: Vec<Keeper>,
    /// What desks are opened with, and ids are opened by.
    pub keyring: Keyring,
    /// When receipts are written.
    pub clock: Clock,
}

/// What waits.
#[derive(Default)]
struct Waiting {
    /// Erasures with their devices.
    devices: Vec<(Key, DeviceKey)>,
    /// Those whose receipts are written, and whose devices may still be in the catalog's log.
    half_done: Vec<Key>,
}

impl Eraser {
    /// Starts the thread, which ends when the member is asked to.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn spawn(mut self, member: Member) -> std::io::Result<()> {
        std::thread::Builder::new().name("erasures".to_owned()).spawn(move || {
            self.run(&|| member.is_asked());
            drop(self);
            drop(member);
        })?;
        Ok(())
    }

    fn run(&mut self, ends: &dyn Fn() -> bool) {
        let mut due: BTreeSet<AccountId> = BTreeSet::new();
        let (mut is_first, mut rest, mut pause) = (true, 0_u32, LOOKS_BETWEEN_TRIES);
        while !ends() {
            let found = if std::mem::take(&mut is_first) {
                self.accounts()
            } else {
                self.reader.changed_elsewhere()
            };
            match found {
                Ok(accounts) => due.extend(accounts),
                Err(error) => {
                    is_first = true;
                    tracing::error!(%error, "the catalog can't be looked through for erasures");
                }
            }
            rest = rest.saturating_sub(1);
            if rest == 0 && !due.is_empty() {
                due = self.erase_all(due, ends);
                (rest, pause) = if due.is_empty() {
                    (0, LOOKS_BETWEEN_TRIES)
                } else {
                    (pause, (pause * 2).min(MOST_LOOKS_BETWEEN_TRIES))
                };
            }
            std::thread::park_timeout(LOOK_EVERY);
        }
    }

    /// Erases what waits in these accounts, together and, if that fails, one by one, so that none holds up the others.
    /// Gives those in which something still waits.
    fn erase_all(
        &mut self,
        due: BTreeSet<AccountId>,
        ends: &dyn Fn() -> bool,
    ) -> BTreeSet<AccountId> {
        let failed = match self.pass(&due, ends) {
            Ok(true) => return BTreeSet::new(),
            Ok(false) => return due,
            Err(error) => error,
        };
        let is_one = due.len() == 1;
        let error = format!("{failed:#}");
        tracing::error!(%error, "devices could not be erased; it is tried again and again");
        if is_one {
            return due;
        }
        let mut left = due.clone();
        for account in due {
            if ends() {
                break;
            }
            let alone = BTreeSet::from([account]);
            match self.pass(&alone, ends) {
                Ok(true) => drop(left.remove(&account)),
                Ok(false) => {}
                Err(error) => {
                    let error = format!("{error:#}");
                    tracing::error!(%error, %account, "devices of this account could not be erased");
                }
            }
        }
        left
    }

    /// Every account of the catalog.
    fn accounts(&mut self) -> Result<Vec<AccountId>, StoreError> {
        let mut accounts = Vec::new();
        self.reader.read(&mut |tx| {
            tx.scan(&Query::all(INSTALLATION, Kind::Account), &mut |record| {
                accounts.push(AccountId(record.key.id));
                Ok(())
            })
        })?;
        Ok(accounts)
    }

    /// Erases what waits in these accounts. `false` if it was cut short.
    pub(super) fn pass(
        &mut self,
        accounts: &BTreeSet<AccountId>,
        ends: &dyn Fn() -> bool,
    ) -> anyhow::Result<bool> {
        let waiting = self.waiting(accounts)?;
        self.finish(&waiting.half_done)?;
        if waiting.devices.is_empty() {
            return Ok(true);
        }
        let before = jiff::Timestamp::from_millisecond(self.clock.now().0)?.to_string();
        let devices = waiting.devices.iter().map(|(_, device)| *device).collect();
        let gone = Gone::of(devices, &self.keyring);
        let mut receipt = Vec::with_capacity(self.keepers.len());
        for keeper in &mut self.keepers {
            let erased = (keeper.erase)(&gone, ends)
                .map_err(|error| error.context(format!("erasing from the {}", keeper.name)))?;
            let Some(records) = erased else { return Ok(false) };
            tracing::info!(from = keeper.name, records, "devices are being erased");
            receipt.push(keeper.name.to_owned());
        }
        let done: Vec<Key> = waiting.devices.iter().map(|(key, _)| *key).collect();
        let erasure = Erasure { advertising_id: Vec::new(), before, receipt };
        for key in &done {
            self.at_desk(*key, {
                let erasure = erasure.clone();
                move |desk, id| desk.was_erased(id, &erasure)
            })?;
        }
        self.finish(&done)?;
        tracing::info!(devices = done.len(), "devices were erased");
        // More than one pass takes come with the next.
        if done.len() == PASS_DEVICES { self.pass(accounts, ends) } else { Ok(true) }
    }

    fn waiting(&mut self, accounts: &BTreeSet<AccountId>) -> anyhow::Result<Waiting> {
        let mut sealer = self.keyring.sealer();
        let mut waiting = Waiting::default();
        for account in accounts {
            let query = Query {
                states: vec![WAITING.to_owned()],
                limit: u32::try_from(PASS_DEVICES - waiting.devices.len()).unwrap_or(u32::MAX),
                ..Query::all(*account, Kind::Erasure)
            };
            let mut found = Vec::new();
            self.reader.read(&mut |tx| {
                let mut keys = Vec::new();
                tx.scan(&query, &mut |record| {
                    keys.push(record.key);
                    Ok(())
                })?;
                for key in keys {
                    found.push((key, tx.devices((key, DeviceList::Erasure), None, 1)?));
                }
                Ok(())
            })?;
            for (key, devices) in found {
                match devices.first() {
                    Some(sealed) => {
                        let device = sealer.open(*account, *sealed)?;
                        waiting.devices.push((key, DeviceKey { account: *account, device }));
                    }
                    None => waiting.half_done.push(key),
                }
            }
        }
        Ok(waiting)
    }

    /// Once the catalog's files have nothing of the devices either, the erasures are done.
    fn finish(&self, half_done: &[Key]) -> Result<(), Refusal> {
        if half_done.is_empty() {
            return Ok(());
        }
        self.purge()?;
        half_done.iter().try_for_each(|key| self.at_desk(*key, |desk, id| desk.is_erased(id)))
    }

    /// A reader may hold it up for a moment.
    fn purge(&self) -> Result<(), Refusal> {
        for _try in 1..PURGE_TRIES {
            match self.catalog.ask_and_wait(|store| Ok(store.purge()?)) {
                Err(Refusal::Store(StoreError::Busy(_))) => std::thread::sleep(LOOK_EVERY),
                purged => return purged,
            }
        }
        self.catalog.ask_and_wait(|store| Ok(store.purge()?))
    }

    fn at_desk(
        &self,
        key: Key,
        work: impl FnOnce(&mut Desk<'_>, u32) -> Result<(), Refusal> + Send + 'static,
    ) -> Result<(), Refusal> {
        let (account, by, now) = (key.account, "the eraser".into(), self.clock.now());
        let actor = Actor { account, by, operator: true, now, keyring: self.keyring.clone() };
        self.catalog.ask_and_wait(move |store| {
            thread::write(store, |tx| work(&mut Desk::open(tx, &actor)?, key.id))
        })
    }
}

impl Desk<'_> {
    /// That one more erasure may wait.
    pub(in crate::control) fn room_for_erasure(&mut self) -> Result<(), Refusal> {
        let waiting = Query {
            states: vec![WAITING.to_owned()],
            ..Query::all(self.account_id(), Kind::Erasure)
        };
        let (found, allowed) = (self.tx().count(&waiting)? + 1, MAX_WAITING);
        if found <= allowed {
            return Ok(());
        }
        let (what, remedy) = ("erasures that wait", "wait until some are done");
        Err(Refusal::Limit { what, found, allowed, remedy })
    }

    /// Puts the receipt in the place of the device. The request, of which a hash may be kept, goes with it.
    pub(super) fn was_erased(&mut self, id: u32, erasure: &Erasure) -> Result<(), Refusal> {
        let key = self.record(Kind::Erasure, id)?.key;
        self.update(key, content(erasure, WAITING))?;
        self.tx().clear_devices((key, DeviceList::Erasure))?;
        Ok(self.tx().forget_answers(key)?)
    }

    fn is_erased(&mut self, id: u32) -> Result<(), Refusal> {
        let record = self.record(Kind::Erasure, id)?;
        let body = record.content.body.clone();
        self.update(record.key, Content { state: ERASED.to_owned(), ..record.content })?;
        Ok(self.note("erased", record.key, "", &body)?)
    }
}
