//! Refusals over HTTP: RFC 9457 problem documents that name the field and say what to change.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::auth::authority::AuthError;
use crate::domain::submission::{Lost, SubmitError};

/// A problem document.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
pub struct Problem {
    #[serde(serialize_with = "as_urn")]
    r#type: &'static str,
    title: &'static str,
    #[serde(serialize_with = "as_number")]
    status: StatusCode,
    detail: String,
    /// A JSON pointer (RFC 6901) to the field of the request that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pointer: Option<String>,
}

impl Problem {
    /// A field of the body that cannot be read or is not allowed.
    #[must_use]
    pub fn field(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        let problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "bad-field", "A field is wrong");
        Self { pointer: Some(pointer.into()), ..problem.because(detail) }
    }

    /// A body that is no JSON.
    #[must_use]
    pub fn json(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-json", "The body is not JSON").because(detail)
    }

    /// A body that is too long.
    #[must_use]
    pub fn too_large(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The body is too long")
            .because(detail)
    }

    /// An app that the token does not speak for.
    #[must_use]
    pub fn app(detail: impl Into<String>) -> Self {
        let problem =
            Self::new(StatusCode::FORBIDDEN, "app-not-allowed", "The token is for other apps");
        Self { pointer: Some("/app".to_owned()), ..problem.because(detail) }
    }

    /// Nothing wrong with the request; try again later.
    #[must_use]
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Not now").because(detail)
    }

    /// The status it is answered with.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    fn new(status: StatusCode, r#type: &'static str, title: &'static str) -> Self {
        Self { r#type, title, status, detail: String::new(), pointer: None }
    }

    fn because(self, detail: impl Into<String>) -> Self {
        Self { detail: detail.into(), ..self }
    }
}

impl From<AuthError> for Problem {
    fn from(error: AuthError) -> Self {
        let problem = match error {
            AuthError::Scope { .. } => {
                Self::new(StatusCode::FORBIDDEN, "forbidden", "The token lacks a scope")
            }
            AuthError::Missing
            | AuthError::Malformed
            | AuthError::Unknown
            | AuthError::Revoked { .. }
            | AuthError::Certificate => {
                Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", "Who are you?")
            }
        };
        problem.because(error.to_string())
    }
}

impl From<SubmitError> for Problem {
    fn from(error: SubmitError) -> Self {
        Self::unavailable(error.to_string())
    }
}

impl From<Lost> for Problem {
    fn from(error: Lost) -> Self {
        Self::unavailable(error.to_string())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status;
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("10"));
        }
        response
    }
}

fn as_urn<S: serde::Serializer>(slug: &&'static str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("urn:geofenced:problem:{slug}"))
}

fn as_number<S: serde::Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}
