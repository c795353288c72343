//! `geofenced keys list | rotate`: which master keys there are, and one more of them.
//!
//! A new key is added while nothing else is at work on the data: a daemon that goes on with the keys it has read could
//! not open what another command seals under a newer one. So a daemon keeps others off before it reads them.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::control::store::{CATALOG_FILE, copies, hold};
use crate::identity::Keyring;
use crate::journal::Journal;

/// Shows the keys that device ids are sealed with at rest, and adds one.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    geofenced keys --data-dir /var/lib/geofenced list\n  \
    systemctl stop geofenced\n  \
    geofenced keys --data-dir /var/lib/geofenced rotate\n  \
    cp -p /var/lib/geofenced/keys.json /safe/place/ && systemctl start geofenced\n\n\
    No key is ever shown. What is kept under a key: docs/operations.md, Keys.\n\
    Exit codes: 0 done, 1 failed and nothing changed, 2 a mistake in the command line.")]
pub struct KeysCommand {
    /// The daemon's data directory, daemon.data_dir of its config; its keys.json is meant.
    #[arg(
        long,
        env = "GEOFENCED__DAEMON__DATA_DIR",
        default_value = "geofenced-data",
        global = true
    )]
    pub data_dir: PathBuf,
    /// What to do.
    #[command(subcommand)]
    pub action: KeysAction,
}

/// What to do with keys.
#[derive(Debug, clap::Subcommand)]
pub enum KeysAction {
    /// List the master keys by number, one a line, each with a check that tells it from others and nothing about it.
    List,
    /// Add a master key, under which all is sealed from the next start on. The daemon must not run.
    Rotate {
        /// The folder of the daemon's log, journal.dir of its config, where that is not the data directory.
        #[arg(long, env = "GEOFENCED__JOURNAL__DIR")]
        journal_dir: Option<PathBuf>,
    },
}

impl KeysCommand {
    /// Does it, writing the answer to `out`.
    ///
    /// # Errors
    /// Why it was not done. The file is then as it was, but where its folder could not be synced in the end: `list`
    /// tells which of the two there is.
    pub fn run(&self, out: &mut dyn Write) -> anyhow::Result<()> {
        match &self.action {
            KeysAction::List => list(&Keyring::existing(&self.data_dir)?, out),
            KeysAction::Rotate { journal_dir } => {
                let journal_dir = journal_dir.as_deref().unwrap_or(&self.data_dir);
                rotate(&self.data_dir, journal_dir, out)
            }
        }
    }
}

/// The keys that a daemon starts with: those that its catalog goes with, or new ones where there is nothing yet. They stay
/// what they are while the file is held, or the catalog open.
///
/// # Errors
/// When the keys can't be had or are others, or while a command puts keys or a catalog in place.
pub(super) fn of_start(data: &Path) -> anyhow::Result<(File, Keyring)> {
    let catalog = data.join(CATALOG_FILE);
    let hold = hold::shared(&catalog)?;
    let sealing = if catalog.exists() { copies::seals(&catalog)?.keyring(data)? } else { None };
    let keyring = sealing.map_or_else(|| Keyring::open(data), Ok)?;
    Ok((hold, keyring))
}

fn list(keyring: &Keyring, out: &mut dyn Write) -> anyhow::Result<()> {
    for version in keyring.versions() {
        let check = keyring.check(version)?;
        let is_newest = version == keyring.key_version();
        let does = if is_newest { "seals" } else { "opens what it has sealed" };
        writeln!(out, "{version}\t{check}\t{does}")?;
    }
    Ok(())
}

fn rotate(data: &Path, journal_dir: &Path, out: &mut dyn Write) -> anyhow::Result<()> {
    // Nothing is made where there are no keys: a mistyped directory stays as it is.
    Keyring::existing(data)?;
    // A daemon has both. The catalog tells of one whose log is elsewhere, and of other commands.
    let _log = Journal::hold(journal_dir)?;
    let catalog = data.join(CATALOG_FILE);
    let _catalog = hold::alone(&catalog)?;
    if catalog.exists() {
        copies::seals(&catalog)?.keyring(data)?;
    }
    let keyring = Keyring::rotate(data)?;
    let (newest, all) = (keyring.key_version(), keyring.versions().count());
    writeln!(
        out,
        "master key {newest} seals from the next start on; {} has {all} and needs all of them: back it up now",
        data.join("keys.json").display()
    )?;
    Ok(())
}
