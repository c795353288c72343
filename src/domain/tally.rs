//! What is counted for reports, but is no record of its own: triggers that closed without a job, devices seen.

use super::ids::{AccountId, AppId, CampaignId, DeviceKey, InputPosition};
use super::reasons::SuppressReason;
use super::units::UtcMs;

/// One fact to count, and the input that it is of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tally {
    /// The input that caused it.
    pub position: InputPosition,
    /// What is counted.
    pub fact: Fact,
}

/// What is counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fact {
    /// A trigger of a running campaign closed without a job.
    Withheld {
        /// Whose.
        account: AccountId,
        /// Its campaign.
        campaign: CampaignId,
        /// The last gate that stopped it.
        reason: SuppressReason,
        /// When, by the device.
        at: UtcMs,
    },
    /// A device's first fix of a day, or through another app than its last.
    Seen {
        /// Who.
        device: DeviceKey,
        /// Through which app.
        app: AppId,
        /// The instant of the fix.
        at: UtcMs,
    },
}
