//! The devices of a partition: rows, the index that finds them, their annexes and lists; and who may go.
//!
//! Capacity is fixed by the policy. A device without an open stay or a live bucket may be evicted, oldest
//! first; evictions come in batches, because finding the oldest costs a walk over all rows. An account beyond its
//! [share](super::shares) makes room at the expense of its like alone, and others at theirs first.

use std::hash::BuildHasher;

use hashbrown::HashTable;

use crate::domain::campaign::RunMode;
use crate::domain::decision::{Output, VisitEnd};
use crate::domain::ids::{AccountId, DeviceKey};
use crate::domain::lots::InstallationKey;
use crate::domain::reasons::SuppressReason;
use crate::domain::units::UtcMs;

use super::annexes::Annexes;
use super::device::{Anchor, Annex, Hint, Night, Phase, Row, Stay, Trigger, UsedBucket, VisitNote};
use super::outputs::Outputs;
use super::shares::Shares;
use super::slab::{Slab, grow_for};

/// A row's place in the table, valid until the next insertion.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct RowId(u32);

/// When a device may be evicted.
pub(crate) struct Eviction<'a> {
    /// The partition's clock.
    pub(crate) now: UtcMs,
    /// What the ids of visits are derived with.
    pub(crate) key: &'a InstallationKey,
    /// Silence longer than this has ended every stay.
    pub(crate) gap_ms: i64,
    /// Whether a used bucket lasts longer than was thought when it was used.
    pub(crate) is_prolonged: &'a dyn Fn(DeviceKey, &UsedBucket) -> bool,
}

/// All devices of one partition.
#[derive(Clone, Debug)]
pub(crate) struct DeviceTable {
    rows: Vec<Row>,
    index: HashTable<u32>,
    hasher: foldhash::fast::FixedState,
    annexes: Annexes,
    /// Stays of all devices.
    pub(crate) stays: Slab<Stay>,
    /// Triggers of all devices.
    pub(crate) triggers: Slab<Trigger>,
    /// Used buckets of all devices.
    pub(crate) buckets: Slab<UsedBucket>,
    /// Place hints of all devices.
    pub(crate) hints: Slab<Hint>,
    /// Notes for visits of all devices.
    pub(crate) visits: Slab<VisitNote>,
    /// Nights of all devices.
    pub(crate) nights: Slab<Night>,
    capacity: u32,
    shares: Shares,
    /// No eviction is tried before this instant: the last one found nobody.
    pub(crate) sweep_after: UtcMs,
    /// The same, for an account beyond its share.
    pub(crate) crowd_sweep_after: UtcMs,
    /// Rows to evict, kept for its memory.
    oldest: Vec<(UtcMs, DeviceKey)>,
}

/// After a walk that found fewer to evict than it might, the next one waits this long by the partition's clock: a flood of
/// new devices into a full table, from which some may go now and then, must not cost a walk each.
const SWEEP_PAUSE_MS: i64 = 1000;

/// One part in so many of the table is evicted at once.
const EVICTION_SHARE: usize = 64;

impl DeviceTable {
    /// An empty table. `seed` keys the index, so that no client can aim at one bucket of it.
    pub(crate) fn new(capacity: u32, seed: u64) -> Self {
        Self {
            rows: Vec::new(),
            index: HashTable::new(),
            hasher: foldhash::fast::FixedState::with_seed(seed),
            annexes: Annexes::default(),
            stays: Slab::default(),
            triggers: Slab::default(),
            buckets: Slab::default(),
            hints: Slab::default(),
            visits: Slab::default(),
            nights: Slab::default(),
            capacity,
            shares: Shares::new(capacity, seed),
            sweep_after: UtcMs::MIN,
            crowd_sweep_after: UtcMs::MIN,
            oldest: Vec::new(),
        }
    }

    /// How many devices it holds.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Changes the capacity; devices beyond a smaller one stay until they may be evicted.
    pub(crate) fn set_capacity(&mut self, capacity: u32) {
        self.capacity = capacity;
    }

    /// Bytes held for devices, all in.
    pub(crate) fn bytes(&self) -> usize {
        self.rows.capacity() * size_of::<Row>()
            + self.index.allocation_size()
            + self.annexes.bytes()
            + self.stays.bytes()
            + self.triggers.bytes()
            + self.buckets.bytes()
            + self.hints.bytes()
            + self.visits.bytes()
            + self.nights.bytes()
    }

    /// The row of a device, if it is known.
    pub(crate) fn find(&self, key: DeviceKey) -> Option<RowId> {
        let rows = &self.rows;
        self.index
            .find(self.hasher.hash_one(key), |&row| rows[row as usize].key == key)
            .copied()
            .map(RowId)
    }

    /// Starts loading what a device's turn reads first: its row, its stays, and its annex.
    pub(crate) fn prefetch(&self, id: RowId) {
        let row = self.row(id);
        self.stays.prefetch(row.stays);
        if let Some(annex) = row.annex {
            self.annexes.prefetch(annex);
        }
    }

    /// Starts loading the lists that hang on a device's annex, which is loaded.
    pub(crate) fn prefetch_lists(&self, id: RowId) {
        let Some(annex) = self.row(id).annex else { return };
        let (triggers, buckets) = self.annexes.lists(annex);
        self.triggers.prefetch(triggers);
        self.buckets.prefetch(buckets);
    }

    /// Takes note of how many accounts have a share in it.
    pub(crate) fn divide(&mut self, accounts: usize) {
        self.shares.divide(self.capacity, accounts);
    }

    /// Whether one more device of an account fits without evicting anybody.
    pub(crate) fn has_room_for(&self, account: AccountId) -> bool {
        self.rows.len() < self.capacity as usize && self.shares.has_room_for(account)
    }

    /// Adds a device that is not in the table yet; the caller has seen to room.
    pub(crate) fn insert(&mut self, row: Row) -> RowId {
        debug_assert!(self.find(row.key).is_none(), "a device has one row");
        let id = u32::try_from(self.rows.len()).expect("capacity is a u32");
        let hash = self.hasher.hash_one(row.key);
        self.shares.add(row.key.account);
        grow_for(&mut self.rows, 1);
        self.rows.push(row);
        let (rows, hasher) = (&self.rows, &self.hasher);
        self.index.insert_unique(hash, id, |&other| hasher.hash_one(rows[other as usize].key));
        RowId(id)
    }

    /// The row at a place, counted from 0, if there are so many.
    pub(super) fn at(&self, place: i64) -> Option<RowId> {
        u32::try_from(place).ok().filter(|place| (*place as usize) < self.rows.len()).map(RowId)
    }

    /// A row.
    pub(crate) fn row(&self, id: RowId) -> &Row {
        &self.rows[id.0 as usize]
    }

    /// A row, to change.
    pub(crate) fn row_mut(&mut self, id: RowId) -> &mut Row {
        &mut self.rows[id.0 as usize]
    }

    /// Every row, in no particular order.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter()
    }

    /// Open triggers of all devices.
    pub(crate) fn open_triggers(&self) -> u64 {
        let of_row = |row: &Row| {
            let triggers = self.triggers.get(self.annex_of(row).triggers);
            triggers.iter().filter(|trigger| trigger.phase == Phase::Open).count() as u64
        };
        self.rows.iter().map(of_row).sum()
    }

    /// Every deadline that a stay or a trigger waits for.
    pub(crate) fn deadlines(&self) -> impl Iterator<Item = (UtcMs, DeviceKey)> {
        self.rows.iter().flat_map(|row| {
            let stays = self.stays.get(row.stays).iter().filter_map(Stay::deadline);
            let triggers = self.triggers.get(self.annex_of(row).triggers).iter();
            let deadlines = stays.chain(triggers.filter_map(Trigger::deadline));
            deadlines.map(|deadline| (deadline, row.key))
        })
    }

    /// Whether something of a device comes true at `deadline` in a stay that it is inside and that is fresh.
    pub(crate) fn awaits(
        &self,
        id: RowId,
        deadline: UtcMs,
        is_fresh: impl Fn(&Stay) -> bool,
    ) -> bool {
        let row = self.row(id);
        let triggers = self.triggers.get(self.annex_of(row).triggers);
        let is_due = |trigger: &Trigger| trigger.deadline() == Some(deadline);
        self.stays.get(row.stays).iter().filter(|stay| stay.inside).any(|stay| {
            let comes_true = stay.deadline() == Some(deadline)
                || triggers.iter().any(|one| one.target == stay.target && is_due(one));
            comes_true && is_fresh(stay)
        })
    }

    /// The last rejected jump of a row's device.
    pub(crate) fn anchor(&self, id: RowId) -> Option<&Anchor> {
        self.annexes.anchor(self.row(id).annex?)
    }

    /// The annex of a row, blank if it has none.
    pub(crate) fn annex(&self, id: RowId) -> Annex {
        self.annex_of(self.row(id))
    }

    /// The annex that a row of this table names, blank if it names none.
    pub(crate) fn annex_of(&self, row: &Row) -> Annex {
        row.annex.map_or_else(Annex::default, |annex| self.annexes.get(annex))
    }

    /// Writes an annex back; a blank one is given up.
    pub(crate) fn set_annex(&mut self, id: RowId, annex: Annex) {
        let annex = self.annexes.put(self.row(id).annex, &annex);
        self.row_mut(id).annex = annex;
    }

    /// Evicts the oldest devices that may go by `rule`, to make room for one of `newcomer`; returns how many went.
    /// Those of accounts beyond their share go first, and for an account beyond its own no others.
    ///
    /// After a walk that found fewer than it might evict, further calls return 0 at once until the rule's `now` has moved on
    /// by [`SWEEP_PAUSE_MS`]. Accounts beyond their share have a pause of their own, so that they impose none on others.
    pub(crate) fn evict(
        &mut self,
        newcomer: AccountId,
        rule: &Eviction<'_>,
        out: &mut Outputs,
    ) -> usize {
        let crowds = self.shares.would_crowd(newcomer);
        let paused = if crowds { self.crowd_sweep_after } else { self.sweep_after };
        if rule.now < paused {
            return 0;
        }
        let mut oldest = std::mem::take(&mut self.oldest);
        oldest.clear();
        let is_crowd = |account| self.shares.crowds(account) || (crowds && account == newcomer);
        self.find_leaving(rule, is_crowd, &mut oldest);
        if oldest.is_empty() && !crowds {
            self.find_leaving(rule, |account| !is_crowd(account), &mut oldest);
        }
        let most = (self.rows.len() / EVICTION_SHARE).max(1);
        let share = most.min(oldest.len());
        if share < most {
            let pause = if crowds { &mut self.crowd_sweep_after } else { &mut self.sweep_after };
            *pause = rule.now + SWEEP_PAUSE_MS;
        }
        if share > 0 && share < oldest.len() {
            oldest.select_nth_unstable(share - 1);
        }
        // They may have visits to tell of, and the order in which they do is part of the output.
        oldest[..share].sort_unstable();
        for &(_, key) in &oldest[..share] {
            if let Some(id) = self.find(key) {
                self.end_stays(id, (VisitEnd::Silence, rule.key), out);
                self.remove(key);
            }
        }
        self.oldest = oldest;
        out.counts.evicted += share as u64;
        share
    }

    /// Takes a device out with all that is known of it. Nobody is told that its visits end: that would be a new trace.
    pub(crate) fn forget(
        &mut self,
        device: DeviceKey,
        key: &InstallationKey,
        out: &mut Outputs,
    ) -> bool {
        let Some(id) = self.find(device) else { return false };
        let mut annex = self.annex(id);
        self.visits.clear(&mut annex.visits);
        self.set_annex(id, annex);
        self.end_stays(id, (VisitEnd::Silence, key), out);
        self.remove(device);
        true
    }

    /// Forgets cells in which none of the nights is left that are looked back on from a day.
    pub(super) fn forget_nights_before(&mut self, id: RowId, day: i64) {
        let mut annex = self.annex(id);
        let day = i32::try_from(day).unwrap_or(i32::MIN);
        if self.nights.get(annex.nights).iter().any(|night| night.is_over(day)) {
            self.nights.retain(&mut annex.nights, |night| !night.is_over(day));
            self.set_annex(id, annex);
        }
    }

    /// Forgets where a device without a stay was, and when. What it has had and what its user wants is kept.
    pub(super) fn forget_place(&mut self, id: RowId) {
        let mut annex = self.annex(id);
        self.hints.clear(&mut annex.hints);
        self.nights.clear(&mut annex.nights);
        annex.anchor = None;
        self.set_annex(id, annex);
        let row = self.row_mut(id);
        *row = Row { annex: row.annex, ..Row::new(row.key, row.epoch) };
    }

    /// The devices of these accounts that may go, and when each was last heard of.
    fn find_leaving(
        &self,
        rule: &Eviction<'_>,
        of: impl Fn(AccountId) -> bool,
        into: &mut Vec<(UtcMs, DeviceKey)>,
    ) {
        let rows = self.rows.iter().filter(|row| of(row.key.account) && self.may_go(row, rule));
        into.extend(rows.map(|row| (self.last_heard(row), row.key)));
    }

    /// When a device last sent anything that is kept: a fix, a hint, or what it is.
    pub(super) fn last_heard(&self, row: &Row) -> UtcMs {
        let annex = self.annex_of(row);
        let profile = annex.profile.map_or(UtcMs::MIN, |profile| profile.heard_at);
        let hints = self.hints.get(annex.hints).iter().map(|hint| hint.fixed_at);
        hints.fold(row.fixed_at.max(profile), UtcMs::max)
    }

    /// Ends the stays of a device without a snapshot at hand: its triggers close under what stopped them
    /// last, no exit is looked for, and its visits end as `ended_by` says, for good.
    pub(crate) fn end_stays(
        &mut self,
        id: RowId,
        (ended_by, key): (VisitEnd, &InstallationKey),
        out: &mut Outputs,
    ) {
        let mut stays = std::mem::take(&mut self.row_mut(id).stays);
        out.counts.exits += stays.len() as u64;
        self.stays.clear(&mut stays);
        let mut annex = self.annex(id);
        for trigger in self.triggers.get(annex.triggers) {
            if trigger.phase == Phase::Open {
                let reason = trigger.stopped_by.unwrap_or(SuppressReason::State);
                out.suppress(reason);
                if trigger.mode == RunMode::Running {
                    let row = self.row(id);
                    out.withhold((row.key.account, trigger.campaign), reason, row.fixed_at);
                }
            }
        }
        self.triggers.clear(&mut annex.triggers);
        let device = self.row(id).key;
        let notes = self.visits.get(annex.visits).iter();
        for note in notes.filter(|note| note.ended_by.is_none() && note.revision > 0) {
            let revision = note.revision.saturating_add(1);
            let last = VisitNote { revision, ended_by: Some(ended_by), ..*note };
            out.emit(Output::Visit(last.told(device, key)));
        }
        self.visits.clear(&mut annex.visits);
        self.set_annex(id, annex);
    }

    /// Stays and triggers hold a device while they last, which is not beyond a gap.
    pub(super) fn may_go(&self, row: &Row, rule: &Eviction<'_>) -> bool {
        let annex = self.annex_of(row);
        let is_over = |seen_at: UtcMs| rule.now.since(seen_at) > rule.gap_ms;
        let idle = row.stays.is_empty() && annex.triggers.is_empty();
        let silent = is_over(row.fixed_at)
            && self.hints.get(annex.hints).iter().all(|hint| is_over(hint.fixed_at));
        (idle || silent)
            && (!annex.has_pushes() || annex.pushes_until < rule.now)
            && self
                .buckets
                .get(annex.buckets)
                .iter()
                .all(|used| used.keep_until < rule.now && !(rule.is_prolonged)(row.key, used))
    }

    /// Takes a row out. The last one of the table comes to its place.
    pub(super) fn remove(&mut self, key: DeviceKey) {
        let hash = self.hasher.hash_one(key);
        let rows = &self.rows;
        let Ok(entry) = self.index.find_entry(hash, |&row| rows[row as usize].key == key) else {
            return;
        };
        let (gone, _) = entry.remove();
        self.release_lists(RowId(gone));
        self.shares.remove(key.account);
        let last = u32::try_from(self.rows.len() - 1).expect("capacity is a u32");
        self.rows.swap_remove(gone as usize);
        if gone != last {
            let moved = self.hasher.hash_one(self.rows[gone as usize].key);
            if let Some(slot) = self.index.find_mut(moved, |&row| row == last) {
                *slot = gone;
            }
        }
    }

    fn release_lists(&mut self, id: RowId) {
        let mut annex = self.annex(id);
        self.buckets.clear(&mut annex.buckets);
        self.hints.clear(&mut annex.hints);
        self.visits.clear(&mut annex.visits);
        self.nights.clear(&mut annex.nights);
        self.set_annex(id, Annex::default());
    }
}
