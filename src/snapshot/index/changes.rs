//! What changed between two look-ups: the targets entered and left.

use super::contained::Contained;
use super::view::IndexView;
use crate::domain::ids::TargetId;

/// One target that contained the earlier point and not the later, or the other way round.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// It contains the later point only.
    Enter(TargetId),
    /// It contained the earlier point only.
    Exit(TargetId),
}

/// Two lists that are kept so that comparing allocates nothing once warm.
#[derive(Clone, Debug, Default)]
pub struct ChangeScratch {
    before: Vec<TargetId>,
    after: Vec<TargetId>,
}

impl IndexView<'_> {
    /// Tells `each` what changed, in ascending order of targets. Both values must be of this index.
    #[inline]
    pub fn changes(
        &self,
        before: Contained,
        after: Contained,
        scratch: &mut ChangeScratch,
        mut each: impl FnMut(Change),
    ) {
        if before == after {
            return;
        }
        if before.same_group(after) {
            let undecided = self.tile(after.tile).undecided(after.group);
            let mut differing = before.mask ^ after.mask;
            while differing != 0 {
                let bit = differing.trailing_zeros();
                differing &= differing - 1;
                let Some(id) = undecided.get(bit as usize) else { continue };
                let target = TargetId(id.to_native());
                let entered = after.mask >> bit & 1 == 1;
                each(if entered { Change::Enter(target) } else { Change::Exit(target) });
            }
            return;
        }
        self.targets(before, &mut scratch.before);
        self.targets(after, &mut scratch.after);
        differences(&scratch.before, &scratch.after, each);
    }
}

/// Walks two ascending lists and tells what only one of them has.
fn differences(before: &[TargetId], after: &[TargetId], mut each: impl FnMut(Change)) {
    let (mut old, mut new) = (0, 0);
    while let (Some(&left), Some(&entered)) = (before.get(old), after.get(new)) {
        if left < entered {
            each(Change::Exit(left));
        } else if entered < left {
            each(Change::Enter(entered));
        }
        old += usize::from(left <= entered);
        new += usize::from(entered <= left);
    }
    before.iter().skip(old).for_each(|&target| each(Change::Exit(target)));
    after.iter().skip(new).for_each(|&target| each(Change::Enter(target)));
}
