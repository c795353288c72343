//! A campaign's day by its local hours.

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::kept::{ReportError, first_kept, must_be_kept};
use super::live::Reports;
use super::subject::Subject;
use crate::control::documents::document::instant;
use crate::domain::units::UtcMs;
use crate::outbox::derived::rows::QuarterFigures;
use crate::outbox::derived::{Class, FiguresError};
use crate::outbox::tallies::Quarter;

/// What an hour brought.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, utoipa::ToSchema)]
pub struct HourFigures {
    /// When it began, with its distance from UTC, as 2026-11-23T09:00:00+09:00: a day has 23 or 25 where clocks change.
    pub from: String,
    /// Jobs.
    pub jobs: u64,
    /// Jobs that arrived.
    pub delivered: u64,
    /// Jobs that were opened.
    pub clicked: u64,
    /// Jobs that were wiped away.
    pub dismissed: u64,
    /// Times that the condition came true and nothing was sent; jobs of devices held out are not among them.
    pub suppressed: u64,
}

impl Reports {
    /// The hours of a local day, all of them, ascending. Blocks on the disk.
    ///
    /// # Errors
    /// [`ReportError`] if they are not kept any more, or can't be read.
    pub fn hours(&self, subject: &Subject, day: Date) -> Result<Vec<HourFigures>, ReportError> {
        self.of_kept(|kept| {
            let first_kept = first_kept(kept, Class::Hours, &subject.zone);
            let asked = || format!("the hours of {day} are asked for");
            must_be_kept(day, (first_kept, Class::Hours), asked)?;
            Ok(self.hours_of(subject, day)?)
        })
    }

    fn hours_of(&self, subject: &Subject, day: Date) -> Result<Vec<HourFigures>, FiguresError> {
        let (from, until) = bounds(day, &subject.zone);
        let quarters = self.figures.quarters(subject.key(), (from, until))?;
        let withheld = self.figures.withheld_in(subject.key(), (from, until))?;
        // Quarters of one hour are next to each other; offsets are whole quarters.
        let starts = (from.0..until.0).step_by(4);
        Ok(starts
            .map(|start| {
                let within = |quarter: &Quarter| (start..start + 4).contains(&quarter.0);
                let mut sum = QuarterFigures::default();
                let range = Quarter(start)..Quarter(start + 4);
                quarters.range(range).flat_map(|(_, both)| both).for_each(|one| sum.add(one));
                HourFigures {
                    from: shown(Quarter(start).begins_at(), &subject.zone),
                    jobs: sum.jobs,
                    delivered: sum.delivered,
                    clicked: sum.clicked,
                    dismissed: sum.dismissed,
                    suppressed: withheld
                        .iter()
                        .filter(|(quarter, ..)| within(quarter))
                        .map(|(.., count)| count)
                        .sum(),
                }
            })
            .collect())
    }
}

/// The quarters of a local day: from the first up to, not with, the second.
pub(super) fn bounds(day: Date, zone: &TimeZone) -> (Quarter, Quarter) {
    let starts = |day: Date| Quarter::of(starts_at(day, zone));
    (starts(day), starts(day.tomorrow().unwrap_or(Date::MAX)))
}

/// When a local day begins.
#[must_use]
pub fn starts_at(day: Date, zone: &TimeZone) -> UtcMs {
    let start = zone.to_timestamp(day.at(0, 0, 0, 0));
    UtcMs(start.map_or(0, |start| start.as_millisecond()))
}

fn shown(at: UtcMs, zone: &TimeZone) -> String {
    let at = instant(at);
    at.display_with_offset(zone.to_offset(at)).to_string()
}
