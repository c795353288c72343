//! How fast the records of each account are taken in, where its operator has set a limit.
//!
//! A leaky bucket: an account has a second's worth at once, and no more than its rate over time. Whoever hands records
//! over takes them out of the bucket first, and asks again while it is empty.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::domain::ids::AccountId;

/// Those of all accounts. Shared by whoever sets limits and whoever keeps to them.
#[derive(Default, Debug)]
pub struct Allowances(Mutex<HashMap<AccountId, Arc<Allowance>>>);

impl Allowances {
    /// That of an account, to be kept: it is told of later limits. There is none as long as nobody has set one.
    #[must_use]
    pub fn of(&self, account: AccountId) -> Arc<Allowance> {
        // A map is whole whatever happened to whoever held the lock.
        let mut accounts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(accounts.entry(account).or_default())
    }

    /// Lets an account hand over so many records a second; `None` for no limit. What was taken by another rate is
    /// forgiven.
    pub fn set(&self, account: AccountId, records_per_s: Option<u32>) {
        let allowance = self.of(account);
        let records_per_s = records_per_s.unwrap_or(Allowance::UNLIMITED);
        if allowance.records_per_s.swap(records_per_s, Ordering::Relaxed) != records_per_s {
            allowance.paid_until_us.store(0, Ordering::Relaxed);
        }
    }
}

/// What one account may hand over.
#[derive(Default, Debug)]
pub struct Allowance {
    /// [`UNLIMITED`](Self::UNLIMITED), or the limit.
    records_per_s: AtomicU32,
    /// When all that was taken so far would have been handed over at the rate, µs. Only sums are read of it, no other
    /// memory because of it, so every access is relaxed.
    paid_until_us: AtomicI64,
}

/// So much of the rate may be had at once.
const AT_ONCE_US: i64 = 1_000_000;

impl Allowance {
    const UNLIMITED: u32 = 0;

    /// Takes so many records if there is no wait at this [uptime](super::router::Router::uptime), or tells how long it would be and takes none: whoever waits asks again.
    ///
    /// # Errors
    /// The wait.
    pub fn take(&self, records: u32, uptime: Duration) -> Result<(), Duration> {
        let Some(cost_us) = self.cost_us(records) else { return Ok(()) };
        let now_us = i64::try_from(uptime.as_micros()).unwrap_or(i64::MAX);
        let paid = |until: i64| {
            let is_free = ahead(until, now_us).is_zero();
            is_free.then(|| until.max(now_us).saturating_add(cost_us))
        };
        let taken = self.paid_until_us.fetch_update(Ordering::Relaxed, Ordering::Relaxed, paid);
        taken.map(drop).map_err(|until| ahead(until, now_us))
    }

    fn cost_us(&self, records: u32) -> Option<i64> {
        let records_per_s = self.records_per_s.load(Ordering::Relaxed);
        let is_limited = records_per_s != Self::UNLIMITED;
        is_limited.then(|| i64::from(records) * 1_000_000 / i64::from(records_per_s))
    }
}

/// How long until no more than what may be had at once is open.
fn ahead(paid_until_us: i64, now_us: i64) -> Duration {
    let wait_us = paid_until_us.saturating_sub(now_us).saturating_sub(AT_ONCE_US);
    Duration::from_micros(u64::try_from(wait_us).unwrap_or(0))
}
