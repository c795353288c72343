//! A campaign's report for days that are over: a row for each day and variant, and totals over the days.

use std::ops::RangeInclusive;

use jiff::civil::Date;

use super::live::{Reports, both};
use super::parts::Brought;
use super::subject::{Subject, day_number, day_of};
use crate::control::refusal::Refusal;
use crate::domain::campaign::Variant;
use crate::outbox::derived::FiguresError;

/// A report.
#[derive(Clone, PartialEq, Debug, serde::Serialize, utoipa::ToSchema)]
pub struct PeriodReport {
    /// The campaign's number.
    pub campaign: u32,
    /// Its name.
    pub name: String,
    /// The first local day.
    pub from: String,
    /// The last local day, inclusive.
    pub to: String,
    /// Over all days, distinct devices counted once.
    pub total: Brought,
    /// A row for each day and message, ascending; what brought nothing is 0.
    pub rows: Vec<PeriodRow>,
}

/// A day of one message.
#[derive(Clone, PartialEq, Debug, serde::Serialize, utoipa::ToSchema)]
pub struct PeriodRow {
    /// The local day.
    pub day: String,
    /// A or B.
    pub variant: &'static str,
    /// What it has brought.
    #[serde(flatten)]
    pub brought: Brought,
}

/// The days that are asked for.
#[derive(Clone, PartialEq, Eq, Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeriodRequest {
    /// The first local day; where it is left out, the campaign's.
    pub from: Option<String>,
    /// The last local day; where it is left out, the campaign's last, or yesterday.
    pub to: Option<String>,
}

impl PeriodRequest {
    /// The days of the campaign that are meant: whole ones, which are over.
    ///
    /// # Errors
    /// [`Refusal::Faults`] on what is no day, days that are not over, and days that are not the campaign's.
    pub fn days_of(&self, subject: &Subject) -> Result<RangeInclusive<Date>, Refusal> {
        let yesterday = subject.today.yesterday().unwrap_or(Date::MIN);
        let (first, last) = (subject.days.0, subject.days.1.min(yesterday));
        if last < first {
            let detail = format!(
                "campaign {} begins on {first}; a report has whole days to yesterday, {yesterday}",
                subject.campaign.0
            );
            return Err(Refusal::field("/from", detail));
        }
        let from = day(self.from.as_deref(), "/from", first)?;
        let to = day(self.to.as_deref(), "/to", last)?;
        let within = |at: Date, pointer: &str| {
            if (first..=last).contains(&at) {
                return Ok(());
            }
            let detail =
                format!("{at} is not among the days of the report; allowed: {first} to {last}");
            Err(Refusal::field(pointer, detail))
        };
        within(from, "/from")?;
        within(to, "/to")?;
        if to < from {
            let detail = format!("to is {to}, before from, {from}; swap them");
            return Err(Refusal::field("/to", detail));
        }
        Ok(from..=to)
    }
}

/// A day of a request, or what holds without one.
///
/// # Errors
/// [`Refusal::Faults`] for what is no day.
pub fn day(text: Option<&str>, pointer: &str, otherwise: Date) -> Result<Date, Refusal> {
    let Some(text) = text else { return Ok(otherwise) };
    let day = text.parse::<Date>();
    day.map_err(|_no_date| {
        let field = pointer.trim_start_matches('/');
        let detail = format!("{field} is {text:?}; allowed: a day, as 2026-11-23");
        Refusal::field(pointer, detail)
    })
}

impl Reports {
    /// The report of these days. Blocks on the disk.
    ///
    /// # Errors
    /// [`FiguresError`] if the figures can't be read.
    pub fn period(
        &self,
        subject: &Subject,
        days: &RangeInclusive<Date>,
    ) -> Result<PeriodReport, FiguresError> {
        let span = day_number(*days.start())..=day_number(*days.end());
        let by_day = self.figures.days(subject.key(), span.clone())?;
        let uniques = self.figures.uniques(subject.key(), span.clone())?;
        let mut all = crate::outbox::derived::rows::DayFigures::default();
        by_day.values().for_each(|variants| all.add(&both(variants)));
        let total = Brought {
            reached: uniques.iter().map(|one| one.reached).sum(),
            responded: uniques.iter().map(|one| one.responded).sum(),
            ..Brought::over_days(&all)
        };
        let messages = if subject.has_ab { 2 } else { 1 };
        let row = |day: i32, variant: Variant| {
            let of_day = by_day.get(&day).copied().unwrap_or_default();
            PeriodRow {
                day: day_of(day).to_string(),
                variant: variant.label(),
                brought: Brought::on_day(&of_day[usize::from(variant == Variant::B)]),
            }
        };
        let variants = [Variant::A, Variant::B];
        let of_day = |day: i32| variants.into_iter().take(messages).map(move |one| (day, one));
        Ok(PeriodReport {
            campaign: subject.campaign.0,
            name: subject.name.clone(),
            from: days.start().to_string(),
            to: days.end().to_string(),
            total: total.rated(),
            rows: span.flat_map(of_day).map(|(day, variant)| row(day, variant)).collect(),
        })
    }
}
