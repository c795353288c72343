//! Where annexes live: what nearly every one of them has fills one cache line, and what few have lies apart.
//!
//! A turn takes the whole out and puts it back; a device that no hint, visit, night, jump or profile is known of is read
//! and written by that one line.

use std::num::NonZeroU32;

use crate::domain::units::UtcMs;
use crate::snapshot::index::prefetch_lines;

use super::device::{
    Anchor, Annex, AnnexId, DayPushes, Hint, Night, ProfileNote, Trigger, UsedBucket, VisitNote,
};
use super::marks::UsedMarks;
use super::slab::{Run, grow_for};

/// What nearly every annex has.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct Core {
    used: UsedMarks,
    pushes_until: UtcMs,
    triggers: Run<Trigger>,
    buckets: Run<UsedBucket>,
    /// [`DayPushes`], side by side so that nothing is padding.
    days: [i32; 2],
    counts: [u16; 2],
    /// The number of its [`Rest`].
    rest: Option<NonZeroU32>,
}

const _: () = assert!(size_of::<Core>() == 64, "what nearly every annex has is one cache line");

/// What few annexes have.
#[derive(Clone, Copy, Debug, Default)]
struct Rest {
    hints: Run<Hint>,
    visits: Run<VisitNote>,
    nights: Run<Night>,
    anchor: Option<Anchor>,
    profile: Option<ProfileNote>,
}

impl Rest {
    fn of(annex: &Annex) -> Option<Self> {
        let rest = Self {
            hints: annex.hints,
            visits: annex.visits,
            nights: annex.nights,
            anchor: annex.anchor,
            profile: annex.profile,
        };
        (!rest.is_blank()).then_some(rest)
    }

    fn is_blank(&self) -> bool {
        self.hints.is_empty()
            && self.visits.is_empty()
            && self.nights.is_empty()
            && self.anchor.is_none()
            && self.profile.is_none()
    }
}

/// The annexes of a partition's devices.
#[derive(Clone, Debug, Default)]
pub(crate) struct Annexes {
    cores: Pool<Core>,
    rests: Pool<Rest>,
}

impl Annexes {
    /// One of them.
    pub(crate) fn get(&self, id: AnnexId) -> Annex {
        let core = self.cores.get(id.0);
        let rest = core.rest.map_or_else(Rest::default, |rest| *self.rests.get(rest));
        Annex {
            triggers: core.triggers,
            buckets: core.buckets,
            used: core.used,
            hints: rest.hints,
            visits: rest.visits,
            nights: rest.nights,
            anchor: rest.anchor,
            profile: rest.profile,
            pushes: [0, 1]
                .map(|nth| DayPushes { day: i64::from(core.days[nth]), count: core.counts[nth] }),
            pushes_until: core.pushes_until,
        }
    }

    /// Puts one in place of that which a device had, if it had one, and gives its number; a blank one is given up.
    pub(crate) fn put(&mut self, had: Option<AnnexId>, annex: &Annex) -> Option<AnnexId> {
        let had_rest = had.and_then(|had| self.cores.get(had.0).rest);
        let rest = self.rests.put(had_rest, Rest::of(annex));
        let core = (!annex.is_blank()).then(|| Core {
            used: annex.used,
            pushes_until: annex.pushes_until,
            triggers: annex.triggers,
            buckets: annex.buckets,
            days: annex.pushes.map(|of_day| day(of_day.day)),
            counts: annex.pushes.map(|of_day| of_day.count),
            rest,
        });
        self.cores.put(had.map(|had| had.0), core).map(AnnexId)
    }

    /// Starts loading one.
    pub(crate) fn prefetch(&self, id: AnnexId) {
        self.cores.prefetch(id.0);
    }

    /// Triggers and used buckets of one that is loaded. Starts loading the rest of it.
    pub(crate) fn lists(&self, id: AnnexId) -> (Run<Trigger>, Run<UsedBucket>) {
        let core = self.cores.get(id.0);
        if let Some(rest) = core.rest {
            self.rests.prefetch(rest);
        }
        (core.triggers, core.buckets)
    }

    /// The last rejected jump that one knows of.
    pub(crate) fn anchor(&self, id: AnnexId) -> Option<&Anchor> {
        let rest = self.cores.get(id.0).rest?;
        self.rests.get(rest).anchor.as_ref()
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        self.cores.bytes() + self.rests.bytes()
    }
}

/// Records by number, never 0 so that an `Option` of one costs nothing. One that is given up is dealt again.
#[derive(Clone, Debug)]
struct Pool<T> {
    records: Vec<T>,
    free: Vec<NonZeroU32>,
}

impl<T> Default for Pool<T> {
    fn default() -> Self {
        Self { records: Vec::new(), free: Vec::new() }
    }
}

impl<T> Pool<T> {
    fn get(&self, number: NonZeroU32) -> &T {
        &self.records[place(number)]
    }

    /// Puts a record in place of that which its owner had, if it had one, and gives its number; none gives that up.
    fn put(&mut self, had: Option<NonZeroU32>, record: Option<T>) -> Option<NonZeroU32> {
        let Some(record) = record else {
            self.free.extend(had);
            return None;
        };
        let Some(number) = had.or_else(|| self.free.pop()) else {
            grow_for(&mut self.records, 1);
            self.records.push(record);
            return Some(number_of_last(self.records.len()));
        };
        self.records[place(number)] = record;
        Some(number)
    }

    fn prefetch(&self, number: NonZeroU32) {
        prefetch_lines(&self.records, place(number));
    }

    fn bytes(&self) -> usize {
        self.records.capacity() * size_of::<T>() + self.free.capacity() * size_of::<NonZeroU32>()
    }
}

fn place(number: NonZeroU32) -> usize {
    number.get() as usize - 1
}

fn number_of_last(len: usize) -> NonZeroU32 {
    let number = u32::try_from(len).ok().and_then(NonZeroU32::new);
    number.expect("at most one a row, and one was just pushed")
}

/// Days are counted from 1970: that of any instant that a fix can have is a few millions at most.
fn day(day: i64) -> i32 {
    i32::try_from(day).unwrap_or(if day < 0 { i32::MIN } else { i32::MAX })
}
