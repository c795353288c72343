//! A campaign's report for days that are over: a row for each day and variant, and totals over the days.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use jiff::civil::Date;

use super::kept::{ReportError, first_kept, must_be_kept};
use super::live::{Reports, both};
use super::parts::{Brought, SHOWN_ROWS};
use super::subject::{Subject, day_number, day_of};
use crate::control::refusal::Refusal;
use crate::domain::campaign::Variant;
use crate::outbox::derived::read::ByVariant;
use crate::outbox::derived::rows::DayFigures;
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
    /// How many further rows there are, of which only the files have all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows_left_out: Option<u64>,
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

/// The same as a table, whose rows are made while it is written: days of a campaign may be many more than those on
/// which it brought anything.
#[derive(Clone, Debug)]
pub struct PeriodTable {
    /// The campaign's number.
    pub campaign: u32,
    /// Its name.
    pub name: String,
    /// The first and last local day.
    pub days: (Date, Date),
    /// Over all days, distinct devices counted once.
    pub(super) total: Brought,
    /// The first day of which devices are still known, where the campaign began before.
    pub(super) kept_from: Option<Date>,
    /// Whether it has two messages.
    pub(super) has_ab: bool,
    /// The days that brought anything.
    pub(super) by_day: BTreeMap<i32, ByVariant<DayFigures>>,
}

impl PeriodTable {
    /// How many rows it has: one for each day and message.
    pub(super) fn len(&self) -> usize {
        let days = day_number(self.days.1) - day_number(self.days.0) + 1;
        usize::try_from(days).unwrap_or(0) * self.messages()
    }

    /// The row at a place before that, ascending; what brought nothing is 0.
    pub(super) fn row(&self, at: usize) -> PeriodRow {
        let day = i32::try_from(at / self.messages()).unwrap_or(i32::MAX);
        let day = day_number(self.days.0).saturating_add(day);
        let variant = if at.is_multiple_of(self.messages()) { Variant::A } else { Variant::B };
        let of_day = self.by_day.get(&day).copied().unwrap_or_default();
        PeriodRow {
            day: day_of(day).to_string(),
            variant: variant.label(),
            brought: Brought::on_day(&of_day[usize::from(variant == Variant::B)]),
        }
    }

    fn messages(&self) -> usize {
        if self.has_ab { 2 } else { 1 }
    }
}

impl From<PeriodTable> for PeriodReport {
    fn from(table: PeriodTable) -> Self {
        let left_out = table.len().saturating_sub(SHOWN_ROWS) as u64;
        Self {
            campaign: table.campaign,
            from: table.days.0.to_string(),
            to: table.days.1.to_string(),
            total: table.total,
            kept_from: table.kept_from.map(|day| day.to_string()),
            rows: (0..table.len().min(SHOWN_ROWS)).map(|at| table.row(at)).collect(),
            rows_left_out: Some(left_out).filter(|left_out| *left_out > 0),
            name: table.name,
        }
    }
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
    ) -> Result<PeriodTable, ReportError> {
        self.of_kept(|kept| {
            let of = |class| first_kept(kept, class, &subject.zone);
            let first_kept = of(Class::Devices).max(of(Class::Campaigns));
            let days = asked.days_of(subject, first_kept)?;
            let kept_from = Some(first_kept).filter(|first_kept| *first_kept > subject.days.0);
            Ok(PeriodTable { kept_from, ..self.over(subject, &days)? })
        })
    }

    fn over(
        &self,
        subject: &Subject,
        days: &RangeInclusive<Date>,
    ) -> Result<PeriodTable, FiguresError> {
        let span = day_number(*days.start())..=day_number(*days.end());
        let by_day = self.figures.days(subject.key(), span.clone())?;
        let uniques = self.figures.uniques(subject.key(), span)?;
        let mut all = DayFigures::default();
        by_day.values().for_each(|variants| all.add(&both(variants)));
        let total = Brought {
            reached: uniques.iter().map(|one| one.reached).sum(),
            responded: uniques.iter().map(|one| one.responded).sum(),
            held_out: uniques.iter().map(|one| one.held_out).sum(),
            ..Brought::counts(&all)
        };
        Ok(PeriodTable {
            campaign: subject.campaign.0,
            name: subject.name.clone(),
            days: (*days.start(), *days.end()),
            kept_from: None,
            total: total.rated(),
            has_ab: subject.has_ab,
            by_day,
        })
    }
}
