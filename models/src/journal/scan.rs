//! What the writer begins behind.

use super::position::LogPosition;

#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    pub(super) number: u64,
    pub(super) end: LogPosition,
    pub(super) digest: [u8; 32],
}
