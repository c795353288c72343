//! `geofenced token`: the book is changed, and the account's audit log told.

use std::io::Write;

use anyhow::Context as _;

use crate::auth::command::{Change, TokenCommand};
use crate::control::store::{AuditEntry, CATALOG_FILE, Key, Kind, SqliteStore, thread};
use crate::domain::units::UtcMs;

/// Does it, and notes it where the data directory has a catalog and that has the account. Credentials for other files,
/// and of accounts that campaign files alone know, leave no note.
///
/// # Errors
/// Why it was not done, or that it was done and not noted.
pub fn run(
    command: &TokenCommand,
    now: jiff::Timestamp,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let catalog = command.data_dir.join(CATALOG_FILE);
    let Some(change) = command.run(now, out)?.filter(|_| catalog.exists()) else { return Ok(()) };
    let noted = SqliteStore::open(&catalog).map_err(Into::into).and_then(|mut store| {
        thread::write(&mut store, |tx| {
            let known = tx.get(Key::of_account(change.account))?.is_some();
            if known { Ok(tx.note(&note(&change, UtcMs(now.as_millisecond())))?) } else { Ok(()) }
        })
    });
    noted.with_context(|| format!("it was done; {} was not told of it", catalog.display()))
}

fn note(change: &Change, at: UtcMs) -> AuditEntry {
    let Change { action, account, name, rights } = change;
    let text = match rights {
        Some((apps, scopes)) => serde_json::json!({ "name": name, "apps": apps, "scopes": scopes }),
        None => serde_json::json!({ "name": name }),
    };
    let (before, after) = if rights.is_some() {
        (String::new(), text.to_string())
    } else {
        (text.to_string(), String::new())
    };
    AuditEntry {
        seq: 0,
        account: *account,
        at,
        by: "geofenced token".to_owned(),
        action: (*action).to_owned(),
        kind: Kind::Token,
        // Tokens are known by their names.
        id: 0,
        before,
        after,
    }
}
