//! JSON over HTTP for people with curl: the same checks, the same router, the same promise.
//!
//! An answer with status 200 means what an ack means: every record is synced and stepped, or counted under a
//! reason. There is no resending here; a request whose answer was lost may be sent again, and the engine
//! counts fixes that it has as duplicates.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest as _, Request, State};
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Extension, Json, Router};
use tokio::sync::Semaphore;

use super::believe::{self, Believed};
use super::figures::{IngestFigures, RecordClass};
use super::intake::Intake;
use super::json;
use crate::auth::grant::Grant;
use crate::domain::ids::AppId;
use crate::domain::problem::{Kind, Problem};
use crate::domain::reasons::{RejectCounts, RejectReason};
use crate::domain::submission::Submission;
use crate::domain::units::UtcMs;

/// The longest body: 4,096 pings with every field written out.
const MAX_BODY_BYTES: usize = 2 << 20;

/// Requests that may be under way; the next ones are told to come later. With their bodies and the values
/// read from them they hold at most about 32 × 20 MB.
const MAX_REQUESTS: usize = 32;

/// How long a request waits for its records to be safe.
const PATIENCE: Duration = Duration::from_secs(15);

/// What the routes need.
pub struct HttpIntake<I> {
    intake: Arc<I>,
    figures: Arc<IngestFigures>,
    turns: Arc<Semaphore>,
}

impl<I: Intake> HttpIntake<I> {
    /// Into the same router and the same figures as QUIC.
    #[must_use]
    pub fn new(intake: Arc<I>, figures: Arc<IngestFigures>) -> Self {
        Self { intake, figures, turns: Arc::new(Semaphore::new(MAX_REQUESTS)) }
    }
}

/// `POST /v1/pings`, `/v1/outcomes`, `/v1/profiles` and `/v1/hints`. The layer outside looks at the token
/// before anything of the body is read, and puts its [`Grant`] into the request.
pub fn routes<I: Intake>(intake: HttpIntake<I>) -> Router {
    Router::new()
        .route("/v1/pings", post(pings::<I>))
        .route("/v1/outcomes", post(outcomes::<I>))
        .route("/v1/profiles", post(profiles::<I>))
        .route("/v1/hints", post(hints::<I>))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(Arc::new(intake))
}

type Http<I> = State<Arc<HttpIntake<I>>>;
type Granted = Extension<Grant>;
type Answer = Result<Json<Receipt>, Problem>;

async fn pings<I: Intake>(http: Http<I>, grant: Granted, request: Request) -> Answer {
    let read = |bytes: &[u8], intake: &I, now: UtcMs| {
        let (app, pings) = json::body(bytes, "pings", |fields| json::ping(fields, now))?;
        Ok((app, believe::pings(pings.into_iter(), intake.future_rule(now))))
    };
    answer(http, grant, request, read).await
}

async fn outcomes<I: Intake>(http: Http<I>, grant: Granted, request: Request) -> Answer {
    let read = |bytes: &[u8], intake: &I, now: UtcMs| {
        let (app, outcomes) = json::body(bytes, "outcomes", |fields| json::outcome(fields, now))?;
        Ok((app, believe::outcomes(outcomes.into_iter().map(Ok), intake.future_rule(now))))
    };
    answer(http, grant, request, read).await
}

async fn profiles<I: Intake>(http: Http<I>, grant: Granted, request: Request) -> Answer {
    let read = |bytes: &[u8], _intake: &I, _now: UtcMs| {
        let (app, profiles) = json::body(bytes, "profiles", json::profile)?;
        Ok((app, believe::profiles(profiles.into_iter().map(Ok))))
    };
    answer(http, grant, request, read).await
}

async fn hints<I: Intake>(http: Http<I>, grant: Granted, request: Request) -> Answer {
    let read = |bytes: &[u8], intake: &I, now: UtcMs| {
        let (app, hints) = json::body(bytes, "hints", |fields| json::hint(fields, now))?;
        Ok((app, believe::hints(hints.into_iter().map(Ok), intake.future_rule(now))))
    };
    answer(http, grant, request, read).await
}

async fn answer<I: Intake>(
    State(http): Http<I>,
    Extension(grant): Granted,
    request: Request,
    read: impl Fn(&[u8], &I, UtcMs) -> Result<(AppId, Believed), Problem>,
) -> Answer {
    http.figures.http_request();
    let taken = take(&http, &grant, request, read).await;
    taken.map(Json).inspect_err(|_problem| http.figures.http_problem())
}

/// What became of a request's records.
#[derive(Debug, serde::Serialize)]
struct Receipt {
    received: u64,
    evaluated: u64,
    rejected: BTreeMap<&'static str, u64>,
}

impl Receipt {
    fn new(received: u64, rejects: &RejectCounts) -> Self {
        let counted = RejectReason::ALL
            .iter()
            .map(|reason| (reason.label(), rejects[usize::from(reason.number())]));
        let rejected: BTreeMap<_, _> = counted.filter(|&(_, count)| count > 0).collect();
        let evaluated = received.saturating_sub(rejected.values().sum());
        Self { received, evaluated, rejected }
    }
}

/// Waits for a turn before the body is read: what has no turn holds no memory.
async fn take<I: Intake>(
    http: &Arc<HttpIntake<I>>,
    grant: &Grant,
    request: Request,
    read: impl Fn(&[u8], &I, UtcMs) -> Result<(AppId, Believed), Problem>,
) -> Result<Receipt, Problem> {
    let turn = Arc::clone(&http.turns).try_acquire_owned().map_err(|_none_left| {
        unavailable(format!("{MAX_REQUESTS} requests are under way; use QUIC for streams"))
    })?;
    let body = whole(request).await?;
    let now = http.intake.received_at();
    let (app, believed) = read(&body, &http.intake, now)?;
    drop(body);
    if !grant.apps.has(app) {
        let detail = format!("{app} is not among the token's apps: {}", grant.apps);
        return Err(Problem::new(Kind::AppNotAllowed, detail).at("/app"));
    }
    let settling = settle(Arc::clone(http), submission(grant, app, now, believed));
    // In a task of its own: a client that hangs up must not take back what is half handed over.
    let settled = tokio::spawn(async move {
        let receipt = settling.await;
        drop(turn);
        receipt
    });
    match tokio::time::timeout(PATIENCE, settled).await {
        Ok(Ok(receipt)) => receipt,
        Ok(Err(_panicked)) => {
            Err(Problem::new(Kind::Internal, "a fault of the daemon's own; please report it"))
        }
        Err(_elapsed) => {
            let wait = PATIENCE.as_secs();
            Err(unavailable(format!("not safe within {wait} s; the records may take effect yet")))
        }
    }
}

async fn whole(request: Request) -> Result<Bytes, Problem> {
    Bytes::from_request(request, &()).await.map_err(|rejection| {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            let detail = format!("{rejection}; send at most {MAX_BODY_BYTES} bytes");
            Problem::new(Kind::TooLarge, detail)
        } else {
            Problem::new(Kind::BadRequest, format!("{rejection}; send the body whole"))
        }
    })
}

fn unavailable(detail: String) -> Problem {
    Problem::new(Kind::Unavailable, detail)
}

fn submission(
    grant: &Grant,
    app: AppId,
    now: UtcMs,
    believed: Believed,
) -> (Submission, RejectCounts) {
    let Believed { records, rejects } = believed;
    let account = grant.account;
    (Submission { account, app, origin: None, received_at: now, records }, rejects)
}

async fn settle<I: Intake>(
    http: Arc<HttpIntake<I>>,
    (submission, mut rejects): (Submission, RejectCounts),
) -> Result<Receipt, Problem> {
    let submitted = submission.records.len();
    let received = submitted as u64 + rejects.iter().sum::<u64>();
    let class = RecordClass::of(&submission.records);
    let in_flight = http.figures.receive(class, &rejects, submitted);
    if submitted > 0 {
        let applied = http.intake.submit(submission).await?.await?;
        in_flight.settle(&applied.rejects);
        for (sum, late) in rejects.iter_mut().zip(&applied.rejects) {
            *sum += late;
        }
    }
    Ok(Receipt::new(received, &rejects))
}
