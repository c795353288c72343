//! The segment file: its name and its header.
//!
//! | bytes | field |
//! |---|---|
//! | 8 | magic `GFDLOG\r\n` |
//! | 2 | format |
//! | 2 | version of the master key that sealed when it was begun |
//! | 8 | check of that key |
//! | 8 | number of the segment, from 0 |
//! | 8 | position of its first byte in the log |
//! | 32 | BLAKE3 of the whole segment before; zeros for the first |
//! | 4 | CRC32C of all of this |

use std::io;
use std::path::{Path, PathBuf};

use super::disk::Disk;
use super::error::JournalError;
use super::fields::{Fields, Short};
use super::packed::{self, Original, PackedName};
use super::position::LogPosition;
use crate::identity::{KeyCheck, Keyring};

/// The format that this release writes, and the newest that it reads. Format 2 brought policies with a number for
/// visits, format 3 erasures, format 4 the days of devices; the older ones are still read.
pub const LOG_FORMAT: u16 = 4;

/// Bytes of a header.
pub(super) const SEGMENT_HEADER_BYTES: usize = 72;

const MAGIC: [u8; 8] = *b"GFDLOG\r\n";

/// What a segment says of itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct SegmentHeader {
    pub(super) format: u16,
    pub(super) key_version: u16,
    pub(super) key_check: KeyCheck,
    pub(super) number: u64,
    pub(super) first: LogPosition,
    pub(super) previous_digest: [u8; 32],
}

/// Why bytes are no header.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum NoHeader {
    #[error("the file is shorter than a segment's header")]
    Ends,
    #[error("it does not begin as a segment does")]
    BadMagic,
    #[error("the header's checksum does not match")]
    BadSum,
    #[error("format {0}")]
    Newer(u16),
}

impl From<Short> for NoHeader {
    fn from(Short: Short) -> Self {
        Self::Ends
    }
}

impl SegmentHeader {
    pub(super) fn to_bytes(self) -> [u8; SEGMENT_HEADER_BYTES] {
        let mut bytes = Vec::with_capacity(SEGMENT_HEADER_BYTES);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&self.format.to_le_bytes());
        bytes.extend_from_slice(&self.key_version.to_le_bytes());
        bytes.extend_from_slice(&self.key_check.0);
        bytes.extend_from_slice(&self.number.to_le_bytes());
        bytes.extend_from_slice(&self.first.0.to_le_bytes());
        bytes.extend_from_slice(&self.previous_digest);
        bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());
        bytes.try_into().expect("the fields above are SEGMENT_HEADER_BYTES long")
    }

    pub(super) fn parse(bytes: &[u8]) -> Result<Self, NoHeader> {
        let (header, _) =
            bytes.split_first_chunk::<SEGMENT_HEADER_BYTES>().ok_or(NoHeader::Ends)?;
        let mut fields = Fields::new(header);
        if fields.bytes()? != MAGIC {
            return Err(NoHeader::BadMagic);
        }
        let format = fields.u16()?;
        let parsed = Self {
            format,
            key_version: fields.u16()?,
            key_check: KeyCheck(fields.bytes()?),
            number: fields.u64()?,
            first: LogPosition(fields.u64()?),
            previous_digest: fields.bytes()?,
        };
        if fields.u32()? != crc32c::crc32c(&header[..SEGMENT_HEADER_BYTES - 4]) {
            return Err(NoHeader::BadSum);
        }
        if format > LOG_FORMAT {
            return Err(NoHeader::Newer(format));
        }
        Ok(parsed)
    }

    /// What the segment's group marks carry.
    pub(super) fn salt(self) -> [u8; 8] {
        let [a, b, c, d, e, f, g, h, ..] = *blake3::hash(&self.to_bytes()).as_bytes();
        [a, b, c, d, e, f, g, h]
    }

    /// Whether the keyring is the one that sealed this segment.
    pub(super) fn check_keys(self, path: &Path, keyring: &Keyring) -> Result<(), JournalError> {
        if keyring.check(self.key_version)? == self.key_check {
            return Ok(());
        }
        Err(JournalError::WrongKeys { path: path.to_owned() })
    }
}

/// A segment as it lies in the log's folder.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct SegmentFile {
    pub(super) path: PathBuf,
    /// From its name; the header must agree.
    pub(super) first: LogPosition,
    /// Of the segment, whether or not it is packed.
    pub(super) len: u64,
    /// The day on which it was packed, if it was.
    pub(super) packed_on: Option<u32>,
    /// What it takes on the disk.
    pub(super) file_len: u64,
}

impl SegmentFile {
    /// Reads the segment, unpacking it where it is packed. One that is packed and removed meanwhile is found under its new
    /// name. Gives what a packed one was.
    pub(super) fn read(
        &self,
        disk: &dyn Disk,
        into: &mut Vec<u8>,
    ) -> Result<Option<Original>, JournalError> {
        match self.read_there(disk, into) {
            Err(JournalError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
            read => return read,
        }
        let log_dir = self.path.parent().unwrap_or(Path::new("."));
        let now = list(disk, log_dir)?.into_iter().find(|one| one.first == self.first);
        match now {
            Some(now) => now.read_there(disk, into),
            None => self.read_there(disk, into),
        }
    }

    fn read_there(
        &self,
        disk: &dyn Disk,
        into: &mut Vec<u8>,
    ) -> Result<Option<Original>, JournalError> {
        let path = &self.path;
        if self.packed_on.is_none() {
            disk.read(path, into).map_err(JournalError::io("read", path))?;
            return Ok(None);
        }
        packed::read(disk, self, into).map(Some)
    }

    /// The position behind its last byte.
    pub(super) fn end(&self) -> LogPosition {
        LogPosition(self.first.0 + self.len)
    }
}

/// The name of the segment that begins at `first`.
pub(super) fn path_of(log_dir: &Path, first: LogPosition) -> PathBuf {
    log_dir.join(format!("{:020}.seg", first.0))
}

/// The log's segments in order, each once: where a power loss has left a packed one beside the segment itself, the
/// segment counts. Other files in the folder are let be.
pub(super) fn list(disk: &dyn Disk, log_dir: &Path) -> Result<Vec<SegmentFile>, JournalError> {
    let names = disk.list(log_dir).map_err(JournalError::io("list", log_dir))?;
    let mut segments = Vec::with_capacity(names.len());
    for name in names {
        let path = log_dir.join(&name);
        let found = match (first_of(&name), PackedName::parse(&name)) {
            (Some(first), _) => (first, None, None),
            (None, Some(packed)) => (packed.first, Some(packed.len), Some(packed.day)),
            (None, None) => continue,
        };
        let file_len = match disk.len(&path) {
            Ok(len) => len,
            // Trimmed or packed meanwhile, by the daemon beside which this is read.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(JournalError::io("look at", &path)(error)),
        };
        let (first, len, packed_on) = found;
        let len = len.unwrap_or(file_len);
        segments.push(SegmentFile { path, first, len, packed_on, file_len });
    }
    segments.sort_unstable_by_key(|segment| (segment.first, segment.packed_on));
    segments.dedup_by_key(|segment| segment.first);
    Ok(segments)
}

/// How often another look is taken at names that are being changed.
const LOOKS: usize = 10;

/// The same beside a running daemon, which may exchange a segment for its packed copy while the folder is read: two looks
/// in a row have to find the same ones.
pub(super) fn list_beside(
    disk: &dyn Disk,
    log_dir: &Path,
) -> Result<Vec<SegmentFile>, JournalError> {
    let mut found = list(disk, log_dir)?;
    for _look in 0..LOOKS {
        let again = list(disk, log_dir)?;
        let firsts = |segments: &[SegmentFile]| -> Vec<LogPosition> {
            segments.iter().map(|segment| segment.first).collect()
        };
        let same = firsts(&again) == firsts(&found);
        found = again;
        if same {
            break;
        }
    }
    Ok(found)
}

fn first_of(name: &str) -> Option<LogPosition> {
    let digits = name.strip_suffix(".seg").filter(|digits| digits.len() == 20);
    digits?.parse().ok().map(LogPosition)
}
