//! What callers get: documents with their revision, changes with their epoch.

use axum::Json;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::control::documents::Shown;
use crate::control::refusal::Refusal;
use crate::domain::ids::Epoch;
use crate::domain::problem::Problem;

/// The header that names the epoch in which a change is in force.
pub(super) const EPOCH: HeaderName = HeaderName::from_static("geofenced-epoch");

/// A changed document.
#[derive(Clone, PartialEq, Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Changed<D> {
    /// The epoch in which the change is in force; also the header Geofenced-Epoch.
    #[schema(value_type = u64)]
    pub(super) epoch: Epoch,
    #[serde(flatten)]
    pub(super) shown: Shown<D>,
}

/// A refusal, as a problem.
pub(super) fn refused(refusal: Refusal) -> Response {
    Problem::from(refusal).into_response()
}

/// A document that was looked up; nothing but 304 where the caller has it already.
pub(super) fn found<D: Serialize>(shown: &Shown<D>, asked: &HeaderMap) -> Response {
    let tag = etag(shown.revision);
    let has = asked.get(header::IF_NONE_MATCH).is_some_and(|known| *known == tag);
    if has {
        return (StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response();
    }
    ([(header::ETAG, tag)], Json(shown)).into_response()
}

/// A document that was changed.
pub(super) fn changed<D: Serialize>(shown: Shown<D>, epoch: Epoch) -> Response {
    let headers = [(header::ETAG, etag(shown.revision)), (EPOCH, HeaderValue::from(epoch.0))];
    (headers, Json(Changed { epoch, shown })).into_response()
}

/// A document that was made, and where it is.
pub(super) fn created<D: Serialize>(shown: Shown<D>, epoch: Epoch, path: &str) -> Response {
    let location = HeaderValue::from_str(&format!("{path}/{}", shown.id));
    let mut response = (StatusCode::CREATED, changed(shown, epoch)).into_response();
    if let Ok(location) = location {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

/// A document that is gone.
pub(super) fn deleted(epoch: Epoch) -> Response {
    (StatusCode::NO_CONTENT, [(EPOCH, HeaderValue::from(epoch.0))]).into_response()
}

fn etag(revision: u64) -> HeaderValue {
    HeaderValue::from_str(&format!("\"{revision}\""))
        .unwrap_or_else(|_never| HeaderValue::from_static("\"\""))
}
