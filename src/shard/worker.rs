//! One shard: an OS thread that owns the state of its partitions and turns parcels into acks and outputs.
//!
//! Each round it takes what waits, appends it to the journal, and steps it while the sync is under way.
//! When the journal says that a batch is synced, its tickets resolve, and its outputs go to the outbox once that has room. If
//! journal or outbox fail nothing is acknowledged any more, and the thread ends.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use crossbeam::channel::{self, Receiver};

use crate::domain::ids::{Epoch, InputPosition, InputSeq, PARTITIONS};
use crate::domain::input::LimitId;
use crate::domain::policy::Policy;
use crate::domain::submission::Lost;
use crate::engine::{Outputs, Partition};
use crate::journal::CommitNo;
use crate::outbox::{OFFER_PAUSE, OutboxError, Release, Withheld};
use crate::shutdown::{Member, Shutdown};
use crate::snapshot::view::SnapshotView;

use super::batch::{Step, What};
use super::checkpoints::Rota;
use super::figures::ShardSample;
use super::footfalls::HandIn;
use super::leases::Planned;
use super::mailbox::{Delivery, Parcel};
use super::parts::{Alarm, ShardParts};
use super::plan::Ticks;
use super::ticket::TicketPart;

/// Starts the thread. It ends when `member` is asked to and the inbox is empty, or when journal or outbox fail.
///
/// # Errors
/// When the system gives no thread.
pub fn spawn(
    shard: usize,
    parts: ShardParts,
    member: Member,
    shutdown: Shutdown,
) -> std::io::Result<std::thread::JoinHandle<()>> {
    std::thread::Builder::new().name(format!("shard-{shard}")).spawn(move || {
        let thread = format!("shard-{shard}");
        let _alarm = Alarm { thread, failed: Arc::clone(&parts.failed), shutdown };
        let mut worker = Worker::new(parts);
        worker.run(&member);
        drop(worker);
        drop(member);
    })
}

pub(super) struct Worker {
    pub(super) parts: ShardParts,
    /// Where each partition stands in `parts.partitions`.
    pub(super) slots: Box<[Option<usize>; PARTITIONS]>,
    /// The last sequence appended, by place in `parts.partitions`.
    appended: Vec<InputSeq>,
    pub(super) parcels: Vec<Parcel>,
    /// Of the parcels, in their order.
    pub(super) tickets: Vec<TicketPart>,
    pub(super) steps: Vec<Step>,
    /// Leases and returns to journal with the next batch.
    pub(super) leases: Planned,
    /// Returns of the batch under way.
    returns: Vec<(LimitId, i64)>,
    pub(super) next_wait_ns: u64,
    pub(super) next_review_ns: u64,
    unsynced: VecDeque<Unsynced>,
    pub(super) out: Outputs,
    pub(super) epoch: Epoch,
    /// The numbers that the partitions were last told; `None` before the first round.
    pub(super) policy: Option<Policy>,
    pub(super) sample: ShardSample,
    /// Whether they are out: a scrape may have held them.
    pub(super) is_published: bool,
    /// When the bytes of devices are looked up again.
    pub(super) next_bytes_ns: u64,
    /// Ticks when the journal has synced something of ours.
    synced: Receiver<()>,
    pub(super) ticks: Ticks,
    pub(super) rota: Rota,
    pub(super) hand_in: HandIn,
}

/// What holds for the partition of every step.
pub(super) const OWN: &str = "only own partitions are planned";

/// A batch that is stepped and waits for its sync, and then for room in the outbox.
struct Unsynced {
    commit: CommitNo,
    release: Release,
    tickets: Vec<TicketPart>,
    /// Pushes given back out of limits: they can be leased again once this is synced.
    returns: Vec<(LimitId, i64)>,
    /// It is synced: its tickets are resolved, and the outbox had no room for it yet.
    is_synced: bool,
}

impl Worker {
    pub(super) fn new(parts: ShardParts) -> Self {
        let (nudge, synced) = channel::bounded(1);
        parts.log.on_synced(move || {
            // A nudge that already waits says the same.
            let _full = nudge.try_send(());
        });
        let mut slots = Box::new([None; PARTITIONS]);
        for (place, partition) in parts.partitions.iter().enumerate() {
            slots[partition.id().index()] = Some(place);
        }
        let mut out = Outputs::with_capacity(4096).keeping_tallies();
        if parts.post.is_some() {
            out = out.counting_footfalls();
        }
        for partition in &parts.partitions {
            // What recovery found open counts as triggers of this process.
            out.counts.triggers += partition.open_triggers();
            out.counts.open += partition.open_triggers();
        }
        Self {
            slots,
            appended: parts.partitions.iter().map(Partition::seq).collect(),
            parcels: Vec::with_capacity(256),
            tickets: Vec::with_capacity(256),
            steps: Vec::with_capacity(1024),
            leases: Vec::new(),
            returns: Vec::new(),
            next_wait_ns: 0,
            next_review_ns: 0,
            unsynced: VecDeque::new(),
            out,
            epoch: Epoch(0),
            policy: None,
            sample: ShardSample::default(),
            is_published: true,
            next_bytes_ns: 0,
            synced,
            ticks: Ticks::default(),
            rota: Rota::new(
                parts.partitions.len(),
                parts.config.checkpoint_every_s,
                parts.clock.now(),
            ),
            hand_in: HandIn::default(),
            parts,
        }
    }

    fn run(&mut self, member: &Member) {
        self.publish_figures();
        loop {
            let ending = member.is_asked();
            let pause = self.pause(ending);
            if !self.round(ending, pause) {
                return self.rest();
            }
        }
    }

    /// Waits up to `pause` for something to do, and does it. `false` when the shard has ended or failed.
    pub(super) fn round(&mut self, ending: bool, pause: Duration) -> bool {
        // It wakes for the next tick, whether or not anything comes.
        self.parts.figures.pulse.naps();
        let may_step = self.gather(pause);
        self.parts.figures.pulse.works();
        let idle = self.parcels.is_empty();
        if may_step {
            self.step_batch();
        }
        self.look_up_bytes_when_due();
        if !self.is_published {
            self.publish_figures();
        }
        self.settle_synced();
        if let Some(why) = self.failure() {
            self.fail(why);
            return false;
        }
        self.offer_checkpoint();
        self.hand_in_when_due();
        !(ending && self.has_ended(idle))
    }

    fn pause(&mut self, ending: bool) -> Duration {
        let has_more = !self.leases.is_empty() || self.ticks.are_under_way();
        if ending || (has_more && self.may_take()) {
            Duration::from_millis(1)
        } else if self.is_withheld() || self.parts.outbox.is_behind() {
            OFFER_PAUSE
        } else {
            self.parts.config.tick()
        }
    }

    /// Whether all is done that can be. A full outbox is not waited for: what is not stepped goes back to its
    /// senders, and what the outbox has no room for is in the journal, where recovery finds it.
    fn has_ended(&mut self, idle: bool) -> bool {
        self.parts.log.stop_waiting_for_room();
        if self.parts.outbox.is_full() {
            self.refuse_waiting(Lost::Stopped);
            if self.unsynced.iter().all(|batch| batch.is_synced) {
                self.unsynced
                    .drain(..)
                    .for_each(|batch| self.parts.outbox.withdraw(&batch.release));
            }
        }
        let ended = idle && self.unsynced.is_empty() && self.parts.inbox.receiver.is_empty();
        if ended {
            self.final_checkpoints();
            self.hand_in_footfalls();
            self.parts.figures.settle(&self.sample);
        }
        ended
    }

    /// It has ended, and will not move again.
    fn rest(&self) {
        self.parts.figures.pulse.rests();
    }

    /// Waits for parcels, a sync or the next tick, and takes what there is for one batch. Whether there may be
    /// one: ticks and publications wait for room as pings do.
    fn gather(&mut self, pause: Duration) -> bool {
        let may_take = self.may_take();
        if !may_take {
            let _quiet = self.synced.recv_timeout(pause);
            return false;
        }
        channel::select! {
            recv(self.parts.inbox.receiver) -> delivery => {
                if let Ok(delivery) = delivery {
                    self.take(delivery);
                    self.wait_for_more();
                } else {
                    // Every sender is gone: nothing will come, but syncs still do.
                    let _quiet = self.synced.recv_timeout(pause);
                }
            }
            recv(self.synced) -> _ => {}
            default(pause) => {}
        }
        let mut records: usize = self.parcels.iter().map(|parcel| parcel.records.len()).sum();
        while records < self.parts.config.batch_records as usize {
            let Ok(delivery) = self.parts.inbox.receiver.try_recv() else { break };
            records += delivery.parcel.records.len();
            self.take(delivery);
        }
        true
    }

    /// Records come one frame at a time; each batch costs a commit and the wakes of those who wait for it.
    fn wait_for_more(&self) {
        let gather = Duration::from_micros(self.parts.config.gather_us.into());
        let is_full = self.parts.inbox.waiting() >= self.parts.config.batch_records as usize;
        if !gather.is_zero() && !is_full {
            std::thread::sleep(gather);
        }
    }

    fn take(&mut self, delivery: Delivery) {
        self.parcels.push(delivery.parcel);
        self.tickets.push(delivery.ticket);
    }

    /// Back pressure: no new batch while syncs or consumers are too far behind.
    fn may_take(&mut self) -> bool {
        self.unsynced.len() < usize::from(self.parts.config.unsynced_batches)
            && self.parts.log.has_room()
            && !self.parts.outbox.is_full()
            && !self.parts.outbox.is_behind()
    }

    /// Plans, appends, commits and steps one batch.
    fn step_batch(&mut self) {
        let slot = Arc::clone(&self.parts.slot);
        let pinned = slot.pin();
        let view = pinned.as_ref().map(|loaded| loaded.view());
        // In a batch of its own: what is planned below goes by the new numbers already.
        self.plan_policy();
        self.run_steps(view);
        self.plan_publication(view);
        self.review_leases(view);
        self.plan_leases();
        self.plan_ticks(view);
        self.plan_parcels(view.is_some());
        self.run_steps(view);
        self.release_parcels();
        self.lease_wanted(view);
    }

    /// Appends, commits and steps what is planned.
    fn run_steps(&mut self, view: Option<SnapshotView<'_>>) {
        if self.steps.is_empty() {
            return;
        }
        for step in &self.steps {
            let place = self.slots[step.partition.index()].expect(OWN);
            self.appended[place].0 += 1;
            let position = InputPosition { partition: step.partition, seq: self.appended[place] };
            self.parts.log.append(position, &step.input(&self.parcels));
        }
        let commit = self.parts.log.commit();
        let release = self.evaluate(view);
        self.parts.outbox.announce(&release);
        self.unsynced.push_back(Unsynced {
            commit,
            release,
            tickets: Vec::new(),
            returns: std::mem::take(&mut self.returns),
            is_synced: false,
        });
        self.sample.batches += 1;
        self.publish_figures();
    }

    /// Numbers that changed with the config are an input like any other. What was sent after a reload comes
    /// after them.
    fn plan_policy(&mut self) {
        let policy = self.parts.policy.now();
        if self.policy.replace(policy) == Some(policy) {
            return;
        }
        for partition in self.parts.partitions.iter().filter(|one| *one.policy() != policy) {
            self.steps.push(Step { partition: partition.id(), what: What::Policy(policy) });
        }
    }

    fn plan_publication(&mut self, view: Option<SnapshotView<'_>>) {
        let Some(view) = view else { return };
        if view.epoch() == self.epoch {
            return;
        }
        self.epoch = view.epoch();
        for partition in self.parts.partitions.iter().filter(|one| one.epoch() != view.epoch()) {
            let what = What::Publication { epoch: view.epoch(), hash: view.hash() };
            self.steps.push(Step { partition: partition.id(), what });
        }
        (self.next_wait_ns, self.next_review_ns) = (0, 0);
    }

    fn plan_leases(&mut self) {
        for (partition, grant) in self.leases.drain(..) {
            if grant.pushes < 0 {
                self.returns.push((grant.limit, -grant.pushes));
            }
            self.steps.push(Step { partition, what: What::Grant(grant) });
        }
    }

    /// Makes room in the inbox and leaves the tickets to the last batch that is not synced. What a ticket
    /// without a new record repeats was appended before, so that batch covers it; without one, it is synced.
    fn release_parcels(&mut self) {
        for parcel in self.parcels.drain(..) {
            self.parts.inbox.give_back(parcel.records.len());
        }
        match self.unsynced.back_mut() {
            Some(last) => last.tickets.append(&mut self.tickets),
            None => self.tickets.drain(..).for_each(TicketPart::applied),
        }
    }

    /// Resolves tickets of batches whose sync is done: whatever becomes of their outputs now, the journal has the cause.
    /// Then releases these. One that the outbox has no room for waits with all behind it: releases of a partition come
    /// in the order of its inputs.
    fn settle_synced(&mut self) {
        let synced = self.parts.log.synced();
        for batch in self.unsynced.iter_mut().take_while(|batch| batch.commit <= synced) {
            std::mem::take(&mut batch.tickets).into_iter().for_each(TicketPart::applied);
            batch.is_synced = true;
        }
        while let Some(batch) = self.unsynced.front_mut().filter(|batch| batch.is_synced) {
            match self.parts.outbox.offer(std::mem::take(&mut batch.release)) {
                Ok(()) => {}
                Err(Withheld::Full(release)) => {
                    batch.release = release;
                    return;
                }
                Err(Withheld::Ended) => return,
            }
            let Some(batch) = self.unsynced.pop_front() else { return };
            if !batch.returns.is_empty() {
                let mut ledger = self.parts.ledger.lock().unwrap_or_else(PoisonError::into_inner);
                batch.returns.iter().for_each(|(limit, pushes)| ledger.give_back(*limit, *pushes));
            }
        }
    }

    /// Whether some outputs wait for nothing but room in the outbox.
    fn is_withheld(&self) -> bool {
        self.unsynced.front().is_some_and(|batch| batch.is_synced)
    }

    /// What has ended for good, as the senders of what waits are told.
    fn failure(&self) -> Option<Lost> {
        if self.parts.log.failed().is_some() {
            return Some(Lost::SyncFailed);
        }
        self.parts.outbox.ended().map(|ended| match ended {
            // Only past the deadline of a drain.
            OutboxError::Closed => Lost::Stopped,
            OutboxError::Failed { .. } | OutboxError::Unreadable { .. } => Lost::OutboxFailed,
        })
    }

    /// Journal or outbox have failed for good: nothing that waits will be acknowledged. Each has said in the log
    /// what happened.
    fn fail(&mut self, why: Lost) {
        match why {
            Lost::SyncFailed => self.parts.failed.note(SYNC_FAILED),
            Lost::OutboxFailed => self.parts.failed.note(OUTBOX_FAILED),
            Lost::Stopped => {}
        }
        self.drop_unsynced(why);
        self.refuse_waiting(why);
        self.parts.figures.settle(&self.sample);
    }

    fn drop_unsynced(&mut self, why: Lost) {
        for batch in self.unsynced.drain(..) {
            batch.tickets.into_iter().for_each(|ticket| ticket.lost(why));
        }
    }

    /// Tells the senders of all that is not stepped that it won't be.
    fn refuse_waiting(&mut self, why: Lost) {
        while let Ok(delivery) = self.parts.inbox.receiver.try_recv() {
            self.parts.inbox.give_back(delivery.parcel.records.len());
            delivery.ticket.lost(why);
        }
    }
}

/// What the router tells senders after a failure.
const SYNC_FAILED: &str =
    "the journal could not be synced; restart the daemon once its disk is sound";
const OUTBOX_FAILED: &str =
    "the outbox could not be written; restart the daemon once its disk is sound";
