//! The embedded queue over HTTP: routes, tenancy, long polls, refusals; and the tail against a real socket.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, Response, StatusCode};
use axum::{Extension, Router};
use futures_util::FutureExt as _;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};
use tower::ServiceExt;

use super::http_client::{HttpClient, HttpError};
use super::queue::{Caller, QueueService, routes};
use super::tail::{DaemonArgs, DropArgs, From, QueueCommand, TailArgs, TailError, offset_of, run};
use super::visit_log::{VisitLog, VisitReader};
use crate::clock::Clock;
use crate::domain::decision::EventKind;
use crate::domain::ids::AccountId;
use crate::domain::problem::{Kind, Problem};
use crate::domain::units::UtcMs;
use crate::outbox::samples::{World, event, job, keyring, visible, visit};
use crate::outbox::{Outbox, OutboxConfig};

type Noted = Arc<Mutex<Vec<VisitReader>>>;

/// Notes all but those of account 9.
fn visit_log(noted: &Noted) -> VisitLog {
    let noted = Arc::clone(noted);
    let note = move |reader: VisitReader| {
        let refused = reader.account == AccountId(9);
        noted.lock().expect("whole").push(reader);
        let busy = || Problem::new(Kind::Unavailable, "not now");
        async move { if refused { Err(busy()) } else { Ok(()) } }.boxed()
    };
    VisitLog::new(Clock::start(UtcMs::MIN), Box::new(note))
}

struct House {
    outbox: Outbox,
    service: Arc<QueueService>,
    /// Who was noted to read visits.
    noted: Noted,
    _dir: TempDir,
}

impl House {
    fn new() -> Self {
        let dir = tempdir().expect("a folder");
        let outbox = World::new().open(dir.path(), OutboxConfig::default());
        let noted = Noted::default();
        let service = QueueService::new(outbox.clone(), keyring(), visit_log(&noted));
        Self { outbox, service: Arc::new(service), noted, _dir: dir }
    }

    async fn with_jobs(jobs: u64) -> Self {
        let house = Self::new();
        house.outbox.release((1..=jobs).map(|seq| job(1, (0, seq, 0))).collect()).expect("it runs");
        visible(&house.outbox, jobs).await;
        house
    }

    fn routes_of(&self, account: u32) -> Router {
        let caller = Caller { account: AccountId(account), name: "reader".into() };
        routes(self.service.clone()).layer(Extension(caller))
    }

    async fn ask(
        &self,
        account: u32,
        method: &str,
        path: &str,
        body: &str,
    ) -> (StatusCode, Vec<u8>) {
        let request = Request::builder().method(method).uri(path).body(Body::from(body.to_owned()));
        let request = request.expect("a request");
        let answer = self.routes_of(account).oneshot(request).await.expect("an answer");
        whole(answer).await
    }

    async fn lines(&self, account: u32, path: &str) -> Vec<Value> {
        let (status, body) = self.ask(account, "GET", path, "").await;
        assert_eq!(status, StatusCode::OK, "{}", String::from_utf8_lossy(&body));
        body.split(|&byte| byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice(line).expect("a line of JSON"))
            .collect()
    }
}

async fn whole(answer: Response<Body>) -> (StatusCode, Vec<u8>) {
    let status = answer.status();
    let body = answer.into_body().collect().await.expect("a body").to_bytes().to_vec();
    (status, body)
}

fn of(body: &[u8]) -> Value {
    serde_json::from_slice(body).expect("JSON")
}

#[tokio::test]
async fn who_is_handed_visits_is_noted_before_they_leave() {
    let house = House::new();
    let records =
        vec![job(1, (0, 1, 0)), visit(1, (0, 2, 0)), visit(9, (0, 3, 0)), job(1, (0, 4, 0))];
    house.outbox.release(records).expect("it runs");
    visible(&house.outbox, 4).await;
    let noted = || house.noted.lock().expect("whole").len();
    for account in [1, 9] {
        for (name, kinds) in [("jobs", r#"{"kinds": ["push_job"]}"#), ("all", "")] {
            house.ask(account, "PUT", &format!("/v1/queues/{name}"), kinds).await;
        }
    }
    assert_eq!(house.lines(1, "/v1/queues/jobs/records").await.len(), 2);
    assert_eq!(house.lines(1, "/v1/queues/all/records?limit=1").await.len(), 1);
    assert_eq!(noted(), 0, "jobs alone");
    assert_eq!(house.lines(1, "/v1/queues/all/records").await.len(), 3);
    assert_eq!(house.lines(1, "/v1/queues/all/records?after=1").await.len(), 2);
    assert_eq!(noted(), 1, "once an hour");
    let reader = house.noted.lock().expect("whole")[0].clone();
    assert_eq!((reader.account, &*reader.by), (AccountId(1), "reader"));
    assert_eq!(reader.consumer.to_string(), "all");
    // What can't be noted stays where it is, and comes again.
    for times in 2..4 {
        let (status, _) = house.ask(9, "GET", "/v1/queues/all/records", "").await;
        assert_eq!((status, noted()), (StatusCode::SERVICE_UNAVAILABLE, times));
    }
}

#[tokio::test]
async fn a_consumer_is_created_reads_acknowledges_and_goes() {
    let house = House::with_jobs(3).await;
    let (status, body) = house.ask(1, "PUT", "/v1/queues/crm", r#"{"from":"earliest"}"#).await;
    assert_eq!(status, StatusCode::CREATED);
    assert_eq!((&of(&body)["acked"], &of(&body)["lag"]), (&json!(0), &json!(3)));
    assert_eq!(of(&body)["kinds"].as_array().map(Vec::len), Some(8));
    let (status, _) = house.ask(1, "PUT", "/v1/queues/crm", "").await;
    assert_eq!(status, StatusCode::OK, "creating it again is no change");

    let lines = house.lines(1, "/v1/queues/crm/records?limit=2").await;
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[1]["geofencedoffset"], "2");
    assert_eq!(lines[1]["data"]["device_id"], "09090909-0909-0909-0909-090909090909");
    let (status, body) = house.ask(1, "POST", "/v1/queues/crm/ack", r#"{"offset":"2"}"#).await;
    assert_eq!((status, &of(&body)["lag"]), (StatusCode::OK, &json!(1)));
    assert_eq!(house.lines(1, "/v1/queues/crm/records").await.len(), 1);
    let (_, body) = house.ask(1, "GET", "/v1/queues", "").await;
    assert_eq!(of(&body)["queues"][0]["acked"], 2);

    let (status, _) = house.ask(1, "DELETE", "/v1/queues/crm", "").await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let (status, body) = house.ask(1, "GET", "/v1/queues/crm/records", "").await;
    assert_eq!((status, &of(&body)["pointer"]), (StatusCode::NOT_FOUND, &json!("name")));
}

#[tokio::test]
async fn an_account_can_neither_see_nor_touch_another_s() {
    let house = House::with_jobs(2).await;
    house.ask(1, "PUT", "/v1/queues/crm", "").await;
    for (method, path, body) in [
        ("GET", "/v1/queues/crm", ""),
        ("GET", "/v1/queues/crm/records", ""),
        ("POST", "/v1/queues/crm/ack", r#"{"offset":1}"#),
        ("DELETE", "/v1/queues/crm", ""),
    ] {
        let (status, _) = house.ask(2, method, path, body).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{method} {path}");
    }
    house.ask(2, "PUT", "/v1/queues/crm", "").await;
    assert!(house.lines(2, "/v1/queues/crm/records").await.is_empty());
    assert_eq!(house.lines(1, "/v1/queues/crm/records").await.len(), 2);
    let request = Request::get("/v1/queues").body(Body::empty()).expect("a request");
    let answer = routes(house.service.clone()).oneshot(request).await.expect("an answer");
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    assert_eq!(whole(answer).await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_refusal_names_the_field_and_what_is_allowed() {
    let house = House::with_jobs(1).await;
    house.ask(1, "PUT", "/v1/queues/crm", "").await;
    for (method, path, body, pointer, says) in [
        ("PUT", "/v1/queues/CRM", "", "name", "a-z"),
        ("PUT", "/v1/queues/new", r#"{"kinds":["clicked","tapped"]}"#, "/kinds", "push_job"),
        ("PUT", "/v1/queues/new", r#"{"kinds":[]}"#, "/kinds", "at least one"),
        ("PUT", "/v1/queues/new", r#"{"form":"latest"}"#, "", "form"),
        ("PUT", "/v1/queues/new", r#"{"from":"middle"}"#, "", "earliest"),
        ("GET", "/v1/queues/crm/records?limit=0", "", "limit", "10000"),
        ("GET", "/v1/queues/crm/records?limit=10001", "", "limit", "10000"),
        ("GET", "/v1/queues/crm/records?wait_s=61", "", "wait_s", "60"),
        ("GET", "/v1/queues/crm/records?limt=3", "", "query", "limit"),
        ("POST", "/v1/queues/crm/ack", r#"{"offset":2}"#, "/offset", "newest is 1"),
        ("POST", "/v1/queues/crm/ack", r#"{"offset":"x"}"#, "/offset", "no offset"),
        ("POST", "/v1/queues/crm/ack", "", "", "body"),
    ] {
        let (status, answer) = house.ask(1, method, path, body).await;
        let problem = of(&answer);
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{method} {path} {body}: {problem}");
        assert_eq!(problem["pointer"], pointer, "{path} {body}: {problem}");
        assert!(
            problem["detail"].as_str().is_some_and(|detail| detail.contains(says)),
            "{problem}"
        );
    }
    let (status, answer) = house.ask(1, "PUT", "/v1/queues/crm", r#"{"kinds":["clicked"]}"#).await;
    assert_eq!((status, &of(&answer)["pointer"]), (StatusCode::CONFLICT, &json!("/kinds")));
}

#[tokio::test]
async fn a_long_poll_ends_with_the_first_record_it_wants_or_after_its_wait() {
    let house = House::new();
    house.ask(1, "PUT", "/v1/queues/crm", r#"{"kinds":["clicked"]}"#).await;
    let empty = house.lines(1, "/v1/queues/crm/records?wait_s=1");
    assert!(empty.await.is_empty());
    let outbox = house.outbox.clone();
    let feeding = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(200)).await;
        outbox.release(vec![job(1, (0, 1, 0)), job(2, (0, 2, 0))]).expect("it runs");
        tokio::time::sleep(Duration::from_millis(200)).await;
        outbox.release(vec![event(1, (0, 3, 0), EventKind::Clicked)]).expect("it runs");
    });
    let waited = house.lines(1, "/v1/queues/crm/records?wait_s=30");
    let lines =
        tokio::time::timeout(Duration::from_secs(20), waited).await.expect("well before 30 s");
    assert_eq!(lines[0]["type"], "geofenced.clicked.v1");
    feeding.await.expect("fed");
    house.outbox.close().expect("closed");
    assert_eq!(house.lines(1, "/v1/queues/crm/records").await, lines, "what is there can be read");
    let (status, _) = house.ask(1, "GET", "/v1/queues/crm/records?after=3&wait_s=30", "").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "nobody waits for what can't come");
    let (status, _) = house.ask(1, "POST", "/v1/queues/crm/ack", r#"{"offset":3}"#).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn an_answer_keeps_its_turn_until_it_is_taken() {
    let house = House::with_jobs(3).await;
    for account in [1, 2] {
        house.ask(account, "PUT", "/v1/queues/crm", "").await;
    }
    let read = |account: u32| {
        let request = Request::get("/v1/queues/crm/records").body(Body::empty());
        house.routes_of(account).oneshot(request.expect("a request"))
    };
    let mut answers = vec![read(1).await.expect("an answer"), read(1).await.expect("an answer")];
    let mut third = std::pin::pin!(read(1));
    let waits = tokio::time::timeout(Duration::from_millis(200), third.as_mut()).await;
    assert!(waits.is_err(), "both of the account's turns are in bodies that nobody has read");
    assert_eq!(read(2).await.expect("an answer").status(), StatusCode::OK, "others have theirs");
    let (status, body) = whole(answers.pop().expect("two")).await;
    assert_eq!((status, body.split(|&byte| byte == b'\n').count()), (StatusCode::OK, 4));
    let third = tokio::time::timeout(Duration::from_secs(20), third).await.expect("a turn is free");
    assert_eq!(third.expect("an answer").status(), StatusCode::OK);
}

/// Serves the routes of account 1 on a port of its own.
async fn served(house: &House) -> DaemonArgs {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let addr = listener.local_addr().expect("an address").to_string();
    let routes = house.routes_of(1);
    tokio::spawn(async move { axum::serve(listener, routes).await });
    DaemonArgs { addr, ca: None, token: Some("token".to_owned()) }
}

fn tail_of(daemon: &DaemonArgs) -> TailArgs {
    TailArgs {
        daemon: daemon.clone(),
        name: "tail".to_owned(),
        from: From::Earliest,
        kinds: Vec::new(),
        follow: false,
        limit: None,
        ack: false,
    }
}

async fn printed(command: QueueCommand) -> Vec<u64> {
    let mut out = Vec::new();
    run(&command, &mut out).await.expect("the daemon answers");
    let lines = out.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| offset_of(line).expect("an offset")).collect()
}

#[tokio::test]
async fn the_tail_prints_all_stops_at_its_limit_and_acknowledges_when_told() {
    let house = House::with_jobs(1500).await;
    let daemon = served(&house).await;
    let all = printed(QueueCommand::Tail(tail_of(&daemon))).await;
    assert_eq!(all, (1..=1500).collect::<Vec<_>>());
    let some = TailArgs { limit: Some(1100), ack: true, follow: true, ..tail_of(&daemon) };
    assert_eq!(printed(QueueCommand::Tail(some)).await.len(), 1100);
    let rest = printed(QueueCommand::Tail(tail_of(&daemon))).await;
    assert_eq!((rest.first(), rest.len()), (Some(&1101), 400));
    let latest = TailArgs {
        name: "new".to_owned(),
        from: From::Latest,
        kinds: vec!["clicked".to_owned()],
        ..tail_of(&daemon)
    };
    assert!(printed(QueueCommand::Tail(latest)).await.is_empty());
    let mut list = Vec::new();
    run(&QueueCommand::List(daemon.clone()), &mut list).await.expect("a list");
    assert_eq!(of(&list)["queues"].as_array().map(Vec::len), Some(2));
    let drop_new = DropArgs { daemon: daemon.clone(), name: "new".to_owned() };
    run(&QueueCommand::Drop(drop_new), &mut Vec::new()).await.expect("removed");
    let drop_odd = QueueCommand::Drop(DropArgs { daemon, name: "no/such name".to_owned() });
    let refused = run(&drop_odd, &mut Vec::new()).await.expect_err("refused");
    assert!(matches!(
        refused,
        TailError::Http(HttpError::Refused { status: StatusCode::UNPROCESSABLE_ENTITY, .. })
    ));
}

#[tokio::test]
async fn nobody_there_is_said_with_the_address() {
    let error = HttpClient::connect("127.0.0.1:1", None).await.expect_err("nobody there");
    assert!(error.to_string().contains("127.0.0.1:1"), "{error}");
}
