//! The pushes of a month, by day and campaign, and what they cost beyond those included.

use jiff::civil::Date;

use super::live::{Reports, both};
use super::subject::{day_number, day_of};
use crate::control::desk::membership::{LITE_FEE_KRW, OVERAGE_KRW};
use crate::control::documents::Membership;
use crate::control::refusal::Refusal;
use crate::domain::ids::{AccountId, CampaignId};
use crate::outbox::derived::FiguresError;

/// The pushes of a local month. Tests and jobs of devices held out are not among them.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, utoipa::ToSchema)]
pub struct Usage {
    /// The local month, as 2026-11.
    pub month: String,
    /// Pushes.
    pub pushes: u64,
    /// Pushes that the membership includes; none where there is no such limit.
    pub included: Option<u64>,
    /// Pushes beyond those.
    pub over: u64,
    /// What those cost, KRW.
    pub overage_krw: u64,
    /// What the membership costs beside that, KRW; none where it is agreed upon otherwise.
    pub fee_krw: Option<u64>,
    /// By day and campaign, ascending; what brought nothing is left out.
    pub rows: Vec<UsageRow>,
}

impl Usage {
    /// The first and last day of its month.
    #[must_use]
    pub fn days(&self) -> (String, String) {
        let first = format!("{}-01", self.month);
        let last = first.parse().map(Date::last_of_month);
        let last = last.map_or_else(|_no_month| first.clone(), |last| last.to_string());
        (first, last)
    }
}

/// A day of a campaign.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, utoipa::ToSchema)]
pub struct UsageRow {
    /// The local day.
    pub day: String,
    /// The campaign's number; it may have been deleted since.
    pub campaign: u32,
    /// Pushes.
    pub pushes: u64,
}

/// The month that is asked for.
#[derive(Clone, PartialEq, Eq, Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UsageRequest {
    /// As 2026-11; this month or the last. This month where it is left out.
    pub month: Option<String>,
}

impl UsageRequest {
    /// The first day of the month.
    ///
    /// # Errors
    /// [`Refusal::Faults`] for other months than this one and the last.
    pub fn month_of(&self, today: Date) -> Result<Date, Refusal> {
        let this = today.first_of_month();
        let last = this.yesterday().map_or(this, Date::first_of_month);
        let Some(text) = &self.month else { return Ok(this) };
        [this, last].into_iter().find(|month| month_text(*month) == *text).ok_or_else(|| {
            let (this, last) = (month_text(this), month_text(last));
            Refusal::field("/month", format!("month is {text:?}; allowed: {this} and {last}"))
        })
    }
}

fn month_text(month: Date) -> String {
    month.strftime("%Y-%m").to_string()
}

impl Reports {
    /// The usage of an account in the month that begins on `month`. Blocks on the disk.
    ///
    /// # Errors
    /// [`FiguresError`] if the figures can't be read.
    pub fn usage(
        &self,
        account: AccountId,
        membership: Membership,
        month: Date,
    ) -> Result<Usage, FiguresError> {
        let span = day_number(month)..=day_number(month.last_of_month());
        let mut rows = Vec::new();
        for campaign in self.figures.campaigns(account)? {
            for (day, variants) in self.figures.days((account, campaign), span.clone())? {
                let pushes = both(&variants).jobs;
                rows.push((day, campaign, pushes));
            }
        }
        rows.retain(|(.., pushes)| *pushes > 0);
        rows.sort_unstable();
        let pushes = rows.iter().map(|(.., pushes)| pushes).sum();
        let (over, overage_krw) = overage(membership, pushes);
        let row = |(day, campaign, pushes): (i32, CampaignId, u64)| UsageRow {
            day: day_of(day).to_string(),
            campaign: campaign.0,
            pushes,
        };
        Ok(Usage {
            month: month_text(month),
            pushes,
            included: membership.terms().included_pushes,
            over,
            overage_krw,
            fee_krw: (membership == Membership::Lite).then_some(LITE_FEE_KRW),
            rows: rows.into_iter().map(row).collect(),
        })
    }
}

/// Pushes beyond those that a membership includes, and what they cost, KRW.
pub(super) fn overage(membership: Membership, pushes: u64) -> (u64, u64) {
    let included = membership.terms().included_pushes;
    let over = included.map_or(0, |included| pushes.saturating_sub(included));
    (over, over * OVERAGE_KRW)
}
