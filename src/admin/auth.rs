//! Who calls: a bearer token becomes a [`Caller`] with scopes, or the request ends here.
//!
//! The tokens themselves are `auth`'s; `app` hands in an [`Authenticator`] over them. A mounted router names the
//! scope it needs; its routes find the [`Caller`], and whatever the authenticator added to it, among the
//! request's extensions. The account is the token's: nothing in a request can name another.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{Extensions, HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::problem::Problem;
use crate::domain::ids::{AccountId, AppId};

/// Knows tokens.
pub trait Authenticator: Send + Sync {
    /// Whose token this is; `None` for one that is unknown, withdrawn or expired. Must not block, and must
    /// take the same time for every wrong token.
    fn authenticate(&self, token: &str) -> Option<Caller>;
}

impl<F: Fn(&str) -> Option<Caller> + Send + Sync> Authenticator for F {
    fn authenticate(&self, token: &str) -> Option<Caller> {
        self(token)
    }
}

/// Who calls, and what they may do.
#[derive(Clone, Debug, Default)]
pub struct Caller {
    /// The account; `None` for an operator, who belongs to none.
    pub account: Option<AccountId>,
    /// The apps that the token speaks for.
    pub apps: Vec<AppId>,
    /// What it may do.
    pub scopes: Vec<String>,
    /// What mounted routes expect among a request's extensions.
    extensions: Extensions,
}

impl Caller {
    /// A caller with scopes.
    #[must_use]
    pub fn new<S: Into<String>>(
        account: Option<AccountId>,
        apps: Vec<AppId>,
        scopes: impl IntoIterator<Item = S>,
    ) -> Self {
        let scopes = scopes.into_iter().map(Into::into).collect();
        Self { account, apps, scopes, extensions: Extensions::new() }
    }

    /// Adds a value that mounted routes take from the request's extensions.
    #[must_use]
    pub fn with<T: Clone + Send + Sync + 'static>(mut self, value: T) -> Self {
        self.extensions.insert(value);
        self
    }

    /// Whether the token carries a scope.
    #[must_use]
    pub fn may(&self, scope: &str) -> bool {
        self.scopes.iter().any(|held| held == scope)
    }
}

/// What a mounted router asks of its callers.
#[derive(Clone)]
pub(crate) struct Guard {
    pub(crate) authenticator: Arc<dyn Authenticator>,
    pub(crate) scope: &'static str,
}

/// Lets a request pass with its caller among the extensions, or refuses it.
pub(crate) async fn check(
    State(guard): State<Guard>,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(token) = bearer(request.headers()) else {
        return unknown("send a token: Authorization: Bearer …");
    };
    let Some(caller) = guard.authenticator.authenticate(token) else {
        return unknown("the token is unknown, withdrawn or expired; make one by geofenced token");
    };
    if !caller.may(guard.scope) {
        let detail =
            format!("the token lacks the scope {:?}; it has {:?}", guard.scope, caller.scopes);
        return Problem::new(StatusCode::FORBIDDEN, detail).into_response();
    }
    request.extensions_mut().extend(caller.extensions.clone());
    request.extensions_mut().insert(caller);
    next.run(request).await
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

fn unknown(detail: &str) -> Response {
    let mut response = Problem::new(StatusCode::UNAUTHORIZED, detail).into_response();
    let challenge = HeaderValue::from_static("Bearer realm=\"geofenced\"");
    response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    response
}
