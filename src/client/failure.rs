//! What can go wrong for a client, and whether trying again helps.

use std::sync::Arc;

use quinn::ConnectionError;

use crate::domain::ids::{FrameSeq, StreamNo};
use crate::wire::close::{CloseCode, Retry};
use crate::wire::frame::FrameError;
use crate::wire::record::EncodeError;

/// Why a client cannot do what it was asked. Cheap to clone: all streams of a client share one failure.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ClientError {
    /// The socket could not be made.
    #[error("no UDP socket: {0}")]
    Socket(Arc<std::io::Error>),
    /// The options cannot be used for TLS.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
    /// The address or the server name cannot be used.
    #[error("cannot connect: {0}")]
    Connect(String),
    /// The daemon closed the connection.
    #[error("the daemon closed the connection ({name}): {reason}", name = code_name(*code))]
    Closed {
        /// The application error code.
        code: u64,
        /// The daemon's sentence.
        reason: String,
    },
    /// The connection was lost, refused or timed out.
    #[error("no connection: {0}")]
    Lost(ConnectionError),
    /// The daemon answered something that is no frame.
    #[error("the daemon's answer cannot be read: {0}")]
    Frame(#[from] FrameError),
    /// The daemon answered a frame that has no place there.
    #[error("the daemon answered {0} where it must not")]
    Unexpected(&'static str),
    /// The daemon acknowledged what was not sent.
    #[error("the daemon acknowledged sequence {upto} on stream {stream}, which was not sent")]
    AckBeyond {
        /// The stream.
        stream: StreamNo,
        /// The sequence.
        upto: FrameSeq,
    },
    /// The hello cannot be written.
    #[error("the hello cannot be written: {0}")]
    Hello(FrameError),
    /// The records do not make a frame.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// More records than the daemon takes in a frame.
    #[error("{records} records; the daemon takes at most {max} in a frame")]
    TooManyRecords {
        /// How many.
        records: usize,
        /// How many it takes.
        max: usize,
    },
    /// So many attempts in a row failed.
    #[error("gave up after {attempts} attempts; the last: {last}")]
    GaveUp {
        /// How many.
        attempts: u32,
        /// The last failure.
        last: Box<Self>,
    },
    /// The client was closed by its owner.
    #[error("the client is closed")]
    Ended,
}

impl ClientError {
    /// The close code that the daemon gave, if it gave one that is known.
    #[must_use]
    pub fn close_code(&self) -> Option<CloseCode> {
        match self {
            Self::Closed { code, .. } => CloseCode::from_number(*code),
            Self::GaveUp { last, .. } => last.close_code(),
            Self::Socket(_)
            | Self::Tls(_)
            | Self::Connect(_)
            | Self::Lost(_)
            | Self::Frame(_)
            | Self::Unexpected(_)
            | Self::AckBeyond { .. }
            | Self::Hello(_)
            | Self::Encode(_)
            | Self::TooManyRecords { .. }
            | Self::Ended => None,
        }
    }

    pub(super) fn from_quic(error: ConnectionError) -> Self {
        match error {
            ConnectionError::ApplicationClosed(close) => Self::Closed {
                code: close.error_code.into_inner(),
                reason: String::from_utf8_lossy(&close.reason).into_owned(),
            },
            ConnectionError::LocallyClosed => Self::Ended,
            ConnectionError::VersionMismatch
            | ConnectionError::TransportError(_)
            | ConnectionError::ConnectionClosed(_)
            | ConnectionError::Reset
            | ConnectionError::TimedOut
            | ConnectionError::CidsExhausted => Self::Lost(error),
        }
    }

    /// What the specification says to do next.
    pub(super) fn retry(&self) -> Retry {
        match self {
            Self::Closed { code, .. } => {
                CloseCode::from_number(*code).map_or(Retry::Later, CloseCode::retry)
            }
            // QUIC's own refusal: the daemon is over its limits.
            Self::Lost(ConnectionError::ConnectionClosed(close))
                if close.error_code == quinn::TransportErrorCode::CONNECTION_REFUSED =>
            {
                Retry::Later
            }
            // TLS failed, here or there: each side may refuse the other's certificate.
            Self::Lost(ConnectionError::TransportError(error)) if is_tls(error.code) => {
                Retry::Never
            }
            Self::Lost(ConnectionError::ConnectionClosed(close)) if is_tls(close.error_code) => {
                Retry::Never
            }
            Self::Lost(_) => Retry::Reconnect,
            Self::Socket(_)
            | Self::Tls(_)
            | Self::Connect(_)
            | Self::Frame(_)
            | Self::Unexpected(_)
            | Self::AckBeyond { .. }
            | Self::Hello(_)
            | Self::Encode(_)
            | Self::TooManyRecords { .. }
            | Self::GaveUp { .. }
            | Self::Ended => Retry::Never,
        }
    }
}

/// QUIC error codes of this form stand for TLS alerts (RFC 9001, section 4.8): a certificate that is not
/// believed stays so.
const CRYPTO_ERRORS: u64 = 0x100;

fn is_tls(code: quinn::TransportErrorCode) -> bool {
    u64::from(code) & !0xFF == CRYPTO_ERRORS
}

fn code_name(code: u64) -> String {
    CloseCode::from_number(code)
        .map_or_else(|| format!("code {code:#04x}"), |known| known.to_string())
}
