//! Whether the daemon may be sent work: a latch of named conditions, all of which must hold.
//!
//! A part that must come up first, or that may fall out (a snapshot, the journal, room on the disk, the
//! clock), takes a [`Condition`] and sets it; `/readyz` names those that do not hold, and why.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The latch. Cheap to clone.
#[derive(Clone, Default)]
pub struct Readiness {
    conditions: Arc<Mutex<Vec<State>>>,
}

struct State {
    name: &'static str,
    /// Why it does not hold; `None` while it does.
    missing: Option<String>,
}

/// A condition that does not hold.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
pub struct Missing {
    /// The condition's name.
    pub condition: &'static str,
    /// Why it does not hold.
    pub reason: String,
}

impl Readiness {
    /// A latch without conditions: ready.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a condition that does not hold yet, for the reason given.
    #[must_use = "only the condition can set itself"]
    pub fn condition(&self, name: &'static str, reason: impl Into<String>) -> Condition {
        let mut conditions = self.conditions();
        conditions.push(State { name, missing: Some(reason.into()) });
        Condition { index: conditions.len() - 1, latch: self.clone() }
    }

    /// The conditions that do not hold, in the order in which they were added.
    #[must_use]
    pub fn missing(&self) -> Vec<Missing> {
        let conditions = self.conditions();
        let missing = conditions.iter().filter_map(|state| {
            let reason = state.missing.clone()?;
            Some(Missing { condition: state.name, reason })
        });
        missing.collect()
    }

    /// Whether every condition holds.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.conditions().iter().all(|state| state.missing.is_none())
    }

    fn conditions(&self) -> MutexGuard<'_, Vec<State>> {
        // Each change is one assignment: a panic elsewhere can't leave it half done.
        self.conditions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One condition of a [`Readiness`], in the hands of the part that knows it.
pub struct Condition {
    index: usize,
    latch: Readiness,
}

impl Condition {
    /// From now on it holds.
    pub fn set(&self) {
        self.put(None);
    }

    /// From now on it does not hold, for the reason given.
    pub fn clear(&self, reason: impl Into<String>) {
        self.put(Some(reason.into()));
    }

    fn put(&self, missing: Option<String>) {
        if let Some(state) = self.latch.conditions().get_mut(self.index) {
            state.missing = missing;
        }
    }
}
