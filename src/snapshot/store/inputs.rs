//! The files that people hand in: read whole, unpacked where they are packed.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

/// The largest file that is read, unpacked: far beyond a million fences, and a bound for a packed file that
/// unpacks without end.
const MAX_INPUT_BYTES: u64 = 8 << 30;

const GZIP_MAGIC: [u8; 2] = [0x1F, 0x8B];

/// A file that can't be read.
#[derive(Debug, thiserror::Error)]
#[error("{path} can't be read: {reason}")]
pub struct InputError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub reason: io::Error,
}

/// Reads a file, through gzip if it is packed, whatever its name.
///
/// # Errors
/// When it can't be read or is too large.
pub fn read_input(path: &Path) -> Result<Vec<u8>, InputError> {
    read(path).map_err(|reason| InputError { path: path.to_owned(), reason })
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let len = file.metadata()?.len();
    let mut start = Vec::with_capacity(GZIP_MAGIC.len());
    file.by_ref().take(GZIP_MAGIC.len() as u64).read_to_end(&mut start)?;
    let packed = start == GZIP_MAGIC;
    let whole = io::Cursor::new(start).chain(file);
    let mut bytes = Vec::with_capacity(usize::try_from(len.min(MAX_INPUT_BYTES)).unwrap_or(0));
    if packed {
        MultiGzDecoder::new(whole).take(MAX_INPUT_BYTES + 1).read_to_end(&mut bytes)?;
    } else {
        whole.take(MAX_INPUT_BYTES + 1).read_to_end(&mut bytes)?;
    }
    if bytes.len() as u64 > MAX_INPUT_BYTES {
        return Err(io::Error::other(format!("it has over {MAX_INPUT_BYTES} bytes")));
    }
    Ok(bytes)
}
