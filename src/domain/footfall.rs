//! What devices did at a target, in numbers: enters, exits and returns, fixes that were too coarse, and how exact they
//! were.
//!
//! The engine counts it where stays begin and end, the outbox keeps it by day, and from it the campaign service finds
//! fences that do not do what they were drawn for.

use super::ids::{AccountId, TargetId};

/// The steps by which the accuracy of fixes is told, m. The last one has all that are coarser: a fix that says 500 m or
/// more says little of a fence.
pub const ACCURACY_STEPS_M: [u16; 12] = [5, 10, 15, 20, 30, 40, 50, 75, 100, 150, 250, 500];

/// Classes of accuracy: one below each step, and one above all.
pub const ACCURACY_CLASSES: usize = ACCURACY_STEPS_M.len() + 1;

/// An enter so soon after an exit is a return: nobody is back at a store after leaving it for good within ten minutes,
/// but for whom the border passes through.
pub const RETURN_S: u32 = 600;

/// What devices did at one target. Counts stay at their greatest value.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Footfall {
    /// Stays begun.
    pub enters: u32,
    /// Stays ended by a fix or a hint outside whose device was remembered for [`RETURN_S`].
    pub exits: u32,
    /// Of these exits, those with an enter of the same device within [`RETURN_S`].
    pub returns: u32,
    /// Devices whose fix was inside and too coarse to begin a stay: each once, until no such fix came for [`RETURN_S`].
    pub too_coarse: u32,
    /// The fixes that began a stay or were too coarse, by class of accuracy.
    pub accuracy: [u32; ACCURACY_CLASSES],
}

/// What devices did at one target of an account.
pub type FootfallAt = ((AccountId, TargetId), Footfall);

impl Footfall {
    /// Counts a fix of this accuracy.
    pub fn note_accuracy(&mut self, accuracy_m: u16) {
        let class = ACCURACY_STEPS_M.partition_point(|step| *step < accuracy_m);
        more(&mut self.accuracy[class], 1);
    }

    /// Adds `other` to this.
    pub fn add(&mut self, other: &Self) {
        let Self { enters, exits, returns, too_coarse, accuracy } = other;
        more(&mut self.enters, *enters);
        more(&mut self.exits, *exits);
        more(&mut self.returns, *returns);
        more(&mut self.too_coarse, *too_coarse);
        self.accuracy.iter_mut().zip(accuracy).for_each(|(mine, theirs)| more(mine, *theirs));
    }

    /// How many fixes the classes of accuracy have.
    #[must_use]
    pub fn fixes(&self) -> u64 {
        self.accuracy.iter().map(|count| u64::from(*count)).sum()
    }

    /// The largest step that so many per cent of the fixes, or more, are coarser than, m: of the median, by steps, what
    /// is certain. `None` where that is not so of the smallest step, or there is no fix.
    #[must_use]
    pub fn coarser_than_m(&self, share_pct: u8) -> Option<u16> {
        let (all, mut finer) = (self.fixes(), 0);
        let steps = ACCURACY_STEPS_M.iter().zip(self.accuracy);
        let held = steps.take_while(|(_, count)| {
            finer += u64::from(*count);
            (all - finer) * 100 >= all * u64::from(share_pct)
        });
        held.last().map(|(step, _)| *step).filter(|_| all > 0)
    }
}

fn more(count: &mut u32, by: u32) {
    *count = count.saturating_add(by);
}
