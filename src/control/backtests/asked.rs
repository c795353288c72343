//! What is asked for: a campaign by its number, or a whole one.

use serde_json::Value;

use crate::control::desk::drafts::{DraftOf, UNNUMBERED};
use crate::control::desk::uses::{About, Used};
use crate::control::documents::Campaign;
use crate::control::documents::document;
use crate::control::refusal::Refusal;
use crate::control::store::Purpose;
use crate::domain::ids::CampaignId;
use crate::domain::problem::Fault;

/// A campaign to be tried.
#[derive(Debug, utoipa::ToSchema)]
pub struct BacktestRequest {
    /// The number of a campaign, or a whole one that is not kept.
    pub campaign: CampaignAsked,
}

/// The number of a campaign, or a whole one. Bodies are read by [`of`](Self::of), which knows which fields are wrong.
#[derive(Debug, serde::Deserialize, utoipa::ToSchema)]
#[serde(untagged)]
pub enum CampaignAsked {
    /// Its number, in whatever state it is.
    Number(u32),
    /// As it would be made.
    Whole(Box<Campaign>),
}

impl BacktestRequest {
    /// Reads a body.
    ///
    /// # Errors
    /// [`Refusal::Faults`] with the field that does not read.
    pub fn of(body: &Value) -> Result<Self, Refusal> {
        let Some(members) = body.as_object() else {
            let detail = "the body is no object; allowed: one with the member campaign";
            return Err(Refusal::field("", detail));
        };
        if let Some(other) = members.keys().find(|name| *name != "campaign") {
            let detail = format!("{other:?} is unknown; allowed: campaign");
            return Err(Refusal::field(format!("/{other}"), detail));
        }
        Ok(Self { campaign: CampaignAsked::of(members.get("campaign").unwrap_or(&Value::Null))? })
    }
}

impl CampaignAsked {
    /// Reads a campaign or its number.
    ///
    /// # Errors
    /// As [`BacktestRequest::of`].
    pub fn of(value: &Value) -> Result<Self, Refusal> {
        if value.is_object() {
            let whole = document::parse(value.clone()).map_err(within_campaign)?;
            return Ok(Self::Whole(Box::new(whole)));
        }
        let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
        number.map(Self::Number).ok_or_else(|| {
            let detail = "campaign is missing, or no campaign; allowed: a campaign's number, or a whole campaign";
            Refusal::field("/campaign", detail)
        })
    }
}

impl From<CampaignAsked> for DraftOf {
    fn from(asked: CampaignAsked) -> Self {
        match asked {
            CampaignAsked::Number(number) => Self::Kept(number),
            CampaignAsked::Whole(campaign) => Self::Whole(campaign),
        }
    }
}

/// What recorded pings are used for; `campaign` may be a draft without a number.
#[must_use]
pub fn used(campaign: CampaignId) -> Used {
    let number = (campaign != UNNUMBERED).then_some(campaign.0);
    let about = About { campaign: number, ..About::default() };
    Used { purpose: Purpose::Backtest, device: None, about }
}

/// Fields of the campaign, as fields of what was asked.
pub fn within_campaign(refusal: Refusal) -> Refusal {
    let Refusal::Faults(faults) = refusal else { return refusal };
    let within = |fault: Fault| Fault::new(format!("/campaign{}", fault.pointer), fault.detail);
    Refusal::Faults(faults.into_iter().map(within).collect())
}
