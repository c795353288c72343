//! Which job was made for whom: what outcomes are held against, long after the record has gone.

use crate::domain::campaign::{RunMode, Variant};
use crate::domain::ids::{AccountId, CampaignId, JobId};
use crate::domain::units::UtcMs;
use crate::identity::SealedDevice;

use super::record::{Content, OutboxRecord};

/// The first byte of each row.
const ROW_VERSION: u8 = 1;

const VARIANT_B: u8 = 1 << 0;
const TESTING: u8 = 1 << 1;

/// What is known of a job that was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MadeJob {
    /// Whose it was.
    pub account: AccountId,
    /// For which campaign.
    pub campaign: CampaignId,
    /// For whom.
    pub device: SealedDevice,
    /// With which message.
    pub variant: Variant,
    /// In a test or for real.
    pub mode: RunMode,
    /// When, by the device.
    pub at: UtcMs,
}

impl MadeJob {
    /// The job that a record orders, and what is kept of it.
    pub(super) fn of(record: &OutboxRecord) -> Option<(JobId, Self)> {
        let Content::Job(job) = &record.content else { return None };
        let made = Self {
            account: record.account,
            campaign: record.campaign.as_ref()?.id,
            device: record.device,
            variant: record.variant,
            mode: record.mode,
            at: record.at,
        };
        Some((job.id, made))
    }

    pub(super) fn to_bytes(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(40);
        let flag = |is_set: bool, bit: u8| if is_set { bit } else { 0 };
        let flags = flag(self.variant == Variant::B, VARIANT_B)
            | flag(self.mode == RunMode::Testing, TESTING);
        out.extend([ROW_VERSION, flags]);
        out.extend(self.account.0.to_le_bytes());
        out.extend(self.campaign.0.to_le_bytes());
        out.extend(self.device.to_bytes());
        out.extend(self.at.0.to_le_bytes());
        out
    }

    /// `None` for what [`to_bytes`](Self::to_bytes) never writes.
    pub(super) fn from_bytes(row: &[u8]) -> Option<Self> {
        let [ROW_VERSION, flags, rest @ ..] = row else { return None };
        let (account, rest) = rest.split_first_chunk()?;
        let (campaign, rest) = rest.split_first_chunk()?;
        let (device, rest) = rest.split_first_chunk()?;
        let has = |bit: u8| flags & bit != 0;
        Some(Self {
            account: AccountId(u32::from_le_bytes(*account)),
            campaign: CampaignId(u32::from_le_bytes(*campaign)),
            device: SealedDevice::from_bytes(*device),
            variant: if has(VARIANT_B) { Variant::B } else { Variant::A },
            mode: if has(TESTING) { RunMode::Testing } else { RunMode::Running },
            at: UtcMs(i64::from_le_bytes(rest.try_into().ok()?)),
        })
    }
}
