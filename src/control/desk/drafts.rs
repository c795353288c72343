//! Campaigns that are tried against the past: held against the rules, and not kept.

use super::desk::Desk;
use super::rules::Ruled as _;
use crate::control::documents::{Campaign, Shown};
use crate::control::refusal::Refusal;
use crate::domain::ids::CampaignId;

/// Which campaign is tried.
#[derive(Clone, PartialEq, Debug)]
pub enum DraftOf {
    /// One that the catalog has, in whatever state.
    Kept(u32),
    /// One that it does not have.
    Whole(Box<Campaign>),
}

/// The number of a draft that the catalog does not have. It is the newest of all, so it wins ties as a new campaign would;
/// and it is always the same, so whom lots hold out is, too.
pub const UNNUMBERED: CampaignId = CampaignId(u32::MAX);

impl Desk<'_> {
    /// A campaign as it would run, with its lists of devices, and its number. Its period does not matter.
    ///
    /// # Errors
    /// The rule that is in the way; the fields are those of the campaign.
    pub fn draft(&mut self, of: DraftOf) -> Result<(CampaignId, Campaign), Refusal> {
        let (id, mut campaign) = match of {
            DraftOf::Kept(id) => {
                let Shown { document, .. } = self.get::<Campaign>(id)?;
                (CampaignId(id), document)
            }
            DraftOf::Whole(campaign) => (UNNUMBERED, *campaign),
        };
        campaign.complete(self)?;
        campaign.may_be_made(self)?;
        self.checked(&campaign)?;
        campaign.fits(self, None)?;
        self.must_be_usable(&campaign)?;
        Ok((id, campaign))
    }
}
