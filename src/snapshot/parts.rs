//! A loaded snapshot's pieces, joined: verified blocks per account and what stands beside them.
//!
//! [`load`](super::load) assembles them and [`view`](super::view) reads them. Blocks are shared: an epoch
//! that changes one campaign holds the same [`Verified`] index as the one before.

use std::sync::Arc;

use rkyv::Portable;

use super::block::{BlockHash, Content, Verified};
use super::blocks::{
    ArchivedCampaignsBlock, ArchivedConditionRow, AudienceBlock, BlockKind, CalendarBlock,
    CampaignsBlock, Manifest, ManifestAccount, PlacesBlock, ScheduleBlock, Standing, TargetsBlock,
    WatchBlock,
};
use super::index::{AtlasBlock, GeometryBlock, Index, ShapesBlock};
use super::pages::Pages;
use crate::domain::decision::Transition;
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
    /// The buckets of polygons that all accounts share.
    pub geometry: Arc<[Arc<Verified<GeometryBlock>>]>,
    /// In ascending order of id.
    pub accounts: Vec<AccountParts>,
    /// Position + 1 in `accounts` by id, 0 where there is none; empty where ids are too sparse.
    pub direct: Vec<u32>,
}

/// The blocks of one account. A clone shares them.
#[derive(Debug, Clone)]
pub struct AccountParts {
    /// Its number.
    pub id: AccountId,
    /// The last epoch in which its targets or campaigns changed.
    pub changed_in: Epoch,
    /// The first target id never dealt yet.
    pub next_target_id: u32,
    /// The tree of the index.
    pub atlas: Arc<Verified<AtlasBlock>>,
    /// Where the watched targets are.
    pub index: Arc<Index>,
    /// What they are.
    pub shapes: Pages<ShapesBlock>,
    /// The buckets of polygons that all accounts share.
    pub geometry: Arc<[Arc<Verified<GeometryBlock>>]>,
    /// Keys, names and places.
    pub targets: Pages<TargetsBlock>,
    /// Who watches what.
    pub watch: Pages<WatchBlock>,
    /// Which of the watched belong to a store.
    pub places: Arc<Verified<PlacesBlock>>,
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
    /// What the campaigns wait for.
    pub awaited: Awaited,
    /// Whether a watched target is for those at home there.
    pub has_homes: bool,
}

/// Which transitions the campaigns of an account wait for: where none waits for exits, nobody need look which
/// campaigns watch a target that was left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Awaited {
    enter: bool,
    dwell: bool,
    exit: bool,
}

impl Awaited {
    /// By these campaigns.
    #[must_use]
    pub fn by(campaigns: &ArchivedCampaignsBlock) -> Self {
        let mut awaited = Self { enter: false, dwell: false, exit: false };
        for row in campaigns.rows.iter() {
            match row.condition {
                ArchivedConditionRow::Enter => awaited.enter = true,
                ArchivedConditionRow::Dwell(_) => awaited.dwell = true,
                ArchivedConditionRow::Exit => awaited.exit = true,
            }
        }
        awaited
    }

    /// Whether one waits for this.
    #[must_use]
    pub fn has(self, transition: Transition) -> bool {
        match transition {
            Transition::Enter => self.enter,
            Transition::Dwell => self.dwell,
            Transition::Exit => self.exit,
        }
    }
}

impl AccountParts {
    /// Which blocks they are.
    #[must_use]
    pub fn entry(&self) -> ManifestAccount {
        ManifestAccount {
            id: self.id.0,
            atlas: self.atlas.hash().0,
            tiles: self.index.tiles.blocks().iter().map(|tile| tile.hash().0).collect(),
            shapes: self.shapes.hashes(),
            targets: self.targets.hashes(),
            watch: self.watch.hashes(),
            places: self.places.hash().0,
            campaigns: self.campaigns.hash().0,
            calendar: self.calendar.hash().0,
            schedule: self.schedule.hash().0,
            audiences: self.audiences.iter().map(|block| block.hash().0).collect(),
        }
    }
}

impl Parts {
    /// Every block but the two heads, as it lies in memory; shared ones as often as they are named.
    pub fn blocks(&self) -> impl Iterator<Item = (BlockKind, BlockHash, &[u8])> {
        let own = self.accounts.iter().flat_map(|account| {
            let heads = [
                one(&account.atlas),
                one(&account.places),
                one(&account.campaigns),
                one(&account.calendar),
                one(&account.schedule),
            ];
            let tiles = account.index.tiles.blocks().iter().map(one);
            let pages = account.shapes.blocks().iter().map(one);
            let pages = pages.chain(account.targets.blocks().iter().map(one));
            let pages = pages.chain(account.watch.blocks().iter().map(one));
            heads.into_iter().chain(tiles).chain(pages).chain(account.audiences.iter().map(one))
        });
        self.geometry.iter().map(one).chain(own)
    }

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

fn one<T: Content>(block: &Arc<Verified<T>>) -> (BlockKind, BlockHash, &[u8])
where
    T::Archived: Portable,
{
    (T::KIND, block.hash(), block.bytes())
}
