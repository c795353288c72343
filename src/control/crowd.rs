//! How much may be under way at a time: of one account, and of all together.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::refusal::Refusal;
use crate::domain::ids::AccountId;

/// When whoever found no room may come again, s.
const RETRY_S: u32 = 10;

/// Those that are under way.
#[derive(Debug)]
pub struct Crowd {
    /// What they are.
    what: &'static str,
    most: u32,
    most_of_account: u32,
    /// Accounts with none have no entry.
    inside: Mutex<HashMap<AccountId, u32>>,
}

impl Crowd {
    /// Of so many in all, so many for an account.
    #[must_use]
    pub fn of(what: &'static str, most: u32, most_of_account: u32) -> Arc<Self> {
        Arc::new(Self { what, most, most_of_account, inside: Mutex::default() })
    }

    /// One more, until it is dropped.
    ///
    /// # Errors
    /// [`Refusal::TooMany`].
    pub fn enter(self: &Arc<Self>, account: AccountId) -> Result<Seat, Refusal> {
        let refuse = |allowed, per| {
            Err(Refusal::TooMany { what: self.what, allowed, per, retry_s: RETRY_S })
        };
        let mut inside = self.inside();
        if inside.get(&account).is_some_and(|own| *own >= self.most_of_account) {
            return refuse(self.most_of_account, "at a time");
        }
        if inside.values().sum::<u32>() >= self.most {
            return refuse(self.most, "of all accounts at a time");
        }
        *inside.entry(account).or_default() += 1;
        drop(inside);
        Ok(Seat { crowd: Arc::clone(self), account })
    }

    /// The counts are whole whatever happened to whoever held the lock.
    fn inside(&self) -> MutexGuard<'_, HashMap<AccountId, u32>> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One that is under way.
#[derive(Debug)]
pub struct Seat {
    crowd: Arc<Crowd>,
    account: AccountId,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut inside = self.crowd.inside();
        if let Some(own) = inside.get_mut(&self.account) {
            *own -= 1;
            if *own == 0 {
                inside.remove(&self.account);
            }
        }
    }
}
