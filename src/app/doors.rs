//! How callers come in: tokens for HTTP routes, and the queue's own notion of a caller.

use std::sync::Arc;

use crate::admin::auth::{Caller, Refused};
use crate::auth::authority::{AuthError, Authority};
use crate::auth::grant::Scope;
use crate::sink::queue;

/// Asks the authority who shows a token, and gives mounted routes what they expect to find.
pub(super) fn authenticator(
    authority: Arc<Authority>,
) -> impl Fn(&str, &str) -> Result<Caller, Refused> + Send + Sync {
    move |token: &str, scope: &str| {
        let scope = scope_named(scope);
        let grant = authority.by_token(token, scope).map_err(|refused| match refused {
            AuthError::Scope { .. } => Refused::Scope(refused.to_string()),
            other => Refused::Unknown(other.to_string()),
        })?;
        let account = grant.account;
        Ok(Caller::new(account).with(queue::Caller { account }))
    }
}

/// The scope of a mounted router; an unknown name asks for the strictest.
fn scope_named(name: &str) -> Scope {
    match name {
        "queue" => Scope::Queue,
        "ingest" => Scope::Ingest,
        _ => Scope::Admin,
    }
}
