//! How a run of bytes becomes frames, and everything that can be wrong with one.

use super::ack::Ack;
use super::close::CloseCode;
use super::header::{FrameKind, Header};
use super::hello::{Hello, HelloAck};
use super::limits::{FrameLimits, HEADER_BYTES, MAX_AGENT_BYTES, MAX_TOKEN_BYTES, VERSION};
use super::record::Pings;
use super::reports::{Hints, Outcomes, Profiles};

/// A frame that lies complete in somebody's buffer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Frame<'a> {
    /// Its header.
    pub header: Header,
    /// Its body, borrowed.
    pub body: Body<'a>,
}

/// What a frame carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Body<'a> {
    /// A client opens a connection.
    Hello(Hello<'a>),
    /// The daemon lets it in.
    HelloAck(HelloAck),
    /// Everything up to a sequence is safe.
    Ack(Ack),
    /// Positions.
    Pings(Pings<'a>),
    /// What became of pushes.
    Outcomes(Outcomes<'a>),
    /// What devices are.
    Profiles(Profiles<'a>),
    /// What devices found out about places.
    Hints(Hints<'a>),
}

/// What lies at the start of a buffer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "one at a time, on the stack; the counts of an ack make it large"
)]
pub enum Step<'a> {
    /// A whole frame, and the rest of the buffer behind it.
    Whole(Frame<'a>, &'a [u8]),
    /// Part of a frame: nothing can be said before the buffer holds so many bytes.
    Needs(usize),
}

/// Looks at the start of `buffer` for a frame. A header that cannot be right is refused at once, without
/// waiting for its body.
///
/// # Errors
/// [`FrameError`], after which nothing behind it in the stream can be read.
pub fn next(buffer: &[u8], limits: FrameLimits) -> Result<Step<'_>, FrameError> {
    let Some((head, behind)) = buffer.split_first_chunk::<HEADER_BYTES>() else {
        return Ok(Step::Needs(HEADER_BYTES));
    };
    let header = Header::decode(head, limits)?;
    let Some((body, rest)) = behind.split_at_checked(header.body_len()) else {
        return Ok(Step::Needs(HEADER_BYTES + header.body_len()));
    };
    let body = match header.kind {
        FrameKind::Hello => Body::Hello(Hello::decode(body)?),
        FrameKind::HelloAck => Body::HelloAck(HelloAck::decode(body)?),
        FrameKind::Ack => Body::Ack(Ack::decode(&header, body)),
        FrameKind::Pings => Body::Pings(Pings::new(&header, body)),
        FrameKind::Outcomes => Body::Outcomes(Outcomes::new(&header, body)),
        FrameKind::Profiles => Body::Profiles(Profiles::new(&header, body)),
        FrameKind::Hints => Body::Hints(Hints::new(&header, body)),
    };
    Ok(Step::Whole(Frame { header, body }, rest))
}

/// The kind of the frame that begins a buffer, if its first byte names one: for a place where not every kind has
/// business, which can say so before the rest is there or looked at.
#[must_use]
pub fn kind_at(buffer: &[u8]) -> Option<FrameKind> {
    buffer.first().copied().and_then(FrameKind::from_number)
}

/// Why bytes are no frame. Each says what the sender has to change.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FrameError {
    /// The first byte names no kind of frame.
    #[error(
        "frame type {0} does not exist; use 1 for hello, 16 to 19 for pings, outcomes, profiles and hints"
    )]
    UnknownKind(u8),
    /// A flag without a meaning.
    #[error("the flags of a {kind} frame are {flags:#04x}; set them to 0, version 1 has none")]
    Flags {
        /// The frame.
        kind: FrameKind,
        /// Its flags.
        flags: u8,
    },
    /// More records than agreed.
    #[error("a {kind} frame has {records} records; send at most {max} in one frame")]
    TooManyRecords {
        /// The frame.
        kind: FrameKind,
        /// How many it announces.
        records: usize,
        /// The limit.
        max: usize,
    },
    /// A longer body than its kind may have.
    #[error("the body of a {kind} frame is {bytes} bytes; it may have at most {max}")]
    TooLong {
        /// The frame.
        kind: FrameKind,
        /// What it announces.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// Length and record count contradict each other.
    #[error(
        "a {kind} frame announces {records} records and {bytes} bytes; the body length must be \
         {} bytes a record",
        kind.record_bytes()
    )]
    Length {
        /// The frame.
        kind: FrameKind,
        /// How many records it announces.
        records: usize,
        /// How many bytes.
        bytes: usize,
    },
    /// A frame without records.
    #[error("a {0} frame has no records; leave such a frame out")]
    Empty(FrameKind),
    /// Sequences begin at 1.
    #[error("a frame has sequence 0; number the frames of each stream from 1")]
    SequenceZero,
    /// Streams begin at 1.
    #[error("a frame has stream number 0; number streams from 1")]
    StreamZero,
    /// A header field that this kind does not use.
    #[error("the {field} of a {kind} frame is not 0; this kind does not use it")]
    NotZero {
        /// The frame.
        kind: FrameKind,
        /// The field.
        field: &'static str,
    },
    /// A hello of another version.
    #[error("the hello asks for version {0}; this side speaks version {VERSION}")]
    Version(u16),
    /// A hello whose parts do not fill its body.
    #[error(
        "a hello of {bytes} body bytes says it has a token of {token} and an agent of {agent} bytes; \
         the body length must be 24 + both"
    )]
    HelloLength {
        /// The body's length.
        bytes: usize,
        /// The token's.
        token: usize,
        /// The agent's.
        agent: usize,
    },
    /// A token that cannot be one of ours.
    #[error("the hello's token has {0} bytes; a token has at most {MAX_TOKEN_BYTES}")]
    TokenLength(usize),
    /// A name that is too long.
    #[error("the hello's agent has {0} bytes; give it at most {MAX_AGENT_BYTES}")]
    AgentLength(usize),
    /// Text that is not text.
    #[error("the hello's {0} is not UTF-8 text")]
    Text(&'static str),
    /// An instance that anybody might have.
    #[error("the hello's instance is all zeros; draw 16 random bytes once and keep them")]
    NoInstance,
    /// A reserved field that is not 0.
    #[error("reserved bytes of a {0} frame are not 0; set them to 0")]
    Reserved(FrameKind),
    /// An answer of the daemon that promises something else.
    #[error("the hello_ack's ack mode is {0}; this side knows mode 1 alone")]
    AckMode(u8),
    /// An answer of the daemon that is shorter than this version's.
    #[error("the hello_ack has {0} body bytes; version {VERSION} has at least 40")]
    HelloAckLength(usize),
}

impl FrameError {
    /// The code to close the connection with.
    #[must_use]
    pub fn code(&self) -> CloseCode {
        match self {
            Self::UnknownKind(_) => CloseCode::UnknownFrame,
            Self::Flags { .. } | Self::NotZero { .. } | Self::Reserved(_) | Self::Length { .. } => {
                CloseCode::BadHeader
            }
            Self::TooManyRecords { .. } | Self::TooLong { .. } => CloseCode::FrameTooLarge,
            Self::Empty(_) => CloseCode::EmptyFrame,
            Self::SequenceZero => CloseCode::BadSequence,
            Self::StreamZero => CloseCode::BadStream,
            Self::Version(_) => CloseCode::UnsupportedVersion,
            Self::HelloLength { .. }
            | Self::TokenLength(_)
            | Self::AgentLength(_)
            | Self::Text(_)
            | Self::NoInstance
            | Self::AckMode(_)
            | Self::HelloAckLength(_) => CloseCode::BadHello,
        }
    }
}
