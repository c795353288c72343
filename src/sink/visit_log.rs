//! Who is handed visits is noted: under which token and for which consumer, once an hour, before the first of them leave.
//!
//! A note for each record would be as much as the records themselves. Where notes go is the app's to say: the catalog has
//! the log of what the location of people is used for.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::BoxFuture;

use crate::clock::Clock;
use crate::domain::ids::AccountId;
use crate::domain::problem::Problem;
use crate::domain::units::UtcMs;
use crate::outbox::consumer::ConsumerName;

/// Who is about to be handed visits.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct VisitReader {
    /// Whose visits.
    pub account: AccountId,
    /// What the token is called.
    pub by: Arc<str>,
    /// For which consumer.
    pub consumer: ConsumerName,
}

/// Writes a note, durably. What can't be noted must not be handed out.
pub type Note = Box<dyn Fn(VisitReader) -> BoxFuture<'static, Result<(), Problem>> + Send + Sync>;

/// Notes readers of visits.
pub struct VisitLog {
    clock: Clock,
    note: Note,
    /// Who was noted, in which hour: at most who has read in the newest one. Each costs a note, and those have a bound.
    noted: Mutex<HashMap<VisitReader, i64>>,
}

impl VisitLog {
    /// Notes readers so, by the hours of a clock.
    #[must_use]
    pub fn new(clock: Clock, note: Note) -> Self {
        Self { clock, note, noted: Mutex::default() }
    }

    /// To be called before visits leave.
    ///
    /// # Errors
    /// Why it can't be noted.
    pub(super) async fn note(&self, reader: VisitReader) -> Result<(), Problem> {
        self.note_at(reader, self.clock.now()).await
    }

    pub(super) async fn note_at(&self, reader: VisitReader, now: UtcMs) -> Result<(), Problem> {
        let hour = now.0.div_euclid(HOUR_MS);
        if self.noted().get(&reader) == Some(&hour) {
            return Ok(());
        }
        (self.note)(reader.clone()).await?;
        let mut noted = self.noted();
        noted.retain(|_, noted_in| *noted_in == hour);
        noted.insert(reader, hour);
        Ok(())
    }

    /// Held for moments; its content is whole between statements, so a poisoned lock is as good as any.
    fn noted(&self) -> MutexGuard<'_, HashMap<VisitReader, i64>> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const HOUR_MS: i64 = 3_600_000;

impl fmt::Debug for VisitLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VisitLog(…)")
    }
}
