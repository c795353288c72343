//! How much may be under way at a time, as the campaign service refuses more: of one account, and of all together.

use super::refusal::Refusal;
use crate::domain::ids::AccountId;
use crate::domain::turns::{Crowd, Turn, Turns};

/// When whoever found no room may come again, s.
const RETRY_S: u32 = 10;

/// Room for something.
#[derive(Debug)]
pub struct Room {
    /// For what.
    what: &'static str,
    turns: Turns,
}

impl Room {
    /// For so many in all, so many of them of one account.
    #[must_use]
    pub fn of(what: &'static str, most: u32, most_of_account: u32) -> Self {
        Self { what, turns: Turns::new(most, most_of_account) }
    }

    /// One more, until it is dropped.
    ///
    /// # Errors
    /// [`Refusal::TooMany`].
    pub fn enter(&self, account: AccountId) -> Result<Turn, Refusal> {
        self.turns.take(account).map_err(|crowd| {
            let (allowed, per) = match crowd {
                Crowd::Account(most) => (most, "at a time"),
                Crowd::All(most) => (most, "of all accounts at a time"),
            };
            Refusal::TooMany { what: self.what, allowed, per, retry_s: RETRY_S }
        })
    }
}
