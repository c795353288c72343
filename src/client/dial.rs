//! From an address to a hello_ack: QUIC, TLS, hello.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, EndpointConfig, TransportConfig, VarInt};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls13_signature};
use rustls::{DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::failure::ClientError;
use super::options::{ClientOptions, Credentials, Reconnect, Trust};
use crate::wire::close::CloseCode;
use crate::wire::frame::{self, Body, Step};
use crate::wire::hello::{Hello, HelloAck, MAX_HELLO_ACK_BYTES};
use crate::wire::limits::{ALPN, FrameLimits, HEADER_BYTES};

/// An attempt that has no hello_ack by then has failed. The first packets of an attempt may go to a daemon that
/// is just starting, and QUIC is slow to repeat them: a new attempt is sooner there.
const PATIENCE: Duration = Duration::from_secs(2);

/// The patience doubles after some attempts in vain, up to this, for ways that are that slow.
const LONGEST_PATIENCE: Duration = Duration::from_secs(15);

/// So many attempts in vain have one patience.
const ATTEMPTS_ALIKE: u32 = 4;

/// The round trip that is assumed before one was measured; a third of QUIC's own guess, so that a lost first
/// packet is repeated after 0.3 s.
const FIRST_RTT: Duration = Duration::from_millis(100);

/// Keeps a quiet connection open until the daemon has told its idle timeout; then it is a third of that.
const KEEP_ALIVE_MS: u32 = 5000;

/// Whatever the daemon tells, no more often and no more seldom than this.
const KEEP_ALIVE_RANGE_MS: (u32, u32) = (100, 60_000);

/// Bytes of acks that QUIC holds until they are read: thousands of them.
const RECEIVE_WINDOW_BYTES: u32 = 256 << 10;

/// A socket and everything needed to dial, again and again.
pub(super) struct Dialer {
    quic: quinn::Endpoint,
    config: ClientConfig,
    address: SocketAddr,
    server_name: String,
    hello: Vec<u8>,
    send_window_bytes: u64,
    reconnect: Reconnect,
    /// How often a quiet connection is kept alive; from the last hello_ack. Written by one task.
    keep_alive_ms: AtomicU32,
}

/// A connection that is in.
#[derive(Clone, Debug)]
pub(super) struct Session {
    pub(super) connection: quinn::Connection,
    pub(super) terms: HelloAck,
    notes: Arc<Notes>,
}

/// What the streams of a connection tell its keeper.
#[derive(Debug, Default)]
struct Notes {
    /// It has brought an ack. Read when the connection has ended.
    acked: AtomicBool,
    /// Why a stream of ours closed it; the first reason stays.
    fault: OnceLock<ClientError>,
}

impl Session {
    /// Notes that the connection does what it is for.
    pub(super) fn note_ack(&self) {
        self.notes.acked.store(true, Ordering::Relaxed);
    }

    /// Whether it ever brought an ack.
    pub(super) fn brought_acks(&self) -> bool {
        self.notes.acked.load(Ordering::Relaxed)
    }

    /// Closes it for a reason of ours, which the keeper then goes by.
    pub(super) fn break_off(&self, code: CloseCode, error: ClientError) {
        let reason = error.to_string();
        // Somebody else's reason came first.
        let _earlier = self.notes.fault.set(error);
        self.connection.close(u32::from(code.number()).into(), reason.as_bytes());
    }

    /// Waits for the end of the connection, and tells why it came.
    pub(super) async fn ended(&self) -> ClientError {
        let closed = closed(&self.connection).await;
        self.notes.fault.get().cloned().unwrap_or(closed)
    }
}

impl Dialer {
    pub(super) fn new(options: ClientOptions) -> Result<Self, ClientError> {
        let mut hello = Vec::new();
        let token = match &options.credentials {
            Credentials::Token(token) => token.as_str(),
            Credentials::Certificate(..) => "",
        };
        Hello { instance: options.instance, token, agent: &options.agent }
            .encode(&mut hello)
            .map_err(ClientError::Hello)?;
        let local = match options.address {
            SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
            SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
        };
        let failed = |reason| ClientError::Socket(Arc::new(reason));
        let socket = UdpSocket::bind(local).map_err(failed)?;
        let runtime = Arc::new(quinn::TokioRuntime);
        let quic = quinn::Endpoint::new(EndpointConfig::default(), None, socket, runtime)
            .map_err(failed)?;
        let (address, server_name) = (options.address, options.server_name.clone());
        let (send_window_bytes, reconnect) = (options.send_window_bytes, options.reconnect);
        let keep_alive_ms = AtomicU32::new(KEEP_ALIVE_MS);
        let config = client_config(options)?;
        Ok(Self {
            quic,
            config,
            address,
            server_name,
            hello,
            send_window_bytes,
            reconnect,
            keep_alive_ms,
        })
    }

    /// One attempt after so many failures, from nothing to hello_ack.
    pub(super) async fn dial(&self, failures: u32) -> Result<Session, ClientError> {
        let is_last = failures.saturating_add(1) >= self.reconnect.max_attempts;
        let grown = PATIENCE.saturating_mul(1 << (failures / ATTEMPTS_ALIKE).min(3));
        let patience = if is_last { LONGEST_PATIENCE } else { grown.min(LONGEST_PATIENCE) };
        let session = self.attempt(patience).await?;
        let (least, most) = KEEP_ALIVE_RANGE_MS;
        let third = (session.terms.idle_timeout_ms / 3).clamp(least, most);
        if third >= self.keep_alive_ms.swap(third, Ordering::Relaxed) {
            return Ok(session);
        }
        // This connection would be silent for too long, and its interval is fixed.
        let done = u32::from(CloseCode::Done.number());
        session.connection.close(done.into(), b"a connection with a shorter interval follows");
        self.attempt(patience).await
    }

    async fn attempt(&self, patience: Duration) -> Result<Session, ClientError> {
        let mut config = self.config.clone();
        config.transport_config(Arc::new(self.transport()));
        let connecting = self
            .quic
            .connect_with(config, self.address, &self.server_name)
            .map_err(|error| ClientError::Connect(error.to_string()))?;
        let greeting = async {
            let connection = connecting.await.map_err(ClientError::from_quic)?;
            let terms = self.greet(&connection).await?;
            Ok(Session { connection, terms, notes: Arc::default() })
        };
        let timed_out = |_| Err(ClientError::Lost(quinn::ConnectionError::TimedOut));
        tokio::time::timeout(patience, greeting).await.unwrap_or_else(timed_out)
    }

    async fn greet(&self, connection: &quinn::Connection) -> Result<HelloAck, ClientError> {
        let (mut send, mut recv) = connection.open_bi().await.map_err(ClientError::from_quic)?;
        if send.write_all(&self.hello).await.is_err() || send.finish().is_err() {
            return Err(closed(connection).await);
        }
        let mut buffer = [0; HEADER_BYTES + MAX_HELLO_ACK_BYTES];
        let mut filled = 0;
        loop {
            if let Step::Whole(frame, _) = frame::next(&buffer[..filled], FrameLimits::PROTOCOL)? {
                let Body::HelloAck(terms) = frame.body else {
                    return Err(ClientError::Unexpected(frame.header.kind.name()));
                };
                return Ok(terms);
            }
            match recv.read(&mut buffer[filled..]).await {
                Ok(Some(0)) => return Err(ClientError::Unexpected("a frame too long")),
                Ok(Some(read)) => filled += read,
                Ok(None) | Err(_) => return Err(closed(connection).await),
            }
        }
    }

    fn transport(&self) -> TransportConfig {
        let keep_alive_ms = self.keep_alive_ms.load(Ordering::Relaxed);
        let mut transport = TransportConfig::default();
        transport
            .keep_alive_interval(Some(Duration::from_millis(keep_alive_ms.into())))
            .initial_rtt(FIRST_RTT)
            // The daemon's alone counts.
            .max_idle_timeout(None)
            .max_concurrent_bidi_streams(VarInt::from_u32(0))
            .max_concurrent_uni_streams(VarInt::from_u32(0))
            .datagram_receive_buffer_size(None)
            .receive_window(VarInt::from_u32(RECEIVE_WINDOW_BYTES))
            .stream_receive_window(VarInt::from_u32(RECEIVE_WINDOW_BYTES))
            .send_window(self.send_window_bytes);
        transport
    }

    pub(super) async fn wait_idle(&self) {
        self.quic.wait_idle().await;
    }
}

/// Why a connection whose streams fail was closed. The streams may learn of it first.
pub(super) async fn closed(connection: &quinn::Connection) -> ClientError {
    ClientError::from_quic(connection.closed().await)
}

fn client_config(options: ClientOptions) -> Result<ClientConfig, ClientError> {
    let unusable = |error: rustls::Error| ClientError::Tls(error.to_string());
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(unusable)?;
    let builder = match options.trust {
        Trust::Roots(certificates) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates {
                roots.add(certificate).map_err(unusable)?;
            }
            builder.with_root_certificates(roots)
        }
        Trust::Anybody => {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(BelieveAnybody(provider)))
        }
    };
    let mut tls = match options.credentials {
        Credentials::Token(_) => builder.with_no_client_auth(),
        Credentials::Certificate(chain, key) => {
            builder.with_client_auth_cert(chain, key).map_err(unusable)?
        }
    };
    tls.alpn_protocols = vec![ALPN.to_vec()];
    let quic =
        QuicClientConfig::try_from(tls).map_err(|error| ClientError::Tls(error.to_string()))?;
    Ok(ClientConfig::new(Arc::new(quic)))
}

/// [`Trust::Anybody`]: the certificate is not looked at; only the handshake itself is checked.
#[derive(Debug)]
struct BelieveAnybody(Arc<CryptoProvider>);

impl ServerCertVerifier for BelieveAnybody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("QUIC uses TLS 1.3 alone".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
