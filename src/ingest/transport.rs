//! What QUIC and TLS are told at the start: limits, certificates, and the keys that outlive the process.
//!
//! The [`endpoint`](super::endpoint) asks here when it binds its socket and when its certificates change.

use std::sync::Arc;

use aws_lc_rs::hmac;
use quinn::crypto::rustls::QuicServerConfig;
use quinn::{EndpointConfig, IdleTimeout, ServerConfig, TransportConfig, VarInt};
use quinn_proto::HashedConnectionIdGenerator;

use super::config::IngestConfig;
use super::endpoint::IngestError;
use crate::auth::tls::ServerIdentity;
use crate::wire::limits::ALPN;

/// Attempts that QUIC keeps until we look at them; we look at once, so a burst is all this has to hold.
const MAX_INCOMING: usize = 1024;

/// Bytes kept of an attempt that we have not looked at: a ClientHello with a long certificate request.
const INCOMING_BUFFER_BYTES: u64 = 16 << 10;

/// Bytes of handshake messages that may wait for a missing one.
const CRYPTO_BUFFER_BYTES: usize = 32 << 10;

/// Streams that a client may open before its hello is answered: the control stream.
const GREETING_STREAMS: u32 = 1;

/// A client whose daemon was killed learns from the next one, by a stateless reset (RFC 9000, section 10.3),
/// that its connection is gone, instead of waiting for its idle timeout. For that the next one must know the
/// dead one's connection ids for its own, and reset them by the same tokens.
pub struct LastingKeys {
    /// The key of the tokens.
    reset: [u8; 32],
    /// The key by which connection ids are recognised. It keeps noise from being answered and guards nothing.
    connection_ids: u64,
}

impl LastingKeys {
    /// Keys from a secret that lasts as long as the installation.
    #[must_use]
    pub fn derive(secret: &[u8; 32]) -> Self {
        let reset = blake3::derive_key("geofenced 2026 QUIC stateless reset", secret);
        let ids = blake3::derive_key("geofenced 2026 QUIC connection ids", secret);
        let [a, b, c, d, e, f, g, h, ..] = ids;
        Self { reset, connection_ids: u64::from_le_bytes([a, b, c, d, e, f, g, h]) }
    }
}

pub(super) fn endpoint_config(keys: &LastingKeys) -> EndpointConfig {
    let reset = hmac::Key::new(hmac::HMAC_SHA256, &keys.reset);
    let ids = keys.connection_ids;
    let mut config = EndpointConfig::new(Arc::new(reset));
    config.cid_generator(move || Box::new(HashedConnectionIdGenerator::from_key(ids)));
    config
}

pub(super) fn server_config(
    config: &IngestConfig,
    identity: &ServerIdentity,
) -> Result<ServerConfig, IngestError> {
    let tls = QuicServerConfig::try_from(identity.server_config(ALPN)?)
        .map_err(|_no_suite| IngestError::Suite)?;
    let mut server = ServerConfig::with_crypto(Arc::new(tls));
    server
        .transport_config(Arc::new(transport(config)))
        .max_incoming(MAX_INCOMING)
        .incoming_buffer_size(INCOMING_BUFFER_BYTES)
        .incoming_buffer_size_total(INCOMING_BUFFER_BYTES * MAX_INCOMING as u64);
    Ok(server)
}

fn transport(config: &IngestConfig) -> TransportConfig {
    let idle = VarInt::from_u32(config.idle_timeout_s.saturating_mul(1000));
    let mut transport = TransportConfig::default();
    transport
        // Whoever has said hello gets the credit for its data streams.
        .max_concurrent_bidi_streams(VarInt::from_u32(GREETING_STREAMS))
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .datagram_receive_buffer_size(None)
        .stream_receive_window(VarInt::from_u32(config.stream_window_bytes))
        .receive_window(VarInt::from_u32(config.connection_window_bytes))
        .send_window(u64::from(config.send_window_bytes))
        .crypto_buffer_size(CRYPTO_BUFFER_BYTES)
        .max_idle_timeout(Some(IdleTimeout::from(idle)));
    transport
}
