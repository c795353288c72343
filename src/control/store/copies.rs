//! Copies of the catalog: made while others work on it, looked through, and put in its place.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use super::hold;
use super::record::Kind;
use super::schema;
use super::seals::Seals;
use super::sqlite::{CATALOG_FILE, make_private};
use super::tx::StoreError;

/// What was found in a catalog that is sound.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Inspected {
    /// The format of its tables.
    pub format: u32,
    /// How many records there are of each kind.
    pub records: Vec<(Kind, u64)>,
    /// How many changes its audit log has.
    pub notes: u64,
}

/// Looks through a catalog file: each page, index and row of it, and that this release reads its format. Nothing in
/// it is changed, and others may work on it meanwhile.
///
/// # Errors
/// What is wrong with it.
pub fn inspect(path: &Path) -> Result<Inspected, StoreError> {
    let connection = existing(path)?;
    let said: String = connection.query_row("PRAGMA integrity_check(1)", (), |row| row.get(0))?;
    if said != "ok" {
        return Err(StoreError::Damaged { path: path.to_owned(), said });
    }
    let format = schema::format_of(&connection)?;
    if format == 0 {
        return Err(StoreError::NoCatalog(path.to_owned()));
    }
    let mut counted = connection.prepare("SELECT kind, count(*) FROM records GROUP BY kind")?;
    let counted = counted.query_map((), |row| Ok((row.get::<_, u8>(0)?, row.get(1)?)))?;
    let mut records = Vec::new();
    for row in counted {
        let (number, count) = row?;
        let kind = Kind::from_number(number)
            .ok_or_else(|| StoreError::Corrupt(format!("records of a kind {number}")))?;
        records.push((kind, count));
    }
    let notes = connection.query_row("SELECT count(*) FROM audit", (), |row| row.get(0))?;
    Ok(Inspected { format, records, notes })
}

/// Which keys a catalog file goes with. Nothing in it is changed.
///
/// # Errors
/// When it can't be read.
pub fn seals(path: &Path) -> Result<Seals, StoreError> {
    Seals::read(&existing(path)?, path)
}

/// Writes a copy of all that a connection sees to a new file, whole or not at all.
pub(super) fn copy(from: &Connection, to: &Path) -> Result<(), StoreError> {
    let copied = fill(from, to);
    if copied.is_err() {
        // What there is of it is of no use, and nobody should take it for a copy.
        let _absent = fs::remove_file(to);
    }
    copied
}

/// How long a copy waits for a lock between two tries.
const PAUSE: Duration = Duration::from_millis(10);

fn fill(from: &Connection, to: &Path) -> Result<(), StoreError> {
    let io = |reason| StoreError::Io { path: to.to_owned(), reason };
    make_private(to)?;
    let mut copy = Connection::open(to)?;
    let backup = Backup::new(from, &mut copy)?;
    // All pages in one step, which is one state: writers go on beside it, and it never has to begin again.
    while backup.step(-1)? != StepResult::Done {
        std::thread::sleep(PAUSE);
    }
    drop(backup);
    // One file that is complete by itself.
    copy.pragma_update(None, "journal_mode", "DELETE")?;
    copy.close().map_err(|(_connection, error)| error)?;
    File::open(to).and_then(|file| file.sync_all()).map_err(io)?;
    sync_folder(to).map_err(io)
}

/// Puts a copy of the file `from` in the place of the catalog of the data directory `dir`, while nobody works on that
/// and where the keys are that it was sealed under. A catalog that is there is put aside if `replace` says so; gives
/// where to.
///
/// # Errors
/// What is wrong with `from`, or in the way; the catalog is then as it was.
pub fn restore(from: &Path, dir: &Path, replace: bool) -> Result<Option<PathBuf>, StoreError> {
    inspect(from)?;
    seals(from)?.keyring(dir)?;
    let to = &dir.join(CATALOG_FILE);
    let io = |reason| StoreError::Io { path: to.to_owned(), reason };
    fs::create_dir_all(dir).map_err(io)?;
    let _hold = hold::alone(to)?;
    let there = to.exists();
    if there && !replace {
        return Err(StoreError::Standing(to.to_owned()));
    }
    let fresh = beside(to, ".new");
    remove(&fresh).map_err(io)?;
    copy(&existing(from)?, &fresh)?;
    inspect(&fresh)?;
    if there {
        deal_on_from(to, &fresh)?;
    }
    let aside = beside(to, ".replaced");
    // The log of the old file goes with it, and before the new one comes: SQLite would take it for the new one's.
    for part in ["", "-wal", "-shm"] {
        let (old, kept) = (beside(to, part), beside(&aside, part));
        remove(&kept).map_err(io)?;
        match fs::rename(&old, &kept) {
            Err(reason) if reason.kind() != io::ErrorKind::NotFound => return Err(io(reason)),
            Ok(()) | Err(_) => {}
        }
    }
    sync_folder(to).map_err(io)?;
    fs::rename(&fresh, to).map_err(io)?;
    sync_folder(to).map_err(io)?;
    Ok(there.then_some(aside))
}

/// Removes what a restore has put aside. Gives how many files there were.
///
/// # Errors
/// [`StoreError::Io`].
pub fn remove_replaced(catalog: &Path) -> Result<u64, StoreError> {
    let aside = beside(catalog, ".replaced");
    let mut removed = 0;
    for part in ["", "-wal", "-shm"] {
        let path = beside(&aside, part);
        match fs::remove_file(&path) {
            Ok(()) => removed += 1,
            Err(reason) if reason.kind() == io::ErrorKind::NotFound => {}
            Err(reason) => return Err(StoreError::Io { path, reason }),
        }
    }
    Ok(removed)
}

/// Lets a restored catalog deal no number that the one before it has dealt: devices and figures remember what was under
/// it.
fn deal_on_from(before: &Path, fresh: &Path) -> Result<(), StoreError> {
    let Ok(dealt) = numbers_of(before) else {
        // It is replaced because it can't be read.
        return Ok(());
    };
    let mut restored = Connection::open(fresh)?;
    let transaction = restored.transaction()?;
    for (account, kind, last) in dealt {
        transaction.execute(
            "INSERT INTO numbers (account, kind, last) VALUES (?1, ?2, ?3)
             ON CONFLICT (account, kind) DO UPDATE SET last = max(last, ?3)",
            (account, kind, last),
        )?;
    }
    transaction.commit()?;
    restored.close().map_err(|(_connection, error)| error)?;
    let io = |reason| StoreError::Io { path: fresh.to_owned(), reason };
    File::open(fresh).and_then(|file| file.sync_all()).map_err(io)
}

/// The last numbers that a catalog has dealt, by account and kind.
fn numbers_of(path: &Path) -> Result<Vec<(u32, u8, u32)>, StoreError> {
    let connection = existing(path)?;
    let mut asked = connection.prepare("SELECT account, kind, last FROM numbers")?;
    let rows = asked.query_map((), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// A connection to a file that must be there, for looking.
fn existing(path: &Path) -> Result<Connection, StoreError> {
    if !path.is_file() {
        return Err(StoreError::Absent(path.to_owned()));
    }
    // A catalog that nobody has open needs files beside it even to be read; SQLite makes and removes them.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(ending);
    name.into()
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(reason) if reason.kind() != io::ErrorKind::NotFound => Err(reason),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn sync_folder(of: &Path) -> io::Result<()> {
    let folder = of.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}
