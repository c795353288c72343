//! The thread that erases: waits until somebody asks for it, goes to all keepers, writes the receipts.

use std::collections::BTreeSet;
use std::time::Duration;

use super::keeper::Keeper;
use crate::clock::Clock;
use crate::control::desk::{Actor, Desk};
use crate::control::documents::Erasure;
use crate::control::documents::erasure::{ERASED, Erased, WAITING};
use crate::control::refusal::Refusal;
use crate::control::store::{
    Catalog, DeviceList, INSTALLATION, Key, Kind, Query, Store, StoreError, thread,
};
use crate::domain::ids::{AccountId, DeviceKey};
use crate::identity::{Gone, Keyring};
use crate::shutdown::Member;

/// How soon it sees that somebody has asked, and that it should end.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Looks that it lets pass after a pass that failed: a minute.
const LOOKS_BETWEEN_TRIES: u32 = 120;

/// Devices that one pass takes: their forms at rest lie in memory.
const PASS_DEVICES: usize = 100_000;

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

/// An erasure that waits, and its device at rest.
type Waiting = (Key, DeviceKey);

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
        let mut to_look_at: BTreeSet<AccountId> = BTreeSet::new();
        let (mut is_first, mut rest) = (true, 0_u32);
        while !ends() {
            let found = if std::mem::take(&mut is_first) {
                self.accounts()
            } else {
                self.reader.changed_elsewhere()
            };
            match found {
                Ok(accounts) => to_look_at.extend(accounts),
                Err(error) => {
                    is_first = true;
                    tracing::error!(%error, "the catalog can't be looked through for erasures");
                }
            }
            rest = rest.saturating_sub(1);
            if rest == 0 && !to_look_at.is_empty() {
                to_look_at = self.try_pass(to_look_at, ends);
                rest = if to_look_at.is_empty() { 0 } else { LOOKS_BETWEEN_TRIES };
            }
            std::thread::park_timeout(LOOK_EVERY);
        }
    }

    /// Gives the accounts that have to be looked at again, for the pass failed or was cut short.
    fn try_pass(
        &mut self,
        accounts: BTreeSet<AccountId>,
        ends: &dyn Fn() -> bool,
    ) -> BTreeSet<AccountId> {
        self.pass(&accounts, ends).unwrap_or_else(|error| {
            let error = format!("{error:#}");
            tracing::error!(%error, "devices could not be erased; it is tried again in a minute");
            accounts
        })
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

    /// Erases what waits in these accounts. Gives those that have to be looked at again.
    pub(super) fn pass(
        &mut self,
        accounts: &BTreeSet<AccountId>,
        ends: &dyn Fn() -> bool,
    ) -> anyhow::Result<BTreeSet<AccountId>> {
        let waiting = self.waiting(accounts)?;
        if waiting.is_empty() {
            return Ok(BTreeSet::new());
        }
        let devices = waiting.iter().map(|(_, device)| *device).collect();
        let gone = Gone::of(devices, &self.keyring);
        let mut receipt = Vec::with_capacity(self.keepers.len());
        for keeper in &mut self.keepers {
            let erased = (keeper.erase)(&gone, ends)
                .map_err(|error| error.context(format!("erasing from the {}", keeper.name)))?;
            let Some(records) = erased else { return Ok(accounts.clone()) };
            receipt.push(Erased { from: keeper.name.to_owned(), records });
        }
        tracing::info!(devices = waiting.len(), "devices were erased");
        self.write_receipts(&waiting, &receipt)?;
        // More than one pass takes come with the next.
        if waiting.len() == PASS_DEVICES {
            return self.pass(accounts, ends);
        }
        Ok(BTreeSet::new())
    }

    fn waiting(&mut self, accounts: &BTreeSet<AccountId>) -> anyhow::Result<Vec<Waiting>> {
        let mut sealer = self.keyring.sealer();
        let mut waiting = Vec::new();
        for account in accounts {
            let query = Query {
                states: vec![WAITING.to_owned()],
                limit: u32::try_from(PASS_DEVICES - waiting.len()).unwrap_or(u32::MAX),
                ..Query::all(*account, Kind::Erasure)
            };
            let mut sealed = Vec::new();
            self.reader.read(&mut |tx| {
                let mut keys = Vec::new();
                tx.scan(&query, &mut |record| {
                    keys.push(record.key);
                    Ok(())
                })?;
                for key in keys {
                    let of_key = tx.devices((key, DeviceList::Erasure), None, u32::MAX)?;
                    sealed.extend(of_key.into_iter().map(|device| (key, device)));
                }
                Ok(())
            })?;
            for (key, device) in sealed {
                let device = sealer.open(*account, device)?;
                waiting.push((key, DeviceKey { account: *account, device }));
            }
        }
        Ok(waiting)
    }

    /// The receipts are on the disk before the last trace of who was erased goes.
    fn write_receipts(&self, waiting: &[Waiting], receipt: &[Erased]) -> Result<(), Refusal> {
        for (key, _) in waiting {
            let (id, receipt) = (key.id, receipt.to_vec());
            let (account, by, now) = (key.account, "the eraser".into(), self.clock.now());
            let actor = Actor { account, by, operator: true, now, keyring: self.keyring.clone() };
            self.catalog.ask_and_wait(move |store| {
                thread::write(store, |tx| Desk::open(tx, &actor)?.was_erased(id, receipt))
            })?;
        }
        self.catalog.ask_and_wait(|store| Ok(store.purge()?))
    }
}

impl Desk<'_> {
    /// Puts the receipt in the place of the device.
    fn was_erased(&mut self, id: u32, receipt: Vec<Erased>) -> Result<(), Refusal> {
        let record = self.record(Kind::Erasure, id)?;
        let erasure = Erasure { advertising_id: Vec::new(), receipt };
        let content = crate::control::desk::changes::content(&erasure, ERASED);
        let after = content.body.clone();
        self.update(record.key, content)?;
        self.tx().clear_devices((record.key, DeviceList::Erasure))?;
        Ok(self.note("erased", record.key, "", &after)?)
    }
}
