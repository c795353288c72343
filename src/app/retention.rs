//! Which epochs are still needed: those that a retained record of the log, a checkpoint or an unread job may name.
//!
//! Nobody keeps a list of them. But epochs only grow, and what names them goes in order too: once every partition
//! has gone over to an epoch, the log names no older one from its end on, and when that place is the log's
//! beginning (so it lies behind every kept checkpoint, too), older ones are named by jobs alone that were in the
//! outbox by then. When those are gone as well, older epochs are needed no more. After a start nothing is known
//! and everything is kept, until the log has been trimmed past where it ended.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::domain::ids::Epoch;
use crate::journal::{Journal, LogPosition};
use crate::outbox::Outbox;
use crate::shard::figures::ShardFigures;

/// What is looked at to find the oldest epoch that is needed.
pub(super) struct Needs {
    journal: Arc<Journal>,
    outbox: Outbox,
    figures: Vec<Arc<ShardFigures>>,
    /// What shards may have appended beyond the log's synced end, bytes.
    unsynced_bytes: u64,
    marks: Marks,
}

impl Needs {
    pub(super) fn new(
        journal: &Arc<Journal>,
        outbox: &Outbox,
        figures: &[Arc<ShardFigures>],
        unsynced_bytes: u64,
    ) -> Self {
        let (journal, outbox, figures) = (Arc::clone(journal), outbox.clone(), figures.to_vec());
        Self { journal, outbox, figures, unsynced_bytes, marks: Marks::default() }
    }

    /// The oldest epoch that may still be named; 0 while that is not known.
    pub(super) fn oldest(&mut self) -> Epoch {
        let epochs = self.figures.iter().map(|shard| Epoch(shard.sample().epoch));
        let Ok(log_begins) = self.journal.begins_at() else { return self.marks.floor };
        self.marks.pass(Sight {
            decides: epochs.min().unwrap_or(Epoch(0)),
            log_begins,
            appended: LogPosition(self.journal.synced_end().0 + self.unsynced_bytes),
            outbox: self.outbox.span(),
        })
    }
}

/// What a look at the stores shows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sight {
    /// The oldest epoch that decides in any shard.
    pub(super) decides: Epoch,
    /// Where the log begins.
    pub(super) log_begins: LogPosition,
    /// Everything appended so far lies before it.
    pub(super) appended: LogPosition,
    /// The offsets of the outbox's oldest and newest record.
    pub(super) outbox: (u64, u64),
}

/// The epochs on their way to be the oldest needed, ascending.
#[derive(Default, Debug)]
pub(super) struct Marks {
    floor: Epoch,
    waiting: VecDeque<Mark>,
}

#[derive(Debug)]
struct Mark {
    epoch: Epoch,
    /// Records from here on name no older epoch.
    log: LogPosition,
    /// Nor do records after this one, once the log begins there.
    outbox: Option<u64>,
}

/// More marks would only find the same a little sooner.
const MOST_MARKS: usize = 64;

impl Marks {
    /// Takes a look into account; gives the oldest epoch that may still be named.
    pub(super) fn pass(&mut self, sight: Sight) -> Epoch {
        let newest = self.waiting.back().map_or(self.floor, |mark| mark.epoch);
        if sight.decides > newest && self.waiting.len() < MOST_MARKS {
            let (epoch, log) = (sight.decides, sight.appended);
            self.waiting.push_back(Mark { epoch, log, outbox: None });
        }
        let (oldest, newest) = sight.outbox;
        for mark in self.waiting.iter_mut().filter(|mark| mark.log <= sight.log_begins) {
            mark.outbox.get_or_insert(newest);
        }
        let passed = |mark: &Mark| mark.outbox.is_some_and(|last| oldest > last);
        let count = self.waiting.iter().take_while(|mark| passed(mark)).count();
        self.floor = self.waiting.drain(..count).next_back().map_or(self.floor, |mark| mark.epoch);
        self.floor
    }
}
