//! The daemon's clock for operators: `GET /v1/clock`, and `POST /v1/clock/accept` after a step.
//!
//! Intake stands still from the moment a step is seen until somebody has looked and accepted it here.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};

use crate::clock::Clock;
use crate::domain::problem::{Kind, Problem};

pub(crate) fn routes(clock: Clock) -> Router {
    Router::new()
        .route("/v1/clock", get(show))
        .route("/v1/clock/accept", post(accept))
        .with_state(clock)
}

async fn show(State(clock): State<Clock>) -> Response {
    let now = clock.now();
    Json(serde_json::json!({ "now_ms": now, "stepped_ms": clock.stepped() })).into_response()
}

async fn accept(State(clock): State<Clock>) -> Response {
    match clock.accept_step() {
        Some(accepted_ms) => {
            tracing::info!(accepted_ms, "a step of the system clock was accepted");
            Json(serde_json::json!({ "accepted_ms": accepted_ms, "now_ms": clock.now() }))
                .into_response()
        }
        None => Problem::new(Kind::Conflict, "the clock has not stepped: nothing to accept")
            .into_response(),
    }
}
