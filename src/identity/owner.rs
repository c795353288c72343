//! Whose files are: what a command makes beside a daemon's files, the daemon has to open, also if root ran the command.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::Path;

/// Opens the file of a lock, and makes it where it is not there: nobody's but the owner's of `like`, if that is there.
///
/// # Errors
/// What the system says.
pub fn open_lock(path: &Path, like: &Path) -> io::Result<File> {
    let mut open = OpenOptions::new();
    open.append(true).mode(0o600);
    match open.clone().create_new(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => open.open(path),
        made => {
            let file = made?;
            give_to_owner_of(&file, like)?;
            Ok(file)
        }
    }
}

/// Gives a file to the owner and the group of another, if that is there.
pub(super) fn give_to_owner_of(file: &File, like: &Path) -> io::Result<()> {
    let like = match fs::metadata(like) {
        Ok(like) => like,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let is = file.metadata()?;
    if (like.uid(), like.gid()) == (is.uid(), is.gid()) {
        return Ok(());
    }
    fchown(file, Some(like.uid()), Some(like.gid()))
}
