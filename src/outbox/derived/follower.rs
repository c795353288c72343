//! The thread that follows the outbox: what it has made visible is counted, and committed with how far that is; what is
//! too old is removed between.
//!
//! Offsets and numbers of tallies tell what was counted. They are those of one outbox: when another takes its place,
//! filled again from the journal, what partitions had come to before is passed over by the inputs' positions.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::domain::ids::{InputPosition, InputSeq, PARTITIONS};
use crate::domain::units::UtcMs;
use crate::outbox::codec;
use crate::outbox::jobs::MadeJob;
use crate::outbox::refused::StoreError;
use crate::outbox::shared::Shared;

use super::classes::{Class, RetentionConfig, Told};
use super::count::{CountError, Counter};
use super::footfalls::FootfallCounter;
use super::pad::Pad;
use super::rows::Row;
use super::sweep::{Sweep, Swept};
use super::tables::{Sheet, Tables};

/// How often it looks for more: the figures are so much behind the outbox, and a batch.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// How long it rests between two goes at what is to be removed.
const SWEEP_EVERY: Duration = Duration::from_millis(20);

/// While there is always more to count, one batch in so many is followed by a go at what is to be removed.
const BATCHES_A_SWEEP: u32 = 16;

/// Offsets looked through for one batch; each record changes up to six rows, of which others change most as well.
const BATCH_RECORDS: u64 = 16_384;

/// Rows that a batch changes, roughly: past it no more tallies are taken into it.
const BATCH_ROWS: usize = 32_768;

const PROGRESS: &[u8] = b"progress";

/// How far the figures have come.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Progress {
    /// When the outbox was made that offset and tally are of.
    pub(super) made_at: UtcMs,
    /// The last record counted.
    pub(super) offset: u64,
    /// The last row of tallies counted.
    pub(super) tally: u64,
    /// Of records and of tallies, the last input counted of each partition.
    pub(super) inputs: [[InputSeq; PARTITIONS]; 2],
    /// The same when this outbox took the place of another: what it repeats up to there was counted before.
    pub(super) floor: [[InputSeq; PARTITIONS]; 2],
}

const OF_RECORDS: usize = 0;
const OF_TALLIES: usize = 1;

impl Default for Progress {
    fn default() -> Self {
        let none = [[InputSeq(0); PARTITIONS]; 2];
        Self { made_at: UtcMs::MIN, offset: 0, tally: 0, inputs: none, floor: none }
    }
}

impl Progress {
    /// Goes on with the outbox made then, if it is another from its start; of a log that is new as well all is to be counted.
    fn go_on_with(mut self, made_at: UtcMs, is_log_new: bool) -> Self {
        if self.made_at != made_at {
            if is_log_new {
                self.inputs = Self::default().inputs;
            }
            self.floor = self.inputs;
            (self.made_at, self.offset, self.tally) = (made_at, 0, 0);
        }
        self
    }

    /// Whether an input's outputs are to be counted; they are from now on.
    fn takes(&mut self, of: usize, position: InputPosition) -> bool {
        let partition = position.partition.index();
        let last = &mut self.inputs[of][partition];
        *last = (*last).max(position.seq);
        position.seq > self.floor[of][partition]
    }
}

impl Row for Progress {
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (words, []) = bytes.as_chunks::<8>() else { return None };
        let mut words = words.iter().map(|word| u64::from_le_bytes(*word));
        let mut next = || words.next();
        let mut progress = Self { made_at: UtcMs(next()?.cast_signed()), ..Self::default() };
        (progress.offset, progress.tally) = (next()?, next()?);
        for seq in [&mut progress.inputs, &mut progress.floor].into_iter().flatten().flatten() {
            *seq = InputSeq(next()?);
        }
        next().is_none().then_some(progress)
    }

    fn to_bytes(&self) -> Vec<u8> {
        let seqs = [&self.inputs, &self.floor].into_iter().flatten().flatten();
        let words = [self.made_at.0.cast_unsigned(), self.offset, self.tally];
        words.into_iter().chain(seqs.map(|seq| seq.0)).flat_map(u64::to_le_bytes).collect()
    }
}

/// What the follower shows of itself. All relaxed: each stands alone.
#[derive(Debug, Default)]
pub struct FollowerFigures {
    /// Records gone through since start, whatever their kind.
    pub records: AtomicU64,
    /// Whether it has given up; it says why in the log.
    pub failed: AtomicBool,
    /// Rows removed since start, by class.
    removed: [AtomicU64; Class::ALL.len()],
}

impl FollowerFigures {
    /// Rows of a class that were removed since start.
    #[must_use]
    pub fn removed(&self, class: Class) -> u64 {
        self.removed[class as usize].load(Ordering::Relaxed)
    }
}

/// What a round of the thread was.
enum Round {
    /// It counted, and there may be more.
    Counted,
    /// There was nothing to count, and something to remove.
    Swept,
    /// There was nothing to do.
    Idle,
}

/// What is kept, as the thread knows it and others are told.
pub(super) struct Keeping {
    pub(super) config: RetentionConfig,
    pub(super) told: Arc<Told>,
}

/// The state of the thread.
pub(super) struct Follower {
    outbox: Arc<Shared>,
    tables: Tables,
    counter: Counter,
    footfalls: FootfallCounter,
    progress: Progress,
    /// The latest instant of what was counted in this run.
    newest: UtcMs,
    /// The same of tallies, which may be ahead of the records.
    newest_tally: UtcMs,
    keeping: Keeping,
    sweep: Sweep,
    /// Batches counted since the last go at what is to be removed.
    since_sweep: u32,
    figures: Arc<FollowerFigures>,
    /// Set when it should end.
    ends: Arc<AtomicBool>,
}

impl Follower {
    pub(super) fn new(
        outbox: Arc<Shared>,
        tables: Tables,
        (counter, footfalls): (Counter, FootfallCounter),
        keeping: Keeping,
        (figures, ends): (Arc<FollowerFigures>, Arc<AtomicBool>),
    ) -> Result<Self, StoreError> {
        let progress: Option<Progress> = Pad::new(&tables).find(Sheet::Marks, PROGRESS)?;
        let is_log_new = outbox.is_log_new.load(Ordering::Acquire);
        let progress = progress.unwrap_or_default().go_on_with(outbox.made_at, is_log_new);
        // A crash may have left, or brought back, what was counted.
        for row in outbox.tables.tallies(0, progress.tally) {
            outbox.tables.remove_tallies(row?.0)?;
        }
        outbox.followed_tally.store(progress.tally, Ordering::Release);
        outbox.followed.store(progress.offset, Ordering::Release);
        let sweep = Sweep::new(tables.clone(), Arc::clone(&outbox));
        let (newest, since_sweep) = (UtcMs::MIN, 0);
        Ok(Self {
            outbox,
            tables,
            counter,
            footfalls,
            progress,
            newest,
            newest_tally: UtcMs::MIN,
            keeping,
            sweep,
            since_sweep,
            figures,
            ends,
        })
    }

    /// Follows until it is told to end, and then to what was visible by that time.
    pub(super) fn run(mut self) {
        let _last = LastWord(Arc::clone(&self.figures));
        loop {
            let ends = self.ends.load(Ordering::Acquire);
            match self.round() {
                Ok(Round::Counted) => {}
                Ok(Round::Swept | Round::Idle) if ends => return,
                Ok(Round::Swept) => std::thread::park_timeout(SWEEP_EVERY),
                Ok(Round::Idle) => std::thread::park_timeout(LOOK_EVERY),
                Err(error) => {
                    // The outbox keeps what was not counted; past its size intake stops.
                    tracing::error!(%error, "figures are no longer counted; restart once the disk is sound");
                    self.figures.failed.store(true, Ordering::Relaxed);
                    return;
                }
            }
        }
    }

    /// Counts a batch, and now and then removes some of what is too old.
    fn round(&mut self) -> Result<Round, CountError> {
        let counted = self.turn()?;
        self.since_sweep += 1;
        if counted && self.since_sweep < BATCHES_A_SWEEP {
            return Ok(Round::Counted);
        }
        self.since_sweep = 0;
        let swept = self.sweep.step(self.keeping.told.now())?;
        if let Some(Swept { class, rows }) = &swept {
            self.figures.removed[*class as usize].fetch_add(*rows, Ordering::Relaxed);
        }
        let forgot = self.footfalls.forget_old(&self.tables)?;
        Ok(match (counted, swept.is_some() || forgot) {
            (true, _) => Round::Counted,
            (false, true) => Round::Swept,
            (false, false) => Round::Idle,
        })
    }

    /// Counts a batch. Whether there was anything to count.
    pub(super) fn turn(&mut self) -> Result<bool, CountError> {
        let tables = self.tables.clone();
        let _turn = tables.turn();
        let mut pad = Pad::new(&tables);
        let before = (self.progress.offset, self.progress.tally);
        // In this order, no tally is of a record that is still to come: it would tell those in between that they are old.
        let (tally, newest) =
            (self.outbox.newest_tally.load(Ordering::Acquire), self.outbox.newest());
        self.count_records(&mut pad)?;
        self.count_tallies(tally, &mut pad)?;
        if self.progress.offset >= newest {
            self.newest = self.newest.max(self.newest_tally);
        }
        let told = self.footfalls.count(&mut pad)?;
        let after = (self.progress.offset, self.progress.tally);
        if after == before && !told {
            return Ok(false);
        }
        pad.put(Sheet::Marks, PROGRESS.to_vec(), &self.progress);
        // What fixes are the clock of may lie in the future; nothing is removed for it.
        let newest = self.newest.min((self.outbox.clocks.now)());
        let kept_before = self.keeping.told.now();
        let kept = kept_before.gone_on(newest, &self.keeping.config);
        kept.put(kept_before, &mut pad);
        pad.commit()?;
        self.keeping.told.tell(kept);
        self.outbox.followed_tally.store(after.1, Ordering::Release);
        self.outbox.followed.store(after.0, Ordering::Release);
        for number in before.1 + 1..=after.1 {
            self.outbox.tables.remove_tallies(number)?;
        }
        self.figures.records.fetch_add(after.0.saturating_sub(before.0), Ordering::Relaxed);
        Ok(true)
    }

    fn count_records(&mut self, pad: &mut Pad<'_>) -> Result<(), CountError> {
        let newest = self.outbox.newest();
        let from = (self.progress.offset + 1).max(self.outbox.oldest());
        let through = newest.min(from.saturating_add(BATCH_RECORDS - 1));
        let outbox = Arc::clone(&self.outbox);
        let first_job_at = self.keeping.told.now().instant(Class::Outcomes);
        let (mut steps, mut keys) = (Vec::new(), Vec::new());
        for pair in outbox.tables.records(from, through) {
            let (offset, bytes) = pair?;
            let record = codec::decode(&bytes).map_err(|error| {
                outbox.tables.damaged(format!("the record at offset {offset}: {error}"))
            })?;
            if self.progress.takes(OF_RECORDS, record.position) {
                self.newest = self.newest.max(record.at);
                if let Some(step) = self.counter.read(record)? {
                    keys.extend(step.keys());
                    steps.push(step);
                }
            }
        }
        self.progress.offset = self.progress.offset.max(through);
        pad.look_up(keys)?;
        // A removed job may have come back after a crash, without what was heard of it.
        let find_job = |id| {
            let made = outbox.tables.job(id)?;
            Ok(made.filter(|made: &MadeJob| made.at >= first_job_at))
        };
        for step in steps {
            self.counter.count(step, &find_job, pad)?;
        }
        Ok(())
    }

    fn count_tallies(&mut self, newest: u64, pad: &mut Pad<'_>) -> Result<(), CountError> {
        let outbox = Arc::clone(&self.outbox);
        for pair in outbox.tables.tallies(self.progress.tally + 1, newest) {
            let (number, items) = pair?;
            for item in &items {
                if self.progress.takes(OF_TALLIES, item.position) {
                    self.counter.tally(item, pad)?;
                    self.newest_tally = self.newest_tally.max(item.at());
                }
            }
            self.progress.tally = number;
            if pad.len() >= BATCH_ROWS {
                return Ok(());
            }
        }
        self.progress.tally = self.progress.tally.max(newest);
        Ok(())
    }
}

/// Says at the thread's end that nothing is counted any more, if a panic ended it.
struct LastWord(Arc<FollowerFigures>);

impl Drop for LastWord {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.failed.store(true, Ordering::Relaxed);
        }
    }
}
