//! What a store can do, whichever database it is: the seam that another one joins at.
//!
//! Everything happens inside a transaction: it sees its own changes, nobody else sees them before it ends, and
//! after an error none of them are there.

use std::path::Path;

use super::record::{AuditEntry, Content, DeviceList, Key, Kind, Link, Query, Record, Remembered};
use super::uses::{LocationUse, UseQuery};
use crate::domain::ids::AccountId;
use crate::domain::units::UtcMs;
use crate::identity::{KeyCheck, KeyError, SealedDevice};

/// A database that keeps the catalog.
pub trait Store: Send {
    /// Does some work that may change records, wholly or not at all: when it gives `Ok`, its changes are durable.
    ///
    /// # Errors
    /// The work's own, or that it could not be begun or ended.
    fn write(&mut self, work: Work<'_>) -> Result<(), StoreError>;

    /// Does some work that only looks, at one state of all records.
    ///
    /// # Errors
    /// The work's own, or that it could not be begun.
    fn read(&mut self, work: Work<'_>) -> Result<(), StoreError>;

    /// Another look at the same records, for a thread of its own. It never waits for a writer.
    ///
    /// # Errors
    /// When the database says no.
    fn reader(&self) -> Result<Box<dyn Store>, StoreError>;

    /// Writes a copy of everything to a new file, while others read and write.
    ///
    /// # Errors
    /// When the file is there already, or can't be written.
    fn back_up(&self, to: &Path) -> Result<(), StoreError>;

    /// Leaves nothing in the files of what was deleted.
    ///
    /// # Errors
    /// When the database says no.
    fn purge(&mut self) -> Result<(), StoreError>;

    /// Accounts that somebody else than this store has changed since this was last asked, or since it was opened. What
    /// this store changed meanwhile may be among them.
    ///
    /// # Errors
    /// When the database says no.
    fn changed_elsewhere(&mut self) -> Result<Vec<AccountId>, StoreError>;
}

/// What is done within a transaction. An error undoes it.
pub type Work<'w> = &'w mut dyn FnMut(&mut dyn Tx) -> Result<(), StoreError>;

/// What is done with each record of a scan.
pub type Visit<'v> = &'v mut dyn FnMut(Record) -> Result<(), StoreError>;

/// How far the changes of a store had come. A later state has a larger one; it is of one store, and lasts as long.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Moment(pub(super) u64);

/// A transaction.
pub trait Tx {
    /// The record with this key.
    ///
    /// # Errors
    /// When the database says no, as for all that follow.
    fn get(&mut self, key: Key) -> Result<Option<Record>, StoreError>;

    /// The record that nobody else may be.
    ///
    /// # Errors
    /// See [`get`](Self::get).
    fn find(
        &mut self,
        account: AccountId,
        kind: Kind,
        natural: &str,
    ) -> Result<Option<Record>, StoreError>;

    /// Every record that a query asks for, in its order.
    ///
    /// # Errors
    /// See [`get`](Self::get), and those of the visit, which end it.
    fn scan(&mut self, query: &Query, visit: Visit<'_>) -> Result<(), StoreError>;

    /// How many a query asks for, whatever its cursor and limit.
    ///
    /// # Errors
    /// See [`get`](Self::get).
    fn count(&mut self, query: &Query) -> Result<u64, StoreError>;

    /// Keeps a new record under the next number of its kind and account.
    ///
    /// # Errors
    /// [`StoreError::Duplicate`], or see [`get`](Self::get).
    fn insert(
        &mut self,
        of: (AccountId, Kind),
        content: Content,
        at: UtcMs,
    ) -> Result<Record, StoreError>;

    /// Puts other content in the place of a record's, under its next revision.
    ///
    /// # Errors
    /// [`StoreError::Duplicate`], [`StoreError::Gone`], or see [`get`](Self::get).
    fn update(&mut self, key: Key, content: Content, at: UtcMs) -> Result<Record, StoreError>;

    /// Takes a record away, with its links and lists.
    ///
    /// # Errors
    /// [`StoreError::Gone`], or see [`get`](Self::get).
    fn delete(&mut self, key: Key) -> Result<(), StoreError>;

    /// Which changes this transaction sees.
    ///
    /// # Errors
    /// See [`get`](Self::get).
    fn moment(&mut self) -> Result<Moment, StoreError>;

    /// The records of an account that were made, changed or taken away after a moment, by kind and number; but for
    /// notices.
    ///
    /// # Errors
    /// See [`get`](Self::get).
    fn changed_after(&mut self, account: AccountId, moment: Moment)
    -> Result<Vec<Key>, StoreError>;

    /// Puts links in the place of those that go out from a record.
    ///
    /// # Errors
    /// See [`get`](Self::get).
    fn link(&mut self, from: Key, to: &[Link]) -> Result<(), StoreError>;

    /// The first records that are linked to this one, by kind and number.
    ///
    /// # Errors
    /// See [`get`](Self::get).
    fn linked_to(&mut self, to: Key, limit: u32) -> Result<Vec<Key>, StoreError>;

    /// Adds devices to a list of a record; those that are there stay. Gives how many are new.
    ///
    /// # Errors
    /// See [`get`](Self::get).
    fn add_devices(
        &mut self,
        list: (Key, DeviceList),
        devices: &[SealedDevice],
    ) -> Result<u64, StoreError>;

    /// Takes devices off a list of a record. Gives how many were there.
    ///
    /// # Errors
    /// See [`get`](Self::get).
    fn remove_devices(
        &mut self,
        list: (Key, DeviceList),
        devices: &[SealedDevice],
    ) -> Result<u64, StoreError>;

    /// Takes devices off all lists of an account, but for those of what is to be erased. Gives how often one was there.
    ///
    /// # Errors
    /// See [`get`](Self::get).
    fn erase_devices(
        &mut self,
        account: AccountId,
        devices: &[SealedDevice],
    ) -> Result<u64, StoreError>;

    /// Takes all devices off a list.
    ///
    /// # Errors
    /// See [`get`](Self::get).
    fn clear_devices(&mut self, list: (Key, DeviceList)) -> Result<(), StoreError>;

    /// Lets the devices of a list of a record take the place of those of another; the first is empty then.
    ///
    /// # Errors
    /// See [`get`](Self::get).
    fn move_devices(&mut self, from: (Key, DeviceList), to: DeviceList) -> Result<(), StoreError>;

    /// The devices of a list after this one, in an order of their own.
    ///
    /// # Errors
    /// See [`get`](Self::get).
    fn devices(
        &mut self,
        list: (Key, DeviceList),
        after: Option<SealedDevice>,
        limit: u32,
    ) -> Result<Vec<SealedDevice>, StoreError>;

    /// How many devices a list has.
    ///
    /// # Errors
    /// See [`get`](Self::get).
    fn count_devices(&mut self, list: (Key, DeviceList)) -> Result<u64, StoreError>;

    /// Notes a change for those who ask later.
    ///
    /// # Errors
    /// See [`get`](Self::get).
    fn note(&mut self, entry: &AuditEntry) -> Result<(), StoreError>;

    /// The newest notes of an account before this number.
    ///
    /// # Errors
    /// See [`get`](Self::get).
    fn notes(
        &mut self,
        account: AccountId,
        before: u64,
        limit: u32,
    ) -> Result<Vec<AuditEntry>, StoreError>;

    /// Notes a use of the location of people.
    ///
    /// # Errors
    /// See [`get`](Self::get).
    fn note_use(&mut self, used: &LocationUse) -> Result<(), StoreError>;

    /// The newest uses that a query asks for.
    ///
    /// # Errors
    /// See [`get`](Self::get).
    fn uses(&mut self, query: &UseQuery) -> Result<Vec<LocationUse>, StoreError>;

    /// How many uses of an account there were since an instant.
    ///
    /// # Errors
    /// See [`get`](Self::get).
    fn count_uses(&mut self, account: AccountId, since: UtcMs) -> Result<u64, StoreError>;

    /// Takes devices, by their keyed hashes, out of the uses of an account; the uses stay. Gives how many named one.
    ///
    /// # Errors
    /// See [`get`](Self::get).
    fn erase_from_uses(&mut self, account: AccountId, members: &[u64]) -> Result<u64, StoreError>;

    /// Forgets uses from before an instant, of so many of the oldest at most; gives how many that were.
    ///
    /// # Errors
    /// See [`get`](Self::get).
    fn forget_uses(&mut self, before: UtcMs, limit: u32) -> Result<u64, StoreError>;

    /// What was answered under an idempotency key of an account.
    ///
    /// # Errors
    /// See [`get`](Self::get).
    fn recall(&mut self, account: AccountId, key: &str) -> Result<Option<Remembered>, StoreError>;

    /// Forgets what was answered with a record, and the hash of what was asked.
    ///
    /// # Errors
    /// See [`get`](Self::get).
    fn forget_answers(&mut self, made: Key) -> Result<(), StoreError>;

    /// Keeps what was answered under an idempotency key, and forgets those from before `forget_before`.
    ///
    /// # Errors
    /// See [`get`](Self::get).
    fn remember(
        &mut self,
        key: (AccountId, &str),
        answer: &Remembered,
        forget_before: UtcMs,
    ) -> Result<(), StoreError>;
}

/// Why the store did not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The natural key is taken.
    #[error("{kind} {id} has {natural:?} already")]
    Duplicate {
        /// What it is.
        kind: Kind,
        /// The one that has it.
        id: u32,
        /// What it has.
        natural: String,
    },
    /// There is no such record any more.
    #[error("there is no {} {} any more", .0.kind, .0.id)]
    Gone(Key),
    /// The work itself ended with a refusal, which its caller has.
    #[error("the work was given up")]
    GivenUp,
    /// What is kept can't be understood.
    #[error(
        "the catalog holds something that this release can't read: {0}; restore a backup, or use the release that wrote it"
    )]
    Corrupt(String),
    /// The database was made by a newer release.
    #[error(
        "the catalog has format {found} and this release reads up to {known}; use the release that wrote it"
    )]
    TooNew {
        /// The format of the file.
        found: u32,
        /// The newest known here.
        known: u32,
    },
    /// Somebody looks at an older state, so that the log can't be emptied.
    #[error("{} is being read; what was deleted is still in its log", .0.display())]
    Busy(std::path::PathBuf),
    /// A backup would overwrite a file.
    #[error("{} is there already; choose another name", .0.display())]
    InTheWay(std::path::PathBuf),
    /// There is no catalog where one is needed.
    #[error("{} is not there; check the directory, or make an account with `geofenced account create`", .0.display())]
    Absent(std::path::PathBuf),
    /// Somebody works on the catalog, so that another can't be put in its place; or it is being put there.
    #[error("{} is in use by a daemon or another command; stop it first", .0.display())]
    Held(std::path::PathBuf),
    /// A restored catalog would take the place of one.
    #[error("{} is there already; --replace puts it aside", .0.display())]
    Standing(std::path::PathBuf),
    /// It is a file of something else.
    #[error("{} is no catalog: it has no tables of one", .0.display())]
    NoCatalog(std::path::PathBuf),
    /// The file has been damaged.
    #[error("{} is damaged: {said}; restore a backup", path.display())]
    Damaged {
        /// Which file.
        path: std::path::PathBuf,
        /// The first that SQLite found.
        said: String,
    },
    /// Its devices are sealed under other keys than there are.
    #[error(
        "{} holds devices sealed under master key {version} with check {check}, which keys.json does not have; put back \
         the keys.json for which `geofenced keys list` shows that",
        path.display()
    )]
    OtherKeys {
        /// The catalog.
        path: std::path::PathBuf,
        /// The number of the key.
        version: u16,
        /// Its check.
        check: KeyCheck,
    },
    /// The keys can't be had.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// The system gives no thread to work on it.
    #[error("the system gives no thread for the catalog: {0}")]
    Thread(std::io::Error),
    /// The disk is full.
    #[error("there is no room on the disk of the catalog; make some, then ask again")]
    Full,
    /// The database says no.
    #[error("the catalog's database: {0}")]
    Database(rusqlite::Error),
    /// A file of the database can't be used.
    #[error("{}: {reason}", path.display())]
    Io {
        /// Which file.
        path: std::path::PathBuf,
        /// What the system says.
        reason: std::io::Error,
    },
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => Self::Full,
            _ => Self::Database(error),
        }
    }
}
