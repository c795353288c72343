//! A shard on a real journal and outbox: what it does without a snapshot, with a full or a broken outbox, at the end.

use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam::channel::{Receiver, bounded};
use tempfile::TempDir;
use tokio::runtime::Handle;

use crate::clock::{Clock, Hands};
use crate::domain::campaign::Condition;
use crate::domain::fix::Fix;
use crate::domain::ids::{AccountId, AppId, DeviceKey, InputSeq, PartitionId};
use crate::domain::input::{Batch, Input};
use crate::domain::ping::PingFlags;
use crate::domain::policy::Policy;
use crate::domain::submission::{Applied, Lost, Records};
use crate::domain::units::{PointE7, UtcMs};
use crate::engine::{Outputs, Partition};
use crate::journal::test_inputs::{eventually, no_time};
use crate::journal::{Journal, JournalConfig, Resume};
use crate::outbox::by_hand::HandOutboxWriter;
use crate::outbox::derived::footfalls::{FootfallBatch, FootfallPost};
use crate::outbox::samples::World;
use crate::outbox::sim_rows::SimRows;
use crate::outbox::{Outbox, OutboxConfig};
use crate::shutdown::{Shutdown, Stage};
use crate::snapshot::load::Loaded;
use crate::snapshot::samples::{self, KEY, device};
use crate::snapshot::slot::Slot;

use super::checkpoints::CheckpointOrder;
use super::config::ShardConfig;
use super::figures::ShardFigures;
use super::ledger::Ledger;
use super::mailbox::{Delivery, Mailbox, Parcel, mailbox};
use super::parts::{Failed, ShardParts};
use super::policy::PolicyInForce;
use super::ticket::{AckTicket, ticket};
use super::worker;

/// 2026-11-24T12:00 in Seoul.
const NOON: UtcMs = UtcMs(1_795_489_200_000);

/// One shard that owns the partition of [`device`] 1.
struct Bench {
    world: World,
    outbox: Outbox,
    journal: Journal,
    slot: Arc<Slot>,
    failed: Arc<Failed>,
    figures: Arc<ShardFigures>,
    hands: Hands,
    orders: Receiver<CheckpointOrder>,
    mailbox: Mailbox,
    shutdown: Shutdown,
    thread: JoinHandle<()>,
    partition: PartitionId,
    _home: TempDir,
}

/// Device 1 dwells a while for its job.
fn loaded() -> Loaded {
    let mut source = samples::source();
    source.campaigns[0].condition = Condition::Dwell { dwell_s: 200 };
    samples::loaded(&source, 1, None)
}

fn inside(at: UtcMs) -> Fix {
    inside_with(1, at)
}

fn inside_with(number: u32, at: UtcMs) -> Fix {
    let point = PointE7::new(375_665_000 + 10_000, 1_269_780_000).unwrap();
    Fix { device: device(number), at: point, fixed_at: at, accuracy_m: 10, flags: PingFlags(0) }
}

/// The partition of device 1, which is inside since noon.
fn dwelling(loaded: &Loaded) -> Partition {
    dwelling_with(1, loaded)
}

fn dwelling_with(number: u32, loaded: &Loaded) -> Partition {
    let id = DeviceKey { account: AccountId(1), device: device(number) }.partition();
    let mut partition = Partition::new(id, KEY, Policy::default());
    let (view, mut out) = (loaded.view(), Outputs::default());
    let publication = Input::Publication { epoch: view.epoch(), hash: view.hash() };
    partition.step(&publication, None, &mut out);
    let fixes = Input::Fixes(Batch {
        account: AccountId(1),
        app: AppId(1),
        origin: None,
        received_at: NOON,
        records: &[inside_with(number, NOON)],
    });
    partition.step(&fixes, Some(view), &mut out);
    assert!(partition.next_deadline().is_some(), "a dwell is awaited");
    partition
}

impl Bench {
    fn start(partition: Partition, outbox: OutboxConfig) -> Self {
        Self::posting(partition, outbox, None)
    }

    /// The same with somebody who counts what devices do at targets.
    fn posting(partition: Partition, outbox: OutboxConfig, post: Option<FootfallPost>) -> Self {
        let (home, world) = (tempfile::tempdir().unwrap(), World::new());
        let outbox = world.open(&home.path().join("outbox"), outbox);
        Self::beside(outbox, world, vec![partition], post, home)
    }

    /// The same beside an outbox whose writer has its turns by hand, with the snapshot in force.
    fn by_hand(config: OutboxConfig) -> (Self, HandOutboxWriter) {
        Self::by_hand_with(1, config)
    }

    /// The same with so many partitions, in each of which a device dwells.
    fn by_hand_with(partitions: usize, config: OutboxConfig) -> (Self, HandOutboxWriter) {
        let (loaded, world) = (loaded(), World::new());
        let space = Arc::new(|| Ok(u64::MAX));
        let (outbox, writer) =
            Outbox::open_by_hand(&SimRows::default(), config, world.clocks(), space).unwrap();
        let mut dwelling: Vec<Partition> = Vec::new();
        for number in 1.. {
            let partition = dwelling_with(number, &loaded);
            if dwelling.len() < partitions && dwelling.iter().all(|one| one.id() != partition.id())
            {
                dwelling.push(partition);
            } else if dwelling.len() == partitions {
                break;
            }
        }
        let home = tempfile::tempdir().unwrap();
        let bench = Self::beside(outbox, world, dwelling, None, home);
        bench.slot.publish(Arc::new(loaded)).unwrap();
        (bench, writer)
    }

    fn beside(
        outbox: Outbox,
        world: World,
        partitions: Vec<Partition>,
        post: Option<FootfallPost>,
        home: TempDir,
    ) -> Self {
        let config = JournalConfig { dir: home.path().to_owned(), ..JournalConfig::default() };
        let keyring = crate::outbox::samples::keyring();
        let recovery = Journal::open(config, &keyring, Resume::from_start()).unwrap();
        let (journal, mut logs) = recovery.into_journal(1, no_time).unwrap();
        let (clock, hands) = Clock::manual(NOON);
        let (checkpoints, orders) = bounded(256);
        let (sender, inbox) = mailbox(1024);
        let (slot, failed) = (Arc::new(Slot::new()), Arc::new(Failed::default()));
        let figures = Arc::new(ShardFigures::default());
        let id = partitions[0].id();
        let parts = ShardParts {
            partitions,
            inbox,
            log: logs.remove(0),
            slot: Arc::clone(&slot),
            outbox: outbox.clone(),
            post,
            sealer: keyring.sealer(),
            clock,
            ledger: Arc::new(Mutex::new(Ledger::default())),
            policy: PolicyInForce::new(Policy::default()),
            config: ShardConfig { tick_ms: 1, ..ShardConfig::default() },
            checkpoints,
            figures: Arc::clone(&figures),
            failed: Arc::clone(&failed),
        };
        let shutdown = Shutdown::new();
        let member = shutdown.join(Stage::Shards, "shard");
        let thread = worker::spawn(0, parts, member, shutdown.clone()).unwrap();
        Self {
            world,
            outbox,
            journal,
            slot,
            failed,
            figures,
            hands,
            orders,
            mailbox: sender,
            shutdown,
            thread,
            partition: id,
            _home: home,
        }
    }

    /// Sends a fix of device 1.
    async fn send(&self, at: UtcMs) -> AckTicket {
        let (ack, mut parts) = ticket(1);
        let parcel = Parcel {
            account: AccountId(1),
            app: AppId(1),
            origin: None,
            received_at: at,
            parts: vec![(self.partition, 1)],
            records: Records::Fixes(vec![inside(at)]),
        };
        let delivery = Delivery { parcel, ticket: parts.remove(0) };
        self.mailbox.put(delivery).await.expect("the shard runs");
        ack
    }

    /// Drains, and gives the sequence of the last checkpoint.
    async fn end(self) -> Option<u64> {
        let left = self.shutdown.drain(Duration::from_secs(60)).await;
        assert!(left.is_empty(), "{left:?}");
        self.thread.join().expect("it does not panic");
        self.orders.try_iter().last().map(|order| order.mark.seq.0)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_snapshot_no_timer_fires() {
    let bench = Bench::start(dwelling(&loaded()), OutboxConfig::default());
    bench.hands.advance_ms(250_000);
    // Each goes through a whole round, and is refused.
    for _ in 0..3 {
        let applied: Applied = bench.send(NOON.plus_s(250)).await.await.expect("answered");
        assert_eq!(applied.rejects.iter().sum::<u64>(), 1);
    }
    assert_eq!(bench.end().await, Some(2), "nothing was journalled or stepped");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_its_snapshot_the_timer_fires() {
    let loaded = loaded();
    let bench = Bench::start(dwelling(&loaded), OutboxConfig::default());
    bench.slot.publish(Arc::new(loaded)).unwrap();
    bench.hands.advance_ms(250_000);
    eventually("the dwell's outputs are there", || bench.outbox.span().1 > 0);
    assert!(bench.end().await > Some(2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn figures_are_there_before_the_first_batch() {
    let bench = Bench::start(dwelling(&loaded()), OutboxConfig::default());
    eventually("the restored device counts", || bench.figures.sample().devices == 1);
    assert_eq!(bench.figures.sample().batches, 0);
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn figures_that_a_scrape_held_back_come_out_though_nothing_more_is_sent() {
    let loaded = loaded();
    let bench = Bench::start(dwelling(&loaded), OutboxConfig::default());
    bench.slot.publish(Arc::new(loaded)).unwrap();
    tokio::task::block_in_place(|| {
        let scrape = bench.figures.hold();
        let sent = async { bench.send(NOON.plus_s(1)).await.await };
        Handle::current().block_on(sent).expect("all is well");
        assert_eq!(scrape.counts.evaluated, 0);
    });
    eventually("they are out", || bench.figures.sample().counts.evaluated == 1);
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_outbox_ends_acks_and_says_so() {
    let loaded = loaded();
    let bench = Bench::start(dwelling(&loaded), OutboxConfig::default());
    bench.slot.publish(Arc::new(loaded)).unwrap();
    bench.send(NOON.plus_s(1)).await.await.expect("all is well");
    bench.world.set_free(0);
    eventually("the outbox has failed", || bench.outbox.ended().is_some());
    // Nothing is in flight; the shard sees it all the same.
    eventually("the shard has noticed", || bench.failed.why().is_some());
    assert!(bench.failed.why().unwrap().contains("outbox"), "{:?}", bench.failed);
    bench.thread.join().expect("it ends");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_of_the_journals_writer_ends_acks() {
    fn broken() -> u64 {
        panic!("a bug in the writer")
    }
    let home = tempfile::tempdir().unwrap();
    let config = JournalConfig { dir: home.path().to_owned(), ..JournalConfig::default() };
    let keyring = crate::outbox::samples::keyring();
    let recovery = Journal::open(config, &keyring, Resume::from_start()).unwrap();
    let (journal, mut logs) = recovery.into_journal(1, broken).unwrap();
    let position = crate::journal::test_inputs::at(0, 1);
    logs[0].append(position, &Input::Tick { now: NOON });
    let commit = logs[0].commit();
    eventually("it has failed", || logs[0].failed().is_some());
    assert!(logs[0].synced() < commit);
    assert!(journal.failed().unwrap().reason.contains("panicked"));
    assert!(journal.shutdown().is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acks_do_not_wait_for_room_in_the_outbox() {
    let (bench, mut writer) =
        Bench::by_hand(OutboxConfig { handoff_releases: 1, ..OutboxConfig::default() });
    for after_s in 1..=5 {
        let ack = bench.send(NOON.plus_s(after_s)).await;
        let acked = tokio::time::timeout(Duration::from_secs(60), ack).await;
        acked.expect("nobody takes the outputs").expect("the journal has it");
    }
    assert_eq!(bench.outbox.durable(bench.partition), InputSeq(0));
    let announced = bench.outbox.announced(bench.partition);
    assert_eq!(announced, InputSeq(8), "an erasure would wait for what they caused");
    // The two before the start, a lease, and these five.
    eventually("they come once there is room", || {
        assert!(writer.turn());
        bench.outbox.durable(bench.partition) == InputSeq(8)
    });
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shard_takes_nothing_while_too_many_outputs_wait() {
    let (bench, mut writer) =
        Bench::by_hand(OutboxConfig { handoff_bytes: 1, ..OutboxConfig::default() });
    bench.hands.advance_ms(250_000);
    eventually("the dwell's outputs wait", || bench.outbox.is_behind());
    // It may just be waiting for a parcel that it would still take.
    tokio::time::sleep(Duration::from_millis(100)).await;
    let mut ack = bench.send(NOON.plus_s(251)).await;
    let early = tokio::time::timeout(Duration::from_millis(300), &mut ack).await;
    assert!(early.is_err(), "{early:?}");
    assert!(writer.turn());
    ack.await.expect("there is room again");
    eventually("all is written", || {
        assert!(writer.turn());
        !bench.outbox.is_behind()
    });
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_due_in_many_partitions_comes_bit_by_bit_while_much_waits() {
    let (bench, mut writer) =
        Bench::by_hand_with(40, OutboxConfig { handoff_bytes: 1, ..OutboxConfig::default() });
    let ahead = |seq| PartitionId::all().filter(|id| bench.outbox.announced(*id) > seq).count();
    eventually("each has a lease, behind a publication and a fix", || ahead(InputSeq(2)) == 40);
    eventually("these are written", || {
        assert!(writer.turn());
        !bench.outbox.is_behind()
    });
    bench.hands.advance_ms(250_000);
    let written =
        || PartitionId::all().filter(|id| bench.outbox.durable(*id) > InputSeq(3)).count();
    for expected in [3, 6, 9] {
        eventually("some come once there is room", || ahead(InputSeq(3)) == expected);
        // Were there more to come, they would.
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(ahead(InputSeq(3)), expected);
        eventually("they are written", || {
            assert!(writer.turn());
            written() == expected
        });
    }
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_outbox_does_not_hold_up_the_end() {
    let loaded = loaded();
    let config = OutboxConfig { handoff_releases: 1, ..OutboxConfig::default() };
    let reserve = config.disk_reserve_bytes;
    let bench = Bench::start(dwelling(&loaded), config);
    bench.slot.publish(Arc::new(loaded)).unwrap();
    bench.send(NOON.plus_s(1)).await.await.expect("all is well");
    bench.world.set_free(reserve - 1);
    eventually("the outbox is full", || bench.outbox.is_full());
    let outbox = bench.outbox.clone();
    // The shard may just be waiting for a parcel that it would still take.
    tokio::time::sleep(Duration::from_millis(100)).await;
    let waiting = bench.send(NOON.plus_s(2)).await;
    let journal = bench.journal.synced_end();
    bench.end().await;
    assert_eq!(waiting.await, Err(Lost::Stopped), "it is sent again when the daemon is back");
    assert!(!outbox.is_behind());
    assert!(journal.0 > 0);
}

/// A partition without a device, and its snapshot in force, with room for so many batches of footfalls.
fn posting(room: usize) -> (Bench, Receiver<FootfallBatch>) {
    let loaded = loaded();
    let partition = Partition::new(dwelling(&loaded).id(), KEY, Policy::default());
    let (post, handed_in) = FootfallPost::by_hand(room);
    let bench = Bench::posting(partition, OutboxConfig::default(), Some(post));
    bench.slot.publish(Arc::new(loaded)).unwrap();
    (bench, handed_in)
}

impl Bench {
    /// Sends a fix inside, and lets the round that takes it come to its end.
    async fn see(&self, at: UtcMs) {
        for after_s in [0, 1] {
            self.send(at.plus_s(after_s)).await.await.expect("all is well");
        }
    }
}

fn enters(batch: &FootfallBatch) -> u32 {
    batch.counts.iter().map(|(_, footfall)| footfall.enters).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn footfalls_are_handed_in_every_ten_seconds_and_at_the_end() {
    let (bench, handed_in) = posting(4);
    let first = handed_in.recv().expect("the day is counted from its start");
    let day = i32::try_from(NOON.utc_day()).unwrap();
    assert_eq!(first, FootfallBatch { day, ..FootfallBatch::default() });
    bench.see(NOON).await;
    bench.hands.advance_ms(9_999);
    bench.see(NOON.plus_s(9)).await;
    assert!(handed_in.try_recv().is_err(), "too soon");
    bench.hands.advance_ms(1);
    let second = handed_in.recv().expect("it is time");
    assert!(enters(&second) > 0, "{second:?}");
    // A quiet day hands in nothing, the next one that it was counted.
    bench.hands.advance_ms(10_000);
    bench.see(NOON.plus_s(20)).await;
    assert!(handed_in.try_recv().is_err(), "nobody came");
    bench.hands.advance_ms(86_400_000);
    assert_eq!(handed_in.recv().expect("a new day").day, day + 1);
    bench.see(NOON.plus_s(86_430)).await;
    bench.end().await;
    let last: Vec<FootfallBatch> = handed_in.try_iter().collect();
    assert_eq!(last.len(), 1, "{last:?}");
    assert!(enters(&last[0]) > 0, "after a day of silence it came anew: {last:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn footfalls_that_nobody_takes_yet_are_kept() {
    let (bench, handed_in) = posting(1);
    eventually("the first batch waits", || handed_in.is_full());
    bench.see(NOON).await;
    bench.hands.advance_ms(10_000);
    bench.see(NOON.plus_s(10)).await;
    assert_eq!(enters(&handed_in.recv().expect("the first")), 0);
    bench.see(NOON.plus_s(12)).await;
    assert!(handed_in.try_recv().is_err(), "it is tried again when it is time again");
    bench.hands.advance_ms(10_000);
    assert!(enters(&handed_in.recv().expect("what was kept")) > 0);
    bench.end().await;
}
