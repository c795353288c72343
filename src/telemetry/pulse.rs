//! Signs of progress: each thread that must not hang keeps a [`Pulse`], and the watchdog looks at all of them.
//!
//! A thread *works* from taking something up until it is done with it, and *rests* while it waits for work, for
//! room, or for another thread, which has a pulse of its own. Hung is who works on the same thing at two looks
//! in a row; so no look depends on how long a thread may wait, and an idle daemon is alive.

use std::sync::atomic::{AtomicU64, Ordering};

use super::systemd::Hung;

/// One thread's pulse: odd while it works, even while it rests, and always growing. Written by that thread
/// alone, so a load and a store make a step; it orders nothing else (`Relaxed`).
#[derive(Debug, Default)]
pub struct Pulse(AtomicU64);

impl Pulse {
    /// The thread has taken up something new.
    pub fn works(&self) {
        self.0.store((self.read() + 1) | 1, Ordering::Relaxed);
    }

    /// The thread has nothing to do, or waits for another one.
    pub fn rests(&self) {
        self.0.store((self.read() | 1) + 1, Ordering::Relaxed);
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
}

struct Part {
    name: String,
    read: Box<dyn Fn() -> u64 + Send>,
    /// At the last look, if it worked then.
    worked_at: Option<u64>,
}

impl Vitals {
    /// Looks at one more pulse from now on.
    pub fn watch(&mut self, name: impl Into<String>, read: impl Fn() -> u64 + Send + 'static) {
        self.parts.push(Part { name: name.into(), read: Box::new(read), worked_at: None });
    }

    /// Looks at every pulse.
    ///
    /// # Errors
    /// Who has worked on the same thing since the last look.
    pub fn look(&mut self) -> Result<(), Hung> {
        let mut hung = Vec::new();
        for part in &mut self.parts {
            let pulse = (part.read)();
            let works = pulse % 2 == 1;
            if works && part.worked_at == Some(pulse) {
                hung.push(part.name.as_str());
            }
            part.worked_at = works.then_some(pulse);
        }
        if hung.is_empty() { Ok(()) } else { Err(hung.join(", ")) }
    }
}
