//! Plain containment changes, for comparison with other programs: `replay --raw`.
//!
//! A device is inside a target or not, ping by ping in the order given; accuracy, hysteresis, gaps, lateness
//! and jumps play no part. All that is remembered of a device is what contained its last ping. Pings are
//! taken in lanes, so that the memory each will need is asked for while others are worked on.

use crate::domain::ids::{DeviceId, TargetId};
use crate::domain::units::PointE7;
use crate::snapshot::index::changes::ChangeScratch;
use crate::snapshot::index::{Change, Contained, IndexView, Spot, Start, prefetch};

/// A ping, as much of it as matters here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RawPing {
    /// Who; never nil.
    pub device: DeviceId,
    /// Where.
    pub at: PointE7,
}

/// One target entered or left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RawTransition {
    /// The ping's place in the batch it came with.
    pub ping: u32,
    /// The target.
    pub target: TargetId,
    /// Whether it was entered; else it was left.
    pub entered: bool,
}

/// What happened so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RawCounts {
    /// Pings evaluated.
    pub pings: u64,
    /// Pairs of a ping and a target that contains it.
    pub hits: u64,
    /// Transitions into a target.
    pub enters: u64,
    /// Transitions out of one.
    pub exits: u64,
}

impl RawCounts {
    /// The totals of two shards.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            pings: self.pings + other.pings,
            hits: self.hits + other.hits,
            enters: self.enters + other.enters,
            exits: self.exits + other.exits,
        }
    }
}

/// The state of all devices. One thread owns it.
#[derive(Debug)]
pub struct RawEngine {
    devices: LastSeen,
    counts: RawCounts,
    transitions: Vec<RawTransition>,
    scratch: ChangeScratch,
}

impl RawEngine {
    /// With room for so many devices before the table has to grow.
    #[must_use]
    pub fn new(devices: usize) -> Self {
        Self {
            devices: LastSeen::new(devices),
            counts: RawCounts::default(),
            transitions: Vec::new(),
            scratch: ChangeScratch::default(),
        }
    }

    /// Evaluates a batch and returns its transitions: by ping, then by target. Every batch must be given the
    /// same index, and at most 2³² pings.
    pub fn step(&mut self, index: &IndexView<'_>, pings: &[RawPing]) -> &[RawTransition] {
        self.transitions.clear();
        for (first, lane) in (0u32..).step_by(LANE).zip(pings.chunks(LANE)) {
            self.step_lane(index, lane, first);
        }
        &self.transitions
    }

    /// The totals over all batches.
    #[must_use]
    pub fn counts(&self) -> RawCounts {
        self.counts
    }

    fn step_lane(&mut self, index: &IndexView<'_>, lane: &[RawPing], first: u32) {
        self.devices.reserve(lane.len());
        let mut starts = [Start::default(); LANE];
        let mut homes = [0usize; LANE];
        for ((ping, start), home) in lane.iter().zip(&mut starts).zip(&mut homes) {
            *start = index.start(ping.at);
            start.prefetch_root();
            *home = self.devices.home(ping.device);
            self.devices.prefetch(*home);
        }
        for (ping, &start) in lane.iter().zip(&starts) {
            start.prefetch_node(ping.at);
        }
        let mut spots = [Spot::default(); LANE];
        for ((ping, &start), spot) in lane.iter().zip(&starts).zip(&mut spots) {
            *spot = start.spot(ping.at);
            spot.prefetch();
        }
        let mut moves = [Move::default(); LANE];
        let moved = self.test_lane(index, lane, (&spots, &homes), &mut moves);
        let moves = moves.get(..moved).unwrap_or_default();
        for change in moves.iter().filter(|change| change.is_far()) {
            index.prefetch_base(change.before);
            index.prefetch_base(change.after);
        }
        self.list(index, moves, first);
    }

    /// Looks each ping up, remembers the result and notes who moved; returns how many did.
    fn test_lane(
        &mut self,
        index: &IndexView<'_>,
        lane: &[RawPing],
        (spots, homes): (&[Spot<'_>; LANE], &[usize; LANE]),
        moves: &mut [Move; LANE],
    ) -> usize {
        let (mut moved, mut hits) = (0, 0);
        let places = spots.iter().zip(homes);
        for ((ping, (&spot, &home)), nth) in lane.iter().zip(places).zip(0u32..) {
            let hit = index.test(spot, ping.at);
            hits += u64::from(hit.count);
            let before = self.devices.replace(ping.device, home, hit.contained);
            if before != hit.contained {
                let change = Move { nth, before, after: hit.contained };
                index.prefetch_group(change.after);
                if change.is_far() {
                    index.prefetch_group(change.before);
                }
                moves[moved] = change;
                moved += 1;
            }
        }
        self.counts.hits += hits;
        self.counts.pings += lane.len() as u64;
        moved
    }

    fn list(&mut self, index: &IndexView<'_>, moves: &[Move], first: u32) {
        let transitions = &mut self.transitions;
        let from = transitions.len();
        let mut enters = 0u64;
        for change in moves {
            let ping = first + change.nth;
            index.changes(change.before, change.after, &mut self.scratch, |change| {
                let (target, entered) = match change {
                    Change::Enter(target) => (target, true),
                    Change::Exit(target) => (target, false),
                };
                enters += u64::from(entered);
                transitions.push(RawTransition { ping, target, entered });
            });
        }
        self.counts.enters += enters;
        self.counts.exits += (transitions.len() - from) as u64 - enters;
    }
}

/// Pings in flight together: enough to hide a load from memory behind the others, few enough that what they
/// asked for is still in the first-level cache when they get to it.
const LANE: usize = 32;

/// A device whose set may have changed.
#[derive(Clone, Copy, Debug)]
struct Move {
    /// Its ping's place in the lane.
    nth: u32,
    before: Contained,
    after: Contained,
}

impl Default for Move {
    fn default() -> Self {
        Self { nth: 0, before: Contained::NONE, after: Contained::NONE }
    }
}

impl Move {
    /// Whether both lists have to be read, not only the bits that differ.
    fn is_far(&self) -> bool {
        !self.before.same_group(self.after)
    }
}

/// What contained each device's last ping: an open-addressing table of 32-byte slots, at most half full.
#[derive(Debug)]
struct LastSeen {
    slots: Vec<Slot>,
    used: usize,
}

/// Half a cache line, and aligned to that.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(32))]
struct Slot {
    device: [u64; 2],
    contained: [u32; 4],
}

/// The nil id, which no device has.
const FREE: [u64; 2] = [0; 2];

impl LastSeen {
    fn new(devices: usize) -> Self {
        let slots = devices.max(LANE).saturating_mul(2).next_power_of_two();
        Self { slots: vec![Slot::default(); slots], used: 0 }
    }

    /// Makes sure that so many more devices leave half the table free.
    fn reserve(&mut self, more: usize) {
        if (self.used + more) * 2 <= self.slots.len() {
            return;
        }
        let grown = vec![Slot::default(); self.slots.len() * 2];
        let old = std::mem::replace(&mut self.slots, grown);
        for slot in old.into_iter().filter(|slot| slot.device != FREE) {
            let at = self.find(slot.device, self.home_of(slot.device));
            self.slots[at] = slot;
        }
    }

    /// Where a device's search begins.
    #[inline]
    fn home(&self, device: DeviceId) -> usize {
        self.home_of(device.words().into())
    }

    #[inline]
    fn home_of(&self, [low, high]: [u64; 2]) -> usize {
        let product = u128::from(low ^ FOLD.0) * u128::from(high ^ FOLD.1);
        #[expect(clippy::cast_possible_truncation, reason = "the halves are folded together")]
        let hash = product as u64 ^ (product >> 64) as u64;
        #[expect(clippy::cast_possible_truncation, reason = "masked to the table")]
        let home = hash as usize & (self.slots.len() - 1);
        home
    }

    #[inline]
    fn prefetch(&self, home: usize) {
        prefetch(&self.slots, home);
    }

    /// Puts what contains the device now in place of what did before.
    #[inline]
    fn replace(&mut self, device: DeviceId, home: usize, now: Contained) -> Contained {
        let device: [u64; 2] = device.words().into();
        let at = self.find(device, home);
        let slot = &mut self.slots[at];
        let before = if slot.device == FREE {
            self.used += 1;
            Contained::NONE
        } else {
            Contained::from_words(slot.contained)
        };
        *slot = Slot { device, contained: now.to_words() };
        before
    }

    /// The device's slot, or the free one it belongs in; at least half of them are free.
    #[inline]
    fn find(&self, device: [u64; 2], home: usize) -> usize {
        let mask = self.slots.len() - 1;
        let mut at = home & mask;
        loop {
            let slot = &self.slots[at];
            if slot.device == device || slot.device == FREE {
                return at;
            }
            at = (at + 1) & mask;
        }
    }
}

/// Two odd constants without pattern (digits of √2 and √3), so that no ordinary id folds to zero.
const FOLD: (u64, u64) = (0x6A09_E667_F3BC_C909, 0xBB67_AE85_84CA_A73B);
