//! JSON over HTTP for people with curl: the same checks, the same router, the same promise.
//!
//! An answer with status 200 means what an ack means: every record is synced and stepped, or counted under a
//! reason. There is no resending here; a request whose answer was lost may be sent again, and the engine
//! counts fixes that it has as duplicates.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use tokio::sync::Semaphore;

use super::believe::{self, Believed};
use super::figures::IngestFigures;
use super::intake::Intake;
use super::json;
use super::problem::Problem;
use crate::auth::authority::{AuthError, Authority};
use crate::auth::grant::{Grant, Scope};
use crate::domain::ids::AppId;
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
    authority: Arc<Authority>,
    figures: Arc<IngestFigures>,
    turns: Arc<Semaphore>,
}

impl<I: Intake> HttpIntake<I> {
    /// Into the same router and the same figures as QUIC.
    #[must_use]
    pub fn new(intake: Arc<I>, authority: Arc<Authority>, figures: Arc<IngestFigures>) -> Self {
        Self { intake, authority, figures, turns: Arc::new(Semaphore::new(MAX_REQUESTS)) }
    }
}

/// `POST /v1/pings`, `/v1/outcomes`, `/v1/profiles` and `/v1/hints`.
pub fn routes<I: Intake>(intake: HttpIntake<I>) -> Router {
    Router::new()
        .route("/v1/pings", post(pings::<I>))
        .route("/v1/outcomes", post(outcomes::<I>))
        .route("/v1/profiles", post(profiles::<I>))
        .route("/v1/hints", post(hints::<I>))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(Arc::new(intake))
}

type Request<I> = (State<Arc<HttpIntake<I>>>, HeaderMap, Result<Bytes, BytesRejection>);

async fn pings<I: Intake>(
    State(http): State<Arc<HttpIntake<I>>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let read = |bytes: &[u8], intake: &I, now: UtcMs| {
        let (app, pings) = json::body(bytes, "pings", |fields| json::ping(fields, now))?;
        Ok((app, believe::pings(pings.into_iter(), intake.future_rule(now))))
    };
    answer((State(http), headers, body), read).await
}

async fn outcomes<I: Intake>(
    State(http): State<Arc<HttpIntake<I>>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let read = |bytes: &[u8], intake: &I, now: UtcMs| {
        let (app, outcomes) = json::body(bytes, "outcomes", |fields| json::outcome(fields, now))?;
        Ok((app, believe::outcomes(outcomes.into_iter().map(Ok), intake.future_rule(now))))
    };
    answer((State(http), headers, body), read).await
}

async fn profiles<I: Intake>(
    State(http): State<Arc<HttpIntake<I>>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let read = |bytes: &[u8], _intake: &I, _now: UtcMs| {
        let (app, profiles) = json::body(bytes, "profiles", json::profile)?;
        Ok((app, believe::profiles(profiles.into_iter().map(Ok))))
    };
    answer((State(http), headers, body), read).await
}

async fn hints<I: Intake>(
    State(http): State<Arc<HttpIntake<I>>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let read = |bytes: &[u8], intake: &I, now: UtcMs| {
        let (app, hints) = json::body(bytes, "hints", |fields| json::hint(fields, now))?;
        Ok((app, believe::hints(hints.into_iter().map(Ok), intake.future_rule(now))))
    };
    answer((State(http), headers, body), read).await
}

async fn answer<I: Intake>(
    (State(http), headers, body): Request<I>,
    read: impl Fn(&[u8], &I, UtcMs) -> Result<(AppId, Believed), Problem>,
) -> Response {
    http.figures.http_request();
    match take(&http, &headers, body, read).await {
        Ok(receipt) => Json(receipt).into_response(),
        Err(problem) => {
            http.figures.http_problem();
            problem.into_response()
        }
    }
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

async fn take<I: Intake>(
    http: &Arc<HttpIntake<I>>,
    headers: &HeaderMap,
    body: Result<Bytes, BytesRejection>,
    read: impl Fn(&[u8], &I, UtcMs) -> Result<(AppId, Believed), Problem>,
) -> Result<Receipt, Problem> {
    let grant = http.authority.by_token(bearer(headers)?, Scope::Ingest)?;
    let turn = Arc::clone(&http.turns).try_acquire_owned().map_err(|_none_left| {
        Problem::unavailable(format!("{MAX_REQUESTS} requests are under way; use QUIC for streams"))
    })?;
    let body = body.map_err(|rejection| {
        Problem::too_large(format!("{rejection}; send at most {MAX_BODY_BYTES} bytes"))
    })?;
    let now = http.intake.received_at();
    let (app, believed) = read(&body, &http.intake, now)?;
    if !grant.apps.has(app) {
        return Err(Problem::app(format!("{app} is not among the token's apps: {}", grant.apps)));
    }
    let settling = settle(Arc::clone(http), submission(&grant, app, now, believed));
    // In a task of its own: a client that hangs up must not take back what is half handed over.
    let settled = tokio::spawn(async move {
        let receipt = settling.await;
        drop(turn);
        receipt
    });
    match tokio::time::timeout(PATIENCE, settled).await {
        Ok(Ok(receipt)) => receipt,
        Ok(Err(_panicked)) => {
            Err(Problem::unavailable("a fault of the daemon's own; please report it"))
        }
        Err(_elapsed) => {
            let wait = PATIENCE.as_secs();
            Err(Problem::unavailable(format!(
                "not safe within {wait} s; the records may take effect yet"
            )))
        }
    }
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
    let submitted = submission.records.len() as u64;
    let received = submitted + rejects.iter().sum::<u64>();
    http.figures.receive(usize::try_from(received).unwrap_or(usize::MAX));
    http.figures.reject(&rejects);
    if submitted > 0 {
        let lost = |problem: Problem| {
            http.figures.lose(submitted);
            problem
        };
        let ticket = http.intake.submit(submission).await.map_err(|e| lost(e.into()))?;
        let applied = ticket.await.map_err(|error| lost(error.into()))?;
        http.figures.settle(submitted, &applied.rejects);
        for (sum, late) in rejects.iter_mut().zip(&applied.rejects) {
            *sum += late;
        }
    }
    Ok(Receipt::new(received, &rejects))
}

fn bearer(headers: &HeaderMap) -> Result<&str, AuthError> {
    let Some(shown) = headers.get(header::AUTHORIZATION) else { return Err(AuthError::Missing) };
    let shown = shown.to_str().map_err(|_binary| AuthError::Malformed)?;
    match shown.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(token.trim()),
        Some(_) | None => Err(AuthError::Malformed),
    }
}
