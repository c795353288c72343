//! A loaded snapshot's pieces, joined: verified blocks per account and what stands beside them.
//!
//! [`load`](super::load) assembles them and [`view`](super::view) reads them. Blocks are shared: an epoch
//! that changes one campaign holds the same [`Verified`] index as the one before.

use std::sync::Arc;

use super::block::Verified;
use super::blocks::{
    AudienceBlock, CalendarBlock, CampaignsBlock, Manifest, ScheduleBlock, Standing, TargetsBlock,
    WatchBlock,
};
use super::index::IndexBlock;
use crate::domain::ids::{AccountId, Epoch, SnapshotHash};

/// All of a snapshot.
#[derive(Debug)]
pub struct Parts {
    /// Its number.
    pub epoch: Epoch,
    /// Its content hash.
    pub hash: SnapshotHash,
    /// Which blocks it is made of.
    pub manifest: Arc<Verified<Manifest>>,
    /// What was carried over.
    pub standing: Arc<Verified<Standing>>,
    /// In ascending order of id.
    pub accounts: Vec<AccountParts>,
    /// Position + 1 in `accounts` by id, 0 where there is none; empty where ids are too sparse.
    pub direct: Vec<u32>,
}

/// The blocks of one account.
#[derive(Debug)]
pub struct AccountParts {
    /// Its number.
    pub id: AccountId,
    /// The last epoch in which its targets or campaigns changed.
    pub changed_in: Epoch,
    /// The first target id never dealt yet.
    pub next_target_id: u32,
    /// The digest of what the index was built from.
    pub index_source: [u8; 32],
    /// Where the watched targets are.
    pub index: Arc<Verified<IndexBlock>>,
    /// Keys, names and places.
    pub targets: Arc<Verified<TargetsBlock>>,
    /// Who watches what.
    pub watch: Arc<Verified<WatchBlock>>,
    /// What campaigns ask for.
    pub campaigns: Arc<Verified<CampaignsBlock>>,
    /// Days, months and nights.
    pub calendar: Arc<Verified<CalendarBlock>>,
    /// Weekday windows.
    pub schedule: Arc<Verified<ScheduleBlock>>,
    /// Long member sets.
    pub audiences: Vec<Arc<Verified<AudienceBlock>>>,
    /// Per row of the campaigns block, since when the campaign has been in its mode.
    pub run_since: Vec<Epoch>,
}

impl Parts {
    /// The account's blocks.
    #[must_use]
    pub fn account(&self, id: AccountId) -> Option<&AccountParts> {
        if self.direct.is_empty() {
            let at = self.accounts.binary_search_by_key(&id, |parts| parts.id).ok()?;
            return self.accounts.get(at);
        }
        let slot = *self.direct.get(usize::try_from(id.0).ok()?)?;
        self.accounts.get(usize::try_from(slot.checked_sub(1)?).ok()?)
    }
}
