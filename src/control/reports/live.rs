//! A campaign's figures as they are now: at most some seconds behind the outbox.

use std::collections::BTreeMap;

use super::audience::Audiences;
use super::kept::ReportError;
use super::parts::Brought;
use super::subject::{Addressed, Subject, day_of};
use crate::control::segments::lookup::Lookup;
use crate::domain::campaign::Variant;
use crate::domain::units::UtcMs;
use crate::outbox::derived::members::{LookedUp, SegmentKey};
use crate::outbox::derived::rows::DayFigures;
use crate::outbox::derived::{Class, Figures, FiguresError};

/// Devices count as users of an app for so many days, UTC, today among them.
const SEEN_DAYS: i64 = 30;

/// Makes reports. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Reports {
    pub(super) figures: Figures,
    audiences: Audiences,
}

/// A campaign's figures.
#[derive(Clone, PartialEq, Debug, serde::Serialize, utoipa::ToSchema)]
pub struct LiveFigures {
    /// The campaign's number.
    pub campaign: u32,
    /// Whom it addresses: the segment's size, or the devices seen in its apps within 30 days.
    pub audience: u64,
    /// The first day that is still known, where the campaign began before: what earlier days brought is in no figure but
    /// `suppressed`, and devices that were reached first on one of them are not among those reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept_from: Option<String>,
    /// What it has brought on the days of its period.
    pub total: Brought,
    /// The same by message: one, or A and B.
    pub variants: Vec<VariantFigures>,
    /// Times that the condition came true and nothing was sent, by the last gate that stopped it.
    pub suppressed: BTreeMap<&'static str, u64>,
    /// The same by day, ascending; days that brought nothing are left out.
    pub days: Vec<DayOfCampaign>,
}

/// What one message brought.
#[derive(Clone, PartialEq, Debug, serde::Serialize, utoipa::ToSchema)]
pub struct VariantFigures {
    /// A or B.
    pub variant: &'static str,
    /// What it has brought.
    #[serde(flatten)]
    pub brought: Brought,
}

/// What a day brought; devices are counted on each day on which they were reached.
#[derive(Clone, PartialEq, Debug, serde::Serialize, utoipa::ToSchema)]
pub struct DayOfCampaign {
    /// The local day, as 2026-11-23.
    pub day: String,
    /// What it has brought.
    #[serde(flatten)]
    pub brought: Brought,
}

impl Reports {
    /// Of these figures.
    #[must_use]
    pub fn new(figures: Figures) -> Self {
        Self { figures, audiences: Audiences::default() }
    }

    /// What was looked up of a segment by visit history last. Blocks on the disk.
    ///
    /// # Errors
    /// [`FiguresError`] if it can't be read.
    pub fn segment(&self, segment: SegmentKey) -> Result<Option<LookedUp>, FiguresError> {
        self.figures.looked_up(segment)
    }

    /// How many devices a look-up finds. Blocks on the disk.
    ///
    /// # Errors
    /// [`FiguresError`] if the visits can't be read.
    pub fn would_have(&self, lookup: &Lookup) -> Result<u64, FiguresError> {
        Ok(lookup.devices(&self.figures)?.len() as u64)
    }

    /// A campaign's figures as they are. Blocks on the disk.
    ///
    /// # Errors
    /// [`ReportError`] if they can't be read.
    pub fn live(&self, subject: &Subject, now: UtcMs) -> Result<LiveFigures, ReportError> {
        self.of_kept(|kept| Ok(self.live_from(subject, kept.day(Class::Campaigns), now)?))
    }

    fn live_from(
        &self,
        subject: &Subject,
        first_kept: i32,
        now: UtcMs,
    ) -> Result<LiveFigures, FiguresError> {
        let (begins, ends) = subject.span().into_inner();
        let days = self.figures.days(subject.key(), begins.max(first_kept)..=ends)?;
        let mut totals = [DayFigures::default(); 2];
        for variants in days.values() {
            totals.iter_mut().zip(variants).for_each(|(total, day)| total.add(day));
        }
        let suppressed = self.figures.withheld(subject.key())?;
        Ok(LiveFigures {
            campaign: subject.campaign.0,
            audience: self.audience(subject, now)?,
            kept_from: (first_kept > begins).then(|| day_of(first_kept).to_string()),
            total: Brought::over_days(&both(&totals)),
            variants: variants(subject, &totals),
            suppressed: suppressed.iter().map(|(reason, count)| (reason.label(), *count)).collect(),
            days: days
                .iter()
                .map(|(day, variants)| DayOfCampaign {
                    day: day_of(*day).to_string(),
                    brought: Brought::on_day(&both(variants)),
                })
                .collect(),
        })
    }

    fn audience(&self, subject: &Subject, now: UtcMs) -> Result<u64, FiguresError> {
        let apps = match &subject.addressed {
            Addressed::Devices(devices) => return Ok(*devices),
            Addressed::Looked(segment) => {
                let known = self.figures.looked_up((subject.account, *segment))?;
                return Ok(known.map_or(0, |known| known.size));
            }
            Addressed::Apps(apps) => apps,
        };
        let mut apps = apps.clone();
        apps.sort_unstable();
        apps.dedup();
        let since = u32::try_from(now.utc_day() - SEEN_DAYS + 1).unwrap_or(0);
        let (figures, of) = (self.figures.clone(), (subject.account, apps));
        let (account, apps) = of.clone();
        self.audiences.of(of, now, move || figures.seen_since(account, &apps, since))
    }
}

fn variants(subject: &Subject, totals: &[DayFigures; 2]) -> Vec<VariantFigures> {
    let shown = if subject.has_ab { &[Variant::A, Variant::B][..] } else { &[Variant::A][..] };
    shown
        .iter()
        .zip(totals)
        .map(|(variant, total)| VariantFigures {
            variant: variant.label(),
            brought: Brought::over_days(total),
        })
        .collect()
}

/// Both variants together: a device gets always the same.
pub(super) fn both(variants: &[DayFigures; 2]) -> DayFigures {
    let mut all = variants[0];
    all.add(&variants[1]);
    all
}
