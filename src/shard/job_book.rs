//! Whether an outcome speaks of a job that was made for its device: asked at intake, before anything is journalled.
//!
//! The outbox notes a job together with its record, so whoever could be told of a job finds it here.

use std::sync::{Mutex, PoisonError};

use crate::domain::ids::AccountId;
use crate::domain::report::Outcome;
use crate::identity::{Keyring, Sealer};
use crate::outbox::Outbox;

/// The jobs that were made.
pub struct JobBook {
    outbox: Outbox,
    sealer: Mutex<Sealer>,
}

impl JobBook {
    /// The jobs of an outbox, their devices opened with these keys.
    #[must_use]
    pub fn new(outbox: Outbox, keyring: &Keyring) -> Self {
        Self { outbox, sealer: Mutex::new(keyring.sealer()) }
    }

    /// Whether the outcome's job was made for its device of this account. Where that can't be told, for a store or a
    /// key that fails, it is believed; nothing is counted for it then.
    #[must_use]
    pub fn has(&self, account: AccountId, outcome: &Outcome) -> bool {
        let made = match self.outbox.job(outcome.job) {
            Ok(Some(made)) => made,
            Ok(None) => return false,
            Err(error) => {
                tracing::warn!(%error, "an outcome was taken without a look at its job");
                return true;
            }
        };
        if made.account != account {
            return false;
        }
        // Held for one block of AES; outcomes are few beside pings.
        let mut sealer = self.sealer.lock().unwrap_or_else(PoisonError::into_inner);
        sealer.open(account, made.device).is_ok_and(|device| device == outcome.device)
    }
}
