//! The 32 bytes every frame begins with, in both directions.
//!
//! A header alone tells how long its frame is and whether it can be right, so a hostile length is refused
//! before a byte of the body is waited for.

use super::bytes::{Fields, put};
use super::frame::FrameError;
use super::limits::{FrameLimits, HEADER_BYTES};
use crate::domain::ids::{AppId, FrameSeq, StreamNo};
use crate::domain::units::UtcMs;

/// What a frame is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum FrameKind {
    /// A client opens a connection.
    Hello = 1,
    /// The daemon lets it in and says what it may do.
    HelloAck = 2,
    /// The daemon has everything up to a sequence safe.
    Ack = 3,
    /// Positions.
    Pings = 16,
    /// What became of pushes.
    Outcomes = 17,
    /// What devices are.
    Profiles = 18,
    /// What devices found out about places.
    Hints = 19,
}

impl FrameKind {
    /// Every kind, in the order of its number.
    pub const ALL: [Self; 7] = [
        Self::Hello,
        Self::HelloAck,
        Self::Ack,
        Self::Pings,
        Self::Outcomes,
        Self::Profiles,
        Self::Hints,
    ];

    /// Its number on the wire.
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8
    }

    /// The kind with this number, if there is one.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
    }

    /// Whether it carries records of devices, is numbered and gets acknowledged.
    #[must_use]
    pub fn is_intake(self) -> bool {
        self.number() >= Self::Pings.number()
    }

    /// The size of one record, bytes; 0 for kinds that have a body instead.
    #[must_use]
    pub fn record_bytes(self) -> usize {
        match self {
            Self::Hello | Self::HelloAck => 0,
            Self::Ack => super::ack::ACK_ENTRY_BYTES,
            Self::Pings => super::record::PING_BYTES,
            Self::Outcomes => super::reports::OUTCOME_BYTES,
            Self::Profiles => super::reports::PROFILE_BYTES,
            Self::Hints => super::reports::HINT_BYTES,
        }
    }

    /// Its name in messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Hello => "hello",
            Self::HelloAck => "hello_ack",
            Self::Ack => "ack",
            Self::Pings => "pings",
            Self::Outcomes => "outcomes",
            Self::Profiles => "profiles",
            Self::Hints => "hints",
        }
    }
}

impl std::fmt::Display for FrameKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// A frame's header, checked in itself. Whether it fits where it came is the connection's to say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// What the frame is.
    pub kind: FrameKind,
    /// How many records follow; 0 for hello and hello_ack.
    pub records: u16,
    /// How many bytes follow.
    pub body_bytes: u32,
    /// The frame's number, or in an ack the highest number that is safe; 0 for hello and hello_ack.
    pub seq: FrameSeq,
    /// The app that the records speak for; 0 outside intake frames.
    pub app: AppId,
    /// The stream it belongs to; 0 for hello and hello_ack.
    pub stream: StreamNo,
    /// What the records' time offsets count from; 0 outside intake frames.
    pub base: UtcMs,
}

impl Header {
    /// Reads and checks a header.
    ///
    /// # Errors
    /// [`FrameError`], which names the field and what to change.
    pub fn decode(bytes: &[u8; HEADER_BYTES], limits: FrameLimits) -> Result<Self, FrameError> {
        let kind = FrameKind::from_number(bytes[0]).ok_or(FrameError::UnknownKind(bytes[0]))?;
        if bytes[1] != 0 {
            return Err(FrameError::Flags { kind, flags: bytes[1] });
        }
        let header = Self {
            kind,
            records: bytes.u16_at(2),
            body_bytes: bytes.u32_at(4),
            seq: FrameSeq(bytes.u64_at(8)),
            app: AppId(bytes.u32_at(16)),
            stream: StreamNo(bytes.u32_at(20)),
            base: UtcMs(bytes.i64_at(24)),
        };
        header.check(limits)?;
        Ok(header)
    }

    /// Appends the header.
    pub fn encode(&self, into: &mut Vec<u8>) {
        let mut bytes = [0; HEADER_BYTES];
        bytes[0] = self.kind.number();
        put(&mut bytes, 2, &self.records.to_le_bytes());
        put(&mut bytes, 4, &self.body_bytes.to_le_bytes());
        put(&mut bytes, 8, &self.seq.0.to_le_bytes());
        put(&mut bytes, 16, &self.app.0.to_le_bytes());
        put(&mut bytes, 20, &self.stream.0.to_le_bytes());
        put(&mut bytes, 24, &self.base.0.to_le_bytes());
        into.extend_from_slice(&bytes);
    }

    /// The body's length as an index.
    #[must_use]
    pub fn body_len(&self) -> usize {
        self.body_bytes as usize
    }

    fn check(&self, limits: FrameLimits) -> Result<(), FrameError> {
        let kind = self.kind;
        let (records, body) = (usize::from(self.records), self.body_len());
        if kind.is_intake() && records > limits.max_records {
            return Err(FrameError::TooManyRecords { kind, records, max: limits.max_records });
        }
        let max = limits.max_body_bytes(kind);
        if body > max {
            return Err(FrameError::TooLong { kind, bytes: body, max });
        }
        if kind.record_bytes() > 0 && body != records * kind.record_bytes() {
            return Err(FrameError::Length { kind, records, bytes: body });
        }
        if kind.is_intake() { self.check_intake() } else { self.check_service() }
    }

    fn check_intake(&self) -> Result<(), FrameError> {
        if self.records == 0 {
            return Err(FrameError::Empty(self.kind));
        }
        if self.seq.0 == 0 {
            return Err(FrameError::SequenceZero);
        }
        if self.stream.0 == 0 {
            return Err(FrameError::StreamZero);
        }
        Ok(())
    }

    fn check_service(&self) -> Result<(), FrameError> {
        let kind = self.kind;
        let opens = matches!(kind, FrameKind::Hello | FrameKind::HelloAck);
        let stray = [
            ("record count", opens && self.records != 0),
            ("sequence", opens && self.seq.0 != 0),
            ("app", self.app.0 != 0),
            ("stream", opens && self.stream.0 != 0),
            ("base time", self.base.0 != 0),
        ];
        match stray.into_iter().find(|&(_, wrong)| wrong) {
            Some((field, _)) => Err(FrameError::NotZero { kind, field }),
            None => Ok(()),
        }
    }
}
