//! The embedded queue: NDJSON over HTTP for named durable consumers.
//!
//! A consumer is created with PUT, reads with GET as often as it likes, and says with POST `ack` what it is done
//! with; until then the same records come again. An account sees its own records and consumers alone: whose they
//! are comes from the [`Caller`] that the authentication layer puts into the request, never from the path.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Extension, Json, Router};
use serde::{Deserialize, Serialize};

use super::cloudevents::{NDJSON, write_line};
use super::turns::{Turn, Turns};
use super::visit_log::{VisitLog, VisitReader};
use crate::domain::ids::AccountId;
use crate::domain::problem::{Kind, Problem};
use crate::identity::Keyring;
use crate::outbox::consumer::{ConsumerKey, ConsumerName, Filter, Owner};
use crate::outbox::read::{Handed, MAX_READ_RECORDS, ReadAsk, Reading};
use crate::outbox::record::Content;
use crate::outbox::store::Standing;
use crate::outbox::{ConsumerError, Outbox, OutboxError, RecordKind, Start};

/// The longest wait for records, s.
pub const MAX_WAIT_S: u32 = 60;

/// Records of an answer when the caller names no limit.
const DEFAULT_LIMIT: usize = 1000;

/// Answers in memory at the same time, from the gathering of their records until the last byte is handed to the
/// system; one takes up to 40 MB. Further reads wait their turn; those that wait for records to come don't count.
const READS_AT_ONCE: usize = 8;

/// Of those, the answers of one account: who doesn't take its answers keeps no other account from reading.
const READS_PER_ACCOUNT: usize = 2;

/// Who asks. The authentication layer puts it into the request, after it has checked the scope `queue`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Caller {
    /// Whose records and consumers it may use.
    pub account: AccountId,
    /// What its token is called.
    pub name: Arc<str>,
}

/// The embedded queue.
#[derive(Debug)]
pub struct QueueService {
    outbox: Outbox,
    keyring: Keyring,
    reads: Turns,
    visits: VisitLog,
}

impl QueueService {
    /// A queue over an outbox, with the keys that open its devices, and where it notes who reads visits.
    #[must_use]
    pub fn new(outbox: Outbox, keyring: Keyring, visits: VisitLog) -> Self {
        Self { outbox, keyring, reads: Turns::new(READS_AT_ONCE, READS_PER_ACCOUNT), visits }
    }

    /// Reads for a consumer, and waits up to `wait` if there is nothing for it yet. The turn is held while records
    /// are in memory, as records or as an answer, never while there are none to wait for.
    async fn read(
        &self,
        key: &ConsumerKey,
        ask: ReadAsk,
        wait: Duration,
    ) -> Result<(Reading, Turn), Problem> {
        let mut visible = self.outbox.visible();
        let waiting = tokio::time::sleep(wait);
        tokio::pin!(waiting);
        loop {
            let turn = self.reads.wait(key.owner).await;
            visible.mark_unchanged();
            let reading = self.outbox.read(key, ask).await?;
            if !reading.records.is_empty() || wait.is_zero() || waiting.is_elapsed() {
                return Ok((reading, turn));
            }
            if let Some(ended) = self.outbox.ended() {
                return Err(ConsumerError::from(ended).into());
            }
            drop(turn);
            if reading.has_more {
                continue;
            }
            tokio::select! {
                () = &mut waiting => {}
                changed = visible.changed() => changed.map_err(|_gone| ConsumerError::from(OutboxError::Closed))?,
            }
        }
    }

    /// The answer's lines, which keep the turn for as long as they are there. Opening devices and writing JSON takes a
    /// while, so not on a thread of the runtime.
    async fn lines(&self, reading: Reading, turn: Turn) -> Result<Bytes, Problem> {
        let keyring = self.keyring.clone();
        let written = tokio::task::spawn_blocking(move || {
            let mut sealer = keyring.sealer();
            let mut lines = Vec::with_capacity(reading.records.len() * 1024);
            reading
                .records
                .iter()
                .try_for_each(|handed| write_line(handed, &mut sealer, &mut lines))
                .map(|()| lines)
        });
        match written.await {
            Ok(Ok(lines)) => Ok(Bytes::from_owner(Lines { lines, _turn: turn })),
            Ok(Err(error)) => Err(Problem::new(Kind::Internal, error.to_string())),
            Err(ended) => Err(Problem::new(Kind::Internal, ended.to_string())),
        }
    }
}

/// An answer on its way out: the connection drops it when its last byte is written or nobody takes it any more.
struct Lines {
    lines: Vec<u8>,
    /// Given back then.
    _turn: Turn,
}

impl AsRef<[u8]> for Lines {
    fn as_ref(&self) -> &[u8] {
        &self.lines
    }
}

/// The queue's routes, below `/v1/queues`. The layer outside puts a [`Caller`] into each request.
pub fn routes(service: Arc<QueueService>) -> Router {
    Router::new()
        .route("/v1/queues", get(list))
        .route("/v1/queues/{name}", put(create).get(show).delete(remove))
        .route("/v1/queues/{name}/records", get(records))
        .route("/v1/queues/{name}/ack", post(ack))
        .with_state(service)
}

type Service = State<Arc<QueueService>>;
type MaybeCaller = Option<Extension<Caller>>;

/// A consumer, as answers show it.
#[derive(Serialize)]
struct QueueView {
    name: String,
    kinds: Vec<&'static str>,
    /// Everything up to here is done with.
    acked: u64,
    /// Records after it, of all accounts and kinds: an upper bound.
    lag: u64,
    created_at: String,
    seen_at: String,
}

#[derive(Serialize)]
struct QueueList {
    queues: Vec<QueueView>,
}

async fn list(State(service): Service, caller: MaybeCaller) -> Result<Json<QueueList>, Problem> {
    let owner = owner_of(caller)?;
    let standings = service.outbox.consumers(Some(owner));
    Ok(Json(QueueList { queues: standings.iter().map(view).collect() }))
}

async fn show(
    State(service): Service,
    caller: MaybeCaller,
    Path(name): Path<String>,
) -> Result<Json<QueueView>, Problem> {
    let key = key_of(caller, &name)?;
    standing(&service, key).map(Json)
}

/// The body of a PUT. Without one: from the earliest record, every kind.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct CreateAsk {
    from: Start,
    kinds: Option<Vec<String>>,
}

async fn create(
    State(service): Service,
    caller: MaybeCaller,
    Path(name): Path<String>,
    body: Bytes,
) -> Result<(StatusCode, Json<QueueView>), Problem> {
    let key = key_of(caller, &name)?;
    let ask: CreateAsk = if body.is_empty() { CreateAsk::default() } else { json(&body)? };
    let filter = ask.kinds.as_deref().map_or(Ok(Filter::ALL), filter_of)?;
    let created = service.outbox.create(key.clone(), ask.from, filter).await?;
    let status = if created.is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(standing(&service, key)?)))
}

async fn remove(
    State(service): Service,
    caller: MaybeCaller,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    let key = key_of(caller, &name)?;
    service.outbox.remove(key).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The query of a read.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RecordsAsk {
    limit: Option<usize>,
    wait_s: Option<u32>,
    after: Option<u64>,
}

async fn records(
    State(service): Service,
    caller: MaybeCaller,
    Path(name): Path<String>,
    query: Result<Query<RecordsAsk>, QueryRejection>,
) -> Result<Response, Problem> {
    let caller = caller.ok_or_else(no_caller)?;
    let key = key_of(Some(caller.clone()), &name)?;
    let Query(query) = query.map_err(|rejection| {
        Problem::field(
            "query",
            format!("{}; known are limit, wait_s, after", rejection.body_text()),
        )
    })?;
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_READ_RECORDS).contains(&limit) {
        let detail = format!("limit is {limit}; use 1 to {MAX_READ_RECORDS}");
        return Err(Problem::field("limit", detail));
    }
    let wait_s = query.wait_s.unwrap_or(0);
    if wait_s > MAX_WAIT_S {
        let detail = format!("wait_s is {wait_s}; use 0 to {MAX_WAIT_S}");
        return Err(Problem::field("wait_s", detail));
    }
    let ask = ReadAsk { after: query.after, limit };
    let wait = Duration::from_secs(wait_s.into());
    let (reading, turn) = service.read(&key, ask, wait).await?;
    if reading.records.iter().any(is_visit) {
        let Extension(Caller { account, name: by }) = caller;
        service.visits.note(VisitReader { account, by, consumer: key.name }).await?;
    }
    let lines = service.lines(reading, turn).await?;
    Ok(([(header::CONTENT_TYPE, NDJSON), (header::CACHE_CONTROL, "no-store")], lines)
        .into_response())
}

fn is_visit(handed: &Handed) -> bool {
    matches!(handed.record.content, Content::Visit(_))
}

/// The body of an ack: the offset as a number, or as the text that a record carries.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AckAsk {
    offset: OffsetText,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OffsetText {
    Number(u64),
    Text(String),
}

async fn ack(
    State(service): Service,
    caller: MaybeCaller,
    Path(name): Path<String>,
    body: Bytes,
) -> Result<Json<QueueView>, Problem> {
    let key = key_of(caller, &name)?;
    let offset = match json::<AckAsk>(&body)?.offset {
        OffsetText::Number(offset) => offset,
        OffsetText::Text(text) => text.parse().map_err(|reason| {
            Problem::field("/offset", format!("{text:?} is no offset: {reason}"))
        })?,
    };
    service.outbox.ack(key.clone(), offset).await?;
    standing(&service, key).map(Json)
}

fn owner_of(caller: MaybeCaller) -> Result<Owner, Problem> {
    match caller {
        Some(Extension(caller)) => Ok(Owner::Account(caller.account)),
        None => Err(no_caller()),
    }
}

/// A request that came past the authentication layer.
fn no_caller() -> Problem {
    let detail = "send a bearer token with the scope \"queue\" in the Authorization header";
    Problem::new(Kind::Unauthenticated, detail)
}

fn key_of(caller: MaybeCaller, name: &str) -> Result<ConsumerKey, Problem> {
    let owner = owner_of(caller)?;
    match ConsumerName::parse(name) {
        Ok(name) => Ok(ConsumerKey { owner, name }),
        Err(error) => Err(Problem::field("name", error.to_string())),
    }
}

fn filter_of(kinds: &[String]) -> Result<Filter, Problem> {
    let known = || RecordKind::ALL.map(RecordKind::label).join(", ");
    let kinds: Vec<RecordKind> = kinds
        .iter()
        .map(|label| {
            RecordKind::from_label(label).ok_or_else(|| {
                Problem::field("/kinds", format!("{label:?} is no kind; use {}", known()))
            })
        })
        .collect::<Result<_, _>>()?;
    Filter::of(&kinds).ok_or_else(|| {
        Problem::field("/kinds", format!("name at least one of {}, or leave kinds out", known()))
    })
}

fn json<'b, T: Deserialize<'b>>(body: &'b [u8]) -> Result<T, Problem> {
    // serde takes a list for an object with its values in order.
    if !body.trim_ascii_start().starts_with(b"{") {
        return Err(Problem::field("", "the body is not as expected: it must be a JSON object"));
    }
    serde_json::from_slice(body)
        .map_err(|error| Problem::field("", format!("the body is not as expected: {error}")))
}

fn standing(service: &QueueService, key: ConsumerKey) -> Result<QueueView, Problem> {
    let standings = service.outbox.consumers(Some(key.owner));
    match standings.iter().find(|standing| standing.key == key) {
        Some(standing) => Ok(view(standing)),
        None => Err(ConsumerError::Unknown { key }.into()),
    }
}

fn view(standing: &Standing) -> QueueView {
    let consumer = &standing.consumer;
    QueueView {
        name: standing.key.name.to_string(),
        kinds: consumer.filter.kinds().map(RecordKind::label).collect(),
        acked: consumer.acked,
        lag: standing.lag,
        created_at: super::cloudevents::rfc3339(consumer.created_at),
        seen_at: super::cloudevents::rfc3339(consumer.seen_at),
    }
}
