//! HTTPS with a real client: handshakes, a changed certificate, plain HTTP on the port, and clients that stall.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use rustls::RootCertStore;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::readiness::Readiness;
use super::routes::Admin;
use super::server::{self, AdminConfig, Door};
use super::tls::TlsSwitch;
use crate::auth::authority::Authority;
use crate::auth::book::Book;
use crate::auth::tls::ServerIdentity;
use crate::shutdown::{Shutdown, Stage};
use crate::sink::http_client::{HttpClient, HttpError};
use crate::telemetry::sampler::Metrics;

struct Running {
    at: SocketAddr,
    switch: TlsSwitch,
    shutdown: Shutdown,
}

fn identity() -> ServerIdentity {
    ServerIdentity::self_signed(&["localhost", "127.0.0.1"]).unwrap()
}

/// Nothing is read from these paths here: the identity is given.
fn config() -> AdminConfig {
    let path = || Some("given".into());
    AdminConfig { tls_cert: path(), tls_key: path(), header_s: 1, ..AdminConfig::default() }
}

async fn start(identity: &ServerIdentity) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let authority = std::sync::Arc::new(Authority::of(Book::default()));
    let metrics = Metrics::new(1).unwrap();
    let router = Admin::new(&config(), authority, Readiness::new(), metrics).into_router();
    let router = router.merge(Router::new().route("/large", get(async || "x".repeat(1 << 20))));
    let switch = TlsSwitch::new(identity).unwrap();
    let shutdown = Shutdown::new();
    let door = Door { listener, tls: Some(switch.clone()) };
    tokio::spawn(server::run(config(), door, router, shutdown.join(Stage::Admin, "admin")));
    Running { at, switch, shutdown }
}

impl Running {
    async fn client(&self, believed: &ServerIdentity) -> Result<HttpClient, HttpError> {
        let mut roots = RootCertStore::empty();
        roots.add(believed.certificate()).unwrap();
        HttpClient::connect_tls(&self.at.to_string(), None, roots).await
    }

    /// What a client of plain HTTP is answered.
    async fn plain(&self) -> String {
        let mut stream = TcpStream::connect(self.at).await.unwrap();
        let ask = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer x\r\n\r\n";
        stream.write_all(ask).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }
}

#[tokio::test]
async fn a_client_that_believes_the_certificate_is_served() {
    let identity = identity();
    let running = start(&identity).await;
    let mut client = running.client(&identity).await.unwrap();
    assert_eq!(&client.get("/healthz").await.unwrap().success().unwrap()[..], b"ok\n");
    let large = client.get("/large").await.unwrap().success().unwrap();
    assert_eq!(large.len(), 1 << 20);
    let stranger = running.client(&self::identity()).await.unwrap_err();
    assert!(matches!(stranger, HttpError::Tls { .. }), "{stranger}");
}

#[tokio::test]
async fn another_certificate_is_shown_to_connections_that_begin_later() {
    let (old, new) = (identity(), identity());
    let running = start(&old).await;
    let mut before = running.client(&old).await.unwrap();
    running.switch.reload(&new).unwrap();
    assert!(running.client(&old).await.is_err());
    let mut after = running.client(&new).await.unwrap();
    for client in [&mut before, &mut after] {
        client.get("/healthz").await.unwrap().success().unwrap();
    }
}

#[tokio::test]
async fn plain_http_is_told_to_come_with_tls() {
    let running = start(&identity()).await;
    let answer = running.plain().await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 400 ") && body.contains("https://"), "{answer}");
    assert!(head.contains(&format!("content-length: {}", body.len())), "{answer}");
}

#[tokio::test]
async fn answers_over_tls_ask_browsers_to_stay_with_it() {
    let identity = identity();
    let running = start(&identity).await;
    let mut roots = RootCertStore::empty();
    roots.add(identity.certificate()).unwrap();
    let config = rustls::ClientConfig::builder_with_provider(crate::auth::tls::provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config));
    let name = rustls_pki_types::ServerName::try_from("localhost").unwrap();
    let stream = TcpStream::connect(running.at).await.unwrap();
    let mut stream = connector.connect(name, stream).await.unwrap();
    let ask = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    stream.write_all(ask).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains("strict-transport-security: max-age=31536000\r\n"), "{answer}");
    assert!(answer.contains("x-content-type-options: nosniff\r\n"), "{answer}");
}

#[tokio::test]
async fn who_does_not_shake_hands_is_let_go_and_not_waited_for() {
    let running = start(&identity()).await;
    // Silent, and one that begins a handshake and stops.
    let mut silent = TcpStream::connect(running.at).await.unwrap();
    let mut begun = TcpStream::connect(running.at).await.unwrap();
    begun.write_all(&[22, 3, 1]).await.unwrap();
    for stream in [&mut silent, &mut begun] {
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut rest));
        assert!(ended.await.is_ok(), "the connection is still open");
    }
    let _silent = TcpStream::connect(running.at).await.unwrap();
    assert_eq!(running.shutdown.drain(Duration::from_secs(20)).await, vec![]);
}

#[test]
fn a_certificate_needs_its_key() {
    let config = AdminConfig { tls_key: None, ..config() };
    let bad = config.check().first().unwrap_err().to_string();
    assert!(bad.contains("tls_key"), "{bad}");
}
