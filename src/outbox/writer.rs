//! The outbox thread: takes all that waits, writes it as one batch, syncs once, and only then shows it.
//!
//! It alone adds to the store; the figures remove what they have counted, and erasures what is to be forgotten. Releases
//! come from shards through one bounded hand-off, orders about consumers from the queue's tasks through another; a group
//! of both is one atomic batch. After an error it ends for good: what was not synced was never visible, and the journal
//! still has its cause.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crossbeam::channel::{Receiver, never, select};

use crate::domain::ids::{InputSeq, JobId, PARTITIONS, PartitionId};
use crate::domain::units::UtcMs;

use super::blocks::OpenBlock;
use super::changes::Changes;
use super::codec;
use super::config::SpaceProbe;
use super::jobs::MadeJob;
use super::orders::{Order, OutboxError, Release};
use super::refused::StoreError;
use super::retention::Stretches;
use super::shared::Shared;
use super::tables::{Batch, End};
use super::tallies::{self, TallyItem};

/// What one batch takes in memory, and a release: that is never split. Some 30,000 records, and milliseconds of a sync.
const GROUP_BYTES: u64 = 16 << 20;

/// Tallies of one row, and those of its last input: whoever counts them takes whole rows, and goes by inputs.
const ROW_TALLIES: usize = 16_384;

/// Orders of one batch.
const GROUP_ORDERS: usize = 1024;

/// How long the thread sleeps at most: how soon it notices room on the disk, and how soon it keeps house.
const WAKE_EVERY: Duration = Duration::from_millis(200);

/// How often it keeps house when nothing presses.
const HOUSE_EVERY_MS: i64 = 1000;

/// The state of the outbox thread.
pub(super) struct Writer {
    shared: Arc<Shared>,
    releases: Receiver<Release>,
    orders: Receiver<Order>,
    space: SpaceProbe,
    /// Received and not written: the next group.
    waiting: Vec<Release>,
    /// What these take in memory.
    waiting_bytes: u64,
    end: End,
    stretches: Stretches,
    /// Per partition the last input whose outputs are written or in the batch at hand.
    applied: [InputSeq; PARTITIONS],
    /// The number that the next row of tallies gets.
    next_tally: u64,
    /// Jobs of the batch at hand.
    jobs: Vec<(JobId, MadeJob)>,
    /// Tallies of the batch at hand.
    tallies: Vec<TallyItem>,
    /// The records of the batch at hand that have no row yet.
    block: OpenBlock,
    /// A row's bytes, reused.
    bytes: Vec<u8>,
    kept_house_at: Option<UtcMs>,
    /// The latest instant written, for the clock of the next run.
    instant: UtcMs,
    is_closing: bool,
}

impl Writer {
    pub(super) fn new(
        shared: Arc<Shared>,
        (releases, orders): (Receiver<Release>, Receiver<Order>),
        space: SpaceProbe,
        (end, next_tally): (End, u64),
        stretches: Stretches,
    ) -> Self {
        let mut applied = [InputSeq(0); PARTITIONS];
        for partition in PartitionId::all() {
            let durable = &shared.durable[partition.index()];
            applied[partition.index()] = InputSeq(durable.load(Ordering::Acquire));
        }
        let instant = shared.instant_before;
        Self {
            shared,
            releases,
            orders,
            space,
            waiting: Vec::new(),
            waiting_bytes: 0,
            end,
            stretches,
            applied,
            next_tally,
            jobs: Vec::new(),
            tallies: Vec::new(),
            block: OpenBlock::at(end.next_offset),
            bytes: Vec::new(),
            kept_house_at: None,
            instant,
            is_closing: false,
        }
    }

    /// Serves until it is closed, all handles are gone, or the store fails.
    pub(super) fn run(mut self) {
        let _last = LastWord(self.shared.clone());
        while self.turn(WAKE_EVERY) {}
        self.shared.figures.pulse.rests();
    }

    /// Waits up to `pause` for something to do, and does it. `false` when it was closed, or the store failed.
    pub(super) fn turn(&mut self, pause: Duration) -> bool {
        match self.serve(pause) {
            Ok(true) => return true,
            Ok(false) => {
                self.shared.failed.get_or_init(|| OutboxError::Closed);
            }
            Err(error) => {
                tracing::error!(%error, "the outbox stopped; restart once the disk is sound");
                let failed = OutboxError::Failed { reason: error.to_string().into() };
                self.shared.failed.get_or_init(|| failed);
                self.shared.is_full.store(true, Ordering::Release);
            }
        }
        false
    }

    /// One group. Whether there will be more.
    fn serve(&mut self, pause: Duration) -> Result<bool, StoreError> {
        let orders = self.next_group(pause);
        let wrote = self.write(orders)?;
        self.keep_house()?;
        let is_drained = self.releases.is_empty() || !self.waiting.is_empty();
        Ok(!self.is_closing || !is_drained || wrote)
    }

    /// Waits for something to do, then takes all that is there.
    fn next_group(&mut self, pause: Duration) -> Vec<Order> {
        let mut orders = Vec::new();
        let nothing = never();
        // While a group waits for room on the disk, the shards wait too; consumers are still served.
        let takes_more = self.waiting.is_empty();
        let releases = if takes_more { &self.releases } else { &nothing };
        if !self.is_closing {
            self.shared.figures.pulse.rests();
            select! {
                recv(releases) -> release => match release {
                    Ok(release) => self.take(release),
                    Err(_) => self.is_closing = true,
                },
                recv(self.orders) -> order => match order {
                    Ok(order) => orders.push(order),
                    Err(_) => self.is_closing = true,
                },
                default(pause) => {}
            }
        }
        self.shared.figures.pulse.works();
        orders.extend(self.orders.try_iter().take(GROUP_ORDERS));
        self.is_closing |= orders.iter().any(|order| matches!(order, Order::Close));
        while takes_more
            && self.waiting_bytes < GROUP_BYTES
            && let Ok(release) = self.releases.try_recv()
        {
            self.take(release);
        }
        orders
    }

    fn take(&mut self, release: Release) {
        self.waiting_bytes += release.bytes();
        self.waiting.push(release);
    }

    /// Writes and syncs a group, shows it, answers its orders. Whether there was anything to write.
    fn write(&mut self, orders: Vec<Order>) -> Result<bool, StoreError> {
        let now = (self.shared.clocks.now)();
        let shared = self.shared.clone();
        let mut batch = shared.tables.batch();
        let before = self.end;
        let (releases, bytes) = if self.has_room()? {
            (std::mem::take(&mut self.waiting), std::mem::take(&mut self.waiting_bytes))
        } else {
            (Vec::new(), 0)
        };
        for release in releases {
            self.stage(release, &mut batch, now);
        }
        batch.end_block(&mut self.block);
        if self.end != before {
            batch.put_end(self.end);
        }
        self.stage_jobs(&mut batch);
        self.stage_tallies(&mut batch);
        self.stage_marks(&mut batch);
        let mut changes = Changes::new(&shared, now);
        for order in orders {
            changes.apply(order);
        }
        changes.stage(&mut batch);
        let wrote = !batch.is_empty();
        if wrote {
            self.commit(batch, now)?;
            shared.figures.batches.fetch_add(1, Ordering::Relaxed);
        }
        self.show();
        self.shared.waiting_bytes.fetch_sub(bytes, Ordering::Release);
        changes.answer();
        Ok(wrote)
    }

    /// Notes the time beside what is written: instants in here may lie ahead of the system clock at the next start.
    fn commit(&mut self, mut batch: Batch<'_>, now: UtcMs) -> Result<(), StoreError> {
        self.instant = self.instant.max(now);
        batch.put_instant(self.instant);
        // It syncs, and a disk may take its time: that is no hang.
        self.shared.figures.pulse.resting(|| batch.commit())
    }

    fn stage(&mut self, release: Release, batch: &mut Batch<'_>, now: UtcMs) {
        let figures = &self.shared.figures;
        // What this release brings is told from what was there before it: several records share an input.
        let before = self.applied;
        for record in &release.records {
            let position = record.position;
            let partition = position.partition.index();
            if position.seq <= before[partition] {
                figures.already_written.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            self.applied[partition] = self.applied[partition].max(position.seq);
            if let Some(stretch) = self.stretches.open_at(self.end, now) {
                batch.end_block(&mut self.block);
                batch.put_stretch(stretch);
            }
            let offset = self.end.next_offset;
            if self.block.is_empty() {
                self.block.begin(offset);
            }
            let len = self.block.push(offset, |out| codec::encode(record, out));
            if self.block.is_full() {
                batch.end_block(&mut self.block);
            }
            self.jobs.extend(MadeJob::of(record));
            let bytes = record_bytes(len);
            figures.count_written(record.kind(), bytes);
            self.end.next_offset += 1;
            self.end.total_bytes += bytes;
        }
        let is_new =
            |item: &&TallyItem| item.position.seq > before[item.position.partition.index()];
        self.tallies.extend(release.tallies.iter().filter(is_new));
        for (partition, seq) in release.marks {
            let applied = &mut self.applied[partition.index()];
            *applied = (*applied).max(seq);
        }
    }

    /// In the order of their keys, which are as good as drawn by lot: each then finds its place near that of the one before.
    fn stage_jobs(&mut self, batch: &mut Batch<'_>) {
        self.jobs.sort_unstable_by_key(|(id, _)| *id);
        for (id, made) in self.jobs.drain(..) {
            batch.put_job(id, made);
        }
    }

    fn stage_tallies(&mut self, batch: &mut Batch<'_>) {
        let mut rest = &self.tallies[..];
        while !rest.is_empty() {
            let (row, others) = rest.split_at(end_of_row(rest));
            rest = others;
            self.bytes.clear();
            tallies::encode(row, &mut self.bytes);
            batch.put_tallies(self.next_tally, &self.bytes);
            self.next_tally += 1;
        }
        self.tallies.clear();
    }

    fn stage_marks(&self, batch: &mut Batch<'_>) {
        for partition in PartitionId::all() {
            let applied = self.applied[partition.index()];
            if applied.0 != self.shared.durable[partition.index()].load(Ordering::Relaxed) {
                batch.put_mark(partition, applied);
            }
        }
    }

    /// Everything staged is on stable storage: shards may rely on it and readers may see it. In this order: who sees a tally
    /// sees the records before it, and who sees how far a partition has come sees both.
    fn show(&self) {
        let newest = self.end.next_offset - 1;
        self.shared.visible.send_if_modified(|visible| {
            let is_news = *visible != newest;
            *visible = newest;
            is_news
        });
        self.shared.newest_tally.store(self.next_tally - 1, Ordering::Release);
        for (durable, applied) in self.shared.durable.iter().zip(self.applied) {
            durable.store(applied.0, Ordering::Release);
        }
    }

    /// Whether the disk has room for records. A disk that can't be asked can't be trusted either.
    fn has_room(&self) -> Result<bool, StoreError> {
        let free = (self.space)().map_err(|error| self.shared.tables.unmeasured(error))?;
        let has_room = free >= self.shared.config.disk_reserve_bytes;
        let held_bytes = self.stretches.held_bytes(self.end);
        let is_full = !has_room || held_bytes >= self.shared.config.outbox_max_bytes;
        self.shared.figures.held_bytes.store(held_bytes, Ordering::Relaxed);
        if self.shared.is_full.swap(is_full, Ordering::AcqRel) != is_full {
            match is_full {
                true => tracing::warn!(held_bytes, free, "the outbox is full; intake stops"),
                false => tracing::info!(held_bytes, free, "the outbox has room again"),
            }
        }
        Ok(has_room)
    }

    /// Drops idle consumers, writes what consumers did not wait for, removes what all have passed.
    fn keep_house(&mut self) -> Result<(), StoreError> {
        let now = (self.shared.clocks.now)();
        let is_full = self.shared.is_full.load(Ordering::Acquire);
        let is_due = self.kept_house_at.is_none_or(|last| now.since(last) >= HOUSE_EVERY_MS);
        if !(is_full || is_due || self.is_closing) {
            return Ok(());
        }
        self.kept_house_at = Some(now);
        let shared = self.shared.clone();
        let mut batch = shared.tables.batch();
        let mut changes = Changes::new(&shared, now);
        changes.drop_idle();
        changes.catch_up(self.is_closing);
        changes.stage(&mut batch);
        // Whoever takes records out of blocks puts none back that is removed meanwhile.
        let blocks = shared.blocks();
        let removed = self.stretches.stage_removal(&mut batch, &shared, self.end, now)?;
        if !batch.is_empty() {
            self.commit(batch, now)?;
        }
        changes.answer();
        shared.figures.removed.fetch_add(removed, Ordering::Relaxed);
        shared.first_offset.store(self.stretches.first_offset(self.end), Ordering::Release);
        drop(blocks);
        self.has_room().map(|_| ())
    }
}

/// Says at the thread's end, a panic's too, that nothing more will come: to shards, and to readers who wait.
struct LastWord(Arc<Shared>);

impl Drop for LastWord {
    fn drop(&mut self) {
        let panicked = || OutboxError::Failed { reason: "its thread panicked".into() };
        if std::thread::panicking() {
            self.0.failed.get_or_init(panicked);
            self.0.is_full.store(true, Ordering::Release);
        }
        self.0.visible.send_modify(|_| {});
    }
}

/// How many tallies the next row takes.
fn end_of_row(tallies: &[TallyItem]) -> usize {
    let ends_input = |at: &usize| tallies[at - 1].position != tallies[*at].position;
    (ROW_TALLIES..tallies.len()).find(ends_input).unwrap_or(tallies.len())
}

/// What a record of so many bytes counts: with its key.
fn record_bytes(len: usize) -> u64 {
    len as u64 + 8
}
