//! Report files that were made: on disk beside the catalog, which lists them, for so many days and bytes of an account.
//!
//! A file is written aside, and taken in under the number of its record in the transaction that makes that; it is removed
//! once the record is gone for good. What a crash leaves of either is removed at the next start.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::sheet::Sheet;
use crate::control::config::CampaignsConfig;
use crate::control::desk::Desk;
use crate::control::desk::changes::content;
use crate::control::documents::report_file::{ReportFile, ReportFormat};
use crate::control::documents::{Document as _, Shown};
use crate::control::refusal::Refusal;
use crate::control::store::{By, INSTALLATION, Kind, Order, Query, StoreError, Tx};
use crate::control::uploads::depot::{Depot, gone_is_fine, take_in};
use crate::domain::ids::AccountId;
use crate::domain::units::DAY_MS;

/// Files that are listed of an account, the newest: each making of one goes through the list.
pub(super) const LISTED: usize = 1000;

/// Where report files lie, and how long. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ReportShelf {
    dir: PathBuf,
    depot: Depot,
    kept_ms: i64,
    kept_bytes: u64,
    /// The number of the next file that is written.
    next: Arc<AtomicU64>,
}

/// A file that is written and not taken in yet.
#[derive(Debug)]
pub struct Written {
    path: PathBuf,
    /// Its rows, the header not counted.
    pub rows: u64,
    /// Its length.
    pub bytes: u64,
    /// The BLAKE3 hash of what is in it.
    pub hash: String,
}

impl Drop for Written {
    /// Of one that was not taken in, nobody reads it.
    fn drop(&mut self) {
        if let Err(error) = gone_is_fine(fs::remove_file(&self.path)) {
            tracing::warn!(%error, "a report file that nobody keeps could not be removed");
        }
    }
}

/// A file that is listed: whose, its number, and its hash.
pub type Listed = (AccountId, u32, String);

impl ReportShelf {
    /// The shelf in this directory, which is made if it is not there.
    ///
    /// # Errors
    /// When it can't be made.
    pub fn open(dir: &Path, config: &CampaignsConfig) -> io::Result<Self> {
        let depot = Depot::open(dir)?;
        Ok(Self {
            dir: dir.to_owned(),
            depot,
            kept_ms: i64::from(config.report_files_days) * DAY_MS,
            kept_bytes: config.report_files_bytes,
            next: Arc::default(),
        })
    }

    /// Removes what is not listed: what was being written or removed when the daemon ended.
    ///
    /// # Errors
    /// When the directory or the catalog can't be read.
    pub fn tidy(&self, tx: &mut dyn Tx) -> Result<(), Refusal> {
        self.depot.tidy()?;
        let mut accounts = Vec::new();
        tx.scan(&Query::all(INSTALLATION, Kind::Account), &mut |record| {
            accounts.push(AccountId(record.key.id));
            Ok(())
        })?;
        let mut listed = BTreeSet::new();
        for account in accounts {
            for shown in files_of(tx, account)? {
                listed.insert(self.place(&(account, shown.id, shown.document.hash)));
            }
        }
        for entry in fs::read_dir(&self.dir)? {
            let path = entry?.path();
            if !listed.contains(&path) {
                fs::remove_file(&path)?;
            }
        }
        Ok(())
    }

    /// Writes a file aside. Blocks on the disk.
    ///
    /// # Errors
    /// When it can't be written; nothing of it is left then.
    pub fn write(&self, sheet: Sheet, format: ReportFormat) -> io::Result<Written> {
        // Relaxed: only that numbers differ counts.
        let (path, file) = self.depot.arriving(self.next.fetch_add(1, Ordering::Relaxed))?;
        let mut written = Written { path, rows: 0, bytes: 0, hash: String::new() };
        let mut out = BufWriter::new(file);
        written.rows = match format {
            ReportFormat::Csv => sheet.write_csv(&mut out)?,
            ReportFormat::Xlsx => sheet.write_xlsx(&mut out)?,
        };
        out.flush()?;
        // Here, where it holds up nobody: who takes it in finds it on stable storage.
        out.get_ref().sync_all()?;
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(File::open(&written.path)?)?;
        (written.bytes, written.hash) = (hasher.count(), hasher.finalize().to_hex().to_string());
        Ok(written)
    }

    /// A listed file, from its beginning. Blocks on the disk.
    ///
    /// # Errors
    /// When it is gone, or is not what was written, which is as good as gone.
    pub fn read(&self, listed: &Listed) -> io::Result<File> {
        let path = self.place(listed);
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(File::open(&path)?)?;
        if hasher.finalize().to_hex().as_str() != listed.2 {
            tracing::error!(path = %path.display(), "a report file is damaged; ask for its report again");
            return Err(io::ErrorKind::NotFound.into());
        }
        File::open(path)
    }

    /// Removes files that are listed no more.
    pub fn discard(&self, gone: &[Listed]) {
        for listed in gone {
            if let Err(error) = gone_is_fine(fs::remove_file(self.place(listed))) {
                tracing::warn!(%error, "an old report file could not be removed; the next start tries again");
            }
        }
    }

    /// The number makes it one record's alone; the hash says what is in it.
    fn place(&self, (account, id, hash): &Listed) -> PathBuf {
        self.dir.join(format!("{account}-{id}-{hash}"))
    }
}

impl Desk<'_> {
    /// Lists a file that was written, and takes it in; or gives the one that is just the same. Gives also those that are
    /// listed no more, to be [discarded](ReportShelf::discard) once this is durable.
    ///
    /// # Errors
    /// [`Refusal::Limit`] for one that is longer than all may be together, or when the disk or the store says no.
    pub fn keep_report(
        &mut self,
        shelf: &ReportShelf,
        file: &ReportFile,
        written: &Written,
    ) -> Result<(Shown<ReportFile>, Vec<Listed>), Refusal> {
        if file.bytes > shelf.kept_bytes {
            return Err(Refusal::Limit {
                what: "bytes in this report file",
                found: file.bytes,
                allowed: shelf.kept_bytes,
                remedy: "ask for fewer days, or have the operator raise campaigns.report_files_bytes",
            });
        }
        let (account, now) = (self.account_id(), self.now());
        let of = (account, Kind::ReportFile);
        let record = match self.tx().insert(of, content(file, ReportFile::FIRST_STATE), now) {
            // Made again, it is as young as any.
            Err(StoreError::Duplicate { id, .. }) => {
                let known = self.record(Kind::ReportFile, id)?;
                self.tx().update(known.key, known.content, now)?
            }
            inserted => inserted?,
        };
        let listed = (account, record.key.id, file.hash.clone());
        // Also in the place of one that is just the same: somebody may have lost that.
        take_in(&written.path, &shelf.place(&listed))?;
        Ok((Shown::of(&record)?, self.drop_reports_beyond(shelf)?))
    }

    /// Takes files off the list that were made too long ago, beginning with the oldest. It costs one look where none is.
    ///
    /// # Errors
    /// When the store says no.
    pub(in crate::control) fn drop_old_reports(
        &mut self,
        shelf: &ReportShelf,
    ) -> Result<Vec<Listed>, Refusal> {
        let (account, now) = (self.account_id(), self.now());
        let order = Order { by: By::UpdatedAt, descending: false };
        let oldest = Query { limit: 1, order, ..Query::all(account, Kind::ReportFile) };
        let mut gone = Vec::new();
        while gone.len() < LISTED {
            let found = files_by(self.tx(), &oldest)?;
            let too_old = |shown: &&Shown<ReportFile>| {
                now.0 - shown.updated_at.as_millisecond() > shelf.kept_ms
            };
            let Some(shown) = found.first().filter(too_old) else { break };
            gone.push(self.drop_report(shown)?);
        }
        Ok(gone)
    }

    /// Takes files off the list that are beyond the bytes and the number of those that are kept, the oldest.
    fn drop_reports_beyond(&mut self, shelf: &ReportShelf) -> Result<Vec<Listed>, Refusal> {
        let account = self.account_id();
        let (mut bytes, mut gone) = (0_u64, Vec::new());
        for (at, shown) in files_of(self.tx(), account)?.into_iter().enumerate() {
            bytes = bytes.saturating_add(shown.document.bytes);
            if bytes > shelf.kept_bytes || at >= LISTED {
                gone.push(self.drop_report(&shown)?);
            }
        }
        Ok(gone)
    }

    fn drop_report(&mut self, shown: &Shown<ReportFile>) -> Result<Listed, Refusal> {
        let key = self.key(Kind::ReportFile, shown.id);
        self.tx().delete(key)?;
        Ok((self.account_id(), shown.id, shown.document.hash.clone()))
    }
}

/// The files of an account, those made last first.
fn files_of(tx: &mut dyn Tx, account: AccountId) -> Result<Vec<Shown<ReportFile>>, Refusal> {
    let order = Order { by: By::UpdatedAt, descending: true };
    files_by(tx, &Query { order, ..Query::all(account, Kind::ReportFile) })
}

fn files_by(tx: &mut dyn Tx, query: &Query) -> Result<Vec<Shown<ReportFile>>, Refusal> {
    let mut found = Vec::new();
    tx.scan(query, &mut |record| {
        found.push(Shown::of(&record)?);
        Ok(())
    })?;
    Ok(found)
}
