//! Whether the daemon may be sent work: a latch of named conditions, all of which must hold.
//!
//! A part that must come up first takes a [`Condition`] and sets it. What may fall out and come back (the clock,
//! the journal, room on the disk) is asked at each look. `/readyz` names those that do not hold, and why.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The latch. Cheap to clone.
#[derive(Clone, Default)]
pub struct Readiness {
    conditions: Arc<Mutex<Vec<State>>>,
}

struct State {
    name: &'static str,
    holds: Holds,
}

/// How a condition is known; a reason means that it does not hold.
enum Holds {
    Latched(Option<String>),
    Asked(Box<dyn Fn() -> Option<String> + Send>),
}

impl State {
    fn missing(&self) -> Option<String> {
        match &self.holds {
            Holds::Latched(missing) => missing.clone(),
            Holds::Asked(missing) => missing(),
        }
    }
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
        conditions.push(State { name, holds: Holds::Latched(Some(reason.into())) });
        Condition { index: conditions.len() - 1, latch: self.clone() }
    }

    /// Adds a condition that is asked at each look: `missing` says why it does not hold, or nothing. It must
    /// not block.
    pub fn ask(&self, name: &'static str, missing: impl Fn() -> Option<String> + Send + 'static) {
        self.conditions().push(State { name, holds: Holds::Asked(Box::new(missing)) });
    }

    /// The conditions that do not hold, in the order in which they were added.
    #[must_use]
    pub fn missing(&self) -> Vec<Missing> {
        let conditions = self.conditions();
        let missing = conditions.iter().filter_map(|state| {
            let reason = state.missing()?;
            Some(Missing { condition: state.name, reason })
        });
        missing.collect()
    }

    /// Whether every condition holds.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.conditions().iter().all(|state| state.missing().is_none())
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
            state.holds = Holds::Latched(missing);
        }
    }
}
