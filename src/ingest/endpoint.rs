//! The UDP socket: QUIC and TLS with stated limits, and the loop that admits strangers.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use quinn::VarInt;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::admission::Admission;
use super::config::IngestConfig;
use super::connection;
use super::figures::IngestFigures;
use super::intake::Intake;
use super::transport::{LastingKeys, endpoint_config, server_config};
use crate::auth::authority::Authority;
use crate::auth::tls::{ServerIdentity, TlsError};
use crate::domain::knobs::BadKnob;
use crate::wire::close::CloseCode;
use crate::wire::limits::FrameLimits;

/// Longest wait, at the end, for close frames to reach the clients.
const CLOSING: Duration = Duration::from_secs(1);

/// A bound socket with QUIC on it. [`serve`](Self::serve) lets gateways in.
pub struct Endpoint<I> {
    quic: quinn::Endpoint,
    shared: Arc<Shared<I>>,
}

/// What an endpoint is made of.
pub struct EndpointParts<I> {
    /// Its bounds.
    pub config: IngestConfig,
    /// What the endpoints before and after it at this address have in common with it.
    pub keys: LastingKeys,
    /// Who knows its gateways.
    pub authority: Arc<Authority>,
    /// Where their records go.
    pub intake: Arc<I>,
    /// What it counts.
    pub figures: Arc<IngestFigures>,
    /// Turns true when the daemon drains; whoever holds its sender ends intake.
    pub stop: watch::Receiver<bool>,
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
    /// Takes a bound socket. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`IngestError`]
    pub fn on(
        socket: UdpSocket,
        parts: EndpointParts<I>,
        identity: &ServerIdentity,
    ) -> Result<Self, IngestError> {
        let EndpointParts { config, keys, authority, intake, figures, stop } = parts;
        config.check().first().map_err(IngestError::Config)?;
        let server = server_config(&config, identity)?;
        let runtime = Arc::new(quinn::TokioRuntime);
        let quic = quinn::Endpoint::new(endpoint_config(&keys), Some(server), socket, runtime)
            .map_err(IngestError::Socket)?;
        let admission = Admission::new(&config);
        let limits = config.frame_limits();
        let shared = Shared { config, limits, intake, authority, admission, figures, stop };
        Ok(Self { quic, shared: Arc::new(shared) })
    }

    /// A handle that puts other certificates in force while the endpoint serves.
    #[must_use]
    pub fn identity_switch(&self) -> IdentitySwitch {
        let (quic, config) = (self.quic.clone(), self.shared.config.clone());
        IdentitySwitch { quic, config, stop: self.shared.stop.clone() }
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
        let Some(leave) = admission.handshake(incoming.remote_address().ip()) else {
            figures.refuse_connection();
            incoming.refuse();
            return;
        };
        connections.spawn(connection::serve(Arc::clone(&self.shared), incoming, leave));
    }
}

/// Changes what an endpoint shows of itself and whose certificates it believes.
pub struct IdentitySwitch {
    quic: quinn::Endpoint,
    config: IngestConfig,
    stop: watch::Receiver<bool>,
}

impl IdentitySwitch {
    /// Handshakes that begin from now on get this identity; connections that are in are left alone. During a
    /// drain nothing changes: nobody is let in any more.
    ///
    /// # Errors
    /// [`IngestError`]; the old identity is then still in force.
    pub fn reload_identity(&self, identity: &ServerIdentity) -> Result<(), IngestError> {
        let server = server_config(&self.config, identity)?;
        if !*self.stop.borrow() {
            self.quic.set_server_config(Some(server));
        }
        Ok(())
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
    /// The socket can't be read or written by the runtime.
    #[error("the QUIC socket can't be used: {0}")]
    Socket(io::Error),
}
