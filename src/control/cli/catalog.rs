//! `geofenced catalog backup | restore | check`.

use std::io::Write;
use std::path::PathBuf;

use clap::Subcommand;

use super::error::CommandError;
use crate::control::store::copies::{Inspected, inspect, restore};
use crate::control::store::{CATALOG_FILE, SqliteStore, Store as _, StoreError};

/// Back up, restore and check the catalog: accounts, campaigns, geofences, places and their audit log.
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:\n  \
    geofenced catalog backup /var/lib/geofenced /backup/catalog-$(date +%F).db\n  \
    geofenced catalog check /var/lib/geofenced\n  \
    geofenced catalog restore /backup/catalog-2026-11-29.db /var/lib/geofenced --replace\n\n\
    A backup is one SQLite file. Lists of devices in it are sealed with keys.json of the data directory: keep a copy of\n\
    that, apart from the rest. Tokens are not in the catalog, they are in tokens.json.\n\
    Exit codes: 0 done or sound, 1 failed or damaged, 2 a mistake in the command line.")]
pub enum CatalogCommand {
    /// Copy the catalog to a new file, while a daemon runs or not: all of it as it is at one instant
    Backup {
        /// The daemon's data directory
        dir: PathBuf,
        /// The new file; it must not be there yet
        to: PathBuf,
    },
    /// Put a backup in the place of a data directory's catalog. The daemon must not run
    ///
    /// The backup is checked first, and has to find the keys.json there that its devices are sealed under. What is there is put aside as catalog.db.replaced, which the next restore
    /// overwrites. At its next start the daemon compiles every account of the restored catalog into a new snapshot;
    /// accounts that the backup does not know stay in force as they are.
    Restore {
        /// The backup
        from: PathBuf,
        /// The daemon's data directory, made if it is not there
        dir: PathBuf,
        /// Put the catalog aside that is there
        #[arg(long)]
        replace: bool,
    },
    /// Look through the catalog of a data directory, or a backup: every page, index and row, and its format
    Check {
        /// The daemon's data directory, or the file of a backup
        path: PathBuf,
    },
}

impl CatalogCommand {
    /// Does it, writing the answer to `out`.
    ///
    /// # Errors
    /// [`CommandError`]; the catalog is then as it was.
    pub fn run(&self, out: &mut dyn Write) -> Result<(), CommandError> {
        match self {
            Self::Backup { dir, to } => {
                let path = dir.join(CATALOG_FILE);
                if !path.exists() {
                    return Err(StoreError::Absent(path).into());
                }
                SqliteStore::open(&path)?.back_up(to)?;
                let found = inspect(to).inspect_err(|_damaged| {
                    // Nobody should take it for a backup.
                    let _absent = std::fs::remove_file(to);
                })?;
                writeln!(out, "{}: {}", to.display(), told(&found))?;
            }
            Self::Restore { from, dir, replace } => {
                let path = dir.join(CATALOG_FILE);
                let aside = restore(from, dir, *replace)?;
                writeln!(out, "{}: {}", path.display(), told(&inspect(&path)?))?;
                if let Some(aside) = aside {
                    writeln!(out, "what was there is {} now", aside.display())?;
                }
            }
            Self::Check { path } => {
                let file = if path.is_dir() { path.join(CATALOG_FILE) } else { path.clone() };
                writeln!(out, "{}: sound, {}", file.display(), told(&inspect(&file)?))?;
            }
        }
        Ok(())
    }
}

fn told(found: &Inspected) -> String {
    let Inspected { format, records, notes } = found;
    let records: Vec<String> = records
        .iter()
        .map(|(kind, count)| {
            format!("{count} {}", if *count == 1 { kind.noun() } else { kind.path() })
        })
        .collect();
    let records = if records.is_empty() { "no records".to_owned() } else { records.join(", ") };
    format!("format {format}, {records}, {notes} changes in the audit log")
}
