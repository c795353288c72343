//! The UDP socket: QUIC and TLS with stated limits, and the loop that admits strangers.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hmac;
use quinn::crypto::rustls::QuicServerConfig;
use quinn::{EndpointConfig, IdleTimeout, ServerConfig, TransportConfig, VarInt};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::admission::Admission;
use super::config::IngestConfig;
use super::connection;
use super::figures::IngestFigures;
use super::intake::Intake;
use crate::auth::authority::Authority;
use crate::auth::tls::{ServerIdentity, TlsError};
use crate::domain::knobs::BadKnob;
use crate::wire::close::CloseCode;
use crate::wire::limits::{ALPN, FrameLimits};

/// Attempts that QUIC keeps until we look at them; we look at once, so a burst is all this has to hold.
const MAX_INCOMING: usize = 1024;

/// Bytes kept of an attempt that we have not looked at: a ClientHello with a long certificate request.
const INCOMING_BUFFER_BYTES: u64 = 16 << 10;

/// Bytes of handshake messages that may wait for a missing one.
const CRYPTO_BUFFER_BYTES: usize = 32 << 10;

/// Longest wait, at the end, for close frames to reach the clients.
const CLOSING: Duration = Duration::from_secs(1);

/// A bound socket. [`serve`](Self::serve) lets gateways in.
pub struct Endpoint<I> {
    quic: quinn::Endpoint,
    shared: Arc<Shared<I>>,
}

/// What the endpoint, its connections and their streams have in common.
pub(super) struct Shared<I> {
    pub(super) config: IngestConfig,
    pub(super) limits: FrameLimits,
    pub(super) intake: Arc<I>,
    pub(super) authority: Arc<Authority>,
    pub(super) admission: Arc<Admission>,
    pub(super) figures: Arc<IngestFigures>,
    pub(super) stop: watch::Receiver<bool>,
}

impl<I: Intake> Endpoint<I> {
    /// Binds the socket. `stop` turns true when the daemon drains; whoever holds its sender ends intake.
    /// Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`IngestError`]
    pub fn bind(
        config: IngestConfig,
        identity: &ServerIdentity,
        authority: Arc<Authority>,
        intake: Arc<I>,
        figures: Arc<IngestFigures>,
        stop: watch::Receiver<bool>,
    ) -> Result<Self, IngestError> {
        config.check().first().map_err(IngestError::Config)?;
        let server = server_config(&config, identity)?;
        let listen = config.listen;
        let failed = |reason| IngestError::Bind { listen, reason };
        let socket = UdpSocket::bind(listen).map_err(failed)?;
        let runtime = Arc::new(quinn::TokioRuntime);
        let quic = quinn::Endpoint::new(endpoint_config(identity), Some(server), socket, runtime)
            .map_err(failed)?;
        let admission = Admission::new(&config);
        let limits = config.frame_limits();
        let shared = Shared { config, limits, intake, authority, admission, figures, stop };
        Ok(Self { quic, shared: Arc::new(shared) })
    }

    /// Where it listens; with port 0 in the config, the port that the system chose.
    ///
    /// # Errors
    /// What the system says when it cannot tell.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.quic.local_addr()
    }

    /// Lets gateways in until `stop` turns true; then refuses new ones, lets each connection read no further
    /// and send its last acks, and returns when all are closed.
    pub async fn serve(self) {
        let mut stop = self.shared.stop.clone();
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                () = stopped(&mut stop) => break,
                incoming = self.quic.accept() => match incoming {
                    Some(incoming) => self.admit(incoming, &mut connections),
                    None => break,
                },
                Some(ended) = connections.join_next(), if !connections.is_empty() => {
                    report_panic(ended);
                }
            }
        }
        self.quic.set_server_config(None);
        while let Some(ended) = connections.join_next().await {
            report_panic(ended);
        }
        self.quic.close(close_number(CloseCode::Draining), b"the daemon is stopping");
        // Clients that do not answer any more must not hold up the end; they find out by timeout.
        if tokio::time::timeout(CLOSING, self.quic.wait_idle()).await.is_err() {
            tracing::debug!("some clients did not confirm the close");
        }
    }

    fn admit(&self, incoming: quinn::Incoming, connections: &mut JoinSet<()>) {
        let (admission, figures) = (&self.shared.admission, &self.shared.figures);
        if !incoming.remote_address_validated() && admission.asks_for_proof() {
            figures.retry_connection();
            if let Err(refused) = incoming.retry() {
                refused.into_incoming().refuse();
            }
            return;
        }
        let Some(leave) = admission.handshake() else {
            figures.refuse_connection();
            incoming.refuse();
            return;
        };
        connections.spawn(connection::serve(Arc::clone(&self.shared), incoming, leave));
    }
}

/// A task that panicked is a bug of ours; the others go on.
pub(super) fn report_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "an intake task panicked; please report it");
    }
}

/// Resolves when the daemon drains, or when nobody is left who could say so.
pub(super) async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that the sender is gone, and with it whoever runs the daemon.
    let _ended = stop.wait_for(|&stop| stop).await.is_err();
}

pub(super) fn close_number(code: CloseCode) -> VarInt {
    VarInt::from_u32(u32::from(code.number()))
}

/// A client whose daemon was killed learns from the next one, by a stateless reset, that its connection is
/// gone, instead of waiting for its idle timeout: for that the key of resets outlives the process.
fn endpoint_config(identity: &ServerIdentity) -> EndpointConfig {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &identity.reset_key());
    EndpointConfig::new(Arc::new(key))
}

fn server_config(
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
        // The control stream is one more.
        .max_concurrent_bidi_streams(VarInt::from_u32(config.max_streams + 1))
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .datagram_receive_buffer_size(None)
        .stream_receive_window(VarInt::from_u32(config.stream_window_bytes))
        .receive_window(VarInt::from_u32(config.connection_window_bytes))
        .send_window(u64::from(config.send_window_bytes))
        .crypto_buffer_size(CRYPTO_BUFFER_BYTES)
        .max_idle_timeout(Some(IdleTimeout::from(idle)));
    transport
}

/// Why intake cannot start.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// A knob out of range.
    #[error("ingest.{0}")]
    Config(BadKnob),
    /// Certificates or keys.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The TLS library lacks what QUIC begins with.
    #[error("the TLS library has no AES-128-GCM suite, which QUIC begins with")]
    Suite,
    /// The address is taken or not ours.
    #[error("cannot listen on {listen}: {reason}; change ingest.listen")]
    Bind {
        /// The address.
        listen: SocketAddr,
        /// What the system said.
        reason: io::Error,
    },
}
