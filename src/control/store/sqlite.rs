//! The catalog in one SQLite file, in write-ahead mode: readers see the last state while a writer works.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::copies::copy;
use super::hold;
use super::schema::migrate;
use super::seals;
use super::sqlite_tx::SqliteTx;
use super::tx::{Store, StoreError, Work};
use crate::domain::ids::AccountId;
use crate::identity::Keyring;

/// The name of the catalog in the data directory.
pub const CATALOG_FILE: &str = "catalog.db";

/// A catalog file.
pub struct SqliteStore {
    path: PathBuf,
    connection: Connection,
    /// What others had changed when it was last asked.
    known: Known,
    /// Keeps `geofenced catalog restore` from putting another file in its place.
    hold: File,
}

/// How far the changes of others are known.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
struct Known {
    /// SQLite's number of the state that a connection sees. It changes with the commits of other connections alone.
    version: i64,
    /// The last note of the audit log, where every change has one.
    last_note: i64,
}

const FORGET_GONE: &str = "DELETE FROM changes WHERE NOT EXISTS (SELECT 1 FROM records r WHERE
    r.account = changes.account AND r.kind = changes.kind AND r.id = changes.id)";

/// How long a writer waits for one in another process (`geofenced account …`), before it gives up.
const BUSY: Duration = Duration::from_secs(10);

/// How long the log is tried to be emptied for; whoever wants that tries again.
const PURGE_PATIENCE: Duration = Duration::from_millis(500);

/// Statements that stay prepared; there are fewer.
const STATEMENTS: usize = 64;

impl SqliteStore {
    /// Opens a catalog, and makes it where there is none.
    ///
    /// # Errors
    /// When it can't be opened, was made by a newer release, or can't be brought to this one's format.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let hold = hold::shared(path)?;
        make_private(path)?;
        let mut store = Self::connect(path, flags, hold)?;
        // A change that was answered is on the disk: WAL with NORMAL would lose the last ones with the power.
        store.connection.pragma_update(None, "journal_mode", "WAL")?;
        store.connection.pragma_update(None, "synchronous", "FULL")?;
        // Devices that are erased leave no bytes in free pages.
        store.connection.pragma_update(None, "secure_delete", true)?;
        migrate(&mut store.connection)?;
        store.changed_elsewhere()?;
        Ok(store)
    }

    /// Notes the keys that devices are sealed under from now on. For whoever is to seal or open any.
    ///
    /// # Errors
    /// [`StoreError::OtherKeys`], or what the database says; nothing is noted then.
    pub fn note_keys(&mut self, keyring: &Keyring) -> Result<(), StoreError> {
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        seals::note(&transaction, &self.path, keyring)?;
        Ok(transaction.commit()?)
    }

    /// Does not tell any more of records that are gone. For whoever starts: it remembers no moment yet, and nobody else
    /// does.
    ///
    /// # Errors
    /// When the database says no.
    pub fn forget_gone(&mut self) -> Result<(), StoreError> {
        self.connection.execute(FORGET_GONE, ())?;
        Ok(())
    }

    /// Looks through the file for damage, which costs about as much as reading it.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] with the first that is found.
    pub fn check(&self) -> Result<(), StoreError> {
        let said: String =
            self.connection.query_row("PRAGMA quick_check(1)", (), |row| row.get(0))?;
        if said == "ok" {
            return Ok(());
        }
        Err(StoreError::Damaged { path: self.path.clone(), said })
    }

    fn connect(path: &Path, flags: OpenFlags, hold: File) -> Result<Self, StoreError> {
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        // SQL that a record smuggled in could do less; nothing of ours needs more.
        connection.pragma_update(None, "trusted_schema", false)?;
        Ok(Self { path: path.to_owned(), connection, known: Known::default(), hold })
    }

    fn within(&mut self, behavior: TransactionBehavior, work: Work<'_>) -> Result<(), StoreError> {
        let transaction = self.connection.transaction_with_behavior(behavior)?;
        // Dropped before a commit, it is rolled back.
        work(&mut SqliteTx::new(&transaction))?;
        Ok(transaction.commit()?)
    }
}

/// The file names customers: nobody but the daemon's user reads it. SQLite gives the same mode to its other files.
pub(super) fn make_private(path: &Path) -> Result<(), StoreError> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let opened = std::fs::OpenOptions::new().append(true).create(true).mode(0o600).open(path);
    opened.map(drop).map_err(|reason| StoreError::Io { path: path.to_owned(), reason })
}

impl Store for SqliteStore {
    fn write(&mut self, work: Work<'_>) -> Result<(), StoreError> {
        self.within(TransactionBehavior::Immediate, work)
    }

    fn read(&mut self, work: Work<'_>) -> Result<(), StoreError> {
        self.within(TransactionBehavior::Deferred, work)
    }

    fn reader(&self) -> Result<Box<dyn Store>, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let io = |reason| StoreError::Io { path: self.path.clone(), reason };
        let hold = self.hold.try_clone().map_err(io)?;
        let mut reader = Self::connect(&self.path, flags, hold)?;
        reader.changed_elsewhere()?;
        Ok(Box::new(reader))
    }

    fn purge(&mut self) -> Result<(), StoreError> {
        // What is deleted is overwritten in the file; here it is made to come there, and the log to nothing. A reader that
        // looks at an older state holds that up, and is not waited for: others wait for this thread.
        self.connection.busy_timeout(PURGE_PATIENCE)?;
        let busy =
            self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |row| row.get(0));
        self.connection.busy_timeout(BUSY)?;
        if busy? { Err(StoreError::Busy(self.path.clone())) } else { Ok(()) }
    }

    fn back_up(&self, to: &Path) -> Result<(), StoreError> {
        if to.exists() {
            return Err(StoreError::InTheWay(to.to_owned()));
        }
        copy(&self.connection, to)
    }

    fn changed_elsewhere(&mut self) -> Result<Vec<AccountId>, StoreError> {
        // One transaction, so that version and notes are of one state.
        let transaction = self.connection.transaction()?;
        let last_note = "SELECT coalesce(max(seq), 0) FROM audit";
        let last_note = transaction.query_row(last_note, (), |row| row.get(0))?;
        let version = transaction.query_row("PRAGMA data_version", (), |row| row.get(0))?;
        let mut accounts = Vec::new();
        if version != self.known.version {
            let mut asked =
                transaction.prepare_cached("SELECT DISTINCT account FROM audit WHERE seq > ?1")?;
            let found = asked.query_map([self.known.last_note], |row| row.get(0).map(AccountId))?;
            accounts = found.collect::<Result<_, _>>()?;
        }
        transaction.commit()?;
        self.known = Known { version, last_note };
        Ok(accounts)
    }
}
