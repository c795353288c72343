//! The HTTP routes over a real socket, with shards that answer as they are told.

use std::collections::HashMap;
use std::future::{Ready, ready};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::figures::IngestFigures;
use super::http::{HttpIntake, routes};
use super::intake::Intake;
use crate::admin::readiness::Readiness;
use crate::admin::routes::Admin;
use crate::admin::server::AdminConfig;
use crate::auth::authority::Authority;
use crate::auth::book::Book;
use crate::auth::command::NewToken;
use crate::auth::grant::{Apps, Scope};
use crate::auth::token::Token;
use crate::domain::fix::FutureRule;
use crate::domain::ids::{AccountId, AppId, JobId};
use crate::domain::report::Outcome;
use crate::domain::submission::{Applied, Lost, Records, Submission, SubmitError};
use crate::domain::units::UtcMs;
use crate::shard::allowance::{Allowance, Allowances};
use crate::telemetry::sampler::Metrics;

const NOW: UtcMs = UtcMs(1_767_225_600_000);
/// The account of the token has it not.
const NO_APP: AppId = AppId(3);
const DEVICE: &str = "00112233-4455-6677-8899-aabbccddeeff";

#[derive(Default)]
struct Shards {
    taken: Mutex<Vec<Submission>>,
    allowances: Allowances,
    draining: bool,
}

/// A job that nobody made.
const NO_JOB: JobId = JobId([0xFF; 16]);

impl Intake for Shards {
    type Ticket = Ready<Result<Applied, Lost>>;

    async fn submit(&self, submission: Submission) -> Result<Self::Ticket, SubmitError> {
        if self.draining {
            return Err(SubmitError::Draining);
        }
        self.taken.lock().expect("whole").push(submission);
        Ok(ready(Ok(Applied::default())))
    }

    fn allowance(&self, account: AccountId) -> Arc<Allowance> {
        self.allowances.of(account)
    }

    fn may_have_app(&self, _account: AccountId, app: AppId) -> bool {
        app != NO_APP
    }

    async fn of_made_jobs(&self, _account: AccountId, mut outcomes: Vec<Outcome>) -> Vec<Outcome> {
        outcomes.retain(|outcome| outcome.job != NO_JOB);
        outcomes
    }

    fn received_at(&self) -> UtcMs {
        NOW
    }

    fn uptime(&self) -> Duration {
        Duration::from_secs(60)
    }

    fn future_rule(&self, received_at: UtcMs) -> FutureRule {
        FutureRule::AtMost { received_at, max_future_ms: 60_000 }
    }
}

struct Server {
    address: std::net::SocketAddr,
    shards: Arc<Shards>,
    figures: Arc<IngestFigures>,
    token: String,
    /// Tokens of accounts 2 to 6, for all their apps.
    others: Vec<String>,
}

impl Server {
    async fn start(shards: Shards) -> Self {
        let mut book = Book::default();
        let mut token_of = |account: u8, apps| {
            let token = Token::from_bytes([account; 32]);
            let name = format!("curl-{account}");
            let (account, scopes) = (AccountId(account.into()), &[Scope::Ingest][..]);
            let wanted = NewToken { name: &name, account, apps, scopes };
            wanted.note(&mut book, &token, jiff::Timestamp::UNIX_EPOCH);
            token.reveal()
        };
        let token = token_of(1, Apps::only([AppId(1)]));
        let others = (2..=6).map(|account| token_of(account, Apps::All)).collect();
        let (shards, figures) = (Arc::new(shards), Arc::new(IngestFigures::default()));
        let authority = Arc::new(Authority::of(book));
        let http = HttpIntake::new(Arc::clone(&shards), Arc::clone(&figures));
        let (config, metrics) = (AdminConfig::default(), Metrics::new(1).expect("a table"));
        let router = Admin::new(&config, authority, Readiness::new(), metrics)
            .mount(Scope::Ingest, Duration::from_secs(20), routes(http))
            .into_router();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, shards, figures, token, others }
    }

    async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        self.raw(path, &self.token, body.to_string().as_bytes()).await
    }

    /// A request whose body has not come yet.
    async fn begin(&self, token: &str) -> TcpStream {
        let mut socket = TcpStream::connect(self.address).await.expect("there");
        let head = format!(
            "POST /v1/pings HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\
             connection: close\r\ncontent-length: 2000000\r\n\r\n"
        );
        socket.write_all(head.as_bytes()).await.expect("sent");
        socket
    }

    async fn raw(&self, path: &str, token: &str, body: &[u8]) -> (u16, Value) {
        let (status, _, body) = self.answer(path, token, body).await;
        (status, body)
    }

    /// The headers of the answer, names in lower case.
    async fn head(&self, path: &str, body: &Value) -> HashMap<String, String> {
        self.answer(path, &self.token, body.to_string().as_bytes()).await.1
    }

    async fn answer(
        &self,
        path: &str,
        token: &str,
        body: &[u8],
    ) -> (u16, HashMap<String, String>, Value) {
        let mut socket = TcpStream::connect(self.address).await.expect("there");
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\
             connection: close\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        socket.write_all(head.as_bytes()).await.expect("sent");
        socket.write_all(body).await.expect("sent");
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.expect("an answer");
        let status = answer[9..12].parse().expect("a status");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a body");
        let headers = head.lines().filter_map(|line| line.split_once(": "));
        let headers =
            headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
        (status, headers, serde_json::from_str(body).expect("JSON"))
    }
}

#[tokio::test]
async fn pings_reach_the_shards_and_are_counted() {
    let server = Server::start(Shards::default()).await;
    let pings = json!([
        {"device": DEVICE, "lat": 37.5665, "lon": 126.978},
        {"device": DEVICE, "lat": 1, "lon": 2, "at": "2026-01-01T00:00:01Z", "accuracy_m": 12.1,
         "background": true, "ads_consent": false, "night_consent": true, "platform": "ios"},
        {"device": DEVICE, "lat": 1, "lon": 2, "mock": true},
        {"device": DEVICE, "lat": 1, "lon": 2, "at": NOW.0 + 60_001},
    ]);
    let (status, receipt) = server.post("/v1/pings", &json!({"app": 1, "pings": pings})).await;
    assert_eq!(status, 200);
    let wanted = json!({"received": 4, "evaluated": 2, "rejected": {"future": 1, "mock": 1}});
    assert_eq!(receipt, wanted);
    let taken = server.shards.taken.lock().expect("whole").clone();
    let Records::Fixes(fixes) = &taken[0].records else { panic!("no fixes") };
    assert_eq!((fixes[0].fixed_at, fixes[0].at.lat), (NOW, 375_665_000));
    assert_eq!((fixes[1].fixed_at, fixes[1].accuracy_m), (NOW + 1000, 13));
    assert_eq!(fixes[1].flags.0, 2 | 4 | 8 | 32);
    let figures = server.figures.snapshot().pings;
    assert_eq!((figures.received, figures.evaluated, figures.in_flight), (4, 2, 0));
}

#[tokio::test]
async fn the_other_kinds_have_routes_too() {
    let server = Server::start(Shards::default()).await;
    for (path, body) in [
        (
            "/v1/outcomes",
            json!({"app": 1, "outcomes": [{"device": DEVICE, "job": DEVICE, "kind": "clicked"}]}),
        ),
        (
            "/v1/profiles",
            json!({"app": 1, "profiles": [{"device": DEVICE, "platform": "android"}]}),
        ),
        (
            "/v1/hints",
            json!({"app": 1, "hints": [{"device": DEVICE, "place": 7, "verdict": "enter"}]}),
        ),
    ] {
        let (status, receipt) = server.post(path, &body).await;
        assert_eq!((status, &receipt["evaluated"]), (200, &json!(1)), "{path} {receipt}");
    }
    assert_eq!(server.shards.taken.lock().expect("whole").len(), 3);
    let figures = server.figures.snapshot();
    assert_eq!((figures.pings.received, figures.reports.evaluated), (0, 3));
}

#[tokio::test]
async fn an_account_that_hands_over_too_fast_is_told_when_to_come_again() {
    let server = Server::start(Shards::default()).await;
    server.shards.allowances.set(AccountId(1), Some(2));
    let ping = json!({"device": DEVICE, "lat": 1, "lon": 2});
    let body = json!({"app": 1, "pings": [ping.clone(), ping.clone(), ping]});
    assert_eq!(server.post("/v1/pings", &body).await.0, 200, "a first one always has room");
    let (status, problem) = server.post("/v1/pings", &body).await;
    assert_eq!(
        (status, &problem["type"]),
        (429, &json!("urn:geofenced:problem:too-many-requests"))
    );
    let detail = "the account hands over faster than it may; come again in 1 s";
    assert_eq!(problem["detail"], detail);
    assert_eq!(server.head("/v1/pings", &body).await["retry-after"], "1");
    let figures = server.figures.snapshot();
    assert_eq!((figures.pings.received, figures.held_back, figures.http_problems), (3, 2, 2));
    let others = json!({"app": 1, "pings": [{"device": DEVICE, "lat": 1, "lon": 2}]});
    let (status, _) =
        server.raw("/v1/pings", &server.others[0], others.to_string().as_bytes()).await;
    assert_eq!(status, 200, "another account has nothing to do with it");
}

#[tokio::test]
async fn refusals_name_the_field() {
    let server = Server::start(Shards::default()).await;
    let ping = |field: &str, value: Value| {
        let mut ping = json!({"device": DEVICE, "lat": 1, "lon": 2});
        ping[field] = value;
        json!({"app": 1, "pings": [{"device": DEVICE, "lat": 1, "lon": 2}, ping]})
    };
    for (body, status, pointer) in [
        (ping("lat", json!(91)), 422, "/pings/1/lat"),
        (ping("lon", json!("x")), 422, "/pings/1/lon"),
        (ping("device", json!("x")), 422, "/pings/1/device"),
        (ping("at", json!("yesterday")), 422, "/pings/1/at"),
        (ping("mock", json!(1)), 422, "/pings/1/mock"),
        (ping("accuracy_m", json!(-1)), 422, "/pings/1/accuracy_m"),
        (ping("platform", json!("web")), 422, "/pings/1/platform"),
        (ping("a/b", json!(1)), 422, "/pings/1/a~1b"),
        (json!({"app": 1}), 422, "/pings"),
        (json!({"app": -1, "pings": []}), 422, "/app"),
        (json!({"app": 1, "pings": []}), 422, "/pings"),
        (json!({"app": 1, "pings": [3]}), 422, "/pings/0"),
        (json!({"app": 2, "pings": [{"device": DEVICE, "lat": 1, "lon": 2}]}), 403, "/app"),
    ] {
        let (got, problem) = server.post("/v1/pings", &body).await;
        assert_eq!((got, problem["pointer"].as_str()), (status, Some(pointer)), "{problem}");
    }
    assert_eq!(server.figures.snapshot().pings.received, 0);
    assert_eq!(server.raw("/v1/pings", &server.token, b"{").await.0, 400);
}

#[tokio::test]
async fn strangers_and_full_houses_are_told_so() {
    let server = Server::start(Shards { draining: true, ..Shards::default() }).await;
    let (status, problem) = server.raw("/v1/pings", "gf_guess", b"{}").await;
    assert_eq!((status, problem["status"].as_u64()), (401, Some(401)));
    assert!(!problem.to_string().contains("gf_guess"));
    let long = vec![b' '; 3 << 20];
    let body = json!({"app": 1, "pings": [{"device": DEVICE, "lat": 1, "lon": 2}]});
    let (status, _) = server.post("/v1/pings", &body).await;
    assert_eq!(status, 503);
    let figures = server.figures.snapshot().pings;
    assert_eq!((figures.received, figures.rejected[15], figures.in_flight), (1, 1, 0));
    let (status, problem) = server.raw("/v1/pings", &server.token, &long).await;
    assert_eq!((status, &problem["type"]), (413, &json!("urn:geofenced:problem:too-large")));
}

/// The status that comes on a socket.
async fn status(mut socket: TcpStream) -> String {
    let mut head = [0; 12];
    socket.read_exact(&mut head).await.expect("an answer");
    String::from_utf8_lossy(&head[9..]).into_owned()
}

impl Server {
    async fn has_begun(&self, requests: u64) {
        let all = async {
            while self.figures.snapshot().http_requests < requests {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), all).await.expect("all have begun");
    }
}

#[tokio::test]
async fn nobody_s_body_is_read_before_token_and_turn() {
    let server = Server::start(Shards::default()).await;
    assert_eq!(status(server.begin("gf_guess").await).await, "401");
    let mut waiting = vec![];
    for other in &server.others[..4] {
        for _ in 0..8 {
            waiting.push(server.begin(other).await);
        }
    }
    server.has_begun(32).await;
    assert_eq!(status(server.begin(&server.token).await).await, "503");
    drop(waiting);
}

#[tokio::test]
async fn an_account_that_dawdles_leaves_turns_to_others_and_loses_its_own() {
    let server = Server::start(Shards::default()).await;
    let mut waiting = vec![];
    for _ in 0..8 {
        waiting.push(server.begin(&server.others[0]).await);
    }
    server.has_begun(8).await;
    assert_eq!(status(server.begin(&server.others[0]).await).await, "503");
    let body = json!({"app": 1, "pings": [{"device": DEVICE, "lat": 1, "lon": 2}]});
    assert_eq!(server.post("/v1/pings", &body).await.0, 200, "another account has its turns");
    // Nothing of their bodies comes: each is answered when its time is over, and its turn is free again.
    for socket in waiting {
        assert_eq!(status(socket).await, "400");
    }
    let (other, body) = (&server.others[0], body.to_string());
    assert_eq!(server.raw("/v1/pings", other, body.as_bytes()).await.0, 200);
}

#[tokio::test]
async fn a_token_for_all_apps_is_for_those_that_the_account_has() {
    let server = Server::start(Shards::default()).await;
    let ask = |app: AppId| {
        json!({"app": app.0, "pings": [{"device": DEVICE, "lat": 1, "lon": 2}]}).to_string()
    };
    let other = &server.others[0];
    assert_eq!(server.raw("/v1/pings", other, ask(AppId(2)).as_bytes()).await.0, 200);
    let (status, problem) = server.raw("/v1/pings", other, ask(NO_APP).as_bytes()).await;
    assert_eq!((status, &problem["pointer"]), (403, &json!("/app")));
    assert_eq!(problem["detail"], "account 2 has no app 3");
}
