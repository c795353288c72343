//! Reading compiled days, months, nights and windows.

use rkyv::rend::unaligned::{i32_ule, i64_ule};
use rkyv::tuple::ArchivedTuple2;

use super::table::as_index;
use crate::domain::units::UtcMs;
use crate::snapshot::blocks::{ArchivedCalendarBlock, ArchivedScheduleBlock};

type ArchivedBorder = ArchivedTuple2<i64_ule, i32_ule>;
type ArchivedSpan = ArchivedTuple2<i64_ule, i64_ule>;

impl ArchivedCalendarBlock {
    /// The local day of an instant, and when it ends.
    #[must_use]
    pub fn day(&self, at: UtcMs) -> Option<(i32, UtcMs)> {
        self.between(&self.days, at)
    }

    /// The local day of an instant and how long ago it began, ms.
    #[must_use]
    pub fn since_midnight(&self, at: UtcMs) -> Option<(i32, i64)> {
        let (day, _) = self.day(at)?;
        let after = self.days.partition_point(|border| border.0.to_native() <= at.0);
        let began = self.days.get(after.checked_sub(1)?)?.0.to_native();
        Some((day, at.0 - began))
    }

    /// The local month of an instant, and when it ends.
    #[must_use]
    pub fn month(&self, at: UtcMs) -> Option<(i32, UtcMs)> {
        self.between(&self.months, at)
    }

    /// Whether it is night, 21:00 to 08:00 local.
    #[must_use]
    pub fn is_night(&self, at: UtcMs) -> bool {
        within(&self.nights, at)
    }

    fn between(&self, borders: &[ArchivedBorder], at: UtcMs) -> Option<(i32, UtcMs)> {
        let after = borders.partition_point(|border| border.0.to_native() <= at.0);
        let begun = borders.get(after.checked_sub(1)?)?;
        let ends_at = borders.get(after).map_or(self.ends_at, |next| next.0).to_native();
        (at.0 < ends_at).then_some((begun.1.to_native(), UtcMs(ends_at)))
    }
}

impl ArchivedScheduleBlock {
    /// Whether an instant lies in a set of windows.
    #[must_use]
    pub fn contains(&self, set: u32, at: UtcMs) -> bool {
        within(self.spans_of(set), at)
    }

    /// When a set of windows next opens: the start of its first span that begins after `at`.
    #[must_use]
    pub fn opens_after(&self, set: u32, at: UtcMs) -> Option<UtcMs> {
        let spans = self.spans_of(set);
        let next = spans.partition_point(|span| span.0.to_native() <= at.0);
        spans.get(next).map(|span| UtcMs(span.0.to_native()))
    }

    /// The spans of a set.
    #[must_use]
    pub fn spans_of(&self, set: u32) -> &[ArchivedSpan] {
        let set = as_index(set);
        let bounds = self.first.get(set).zip(self.first.get(set + 1));
        bounds
            .and_then(|(from, to)| {
                self.spans.get(as_index(from.to_native())..as_index(to.to_native()))
            })
            .unwrap_or_default()
    }
}

fn within(spans: &[ArchivedSpan], at: UtcMs) -> bool {
    let after = spans.partition_point(|span| span.0.to_native() <= at.0);
    after
        .checked_sub(1)
        .and_then(|last| spans.get(last))
        .is_some_and(|span| at.0 < span.1.to_native())
}
