//! The server over real sockets on port 0: who may pass, the shape of refusals, bounds, the drain.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Extension;
use axum::http::StatusCode;
use axum::routing::{get, post};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::auth::Caller;
use super::readiness::{Condition, Readiness};
use super::routes::Admin;
use super::server::{self, AdminConfig, Door};
use super::snapshots::{Reloaded, SnapshotControl, SnapshotState};
use crate::auth::authority::AuthError;
use crate::auth::grant::Scope;
use crate::clock::{Clock, Hands};
use crate::domain::ids::{AccountId, Epoch, SnapshotHash};
use crate::domain::units::UtcMs;
use crate::shutdown::{Shutdown, Stage};
use crate::telemetry::sampler::Metrics;

struct Running {
    at: SocketAddr,
    shutdown: Shutdown,
    snapshot: Condition,
    hands: Hands,
}

struct Answer {
    status: StatusCode,
    head: String,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// A problem document with this status; gives its detail.
    fn problem(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{}", self.body);
        assert!(self.head.contains("application/problem+json"), "{}", self.head);
        let document = self.json();
        assert_eq!(document["status"], status);
        let kind = document["type"].as_str().unwrap();
        assert!(kind.starts_with("urn:geofenced:problem:"), "{kind}");
        document["detail"].as_str().unwrap().to_owned()
    }
}

struct Control;

impl SnapshotControl for Control {
    fn state(&self) -> SnapshotState {
        SnapshotState {
            current: Some((Epoch(7), SnapshotHash([0xAB; 32]))),
            live: vec![Epoch(6), Epoch(7)],
            last_failure: Some("epoch 8 is damaged".to_owned()),
        }
    }

    fn reload(&self) -> Result<Reloaded, String> {
        Err("block 3 of epoch 8 fails its checksum".to_owned())
    }
}

/// What the queue's routes would want to find.
#[derive(Clone)]
struct Reader(AccountId);

fn who(token: &str, scope: Scope) -> Result<Caller, AuthError> {
    let account = AccountId(4);
    match (token, scope) {
        ("operator", Scope::Admin) => Ok(Caller::new(AccountId(0))),
        ("reader", Scope::Queue) => Ok(Caller::new(account).with(Reader(account))),
        ("operator" | "reader", _) => Err(AuthError::Scope { name: token.to_owned(), scope }),
        _ => Err(AuthError::Unknown),
    }
}

fn brought() -> Router {
    Router::new()
        .route("/v1/mine", get(async |Extension(reader): Extension<Reader>| reader.0.to_string()))
        .route("/v1/echo", post(async |body: String| body))
        .route("/v1/large", get(async || "x".repeat(LARGE_BYTES)))
        .route("/v1/slow", get(async || tokio::time::sleep(Duration::from_secs(60)).await))
}

/// More than any system takes over from a connection whose other side doesn't read.
const LARGE_BYTES: usize = 64 << 20;

async fn start(config: AdminConfig) -> Running {
    let readiness = Readiness::new();
    let snapshot = readiness.condition("snapshot", "none is loaded");
    let (clock, hands) = Clock::manual(UtcMs(1_700_000_000_000));
    let router = Admin::new(&config, Arc::new(who), readiness, Metrics::new(1).unwrap())
        .snapshots(Arc::new(Control))
        .clock(clock)
        .mount(Scope::Queue, Duration::from_millis(50), brought())
        .into_router();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let shutdown = Shutdown::new();
    let member = shutdown.join(Stage::Admin, "admin");
    let door = Door { listener, tls: None };
    tokio::spawn(server::run(config, door, router, member));
    Running { at, shutdown, snapshot, hands }
}

impl Running {
    async fn ask(&self, method: &str, path: &str, token: Option<&str>, body: &str) -> Answer {
        let token = token.map(|token| format!("authorization: Bearer {token}\r\n"));
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{}\
             content-length: {}\r\n\r\n{body}",
            token.unwrap_or_default(),
            body.len()
        );
        let mut stream = TcpStream::connect(self.at).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        read_answer(&mut stream).await
    }

    /// Whether a connection is let in; one that is not may be reset before its answer is read.
    async fn is_healthy(&self) -> bool {
        let mut stream = TcpStream::connect(self.at).await.unwrap();
        let mut some = [0; 12];
        let asked = stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: l\r\n\r\n").await;
        asked.is_ok() && stream.read_exact(&mut some).await.is_ok() && &some == b"HTTP/1.1 200"
    }

    async fn get(&self, path: &str, token: &str) -> Answer {
        self.ask("GET", path, Some(token), "").await
    }
}

async fn read_answer(stream: &mut TcpStream) -> Answer {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}

#[tokio::test]
async fn health_readiness_and_metrics_need_no_token() {
    let running = start(AdminConfig::default()).await;
    assert_eq!(running.ask("GET", "/healthz", None, "").await.body, "ok\n");

    let answer = running.ask("GET", "/readyz", None, "").await;
    assert_eq!(answer.problem(503), "not ready: snapshot: none is loaded");
    assert_eq!(answer.json()["missing"][0]["condition"], "snapshot");
    assert!(answer.head.contains("retry-after: "), "{}", answer.head);
    running.snapshot.set();
    assert_eq!(running.ask("GET", "/readyz", None, "").await.json()["ready"], true);

    let answer = running.ask("GET", "/metrics", None, "").await;
    assert!(answer.head.contains("text/plain; version=0.0.4"), "{}", answer.head);
    assert!(answer.body.contains("geofenced_build_info{"), "{}", answer.body);
}

#[tokio::test]
async fn tokens_open_what_their_scopes_say_and_nothing_else() {
    let running = start(AdminConfig::default()).await;
    let answer = running.ask("GET", "/v1/snapshots", None, "").await;
    assert!(answer.problem(401).contains("Authorization: Bearer"));
    assert!(answer.head.contains("www-authenticate: Bearer"), "{}", answer.head);
    assert!(running.get("/v1/snapshots", "guess").await.problem(401).contains("not known"));
    assert!(
        running.get("/v1/snapshots", "reader").await.problem(403).contains("lack the scope admin")
    );
    assert!(
        running.get("/v1/mine", "operator").await.problem(403).contains("lack the scope queue")
    );
    assert_eq!(running.get("/v1/mine", "reader").await.body, "4");
}

#[tokio::test]
async fn snapshots_are_listed_and_a_failed_reload_says_why() {
    let running = start(AdminConfig::default()).await;
    let listed = running.get("/v1/snapshots", "operator").await.json();
    assert_eq!(listed["current"]["epoch"], 7);
    assert_eq!(listed["current"]["hash"], "ab".repeat(32));
    assert_eq!(listed["live"], serde_json::json!([6, 7]));
    let answer = running.ask("POST", "/v1/snapshots/reload", Some("operator"), "").await;
    let said = "the last good snapshot stays: block 3 of epoch 8 fails its checksum";
    assert_eq!(answer.problem(422), said);
}

#[tokio::test]
async fn a_step_of_the_clock_is_shown_and_accepted() {
    let running = start(AdminConfig::default()).await;
    assert!(
        running
            .ask("POST", "/v1/clock/accept", Some("operator"), "")
            .await
            .problem(409)
            .contains("nothing")
    );
    running.hands.step_ms(3_600_000);
    assert_eq!(running.get("/v1/clock", "operator").await.json()["stepped_ms"], 3_600_000);
    let accepted = running.ask("POST", "/v1/clock/accept", Some("operator"), "").await.json();
    assert_eq!(accepted["accepted_ms"], 3_600_000);
    assert_eq!(accepted["now_ms"], 1_700_003_600_000_i64);
    assert_eq!(running.get("/v1/clock", "operator").await.json()["stepped_ms"], Value::Null);
}

#[tokio::test]
async fn every_refusal_is_a_problem_document() {
    let running = start(AdminConfig { max_body_bytes: 1024, ..Default::default() }).await;
    let nowhere = running.get("/v1/nowhere", "reader").await;
    assert_eq!(nowhere.problem(404), "there is nothing at GET /v1/nowhere");
    let method = running.ask("DELETE", "/healthz", None, "").await;
    assert_eq!(method.problem(405), "DELETE /healthz is not offered");
    assert!(method.head.contains("allow: GET"), "{}", method.head);

    let fits = "x".repeat(1024);
    assert_eq!(running.ask("POST", "/v1/echo", Some("reader"), &fits).await.body, fits);
    let large = running.ask("POST", "/v1/echo", Some("reader"), &"x".repeat(1025)).await;
    large.problem(413);
    assert!(running.get("/v1/slow", "reader").await.problem(504).contains("no answer within"));
}

#[tokio::test]
async fn answers_carry_security_headers() {
    let running = start(AdminConfig::default()).await;
    for path in ["/healthz", "/v1/nowhere"] {
        let head = running.ask("GET", path, None, "").await.head;
        for header in ["x-content-type-options: nosniff", "cache-control: no-store"] {
            assert!(head.contains(header), "{path}: {head}");
        }
        assert!(head.contains("default-src 'none'"), "{path}: {head}");
    }
}

#[tokio::test]
async fn a_connection_past_the_bound_is_told_so() {
    let running = start(AdminConfig { max_connections: 1, ..Default::default() }).await;
    let mut first = TcpStream::connect(running.at).await.unwrap();
    first.write_all(b"GET /healthz HTTP/1.1\r\nhost: l\r\n\r\n").await.unwrap();
    let mut some = [0; 12];
    first.read_exact(&mut some).await.unwrap();
    assert_eq!(&some, b"HTTP/1.1 200");

    let mut second = TcpStream::connect(running.at).await.unwrap();
    let answer = read_answer(&mut second).await;
    assert!(answer.problem(503).contains("max_connections"));
    assert!(answer.head.contains(&format!("content-length: {}", answer.body.len())));
}

#[tokio::test]
async fn a_client_that_sends_no_header_is_let_go() {
    let running = start(AdminConfig { header_s: 1, ..Default::default() }).await;
    let mut idle = TcpStream::connect(running.at).await.unwrap();
    idle.write_all(b"GET /healthz HT").await.unwrap();
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(20), idle.read_to_end(&mut rest)).await;
    assert!(ended.is_ok(), "the connection is still open");
}

/// A client that asks for a large answer and reads none of it but its beginning.
async fn stalled(running: &Running) -> TcpStream {
    let mut stream = TcpStream::connect(running.at).await.unwrap();
    let ask = b"GET /v1/large HTTP/1.1\r\nhost: l\r\nauthorization: Bearer reader\r\n\r\n";
    stream.write_all(ask).await.unwrap();
    let mut some = [0; 12];
    stream.read_exact(&mut some).await.unwrap();
    assert_eq!(&some, b"HTTP/1.1 200");
    stream
}

#[tokio::test]
async fn who_reads_no_answer_loses_the_connection() {
    let config = AdminConfig { max_connections: 1, write_s: 1, ..Default::default() };
    let running = start(config).await;
    let mut first = stalled(&running).await;
    let healthy = async {
        while !running.is_healthy().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), healthy).await.expect("the place is free again");
    let mut rest = Vec::new();
    // What the system had taken over still comes; whether a reset follows is the system's.
    let _ended = first.read_to_end(&mut rest).await;
    assert!(rest.len() < LARGE_BYTES, "all of it came");
}

#[tokio::test]
async fn the_drain_waits_for_no_one_who_reads_nothing() {
    let running = start(AdminConfig { write_s: 600, ..Default::default() }).await;
    let _stalled = stalled(&running).await;
    assert_eq!(running.shutdown.drain(Duration::from_secs(60)).await, vec![]);
}

#[tokio::test]
async fn the_drain_closes_idle_connections_and_ends_the_server() {
    let running = start(AdminConfig::default()).await;
    let mut idle = TcpStream::connect(running.at).await.unwrap();
    idle.write_all(b"GET /healthz HTTP/1.1\r\nhost: l\r\n\r\n").await.unwrap();
    let mut some = [0; 12];
    idle.read_exact(&mut some).await.unwrap();
    assert_eq!(running.shutdown.drain(Duration::from_secs(20)).await, vec![]);
    assert!(TcpStream::connect(running.at).await.is_err());
}

#[tokio::test]
async fn the_server_has_a_thread_of_its_own() {
    let shutdown = Shutdown::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let door = Door { listener, tls: None };
    let member = shutdown.join(Stage::Admin, "admin");
    let thread = server::spawn(AdminConfig::default(), door, Router::new(), member).unwrap();
    assert_eq!(thread.thread().name(), Some("admin"));
    assert_eq!(shutdown.drain(Duration::from_secs(20)).await, vec![]);
    thread.join().unwrap();
}

#[test]
fn settings_have_bounds() {
    assert_eq!(AdminConfig::default().check().first(), Ok(()));
    let config = AdminConfig { max_body_bytes: 10, ..Default::default() };
    let bad = config.check().first().unwrap_err().to_string();
    assert_eq!(bad, "max_body_bytes is 10; allowed is 1024 to 67108864 (bytes)");
}
