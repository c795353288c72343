//! Uploaded files on disk, until they are applied or given up, and the bad rows that were found in them.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, BufWriter, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::control::imports::rows::bad_cell::BadCell;
use crate::domain::ids::AccountId;

/// The directory of uploads. Files hold advertising ids and addresses: only the daemon's user reads them.
#[derive(Clone, Debug)]
pub struct Depot {
    dir: PathBuf,
}

/// One upload's files.
#[derive(Clone, Debug)]
pub struct Parcel {
    file: PathBuf,
    bad_rows: PathBuf,
}

impl Depot {
    /// The depot in this directory, which is made if it is not there.
    ///
    /// # Errors
    /// When it can't be made.
    pub fn open(dir: &Path) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        Ok(Self { dir: dir.to_owned() })
    }

    /// The files of an account's import.
    #[must_use]
    pub fn parcel(&self, account: AccountId, import: u32) -> Parcel {
        let name = |end: &str| self.dir.join(format!("{account}-{import}.{end}"));
        Parcel { file: name("upload"), bad_rows: name("bad") }
    }

    /// A file to be filled while an upload comes in; it has no number yet.
    ///
    /// # Errors
    /// When it can't be made.
    pub fn arriving(&self, number: u64) -> io::Result<(PathBuf, File)> {
        let path = self.dir.join(format!("arriving-{number}"));
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let file = options.open(&path)?;
        Ok((path, file))
    }

    /// Removes what was arriving when the daemon ended.
    ///
    /// # Errors
    /// When the directory can't be read.
    pub fn tidy(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.dir)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if name.starts_with("arriving-") {
                fs::remove_file(&path)?;
            }
        }
        Ok(())
    }
}

impl Parcel {
    /// Takes in a file that has arrived whole.
    ///
    /// # Errors
    /// When it can't be moved or made durable.
    pub fn take_in(&self, arrived: &Path) -> io::Result<()> {
        take_in(arrived, &self.file)
    }

    /// The file, from its beginning.
    ///
    /// # Errors
    /// When it is gone.
    pub fn open(&self) -> io::Result<BufReader<File>> {
        Ok(BufReader::new(File::open(&self.file)?))
    }

    /// Where bad rows are written; those of an earlier reading go.
    ///
    /// # Errors
    /// When it can't be made.
    pub(super) fn bad_rows(&self) -> io::Result<BadRows> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let out = BufWriter::new(options.open(&self.bad_rows)?);
        Ok(BadRows { out, left: BAD_CELLS })
    }

    /// The bad rows that were found, one after the other; none where the file was not read yet.
    ///
    /// # Errors
    /// When they can't be read.
    pub fn read_bad_rows(&self) -> io::Result<impl Iterator<Item = BadCell> + Send + use<>> {
        let file = match File::open(&self.bad_rows) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            opened => Some(opened?),
        };
        let lines = file.into_iter().flat_map(|file| BufReader::new(file).lines());
        Ok(lines.map_while(Result::ok).filter_map(|line| serde_json::from_str(&line).ok()))
    }

    /// Removes the upload; the bad rows stay for whoever comes for them.
    ///
    /// # Errors
    /// When it can't be removed.
    pub fn discard_upload(&self) -> io::Result<()> {
        gone_is_fine(fs::remove_file(&self.file))
    }

    /// Removes everything.
    ///
    /// # Errors
    /// When it can't be removed.
    pub fn discard(&self) -> io::Result<()> {
        self.discard_upload()?;
        gone_is_fine(fs::remove_file(&self.bad_rows))
    }
}

/// Takes a file that is whole to its place, durably: it is there all of it, or not at all.
pub(in crate::control) fn take_in(arrived: &Path, place: &Path) -> io::Result<()> {
    File::open(arrived)?.sync_all()?;
    fs::rename(arrived, place)?;
    let dir = place.parent().unwrap_or(Path::new("."));
    File::open(dir)?.sync_all()
}

/// What is gone already need not be removed.
pub(in crate::control) fn gone_is_fine(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// So many wrong cells are kept of a file: more than anybody mends by hand, and a bound on what a download takes.
const BAD_CELLS: u32 = 100_000;

/// Bad rows as they are found: a line of JSON each.
pub(super) struct BadRows {
    out: BufWriter<File>,
    left: u32,
}

impl BadRows {
    pub(super) fn add(&mut self, cells: &[BadCell]) -> io::Result<()> {
        for cell in cells {
            match self.left {
                0 => return Ok(()),
                1 => {
                    let reason =
                        format!("{BAD_CELLS} cells are wrong up to here; mend these first");
                    self.put(&BadCell::new(cell.row, "", "", &reason))?;
                }
                _ => self.put(cell)?,
            }
            self.left -= 1;
        }
        Ok(())
    }

    fn put(&mut self, cell: &BadCell) -> io::Result<()> {
        serde_json::to_writer(&mut self.out, cell)?;
        self.out.write_all(b"\n")
    }

    pub(super) fn finish(mut self) -> io::Result<()> {
        self.out.flush()
    }
}
