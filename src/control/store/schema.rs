//! The tables, and how an older file comes to have them.
//!
//! Each migration takes the file from one format to the next, in one transaction; the file says which it has
//! (`user_version`). A migration that was released is never changed.

use rusqlite::{Connection, TransactionBehavior};

use super::tx::StoreError;

/// From nothing to format 1, from 1 to 2, and so on.
const MIGRATIONS: &[&str] = &[FORMAT_1, FORMAT_2, FORMAT_3, FORMAT_4];

const FORMAT_1: &str = "
CREATE TABLE records (
    account INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    id INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    name TEXT NOT NULL,
    code TEXT NOT NULL,
    -- Name and code in lower case, for the search.
    folded TEXT NOT NULL,
    natural_key TEXT,
    state TEXT NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (account, kind, id)
) STRICT;
CREATE UNIQUE INDEX records_by_natural_key ON records (account, kind, natural_key)
    WHERE natural_key IS NOT NULL;
CREATE INDEX records_by_name ON records (account, kind, name, id);
CREATE INDEX records_by_change ON records (account, kind, updated_at, id);

-- The last number dealt, so that none is dealt again after a deletion.
CREATE TABLE numbers (
    account INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    last INTEGER NOT NULL,
    PRIMARY KEY (account, kind)
) STRICT, WITHOUT ROWID;

CREATE TABLE links (
    account INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    id INTEGER NOT NULL,
    to_kind INTEGER NOT NULL,
    to_id INTEGER NOT NULL,
    PRIMARY KEY (account, to_kind, to_id, kind, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX links_by_source ON links (account, kind, id);

-- Device ids are sealed: the number of the key, little-endian, and one AES block.
CREATE TABLE devices (
    account INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    id INTEGER NOT NULL,
    list INTEGER NOT NULL,
    device BLOB NOT NULL,
    PRIMARY KEY (account, kind, id, list, device)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    account INTEGER NOT NULL,
    at INTEGER NOT NULL,
    by TEXT NOT NULL,
    action TEXT NOT NULL,
    kind INTEGER NOT NULL,
    id INTEGER NOT NULL,
    before TEXT NOT NULL,
    after TEXT NOT NULL
) STRICT;
CREATE INDEX audit_by_account ON audit (account, seq);

CREATE TABLE answers (
    account INTEGER NOT NULL,
    key TEXT NOT NULL,
    request BLOB NOT NULL,
    kind INTEGER NOT NULL,
    id INTEGER NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (account, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX answers_by_age ON answers (at);
";

const FORMAT_2: &str = "
-- The last change of each record that was made, changed or deleted since this table is there. A change takes a new
-- number, so that those after a number are the end of the table.
CREATE TABLE changes (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    account INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    id INTEGER NOT NULL,
    UNIQUE (account, kind, id)
) STRICT;
";

const FORMAT_3: &str = "
-- A device is in here by its keyed hash alone, and only where it was one.
CREATE TABLE location_uses (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    account INTEGER NOT NULL,
    at INTEGER NOT NULL,
    by TEXT NOT NULL,
    purpose INTEGER NOT NULL,
    device INTEGER,
    about TEXT NOT NULL
) STRICT;
CREATE INDEX location_uses_by_account ON location_uses (account, seq);
CREATE INDEX location_uses_by_time ON location_uses (account, at);
CREATE INDEX location_uses_by_device ON location_uses (account, device, seq) WHERE device IS NOT NULL;

-- By which a device is found in all lists of an account, when it is to be erased.
CREATE INDEX devices_by_device ON devices (account, device);
";

const FORMAT_4: &str = "
-- The check of each master key that devices are, or may be, sealed under: those there were at the last start.
CREATE TABLE seals (
    key_version INTEGER PRIMARY KEY,
    key_check BLOB NOT NULL
) STRICT;
";

/// Brings a file to the newest format.
///
/// # Errors
/// [`StoreError::TooNew`], or what the database says; the file is then as it was.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let found = format_of(connection)?;
    // Until format 3 what was deleted stayed in free pages.
    if (1..3).contains(&found) {
        connection.execute_batch("VACUUM")?;
    }
    for format in found..newest() {
        let step = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Another process may have been first.
        if format_of(&step)? == format {
            step.execute_batch(MIGRATIONS[format as usize])?;
            step.pragma_update(None, "user_version", format + 1)?;
            step.commit()?;
        }
    }
    Ok(())
}

/// The format of a file; 0 where it has none of our tables.
///
/// # Errors
/// [`StoreError::TooNew`], or what the database says.
pub(super) fn format_of(connection: &Connection) -> Result<u32, StoreError> {
    let found: u32 = connection.query_row("PRAGMA user_version", (), |row| row.get(0))?;
    let known = newest();
    if found > known { Err(StoreError::TooNew { found, known }) } else { Ok(found) }
}

fn newest() -> u32 {
    u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX)
}
