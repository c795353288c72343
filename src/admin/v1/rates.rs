//! How much an account may ask for in a minute.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::control::refusal::Refusal;
use crate::domain::ids::AccountId;
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
}

impl Rates {
    /// Counts a request, or refuses it.
    pub(super) fn count(
        &self,
        account: AccountId,
        allowed: u32,
        now: UtcMs,
    ) -> Result<(), Refusal> {
        let mut minutes = self.minutes.lock().unwrap_or_else(PoisonError::into_inner);
        if minutes.len() >= KEPT {
            minutes.retain(|_, minute| now.since(minute.began_at) < MINUTE_MS);
        }
        let minute = minutes.entry(account).or_insert(Minute { began_at: now, requests: 0 });
        if now.since(minute.began_at) >= MINUTE_MS {
            *minute = Minute { began_at: now, requests: 0 };
        }
        if minute.requests >= allowed {
            let left_ms = MINUTE_MS - now.since(minute.began_at);
            let retry_s = u32::try_from((left_ms + 999) / 1000).unwrap_or(60);
            return Err(Refusal::TooMany { what: "requests", allowed, per: "a minute", retry_s });
        }
        minute.requests += 1;
        Ok(())
    }
}
