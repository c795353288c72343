//! What is asked of a visit report, held against the catalog and against when visits were measured.

use jiff::civil::Date;

use super::period::day;
use super::subject::Subject;
use crate::control::compiler::Records;
use crate::control::compiler::locations::Gazetteer;
use crate::control::desk::Desk;
use crate::control::desk::membership::Feature;
use crate::control::desk::uses::{About, Used};
use crate::control::documents::account::{Measured, spans};
use crate::control::documents::campaign::General;
use crate::control::documents::document::instant;
use crate::control::refusal::Refusal;
use crate::control::store::{Kind, Purpose};
use crate::domain::ids::PlaceId;
use crate::domain::units::UtcMs;

/// Days after the last one of the campaign on which visits count, unless others are asked for.
const EXTRA_DAYS: u32 = 15;

/// The most.
const MAX_EXTRA_DAYS: u32 = 30;

/// A visit report that is asked for.
#[derive(Clone, PartialEq, Eq, Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VisitRequest {
    /// Districts and trade areas, any of them: numbers with commas between.
    pub regions: Option<String>,
    /// Brands, any of them: numbers with commas between. With regions, both must hold.
    pub brands: Option<String>,
    /// Days after the last one of the campaign on which visits count, 0 to 30; 15 where it is left out.
    pub extra_days: Option<u32>,
    /// What a visit must come after: `match` or `click`; `match` where it is left out.
    pub after: Option<String>,
    /// The last local day of visits, for a report before all days are over; yesterday at the latest.
    pub as_of: Option<String>,
}

/// What a visit must come after.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum After {
    /// The device's first job.
    Match,
    /// The first that it opened.
    Click,
}

impl After {
    /// What requests and answers call it.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Match => "match",
            Self::Click => "click",
        }
    }
}

/// A request, held against the catalog.
#[derive(Clone, Debug)]
pub struct VisitQuestion {
    pub(super) subject: Subject,
    pub(super) regions: Vec<u32>,
    pub(super) brands: Vec<u32>,
    pub(super) places: Vec<PlaceId>,
    pub(super) extra_days: u32,
    pub(super) last_day: Date,
    pub(super) after: After,
    /// When visits were measured; none where that was not noted, and they are.
    pub(super) measured: Vec<Measured>,
}

impl VisitQuestion {
    /// What the location of those reached is used for.
    #[must_use]
    pub fn used(&self) -> Used {
        let about = About {
            campaign: Some(self.subject.campaign.0),
            from: Some(self.subject.days.0.to_string()),
            to: Some(self.last_day.to_string()),
            ..About::default()
        };
        Used { purpose: Purpose::VisitReport, device: None, about }
    }

    /// Refuses to take visits that nobody measured for visits that nobody made: those from the `first` that may count, if
    /// any may, up to `until`.
    pub(super) fn must_be_measured(
        &self,
        first: Option<UtcMs>,
        until: UtcMs,
    ) -> Result<(), Refusal> {
        let Some(first) = first.filter(|_| !self.measured.is_empty()) else { return Ok(()) };
        let (first, until) = (instant(first), instant(until));
        let mut begun = self.measured.iter().filter(|span| span.has(first)).peekable();
        let campaign = self.subject.campaign.0;
        let asked = if begun.peek().is_none() {
            let after = match self.after {
                After::Match => "matches",
                After::Click => "clicks",
            };
            format!("visits after the {after} of campaign {campaign} count from {first} on")
        } else if begun.any(|span| span.has(until)) {
            return Ok(());
        } else {
            let last_day = self.last_day;
            format!("the visits of campaign {campaign} are asked for to the end of {last_day}")
        };
        Err(Refusal::NotMeasured { asked, measured: spans(&self.measured) })
    }
}

impl VisitRequest {
    /// What is asked, with the stores that are meant.
    ///
    /// # Errors
    /// [`Refusal`] where the membership has no visit report, the account measures no visits, nothing is asked for, or
    /// no day is over.
    pub fn held_against(
        self,
        desk: &mut Desk<'_>,
        campaign: u32,
    ) -> Result<VisitQuestion, Refusal> {
        desk.account().membership.must_have(Feature::VisitReport)?;
        let subject = desk.subject(campaign)?;
        let measured = desk.account().visits_measured.clone();
        if measured.is_empty() && !desk.account().measure_visits {
            let asked = format!("the visits that campaign {campaign} has brought are asked for");
            return Err(Refusal::NotMeasured { asked, measured: spans(&measured) });
        }
        let (regions, brands) = (
            numbers(self.regions.as_deref(), "/regions")?,
            numbers(self.brands.as_deref(), "/brands")?,
        );
        if regions.is_empty() && brands.is_empty() {
            let detail = "regions and brands are both empty; name at least one of either";
            return Err(Refusal::field("/regions", detail));
        }
        let after = match self.after.as_deref() {
            None | Some("match") => After::Match,
            Some("click") => After::Click,
            Some(other) => {
                let detail = format!("after is {other:?}; allowed: match, click");
                return Err(Refusal::field("/after", detail));
            }
        };
        let extra_days = self.extra_days.unwrap_or(EXTRA_DAYS);
        if extra_days > MAX_EXTRA_DAYS {
            let detail = format!("extra_days is {extra_days}; allowed: 0 to {MAX_EXTRA_DAYS}");
            return Err(Refusal::field("/extra_days", detail));
        }
        let last_day = last_day(&subject, extra_days, self.as_of.as_deref())?;
        for id in &regions {
            desk.record(Kind::Region, *id)?;
        }
        for id in &brands {
            desk.record(Kind::Brand, *id)?;
        }
        let block =
            General { regions: regions.clone(), brands: brands.clone(), ..General::default() };
        let account = desk.account_id();
        let places = Gazetteer::over(desk.tx, &mut Records::of(account)).stores_meant(&block);
        let places = places.map_err(|error| Refusal::field("/regions", error.to_string()))?;
        let places = places.into_iter().map(PlaceId).collect();
        Ok(VisitQuestion {
            subject,
            regions,
            brands,
            places,
            extra_days,
            last_day,
            after,
            measured,
        })
    }
}

/// The last day of visits: the campaign's with the extra ones, but no day that is not over.
fn last_day(subject: &Subject, extra_days: u32, as_of: Option<&str>) -> Result<Date, Refusal> {
    let (first, end) = subject.days;
    let yesterday = subject.today.yesterday().unwrap_or(Date::MIN);
    let extra = jiff::Span::new().days(extra_days);
    let latest = end.checked_add(extra).unwrap_or(Date::MAX).min(yesterday);
    if latest < first {
        let detail = format!(
            "campaign {} begins on {first}; a report has whole days to yesterday, {yesterday}",
            subject.campaign.0
        );
        return Err(Refusal::field("/as_of", detail));
    }
    let as_of = day(as_of, "/as_of", latest)?;
    if !(first..=latest).contains(&as_of) {
        let detail = format!("as_of is {as_of}; allowed: {first} to {latest}");
        return Err(Refusal::field("/as_of", detail));
    }
    Ok(as_of)
}

/// Numbers with commas between.
fn numbers(text: Option<&str>, pointer: &str) -> Result<Vec<u32>, Refusal> {
    let parts = text.unwrap_or_default().split(',').map(str::trim).filter(|part| !part.is_empty());
    parts
        .map(|part| {
            part.parse().map_err(|_no_number| {
                let field = pointer.trim_start_matches('/');
                let detail = format!("{field} has {part:?}; allowed: numbers with commas between");
                Refusal::field(pointer, detail)
            })
        })
        .collect()
}
