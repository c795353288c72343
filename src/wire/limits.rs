//! How much a frame may hold: the bounds of the protocol itself, below which a daemon may set its own.

use super::header::FrameKind;

/// The name under which QUIC negotiates this protocol.
pub const ALPN: &[u8] = b"geofenced/1";

/// The version a hello names. One ALPN may carry several versions whose frames read the same.
pub const VERSION: u16 = 1;

/// The length of the header that every frame begins with.
pub const HEADER_BYTES: usize = 32;

/// The most records a frame may carry. 4,096 pings are 128 KiB: about a hundred packets, enough that a
/// frame's costs vanish beside its records', little enough that no stream holds others up for long.
pub const MAX_FRAME_RECORDS: usize = 4096;

/// The longest frame, header included: [`MAX_FRAME_RECORDS`] of the largest record.
pub const MAX_FRAME_BYTES: usize = HEADER_BYTES + MAX_FRAME_RECORDS * MAX_RECORD_BYTES;

/// The longest token a hello may carry, bytes. Ours are 46.
pub const MAX_TOKEN_BYTES: usize = 256;

/// The longest name a client may give itself in its hello, bytes of UTF-8.
pub const MAX_AGENT_BYTES: usize = 128;

/// The longest reason that is sent with a close code, bytes of UTF-8.
pub const MAX_CLOSE_REASON_BYTES: usize = 400;

const MAX_RECORD_BYTES: usize = 40;

/// What one side accepts; the protocol's own bounds unless a daemon sets lower ones.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FrameLimits {
    /// Records in a frame, 1 ..= [`MAX_FRAME_RECORDS`].
    pub max_records: usize,
}

impl FrameLimits {
    /// The protocol's own bounds.
    pub const PROTOCOL: Self = Self { max_records: MAX_FRAME_RECORDS };

    /// The longest body a frame of this kind may have.
    #[must_use]
    pub fn max_body_bytes(self, kind: FrameKind) -> usize {
        match kind {
            FrameKind::Hello => super::hello::HELLO_FIXED_BYTES + MAX_TOKEN_BYTES + MAX_AGENT_BYTES,
            FrameKind::HelloAck => super::hello::MAX_HELLO_ACK_BYTES,
            FrameKind::Ack => super::ack::MAX_ACK_BODY_BYTES,
            FrameKind::Pings | FrameKind::Outcomes | FrameKind::Profiles | FrameKind::Hints => {
                self.max_records * kind.record_bytes()
            }
        }
    }

    /// The longest frame under these limits, header included.
    #[must_use]
    pub fn max_frame_bytes(self) -> usize {
        HEADER_BYTES + self.max_records * MAX_RECORD_BYTES
    }
}
