//! New epochs from the blocks of old ones, without the files they were built from: yesterday's schedules compiled
//! on from today, and rollbacks.
//!
//! A campaign's row holds its windows as written and the campaigns block the zone, so schedules and calendar can
//! be compiled again from the blocks alone. Nothing else changes, and a renewal is no change of any campaign.

use jiff::civil::{Date, Weekday};

use super::built::{Built, Encoded};
use super::compile::BuildError;
use super::standing::{Dealt, Outline, run_of, standing};
use crate::domain::campaign::WindowSpec;
use crate::domain::ids::Epoch;
use crate::snapshot::blocks::{ArchivedWindowRow, BlockKind, Manifest, ScheduleBlock, Standing};
use crate::snapshot::calendar::{Zone, day_number, every_day};
use crate::snapshot::load::Shelf;
use crate::snapshot::view::{AccountView, SnapshotView, as_index};

/// What a new epoch follows.
#[derive(Debug, Clone, Copy)]
pub struct After<'a> {
    /// Its number.
    pub epoch: Epoch,
    /// The snapshot before it, if one can be read.
    pub previous: Option<SnapshotView<'a>>,
    /// The target ids dealt after that one.
    pub dealt: &'a Dealt,
}

/// The content of `current` with its schedules compiled from `today` on; `None` where they are already.
///
/// # Errors
/// When a zone is not known any more, or the day is at the edge of time.
pub fn renew(
    current: SnapshotView<'_>,
    today: Date,
    after: After<'_>,
) -> Result<Option<Built>, BuildError> {
    if current.valid_from() >= today {
        return Ok(None);
    }
    renewed(current, today, 0, after).map(Some)
}

/// The content of an old epoch, with its schedules compiled from `today` on where they were from an earlier day.
///
/// # Errors
/// As [`renew`].
pub fn roll_back(to: SnapshotView<'_>, today: Date, after: After<'_>) -> Result<Built, BuildError> {
    if to.valid_from() < today {
        return renewed(to, today, to.epoch().0, after);
    }
    let old = to.parts();
    let outlines: Vec<Outline> = to.accounts().map(outline).collect();
    let manifest = Encoded::copied(old.manifest.bytes(), old.manifest.hash(), BlockKind::Manifest);
    finish(to, manifest, &outlines, Vec::new(), (to.epoch().0, after))
}

fn renewed(
    content: SnapshotView<'_>,
    today: Date,
    rollback_of: u64,
    after: After<'_>,
) -> Result<Built, BuildError> {
    let mut made = Vec::new();
    let mut outlines = Vec::new();
    for account in content.accounts() {
        let zone = Zone::new(account.tz_name(), today)
            .map_err(|reason| BuildError::Zone { account: account.id(), reason })?;
        let mut outline = outline(account);
        let calendar = Encoded::of(&zone.calendar())?;
        let schedule = Encoded::of(&schedule(account, &zone))?;
        (outline.entry.calendar, outline.entry.schedule) = (calendar.hash.0, schedule.hash.0);
        made.extend([calendar, schedule]);
        outlines.push(outline);
    }
    let key_check = &content.parts().manifest.get().key_check;
    let manifest = Encoded::of(&Manifest {
        valid_from_day: day_number(today),
        key_check: key_check.as_ref().map(|check| check.to_native()),
        geometry: content.parts().geometry.iter().map(|block| block.hash().0).collect(),
        accounts: outlines.iter().map(|outline| outline.entry.clone()).collect(),
    })?;
    finish(content, manifest, &outlines, made, (rollback_of, after))
}

/// The new epoch: its manifest and what stands beside it, and `content`'s blocks for those that were not made.
pub(super) fn finish(
    content: SnapshotView<'_>,
    manifest: Encoded,
    outlines: &[Outline],
    made: Vec<Encoded>,
    (rollback_of, After { epoch, previous, dealt }): (u64, After<'_>),
) -> Result<Built, BuildError> {
    let plain = standing(epoch, manifest.hash, outlines, previous, dealt);
    let standing = Encoded::of(&Standing { rollback_of, ..plain })?;
    Ok(Built::new(epoch, manifest, standing, made, Shelf::of(content)))
}

/// The sets of windows that the account's rows point to, compiled anew in their places.
fn schedule(account: AccountView<'_>, zone: &Zone) -> ScheduleBlock {
    let parts = account.parts();
    let sets = parts.schedule.get().first.len().saturating_sub(1);
    let mut windows: Vec<Vec<WindowSpec>> = vec![Vec::new(); sets];
    for row in parts.campaigns.get().rows.iter() {
        if let Some(set) = windows.get_mut(as_index(row.window_set.to_native())) {
            *set = row.windows.iter().map(window).collect();
        }
    }
    let mut block = ScheduleBlock { first: vec![0], spans: Vec::new() };
    for set in windows {
        block.spans.extend(zone.spans(&set));
        block.first.push(u32::try_from(block.spans.len()).unwrap_or(u32::MAX));
    }
    block
}

fn window(row: &ArchivedWindowRow) -> WindowSpec {
    let bit = |day: &Weekday| row.weekdays & 1 << day.to_monday_zero_offset().unsigned_abs() != 0;
    WindowSpec {
        weekdays: every_day().into_iter().filter(bit).collect(),
        start_min: row.start_min.to_native(),
        end_min: row.end_min.to_native(),
    }
}

/// An account as it was.
pub(super) fn outline(account: AccountView<'_>) -> Outline {
    let parts = account.parts();
    let campaigns = account.campaigns().map(run_of).collect();
    let entry = parts.entry();
    Outline { entry, campaigns, next_target_id: parts.next_target_id }
}
