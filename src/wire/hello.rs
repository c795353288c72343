//! How a connection opens: the client says who it is, the daemon says what it may do.

use super::bytes::{Fields, put};
use super::frame::FrameError;
use super::header::{FrameKind, Header};
use super::limits::{HEADER_BYTES, MAX_AGENT_BYTES, MAX_TOKEN_BYTES, VERSION};
use crate::domain::ids::{AccountId, AppId, FrameSeq, InstanceId, StreamNo};
use crate::domain::units::UtcMs;

/// The part of a hello's body that every hello has.
pub const HELLO_FIXED_BYTES: usize = 24;

/// The body of this version's hello_ack.
pub const HELLO_ACK_BYTES: usize = 40;

/// The longest body of a hello_ack that is read; later versions may append fields.
pub const MAX_HELLO_ACK_BYTES: usize = 256;

/// What a client says first. Its debug form leaves the token out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Hello<'a> {
    /// Who is calling: 16 bytes that it drew at random once, and keeps as long as it counts its sequences.
    pub instance: InstanceId,
    /// Its token; empty when it shows a client certificate.
    pub token: &'a str,
    /// What it calls itself, for logs: `acme-gateway/2.1`.
    pub agent: &'a str,
}

impl<'a> Hello<'a> {
    pub(super) fn decode(body: &'a [u8]) -> Result<Self, FrameError> {
        let Some((fixed, rest)) = body.split_first_chunk::<HELLO_FIXED_BYTES>() else {
            return Err(FrameError::HelloLength { bytes: body.len(), token: 0, agent: 0 });
        };
        if fixed.u16_at(0) != VERSION {
            return Err(FrameError::Version(fixed.u16_at(0)));
        }
        let (token, agent) = (usize::from(fixed.u16_at(2)), usize::from(fixed.u16_at(4)));
        if fixed.u16_at(6) != 0 {
            return Err(FrameError::Reserved(FrameKind::Hello));
        }
        if token > MAX_TOKEN_BYTES {
            return Err(FrameError::TokenLength(token));
        }
        if agent > MAX_AGENT_BYTES {
            return Err(FrameError::AgentLength(agent));
        }
        if rest.len() != token + agent {
            return Err(FrameError::HelloLength { bytes: body.len(), token, agent });
        }
        let instance = InstanceId(fixed.id_at(8));
        if instance == InstanceId::default() {
            return Err(FrameError::NoInstance);
        }
        let (token, agent) = rest.split_at(token);
        Ok(Self { instance, token: text(token, "token")?, agent: text(agent, "agent")? })
    }

    /// Appends the frame.
    ///
    /// # Errors
    /// [`FrameError::TokenLength`] or [`FrameError::AgentLength`]; nothing is appended then.
    pub fn encode(&self, into: &mut Vec<u8>) -> Result<(), FrameError> {
        let (token, agent) = (self.token.len(), self.agent.len());
        if token > MAX_TOKEN_BYTES {
            return Err(FrameError::TokenLength(token));
        }
        if agent > MAX_AGENT_BYTES {
            return Err(FrameError::AgentLength(agent));
        }
        opening(FrameKind::Hello, HELLO_FIXED_BYTES + token + agent).encode(into);
        let mut fixed = [0; HELLO_FIXED_BYTES];
        put(&mut fixed, 0, &VERSION.to_le_bytes());
        put(&mut fixed, 2, &length(token).to_le_bytes());
        put(&mut fixed, 4, &length(agent).to_le_bytes());
        put(&mut fixed, 8, &self.instance.0);
        into.extend_from_slice(&fixed);
        into.extend_from_slice(self.token.as_bytes());
        into.extend_from_slice(self.agent.as_bytes());
        Ok(())
    }
}

/// A token must not reach a log by way of a debug print.
impl std::fmt::Debug for Hello<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hello")
            .field("instance", &self.instance)
            .field("token", &format_args!("{} bytes", self.token.len()))
            .field("agent", &self.agent)
            .finish()
    }
}

/// What an ack of the daemon promises.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum AckMode {
    /// Acknowledged means synced to stable storage and stepped over.
    Synced = 1,
}

/// What the daemon answers to a good hello: the limits that the client keeps to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HelloAck {
    /// What an ack promises.
    pub ack_mode: AckMode,
    /// The account that the credentials name. With it a client can tell a device's partition.
    pub account: AccountId,
    /// The most records in a frame.
    pub max_frame_records: u32,
    /// The longest frame, header included.
    pub max_frame_bytes: u32,
    /// The most data streams at a time.
    pub max_streams: u32,
    /// Frames of a stream that the daemon reads ahead of its acks; further ones wait in flow control.
    pub max_unacked_frames: u32,
    /// Silence after which the connection ends.
    pub idle_timeout_ms: u32,
    /// The daemon's clock as it answered. A client that is ahead of it gets `future` rejects.
    pub now: UtcMs,
}

impl HelloAck {
    pub(super) fn decode(body: &[u8]) -> Result<Self, FrameError> {
        let Some((body, _later)) = body.split_first_chunk::<HELLO_ACK_BYTES>() else {
            return Err(FrameError::HelloAckLength(body.len()));
        };
        if body.u16_at(0) != VERSION {
            return Err(FrameError::Version(body.u16_at(0)));
        }
        if body[2] != AckMode::Synced as u8 {
            return Err(FrameError::AckMode(body[2]));
        }
        Ok(Self {
            ack_mode: AckMode::Synced,
            account: AccountId(body.u32_at(4)),
            max_frame_records: body.u32_at(8),
            max_frame_bytes: body.u32_at(12),
            max_streams: body.u32_at(16),
            max_unacked_frames: body.u32_at(20),
            idle_timeout_ms: body.u32_at(24),
            now: UtcMs(body.i64_at(32)),
        })
    }

    /// Appends the frame.
    pub fn encode(&self, into: &mut Vec<u8>) {
        opening(FrameKind::HelloAck, HELLO_ACK_BYTES).encode(into);
        let mut body = [0; HELLO_ACK_BYTES];
        put(&mut body, 0, &VERSION.to_le_bytes());
        body[2] = self.ack_mode as u8;
        put(&mut body, 4, &self.account.0.to_le_bytes());
        put(&mut body, 8, &self.max_frame_records.to_le_bytes());
        put(&mut body, 12, &self.max_frame_bytes.to_le_bytes());
        put(&mut body, 16, &self.max_streams.to_le_bytes());
        put(&mut body, 20, &self.max_unacked_frames.to_le_bytes());
        put(&mut body, 24, &self.idle_timeout_ms.to_le_bytes());
        put(&mut body, 32, &self.now.0.to_le_bytes());
        into.extend_from_slice(&body);
    }
}

fn opening(kind: FrameKind, body: usize) -> Header {
    Header {
        kind,
        records: 0,
        body_bytes: u32::try_from(body).unwrap_or(u32::MAX),
        seq: FrameSeq(0),
        app: AppId(0),
        stream: StreamNo(0),
        base: UtcMs(0),
    }
}

/// Both lengths are bounded far below 65,536 before this is called.
fn length(bytes: usize) -> u16 {
    u16::try_from(bytes).unwrap_or(u16::MAX)
}

fn text<'a>(bytes: &'a [u8], field: &'static str) -> Result<&'a str, FrameError> {
    std::str::from_utf8(bytes).or(Err(FrameError::Text(field)))
}

const _: () = assert!(HELLO_FIXED_BYTES + HEADER_BYTES == 56, "the specification says so");
