//! How a connection ends: the QUIC application error codes, and what a client does after each.

/// Why a connection was closed. The number is QUIC's application error code.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum CloseCode {
    /// The one who closed is finished.
    Done = 0x00,
    /// A fault of the daemon's own.
    Internal = 0x01,
    /// The daemon is stopping. What it had read is acknowledged.
    Draining = 0x02,
    /// Another connection of the same account and instance took over.
    Superseded = 0x03,
    /// The daemon has as many connections as it may have.
    TooManyConnections = 0x04,
    /// The account has as many connections as it may have.
    TooManyForAccount = 0x05,
    /// Intake is closed until an operator acts.
    Unavailable = 0x06,
    /// The hello did not come in time.
    HelloTimeout = 0x07,
    /// A frame was begun and not finished in time.
    FrameTimeout = 0x08,
    /// The hello asks for a version that is not spoken here.
    UnsupportedVersion = 0x10,
    /// The hello cannot be read.
    BadHello = 0x11,
    /// No credentials, unknown ones, or ones that were revoked.
    Unauthenticated = 0x12,
    /// The credentials are good, but not for ingest.
    Forbidden = 0x13,
    /// A frame type that does not exist.
    UnknownFrame = 0x20,
    /// A frame in a place where it has no business.
    UnexpectedFrame = 0x21,
    /// A header that contradicts itself.
    BadHeader = 0x22,
    /// More records or bytes than agreed.
    FrameTooLarge = 0x23,
    /// A frame without records.
    EmptyFrame = 0x24,
    /// A sequence that does not follow the one before it.
    BadSequence = 0x25,
    /// A stream number that is 0, changed or taken.
    BadStream = 0x26,
    /// A stream that ended within a frame.
    Truncated = 0x27,
}

/// What a client does after a close.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Retry {
    /// Connect again at once, with the usual pauses between attempts, and resend.
    Reconnect,
    /// Connect again after ten seconds or more, and resend.
    Later,
    /// Give up: the same again would end the same. A person has to change something.
    Never,
}

impl CloseCode {
    /// Every code, in the order of its number.
    pub const ALL: [Self; 21] = [
        Self::Done,
        Self::Internal,
        Self::Draining,
        Self::Superseded,
        Self::TooManyConnections,
        Self::TooManyForAccount,
        Self::Unavailable,
        Self::HelloTimeout,
        Self::FrameTimeout,
        Self::UnsupportedVersion,
        Self::BadHello,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::UnknownFrame,
        Self::UnexpectedFrame,
        Self::BadHeader,
        Self::FrameTooLarge,
        Self::EmptyFrame,
        Self::BadSequence,
        Self::BadStream,
        Self::Truncated,
    ];

    /// Its number on the wire.
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8
    }

    /// The code with this number, if there is one.
    #[must_use]
    pub fn from_number(number: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|code| u64::from(code.number()) == number)
    }

    /// Its name in the specification, in logs and in metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Internal => "internal",
            Self::Draining => "draining",
            Self::Superseded => "superseded",
            Self::TooManyConnections => "too_many_connections",
            Self::TooManyForAccount => "too_many_for_account",
            Self::Unavailable => "unavailable",
            Self::HelloTimeout => "hello_timeout",
            Self::FrameTimeout => "frame_timeout",
            Self::UnsupportedVersion => "unsupported_version",
            Self::BadHello => "bad_hello",
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden => "forbidden",
            Self::UnknownFrame => "unknown_frame",
            Self::UnexpectedFrame => "unexpected_frame",
            Self::BadHeader => "bad_header",
            Self::FrameTooLarge => "frame_too_large",
            Self::EmptyFrame => "empty_frame",
            Self::BadSequence => "bad_sequence",
            Self::BadStream => "bad_stream",
            Self::Truncated => "truncated",
        }
    }

    /// What a client does after it. `Done` is for a client with nothing left to send; one that is still open
    /// has, or will have.
    #[must_use]
    pub fn retry(self) -> Retry {
        match self {
            Self::Done
            | Self::Draining
            | Self::HelloTimeout
            | Self::FrameTimeout
            | Self::Internal => Retry::Reconnect,
            Self::TooManyConnections | Self::TooManyForAccount | Self::Unavailable => Retry::Later,
            Self::Superseded
            | Self::UnsupportedVersion
            | Self::BadHello
            | Self::Unauthenticated
            | Self::Forbidden
            | Self::UnknownFrame
            | Self::UnexpectedFrame
            | Self::BadHeader
            | Self::FrameTooLarge
            | Self::EmptyFrame
            | Self::BadSequence
            | Self::BadStream
            | Self::Truncated => Retry::Never,
        }
    }
}

impl std::fmt::Display for CloseCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
