//! The visit report: who of those reached came to a store afterwards, and how many would have come anyway.

use std::collections::{HashMap, HashSet};

use jiff::civil::Date;

use super::hours::bounds;
use super::interval::{Share, difference};
use super::kept::{ReportError, first_kept, must_be_kept};
use super::live::Reports;
use super::parts::per_cent;
use super::period::day;
use super::subject::{Subject, day_number};
use crate::control::compiler::Records;
use crate::control::compiler::locations::Gazetteer;
use crate::control::desk::Desk;
use crate::control::desk::membership::Feature;
use crate::control::desk::uses::{About, Used};
use crate::control::documents::account::Measured;
use crate::control::documents::campaign::General;
use crate::control::documents::document::instant;
use crate::control::refusal::Refusal;
use crate::control::store::Purpose;
use crate::domain::ids::PlaceId;
use crate::domain::units::UtcMs;
use crate::outbox::derived::Class;
use crate::outbox::derived::rows::{Reach, Side};

/// What the interval of the lift is made by.
const METHOD: &str = "newcombe_1998_method_10";

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
    pub(super) measured: Option<Measured>,
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
    fn must_be_measured(&self, first: Option<UtcMs>, until: UtcMs) -> Result<(), Refusal> {
        let (Some(measured), Some(first)) = (self.measured, first) else { return Ok(()) };
        let campaign = self.subject.campaign.0;
        let asked = if instant(first) < measured.from {
            format!("the visits of campaign {campaign} count from {} on", instant(first))
        } else if measured.until.is_some_and(|end| end < instant(until)) {
            format!(
                "the visits of campaign {campaign} are asked for to the end of {}",
                self.last_day
            )
        } else {
            return Ok(());
        };
        Err(Refusal::NotMeasured { asked, measured: measured.to_string() })
    }
}

/// A visit report.
#[derive(Clone, PartialEq, Debug, serde::Serialize, utoipa::ToSchema)]
pub struct VisitReport {
    /// The campaign's number.
    pub campaign: u32,
    /// What it is called.
    pub name: String,
    /// Its first local day.
    pub from: String,
    /// Its last.
    pub to: String,
    /// The districts and trade areas that were asked for.
    pub regions: Vec<u32>,
    /// The brands that were.
    pub brands: Vec<u32>,
    /// The stores that these come to.
    pub places: u64,
    /// Days after the campaign's last one on which visits count.
    pub extra_days: u32,
    /// The last local day of visits, which may be earlier.
    pub as_of: String,
    /// What a visit must come after: the attribution rule.
    pub after: After,
    /// Distinct devices that were given a job.
    pub reached: u64,
    /// Distinct devices of those that opened one on a day of the campaign.
    pub responded: u64,
    /// Distinct devices of those reached that entered one of the stores afterwards.
    pub visitors: u64,
    /// Visits of theirs.
    pub visits: u64,
    /// Responded of reached, per cent, to two places.
    pub response_rate_pct: Option<f64>,
    /// Visitors of reached, per cent, to two places.
    pub visit_rate_pct: Option<f64>,
    /// Against the devices held out; none where there are none, and none after clicks, which those can't do.
    pub lift: Option<Lift>,
}

/// How much more those reached came than those held out.
#[derive(Clone, Copy, PartialEq, Debug, serde::Serialize, utoipa::ToSchema)]
pub struct Lift {
    /// Devices held out.
    pub held_out: u64,
    /// Of them, those that entered one of the stores after the first job that they did not get.
    pub visitors: u64,
    /// Those of the devices held out, per cent, to two places.
    pub visit_rate_pct: Option<f64>,
    /// The rate of those reached less that rate, in points of per cent.
    pub points: f64,
    /// The lower end of its 95 % interval.
    pub points_from: f64,
    /// The upper end.
    pub points_to: f64,
    /// By which method that is made: Newcombe 1998, method 10, the hybrid of two score intervals.
    pub method: &'static str,
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
        let measured = desk.account().visits_measured;
        if measured.is_none() && !desk.account().measure_visits {
            let asked = format!("the visits that campaign {campaign} has brought are asked for");
            return Err(Refusal::NotMeasured { asked, measured: "never, so far".to_owned() });
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
            desk.record(crate::control::store::Kind::Region, *id)?;
        }
        for id in &brands {
            desk.record(crate::control::store::Kind::Brand, *id)?;
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

/// Distinct devices, and visits of theirs.
#[derive(Default)]
struct Came {
    devices: HashSet<u64>,
    visits: u64,
}

impl Came {
    /// Notes a visit of a device that is looked at. A stay that had begun by then does not count.
    fn note(&mut self, since: &HashMap<u64, UtcMs>, device: u64, entered_at: UtcMs) {
        if since.get(&device).is_some_and(|since| entered_at > *since) {
            self.devices.insert(device);
            self.visits += 1;
        }
    }
}

impl Reports {
    /// The visit report: of all days of the campaign, or none. Blocks on the disk.
    ///
    /// # Errors
    /// [`ReportError`] if devices or visits of its first days are not kept any more, or the figures can't be read.
    pub fn visits(&self, question: &VisitQuestion) -> Result<VisitReport, ReportError> {
        let Subject { campaign, days: (begins, _), zone, .. } = &question.subject;
        self.of_kept(|kept| {
            for class in [Class::Campaigns, Class::Devices, Class::Visits] {
                let first_kept = first_kept(kept, class, zone);
                let asked = || format!("campaign {} began on {begins}", campaign.0);
                must_be_kept(*begins, (first_kept, class), asked)?;
            }
            self.visits_of(question)
        })
    }

    fn visits_of(&self, question: &VisitQuestion) -> Result<VisitReport, ReportError> {
        let VisitQuestion { subject, places, last_day, after, .. } = question;
        let over = subject.days.1.min(*last_day);
        let days = day_number(subject.days.0)..=day_number(over);
        let uniques = self.figures.uniques(subject.key(), days)?;
        let from = bounds(subject.days.0, &subject.zone).0.begins_at();
        let until = bounds(*last_day, &subject.zone).1.begins_at();
        let reached = self.figures.devices(subject.key(), Side::Reached)?;
        let held_out = self.figures.devices(subject.key(), Side::HeldOut)?;
        let since = |reach: &Reach| match after {
            After::Match => reach.job.at,
            After::Click => reach.click.at,
        };
        // After the campaign's last day only visits count, no clicks.
        let over = bounds(over, &subject.zone).1.begins_at();
        let of_reached: HashMap<u64, UtcMs> = since_of(&reached, over, since);
        let of_held_out: HashMap<u64, UtcMs> = since_of(&held_out, over, |reach| reach.job.at);
        let firsts = of_reached.values().chain(of_held_out.values());
        question.must_be_measured(firsts.min().copied(), until)?;
        let (mut came, mut came_anyway) = (Came::default(), Came::default());
        for place in places {
            self.figures.visits((subject.account, *place), (from, until), |device, visit| {
                came.note(&of_reached, device, visit.entered_at);
                came_anyway.note(&of_held_out, device, visit.entered_at);
            })?;
        }
        let reached: u64 = uniques.iter().map(|one| one.reached).sum();
        let responded = uniques.iter().map(|one| one.responded).sum();
        let visitors = came.devices.len() as u64;
        let lift = match after {
            After::Match => {
                let held_out = of_held_out.len() as u64;
                lift((visitors, reached), (came_anyway.devices.len() as u64, held_out))
            }
            After::Click => None,
        };
        Ok(VisitReport {
            campaign: subject.campaign.0,
            name: subject.name.clone(),
            from: subject.days.0.to_string(),
            to: subject.days.1.to_string(),
            regions: question.regions.clone(),
            brands: question.brands.clone(),
            places: places.len() as u64,
            extra_days: question.extra_days,
            as_of: last_day.to_string(),
            after: *after,
            reached,
            responded,
            visitors,
            visits: came.visits,
            response_rate_pct: per_cent(responded, reached),
            visit_rate_pct: per_cent(visitors, reached),
            lift,
        })
    }
}

/// Since when visits of each device count, for those of before `until`.
fn since_of(
    devices: &HashMap<u64, Reach>,
    until: UtcMs,
    since: impl Fn(&Reach) -> UtcMs,
) -> HashMap<u64, UtcMs> {
    let each = devices.iter().map(|(device, reach)| (*device, since(reach)));
    each.filter(|(_, since)| *since < until).collect()
}

fn lift((visitors, reached): (u64, u64), (came, held_out): (u64, u64)) -> Option<Lift> {
    let (one, other) =
        (Share { part: visitors, whole: reached }, Share { part: came, whole: held_out });
    let (points, (from, to)) = difference(one, other)?;
    let shown = |share: f64| (share * 10_000.0).round() / 100.0;
    Some(Lift {
        held_out,
        visitors: came,
        visit_rate_pct: per_cent(came, held_out),
        points: shown(points),
        points_from: shown(from),
        points_to: shown(to),
        method: METHOD,
    })
}
