//! The checkpoint file.
//!
//! | bytes | field |
//! |---|---|
//! | 8 | magic `GFDCKPT\n` |
//! | 2 | format |
//! | 2 | version of the newest master key when it was written |
//! | 8 | check of that key |
//! | 1 | partition |
//! | 8 | last input that is in the state |
//! | 8 | position from which the log is needed |
//! | … | state |
//! | 8 | length of the state |
//! | 32 | BLAKE3 of all of this |

use std::io::{self, IoSlice, Write};
use std::path::Path;

use super::checkpoint::{Checkpoint, CheckpointMark};
use super::disk::{Disk, DiskFile};
use super::fields::{Fields, Short};
use super::position::LogPosition;
use crate::domain::ids::{InputSeq, PartitionId};
use crate::identity::{KeyCheck, KeyError, Keyring};

/// The format that this release writes, and the newest that it reads.
pub const CHECKPOINT_FORMAT: u16 = 1;

const MAGIC: [u8; 8] = *b"GFDCKPT\n";
const HEADER_BYTES: usize = 37;
const FOOTER_BYTES: usize = 40;

/// State is handed to the system in pieces of this size.
const PIECE_BYTES: usize = 256 << 10;

/// Why a file is no checkpoint of ours.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoCheckpoint {
    #[error("{0}")]
    Damaged(&'static str),
    #[error("format {0}")]
    Newer(u16),
    #[error("sealed under other keys")]
    WrongKeys,
    #[error(transparent)]
    Keys(#[from] KeyError),
}

impl From<Short> for NoCheckpoint {
    fn from(Short: Short) -> Self {
        Self::Damaged("it is too short")
    }
}

/// Writes the file. Neither it nor its name are durable yet.
pub(super) fn write(
    disk: &dyn Disk,
    path: &Path,
    mark: CheckpointMark,
    keyring: &Keyring,
    state: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<Box<dyn DiskFile>> {
    let mut out = Pieces::new(disk.create(path)?);
    out.write_all(&header(mark, keyring))?;
    let before = out.len;
    state(&mut out)?;
    let state_len = out.len - before;
    out.write_all(&state_len.to_le_bytes())?;
    out.finish()
}

fn header(mark: CheckpointMark, keyring: &Keyring) -> [u8; HEADER_BYTES] {
    let key_version = keyring.key_version();
    let check = keyring.check(key_version).expect("a keyring has its newest key");
    let mut bytes = Vec::with_capacity(HEADER_BYTES);
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&CHECKPOINT_FORMAT.to_le_bytes());
    bytes.extend_from_slice(&key_version.to_le_bytes());
    bytes.extend_from_slice(&check.0);
    bytes.push(mark.partition.0);
    bytes.extend_from_slice(&mark.seq.0.to_le_bytes());
    bytes.extend_from_slice(&mark.keep_from.0.to_le_bytes());
    bytes.try_into().expect("the fields above are HEADER_BYTES long")
}

/// Proves the file whole and takes it apart.
pub(super) fn parse(bytes: Vec<u8>, keyring: &Keyring) -> Result<Checkpoint, NoCheckpoint> {
    let (summed, digest) = bytes.split_last_chunk::<32>().ok_or(Short)?;
    let mut fields = Fields::new(summed);
    if fields.bytes()? != MAGIC {
        return Err(NoCheckpoint::Damaged("it does not begin as a checkpoint does"));
    }
    let format = fields.u16()?;
    // Compared before the format is believed, so that a flipped bit is not taken for a newer
    // release.
    if blake3::hash(summed) != *digest {
        return Err(NoCheckpoint::Damaged("its digest does not match"));
    }
    if format > CHECKPOINT_FORMAT {
        return Err(NoCheckpoint::Newer(format));
    }
    let key_version = fields.u16()?;
    if keyring.check(key_version)? != KeyCheck(fields.bytes()?) {
        return Err(NoCheckpoint::WrongKeys);
    }
    let mark = CheckpointMark {
        partition: PartitionId(fields.u8()?),
        seq: InputSeq(fields.u64()?),
        keep_from: LogPosition(fields.u64()?),
    };
    let end =
        bytes.len().checked_sub(FOOTER_BYTES).filter(|&end| end >= HEADER_BYTES).ok_or(Short)?;
    let state_len = Fields::new(&bytes[end..]).u64()?;
    if state_len != (end - HEADER_BYTES) as u64 {
        return Err(NoCheckpoint::Damaged("its length does not match"));
    }
    Ok(Checkpoint { mark, bytes, state: HEADER_BYTES..end })
}

/// Collects what is written into pieces, and hashes them on their way to the file.
struct Pieces {
    file: Box<dyn DiskFile>,
    piece: Vec<u8>,
    digest: blake3::Hasher,
    len: u64,
}

impl Pieces {
    fn new(file: Box<dyn DiskFile>) -> Self {
        Self { file, piece: Vec::with_capacity(PIECE_BYTES), digest: blake3::Hasher::new(), len: 0 }
    }

    /// Writes the rest and the digest.
    fn finish(mut self) -> io::Result<Box<dyn DiskFile>> {
        self.flush()?;
        let digest = self.digest.finalize();
        self.file.append(&mut [IoSlice::new(digest.as_bytes())])?;
        Ok(self.file)
    }
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.piece.extend_from_slice(bytes);
        self.len += bytes.len() as u64;
        if self.piece.len() >= PIECE_BYTES {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.digest.update(&self.piece);
        self.file.append(&mut [IoSlice::new(&self.piece)])?;
        self.piece.clear();
        Ok(())
    }
}
