//! What an earlier snapshot of this process verified, by name: blocks, and accounts that were joined of them.

use std::collections::HashMap;
use std::sync::Arc;

use rkyv::Portable;

use super::block::{BlockHash, Content, Verified};
use super::blocks::{
    AudienceBlock, BlockKind, CalendarBlock, CampaignsBlock, PlacesBlock, ScheduleBlock,
    TargetsBlock, WatchBlock,
};
use super::index::{AtlasBlock, GeometryBlock, ShapesBlock, TileBlock};
use super::parts::AccountParts;
use super::view::SnapshotView;
use crate::domain::ids::AccountId;

/// Verified blocks by name, for sharing.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    pub(super) geometry: Row<GeometryBlock>,
    pub(super) atlases: Row<AtlasBlock>,
    pub(super) tiles: Row<TileBlock>,
    pub(super) shapes: Row<ShapesBlock>,
    pub(super) targets: Row<TargetsBlock>,
    pub(super) watch: Row<WatchBlock>,
    pub(super) places: Row<PlacesBlock>,
    pub(super) campaigns: Row<CampaignsBlock>,
    pub(super) calendars: Row<CalendarBlock>,
    pub(super) schedules: Row<ScheduleBlock>,
    pub(super) audiences: Row<AudienceBlock>,
    /// What was joined of them.
    pub(super) accounts: HashMap<AccountId, AccountParts>,
}

pub(super) type Row<T> = HashMap<BlockHash, Arc<Verified<T>>>;

impl Shelf {
    /// Everything that a snapshot holds.
    pub(super) fn of(view: SnapshotView<'_>) -> Self {
        let mut shelf = Self::default();
        put_all(&mut shelf.geometry, &view.parts().geometry);
        for account in &view.parts().accounts {
            put(&mut shelf.atlases, &account.atlas);
            put_all(&mut shelf.tiles, account.index.tiles.blocks());
            put_all(&mut shelf.shapes, account.shapes.blocks());
            put_all(&mut shelf.targets, account.targets.blocks());
            put_all(&mut shelf.watch, account.watch.blocks());
            put(&mut shelf.places, &account.places);
            put(&mut shelf.campaigns, &account.campaigns);
            put(&mut shelf.calendars, &account.calendar);
            put(&mut shelf.schedules, &account.schedule);
            put_all(&mut shelf.audiences, &account.audiences);
            shelf.accounts.insert(account.id, account.clone());
        }
        shelf
    }

    /// Whether a block of this name is here.
    pub(super) fn has(&self, kind: BlockKind, hash: BlockHash) -> bool {
        match kind {
            BlockKind::Manifest | BlockKind::Standing => false,
            BlockKind::Geometry => self.geometry.contains_key(&hash),
            BlockKind::Atlas => self.atlases.contains_key(&hash),
            BlockKind::Tile => self.tiles.contains_key(&hash),
            BlockKind::Shapes => self.shapes.contains_key(&hash),
            BlockKind::Places => self.places.contains_key(&hash),
            BlockKind::Targets => self.targets.contains_key(&hash),
            BlockKind::Watch => self.watch.contains_key(&hash),
            BlockKind::Campaigns => self.campaigns.contains_key(&hash),
            BlockKind::Calendar => self.calendars.contains_key(&hash),
            BlockKind::Schedule => self.schedules.contains_key(&hash),
            BlockKind::Audience => self.audiences.contains_key(&hash),
        }
    }
}

fn put_all<T: Content>(row: &mut Row<T>, blocks: &[Arc<Verified<T>>])
where
    T::Archived: Portable,
{
    blocks.iter().for_each(|block| put(row, block));
}

fn put<T: Content>(row: &mut Row<T>, block: &Arc<Verified<T>>)
where
    T::Archived: Portable,
{
    row.insert(block.hash(), Arc::clone(block));
}
