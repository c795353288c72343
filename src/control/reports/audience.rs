//! How many users apps have, as live figures show it: counted at most so often, and beside whoever asks.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::ids::{AccountId, AppId};
use crate::domain::units::UtcMs;
use crate::outbox::derived::FiguresError;

/// How old a number may be before it is counted anew: that takes a look at each user.
const FRESH_MS: i64 = 10 * 60_000;

/// When a number that nobody has asked for is forgotten.
const KEPT_MS: i64 = 24 * 60 * 60_000;

/// Apps of an account, ascending.
pub(super) type Apps = (AccountId, Vec<AppId>);

/// The numbers that are known. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Audiences {
    counts: Arc<Mutex<HashMap<Apps, Count>>>,
}

#[derive(Clone, Copy, Debug)]
struct Count {
    users: u64,
    at: UtcMs,
    /// When somebody began to count anew; one who came to nothing is followed by another after the same time.
    renewed_at: UtcMs,
}

impl Audiences {
    /// How many users the apps have: as it was counted last, while it is counted anew. Only whoever asks first waits.
    ///
    /// # Errors
    /// What `count` gives.
    pub(super) fn of(
        &self,
        apps: Apps,
        now: UtcMs,
        count: impl FnOnce() -> Result<u64, FiguresError> + Send + 'static,
    ) -> Result<u64, FiguresError> {
        let known = self.known(&apps, now);
        let Some((users, is_due)) = known else {
            let users = count()?;
            self.note(apps, now, users);
            return Ok(users);
        };
        if is_due {
            let audiences = self.clone();
            let counting = move || match count() {
                Ok(users) => audiences.note(apps, now, users),
                Err(error) => tracing::error!(%error, "the users of apps can't be counted"),
            };
            let thread = std::thread::Builder::new().name("audience".to_owned()).spawn(counting);
            if let Err(error) = thread {
                tracing::warn!(%error, "no thread to count the users of apps; they are counted later");
            }
        }
        Ok(users)
    }

    /// The number, and whether whoever asks has to see to a newer one.
    fn known(&self, apps: &Apps, now: UtcMs) -> Option<(u64, bool)> {
        let mut counts = self.counts();
        let count = counts.get_mut(apps)?;
        let is_due = now.since(count.at) >= FRESH_MS && now.since(count.renewed_at) >= FRESH_MS;
        if is_due {
            count.renewed_at = now;
        }
        Some((count.users, is_due))
    }

    fn note(&self, apps: Apps, at: UtcMs, users: u64) {
        let mut counts = self.counts();
        counts.retain(|_, count| at.since(count.at) < KEPT_MS);
        counts.insert(apps, Count { users, at, renewed_at: at });
    }

    /// Held for moments; its content is whole between statements, so a poisoned lock is as good as any.
    fn counts(&self) -> MutexGuard<'_, HashMap<Apps, Count>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
