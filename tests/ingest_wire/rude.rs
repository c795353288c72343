//! A client that breaks rules on purpose: plain QUIC, frames by hand.

use std::sync::Arc;

use geofenced::auth::token::Token;
use geofenced::domain::ids::{AppId, FrameSeq, InstanceId, StreamNo};
use geofenced::wire::close::CloseCode;
use geofenced::wire::hello::Hello;
use geofenced::wire::record::{FrameHead, encode_pings};
use tokio::time::timeout;

use crate::daemon::{Daemon, SOON, ping};

pub(crate) struct Rude {
    pub(crate) connection: quinn::Connection,
    _endpoint: quinn::Endpoint,
}

impl Rude {
    pub(crate) async fn connect(daemon: &Daemon) -> Self {
        Self::speaking(daemon, b"geofenced/1").await.unwrap()
    }

    /// A client of this protocol, or of another.
    pub(crate) async fn speaking(
        daemon: &Daemon,
        alpn: &[u8],
    ) -> Result<Self, quinn::ConnectionError> {
        let endpoint = quinn::Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
        let config = config(daemon, alpn);
        let connecting = endpoint.connect_with(config, daemon.address, "localhost").unwrap();
        Ok(Self { connection: connecting.await?, _endpoint: endpoint })
    }

    /// Whether a client that has been here before may send before the handshake is done.
    pub(crate) async fn may_be_early(daemon: &Daemon) -> bool {
        let endpoint = quinn::Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
        let config = config(daemon, b"geofenced/1");
        let first = endpoint.connect_with(config.clone(), daemon.address, "localhost").unwrap();
        let first = first.await.unwrap();
        let (mut send, _recv) = first.open_bi().await.unwrap();
        send.write_all(&[0; 32]).await.unwrap();
        // What TLS leaves for the next time comes before the answer to that.
        first.closed().await;
        let again = endpoint.connect_with(config, daemon.address, "localhost").unwrap();
        again.into_0rtt().is_ok()
    }

    pub(crate) async fn greeted(daemon: &Daemon) -> Self {
        let rude = Self::connect(daemon).await;
        let mut hello = vec![];
        let token = Token::from_bytes([1; 32]).reveal();
        Hello { instance: InstanceId([9; 16]), token: &token, agent: "rude" }
            .encode(&mut hello)
            .unwrap();
        let (mut send, mut recv) = rude.connection.open_bi().await.unwrap();
        send.write_all(&hello).await.unwrap();
        let answer = recv.read_to_end(1000).await.unwrap();
        assert_eq!(answer.len(), 72);
        rude
    }

    /// Writes bytes to a new stream, and ends it if told to.
    pub(crate) async fn say(&self, bytes: &[u8], end: bool) -> quinn::SendStream {
        let (mut send, _recv) = self.connection.open_bi().await.unwrap();
        send.write_all(bytes).await.unwrap();
        if end {
            send.finish().unwrap();
        }
        send
    }

    pub(crate) async fn code(self) -> CloseCode {
        let ended = timeout(SOON, self.connection.closed()).await.unwrap();
        let quinn::ConnectionError::ApplicationClosed(close) = ended else { panic!("{ended}") };
        assert!(!close.reason.is_empty());
        CloseCode::from_number(close.error_code.into_inner()).unwrap()
    }
}

fn config(daemon: &Daemon, alpn: &[u8]) -> quinn::ClientConfig {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(daemon.identity.certificate()).unwrap();
    let provider = geofenced::auth::tls::provider();
    let mut tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.alpn_protocols = vec![alpn.to_vec()];
    tls.enable_early_data = true;
    let tls = quinn::crypto::rustls::QuicClientConfig::try_from(tls).unwrap();
    let mut config = quinn::ClientConfig::new(Arc::new(tls));
    let mut transport = quinn::TransportConfig::default();
    // So that acks which nobody reads are soon too many.
    transport.stream_receive_window(4096u32.into());
    config.transport_config(Arc::new(transport));
    config
}

pub(crate) fn frame(stream: u32, seq: u64) -> Vec<u8> {
    let mut bytes = vec![];
    let head = FrameHead { stream: StreamNo(stream), seq: FrameSeq(seq), app: AppId(1) };
    encode_pings(head, &[ping(1, 0), ping(2, 0)], &mut bytes).unwrap();
    bytes
}
