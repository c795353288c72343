//! What a refused request gets: a problem document (RFC 9457), whoever refused it.
//!
//! Routes answer with a [`Problem`]; [`dress`] turns the plain refusals of the framework (no such route, body
//! too large, unreadable JSON) into the same shape, so a client needs to understand one kind of error.

use axum::Json;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// The media type of a problem document.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// No framework's refusal is longer; what is gets cut off rather than passed on.
const PLAIN_LIMIT_BYTES: usize = 4096;

/// A refusal: the status, what is wrong with which field, and what to do.
#[derive(Clone, Debug)]
pub struct Problem {
    status: StatusCode,
    detail: String,
    members: serde_json::Map<String, serde_json::Value>,
}

impl Problem {
    /// A refusal with a sentence that says what to change.
    #[must_use]
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), members: serde_json::Map::new() }
    }

    /// Names the field of the request that is wrong.
    #[must_use]
    pub fn field(self, name: &str) -> Self {
        self.with("field", name.into())
    }

    /// Adds a member of its own to the document.
    #[must_use]
    pub fn with(mut self, name: &str, value: serde_json::Value) -> Self {
        self.members.insert(name.to_owned(), value);
        self
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let title = self.status.canonical_reason().unwrap_or("Error");
        let mut document = serde_json::json!({
            "type": "about:blank",
            "title": title,
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        if let Some(object) = document.as_object_mut() {
            object.extend(self.members);
        }
        let mut response = (self.status, Json(document)).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        response
    }
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
    let problem = Problem::new(status, detail).into_response();
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
