//! Instants as the clocks of an account show them.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::domain::units::UtcMs;
use crate::snapshot::view::AccountView;

/// The clocks of an account.
pub(super) struct Local(TimeZone);

impl Local {
    /// Those of an account; UTC where its zone is unknown here.
    pub(super) fn of(account: Option<AccountView<'_>>) -> Self {
        let zone = account.and_then(|account| TimeZone::get(account.tz_name()).ok());
        Self(zone.unwrap_or(TimeZone::UTC))
    }

    /// To the millisecond, with the distance from UTC: 2026-11-24T14:03:00+09:00.
    pub(super) fn exact(&self, at: UtcMs) -> String {
        let at = timestamp(at);
        at.display_with_offset(self.0.to_offset(at)).to_string()
    }

    /// The time of day: 14:03.
    pub(super) fn time(&self, at: UtcMs) -> String {
        self.0.to_datetime(timestamp(at)).strftime("%H:%M").to_string()
    }

    /// The time of day, with the day where that is not the day of `beside`.
    pub(super) fn beside(&self, at: UtcMs, beside: UtcMs) -> String {
        let day = self.day(at);
        if day == self.day(beside) { self.time(at) } else { format!("{} on {day}", self.time(at)) }
    }

    /// The day.
    pub(super) fn day(&self, at: UtcMs) -> Date {
        self.0.to_datetime(timestamp(at)).date()
    }
}

fn timestamp(at: UtcMs) -> Timestamp {
    let latest = if at.0 < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_millisecond(at.0).unwrap_or(latest)
}
