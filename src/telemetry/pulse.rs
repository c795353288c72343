//! Signs of progress: each thread that must not hang keeps a [`Pulse`], and the watchdog looks at all of them.
//!
//! A thread *works* from taking something up until it is done with it, *naps* while it waits for work and has set itself
//! an alarm, and *rests* while it waits for room or for another thread, which has a pulse of its own. Hung is who works
//! on the same thing, or sleeps the same nap, at two looks in a row; so no look depends on how long a thread may
//! rest, and an idle daemon is alive.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::systemd::Hung;

/// One thread's pulse: what it does in the lowest two bits, and above them how often that has changed. Written by that
/// thread alone, so a load and a store make a step; it orders nothing else (`Relaxed`).
#[derive(Debug, Default)]
pub struct Pulse(AtomicU64);

/// What the lowest bits say. A thread that has not begun rests.
const WHAT: u64 = 0b11;
const RESTS: u64 = 0;
const WORKS: u64 = 1;
const NAPS: u64 = 2;

impl Pulse {
    /// The thread has taken up something new.
    pub fn works(&self) {
        self.turn_to(WORKS);
    }

    /// The thread has nothing to do, and wakes within its nap's length in any case.
    pub fn naps(&self) {
        self.turn_to(NAPS);
    }

    /// The thread has nothing to do, or waits for another one, however long.
    pub fn rests(&self) {
        self.turn_to(RESTS);
    }

    fn turn_to(&self, what: u64) {
        self.0.store(((self.read() | WHAT) + 1) | what, Ordering::Relaxed);
    }

    /// Waits for another thread or for room: that is no hang of this one.
    pub fn resting<T>(&self, wait: impl FnOnce() -> T) -> T {
        self.rests();
        let waited = wait();
        self.works();
        waited
    }

    /// Where the pulse stands.
    #[must_use]
    pub fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The pulses of all threads that must not hang, and where they stood at the last look.
#[derive(Default)]
pub struct Vitals {
    parts: Vec<Part>,
    /// Whether looks are so far apart that everybody wakes in between.
    outlast_naps: bool,
}

struct Part {
    name: String,
    read: Box<dyn Fn() -> u64 + Send>,
    at_last_look: u64,
}

impl Vitals {
    /// Will look every `period` at threads that nap for `nap` at most. Naps count only where two fit between two looks.
    #[must_use]
    pub fn every(period: Duration, nap: Duration) -> Self {
        Self { parts: Vec::new(), outlast_naps: period > nap * 2 }
    }

    /// Looks at one more pulse from now on.
    pub fn watch(&mut self, name: impl Into<String>, read: impl Fn() -> u64 + Send + 'static) {
        self.parts.push(Part { name: name.into(), read: Box::new(read), at_last_look: RESTS });
    }

    /// Looks at every pulse.
    ///
    /// # Errors
    /// Who has worked on the same thing, or slept on, since the last look.
    pub fn look(&mut self) -> Result<(), Hung> {
        let mut hung = Vec::new();
        for part in &mut self.parts {
            let pulse = (part.read)();
            let what = pulse & WHAT;
            let must_move = what == WORKS || (what == NAPS && self.outlast_naps);
            if must_move && part.at_last_look == pulse {
                hung.push(part.name.as_str());
            }
            part.at_last_look = pulse;
        }
        if hung.is_empty() { Ok(()) } else { Err(hung.join(", ")) }
    }
}
