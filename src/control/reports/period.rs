//! A campaign's report for days that are over: a row for each day and variant, and totals over the days.

use std::ops::RangeInclusive;

use jiff::civil::Date;

use super::kept::{ReportError, first_kept, must_be_kept};
use super::live::{Reports, both};
use super::parts::Brought;
use super::subject::{Subject, day_number, day_of};
use crate::control::refusal::Refusal;
use crate::domain::campaign::Variant;
use crate::outbox::derived::{Class, FiguresError};

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
    /// The first day of which devices are still known, where the campaign began before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept_from: Option<String>,
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
    /// The first local day; where it is left out, the campaign's, or the first that is kept.
    pub from: Option<String>,
    /// The last local day; where it is left out, the campaign's last, or yesterday.
    pub to: Option<String>,
}

impl PeriodRequest {
    /// The days of the campaign that are meant: whole ones, which are over and kept.
    ///
    /// # Errors
    /// [`Refusal::Faults`] on what is no day, days that are not over, and days that are not the campaign's;
    /// [`Refusal::NotKept`] on days before the first that is kept.
    pub fn days_of(
        &self,
        subject: &Subject,
        first_kept: Date,
    ) -> Result<RangeInclusive<Date>, Refusal> {
        let yesterday = subject.today.yesterday().unwrap_or(Date::MIN);
        let (first, last) = (subject.days.0, subject.days.1.min(yesterday));
        if last < first {
            let detail = format!(
                "campaign {} begins on {first}; a report has whole days to yesterday, {yesterday}",
                subject.campaign.0
            );
            return Err(Refusal::field("/from", detail));
        }
        let from = day(self.from.as_deref(), "/from", first.max(first_kept.min(last)))?;
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
        must_be_kept(from, (first_kept, Class::Devices), || {
            format!("the report begins on {from}")
        })?;
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
    /// The report of the days that are asked for. Blocks on the disk.
    ///
    /// # Errors
    /// [`ReportError`] as [`days_of`](PeriodRequest::days_of), or if the figures can't be read.
    pub fn period(
        &self,
        subject: &Subject,
        asked: &PeriodRequest,
    ) -> Result<PeriodReport, ReportError> {
        self.of_kept(|kept| {
            let of = |class| first_kept(kept, class, &subject.zone);
            let first_kept = of(Class::Devices).max(of(Class::Campaigns));
            let days = asked.days_of(subject, first_kept)?;
            let is_cut = first_kept > subject.days.0;
            let kept_from = is_cut.then(|| first_kept.to_string());
            Ok(PeriodReport { kept_from, ..self.over(subject, &days)? })
        })
    }

    fn over(
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
            kept_from: None,
            total: total.rated(),
            rows: span.flat_map(of_day).map(|(day, variant)| row(day, variant)).collect(),
        })
    }
}
