//! The visit report: who of those reached came to a store afterwards, and how many would have come anyway.

use super::hours::bounds;
use super::interval::{Share, difference};
use super::kept::{ReportError, first_kept, must_be_kept};
use super::live::{Reports, both};
use super::parts::per_cent;
use super::subject::{Subject, day_number};
use super::visit_request::{After, VisitQuestion};
use super::watched::Watched;
use crate::outbox::derived::rows::{DayFigures, Reach, Side};
use crate::outbox::derived::{Class, FiguresError};

/// What the interval of the lift is made by.
const METHOD: &str = "newcombe_1998_method_10";

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

impl VisitReport {
    /// What a file of it is called, without what its format adds: what was asked, so that no two that were asked otherwise
    /// are called the same, unless they name many regions or brands.
    #[must_use]
    pub fn called(&self) -> String {
        let Self { campaign, from, as_of, extra_days, after, .. } = self;
        let (regions, brands) = (part("regions", &self.regions), part("brands", &self.brands));
        let after = after.label();
        format!(
            "visits-{campaign}-{from}-{as_of}{regions}{brands}-after-{after}-extra-{extra_days}"
        )
    }
}

/// The numbers of a part of the question, as far as a name has room for them.
fn part(what: &str, ids: &[u32]) -> String {
    const NAMED: usize = 5;
    if ids.is_empty() {
        return String::new();
    }
    let named: String = ids.iter().take(NAMED).map(|id| format!("-{id}")).collect();
    match ids.len().saturating_sub(NAMED) {
        0 => format!("-{what}{named}"),
        more => format!("-{what}{named}-and-{more}"),
    }
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

/// Devices of the campaign's days.
struct Sides {
    reached: u64,
    responded: u64,
    /// Those reached, or those that clicked: whatever a visit must come after.
    watched: Watched,
    /// Nobody after clicks.
    held_out: Watched,
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
        let Sides { reached, responded, mut watched, mut held_out } = self.sides(question)?;
        let from = bounds(subject.days.0, &subject.zone).0.begins_at();
        let until = bounds(*last_day, &subject.zone).1.begins_at();
        let firsts = [watched.first(), held_out.first()];
        question.must_be_measured(firsts.into_iter().flatten().min(), until)?;
        for place in places {
            self.figures.visits((subject.account, *place), (from, until), |device, visit| {
                watched.note(device, visit.entered_at);
                held_out.note(device, visit.entered_at);
            })?;
        }
        let visitors = watched.visitors();
        let lift = match after {
            After::Match => lift((visitors, reached), (held_out.visitors(), held_out.devices())),
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
            visits: watched.visits,
            response_rate_pct: per_cent(responded, reached),
            visit_rate_pct: per_cent(visitors, reached),
            lift,
        })
    }

    /// Who is looked at. After the campaign's last day only visits count, no matches and no clicks.
    fn sides(&self, question: &VisitQuestion) -> Result<Sides, FiguresError> {
        let VisitQuestion { subject, last_day, after, .. } = question;
        let over = subject.days.1.min(*last_day);
        let (campaign, days) = (subject.key(), day_number(subject.days.0)..=day_number(over));
        let mut firsts = DayFigures::default();
        self.figures.days(campaign, days.clone())?.values().for_each(|day| firsts.add(&both(day)));
        let (of_watched, of_held_out) = match after {
            After::Match => (firsts.first_reached, firsts.first_held_out),
            After::Click => (firsts.first_responded, 0),
        };
        let (mut reached, mut responded) = (0, 0);
        let (mut watched, mut held_out) = (Watched::of(of_watched), Watched::of(of_held_out));
        self.figures.devices(campaign, Side::Reached, |device, Reach { job, click }| {
            let has_job = job.is_on(&days);
            let has_clicked = has_job && click.is_on(&days);
            reached += u64::from(has_job);
            responded += u64::from(has_clicked);
            match after {
                After::Match if has_job => watched.push(device, job.at),
                After::Click if has_clicked => watched.push(device, click.at),
                After::Match | After::Click => {}
            }
        })?;
        // Who is held out has nothing to click.
        if *after == After::Match {
            self.figures.devices(campaign, Side::HeldOut, |device, reach| {
                if reach.job.is_on(&days) {
                    held_out.push(device, reach.job.at);
                }
            })?;
        }
        Ok(Sides { reached, responded, watched, held_out })
    }
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
