//! How often tokens are used, and when last: counted in memory, from the start of the process on.
//!
//! A request over HTTP is a use, and so is the hello of a QUIC connection; what is sent over that connection is not
//! counted again.

use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use crate::clock::Clock;
use crate::domain::units::UtcMs;

/// The uses of one token.
#[derive(Debug, Default)]
pub struct Uses {
    /// Both are figures for people: nothing else is read because of them.
    count: AtomicU64,
    /// 0 until the first.
    last_ms: AtomicI64,
}

impl Uses {
    /// How many there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// When the last was, if there was one and the time was known.
    #[must_use]
    pub fn last(&self) -> Option<UtcMs> {
        Some(UtcMs(self.last_ms.load(Ordering::Relaxed))).filter(|at| at.0 != 0)
    }
}

/// Notes uses, with the time if it knows it.
#[derive(Default)]
pub struct Watch {
    clock: Option<Clock>,
    since: Option<UtcMs>,
}

impl Watch {
    /// By a clock.
    #[must_use]
    pub fn of(clock: Clock) -> Self {
        let since = Some(clock.now());
        Self { clock: Some(clock), since }
    }

    /// Since when uses are counted.
    #[must_use]
    pub fn since(&self) -> Option<UtcMs> {
        self.since
    }

    pub(super) fn note(&self, uses: &Uses) {
        uses.count.fetch_add(1, Ordering::Relaxed);
        if let Some(clock) = &self.clock {
            uses.last_ms.fetch_max(clock.now().0, Ordering::Relaxed);
        }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("since", &self.since).finish_non_exhaustive()
    }
}
