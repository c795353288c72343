//! What a refused request gets: a problem document (RFC 9457), whoever refused it.
//!
//! Routes of all parts answer with a [`Problem`], which becomes a response here; [`dress`] turns the plain refusals of the framework (no such route, body
//! too large, unreadable JSON) into the same shape, so a client needs to understand one kind of error.

use axum::Json;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::domain::problem::Problem;

/// The media type of a problem document.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// No framework's refusal is longer; what is gets cut off rather than passed on.
const PLAIN_LIMIT_BYTES: usize = 4096;

/// When to come again after a 503 that does not say, s.
const RETRY_AFTER_S: u32 = 10;

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        answer(&self, &self)
    }
}

/// The answer to a problem, with one more member in its document.
pub(crate) fn with(problem: &Problem, name: &str, value: serde_json::Value) -> Response {
    let mut document = serde_json::json!(problem);
    document[name] = value;
    answer(problem, &document)
}

fn answer(problem: &Problem, document: &impl serde::Serialize) -> Response {
    let status = StatusCode::from_u16(problem.status()).unwrap_or(StatusCode::BAD_REQUEST);
    let mut response = (status, Json(document)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    if status == StatusCode::UNAUTHORIZED {
        let challenge = HeaderValue::from_static("Bearer realm=\"geofenced\"");
        headers.insert(header::WWW_AUTHENTICATE, challenge);
    }
    let unavailable = (status == StatusCode::SERVICE_UNAVAILABLE).then_some(RETRY_AFTER_S);
    if let Some(seconds) = problem.retry_s().or(unavailable) {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// Gives every refusal the shape of a [`Problem`].
pub async fn dress(request: Request, next: Next) -> Response {
    let asked = format!("{} {}", request.method(), request.uri().path());
    let response = next.run(request).await;
    let status = response.status();
    let refused = status.is_client_error() || status.is_server_error();
    let content_type = response.headers().get(header::CONTENT_TYPE);
    let dressed = content_type.is_some_and(|kind| kind.as_bytes().ends_with(b"json"));
    if !refused || dressed {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let detail = match plain_text(body).await {
        Some(text) => text,
        None if status == StatusCode::NOT_FOUND => format!("there is nothing at {asked}"),
        None if status == StatusCode::METHOD_NOT_ALLOWED => format!("{asked} is not offered"),
        None => status.canonical_reason().unwrap_or("the request was refused").to_owned(),
    };
    let problem = Problem::of_status(status.as_u16(), detail).into_response();
    // Headers such as Allow stay; those of the old body go.
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.extend(problem.headers().clone());
    Response::from_parts(parts, problem.into_body())
}

async fn plain_text(body: Body) -> Option<String> {
    let bytes = axum::body::to_bytes(body, PLAIN_LIMIT_BYTES).await.ok()?;
    let text = std::str::from_utf8(&bytes).ok()?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}
