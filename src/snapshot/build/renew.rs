//! New epochs from the blocks of old ones, without the files they were built from: yesterday's schedules compiled
//! on from today, and rollbacks.
//!
//! A campaign's row holds its windows as written and the campaigns block the zone, so schedules and calendar can
//! be compiled again from the blocks alone. Nothing else changes, and a renewal is no change of any campaign.

use jiff::civil::{Date, Weekday};

use super::built::{Built, Encoded};
use super::error::BuildError;
use super::keep::keep;
use super::next::{After, Next, beside};
use super::standing::{Outline, outline};
use super::zones::{Compiled, Zones};
use crate::domain::campaign::WindowSpec;
use crate::snapshot::blocks::{ArchivedWindowRow, BlockKind, ScheduleBlock};
use crate::snapshot::calendar::{Zone, day_number, every_day};
use crate::snapshot::shelf::Shelf;
use crate::snapshot::view::{AccountView, SnapshotView, as_index};

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
    let standing = beside(&manifest, &outlines, to.epoch().0, after)?;
    Ok(Built::new(after.epoch, manifest, standing, Vec::new(), Shelf::of(to)))
}

fn renewed(
    content: SnapshotView<'_>,
    today: Date,
    rollback_of: u64,
    after: After<'_>,
) -> Result<Built, BuildError> {
    let (mut zones, mut made) = (Zones::from(today), Vec::new());
    let renewed = content.accounts().map(|account| carried(account, &mut zones, &mut made));
    let next = Next {
        outlines: renewed.collect::<Result<_, _>>()?,
        valid_from_day: day_number(today),
        made,
        ..Next::of(content)
    };
    next.built(Some(content), rollback_of, after)
}

/// An account as it was, its schedules compiled anew.
///
/// # Errors
/// When its zone is not known any more, or the day is at the edge of time.
pub(super) fn carried(
    account: AccountView<'_>,
    zones: &mut Zones,
    made: &mut Vec<Encoded>,
) -> Result<Outline, BuildError> {
    let Compiled { zone, calendar } = zones.of(account.id(), account.tz_name(), made)?;
    let mut outline = outline(account);
    outline.entry.calendar = calendar;
    outline.entry.schedule = keep(&schedule(account, &zone), made)?;
    Ok(outline)
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
