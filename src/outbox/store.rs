//! The handle of the outbox: shards release into it, recovery asks how far it came, consumers are kept by it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam::channel::{Sender, TrySendError, bounded};
use tokio::sync::{oneshot, watch};

use crate::domain::ids::{InputSeq, JobId, PartitionId};
use crate::domain::units::UtcMs;

use super::config::{Clocks, OutboxConfig, SpaceProbe};
use super::consumer::{Consumer, ConsumerKey, Filter, Owner};
use super::figures::OutboxFigures;
use super::jobs::MadeJob;
use super::orders::{ConsumerError, Created, Order, OutboxError, Release, Start, Withheld};
use super::record::OutboxRecord;
use super::refused::StoreError;
use super::retention::Stretches;
use super::shared::{Seat, Shared};
use super::space;
use super::tables::{Contents, Tables};
use super::writer::Writer;

/// Orders about consumers that may wait for the outbox thread; past it their tasks wait.
const ORDERS_WAITING: usize = 1024;

/// How soon a release that was [withheld](Withheld::Full) is best offered again.
pub const OFFER_PAUSE: Duration = Duration::from_millis(5);

/// How long a task waits before it offers its order again.
const OFFER_AGAIN: Duration = Duration::from_millis(2);

/// The outbox: jobs and events for consumers, on stable storage before anyone sees them.
///
/// Cheap to clone; all clones are one outbox. [`close`](Self::close) ends it; so does dropping the last clone,
/// without waiting.
#[derive(Clone)]
pub struct Outbox {
    pub(super) shared: Arc<Shared>,
    releases: Sender<Release>,
    orders: Sender<Order>,
    /// Taken by the first [`close`](Self::close); none where the writer is run by hand.
    thread: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl Outbox {
    /// Opens the outbox in `dir`, or creates it, and starts its thread, named `outbox`. It removes nothing until
    /// [`Figures`](super::derived::Figures) follow it: they may be behind what consumers have passed.
    ///
    /// # Errors
    /// [`StoreError`] if the store can't be opened or read, has another format, or is damaged.
    pub fn open(dir: &Path, config: OutboxConfig, clocks: Clocks) -> Result<Self, StoreError> {
        let probe = space::probe_of(dir);
        let tables = Tables::open(dir, config.cache_bytes)?;
        let (outbox, writer) = Self::assemble(tables, config, clocks, probe)?;
        outbox.shared.followed.store(0, Ordering::Release);
        outbox.started(writer)
    }

    /// The same without figures, and with a disk whose free space someone else tells: for tests.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with_space(
        dir: &Path,
        config: OutboxConfig,
        clocks: Clocks,
        space: SpaceProbe,
    ) -> Result<Self, StoreError> {
        let tables = Tables::open(dir, config.cache_bytes)?;
        let (outbox, writer) = Self::assemble(tables, config, clocks, space)?;
        outbox.started(writer)
    }

    /// Says that the log begins anew as well: its inputs are numbered from 1 again, and none of them was ever counted. To be
    /// said before figures follow.
    pub fn begins_with_its_log(&self) {
        self.shared.is_log_new.store(true, Ordering::Release);
    }

    fn started(self, writer: Writer) -> Result<Self, StoreError> {
        let thread = std::thread::Builder::new()
            .name("outbox".to_owned())
            .spawn(move || writer.run())
            .map_err(|error| self.shared.tables.unstarted(error))?;
        *self.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
        Ok(self)
    }

    /// All but the thread: whoever takes its place gives the writer its turns.
    pub(super) fn assemble(
        tables: Tables,
        config: OutboxConfig,
        clocks: Clocks,
        space: SpaceProbe,
    ) -> Result<(Self, Writer), StoreError> {
        let contents = tables.contents()?;
        let seats = seats_of(&contents, &clocks);
        let stretches =
            Stretches::new(contents.stretches, config.outbox_max_bytes, config.retain_min_s);
        let (releases, release_queue) = bounded(config.handoff_releases.max(1));
        let (orders, order_queue) = bounded(ORDERS_WAITING);
        let instants = (tables.made_at((clocks.now)())?, contents.instant);
        let shared = Arc::new(Shared::new(tables, config, clocks, seats, instants));
        shared.newest_tally.store(contents.next_tally - 1, Ordering::Release);
        shared.first_offset.store(stretches.first_offset(contents.end), Ordering::Release);
        shared.visible.send_replace(contents.end.next_offset - 1);
        for (partition, seq) in contents.marks {
            shared.durable[partition.index()].store(seq.0, Ordering::Release);
        }
        let queues = (release_queue, order_queue);
        let ends = (contents.end, contents.next_tally);
        let writer = Writer::new(shared.clone(), queues, space, ends, stretches);
        Ok((Self { shared, releases, orders, thread: Arc::default() }, writer))
    }

    /// Hands over the outputs of synced inputs, and how far their partitions have come. Waits while the hand-off
    /// is full: back pressure. Records of inputs up to [`durable`](Self::durable) are dropped as repeats.
    ///
    /// # Errors
    /// [`OutboxError`] when the outbox has stopped; final.
    pub fn release_through(&self, release: Release) -> Result<(), OutboxError> {
        self.announce(&release);
        self.releases.send(release).map_err(|_gone| self.shared.why_ended())
    }

    /// As [`release_through`](Self::release_through), but waits for nothing, and the release is
    /// [announced](Self::announce) already.
    ///
    /// # Errors
    /// [`Withheld`] with the release, if the hand-off is full; nothing of its partitions may be
    /// released before it.
    pub fn offer(&self, release: Release) -> Result<(), Withheld> {
        if self.shared.failed.get().is_some() {
            return Err(Withheld::Ended);
        }
        self.releases.try_send(release).map_err(|error| match error {
            TrySendError::Full(release) => Withheld::Full(release),
            TrySendError::Disconnected(_) => Withheld::Ended,
        })
    }

    /// Tells of a release before its input is acknowledged: who waits for all that acknowledged inputs caused, as an erasure
    /// does, waits for this one, though there may be no room for it yet and others go before it.
    pub fn announce(&self, release: &Release) {
        self.shared.waiting_bytes.fetch_add(release.bytes(), Ordering::AcqRel);
        for (partition, seq) in &release.marks {
            self.shared.announced[partition.index()].fetch_max(seq.0, Ordering::AcqRel);
        }
    }

    /// Takes back what was announced: a shard that ends leaves it to the next start, which finds its cause in the journal.
    pub fn withdraw(&self, release: &Release) {
        self.shared.lacks_some.store(true, Ordering::Release);
        self.shared.waiting_bytes.fetch_sub(release.bytes(), Ordering::AcqRel);
    }

    /// Whether something was [withdrawn](Self::withdraw): nobody needs to wait until its inputs are
    /// [durable](Self::durable).
    #[must_use]
    pub fn lacks_some(&self) -> bool {
        self.shared.lacks_some.load(Ordering::Acquire)
    }

    /// Whether so much waits to be written that nothing more should be announced: `handoff_bytes` is reached.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        self.shared.waiting_bytes.load(Ordering::Acquire) >= self.shared.config.handoff_bytes
    }

    /// [`release_through`](Self::release_through) with outputs alone: each is of a whole input.
    ///
    /// # Errors
    /// [`OutboxError`] when the outbox has stopped; final.
    pub fn release(&self, records: Vec<OutboxRecord>) -> Result<(), OutboxError> {
        self.release_through(Release::of(records, Vec::new()))
    }

    /// Reports inputs up to which there are no other outputs than those released, so that
    /// [`durable`](Self::durable) advances over inputs without any.
    ///
    /// # Errors
    /// [`OutboxError`] when the outbox has stopped; final.
    pub fn marks(&self, marks: Vec<(PartitionId, InputSeq)>) -> Result<(), OutboxError> {
        self.release_through(Release { marks, ..Release::default() })
    }

    /// The last input of a partition whose outputs are all on stable storage. A checkpoint beyond it does not
    /// count yet.
    #[must_use]
    pub fn durable(&self, partition: PartitionId) -> InputSeq {
        InputSeq(self.shared.durable[partition.index()].load(Ordering::Acquire))
    }

    /// The latest instant that earlier runs have written here; the daemon's clock must not start before it.
    #[must_use]
    pub fn instant_before(&self) -> UtcMs {
        self.shared.instant_before
    }

    /// What is known of a job that was made; it is from when consumers can see its record.
    ///
    /// # Errors
    /// [`StoreError`] if the store can't be read.
    pub fn job(&self, id: JobId) -> Result<Option<MadeJob>, StoreError> {
        self.shared.tables.job(id)
    }

    /// Whether intake should stop: `outbox_max_bytes` is reached, the disk is nearly full, or the outbox failed.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.shared.is_full.load(Ordering::Acquire)
    }

    /// Bytes of records at which it is full.
    #[must_use]
    pub fn max_bytes(&self) -> u64 {
        self.shared.config.outbox_max_bytes
    }

    /// Why the outbox takes nothing more, if so.
    #[must_use]
    pub fn ended(&self) -> Option<OutboxError> {
        self.shared.failed.get().cloned()
    }

    /// What it counts.
    #[must_use]
    pub fn figures(&self) -> &OutboxFigures {
        &self.shared.figures
    }

    /// The newest offset on stable storage, 0 before the first record; changes wake the receiver.
    #[must_use]
    pub fn visible(&self) -> watch::Receiver<u64> {
        self.shared.visible.subscribe()
    }

    /// The offsets of the oldest record kept and of the newest; the first is one more than the second if none is.
    #[must_use]
    pub fn span(&self) -> (u64, u64) {
        (self.shared.oldest(), self.shared.newest())
    }

    /// Every consumer, or one owner's, in the order of owner and name, with how many records lie before it.
    #[must_use]
    pub fn consumers(&self, of: Option<Owner>) -> Vec<Standing> {
        let newest = self.shared.newest();
        let seats = self.shared.seats();
        let of_owner = seats.iter().filter(|(key, _)| of.is_none_or(|owner| key.owner == owner));
        of_owner
            .map(|(key, seat)| Standing {
                key: key.clone(),
                consumer: seat.consumer.clone(),
                lag: newest.saturating_sub(seat.consumer.acked),
            })
            .collect()
    }

    /// Creates a consumer, durably. One that exists with the same filter is returned as it is.
    ///
    /// # Errors
    /// [`ConsumerError`] if it exists with another filter, there are too many, or the outbox has stopped.
    pub async fn create(
        &self,
        key: ConsumerKey,
        start: Start,
        filter: Filter,
    ) -> Result<Created, ConsumerError> {
        self.order(|answer| Order::Create { key, start, filter, answer }).await
    }

    /// Done with everything up to `offset`, durably; an offset before the last ack changes nothing.
    ///
    /// # Errors
    /// [`ConsumerError`] if there is no such consumer or record, or the outbox has stopped.
    pub async fn ack(&self, key: ConsumerKey, offset: u64) -> Result<Consumer, ConsumerError> {
        self.order(|answer| Order::Ack { key, offset, answer }).await
    }

    /// Removes a consumer, durably.
    ///
    /// # Errors
    /// [`ConsumerError`] if there is no such consumer, or the outbox has stopped.
    pub async fn remove(&self, key: ConsumerKey) -> Result<(), ConsumerError> {
        self.order(|answer| Order::Remove { key, answer }).await
    }

    /// Writes what was released before, ends the thread and waits for it. What is released later is refused.
    ///
    /// # Errors
    /// [`OutboxError`] if the outbox had failed before.
    pub fn close(&self) -> Result<(), OutboxError> {
        // A thread that is gone needs no order to end.
        drop(self.orders.send(Order::Close));
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            return Err(OutboxError::Failed { reason: "its thread panicked".into() });
        }
        match self.shared.why_ended() {
            OutboxError::Closed => Ok(()),
            error @ (OutboxError::Failed { .. } | OutboxError::Unreadable { .. }) => Err(error),
        }
    }

    /// Gives an order and waits for its answer. Tasks never block a thread of the runtime for it.
    pub(super) async fn order<T>(
        &self,
        make: impl FnOnce(oneshot::Sender<Result<T, ConsumerError>>) -> Order,
    ) -> Result<T, ConsumerError> {
        let (answer, answered) = oneshot::channel();
        let mut order = make(answer);
        while let Err(error) = self.orders.try_send(order) {
            match error {
                TrySendError::Full(back) => order = back,
                TrySendError::Disconnected(_) => return Err(self.shared.why_ended().into()),
            }
            tokio::time::sleep(OFFER_AGAIN).await;
        }
        answered.await.unwrap_or_else(|_gone| Err(self.shared.why_ended().into()))
    }
}

impl std::fmt::Debug for Outbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (oldest, newest) = self.span();
        write!(f, "Outbox({oldest}..={newest})")
    }
}

/// A consumer and where it stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Standing {
    /// Whose it is and its name.
    pub key: ConsumerKey,
    /// Its state.
    pub consumer: Consumer,
    /// Records after its ack, wanted or not.
    pub lag: u64,
}

/// Calls `each` with the offset and bytes of every record in the outbox in `dir`, ascending: for a replay that
/// compares. The daemon must not be running.
///
/// # Errors
/// [`StoreError`] if there is no store, it can't be opened or read, has another format, or is damaged.
pub fn stored_records(dir: &Path, mut each: impl FnMut(u64, &[u8])) -> Result<(), StoreError> {
    if !dir.is_dir() {
        return Err(StoreError::NoStore { path: dir.into() });
    }
    let tables = Tables::open(dir, OutboxConfig::default().cache_bytes)?;
    let contents = tables.contents()?;
    let first = contents.stretches.first().map_or(1, |stretch| stretch.first);
    for record in tables.records(first, contents.end.next_offset) {
        let (offset, bytes) = record?;
        each(offset, &bytes);
    }
    Ok(())
}

/// The consumers as they were. The time the daemon was down does not count as idle.
fn seats_of(contents: &Contents, clocks: &Clocks) -> BTreeMap<ConsumerKey, Seat> {
    let (now, up_ms) = ((clocks.now)(), (clocks.up_ms)());
    let seat = |consumer: &Consumer| Seat::new(consumer.clone(), now, up_ms);
    contents.consumers.iter().map(|(key, consumer)| (key.clone(), seat(consumer))).collect()
}
