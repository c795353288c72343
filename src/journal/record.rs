//! The record: what the log consists of, and how one is told from damage.
//!
//! | bytes | field |
//! |---|---|
//! | 4 | CRC32C of all that follows, payload included |
//! | 4 | length of the payload |
//! | 1 | kind, a number of [`RecordKind`] |
//! | 1 | partition; 0 for marks and contexts |
//! | 8 | an input's sequence, a mark's number in its segment, or 0 for a context |
//! | … | payload |

use super::fields::Fields;
use super::position::LogPosition;
use crate::domain::ids::{InputPosition, InputSeq, PartitionId};

/// What a record is. The numbers are the format: none is ever reused, and a changed layout gets a
/// new one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(super) enum RecordKind {
    /// All before it in the segment has been synced.
    Group = 1,
    /// What the batches after it have in common.
    Context = 2,
    /// A group mark with no group: the log was closed here.
    End = 3,
    /// Fixes timed within 24 days of their receipt.
    Fixes = 16,
    /// Fixes timed at will.
    FixesFar = 17,
    /// Outcomes.
    Outcomes = 18,
    /// Profiles.
    Profiles = 19,
    /// Place hints.
    Hints = 20,
    /// A tick.
    Tick = 21,
    /// A publication.
    Publication = 22,
    /// A grant.
    Grant = 23,
    /// A policy from before visits were measured.
    PolicyWithoutVisits = 24,
    /// A policy from before devices had days.
    PolicyWithoutDays = 25,
    /// Devices to be forgotten.
    Erasures = 26,
    /// A policy.
    Policy = 27,
}

impl RecordKind {
    fn from_number(number: u8) -> Option<Self> {
        const ALL: [RecordKind; 15] = [
            RecordKind::Group,
            RecordKind::Context,
            RecordKind::End,
            RecordKind::Fixes,
            RecordKind::FixesFar,
            RecordKind::Outcomes,
            RecordKind::Profiles,
            RecordKind::Hints,
            RecordKind::Tick,
            RecordKind::Publication,
            RecordKind::Grant,
            RecordKind::PolicyWithoutVisits,
            RecordKind::PolicyWithoutDays,
            RecordKind::Erasures,
            RecordKind::Policy,
        ];
        ALL.into_iter().find(|&kind| kind as u8 == number)
    }
}

/// Bytes before the payload.
pub(super) const RECORD_HEADER_BYTES: usize = 18;

/// The longest payload: far above what the largest frame can make, so that a damaged length is
/// noticed.
pub(super) const MAX_PAYLOAD_BYTES: usize = 64 << 20;

/// A record as it lies in a segment; its CRC was right.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Record<'a> {
    pub(super) kind: RecordKind,
    pub(super) position: InputPosition,
    pub(super) payload: &'a [u8],
}

impl Record<'_> {
    /// Bytes it takes in the segment.
    pub(super) fn size(&self) -> usize {
        RECORD_HEADER_BYTES + self.payload.len()
    }
}

/// Why there is no record at a place.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum NoRecord {
    #[error("the file ends inside a record")]
    Ends,
    #[error("a record claims a payload of {0} bytes")]
    TooLong(usize),
    #[error("a record's checksum does not match")]
    BadSum,
    #[error("a record is of kind {0}, which this release doesn't know")]
    UnknownKind(u8),
    #[error("a group mark belongs to another place")]
    ForeignMark,
}

/// The payload of a record's bytes, to be changed; [`sum_again`] makes it a record again.
pub(super) fn payload_mut(record: &mut [u8]) -> &mut [u8] {
    &mut record[RECORD_HEADER_BYTES..]
}

/// Gives a record whose payload was changed the checksum that it needs.
pub(super) fn sum_again(record: &mut [u8]) {
    let sum = crc32c::crc32c(&record[4..]);
    record[..4].copy_from_slice(&sum.to_le_bytes());
}

/// Reads the record at the beginning of `bytes`.
pub(super) fn parse(bytes: &[u8]) -> Result<Record<'_>, NoRecord> {
    let (header, _) = bytes.split_first_chunk::<RECORD_HEADER_BYTES>().ok_or(NoRecord::Ends)?;
    let [s0, s1, s2, s3, l0, l1, l2, l3, kind, partition, seq @ ..] = *header;
    let len = usize::try_from(u32::from_le_bytes([l0, l1, l2, l3])).unwrap_or(usize::MAX);
    if len > MAX_PAYLOAD_BYTES {
        return Err(NoRecord::TooLong(len));
    }
    let summed = bytes.get(4..RECORD_HEADER_BYTES + len).ok_or(NoRecord::Ends)?;
    if crc32c::crc32c(summed) != u32::from_le_bytes([s0, s1, s2, s3]) {
        return Err(NoRecord::BadSum);
    }
    let position =
        InputPosition { partition: PartitionId(partition), seq: InputSeq(u64::from_le_bytes(seq)) };
    let kind = RecordKind::from_number(kind).ok_or(NoRecord::UnknownKind(kind))?;
    Ok(Record { kind, position, payload: &bytes[RECORD_HEADER_BYTES..RECORD_HEADER_BYTES + len] })
}

/// Appends a record whose payload `fill` writes.
pub(super) fn append(
    buffer: &mut Vec<u8>,
    kind: RecordKind,
    position: InputPosition,
    fill: impl FnOnce(&mut Vec<u8>),
) {
    let start = buffer.len();
    buffer.extend_from_slice(&[0; 8]);
    buffer.push(kind as u8);
    buffer.push(position.partition.0);
    buffer.extend_from_slice(&position.seq.0.to_le_bytes());
    fill(buffer);
    let len = buffer.len() - start - RECORD_HEADER_BYTES;
    assert!(len <= MAX_PAYLOAD_BYTES, "an input of {len} bytes: frames are bounded far below");
    let len = u32::try_from(len).expect("MAX_PAYLOAD_BYTES fits");
    buffer[start + 4..start + 8].copy_from_slice(&len.to_le_bytes());
    let sum = crc32c::crc32c(&buffer[start + 4..]);
    buffer[start..start + 4].copy_from_slice(&sum.to_le_bytes());
}

/// What a group mark proves itself by: where it lies and in which segment. Bytes that clients
/// choose can't look like one, and neither can a mark of another segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct GroupMark {
    /// Where the mark itself begins.
    pub(super) at: LogPosition,
    /// The beginning of the BLAKE3 of the segment's header.
    pub(super) salt: [u8; 8],
}

/// The payload of a group mark.
const MARK_PAYLOAD_BYTES: u32 = 16;

impl GroupMark {
    /// Appends the mark, of kind `Group` or `End`.
    pub(super) fn append(self, buffer: &mut Vec<u8>, kind: RecordKind, number: u64) {
        let position = InputPosition { partition: PartitionId(0), seq: InputSeq(number) };
        append(buffer, kind, position, |payload| {
            payload.extend_from_slice(&self.at.0.to_le_bytes());
            payload.extend_from_slice(&self.salt);
        });
    }

    pub(super) fn of(record: &Record<'_>) -> Option<Self> {
        if !matches!(record.kind, RecordKind::Group | RecordKind::End) {
            return None;
        }
        let mut fields = Fields::new(record.payload);
        let mark = Self { at: LogPosition(fields.u64().ok()?), salt: fields.bytes().ok()? };
        fields.is_empty().then_some(mark)
    }

    /// The offset of the first mark at or after `from` that belongs where it lies in a segment
    /// which begins at `first`.
    pub(super) fn find(
        bytes: &[u8],
        from: usize,
        first: LogPosition,
        salt: [u8; 8],
    ) -> Option<usize> {
        let pattern = MARK_PAYLOAD_BYTES.to_le_bytes();
        (from..bytes.len().saturating_sub(RECORD_HEADER_BYTES)).find(|&offset| {
            let at = &bytes[offset..];
            let mark = Self { at: LogPosition(first.0 + offset as u64), salt };
            at[4..8] == pattern
                && (at[8] == RecordKind::Group as u8 || at[8] == RecordKind::End as u8)
                && parse(at).is_ok_and(|record| Self::of(&record) == Some(mark))
        })
    }
}
