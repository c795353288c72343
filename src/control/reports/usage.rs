//! The pushes of a month, by day and campaign, and what they cost beyond those included.

use std::ops::RangeInclusive;
use std::vec;

use jiff::civil::Date;

use super::live::{Reports, both};
use super::parts::SHOWN_ROWS;
use super::subject::{day_number, day_of};
use crate::control::desk::membership::{LITE_FEE_KRW, OVERAGE_KRW};
use crate::control::documents::Membership;
use crate::control::refusal::Refusal;
use crate::domain::ids::{AccountId, CampaignId};
use crate::outbox::derived::rows::DayFigures;
use crate::outbox::derived::{Figures, FiguresError};

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
    /// By campaign and day, ascending; what brought nothing is left out.
    pub rows: Vec<UsageRow>,
    /// How many further rows there are, of which only the files have all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows_left_out: Option<u64>,
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

/// The usage of a month as a table, which is read while it is written.
#[derive(Debug)]
pub struct UsageTable {
    month: Date,
    pub(super) membership: Membership,
    pub(super) rows: UsageRows,
}

impl UsageTable {
    /// The local month, as 2026-11.
    #[must_use]
    pub fn month(&self) -> String {
        month_text(self.month)
    }

    /// The first and last day of its month.
    #[must_use]
    pub fn days(&self) -> (String, String) {
        (self.month.to_string(), self.month.last_of_month().to_string())
    }
}

/// Days of an account's campaigns that brought pushes, by campaign and day, ascending. In memory are those of one campaign.
#[derive(Debug)]
pub(super) struct UsageRows {
    figures: Figures,
    account: AccountId,
    /// The days of the month.
    days: RangeInclusive<i32>,
    of_campaign: vec::IntoIter<UsageRow>,
    /// Campaigns from this one on are to come.
    next: Option<CampaignId>,
}

impl UsageRows {
    /// Takes up the next campaign, if there is one.
    fn turn(&mut self) -> Result<bool, FiguresError> {
        let Some(from) = self.next.take() else { return Ok(false) };
        let Some(campaign) = self.figures.campaign_from((self.account, from))? else {
            return Ok(false);
        };
        let days = self.figures.days((self.account, campaign), self.days.clone())?;
        let row = |(day, variants): (i32, [DayFigures; 2])| {
            let pushes = both(&variants).jobs;
            let day = || day_of(day).to_string();
            (pushes > 0).then(|| UsageRow { day: day(), campaign: campaign.0, pushes })
        };
        self.of_campaign = days.into_iter().filter_map(row).collect::<Vec<_>>().into_iter();
        self.next = campaign.0.checked_add(1).map(CampaignId);
        Ok(true)
    }
}

impl Iterator for UsageRows {
    type Item = Result<UsageRow, FiguresError>;

    /// Ends with the first error.
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(row) = self.of_campaign.next() {
                return Some(Ok(row));
            }
            match self.turn() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => return Some(Err(error)),
            }
        }
    }
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
        let (mut pushes, mut rows, mut left_out) = (0, Vec::new(), 0);
        for row in self.usage_rows(account, month) {
            let row = row?;
            pushes += row.pushes;
            if rows.len() < SHOWN_ROWS {
                rows.push(row);
            } else {
                left_out += 1;
            }
        }
        let (over, overage_krw) = overage(membership, pushes);
        Ok(Usage {
            month: month_text(month),
            pushes,
            included: membership.terms().included_pushes,
            over,
            overage_krw,
            fee_krw: (membership == Membership::Lite).then_some(LITE_FEE_KRW),
            rows,
            rows_left_out: Some(left_out).filter(|left_out| *left_out > 0),
        })
    }

    /// The same as a table.
    #[must_use]
    pub fn usage_table(
        &self,
        account: AccountId,
        membership: Membership,
        month: Date,
    ) -> UsageTable {
        UsageTable { month, membership, rows: self.usage_rows(account, month) }
    }

    fn usage_rows(&self, account: AccountId, month: Date) -> UsageRows {
        UsageRows {
            figures: self.figures.clone(),
            account,
            days: day_number(month)..=day_number(month.last_of_month()),
            of_campaign: Vec::new().into_iter(),
            next: Some(CampaignId(0)),
        }
    }
}

/// Pushes beyond those that a membership includes, and what they cost, KRW.
pub(super) fn overage(membership: Membership, pushes: u64) -> (u64, u64) {
    let included = membership.terms().included_pushes;
    let over = included.map_or(0, |included| pushes.saturating_sub(included));
    (over, over * OVERAGE_KRW)
}
