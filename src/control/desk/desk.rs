//! One transaction of one account's: the records, the account as it is, and who asks.

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::actor::Actor;
use crate::control::documents::document::{self, Document, Shown, instant};
use crate::control::documents::{Account, Campaign};
use crate::control::refusal::Refusal;
use crate::control::store::{AuditEntry, DeviceList, Key, Kind, Query, Record, StoreError, Tx};
use crate::domain::ids::AccountId;
use crate::domain::units::UtcMs;

/// What a change is made with.
pub struct Desk<'t> {
    pub(in crate::control) tx: &'t mut dyn Tx,
    pub(super) actor: &'t Actor,
    account: Shown<Account>,
    /// Whether the engine's snapshot has to follow what was changed.
    reaches_engine: bool,
}

impl<'t> Desk<'t> {
    /// For the account of the actor.
    ///
    /// # Errors
    /// [`Refusal::NoAccount`].
    pub fn open(tx: &'t mut dyn Tx, actor: &'t Actor) -> Result<Self, Refusal> {
        let record = tx.get(Key::of_account(actor.account))?;
        let record = record.ok_or(Refusal::NoAccount(actor.account))?;
        Ok(Self { account: Shown::of(&record)?, tx, actor, reaches_engine: false })
    }

    /// The account.
    #[must_use]
    pub fn account(&self) -> &Account {
        &self.account.document
    }

    /// Its number.
    #[must_use]
    pub fn account_id(&self) -> AccountId {
        self.actor.account
    }

    /// The account's local day.
    #[must_use]
    pub fn today(&self) -> Date {
        local_day(self.account(), self.actor.now)
    }

    /// Whether the engine's snapshot has to follow what was changed.
    #[must_use]
    pub fn reaches_engine(&self) -> bool {
        self.reaches_engine
    }

    /// Says that the engine's snapshot has to follow.
    pub fn touch_engine(&mut self) {
        self.reaches_engine = true;
    }

    /// The key of one of the account's records.
    #[must_use]
    pub fn key(&self, kind: Kind, id: u32) -> Key {
        if kind == Kind::Account {
            return Key::of_account(self.actor.account);
        }
        Key::new(self.actor.account, kind, id)
    }

    /// A record of the account.
    ///
    /// # Errors
    /// [`Refusal::NoSuch`].
    pub fn record(&mut self, kind: Kind, id: u32) -> Result<Record, Refusal> {
        let key = self.key(kind, id);
        self.tx.get(key)?.ok_or(Refusal::NoSuch(key))
    }

    /// A document of the account, without its lists of devices.
    ///
    /// # Errors
    /// [`Refusal::NoSuch`].
    pub fn document<D: Document>(&mut self, id: u32) -> Result<Shown<D>, Refusal> {
        Ok(Shown::of(&self.record(D::KIND, id)?)?)
    }

    /// Campaigns that are in one of these states, by number.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn campaigns(&mut self, states: &[&str]) -> Result<Vec<Shown<Campaign>>, Refusal> {
        let query = Query {
            states: states.iter().map(|state| (*state).to_owned()).collect(),
            ..Query::all(self.account_id(), Kind::Campaign)
        };
        let mut found = Vec::new();
        self.tx.scan(&query, &mut |record| {
            found.push(Shown::of(&record)?);
            Ok(())
        })?;
        Ok(found)
    }

    /// Whether the engine has anything of this account's to do.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn is_live(&mut self) -> Result<bool, Refusal> {
        let query = Query {
            states: vec!["testing".to_owned(), "running".to_owned()],
            limit: 1,
            ..Query::all(self.account_id(), Kind::Campaign)
        };
        let mut found = false;
        self.tx.scan(&query, &mut |_record| {
            found = true;
            Ok(())
        })?;
        Ok(found || self.account().measure_visits)
    }

    /// How many devices a list has.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn count_devices(&mut self, list: (Key, DeviceList)) -> Result<u64, Refusal> {
        Ok(self.tx.count_devices(list)?)
    }

    /// The transaction.
    pub fn tx(&mut self) -> &mut dyn Tx {
        self.tx
    }

    /// When the request came.
    #[must_use]
    pub fn now(&self) -> UtcMs {
        self.actor.now
    }

    /// Notes who changed what.
    pub(in crate::control) fn note(
        &mut self,
        action: &str,
        key: Key,
        before: &str,
        after: &str,
    ) -> Result<(), StoreError> {
        let entry = AuditEntry {
            seq: 0,
            account: self.actor.account,
            at: self.actor.now,
            by: self.actor.by.to_string(),
            action: action.to_owned(),
            kind: key.kind,
            id: key.id,
            before: before.to_owned(),
            after: after.to_owned(),
        };
        self.tx.note(&entry)
    }

    /// A record, understood, with its lists of devices.
    pub(super) fn shown<D: Document>(&mut self, record: &Record) -> Result<Shown<D>, Refusal> {
        let mut shown: Shown<D> = Shown::of(record)?;
        self.open_devices(record.key, &mut shown.document)?;
        Ok(shown)
    }

    /// Reads a document from a record of a known kind.
    pub(super) fn read<D: Document>(record: &Record) -> Result<D, Refusal> {
        Ok(document::read(record)?)
    }
}

/// The day that an account has at an instant.
#[must_use]
pub fn local_day(account: &Account, now: UtcMs) -> Date {
    let zone = TimeZone::get(&account.time_zone).unwrap_or(TimeZone::UTC);
    zone.to_datetime(instant(now)).date()
}
