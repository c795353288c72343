//! What callers send: bodies, parameters, and the headers that make a change safe.

use axum::extract::FromRequest as _;
use axum::extract::{FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::control::desk::changes::{MAX_KEY_CHARS, Once, Seen};
use crate::domain::problem::{Kind, Problem};

/// The header under which a creation can be sent again.
pub(super) const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// A number in the path.
pub(super) struct Number(pub(super) u32);

impl<S: Send + Sync> FromRequestParts<S> for Number {
    type Rejection = Problem;

    /// What is no number names nothing.
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::<u32>::from_request_parts(parts, state).await;
        let Path(number) = path.map_err(|_rejection| {
            Problem::new(Kind::NotFound, format!("there is nothing at {}", parts.uri.path()))
        })?;
        Ok(Self(number))
    }
}

/// Parameters behind the path.
pub(super) struct Parameters<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Parameters<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(parameters)) => Ok(Self(parameters)),
            Err(rejection) => Err(Problem::new(Kind::BadField, rejection.body_text())),
        }
    }
}

/// A longer body is not parsed where others wait to be answered.
const LARGE_BYTES: usize = 64 << 10;

/// The body, as JSON.
pub(super) async fn json(request: Request) -> Result<(Value, Bytes), Problem> {
    let read = Bytes::from_request(request, &()).await;
    let bytes = read.map_err(|rejection| {
        let kind = match rejection.status().as_u16() {
            413 => Kind::TooLarge,
            _ => Kind::BadRequest,
        };
        Problem::new(kind, format!("{rejection}; send a smaller body, whole"))
    })?;
    let read = if bytes.len() > LARGE_BYTES {
        // A second of parsing would be one in which nobody else is answered.
        let body = bytes.clone();
        let parsed = tokio::task::spawn_blocking(move || serde_json::from_slice(&body)).await;
        parsed.map_err(|_broke_off| Problem::new(Kind::Internal, "the body could not be read"))?
    } else {
        serde_json::from_slice(&bytes)
    };
    let value = read
        .map_err(|error| Problem::new(Kind::BadJson, format!("the body is not JSON: {error}")))?;
    Ok((value, bytes))
}

/// A body of a plain shape.
pub(super) fn shaped<T: DeserializeOwned>(body: &Value) -> Result<T, Problem> {
    serde_path_to_error::deserialize(body).map_err(|error| {
        let pointer = crate::control::documents::document::pointer_of(&error.path().to_string());
        Problem::field(pointer, error.inner().to_string())
    })
}

/// Which revision a change is of, by `If-Match`.
pub(super) fn seen(headers: &HeaderMap) -> Seen {
    let Some(value) = headers.get(header::IF_MATCH) else { return Seen::Nothing };
    match value.to_str().map(str::trim) {
        Ok("*") => Seen::Any,
        Ok(tag) => Seen::Revision(tag.trim_matches('"').to_owned()),
        Err(_unreadable) => Seen::Revision(String::new()),
    }
}

/// The key under which a creation may be sent again, and the hash of what it asks for.
pub(super) fn once(headers: &HeaderMap, path: &str, body: &[u8]) -> Result<Option<Once>, Problem> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    let key = value.to_str().unwrap_or_default().to_owned();
    if key.is_empty() || key.chars().count() > MAX_KEY_CHARS {
        let detail = format!(
            "Idempotency-Key has {} characters; allowed: 1 to {MAX_KEY_CHARS} of ASCII",
            key.len()
        );
        return Err(Problem::field("Idempotency-Key", detail));
    }
    let mut hasher = blake3::Hasher::new();
    hasher.update(path.as_bytes());
    hasher.update(&[0]);
    hasher.update(body);
    Ok(Some(Once { key, request: *hasher.finalize().as_bytes() }))
}
