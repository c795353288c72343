//! Who calls: a bearer token becomes a [`Caller`], or the request ends here.
//!
//! The tokens themselves are `auth`'s: an [`Authority`] is an [`Authenticator`]. A mounted router names the
//! scope it needs; its routes find the [`Caller`], and whatever the authenticator added to it, among the
//! request's extensions. The account is the token's: nothing in a request can name another.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{Extensions, HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::auth::authority::{AuthError, Authority};
use crate::auth::grant::Scope;
use crate::domain::ids::AccountId;
use crate::domain::problem::{Kind, Problem};
use crate::sink::queue;

/// Knows tokens.
pub trait Authenticator: Send + Sync {
    /// Whose token this is, if it carries the scope. Must not block, and must take the same time for every
    /// wrong token.
    ///
    /// # Errors
    /// [`AuthError`], which never contains the token.
    fn authenticate(&self, token: &str, scope: Scope) -> Result<Caller, AuthError>;
}

impl<F: Fn(&str, Scope) -> Result<Caller, AuthError> + Send + Sync> Authenticator for F {
    fn authenticate(&self, token: &str, scope: Scope) -> Result<Caller, AuthError> {
        self(token, scope)
    }
}

/// Routes find the [`Grant`](crate::auth::grant::Grant), and the queue's the caller that it asks for.
impl Authenticator for Authority {
    fn authenticate(&self, token: &str, scope: Scope) -> Result<Caller, AuthError> {
        let grant = self.by_token(token, scope)?;
        let (account, name) = (grant.account, Arc::clone(&grant.name));
        Ok(Caller::new(account).with(queue::Caller { account, name }).with(grant))
    }
}

/// Who calls.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The account that the token acts for.
    pub account: AccountId,
    /// What mounted routes expect among a request's extensions.
    extensions: Extensions,
}

impl Caller {
    /// A caller for an account.
    #[must_use]
    pub fn new(account: AccountId) -> Self {
        Self { account, extensions: Extensions::new() }
    }

    /// Adds a value that mounted routes take from the request's extensions.
    #[must_use]
    pub fn with<T: Clone + Send + Sync + 'static>(mut self, value: T) -> Self {
        self.extensions.insert(value);
        self
    }
}

/// What a mounted router asks of its callers.
#[derive(Clone)]
pub(crate) struct Guard {
    pub(crate) authenticator: Arc<dyn Authenticator>,
    pub(crate) scope: Scope,
}

/// Lets a request pass with its caller among the extensions, or refuses it.
pub(crate) async fn check(
    State(guard): State<Guard>,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(token) = bearer(request.headers()) else {
        let detail = "send a token: Authorization: Bearer …";
        return Problem::new(Kind::Unauthenticated, detail).into_response();
    };
    let caller = match guard.authenticator.authenticate(token, guard.scope) {
        Ok(caller) => caller,
        Err(error) => return Problem::from(error).into_response(),
    };
    request.extensions_mut().extend(caller.extensions.clone());
    request.extensions_mut().insert(caller);
    next.run(request).await
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}
