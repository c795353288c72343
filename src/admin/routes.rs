//! The router: health and metrics for everybody, everything else behind a scope, bounds and headers around all.
//!
//! [`Admin`] collects what `app` brings and gives one [`Router`] to the [`server`](super::server).

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use tower_http::limit::RequestBodyLimitLayer;

use super::auth::{self, Authenticator, Guard};
use super::problem;
use super::readiness::Readiness;
use super::server::AdminConfig;
use super::snapshots::{self, SnapshotControl};
use super::v1::{self, Service};
use crate::auth::grant::Scope;
use crate::clock::Clock;
use crate::domain::problem::{Kind, Problem};
use crate::telemetry::sampler::Metrics;

/// Everything that is served, put together by `app`.
pub struct Admin {
    config: AdminConfig,
    authenticator: Arc<dyn Authenticator>,
    open: Router,
    guarded: Router,
    /// Those that take whole files.
    uploads: Router,
}

impl Admin {
    /// Health, readiness and metrics; nothing else yet.
    #[must_use]
    pub fn new(
        config: &AdminConfig,
        authenticator: Arc<dyn Authenticator>,
        readiness: Readiness,
        metrics: Metrics,
    ) -> Self {
        let open = Router::new()
            .route("/healthz", get(|| async { "ok\n" }))
            .route("/readyz", get(ready).with_state(readiness))
            .route("/metrics", get(scrape).with_state(metrics));
        Self {
            config: config.clone(),
            authenticator,
            open,
            guarded: Router::new(),
            uploads: Router::new(),
        }
    }

    /// Adds `GET /v1/snapshots` and `POST /v1/snapshots/reload` for operators.
    #[must_use]
    pub fn snapshots(self, control: Arc<dyn SnapshotControl>) -> Self {
        let limit = self.config.request_limit();
        self.mount(Scope::Admin, limit, snapshots::routes(control))
    }

    /// Adds `GET /v1/clock` and `POST /v1/clock/accept` for operators.
    #[must_use]
    pub fn clock(self, clock: Clock) -> Self {
        let limit = self.config.request_limit();
        self.mount(Scope::Admin, limit, super::clock::routes(clock))
    }

    /// Adds the campaign API, its description and a page to try it.
    #[must_use]
    pub fn campaigns(mut self, service: Arc<Service>) -> Self {
        let limit = self.config.request_limit();
        let (own, described) = v1::campaign_api().into_parts();
        let (operators, for_operators) = v1::operator_api().into_parts();
        let (uploads, for_uploads) = v1::upload_api().into_parts();
        let waiting = middleware::from_fn_with_state(Arc::clone(&service), v1::wait_for_epoch);
        let gate = middleware::from_fn_with_state(Arc::clone(&service), v1::gate);
        let own = own.route_layer(waiting).route_layer(gate.clone());
        let own = own.with_state(Arc::clone(&service));
        let described = described.merge_from(for_operators).merge_from(for_uploads);
        self.open = self.open.merge(v1::described(described));
        let counting = middleware::from_fn_with_state(service.figures(), v1::count_request);
        let uploads = uploads.route_layer(gate).with_state(Arc::clone(&service));
        let uploads = self.behind(Scope::Campaigns, UPLOAD_LIMIT, uploads);
        self.uploads = uploads.route_layer(counting.clone());
        let operators = self.behind(Scope::Admin, limit, operators.with_state(service));
        let routes = self.behind(Scope::Campaigns, limit, own).merge(operators);
        self.guarded = self.guarded.merge(routes.route_layer(counting));
        self
    }

    /// Adds a part's routes, full paths, behind a scope. A request may take `limit`; routes that wait for
    /// something (the queue's long poll) ask for more than the config's.
    #[must_use]
    pub fn mount(mut self, scope: Scope, limit: Duration, routes: Router) -> Self {
        let routes = self.behind(scope, limit, routes);
        self.guarded = self.guarded.merge(routes);
        self
    }

    fn behind(&self, scope: Scope, limit: Duration, routes: Router) -> Router {
        let guard = Guard { authenticator: self.authenticator.clone(), scope };
        routes
            .route_layer(middleware::from_fn_with_state(guard, auth::check))
            .route_layer(middleware::from_fn_with_state(limit, within))
    }

    /// What the server serves.
    pub fn into_router(self) -> Router {
        let secure: fn(Response) -> _ =
            if self.config.tls_cert.is_some() { secure_always } else { secure };
        self.open
            .merge(self.guarded)
            .layer(DefaultBodyLimit::disable())
            .layer(RequestBodyLimitLayer::new(self.config.max_body_bytes))
            // Files have a bound of their own, by what is in them, and go to the disk as they come.
            .merge(self.uploads)
            .layer(middleware::from_fn(problem::dress))
            .layer(middleware::map_response(secure))
    }
}

/// How long a file may take to come: 256 MiB at 4 Mbit/s.
const UPLOAD_LIMIT: Duration = Duration::from_secs(600);

async fn ready(State(readiness): State<Readiness>) -> Response {
    let missing = readiness.missing();
    if missing.is_empty() {
        return Json(serde_json::json!({ "ready": true })).into_response();
    }
    let list: Vec<_> = missing.iter().map(|m| format!("{}: {}", m.condition, m.reason)).collect();
    let problem = Problem::new(Kind::Unavailable, format!("not ready: {}", list.join("; ")));
    problem::with(&problem, "missing", serde_json::json!(missing))
}

async fn scrape(State(metrics): State<Metrics>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metrics.render())
        .into_response()
}

/// Ends a request that takes too long.
async fn within(State(limit): State<Duration>, request: Request, next: Next) -> Response {
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_elapsed) => {
            let detail = format!("no answer within {} s; ask for less, or later", limit.as_secs());
            Problem::new(Kind::TimedOut, detail).into_response()
        }
    }
}

/// What keeps a browser from doing more with an answer than show it. A route's own header wins.
const HEADERS: [(HeaderName, HeaderValue); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
    ),
];

fn secure(mut response: Response) -> std::future::Ready<Response> {
    for (name, value) in HEADERS {
        response.headers_mut().entry(name).or_insert(value);
    }
    std::future::ready(response)
}

/// With TLS, browsers are also told to come with it for a year, whatever a link says.
const ALWAYS: HeaderValue = HeaderValue::from_static("max-age=31536000");

fn secure_always(mut response: Response) -> std::future::Ready<Response> {
    response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, ALWAYS);
    secure(response)
}
