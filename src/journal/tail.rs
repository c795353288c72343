//! The end of the log after a stop of any kind: what is whole, what was torn, what is damaged.
//!
//! Only the last segment can be torn, since a segment is begun after all before it was synced.
//! Within it everything before the last group mark was synced before that mark was written. So a
//! bad record with a mark of its segment behind it is damage, and is reported; one without is the
//! end of a write that was under way, and is cut. Damage to the very last group, if no mark of a
//! clean end follows it, can't be told from a torn write; the checkpoints' positions bound how much
//! that could hide.

use super::error::JournalError;
use super::position::LogPosition;
use super::record::{self, GroupMark, NoRecord, RecordKind};
use super::segment::{NoHeader, SEGMENT_HEADER_BYTES, SegmentFile, SegmentHeader};

/// How the log ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tail {
    /// Whether the daemon closed it; else it was killed, or the power failed.
    pub clean: bool,
    /// Bytes of torn writes that were cut. No one was told that they were stored.
    pub cut_bytes: u64,
    /// Where the log ends now.
    pub end: LogPosition,
}

/// Finds the whole part of the last segment.
///
/// The tail's end is its beginning if not even its header is whole: then the file is to be removed.
/// A whole header without records stays, because positions behind it may have been given away.
pub(super) fn examine(bytes: &[u8], segment: &SegmentFile) -> Result<Tail, JournalError> {
    let Some(header) = header_of(bytes, segment)? else {
        return Ok(tail(segment, 0, bytes.len(), false));
    };
    let salt = header.salt();
    let mut offset = SEGMENT_HEADER_BYTES;
    let mut last = None;
    while offset < bytes.len() {
        match next_size(bytes, offset, segment.first, salt) {
            Ok((size, kind)) => {
                offset += size;
                last = Some(kind);
            }
            Err(reason) => {
                let known = !matches!(reason, NoRecord::UnknownKind(_));
                if known && GroupMark::find(bytes, offset + 1, segment.first, salt).is_none() {
                    return Ok(tail(segment, offset, bytes.len(), false));
                }
                return Err(JournalError::Corrupt {
                    path: segment.path.clone(),
                    offset: offset as u64,
                    after: last_input(&bytes[..offset]),
                    reason: reason.to_string(),
                });
            }
        }
    }
    Ok(tail(segment, offset, bytes.len(), last == Some(RecordKind::End)))
}

fn header_of(bytes: &[u8], segment: &SegmentFile) -> Result<Option<SegmentHeader>, JournalError> {
    match SegmentHeader::parse(bytes) {
        Ok(header) => Ok(Some(header)),
        Err(NoHeader::Newer(format)) => Err(newer(segment, format)),
        // Records are written after the header is synced: without any, the header may be torn.
        Err(_) if bytes.len() <= SEGMENT_HEADER_BYTES => Ok(None),
        Err(reason) => Err(JournalError::Corrupt {
            path: segment.path.clone(),
            offset: 0,
            after: None,
            reason: reason.to_string(),
        }),
    }
}

pub(super) fn newer(segment: &SegmentFile, format: u16) -> JournalError {
    let known = super::segment::LOG_FORMAT;
    JournalError::NewerFormat { path: segment.path.clone(), format, known }
}

/// Size and kind of the record at `offset`; a mark must belong there.
fn next_size(
    bytes: &[u8],
    offset: usize,
    first: LogPosition,
    salt: [u8; 8],
) -> Result<(usize, RecordKind), NoRecord> {
    let record = record::parse(&bytes[offset..])?;
    let is_mark = matches!(record.kind, RecordKind::Group | RecordKind::End);
    let expected = GroupMark { at: LogPosition(first.0 + offset as u64), salt };
    if is_mark && GroupMark::of(&record) != Some(expected) {
        return Err(NoRecord::ForeignMark);
    }
    Ok((record.size(), record.kind))
}

fn tail(segment: &SegmentFile, keep: usize, len: usize, clean: bool) -> Tail {
    let end = LogPosition(segment.first.0 + keep as u64);
    Tail { clean, cut_bytes: (len - keep) as u64, end }
}

/// The last input in whole records, to say where damage lies.
fn last_input(whole: &[u8]) -> Option<crate::domain::ids::InputPosition> {
    let mut offset = SEGMENT_HEADER_BYTES;
    let mut last = None;
    while let Some(Ok(record)) = whole.get(offset..).map(record::parse) {
        if !matches!(record.kind, RecordKind::Group | RecordKind::End | RecordKind::Context) {
            last = Some(record.position);
        }
        offset += record.size();
    }
    last
}
