//! How far an import is, for the person who waits, and a way to end it.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::clock::Clock;

/// How far an import is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Progress {
    /// Rows read so far, the header not counted.
    pub rows: u64,
    /// How much of the file is read, 0 to 100, where that is known.
    pub per_cent: Option<u8>,
}

/// Why an import was ended before its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Stopped {
    /// Somebody asked for it, or the daemon shuts down.
    #[error("the import was cancelled")]
    Cancelled,
    /// It took too long.
    #[error("reading took longer than {seconds} s; send the file in parts")]
    OutOfTime {
        /// How long it may take.
        seconds: u32,
    },
}

/// Looks on while a file is read.
pub struct Watch<'w> {
    every_rows: u64,
    next: u64,
    rows: u64,
    look: &'w mut dyn FnMut(Progress) -> Result<(), Stopped>,
}

impl<'w> Watch<'w> {
    /// `look` is called every so many rows, and now and then where no rows come: while a workbook is unpacked. Its
    /// error ends the import.
    pub fn new(every_rows: u64, look: &'w mut dyn FnMut(Progress) -> Result<(), Stopped>) -> Self {
        Self { every_rows: every_rows.max(1), next: every_rows.max(1), rows: 0, look }
    }

    /// One more row was read.
    pub(super) fn row(&mut self, per_cent: impl FnOnce() -> Option<u8>) -> Result<(), Stopped> {
        self.rows += 1;
        if self.rows < self.next {
            return Ok(());
        }
        self.next = self.rows + self.every_rows;
        (self.look)(Progress { rows: self.rows, per_cent: per_cent() })
    }

    /// Work was done that no row came of.
    pub(super) fn pause(&mut self) -> Result<(), Stopped> {
        (self.look)(Progress { rows: self.rows, per_cent: None })
    }
}

/// A look that ends an import when `cancelled` is set, or `seconds` after this call.
///
/// `told` hears the progress.
pub fn within<'a>(
    clock: &'a Clock,
    seconds: u32,
    cancelled: &'a AtomicBool,
    mut told: impl FnMut(Progress) + 'a,
) -> impl FnMut(Progress) -> Result<(), Stopped> + 'a {
    let until_ns = clock.monotonic_ns().saturating_add(u64::from(seconds) * 1_000_000_000);
    move |progress| {
        // Relaxed: nothing is read that was written before the flag.
        if cancelled.load(Ordering::Relaxed) {
            return Err(Stopped::Cancelled);
        }
        if clock.monotonic_ns() > until_ns {
            return Err(Stopped::OutOfTime { seconds });
        }
        told(progress);
        Ok(())
    }
}
