//! Server-sent events: notices as they come, and how far an import is; [`reports`](super::reports) has those of figures.
//!
//! A stream looks into the catalog now and then and sends what is new. It ends when its import has, when its token is
//! revoked, and with the daemon. Each has a number of its last event, from which it goes on when it is opened again
//! (`Last-Event-ID`); without one it begins now. How many are open is bounded, for each account and in all.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::stream;
use serde::Serialize;
use utoipa::openapi::HttpMethod;

use super::answer::refused;
use super::api::{Api, Endpoint, Like, Named, Parameter};
use super::request::Number;
use super::service::{Service, Shared};
use crate::auth::grant::{Grant, Scope};
use crate::control::config::CampaignsConfig;
use crate::control::desk::Desk;
use crate::control::documents::{Document as _, Import, Notice, Shown};
use crate::control::refusal::Refusal;
use crate::control::room::Room;
use crate::domain::ids::AccountId;
use crate::domain::problem::Problem;
use crate::domain::turns::Turn;
use crate::shutdown::Shutdown;

/// How often the catalog is asked for what is new.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// How often a silent stream says that it is there, so that no proxy takes it for dead.
pub(super) const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// Notices that are read at a time.
const AT_ONCE: u32 = 100;

/// The header by which a stream goes on.
const LAST_EVENT_ID: &str = "Last-Event-ID";

const IN_HEADER: &[Parameter] =
    &[Parameter(LAST_EVENT_ID, Like::Number, "The id of the last event that you have")];

/// The streams that are open.
pub struct Streams {
    room: Room,
    shutdown: Shutdown,
}

impl Streams {
    /// None yet.
    #[must_use]
    pub fn new(config: CampaignsConfig, shutdown: Shutdown) -> Self {
        let room = Room::of("streams", config.streams, config.streams_per_account);
        Self { room, shutdown }
    }

    pub(super) fn open(&self, account: AccountId) -> Result<Turn, Refusal> {
        self.room.enter(account)
    }
}

pub(super) fn endpoints(api: Api) -> Api {
    let endpoint = |path: &str, summary: &str| Endpoint {
        method: HttpMethod::Get,
        path: path.to_owned(),
        tag: "notices",
        summary: summary.to_owned(),
        in_path: &[],
        in_query: &[],
        in_header: IN_HEADER,
        body: None,
        answer: (200, "Server-sent events", Some(Named::stream())),
    };
    let notices = endpoint("/v1/notices/stream", "Follow notices: each is an event");
    let import = Endpoint {
        in_path: &[("id", "The import's number")],
        ..endpoint("/v1/imports/{id}/stream", "Follow an import until it ends")
    };
    api.serve(notices, get(follow_notices)).serve(import, get(follow_import))
}

async fn follow_notices(
    State(service): State<Shared>,
    Extension(grant): Extension<Grant>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let seen = last_event_id(&headers)?;
    let begun = service.look(service.caller(&grant), |desk| Ok(desk.newest_notice()?)).await;
    Ok(begun.map_or_else(refused, |newest| {
        Feed { service, grant, after: seen.unwrap_or(newest), of: Followed::Notices }.answer()
    }))
}

async fn follow_import(
    State(service): State<Shared>,
    Extension(grant): Extension<Grant>,
    Number(id): Number,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let seen = last_event_id(&headers)?;
    let begun = service.look(service.caller(&grant), move |desk| desk.get::<Import>(id)).await;
    Ok(begun.map_or_else(refused, |import| {
        let after = seen.unwrap_or(0);
        if has_ended(&import) && after == event_id(&import) {
            // Whoever opens streams again when they end is told by this that there is no more.
            return StatusCode::NO_CONTENT.into_response();
        }
        Feed { service, grant, after, of: Followed::Import(id) }.answer()
    }))
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<u32>, Problem> {
    let Some(value) = headers.get(LAST_EVENT_ID) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default();
    text.parse().map(Some).map_err(|_no_number| {
        let detail = format!("{LAST_EVENT_ID} is {text:?}; allowed: the id of an event");
        Problem::field(LAST_EVENT_ID, detail)
    })
}

/// What a stream is of.
#[derive(Clone, Copy)]
enum Followed {
    Notices,
    Import(u32),
}

/// What a stream is made from.
struct Feed {
    service: Shared,
    grant: Grant,
    /// The id of the last event that the caller has.
    after: u32,
    of: Followed,
}

impl Service {
    /// Whether a stream of this caller's has to end: its token is no longer good, or the daemon ends.
    pub(super) fn has_to_end(&self, grant: &Grant) -> bool {
        self.authority.again(grant, Scope::Campaigns).is_err()
            || self.streams.shutdown.is_requested()
    }
}

/// Events that wait to be sent, and whether more can come.
struct Fresh {
    events: Vec<(u32, Event)>,
    over: bool,
}

impl Feed {
    fn answer(self) -> Response {
        let open = match self.service.streams.open(self.grant.account) {
            Ok(open) => open,
            Err(refusal) => return refused(refusal),
        };
        let flow = Flow { feed: self, waiting: VecDeque::new(), over: false, _open: open };
        let events = stream::unfold(flow, Flow::next);
        Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response()
    }

    /// What is new; nothing where the catalog can't say, and the stream ends.
    async fn fresh(&self) -> Option<Fresh> {
        let (actor, after, of) = (self.service.caller(&self.grant), self.after, self.of);
        let fresh = self.service.catalog.read(move |tx| {
            let mut desk = Desk::open(tx, &actor)?;
            match of {
                Followed::Notices => notices(&mut desk, after),
                Followed::Import(id) => import(&mut desk, id, after),
            }
        });
        match fresh.await {
            Ok(fresh) => Some(fresh),
            Err(refusal) => {
                tracing::debug!(%refusal, "a stream ended");
                None
            }
        }
    }
}

/// A stream that is open.
struct Flow {
    feed: Feed,
    waiting: VecDeque<(u32, Event)>,
    /// Whether no more can come.
    over: bool,
    _open: Turn,
}

impl Flow {
    async fn next(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        loop {
            if let Some((id, event)) = self.waiting.pop_front() {
                self.feed.after = id;
                return Some((Ok(event), self));
            }
            if self.over || self.feed.service.has_to_end(&self.feed.grant) {
                return None;
            }
            let fresh = self.feed.fresh().await?;
            (self.waiting, self.over) = (fresh.events.into(), fresh.over);
            if self.waiting.is_empty() && !self.over {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        }
    }
}

fn notices(desk: &mut Desk<'_>, after: u32) -> Result<Fresh, Refusal> {
    let found = desk.notices_after(after, AT_ONCE)?;
    let event =
        |notice: &Shown<Notice>| (notice.id, event(notice.id, notice.document.of.label(), notice));
    Ok(Fresh { events: found.iter().map(event).collect(), over: false })
}

fn import(desk: &mut Desk<'_>, id: u32, after: u32) -> Result<Fresh, Refusal> {
    let import = desk.get::<Import>(id)?;
    let over = has_ended(&import);
    let number = event_id(&import);
    let name = if over { "ended" } else { "progress" };
    let events =
        if number == after { Vec::new() } else { vec![(number, event(number, name, &import))] };
    Ok(Fresh { events, over })
}

fn has_ended(import: &Shown<Import>) -> bool {
    import.state != Import::FIRST_STATE
}

/// Its revision, which no import brings past a `u32`: it grows every 2,000 rows.
fn event_id(import: &Shown<Import>) -> u32 {
    u32::try_from(import.revision).unwrap_or(u32::MAX)
}

fn event(id: u32, name: &str, shown: &impl Serialize) -> Event {
    let text = serde_json::to_string(shown).expect("documents have text for keys");
    Event::default().id(id.to_string()).event(name).data(text)
}
