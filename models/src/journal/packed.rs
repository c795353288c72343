//! Nothing is recorded here.

use super::disk::Disk;
use super::error::JournalError;
use super::position::LogPosition;
use super::segment::SegmentFile;

/// The name of a packed segment; there are none.
pub(super) struct PackedName {
    pub(super) first: LogPosition,
    pub(super) len: u64,
    pub(super) day: u32,
}

impl PackedName {
    pub(super) fn parse(_: &str) -> Option<Self> {
        None
    }
}

/// What a packed segment was.
pub(super) struct Original;

pub(super) fn read(
    _: &dyn Disk,
    _: &SegmentFile,
    _: &mut Vec<u8>,
) -> Result<Original, JournalError> {
    Ok(Original)
}
