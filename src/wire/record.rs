//! Ping records: the 32 bytes that make up nearly all of the traffic.

use super::bytes::{Fields, put};
use super::header::{FrameKind, Header};
use super::limits::MAX_FRAME_RECORDS;
use crate::domain::ids::{AppId, DeviceId, FrameSeq, StreamNo};
use crate::domain::ping::{Ping, PingFlags};
use crate::domain::units::UtcMs;

/// The size of a ping record.
pub const PING_BYTES: usize = 32;

/// The pings of a frame, decoded one at a time from the bytes they lie in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pings<'a> {
    records: &'a [[u8; PING_BYTES]],
    base: UtcMs,
}

impl<'a> Pings<'a> {
    /// The header has been checked: the body is a whole number of records.
    pub(super) fn new(header: &Header, body: &'a [u8]) -> Self {
        Self { records: body.as_chunks().0, base: header.base }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there are none; a frame has at least one.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The pings, in the order of the frame.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Ping> + use<'a> {
        let base = self.base;
        self.records.iter().map(move |record| decode_ping(record, base))
    }
}

#[inline]
fn decode_ping(record: &[u8; PING_BYTES], base: UtcMs) -> Ping {
    Ping {
        device: DeviceId(record.id_at(0)),
        lat_e7: record.i32_at(16),
        lon_e7: record.i32_at(20),
        fixed_at: base + i64::from(record.u32_at(24)),
        accuracy_m: record.u16_at(28),
        flags: PingFlags(record.u16_at(30)),
    }
}

/// What an intake frame has besides its records.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FrameHead {
    /// The stream it goes out on.
    pub stream: StreamNo,
    /// Its number there.
    pub seq: FrameSeq,
    /// The app that the records speak for.
    pub app: AppId,
}

/// Appends a frame of pings. The base time is that of the earliest.
///
/// # Errors
/// [`EncodeError`] when the records do not fit one frame; nothing is appended then.
pub fn encode_pings(
    head: FrameHead,
    pings: &[Ping],
    into: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    let base = begin(head, FrameKind::Pings, pings, |ping| ping.fixed_at, into)?;
    for ping in pings {
        let mut record = [0; PING_BYTES];
        put(&mut record, 0, &ping.device.0);
        put(&mut record, 16, &ping.lat_e7.to_le_bytes());
        put(&mut record, 20, &ping.lon_e7.to_le_bytes());
        put(&mut record, 24, &offset(ping.fixed_at, base).to_le_bytes());
        put(&mut record, 28, &ping.accuracy_m.to_le_bytes());
        put(&mut record, 30, &ping.flags.0.to_le_bytes());
        into.extend_from_slice(&record);
    }
    Ok(())
}

/// Checks that the records fit one frame, appends its header and returns its base time.
pub(super) fn begin<T>(
    head: FrameHead,
    kind: FrameKind,
    records: &[T],
    time: impl Fn(&T) -> UtcMs,
    into: &mut Vec<u8>,
) -> Result<UtcMs, EncodeError> {
    let count = u16::try_from(records.len()).unwrap_or(u16::MAX);
    if records.is_empty() || usize::from(count) > MAX_FRAME_RECORDS {
        return Err(EncodeError::Count(records.len()));
    }
    let base = records.iter().map(&time).min().unwrap_or_default();
    let last = records.iter().map(&time).max().unwrap_or_default();
    if last.since(base) > i64::from(u32::MAX) {
        return Err(EncodeError::Spread { first: base, last });
    }
    let body_bytes = u32::from(count) * u32::try_from(kind.record_bytes()).unwrap_or(u32::MAX);
    into.reserve(super::limits::HEADER_BYTES + body_bytes as usize);
    let FrameHead { stream, seq, app } = head;
    Header { kind, records: count, body_bytes, seq, app, stream, base }.encode(into);
    Ok(base)
}

/// Milliseconds from the base; [`begin`] has checked that they fit.
pub(super) fn offset(time: UtcMs, base: UtcMs) -> u32 {
    u32::try_from(time.since(base)).unwrap_or(u32::MAX)
}

/// Why records do not fit one frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum EncodeError {
    /// None, or too many.
    #[error("{0} records do not make a frame; give it 1 to {MAX_FRAME_RECORDS}")]
    Count(usize),
    /// Instants too far apart for one base time.
    #[error(
        "one frame spans {first} to {last}; its records may lie at most 4,294,967,295 ms (49 days) \
         apart: split it"
    )]
    Spread {
        /// The earliest instant.
        first: UtcMs,
        /// The latest.
        last: UtcMs,
    },
}
