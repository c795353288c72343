//! Connections without manners: plain QUIC and plain TCP, bytes by hand.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use geofenced::auth::grant::Scope;
use geofenced::domain::ids::{AppId, DeviceId, FrameSeq, InstanceId, StreamNo};
use geofenced::domain::ping::{Ping, PingFlags};
use geofenced::domain::units::UtcMs;
use geofenced::wire::close::CloseCode;
use geofenced::wire::hello::Hello;
use geofenced::wire::record::{FrameHead, encode_pings};
use rustls_pki_types::pem::PemObject;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::support::Daemon;

/// Longer than any answer takes that comes.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// What is attacked, and with whose token.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) quic: SocketAddr,
    pub(crate) http: SocketAddr,
    pub(crate) token: String,
    config: quinn::ClientConfig,
}

impl Target {
    pub(crate) fn of(daemon: &Daemon) -> Self {
        let mut roots = rustls::RootCertStore::empty();
        let pem = daemon.data_dir.join("tls/cert.pem");
        roots.add(rustls_pki_types::CertificateDer::from_pem_file(pem).unwrap()).unwrap();
        let mut tls = rustls::ClientConfig::builder_with_provider(geofenced::auth::tls::provider())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        tls.alpn_protocols = vec![b"geofenced/1".to_vec()];
        let tls = quinn::crypto::rustls::QuicClientConfig::try_from(tls).unwrap();
        Self {
            quic: daemon.quic,
            http: daemon.http,
            token: daemon.token(Scope::Ingest).to_owned(),
            config: quinn::ClientConfig::new(Arc::new(tls)),
        }
    }

    /// A socket of its own each time, as strangers have.
    pub(crate) async fn connect(&self) -> Option<Rude> {
        let endpoint = quinn::Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
        let connecting =
            endpoint.connect_with(self.config.clone(), self.quic, "localhost").unwrap();
        let connection = timeout(SOON, connecting).await.ok()?.ok()?;
        Some(Rude { connection, _endpoint: endpoint })
    }

    /// One that has said a good hello, with this token.
    pub(crate) async fn greet(&self, token: &str, instance: u64) -> Option<Rude> {
        let rude = self.connect().await?;
        let mut hello = Vec::new();
        let instance = InstanceId(((1u128 << 100) | u128::from(instance)).to_be_bytes());
        Hello { instance, token, agent: "hostile" }.encode(&mut hello).unwrap();
        let (mut send, mut recv) = rude.connection.open_bi().await.ok()?;
        send.write_all(&hello).await.ok()?;
        // Without an answer the connection is closed, which is looked at by whoever asked.
        let _answer = timeout(SOON, recv.read_to_end(1000)).await;
        Some(rude)
    }
}

pub(crate) struct Rude {
    pub(crate) connection: quinn::Connection,
    _endpoint: quinn::Endpoint,
}

impl Rude {
    /// Writes bytes to a new stream, which stays open as long as what is returned.
    pub(crate) async fn say(&self, bytes: &[u8]) -> Option<(quinn::SendStream, quinn::RecvStream)> {
        let (mut send, recv) = timeout(SOON, self.connection.open_bi()).await.ok()?.ok()?;
        send.write_all(bytes).await.ok()?;
        Some((send, recv))
    }

    /// The code that it is closed with; `None` if it is lost without one.
    pub(crate) async fn code(&self) -> Option<CloseCode> {
        code_of(timeout(SOON, self.connection.closed()).await.ok()?)
    }
}

/// The code of a close, if it has one of ours.
pub(crate) fn code_of(ended: quinn::ConnectionError) -> Option<CloseCode> {
    let quinn::ConnectionError::ApplicationClosed(close) = ended else { return None };
    assert!(!close.reason.is_empty(), "a close says what to change");
    CloseCode::from_number(close.error_code.into_inner())
}

/// A good frame of one ping, of a device that each number has for itself.
pub(crate) fn frame(stream: u32, seq: u64, device: u64) -> Vec<u8> {
    let head = FrameHead { stream: StreamNo(stream), seq: FrameSeq(seq), app: AppId(1) };
    let ping = Ping {
        device: DeviceId(((2u128 << 100) | u128::from(device)).to_be_bytes()),
        lat_e7: 0,
        lon_e7: 0,
        fixed_at: UtcMs(1_768_219_200_000),
        accuracy_m: 10,
        flags: PingFlags(0),
    };
    let mut bytes = Vec::new();
    encode_pings(head, &[ping], &mut bytes).unwrap();
    bytes
}

/// Sends a request as it is, and gives the status of its answer; `None` if the connection ends without one.
pub(crate) async fn status(http: SocketAddr, request: &[u8]) -> Option<u16> {
    let mut stream = TcpStream::connect(http).await.ok()?;
    // A refusal may come before all is written; it is there to be read all the same.
    let _either = stream.write_all(request).await;
    let mut head = [0; 12];
    timeout(SOON, stream.read_exact(&mut head)).await.ok()?.ok()?;
    std::str::from_utf8(&head[9..]).ok()?.parse().ok()
}

/// The body of a good answer.
pub(crate) async fn get(http: SocketAddr, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(http).await.ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.starts_with("HTTP/1.1 200").then(|| body.to_owned())
}

/// The head of a POST of pings with a body of so many bytes.
pub(crate) fn post_head(token: &str, length: usize) -> String {
    format!(
        "POST /v1/pings HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\
         content-length: {length}\r\n\r\n"
    )
}
