//! A segment of the recording, packed: its name, its header, and the way there and back.
//!
//! `log/<position>-<length>-<day>.rec`: the position and length of the segment that it was, and the day since 1970 on
//! which it was packed. All numbers are little-endian.
//!
//! | bytes | field |
//! |---|---|
//! | 8 | magic `GFDREC\r\n` |
//! | 2 | format |
//! | 2 | how it is packed: 1 is deflate |
//! | 8 | position of the segment's first byte in the log |
//! | 8 | length of the segment |
//! | 32 | BLAKE3 of the segment as it was written, as the header of the next one has it |
//! | 32 | BLAKE3 of what is packed; another one where devices were [erased](super::erase). Format 1 has none |
//! | 4 | CRC32C of all of this |
//!
//! The packed bytes follow, to the end of the file. What comes out is the segment, byte for byte but for what was erased,
//! so it stands in the chain as before.

use std::io::{self, IoSlice, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;

use super::disk::Disk;
use super::error::JournalError;
use super::fields::{Fields, Short};
use super::position::LogPosition;
use super::segment::SegmentFile;

/// The format that this release writes, and the newest that it reads.
pub const RECORDING_FORMAT: u16 = 2;

const MAGIC: [u8; 8] = *b"GFDREC\r\n";

/// The only way of packing so far.
const DEFLATE: u16 = 1;

const HEADER_BYTES: usize = 96;

/// The same in format 1, in which nothing could be erased.
const HEADER_BYTES_1: usize = 64;

/// Sealed devices do not pack, and the rest is as small at the lowest level as at higher ones.
const LEVEL: Compression = Compression::fast();

/// The segment that a packed one was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Original {
    /// BLAKE3 of it, as it was written.
    pub(super) digest: [u8; 32],
    /// Whether devices were erased from it since.
    pub(super) is_erased: bool,
}

/// What a packed segment's name says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct PackedName {
    pub(super) first: LogPosition,
    /// Of the segment that it was.
    pub(super) len: u64,
    /// Days since 1970, UTC.
    pub(super) day: u32,
}

impl PackedName {
    pub(super) fn parse(name: &str) -> Option<Self> {
        let mut parts = name.strip_suffix(".rec")?.split('-');
        let first = LogPosition(parts.next().filter(|digits| digits.len() == 20)?.parse().ok()?);
        let (len, day) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        parts.next().is_none().then_some(Self { first, len, day })
    }

    pub(super) fn path(self, log_dir: &Path) -> PathBuf {
        let Self { first, len, day } = self;
        log_dir.join(format!("{:020}-{len:010}-{day:05}.rec", first.0))
    }
}

/// Puts a packed copy in a segment's place: durable with its name before the segment goes. Who else looks at the names
/// waits for `names` meanwhile, so that nobody finds neither.
pub(super) fn replace(
    disk: &dyn Disk,
    (log_dir, names): (&Path, &Mutex<()>),
    segment: &SegmentFile,
    day: u32,
) -> Result<SegmentFile, JournalError> {
    let mut plain = Vec::new();
    let read = disk.read(&segment.path, &mut plain);
    read.map_err(JournalError::io("read", &segment.path))?;
    let (first, len) = (segment.first, plain.len() as u64);
    let packed = packed_bytes(&plain, first, *blake3::hash(&plain).as_bytes());
    let path = PackedName { first, len, day }.path(log_dir);
    let temporary = path.with_extension("rec.new");
    let name = || -> io::Result<()> {
        disk.rename(&temporary, &path)?;
        disk.sync_dir(log_dir)
    };
    let written = write(disk, &temporary, &packed);
    let names = names.lock().unwrap_or_else(PoisonError::into_inner);
    if let Err(error) = written.and_then(|()| name()) {
        // It holds room that others may wait for. If it can't be removed, the next start does it. The segment is still
        // there, so its copy may go even where only its name was not made durable.
        let _gone = disk.remove(&temporary);
        let _gone = disk.remove(&path);
        return Err(JournalError::io("write", &temporary)(error));
    }
    let removed = disk.remove(&segment.path);
    drop(names);
    removed.map_err(JournalError::io("remove", &segment.path))?;
    let file_len = packed.len() as u64;
    Ok(SegmentFile { path, first, len, packed_on: Some(day), file_len })
}

fn write(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = disk.create(path)?;
    file.append(&mut [IoSlice::new(bytes)])?;
    file.sync_data()
}

/// Puts other bytes in the place of what a packed segment holds; `original` is the digest of the segment as it was
/// written. One that is removed meanwhile is let be.
pub(super) fn rewrite(
    disk: &dyn Disk,
    (log_dir, names): (&Path, &Mutex<()>),
    segment: &SegmentFile,
    (plain, original): (&[u8], [u8; 32]),
) -> Result<(), JournalError> {
    let path = &segment.path;
    let temporary = path.with_extension("rec.new");
    let packed = packed_bytes(plain, segment.first, original);
    let written = write(disk, &temporary, &packed);
    let names = names.lock().unwrap_or_else(PoisonError::into_inner);
    let is_there = match disk.len(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        found => found.map(|_len| true),
    };
    let replaced = written.and(is_there).and_then(|is_there| {
        if !is_there {
            return disk.remove(&temporary);
        }
        disk.rename(&temporary, path)?;
        disk.sync_dir(log_dir)
    });
    drop(names);
    if replaced.is_err() {
        // It holds room that others may wait for. If it can't be removed, the next start does it.
        let _gone = disk.remove(&temporary);
    }
    replaced.map_err(JournalError::io("write", &temporary))
}

fn packed_bytes(plain: &[u8], first: LogPosition, original: [u8; 32]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER_BYTES + plain.len());
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&RECORDING_FORMAT.to_le_bytes());
    bytes.extend_from_slice(&DEFLATE.to_le_bytes());
    bytes.extend_from_slice(&first.0.to_le_bytes());
    bytes.extend_from_slice(&(plain.len() as u64).to_le_bytes());
    bytes.extend_from_slice(&original);
    bytes.extend_from_slice(blake3::hash(plain).as_bytes());
    bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());
    let mut packer = DeflateEncoder::new(bytes, LEVEL);
    let packed = packer.write_all(plain).and_then(|()| packer.finish());
    packed.expect("memory takes all bytes")
}

/// Reads a segment that is packed, into `into`. Gives what it was.
pub(super) fn read(
    disk: &dyn Disk,
    segment: &SegmentFile,
    into: &mut Vec<u8>,
) -> Result<Original, JournalError> {
    let path = &segment.path;
    let mut packed = Vec::new();
    disk.read(path, &mut packed).map_err(JournalError::io("read", path))?;
    unpack(&packed, (segment.first, segment.len), into).map_err(|reason| {
        let path = path.clone();
        if let NoSegment::Newer(format) = reason {
            return JournalError::NewerFormat { path, format, known: RECORDING_FORMAT };
        }
        JournalError::Corrupt { path, offset: 0, after: None, reason: reason.to_string() }
    })
}

/// Why bytes are no packed segment of that name.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum NoSegment {
    #[error("the file is shorter than a packed segment's header")]
    Ends,
    #[error("it does not begin as a packed segment does")]
    BadMagic,
    #[error("the header's checksum does not match")]
    BadSum,
    #[error("format {0}")]
    Newer(u16),
    #[error("it is packed in the way {0}, which is unknown")]
    UnknownPacking(u16),
    #[error("its header is that of another segment than its name")]
    OtherName,
    #[error("what is packed in it does not come out: {0}")]
    Unpackable(String),
    #[error("what comes out of it is not what was packed")]
    BadDigest,
}

impl From<Short> for NoSegment {
    fn from(Short: Short) -> Self {
        Self::Ends
    }
}

fn unpack(
    bytes: &[u8],
    (first, len): (LogPosition, u64),
    into: &mut Vec<u8>,
) -> Result<Original, NoSegment> {
    let mut fields = Fields::new(bytes);
    if fields.bytes()? != MAGIC {
        return Err(NoSegment::BadMagic);
    }
    let format = fields.u16()?;
    let header_bytes = if format == 1 { HEADER_BYTES_1 } else { HEADER_BYTES };
    let (header, packed) = bytes.split_at_checked(header_bytes).ok_or(NoSegment::Ends)?;
    let packing = fields.u16()?;
    let named = (LogPosition(fields.u64()?), fields.u64()?);
    let original: [u8; 32] = fields.bytes()?;
    let digest = if format == 1 { original } else { fields.bytes()? };
    if fields.u32()? != crc32c::crc32c(&header[..header_bytes - 4]) {
        return Err(NoSegment::BadSum);
    }
    if format > RECORDING_FORMAT {
        return Err(NoSegment::Newer(format));
    }
    if packing != DEFLATE {
        return Err(NoSegment::UnknownPacking(packing));
    }
    if named != (first, len) {
        return Err(NoSegment::OtherName);
    }
    into.clear();
    // One byte more than there should be: forged bytes must not fill the memory.
    let read = DeflateDecoder::new(packed).take(len.saturating_add(1)).read_to_end(into);
    read.map_err(|error| NoSegment::Unpackable(error.to_string()))?;
    if into.len() as u64 != len || *blake3::hash(into).as_bytes() != digest {
        return Err(NoSegment::BadDigest);
    }
    Ok(Original { digest: original, is_erased: original != digest })
}
