//! Where a device's lists live: runs of records in one arena, in power-of-two blocks with free lists.
//!
//! A [`Run`] is eight bytes in a device's row; the records stand side by side, so walking a list touches
//! neighbouring cache lines. A freed block is used again by the next run of its size, so that a partition
//! in a steady state allocates nothing.

use std::marker::PhantomData;

use crate::snapshot::index::prefetch;

/// A list in a [`Slab`]: where it starts, how long it is, and which block size it has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Run<T> {
    start: u32,
    len: u16,
    /// Block of `1 << class` records; meaningless while `len == 0`, when there is no block.
    class: u8,
    of: PhantomData<T>,
}

impl<T> Default for Run<T> {
    fn default() -> Self {
        Self { start: 0, len: 0, class: 0, of: PhantomData }
    }
}

impl<T> Run<T> {
    /// How many records it has.
    pub(crate) fn len(&self) -> usize {
        usize::from(self.len)
    }

    /// Whether it has none.
    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The longest run: one more record is refused.
    pub(crate) const MAX_LEN: usize = 1 << TOP_CLASS;
}

/// The largest block holds 32,768 records: more than any device has of one kind.
const TOP_CLASS: u8 = 15;

/// The smallest block for so many records, 1 or more and no more than a run can hold.
fn class_of(records: usize) -> u8 {
    let class = records.next_power_of_two().ilog2();
    u8::try_from(class).unwrap_or(TOP_CLASS).min(TOP_CLASS)
}

/// As many cache lines of a list as most devices' lists have: more at once would push each other out.
const LINES_AHEAD: usize = 8;

/// Sees to room for so many records more. What is kept for each device fills most of a daemon's memory: it grows by a
/// quarter at a time where a vector would double.
pub(crate) fn grow_for<T>(records: &mut Vec<T>, more: usize) {
    if records.capacity() - records.len() < more {
        records.reserve_exact(more.max(records.len() / 4).max(8));
    }
}

/// An arena of runs.
#[derive(Clone, Debug)]
pub(crate) struct Slab<T> {
    records: Vec<T>,
    /// Starts of free blocks, by class.
    free: [Vec<u32>; TOP_CLASS as usize + 1],
}

impl<T: Copy> Default for Slab<T> {
    fn default() -> Self {
        Self { records: Vec::new(), free: [const { Vec::new() }; TOP_CLASS as usize + 1] }
    }
}

impl<T: Copy> Slab<T> {
    /// The records of a run, in order.
    pub(crate) fn get(&self, run: Run<T>) -> &[T] {
        let start = run.start as usize;
        &self.records[start..start + run.len()]
    }

    /// The records of a run, to change in place.
    pub(crate) fn get_mut(&mut self, run: Run<T>) -> &mut [T] {
        let start = run.start as usize;
        &mut self.records[start..start + run.len()]
    }

    /// Starts loading the records of a run, of a long one the first [`LINES_AHEAD`].
    pub(crate) fn prefetch(&self, run: Run<T>) {
        let a_line = (64 / size_of::<T>().max(1)).max(1);
        let start = run.start as usize;
        for at in (start..start + run.len()).step_by(a_line).take(LINES_AHEAD) {
            prefetch(&self.records, at);
        }
    }

    /// Puts these records in place of those of the run, where they are if the block suits; `false` when there are
    /// more than a run can hold: then it stays as it is.
    pub(crate) fn replace(&mut self, run: &mut Run<T>, records: &[T]) -> bool {
        if records.len() > Run::<T>::MAX_LEN {
            return false;
        }
        let Some(first) = records.first() else {
            self.clear(run);
            return true;
        };
        let room = if run.is_empty() { 0 } else { 1 << run.class };
        // A list that shrinks and grows by a few keeps its block; one a quarter full gives it back.
        if records.len() > room || records.len() * 4 < room {
            self.clear(run);
            run.class = class_of(records.len());
            run.start = self.block(run.class, *first);
        }
        run.len = u16::try_from(records.len()).unwrap_or(u16::MAX);
        self.get_mut(*run).copy_from_slice(records);
        true
    }

    /// Inserts before position `at`; `false` when the run is as long as a run can be.
    pub(crate) fn insert(&mut self, run: &mut Run<T>, at: usize, record: T) -> bool {
        if run.len() == Run::<T>::MAX_LEN {
            return false;
        }
        self.make_room(run, record);
        let start = run.start as usize;
        self.records.copy_within(start + at..start + run.len(), start + at + 1);
        self.records[start + at] = record;
        run.len += 1;
        true
    }

    /// Appends; `false` when the run is as long as a run can be.
    pub(crate) fn push(&mut self, run: &mut Run<T>, record: T) -> bool {
        self.insert(run, run.len(), record)
    }

    /// Removes the record at `at` and closes the gap.
    pub(crate) fn remove(&mut self, run: &mut Run<T>, at: usize) -> T {
        let start = run.start as usize;
        let removed = self.records[start + at];
        self.records.copy_within(start + at + 1..start + run.len(), start + at);
        run.len -= 1;
        if run.len == 0 {
            self.free[usize::from(run.class)].push(run.start);
            *run = Run::default();
        }
        removed
    }

    /// Keeps the records for which `keep` holds, in order.
    pub(crate) fn retain(&mut self, run: &mut Run<T>, mut keep: impl FnMut(&T) -> bool) {
        let records = self.get_mut(*run);
        let mut kept: u16 = 0;
        for at in 0..records.len() {
            if keep(&records[at]) {
                records[usize::from(kept)] = records[at];
                kept += 1;
            }
        }
        if kept == 0 {
            self.clear(run);
        } else {
            run.len = kept;
        }
    }

    /// Drops all records of a run.
    pub(crate) fn clear(&mut self, run: &mut Run<T>) {
        if !run.is_empty() {
            self.free[usize::from(run.class)].push(run.start);
            *run = Run::default();
        }
    }

    /// Bytes the arena holds.
    pub(crate) fn bytes(&self) -> usize {
        let free: usize = self.free.iter().map(Vec::capacity).sum();
        self.records.capacity() * size_of::<T>() + free * size_of::<u32>()
    }

    /// Sees to it that the run's block has room for one record more. `filler` only fills fresh memory.
    fn make_room(&mut self, run: &mut Run<T>, filler: T) {
        if run.is_empty() {
            run.class = 0;
            run.start = self.block(0, filler);
            return;
        }
        if run.len() < 1 << run.class {
            return;
        }
        let old = *run;
        run.class += 1;
        run.start = self.block(run.class, filler);
        let from = old.start as usize;
        self.records.copy_within(from..from + old.len(), run.start as usize);
        self.free[usize::from(old.class)].push(old.start);
    }

    fn block(&mut self, class: u8, filler: T) -> u32 {
        if let Some(start) = self.free[usize::from(class)].pop() {
            return start;
        }
        let start = self.records.len();
        grow_for(&mut self.records, 1 << class);
        self.records.resize(start + (1 << class), filler);
        u32::try_from(start).expect("a partition's lists fit 4 billion records by far")
    }
}
