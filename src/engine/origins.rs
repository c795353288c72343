//! Which frames a partition has applied: the last sequence of each client stream, in a bounded table.
//!
//! A client resends what it has no ack for; whatever is at or below the last applied sequence of its stream
//! was applied before. When the table is full the stream that has been silent longest is forgotten.

use hashbrown::HashMap;

use crate::domain::ids::{AccountId, FrameSeq, InstanceId, Origin, StreamNo};

/// A client stream of an account.
type Sender = (AccountId, InstanceId, StreamNo);

/// The last applied sequence of each sender.
#[derive(Clone, Debug)]
pub(crate) struct Origins {
    last: HashMap<Sender, Applied, foldhash::fast::FixedState>,
    capacity: usize,
    /// Counts uses, so that the least recently used is known without a clock.
    uses: u64,
}

#[derive(Clone, Copy, Debug)]
struct Applied {
    seq: FrameSeq,
    used: u64,
}

impl Origins {
    pub(crate) fn new(capacity: u32, seed: u64) -> Self {
        let hasher = foldhash::fast::FixedState::with_seed(seed);
        Self { last: HashMap::with_hasher(hasher), capacity: capacity as usize, uses: 0 }
    }

    pub(crate) fn set_capacity(&mut self, capacity: u32) {
        self.capacity = capacity as usize;
    }

    /// Whether the frame was applied before.
    pub(crate) fn has_applied(&self, origin: &Origin) -> bool {
        self.last.get(&sender(origin)).is_some_and(|applied| origin.seq <= applied.seq)
    }

    /// Remembers that the frame is applied.
    pub(crate) fn apply(&mut self, origin: &Origin) {
        self.insert(sender(origin), origin.seq);
    }

    /// Senders and sequences, least recently used first.
    pub(crate) fn in_order_of_use(&self) -> Vec<(Sender, FrameSeq)> {
        let mut all: Vec<_> =
            self.last.iter().map(|(sender, applied)| (*sender, *applied)).collect();
        all.sort_unstable_by_key(|(_, applied)| applied.used);
        all.into_iter().map(|(sender, applied)| (sender, applied.seq)).collect()
    }

    /// Restores one entry; call in the order of use.
    pub(crate) fn insert(&mut self, sender: Sender, seq: FrameSeq) {
        self.uses += 1;
        let known = self.last.get(&sender).map(|applied| applied.seq);
        while known.is_none() && !self.last.is_empty() && self.last.len() >= self.capacity {
            self.forget_least_recently_used();
        }
        let applied = Applied { seq: known.map_or(seq, |known| known.max(seq)), used: self.uses };
        self.last.insert(sender, applied);
    }

    fn forget_least_recently_used(&mut self) {
        // `used` is unique, so the walk's order cannot matter.
        let oldest =
            self.last.iter().min_by_key(|(_, applied)| applied.used).map(|(sender, _)| *sender);
        if let Some(sender) = oldest {
            self.last.remove(&sender);
        }
    }
}

fn sender(origin: &Origin) -> Sender {
    (origin.account, origin.instance, origin.stream)
}
