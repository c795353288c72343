//! Figures as they are shown: of a whole, of a variant, of a day.

use crate::outbox::derived::rows::DayFigures;

/// Rows of a report that an answer shows; a file has all of them, and is not held in memory.
pub(super) const SHOWN_ROWS: usize = 10_000;

/// What a campaign brought.
#[derive(Clone, Copy, PartialEq, Debug, Default, serde::Serialize, utoipa::ToSchema)]
pub struct Brought {
    /// Distinct devices that were given a job; tests and those held out are not among them.
    pub reached: u64,
    /// Jobs.
    pub jobs: u64,
    /// Jobs that arrived.
    pub delivered: u64,
    /// Jobs that were opened.
    pub clicked: u64,
    /// Jobs that were wiped away.
    pub dismissed: u64,
    /// Distinct devices of those reached that opened one.
    pub responded: u64,
    /// Responded of reached, per cent, to two places; none where nobody was reached.
    pub response_rate_pct: Option<f64>,
    /// Distinct devices that were held out.
    pub held_out: u64,
}

impl Brought {
    /// Over days, each device counted on the day of its first.
    #[must_use]
    pub fn over_days(figures: &DayFigures) -> Self {
        Self {
            reached: figures.first_reached,
            responded: figures.first_responded,
            held_out: figures.first_held_out,
            ..Self::counts(figures)
        }
        .rated()
    }

    /// On one day, each device counted if it was reached, or responded, on that day.
    #[must_use]
    pub fn on_day(figures: &DayFigures) -> Self {
        Self {
            reached: figures.reached,
            responded: figures.responded,
            held_out: figures.first_held_out,
            ..Self::counts(figures)
        }
        .rated()
    }

    /// What adds up over days, without devices.
    pub(super) fn counts(figures: &DayFigures) -> Self {
        let DayFigures { jobs, delivered, clicked, dismissed, .. } = *figures;
        Self { jobs, delivered, clicked, dismissed, ..Self::default() }
    }

    /// With the rate of what it has.
    #[must_use]
    pub fn rated(self) -> Self {
        Self { response_rate_pct: per_cent(self.responded, self.reached), ..self }
    }
}

/// A part of a whole in per cent, to two places; none of nothing.
#[must_use]
pub(super) fn per_cent(part: u64, whole: u64) -> Option<f64> {
    // In whole hundredths of a per cent, halves up, so that it is the same on every machine.
    let hundredths =
        (u128::from(part) * 20_000 + u128::from(whole)).checked_div(u128::from(whole) * 2)?;
    #[expect(clippy::cast_precision_loss, reason = "a part is not far beyond its whole")]
    let hundredths = u64::try_from(hundredths).unwrap_or(u64::MAX) as f64;
    Some(hundredths / 100.0)
}
