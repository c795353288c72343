//! Deadlines of a partition: dwell times and pauses between resends, in the order of deadline, then device.
//!
//! Entries are never taken back: one that has lost its reason is passed over when it comes up, and swept
//! out when such entries grow many. So what a timer does hangs on the devices alone, and a checkpoint need
//! not keep the heap: it is filled anew from them.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::domain::ids::DeviceKey;
use crate::domain::units::UtcMs;

/// Deadlines to come.
#[derive(Clone, Debug, Default)]
pub(crate) struct Timers {
    heap: BinaryHeap<Reverse<(UtcMs, DeviceKey)>>,
    /// How many entries had a reason when last swept.
    kept: usize,
}

/// Sweeping starts at so many entries, so that a small partition never does.
const FEW: usize = 1024;

impl Timers {
    /// Asks for the device to be looked at once `deadline` has passed.
    pub(crate) fn add(&mut self, deadline: UtcMs, device: DeviceKey) {
        self.heap.push(Reverse((deadline, device)));
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        self.heap.capacity() * size_of::<Reverse<(UtcMs, DeviceKey)>>()
    }

    /// Whether more than half of the entries must have lost their reason since the last sweep.
    pub(crate) fn are_many(&self) -> bool {
        self.heap.len() > FEW.max(2 * self.kept)
    }

    /// Forgets all entries and takes these.
    pub(crate) fn reset(&mut self, deadlines: impl Iterator<Item = (UtcMs, DeviceKey)>) {
        self.heap.clear();
        self.heap.extend(deadlines.map(Reverse));
        self.kept = self.heap.len();
    }

    /// How many entries wait.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.heap.len()
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
