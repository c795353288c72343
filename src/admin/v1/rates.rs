//! How much an account may ask for in a minute.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::service::Shared;
use crate::auth::grant::Grant;
use crate::control::documents::account::Limits;
use crate::control::refusal::Refusal;
use crate::domain::ids::AccountId;
use crate::domain::problem::Problem;
use crate::domain::units::UtcMs;

const MINUTE_MS: i64 = 60_000;

/// Accounts that are remembered; past it those whose minute is over are forgotten.
const KEPT: usize = 4096;

/// Requests of each account in its minute.
#[derive(Debug, Default)]
pub(super) struct Rates {
    minutes: Mutex<HashMap<AccountId, Minute>>,
}

#[derive(Debug, Clone, Copy)]
struct Minute {
    began_at: UtcMs,
    requests: u32,
    /// What the account was allowed when it was last looked up.
    allowed: u32,
}

/// Lets a request of an account's own pass if it may ask again and not too much of it is under way. Before its body is
/// read: what is refused costs next to nothing.
pub(crate) async fn gate(State(service): State<Shared>, request: Request, next: Next) -> Response {
    let Some(grant) = request.extensions().get::<Grant>() else { return next.run(request).await };
    let account = grant.account;
    let counted = service.rates.count(account, service.now());
    match counted.and_then(|()| service.requests.enter(account)) {
        Ok(_seat) => next.run(request).await,
        Err(refusal) => Problem::from(refusal).into_response(),
    }
}

impl Rates {
    /// Counts a request, or refuses it.
    fn count(&self, account: AccountId, now: UtcMs) -> Result<(), Refusal> {
        let mut minutes = self.minutes();
        if minutes.len() >= KEPT {
            minutes.retain(|_, minute| now.since(minute.began_at) < MINUTE_MS);
        }
        let allowed = Limits::default().requests_per_min;
        let fresh = Minute { began_at: now, requests: 0, allowed };
        let minute = minutes.entry(account).or_insert(fresh);
        if now.since(minute.began_at) >= MINUTE_MS {
            *minute = Minute { allowed: minute.allowed, ..fresh };
        }
        let Minute { began_at, requests, allowed } = *minute;
        if requests >= allowed {
            let left_ms = MINUTE_MS - now.since(began_at);
            let retry_s = u32::try_from((left_ms + 999) / 1000).unwrap_or(60);
            return Err(Refusal::TooMany { what: "requests", allowed, per: "a minute", retry_s });
        }
        minute.requests += 1;
        Ok(())
    }

    /// Takes note of what an account is allowed.
    pub(super) fn know(&self, account: AccountId, allowed: u32) {
        if let Some(minute) = self.minutes().get_mut(&account) {
            minute.allowed = allowed;
        }
    }

    fn minutes(&self) -> MutexGuard<'_, HashMap<AccountId, Minute>> {
        self.minutes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
