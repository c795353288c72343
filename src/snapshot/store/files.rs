//! Writing files so that a crash leaves the old state or the new one.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Files under this ending were being written when something went wrong. Nobody reads them.
const UNFINISHED: &str = "tmp";

/// Writes a file that may be there already; then the new one takes its place.
pub(super) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let unfinished = write_unfinished(path, bytes)?;
    fs::rename(&unfinished, path).inspect_err(|_| remove(&unfinished))
}

/// Writes a file that must not be there yet.
pub(super) fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let unfinished = write_unfinished(path, bytes)?;
    // A link, other than a rename, fails where the name is taken.
    let linked = fs::hard_link(&unfinished, path);
    remove(&unfinished);
    linked
}

/// Opens a regular file and tells its length. Anything else could keep the reader waiting.
pub(super) fn open_regular(path: &Path) -> io::Result<(File, u64)> {
    let no_wait = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = File::options().read(true).custom_flags(no_wait).open(path)?;
    let about = file.metadata()?;
    if !about.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    Ok((file, about.len()))
}

/// Makes the names in a directory durable.
pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Whether a name is that of a file which was never finished.
pub(super) fn is_unfinished(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == UNFINISHED)
}

/// The entries of a directory.
pub(super) fn entries(path: &Path) -> io::Result<Vec<PathBuf>> {
    fs::read_dir(path)?.map(|entry| entry.map(|entry| entry.path())).collect()
}

/// Removes a file; one that is gone already is fine.
pub(super) fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn write_unfinished(path: &Path, bytes: &[u8]) -> io::Result<PathBuf> {
    let unfinished = path.with_extension(UNFINISHED);
    let written = File::create(&unfinished).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.map(|()| unfinished.clone()).inspect_err(|_| remove(&unfinished))
}

/// Tidies up; if that fails too, the next sweep does it.
fn remove(path: &Path) {
    let _left_for_the_sweep = fs::remove_file(path);
}
