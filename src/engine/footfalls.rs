//! What devices do at targets, counted for whoever looks after fences: where stays begin and end, never at a mere hit.
//!
//! One table a shard, of a fixed size, emptied by the shard every some seconds. It is no part of the engine's state:
//! nothing is decided by it, recovery and replay count nothing, and what a crash takes with it is not counted again.

use std::hash::BuildHasher;

use hashbrown::HashTable;

use crate::domain::decision::VisitEnd;
use crate::domain::footfall::{Footfall, FootfallAt, RETURN_S};
use crate::domain::ids::{AccountId, DeviceKey, TargetId};
use crate::domain::units::UtcMs;

use super::device::Stay;
use super::turn::{Basis, Turn};

/// Targets counted between two emptyings; 80 bytes each. Ten million devices that cross twenty borders a day cross 23,000
/// in ten seconds, on all shards together.
const MOST_TARGETS: usize = 32_768;

/// Devices remembered at targets, each for [`RETURN_S`]; 16 bytes each. Where more come and go, those that are not
/// remembered are left out of exits and returns alike, so that the share of the two stays what it is; so it is with fixes that
/// begin a stay and those that are too coarse to.
const MEMORIES: usize = 131_072;

/// The hashes are nobody's but the table's: a device that aims at another's place makes it be left out, no more.
const SEED: u64 = 0x666f_6f74_6661_6c6c;

/// Counts of one shard.
#[derive(Clone, Debug)]
pub struct Footfalls {
    counts: Vec<FootfallAt>,
    /// Where each target's are.
    index: HashTable<u32>,
    hasher: foldhash::fast::FixedState,
    memories: Vec<Memory>,
    overlooked: u64,
}

/// That something befell a device at a target.
#[derive(Clone, Copy, Debug)]
struct Memory {
    /// The hash of the device, the target and what it was: two that share all 64 bits are taken for one.
    of: u64,
    at: UtcMs,
}

/// What is remembered.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum What {
    Left,
    Entered,
    TooCoarse,
}

/// What became of a wish to remember.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Noted {
    /// It is remembered from now on.
    Anew,
    /// It was, and is from now on again.
    Again,
    /// Another has its place.
    Not,
}

impl Default for Footfalls {
    fn default() -> Self {
        let none = Memory { of: 0, at: UtcMs::MIN };
        Self {
            counts: Vec::with_capacity(MOST_TARGETS),
            index: HashTable::with_capacity(MOST_TARGETS),
            hasher: foldhash::fast::FixedState::with_seed(SEED),
            memories: vec![none; MEMORIES],
            overlooked: 0,
        }
    }
}

impl Footfalls {
    /// A stay began, by a fix of this accuracy or by a hint.
    pub(crate) fn enter(
        &mut self,
        device: DeviceKey,
        target: TargetId,
        at: UtcMs,
        accuracy_m: Option<u16>,
    ) {
        let returned = self.forget((device, target, What::Left), at);
        let sampled = accuracy_m.is_some()
            && self.remember((device, target, What::Entered), at) != Noted::Not;
        let Some(count) = self.of(device.account, target) else { return };
        count.enters = count.enters.saturating_add(1);
        count.returns = count.returns.saturating_add(u32::from(returned));
        // As those that are turned away: where not all are remembered, coarse and fine ones are left out alike.
        if let Some(accuracy_m) = accuracy_m.filter(|_| sampled) {
            count.note_accuracy(accuracy_m);
        }
    }

    /// A stay ended outside.
    pub(crate) fn exit(&mut self, device: DeviceKey, target: TargetId, at: UtcMs) {
        if self.remember((device, target, What::Left), at) == Noted::Not {
            return;
        }
        let Some(count) = self.of(device.account, target) else { return };
        count.exits = count.exits.saturating_add(1);
    }

    /// A fix inside was too coarse to begin a stay.
    pub(crate) fn turn_away(
        &mut self,
        device: DeviceKey,
        target: TargetId,
        at: UtcMs,
        accuracy_m: u16,
    ) {
        if self.remember((device, target, What::TooCoarse), at) != Noted::Anew {
            return;
        }
        let Some(count) = self.of(device.account, target) else { return };
        count.too_coarse = count.too_coarse.saturating_add(1);
        count.note_accuracy(accuracy_m);
    }

    /// Empties it: what was counted, and how much more befell at targets that it had no room for. What it remembers of
    /// devices stays.
    pub fn take(&mut self) -> (Vec<FootfallAt>, u64) {
        self.index.clear();
        let mut counts = Vec::with_capacity(self.counts.len());
        counts.append(&mut self.counts);
        (counts, std::mem::take(&mut self.overlooked))
    }

    /// Puts back what was taken a moment ago, and nobody wanted.
    pub fn put_back(&mut self, counts: Vec<FootfallAt>, overlooked: u64) {
        self.overlooked += overlooked;
        for ((account, target), footfall) in counts {
            if let Some(count) = self.of(account, target) {
                count.add(&footfall);
            }
        }
    }

    /// The counts of a target; `None` when there are none and no room for more.
    fn of(&mut self, account: AccountId, target: TargetId) -> Option<&mut Footfall> {
        let key = (account, target);
        let hash = self.hasher.hash_one(key);
        let place = |at: &u32| usize::try_from(*at).unwrap_or(usize::MAX);
        let found = self.index.find(hash, |at| self.counts[place(at)].0 == key).map(place);
        let at = match found {
            Some(at) => at,
            None if self.counts.len() >= MOST_TARGETS => {
                self.overlooked += 1;
                return None;
            }
            None => {
                let at = self.counts.len();
                self.counts.push((key, Footfall::default()));
                let (counts, hasher) = (&self.counts, &self.hasher);
                let again = |at: &u32| hasher.hash_one(counts[place(at)].0);
                self.index.insert_unique(hash, u32::try_from(at).unwrap_or(u32::MAX), again);
                at
            }
        };
        self.counts.get_mut(at).map(|(_, footfall)| footfall)
    }

    /// Remembers something, unless its place is another's for now.
    fn remember(&mut self, what: (DeviceKey, TargetId, What), at: UtcMs) -> Noted {
        let of = self.hasher.hash_one(what);
        let memory = &mut self.memories[place_of(of)];
        let noted = match is_fresh(memory.at, at) {
            true if memory.of != of => return Noted::Not,
            true => Noted::Again,
            false => Noted::Anew,
        };
        *memory = Memory { of, at };
        noted
    }

    /// Whether something was remembered; it is no more.
    fn forget(&mut self, what: (DeviceKey, TargetId, What), at: UtcMs) -> bool {
        let of = self.hasher.hash_one(what);
        let memory = &mut self.memories[place_of(of)];
        let held = memory.of == of && is_fresh(memory.at, at);
        if held {
            memory.at = UtcMs::MIN;
        }
        held
    }
}

fn place_of(hash: u64) -> usize {
    #[expect(clippy::cast_possible_truncation, reason = "the low bits are what is wanted")]
    let low = hash as usize;
    low % MEMORIES
}

/// Whether `then` is within [`RETURN_S`] of now, by the clocks of devices: one that is far ahead is no memory either.
fn is_fresh(then: UtcMs, now: UtcMs) -> bool {
    now.since(then).unsigned_abs() <= u64::from(RETURN_S) * 1000
}

impl Turn<'_, '_> {
    /// A stay began. A hint says nothing of how exact fixes are there.
    pub(super) fn count_entered(&mut self, target: TargetId) {
        let Some(footfalls) = &mut self.out.footfalls else { return };
        let accuracy_m = (self.moment.basis == Basis::Fix).then_some(self.moment.accuracy_m);
        footfalls.enter(self.row.key, target, self.moment.at, accuracy_m);
    }

    /// A stay ended. Silence and an edit end it without anybody having left.
    pub(super) fn count_ended(&mut self, stay: &Stay, how: VisitEnd) {
        let Some(footfalls) = &mut self.out.footfalls else { return };
        if how == VisitEnd::Exit {
            footfalls.exit(self.row.key, stay.target, self.moment.at);
        }
    }

    /// A fix inside is too coarse to begin a stay.
    pub(super) fn count_too_coarse(&mut self, target: TargetId) {
        let Some(footfalls) = &mut self.out.footfalls else { return };
        footfalls.turn_away(self.row.key, target, self.moment.at, self.moment.accuracy_m);
    }
}
