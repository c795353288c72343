//! A refusal over HTTP as data: an RFC 9457 problem document that names the field and says what to change.
//!
//! Every part that has routes makes them; `admin::problem` alone turns them into answers.

use std::borrow::Cow;

use super::submission::{Lost, SubmitError};

/// What kind of problem it is. Each has a status, a `type` and a title of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// The request cannot be read.
    BadRequest,
    /// The body is not JSON.
    BadJson,
    /// No token, or not a good one.
    Unauthenticated,
    /// The token lacks a scope.
    Forbidden,
    /// The token does not speak for the app.
    AppNotAllowed,
    /// There is no such thing.
    NotFound,
    /// The path has other methods.
    MethodNotAllowed,
    /// It contradicts what is there.
    Conflict,
    /// There is one like it already.
    Duplicate,
    /// There may be no more of these.
    LimitReached,
    /// Something else needs it.
    InUse,
    /// A campaign that is under way needs it as it is.
    Active,
    /// A campaign that is under way, or over, stays as it is.
    ReadOnly,
    /// A campaign has begun, and some of its fields can't change any more.
    Begun,
    /// A state does not lead to the one that was asked for.
    StateChange,
    /// It is there, but not for use yet.
    NotUsable,
    /// The account's membership does not have this.
    MembershipLacks,
    /// It was changed since the caller saw it.
    Stale,
    /// A change must name the revision that it changes.
    RevisionMissing,
    /// One idempotency key for two requests.
    KeyReused,
    /// Too many requests in too short a time.
    TooMany,
    /// The body is too long.
    TooLarge,
    /// A field or parameter has a value that is not allowed.
    BadField,
    /// It was never measured, or kept for as long as the operator wants it to be and is not any more.
    NotKept,
    /// What was asked for has failed, for a reason that is not in the request.
    Failed,
    /// A fault of the daemon's own.
    Internal,
    /// Nothing wrong with the request; not now.
    Unavailable,
    /// No answer in time.
    TimedOut,
}

impl Kind {
    /// Every kind. Of those with one status, the one that says least comes first.
    pub const ALL: [Self; 28] = [
        Self::BadRequest,
        Self::BadJson,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::AppNotAllowed,
        Self::MembershipLacks,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::Conflict,
        Self::Duplicate,
        Self::LimitReached,
        Self::InUse,
        Self::Active,
        Self::ReadOnly,
        Self::Begun,
        Self::StateChange,
        Self::NotUsable,
        Self::Stale,
        Self::TooLarge,
        Self::Failed,
        Self::BadField,
        Self::NotKept,
        Self::KeyReused,
        Self::RevisionMissing,
        Self::TooMany,
        Self::Internal,
        Self::Unavailable,
        Self::TimedOut,
    ];

    /// Status, last part of the `type`, title.
    const fn row(self) -> (u16, &'static str, &'static str) {
        match self {
            Self::BadRequest => (400, "bad-request", "The request cannot be read"),
            Self::BadJson => (400, "bad-json", "The body is not JSON"),
            Self::Unauthenticated => (401, "unauthenticated", "Who are you?"),
            Self::Forbidden => (403, "forbidden", "The token lacks a scope"),
            Self::AppNotAllowed => (403, "app-not-allowed", "The token is for other apps"),
            Self::NotFound => (404, "not-found", "There is no such thing"),
            Self::MethodNotAllowed => (405, "method-not-allowed", "The path has other methods"),
            Self::Conflict => (409, "conflict", "It contradicts what is there"),
            Self::Duplicate => (409, "duplicate", "There is one like it already"),
            Self::LimitReached => (409, "limit-reached", "There may be no more of these"),
            Self::InUse => (409, "in-use", "Something else needs it"),
            Self::Active => (409, "active", "A campaign that is under way needs it as it is"),
            Self::ReadOnly => {
                (409, "campaign-read-only", "The campaign stays as it is in its state")
            }
            Self::Begun => (409, "campaign-begun", "The campaign has begun"),
            Self::StateChange => (409, "state-change-refused", "The state does not lead there"),
            Self::NotUsable => (409, "not-usable", "It is not for use yet"),
            Self::MembershipLacks => (403, "membership-lacks", "The membership does not have this"),
            Self::Stale => (412, "revision-stale", "It was changed meanwhile"),
            Self::RevisionMissing => (428, "revision-missing", "Which revision did you see?"),
            Self::KeyReused => (422, "idempotency-key-reused", "One key for two requests"),
            Self::TooMany => (429, "too-many-requests", "Too many requests"),
            Self::TooLarge => (413, "too-large", "The body is too long"),
            Self::NotKept => (422, "not-kept", "It is not kept"),
            Self::Failed => (422, "failed", "It could not be done"),
            Self::BadField => (422, "bad-field", "A field is wrong"),
            Self::Internal => (500, "internal", "A fault of the daemon's own"),
            Self::Unavailable => (503, "unavailable", "Not now"),
            Self::TimedOut => (504, "timed-out", "No answer in time"),
        }
    }
}

/// A problem document.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, utoipa::ToSchema)]
pub struct Problem {
    /// `urn:geofenced:problem:` and its kind.
    #[serde(rename = "type", serialize_with = "as_urn")]
    #[schema(value_type = String)]
    slug: &'static str,
    /// The kind, for people.
    title: &'static str,
    /// The status it is answered with.
    status: u16,
    /// What to change.
    detail: String,
    /// What is to blame: a JSON pointer into the body, or a parameter's name.
    #[schema(value_type = Option<String>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pointer: Option<Cow<'static, str>>,
    /// Each field that is wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Fault>,
    /// When to come again, s; a header of the answer.
    #[serde(skip)]
    retry_s: Option<u32>,
}

/// One field that is wrong.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, utoipa::ToSchema)]
pub struct Fault {
    /// Where, as a JSON pointer (RFC 6901) into the body, or a parameter's name.
    pub pointer: String,
    /// Its value and what is allowed.
    pub detail: String,
}

impl Fault {
    /// What is wrong, and where.
    #[must_use]
    pub fn new(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), detail: cut(detail.into()) }
    }

    /// The same fault, seen from outside of the value that it lies in.
    #[must_use]
    pub fn under(self, pointer: &str) -> Self {
        Self { pointer: format!("{pointer}{}", self.pointer), ..self }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.pointer.is_empty() {
            f.write_str(&self.detail)
        } else {
            write!(f, "{}: {}", self.pointer, self.detail)
        }
    }
}

/// So many faults are told at a time; one more often has the same cause.
const FAULTS_TOLD: usize = 20;

impl Problem {
    /// A problem with a sentence that says what to change.
    #[must_use]
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        let (status, slug, title) = kind.row();
        let detail = cut(detail.into());
        Self { slug, title, status, detail, pointer: None, errors: Vec::new(), retry_s: None }
    }

    /// A field of a body, by its JSON pointer (RFC 6901), or a parameter, by its name, whose value is not
    /// allowed.
    #[must_use]
    pub fn field(pointer: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Self {
        Self::new(Kind::BadField, detail).at(pointer)
    }

    /// A refusal that came with nothing but its status, 400 to 599.
    #[must_use]
    pub fn of_status(status: u16, detail: impl Into<String>) -> Self {
        match Kind::ALL.into_iter().find(|kind| kind.row().0 == status) {
            Some(kind) => Self::new(kind, detail),
            None => {
                let (slug, title) = ("refused", "The request was refused");
                Self {
                    slug,
                    title,
                    status,
                    detail: detail.into(),
                    pointer: None,
                    errors: Vec::new(),
                    retry_s: None,
                }
            }
        }
    }

    /// Names what is to blame: a JSON pointer into the body, or a parameter's name.
    #[must_use]
    pub fn at(self, pointer: impl Into<Cow<'static, str>>) -> Self {
        Self { pointer: Some(pointer.into()), ..self }
    }

    /// Says when to come again.
    #[must_use]
    pub fn come_again_in(self, seconds: u32) -> Self {
        Self { retry_s: Some(seconds), ..self }
    }

    /// Names each field that is wrong, the first of them also as what is to blame.
    #[must_use]
    pub fn with_errors(mut self, mut errors: Vec<Fault>) -> Self {
        errors.truncate(FAULTS_TOLD);
        self.pointer = errors.first().map(|fault| fault.pointer.clone().into());
        Self { errors, ..self }
    }

    /// What is wrong, and what to change.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// When to come again, s, where that is known.
    #[must_use]
    pub fn retry_s(&self) -> Option<u32> {
        self.retry_s
    }

    /// The status it is answered with, 400 to 599.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }
}

impl From<SubmitError> for Problem {
    fn from(error: SubmitError) -> Self {
        Self::new(Kind::Unavailable, error.to_string())
    }
}

impl From<Lost> for Problem {
    fn from(error: Lost) -> Self {
        Self::new(Kind::Unavailable, error.to_string())
    }
}

fn as_urn<S: serde::Serializer>(slug: &&'static str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("urn:geofenced:problem:{slug}"))
}

/// A detail may quote what was sent, and that may be megabytes.
const DETAIL_CHARS: usize = 1000;

fn cut(mut detail: String) -> String {
    if let Some((end, _)) = detail.char_indices().nth(DETAIL_CHARS) {
        detail.truncate(end);
        detail.push('…');
    }
    detail
}
