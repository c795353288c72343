//! What figures are kept no more: said where it is asked for, never left out of a sum.

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::hours::starts_at;
use super::live::Reports;
use super::subject::day_of;
use crate::control::refusal::Refusal;
use crate::outbox::derived::{Class, FiguresError, KeptFrom};

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// It is asked for what there is not.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The figures can't be read.
    #[error(transparent)]
    Unread(#[from] FiguresError),
}

impl Reports {
    /// Makes something of the figures that are kept, and again if there are fewer afterwards: some of what went may have
    /// been missing already. Days go once a day, so that ends.
    pub(super) fn of_kept<T>(
        &self,
        make: impl Fn(KeptFrom) -> Result<T, ReportError>,
    ) -> Result<T, ReportError> {
        loop {
            let kept = self.figures.kept_from();
            let made = make(kept)?;
            if self.figures.kept_from() == kept {
                return Ok(made);
            }
        }
    }
}

/// The first local day of which all rows of a class are kept.
pub(super) fn first_kept(kept: KeptFrom, class: Class, zone: &TimeZone) -> Date {
    if kept.day(class) == i32::MIN {
        return Date::MIN;
    }
    let day = day_of(kept.day(class));
    let is_whole = match class {
        // They have the local day in their keys.
        Class::Devices | Class::Campaigns => true,
        Class::Visits | Class::Hours | Class::Seen | Class::Outcomes => {
            starts_at(day, zone) >= kept.instant(class)
        }
    };
    if is_whole { day } else { day.tomorrow().unwrap_or(Date::MAX) }
}

/// Refuses a day before the first that is kept.
pub(super) fn must_be_kept(
    day: Date,
    (first_kept, class): (Date, Class),
    asked: impl FnOnce() -> String,
) -> Result<(), Refusal> {
    if day >= first_kept {
        return Ok(());
    }
    let what = match class {
        Class::Visits => "visits are",
        Class::Devices => "the devices of campaigns are",
        Class::Campaigns => "the days of campaigns are",
        Class::Hours => "the hours of campaigns are",
        Class::Seen => "when devices were seen is",
        Class::Outcomes => "the outcomes of jobs are",
    };
    Err(Refusal::NotKept {
        asked: asked(),
        what,
        first_kept: first_kept.to_string(),
        knob: class.knob(),
    })
}
