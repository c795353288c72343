//! From an address to a hello_ack: QUIC, TLS, hello.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, EndpointConfig, TransportConfig, VarInt};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls13_signature};
use rustls::{DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::failure::ClientError;
use super::options::{ClientOptions, Credentials, Trust};
use crate::wire::frame::{self, Body, Step};
use crate::wire::hello::{Hello, HelloAck, MAX_HELLO_ACK_BYTES};
use crate::wire::limits::{ALPN, FrameLimits, HEADER_BYTES};

/// An attempt that has no hello_ack by then has failed.
const PATIENCE: Duration = Duration::from_secs(15);

/// Keeps a quiet connection open; a third of the daemon's shortest sensible timeout.
const KEEP_ALIVE: Duration = Duration::from_secs(5);

/// Bytes of acks that QUIC holds until they are read: thousands of them.
const RECEIVE_WINDOW_BYTES: u32 = 256 << 10;

/// A socket and everything needed to dial, again and again.
pub(super) struct Dialer {
    quic: quinn::Endpoint,
    config: ClientConfig,
    address: SocketAddr,
    server_name: String,
    hello: Vec<u8>,
}

/// A connection that is in.
#[derive(Clone, Debug)]
pub(super) struct Session {
    pub(super) connection: quinn::Connection,
    pub(super) terms: HelloAck,
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
        Ok(Self { quic, config: client_config(options)?, address, server_name, hello })
    }

    /// One attempt, from nothing to hello_ack.
    pub(super) async fn dial(&self) -> Result<Session, ClientError> {
        let connecting = self
            .quic
            .connect_with(self.config.clone(), self.address, &self.server_name)
            .map_err(|error| ClientError::Connect(error.to_string()))?;
        let greeting = async {
            let connection = connecting.await.map_err(ClientError::from_quic)?;
            let terms = self.greet(&connection).await?;
            Ok(Session { connection, terms })
        };
        let timed_out = |_| Err(ClientError::Lost(quinn::ConnectionError::TimedOut));
        tokio::time::timeout(PATIENCE, greeting).await.unwrap_or_else(timed_out)
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
    let mut config = ClientConfig::new(Arc::new(quic));
    let mut transport = TransportConfig::default();
    transport
        .keep_alive_interval(Some(KEEP_ALIVE))
        .max_concurrent_bidi_streams(VarInt::from_u32(0))
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .datagram_receive_buffer_size(None)
        .receive_window(VarInt::from_u32(RECEIVE_WINDOW_BYTES))
        .stream_receive_window(VarInt::from_u32(RECEIVE_WINDOW_BYTES))
        .send_window(options.send_window_bytes);
    config.transport_config(Arc::new(transport));
    Ok(config)
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
