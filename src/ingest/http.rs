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

use super::believe::{self, Believed};
use super::figures::{IngestFigures, RecordClass};
use super::intake::Intake;
use super::json::{self, JsonRecord};
use crate::auth::grant::Grant;
use crate::domain::fix::FutureRule;
use crate::domain::ids::{AccountId, AppId};
use crate::domain::ping::Ping;
use crate::domain::problem::{Kind, Problem};
use crate::domain::reasons::{RejectCounts, RejectReason};
use crate::domain::report::{Outcome, PlaceHint, Profile};
use crate::domain::submission::Submission;
use crate::domain::turns::{Crowd, Turns};
use crate::domain::units::UtcMs;

/// The longest body: 4,096 pings with every field written out.
const MAX_BODY_BYTES: usize = 2 << 20;

/// Requests that may be under way; the next ones are told to come later. With their bodies and the records
/// read from them they hold at most about 32 × 3 MB.
const MAX_REQUESTS: u32 = 32;

/// Of those, the requests of one account: three others always find a turn.
const MAX_REQUESTS_PER_ACCOUNT: u32 = 8;

/// How long a body may take: 2 MiB at 2 Mbit/s, and a little.
const BODY_PATIENCE: Duration = Duration::from_secs(10);

/// How long a request waits for its records to be safe.
const PATIENCE: Duration = Duration::from_secs(15);

/// What the routes need.
pub struct HttpIntake<I> {
    intake: Arc<I>,
    figures: Arc<IngestFigures>,
    turns: Turns,
}

impl<I: Intake> HttpIntake<I> {
    /// Into the same router and the same figures as QUIC.
    #[must_use]
    pub fn new(intake: Arc<I>, figures: Arc<IngestFigures>) -> Self {
        Self { intake, figures, turns: Turns::new(MAX_REQUESTS, MAX_REQUESTS_PER_ACCOUNT) }
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
    let believe = |pings: Vec<Ping>, future| believe::pings(pings.into_iter(), future);
    answer(http, grant, request, believe).await
}

async fn outcomes<I: Intake>(http: Http<I>, grant: Granted, request: Request) -> Answer {
    let believe =
        |outcomes: Vec<Outcome>, future| believe::outcomes(outcomes.into_iter().map(Ok), future);
    answer(http, grant, request, believe).await
}

async fn profiles<I: Intake>(http: Http<I>, grant: Granted, request: Request) -> Answer {
    let believe = |profiles: Vec<Profile>, _| believe::profiles(profiles.into_iter().map(Ok));
    answer(http, grant, request, believe).await
}

async fn hints<I: Intake>(http: Http<I>, grant: Granted, request: Request) -> Answer {
    let believe = |hints: Vec<PlaceHint>, future| believe::hints(hints.into_iter().map(Ok), future);
    answer(http, grant, request, believe).await
}

async fn answer<I: Intake, T: JsonRecord>(
    State(http): Http<I>,
    Extension(grant): Granted,
    request: Request,
    believe: impl Fn(Vec<T>, FutureRule) -> Believed,
) -> Answer {
    http.figures.http_request();
    let taken = take(&http, &grant, request, believe).await;
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

/// Asks for a turn before the body is read: what has no turn holds no memory.
async fn take<I: Intake, T: JsonRecord>(
    http: &Arc<HttpIntake<I>>,
    grant: &Grant,
    request: Request,
    believe: impl Fn(Vec<T>, FutureRule) -> Believed,
) -> Result<Receipt, Problem> {
    let turn = http.turns.take(grant.account).map_err(crowded)?;
    let body = whole(request).await?;
    let now = http.intake.received_at();
    let (app, records) = json::body(&body, now)?;
    drop(body);
    let not_allowed = |detail| Err(Problem::new(Kind::AppNotAllowed, detail).at("/app"));
    if !grant.apps.has(app) {
        return not_allowed(format!("{app} is not among the token's apps: {}", grant.apps));
    }
    if !http.intake.may_have_app(grant.account, app) {
        return not_allowed(format!("account {} has no app {app}", grant.account));
    }
    keep_to_allowance(http, grant.account, records.len())?;
    let believed = believe(records, http.intake.future_rule(now));
    let believed = believed.of_made_jobs(&*http.intake, grant.account).await;
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

/// There is no flow control that a request would feel: it comes again.
fn keep_to_allowance<I: Intake>(
    http: &HttpIntake<I>,
    account: AccountId,
    records: usize,
) -> Result<(), Problem> {
    let records = u32::try_from(records).unwrap_or(u32::MAX);
    http.intake.allowance(account).take(records, http.intake.uptime()).map_err(|wait| {
        http.figures.held_back();
        let seconds = u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).saturating_add(1);
        let detail =
            format!("the account hands over faster than it may; come again in {seconds} s");
        Problem::new(Kind::TooMany, detail).come_again_in(seconds)
    })
}

/// The body, if it comes in time: who dawdles must not keep a turn from those who don't.
async fn whole(request: Request) -> Result<Bytes, Problem> {
    let reading = tokio::time::timeout(BODY_PATIENCE, Bytes::from_request(request, &()));
    let read = reading.await.map_err(|_elapsed| {
        let wait = BODY_PATIENCE.as_secs();
        Problem::new(Kind::BadRequest, format!("the body took over {wait} s; send it at once"))
    })?;
    read.map_err(|rejection| {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            let detail = format!("{rejection}; send at most {MAX_BODY_BYTES} bytes");
            Problem::new(Kind::TooLarge, detail)
        } else {
            Problem::new(Kind::BadRequest, format!("{rejection}; send the body whole"))
        }
    })
}

fn crowded(crowd: Crowd) -> Problem {
    unavailable(match crowd {
        Crowd::All(most) => format!("{most} requests are under way; use QUIC for streams"),
        Crowd::Account(most) => {
            format!("{most} requests of the account are under way; use QUIC for streams")
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
