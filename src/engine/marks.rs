//! What a device's used buckets come to in three words, so that most questions need no walk over them.
//!
//! It follows from the list and is not written into the state; where it cannot tell, the list is asked.

use crate::domain::ids::CampaignId;
use crate::domain::units::UtcMs;

use super::device::UsedBucket;

/// Which campaigns may have a bucket in the list, and until when all of it is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct UsedMarks {
    /// A bit for each campaign, by the last digits of its number: campaigns of neighbouring numbers have bits of
    /// their own.
    campaigns: [u64; 2],
    /// The least `keep_until`.
    kept_until: UtcMs,
}

impl Default for UsedMarks {
    fn default() -> Self {
        Self { campaigns: [0; 2], kept_until: UtcMs::MAX }
    }
}

impl UsedMarks {
    /// Of a whole list.
    pub(crate) fn of(list: &[UsedBucket]) -> Self {
        let mut marks = Self::default();
        list.iter().for_each(|used| marks.add(used));
        marks
    }

    /// Of the list with one bucket more.
    pub(crate) fn add(&mut self, used: &UsedBucket) {
        let (word, bit) = place(used.campaign);
        self.campaigns[word] |= bit;
        self.kept_until = self.kept_until.min(used.keep_until);
    }

    /// `false` when no bucket of the list is of this campaign.
    pub(crate) fn may_have(&self, campaign: CampaignId) -> bool {
        let (word, bit) = place(campaign);
        self.campaigns[word] & bit != 0
    }

    /// Whether every bucket of the list is to be kept at `now`.
    pub(crate) fn all_last(&self, now: UtcMs) -> bool {
        self.kept_until >= now
    }
}

fn place(CampaignId(number): CampaignId) -> (usize, u64) {
    ((number >> 6 & 1) as usize, 1 << (number & 63))
}
