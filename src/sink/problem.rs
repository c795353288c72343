//! Refusals of the queue as RFC 9457 problems that name the field.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::outbox::{ConsumerError, OutboxError};

/// A refusal: what is wrong, with which field, and what to change.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Problem {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    detail: String,
    /// The parameter or property that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'static str>,
}

impl Problem {
    /// A request whose `field` can't be accepted.
    #[must_use]
    pub fn of_field(field: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail).with_field(field)
    }

    /// A request that came without credentials for an account.
    #[must_use]
    pub fn no_caller() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "send a bearer token with the scope \"queue\" in the Authorization header",
        )
    }

    /// Something of ours failed.
    #[must_use]
    pub fn internal(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
    }

    fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Refused"),
            status: status.as_u16(),
            detail: detail.into(),
            field: None,
        }
    }

    fn with_field(mut self, field: &'static str) -> Self {
        self.field = Some(field);
        self
    }
}

impl From<ConsumerError> for Problem {
    fn from(error: ConsumerError) -> Self {
        let detail = error.to_string();
        match error {
            ConsumerError::Unknown { .. } => {
                Self::new(StatusCode::NOT_FOUND, detail).with_field("name")
            }
            ConsumerError::OtherFilter { .. } => {
                Self::new(StatusCode::CONFLICT, detail).with_field("kinds")
            }
            ConsumerError::TooMany { .. } => {
                Self::new(StatusCode::CONFLICT, detail).with_field("name")
            }
            ConsumerError::Ahead { .. } => Self::of_field("offset", detail),
            ConsumerError::AckFirst { .. } => Self::new(StatusCode::CONFLICT, detail),
            ConsumerError::Outbox(OutboxError::Unreadable { .. }) => Self::internal(detail),
            ConsumerError::Outbox(OutboxError::Failed { .. } | OutboxError::Closed) => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, detail)
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::BAD_REQUEST);
        let body = serde_json::to_vec(&self).expect("a problem has only texts and a number");
        (status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response()
    }
}
