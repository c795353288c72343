//! Deadlines of a partition: dwell times and pauses between resends, in the order of deadline, then device.
//!
//! Entries are never taken back: one that has lost its reason finds nothing to do when it comes up. So the
//! heap is bounded by the stays and armed triggers there have been since it was last empty, and a
//! checkpoint need not keep it: it is rebuilt from them.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::domain::ids::DeviceKey;
use crate::domain::units::UtcMs;

/// Deadlines to come.
#[derive(Clone, Debug, Default)]
pub(crate) struct Timers {
    heap: BinaryHeap<Reverse<(UtcMs, DeviceKey)>>,
}

impl Timers {
    /// Asks for the device to be looked at once `deadline` has passed.
    pub(crate) fn add(&mut self, deadline: UtcMs, device: DeviceKey) {
        self.heap.push(Reverse((deadline, device)));
    }

    /// The next deadline, if there is one.
    pub(crate) fn next(&self) -> Option<UtcMs> {
        self.heap.peek().map(|Reverse((deadline, _))| *deadline)
    }

    /// The next entry due by `now`; repeats of one entry come once.
    pub(crate) fn pop_due(&mut self, now: UtcMs) -> Option<(UtcMs, DeviceKey)> {
        let Reverse(due) = *self.heap.peek()?;
        if due.0 > now {
            return None;
        }
        while self.heap.peek() == Some(&Reverse(due)) {
            self.heap.pop();
        }
        Some(due)
    }
}
