//! The bounds of intake. Each knob tells its unit, its default and what it costs at worst.

use std::net::SocketAddr;
use std::time::Duration;

use crate::domain::knobs::BadKnobs;
use crate::wire::limits::{FrameLimits, MAX_FRAME_RECORDS};

/// Bytes taken from QUIC in one go: about 2,000 pings. A longer frame gets a longer buffer, and no more.
pub(super) const READ_BYTES: usize = 64 << 10;

/// How gateways are taken in.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IngestConfig {
    /// The UDP address to listen on. Default `127.0.0.1:7400`: nobody outside until an operator says so.
    pub listen: SocketAddr,
    /// Connections at a time. Default 256. Each may hold [`connection_bytes`](Self::connection_bytes).
    pub max_connections: u32,
    /// Connections of one account at a time. Default 64, so that one account cannot shut out the others.
    pub max_connections_per_account: u32,
    /// Handshakes and hellos under way at a time. Default 64; further attempts are refused by QUIC. Bounds
    /// the work that strangers can cause: a handshake costs about 1 ms of a core. One host may have the first
    /// half of them, and of the other half no more than makes a quarter of all.
    pub max_handshakes: u32,
    /// With so many handshakes under way, strangers must prove their address first (QUIC Retry), which costs
    /// them a round trip. Default 16; 0 asks everybody.
    pub retry_above_handshakes: u32,
    /// Data streams of a connection at a time. Default 8.
    pub max_streams: u32,
    /// Records in a frame, 1 to 4,096. Default 4,096.
    pub max_frame_records: u32,
    /// Frames of a stream read ahead of their acks. Default 256. Each holds a ticket of about 400 bytes;
    /// the records themselves belong to the shards, whose mailboxes have their own bounds.
    pub max_unacked_frames: u32,
    /// Bytes of a stream that QUIC holds before we read them. Default 1 MiB: 1,000,000 pings a second at a
    /// round trip of 30 ms.
    pub stream_window_bytes: u32,
    /// Bytes of all streams of a connection that QUIC holds before we read them. Default 2 MiB.
    pub connection_window_bytes: u32,
    /// Bytes of acks that QUIC holds until the client has them. Default 64 KiB.
    pub send_window_bytes: u32,
    /// Silence that ends a connection, s. Default 30.
    pub idle_timeout_s: u32,
    /// From the first packet to a complete hello, s. Default 10.
    pub hello_timeout_s: u32,
    /// From the first byte of a frame to its last, s. Default 30.
    pub frame_timeout_s: u32,
    /// At the end, how long clients may take to fetch their last acks, s. Default 5.
    pub drain_timeout_s: u32,
}

impl Default for IngestConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 7400)),
            max_connections: 256,
            max_connections_per_account: 64,
            max_handshakes: 64,
            retry_above_handshakes: 16,
            max_streams: 8,
            max_frame_records: 4096,
            max_unacked_frames: 256,
            stream_window_bytes: 1 << 20,
            connection_window_bytes: 2 << 20,
            send_window_bytes: 64 << 10,
            idle_timeout_s: 30,
            hello_timeout_s: 10,
            frame_timeout_s: 30,
            drain_timeout_s: 5,
        }
    }
}

/// What a ticket, its place in the queue and its counts take; measured, rounded up.
const TICKET_BYTES: u64 = 400;

/// What QUIC and TLS keep of a connection besides its windows; measured, rounded up.
const CONNECTION_STATE_BYTES: u64 = 64 << 10;

/// The size of a believed record in memory, the largest of the four kinds.
pub(super) const BELIEVED_BYTES: u64 = 56;

impl IngestConfig {
    /// Every knob that is out of its range.
    #[must_use]
    pub fn check(&self) -> BadKnobs {
        let most_records = u32::try_from(MAX_FRAME_RECORDS).unwrap_or(u32::MAX);
        let frame = u32::try_from(self.frame_limits().max_frame_bytes()).unwrap_or(u32::MAX);
        let mut bad = BadKnobs::new();
        for (knob, value, range, unit) in [
            ("max_connections", self.max_connections, (1, 100_000), "connections"),
            (
                "max_connections_per_account",
                self.max_connections_per_account,
                (1, 100_000),
                "connections",
            ),
            ("max_handshakes", self.max_handshakes, (1, 10_000), "handshakes"),
            ("retry_above_handshakes", self.retry_above_handshakes, (0, 10_000), "handshakes"),
            ("max_streams", self.max_streams, (1, 1024), "streams"),
            ("max_frame_records", self.max_frame_records, (1, most_records), "records"),
            ("max_unacked_frames", self.max_unacked_frames, (1, 65_536), "frames"),
            ("stream_window_bytes", self.stream_window_bytes, (frame, 1 << 30), "bytes"),
            ("connection_window_bytes", self.connection_window_bytes, (frame, 1 << 30), "bytes"),
            ("send_window_bytes", self.send_window_bytes, (4096, 1 << 30), "bytes"),
            ("idle_timeout_s", self.idle_timeout_s, (1, 3600), "s"),
            ("hello_timeout_s", self.hello_timeout_s, (1, 600), "s"),
            ("frame_timeout_s", self.frame_timeout_s, (1, 600), "s"),
            ("drain_timeout_s", self.drain_timeout_s, (0, 600), "s"),
        ] {
            bad.within(knob, value, range, unit);
        }
        bad
    }

    /// What a frame may hold.
    #[must_use]
    pub fn frame_limits(&self) -> FrameLimits {
        FrameLimits { max_records: self.max_frame_records as usize }
    }

    /// The most one connection can hold: QUIC's windows and, per stream, the buffer that frames are read
    /// into, one frame believed, its copy as dealt to the shards while they have no room for it, and the
    /// tickets of unacknowledged ones.
    #[must_use]
    pub fn connection_bytes(&self) -> u64 {
        let buffer = self.frame_limits().max_frame_bytes().max(READ_BYTES) as u64;
        let believed = u64::from(self.max_frame_records) * BELIEVED_BYTES;
        let tickets = u64::from(self.max_unacked_frames) * TICKET_BYTES;
        CONNECTION_STATE_BYTES
            + u64::from(self.connection_window_bytes)
            + u64::from(self.send_window_bytes)
            + u64::from(self.max_streams) * (buffer + 2 * believed + tickets)
    }

    /// The most all connections can hold together, handshakes included. About 2.1 GB by default.
    #[must_use]
    pub fn worst_case_bytes(&self) -> u64 {
        let greeting = CONNECTION_STATE_BYTES + u64::from(self.stream_window_bytes);
        u64::from(self.max_handshakes) * greeting
            + u64::from(self.max_connections) * self.connection_bytes()
    }

    pub(super) fn hello_timeout(&self) -> Duration {
        Duration::from_secs(u64::from(self.hello_timeout_s))
    }

    pub(super) fn frame_timeout(&self) -> Duration {
        Duration::from_secs(u64::from(self.frame_timeout_s))
    }

    pub(super) fn drain_timeout(&self) -> Duration {
        Duration::from_secs(u64::from(self.drain_timeout_s))
    }
}
