//! One partition as a state machine: an input and a snapshot in, decisions out, nothing else.
//!
//! The worker steps it live, recovery and replay step it over the journal; all get the same. It reads no
//! clock, draws no random number and cannot fail: what is wrong with an input is counted and left.

use std::cell::OnceCell;

use crate::domain::fix::Fix;
use crate::domain::ids::{
    AccountId, AppId, DeviceId, DeviceKey, Epoch, InputPosition, InputSeq, Origin, PartitionId,
    SnapshotHash,
};
use crate::domain::input::{Batch, Input, LimitId};
use crate::domain::lots::InstallationKey;
use crate::domain::ping::PingFlags;
use crate::domain::policy::{ClockMode, Policy};
use crate::domain::reasons::RejectReason;
use crate::domain::report::Erasure;
use crate::domain::units::UtcMs;
use crate::snapshot::view::{AccountView, SnapshotView};

use super::aging::Turns;
use super::arrival::{Arrival, judge};
use super::decide::is_prolonged;
use super::device::{Anchor, Annex, Row, UsedBucket};
use super::gates::Known;
use super::grants::{GrantState, Grants};
use super::origins::Origins;
use super::outputs::Outputs;
use super::table::{DeviceTable, Eviction, RowId};
use super::timers::Timers;
use super::trace::Seen;
use super::triggers::low_32;
use super::turn::{Basis, Moment, Rules, Scratch, Turn};

/// The state of one partition.
#[derive(Clone, Debug)]
pub struct Partition {
    pub(crate) id: PartitionId,
    /// The number of the last input taken.
    pub(crate) seq: InputSeq,
    /// The snapshot that decides.
    pub(crate) epoch: Epoch,
    pub(crate) hash: SnapshotHash,
    /// The partition's clock when that snapshot was published.
    pub(crate) published_at: UtcMs,
    /// The latest instant seen: of a batch, a tick, or under the fixes' clock of a fix.
    pub(crate) clock: UtcMs,
    pub(crate) policy: Policy,
    pub(crate) key: InstallationKey,
    pub(crate) table: DeviceTable,
    pub(crate) timers: Timers,
    pub(crate) grants: Grants,
    pub(crate) origins: Origins,
    scratch: Scratch,
}

/// What the inputs of one batch share, for the device turns it makes.
#[derive(Clone, Copy)]
pub(super) struct Common<'s> {
    view: SnapshotView<'s>,
    pub(super) account: AccountView<'s>,
    pub(super) app: AppId,
}

impl Partition {
    /// An empty partition. `key` is the installation's: it draws lots and keys the device index.
    #[must_use]
    pub fn new(id: PartitionId, key: InstallationKey, policy: Policy) -> Self {
        let [a, b, c, d, e, f, g, h, ..] = key.0;
        let seed = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
        Self {
            id,
            seq: InputSeq(0),
            epoch: Epoch(0),
            hash: SnapshotHash::default(),
            published_at: UtcMs::MIN,
            clock: UtcMs::MIN,
            policy,
            key,
            table: DeviceTable::new(policy.devices_per_partition, seed),
            timers: Timers::default(),
            grants: Grants::default(),
            origins: Origins::new(policy.origins_per_partition, seed),
            scratch: Scratch::default(),
        }
    }

    /// Its number.
    #[must_use]
    pub fn id(&self) -> PartitionId {
        self.id
    }

    /// The number of the last input it took.
    #[must_use]
    pub fn seq(&self) -> InputSeq {
        self.seq
    }

    /// The snapshot that decides, by number.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The content hash of that snapshot.
    #[must_use]
    pub fn snapshot(&self) -> SnapshotHash {
        self.hash
    }

    /// The numbers in force.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The latest instant it has seen.
    #[must_use]
    pub fn clock(&self) -> UtcMs {
        self.clock
    }

    /// Whether a frame was applied before, so that it need not be journalled again.
    #[must_use]
    pub fn has_applied(&self, origin: &Origin) -> bool {
        self.origins.has_applied(origin)
    }

    /// Takes note that a frame is about to be applied; `false` if it was applied before, and is to be left out.
    ///
    /// Stepping the frame's batch notes it again, which changes nothing: replay, which only steps, comes to
    /// the same table.
    pub fn admit(&mut self, origin: &Origin) -> bool {
        let fresh = !self.origins.has_applied(origin);
        if fresh {
            self.origins.apply(origin);
        }
        fresh
    }

    /// Triggers open now.
    #[must_use]
    pub fn open_triggers(&self) -> u64 {
        self.table.open_triggers()
    }

    /// When the next timer is due: a tick at or past it has something to do.
    #[must_use]
    pub fn next_deadline(&self) -> Option<UtcMs> {
        self.timers.next()
    }

    /// How many devices it holds.
    #[must_use]
    pub fn devices(&self) -> usize {
        self.table.len()
    }

    /// Bytes its devices take, all in; what it holds of senders and of limits grows with these.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.table.bytes() + self.timers.bytes()
    }

    /// What it holds of limits across partitions.
    #[must_use]
    pub fn grants(&self) -> &[GrantState] {
        self.grants.states()
    }

    /// What it holds of one limit.
    #[must_use]
    pub fn grant(&self, limit: LimitId) -> Option<&GrantState> {
        self.grants.get(limit)
    }

    /// Takes the next input. `view` is the snapshot of the last publication, `None` before the first.
    pub fn step(&mut self, input: &Input<'_>, view: Option<SnapshotView<'_>>, out: &mut Outputs) {
        self.seq.0 += 1;
        debug_assert!(
            !decides(input) || view.is_none_or(|view| view.epoch() == self.epoch),
            "what decides is the snapshot that was published to it, or none"
        );
        out.begin(InputPosition { partition: self.id, seq: self.seq }, self.epoch, self.hash);
        match input {
            Input::Fixes(batch) => self.each(batch, view, out, Self::fix),
            Input::Outcomes(batch) => self.each(batch, view, out, Self::outcome),
            Input::Profiles(batch) => self.each(batch, view, out, Self::profile),
            Input::Hints(batch) => self.each(batch, view, out, Self::hint),
            Input::Erasures(batch) => self.forget(batch, out),
            Input::Tick { now } => self.tick(*now, view, out),
            Input::Publication { epoch, hash } => {
                self.epoch = *epoch;
                self.hash = *hash;
                self.published_at = self.clock;
            }
            Input::Grant(grant) => self.grants.lease(*grant, self.clock),
            Input::Policy(policy) => self.adopt(policy),
        }
        if self.timers.are_many() {
            self.reset_timers();
        }
    }

    fn adopt(&mut self, policy: &Policy) {
        self.policy = *policy;
        // Deadlines that were passed over are looked at anew by the new numbers. A state that was stored and
        // read back has them all, so one that was not must have them, too.
        self.reset_timers();
        self.table.set_capacity(policy.devices_per_partition);
        self.origins.set_capacity(policy.origins_per_partition);
    }

    /// Notes where a batch came from and lets `act` take each of its records.
    fn each<'s, T: Copy>(
        &mut self,
        batch: &Batch<'_, T>,
        view: Option<SnapshotView<'s>>,
        out: &mut Outputs,
        act: fn(&mut Self, &Common<'s>, &T, &mut Outputs),
    ) {
        let turns = self.note_batch(batch);
        let Some(view) = view else {
            batch.records.iter().for_each(|_| out.reject(RejectReason::Unavailable));
            return;
        };
        self.age(turns, view, out);
        let Some(account) = view.account(batch.account) else {
            batch.records.iter().for_each(|_| out.reject(RejectReason::UnknownAccount));
            return;
        };
        let common = Common { view, account, app: batch.app };
        for record in batch.records {
            act(self, &common, record, out);
            out.next_record();
        }
    }

    /// Needs no snapshot: what is to be forgotten goes whatever is in force. A turn that begins with it is left out.
    fn forget(&mut self, batch: &Batch<'_, Erasure>, out: &mut Outputs) {
        let _turns = self.note_batch(batch);
        for Erasure { device } in batch.records {
            let key = DeviceKey { account: batch.account, device: *device };
            self.table.forget(key, &self.key, out);
            out.next_record();
        }
    }

    /// Notes when a batch came and from where, and gives the [turns](super::aging) that begin with it.
    fn note_batch<T>(&mut self, batch: &Batch<'_, T>) -> Turns {
        if let Some(origin) = &batch.origin {
            self.origins.apply(origin);
        }
        let is_system = self.policy.clock == ClockMode::System;
        self.move_clock(if is_system { batch.received_at } else { self.clock })
    }

    fn fix(&mut self, common: &Common<'_>, fix: &Fix, out: &mut Outputs) {
        let now = self.now(fix.fixed_at);
        let Some(id) = self.row_for(common, fix.device, out) else { return };
        match judge(self.table.row(id), self.table.anchor(id), fix, &self.policy) {
            Arrival::Refused(reason) => {
                out.reject(reason);
                self.pass_over(common, fix, now, Seen::Refused(reason), out);
            }
            Arrival::Jumped => {
                out.reject(RejectReason::Jump);
                self.pass_over(common, fix, now, Seen::Refused(RejectReason::Jump), out);
                let anchor =
                    Anchor { at: fix.at, fixed_at: fix.fixed_at, accuracy_m: fix.accuracy_m };
                let annex = self.table.annex(id);
                self.table.set_annex(id, Annex { anchor: Some(anchor), ..annex });
            }
            Arrival::Late => {
                out.counts.evaluated += 1;
                out.counts.late += 1;
                self.pass_over(common, fix, now, Seen::Late, out);
                self.correct_visits(id, common, fix, out);
            }
            Arrival::Next => self.follow(id, common, fix, now, out),
            Arrival::Anew => {
                self.end_silence(id, common, fix.fixed_at, now, out);
                self.follow(id, common, fix, now, out);
            }
        }
    }

    /// A gap or a confirmed jump: every stay ends where and when the device was last seen, but for those that
    /// a hint still in force at `until` holds.
    pub(super) fn end_silence(
        &mut self,
        id: RowId,
        common: &Common<'_>,
        until: UtcMs,
        now: UtcMs,
        out: &mut Outputs,
    ) {
        let row = self.table.row(id);
        if row.stays.is_empty() {
            return;
        }
        let moment = last_known(row, row.fixed_at, now, self.clock, Basis::Silence);
        let mut turn = self.turn(id, common.account, moment, out);
        turn.reconcile();
        turn.end_silent_stays(until);
        turn.decide();
        turn.finish();
    }

    fn follow(&mut self, id: RowId, common: &Common<'_>, fix: &Fix, now: UtcMs, out: &mut Outputs) {
        out.counts.evaluated += 1;
        let moment = Moment::of_fix(fix, common.app, (now, self.clock));
        let mut turn = self.turn(id, common.account, moment, out);
        turn.reconcile();
        turn.annex.anchor = None;
        let before = turn.row.placed().then_some((turn.row.app, turn.row.fixed_at));
        turn.out.see(turn.row.key, (common.app, fix.fixed_at), before);
        turn.row.app = common.app;
        turn.row.at = fix.at;
        turn.row.fixed_at = fix.fixed_at;
        turn.row.accuracy_m = fix.accuracy_m;
        turn.row.set_flags(fix.flags);
        turn.note_night();
        turn.follow_fix();
        turn.run_dwells();
        turn.run_due_triggers();
        turn.decide();
        turn.finish();
    }

    /// The row of a device, made if there is room or somebody may go.
    pub(super) fn row_for(
        &mut self,
        common: &Common<'_>,
        device: DeviceId,
        out: &mut Outputs,
    ) -> Option<RowId> {
        let key = DeviceKey { account: common.account.id(), device };
        if let Some(id) = self.table.find(key) {
            return Some(id);
        }
        self.table.divide(common.view.accounts().len());
        if !self.table.has_room_for(key.account) && self.evict(key.account, common.view, out) == 0 {
            out.reject(RejectReason::DeviceTableFull);
            return None;
        }
        Some(self.table.insert(Row::new(key, low_32(self.epoch.0))))
    }

    fn evict(&mut self, for_one: AccountId, view: SnapshotView<'_>, out: &mut Outputs) -> usize {
        let rule = Eviction {
            now: self.clock,
            key: &self.key,
            gap_ms: i64::from(self.policy.gap_s) * 1000,
            is_prolonged: &is_prolonged_in(view, &self.policy, self.clock),
        };
        self.table.evict(for_one, &rule, out)
    }

    /// The clock of the policy: ours, or the device's own newest fix. Ours is that of the partition, and not that of
    /// the batch: one that waited for a shard while ticks went on is as old as it is, and the buckets of its time
    /// are no longer kept.
    pub(super) fn now(&mut self, fixed_at: UtcMs) -> UtcMs {
        match self.policy.clock {
            ClockMode::System => self.clock,
            ClockMode::Fixes => {
                self.clock = self.clock.max(fixed_at);
                fixed_at
            }
        }
    }

    /// Takes a device out for its turn.
    pub(super) fn turn<'a, 's>(
        &'a mut self,
        id: RowId,
        account: AccountView<'s>,
        moment: Moment,
        out: &'a mut Outputs,
    ) -> Turn<'a, 's> {
        let rules = Rules {
            policy: &self.policy,
            key: &self.key,
            published_at: self.published_at,
            epoch: low_32(self.epoch.0),
        };
        Turn {
            account,
            rules,
            moment,
            id,
            row: *self.table.row(id),
            annex: self.table.annex(id),
            table: &mut self.table,
            timers: &mut self.timers,
            grants: &mut self.grants,
            out,
            scratch: &mut self.scratch,
            day: OnceCell::new(),
            known: Known::default(),
        }
    }
}

/// Whether a used bucket lasts longer, by the campaigns of a snapshot, than was thought when it was used.
pub(super) fn is_prolonged_in(
    view: SnapshotView<'_>,
    policy: &Policy,
    clock: UtcMs,
) -> impl Fn(DeviceKey, &UsedBucket) -> bool {
    move |device, used| {
        let account = view.account(device.account);
        let campaign = account.and_then(|account| account.campaign(used.campaign));
        is_prolonged(campaign, used, policy, clock)
    }
}

/// Whether an input asks the snapshot; the others may come before the publication they go with.
fn decides(input: &Input<'_>) -> bool {
    match input {
        Input::Fixes(_)
        | Input::Outcomes(_)
        | Input::Profiles(_)
        | Input::Hints(_)
        | Input::Tick { .. } => true,
        Input::Erasures(_) | Input::Publication { .. } | Input::Grant(_) | Input::Policy(_) => {
            false
        }
    }
}

/// A moment without a fix of its own: the device as it was last seen.
pub(super) fn last_known(row: &Row, at: UtcMs, now: UtcMs, clock: UtcMs, basis: Basis) -> Moment {
    Moment {
        basis,
        at,
        seen_at: row.fixed_at,
        now,
        clock,
        app: row.app,
        accuracy_m: row.accuracy_m,
        flags: if row.placed() { row.ping_flags() } else { PingFlags(0) },
        point: row.placed().then_some(row.at),
    }
}
