//! Shards and checkpoints without their threads: a test gives each its turns, and nothing waits. What they do
//! in a turn is what the daemon's threads do.

use std::collections::VecDeque;
use std::time::Duration;

use super::checkpoints::{CheckpointOrder, CheckpointThread};
use super::figures::ShardSample;
use super::parts::ShardParts;
use super::worker::Worker;
use crate::shutdown::Shutdown;

/// A shard whose rounds are counted out.
pub(crate) struct HandShard(Worker);

impl HandShard {
    pub(crate) fn new(parts: ShardParts) -> Self {
        Self(Worker::new(parts))
    }

    /// One round. `false` when it has ended or failed.
    pub(crate) fn round(&mut self, ending: bool) -> bool {
        self.0.round(ending, Duration::ZERO)
    }

    /// Hands over every partition's state as of now, whatever waits for its sync.
    pub(crate) fn checkpoint_all(&mut self) {
        self.0.final_checkpoints();
    }

    /// What it has counted.
    pub(crate) fn sample(&self) -> ShardSample {
        ShardSample { counts: self.0.out.counts, ..self.0.sample }
    }

    /// Triggers open in its partitions, counted one by one.
    pub(crate) fn open_triggers(&self) -> u64 {
        self.0.parts.partitions.iter().map(crate::engine::Partition::open_triggers).sum()
    }
}

/// The thread of checkpoints, with what it was ordered and can't do yet.
pub(crate) struct HandCheckpoints {
    thread: CheckpointThread,
    waiting: VecDeque<CheckpointOrder>,
    shutdown: Shutdown,
}

impl HandCheckpoints {
    pub(crate) fn new(thread: CheckpointThread) -> Self {
        Self { thread, waiting: VecDeque::new(), shutdown: Shutdown::new() }
    }

    /// Writes those that count by now, and makes them durable together. Like the thread it does not pass over one
    /// that does not count yet.
    pub(crate) fn turn(&mut self) {
        self.waiting.extend(self.thread.orders.try_iter());
        let mut staged = Vec::new();
        while self.waiting.front().is_some_and(|order| self.thread.counts(order.mark)) {
            let order = self.waiting.pop_front().expect("it was looked at");
            staged.extend(self.thread.stage(&order, &self.shutdown));
        }
        self.thread.commit(&mut staged);
    }

    /// Trims the log behind the last but one.
    pub(crate) fn trim(&self) {
        self.thread.trim();
    }
}
