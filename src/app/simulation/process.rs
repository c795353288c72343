//! One life of the daemon: the parts joined as in [`daemon`](super::super::daemon), without a thread.

use std::sync::{Arc, Mutex, OnceLock};

use crossbeam::channel::bounded;

use super::super::catch_up::Surroundings;
use super::super::recover::recover;
use super::catalog::EDITIONS;
use super::hardware::Hardware;
use super::lots::Lots;
use crate::clock::Clock;
use crate::domain::ids::{Epoch, PARTITIONS, PartitionId};
use crate::domain::policy::Policy;
use crate::domain::units::UtcMs;
use crate::engine::Partition;
use crate::journal::by_hand::HandWriter;
use crate::journal::{Checkpoints, Journal, ShardLog};
use crate::outbox::Clocks;
use crate::outbox::Outbox;
use crate::outbox::by_hand::HandOutboxWriter;
use crate::shard::by_hand::{HandCheckpoints, HandShard};
use crate::shard::checkpoints::CheckpointThread;
use crate::shard::figures::ShardFigures;
use crate::shard::ledger::Ledger;
use crate::shard::mailbox::mailbox;
use crate::shard::parts::{Failed, ShardParts};
use crate::shard::policy::PolicyInForce;
use crate::shard::router::{Deal, Router};
use crate::snapshot::slot::Slot;

/// A daemon that runs.
pub(super) struct Process {
    // The writers are dropped before the shards: nobody waits for a writer that is gone.
    pub(super) writer: HandWriter,
    pub(super) outbox_writer: HandOutboxWriter,
    pub(super) outbox: Outbox,
    pub(super) router: Router,
    pub(super) clock: Clock,
    /// `None` once it has ended or failed.
    pub(super) shards: Vec<Option<HandShard>>,
    pub(super) checkpoints: HandCheckpoints,
    /// Of each shard's counters, fixes evaluated and refused as of its last round.
    counted: Vec<u64>,
    slot: Arc<Slot>,
    journal: Arc<Journal>,
}

impl Process {
    /// Recovers and starts.
    pub(super) fn start(hardware: &Hardware, lots: &mut Lots) -> anyhow::Result<Self> {
        let keyring = Hardware::keyring();
        let knobs = &hardware.knobs;
        let disk = || Arc::new(hardware.disk.clone());
        let checkpoints = Checkpoints::open_on(disk(), &Hardware::data_dir(), &keyring)?;
        let clock_cell = Arc::new(OnceLock::new());
        let (clocks, free) = (clocks(hardware, &clock_cell), Arc::clone(&hardware.free));
        let space = Arc::new(move || Ok(free.load(std::sync::atomic::Ordering::SeqCst)));
        let (outbox, outbox_writer) =
            Outbox::open_by_hand(&hardware.rows, knobs.outbox.clone(), clocks, space)?;
        let open = |resume| Journal::open_on(disk(), knobs.journal.clone(), &keyring, resume);
        let find = |Epoch(epoch), _: Option<&_>| {
            let place = usize::try_from(epoch).unwrap_or(usize::MAX).wrapping_sub(1);
            let edition = hardware.catalog.editions[..hardware.published].get(place);
            edition.map(|edition| Arc::clone(&edition.loaded)).ok_or("no such epoch".to_owned())
        };
        // More lanes would come to the same by another order of events every time.
        let around = Surroundings { keyring: &keyring, outbox: &outbox, lanes: 1 };
        let recovered = recover(open, around, &checkpoints, find)?;
        let clock = Clock::start_on(recovered.latest_instant, hardware.hands.clone());
        let _started_once = clock_cell.set(clock.clone());
        let shards = usize::try_from(1 + lots.below(knobs.shards))?;
        let (journal, logs, writer) = recovered.recovery.into_journal_by_hand(shards)?;
        let journal = Arc::new(journal);
        let (orders, order_queue) = bounded(4 * PARTITIONS);
        let checkpoints = HandCheckpoints::new(CheckpointThread {
            orders: order_queue,
            checkpoints,
            outbox: outbox.clone(),
            journal: Arc::clone(&journal),
            owned: PartitionId::all().collect(),
        });
        let slot = Arc::new(Slot::new());
        let ground = Ground { hardware, slot: &slot, outbox: &outbox, clock: &clock };
        let (router, shards) = ground.shards(recovered.partitions, logs, &orders);
        let process = Self {
            writer,
            outbox_writer,
            outbox,
            router,
            clock,
            counted: vec![0; shards.len()],
            shards,
            checkpoints,
            slot,
            journal,
        };
        process.publish(hardware);
        Ok(process)
    }

    /// Puts the newest edition in force.
    pub(super) fn publish(&self, hardware: &Hardware) {
        let newest = hardware.published.min(EDITIONS) - 1;
        let loaded = Arc::clone(&hardware.catalog.editions[newest].loaded);
        // It may be in force already.
        let _known = self.slot.publish(loaded);
    }

    /// One round of a shard.
    pub(super) fn round(&mut self, shard: usize, ending: bool) {
        let Some(one) = &mut self.shards[shard] else { return };
        let goes_on = one.round(ending);
        let counts = one.sample().counts;
        self.counted[shard] = counts.evaluated + counts.rejected.iter().sum::<u64>();
        if !goes_on {
            // A shard hands its last buffer over when it ends, and may have to wait for one to come back.
            while self.writer.has_work() {
                self.writer.turn();
            }
            self.shards[shard] = None;
        }
    }

    /// Fixes that were evaluated or refused by the engine, in this process.
    pub(super) fn counted(&self) -> u64 {
        self.counted.iter().sum()
    }

    /// Whether something has failed for good, so that only a restart helps.
    pub(super) fn has_failed(&self) -> bool {
        self.journal.failed().is_some() || self.outbox.ended().is_some()
    }

    /// A turn of the outbox's writer.
    pub(super) fn write_outbox(&mut self) {
        // Whether it has failed is asked of the outbox.
        let _goes_on = self.outbox_writer.turn();
    }

    /// A turn for everybody.
    pub(super) fn turn_all(&mut self, ending: bool) {
        (0..self.shards.len()).for_each(|shard| self.round(shard, ending));
        self.writer.turn();
        self.write_outbox();
        self.checkpoints.turn();
    }

    /// The end that SIGTERM asks for, behind the shards': the last checkpoints, a trimmed log, marked as clean.
    pub(super) fn close(mut self, before_trimming: impl FnOnce()) {
        self.shards.clear();
        self.checkpoints.turn();
        before_trimming();
        self.checkpoints.trim();
        self.writer.close(&self.journal);
        // Without a thread it has nothing to wait for, and says only what it was ordered.
        let _ordered = self.outbox.close();
        while self.outbox_writer.turn() {}
    }
}

/// What all shards get.
struct Ground<'a> {
    hardware: &'a Hardware,
    slot: &'a Arc<Slot>,
    outbox: &'a Outbox,
    clock: &'a Clock,
}

impl Ground<'_> {
    fn shards(
        &self,
        mut partitions: Vec<Partition>,
        logs: Vec<ShardLog>,
        orders: &crossbeam::channel::Sender<crate::shard::checkpoints::CheckpointOrder>,
    ) -> (Router, Vec<Option<HandShard>>) {
        let knobs = &self.hardware.knobs;
        let deal = Deal::new(logs.len());
        let mut ledger = Ledger::default();
        partitions.iter().for_each(|partition| ledger.restore(partition.grants()));
        let ledger = Arc::new(Mutex::new(ledger));
        let policy = PolicyInForce::new(Policy::default());
        let failed = Arc::new(Failed::default());
        let (mut mailboxes, mut shards) = (Vec::new(), Vec::new());
        for (shard, log) in logs.into_iter().enumerate() {
            let (sender, inbox) = mailbox(knobs.shard.mailbox_records);
            mailboxes.push(sender);
            let mine = |partition: &mut Partition| deal.owner(partition.id()) == shard;
            shards.push(Some(HandShard::new(ShardParts {
                partitions: partitions.extract_if(.., mine).collect(),
                inbox,
                log,
                slot: Arc::clone(self.slot),
                outbox: self.outbox.clone(),
                post: None,
                sealer: Hardware::keyring().sealer(),
                clock: self.clock.clone(),
                ledger: Arc::clone(&ledger),
                policy: policy.clone(),
                config: knobs.shard,
                checkpoints: orders.clone(),
                figures: Arc::new(ShardFigures::default()),
                failed: Arc::clone(&failed),
            })));
        }
        let (clock, slot) = (self.clock.clone(), Arc::clone(self.slot));
        (Router::new(deal, mailboxes, clock, policy, slot, failed), shards)
    }
}

/// As the daemon's: until recovery has found the floor of the clock, one without a floor.
fn clocks(hardware: &Hardware, cell: &Arc<OnceLock<Clock>>) -> Clocks {
    let (cell, early) = (Arc::clone(cell), Clock::start_on(UtcMs::MIN, hardware.hands.clone()));
    let now = Arc::new(move || cell.get().unwrap_or(&early).now());
    Clocks::both(now, Arc::new(|| 0))
}
