//! What the blocks of an account say of each other: every position that one holds of another must be one.
//!
//! What an account of the snapshot before had checked, and has still, is not checked again: an edit of one campaign, or
//! of another account, would cost a look at every target otherwise.

use std::sync::Arc;

use super::block::Verified;
use super::blocks::{ArchivedMemberSet, ArchivedWatchBlock, TargetsBlock};
use super::index::ShapeBook;
use super::index::atlas::QUARTERED;
use super::index::book::{ArchivedShapesBlock, GeometryBlock, bucket_of};
use super::index::shapes::POLYGON;
use super::pages::{Page, Pages};
use super::parts::AccountParts;
use super::verify::{Checked, every, holds};
use super::view::as_index;
use crate::domain::ids::TargetId;

/// Checks an account against itself. `before` is one that was checked.
///
/// # Errors
/// The first position that is none.
pub(super) fn joins(account: &AccountParts, before: Option<&AccountParts>) -> Checked {
    let AccountParts { index, shapes, watch, .. } = account;
    let (campaigns, schedule) = (account.campaigns.get(), account.schedule.get());
    let tiles = index.tiles.blocks().len();
    holds(tiles > 0, "tiles", 0, "there must be at least one")?;
    every("atlas.tiles", account.atlas.get().tiles.iter(), "it must be a tile", |tile| {
        tile.to_native() == QUARTERED || as_index(tile.to_native()) < tiles
    })?;
    let paged = shapes.blocks().len() == watch.blocks().len();
    holds(paged, "shapes", 0, "it must have the pages of the watched targets")?;
    let join = Join::of(account, before);
    for page in 0..shapes.blocks().len() {
        join.page(page)?;
    }
    let sets = schedule.first.len().saturating_sub(1);
    every(
        "campaigns.window_set",
        campaigns.rows.iter(),
        "it must be a set of the schedule",
        |row| as_index(row.window_set.to_native()) < sets,
    )?;
    let lists = campaigns.rows.iter().filter_map(|row| row.audience.as_ref());
    let lists = lists.chain([&campaigns.blacklist, &campaigns.blacklist_echo]);
    every("campaigns.audience", lists, "it must be an audience of the account", |set| match set {
        ArchivedMemberSet::Here(_) => true,
        ArchivedMemberSet::Block(at) => as_index(at.to_native()) < account.audiences.len(),
    })
}

/// An account whose pages are joined.
struct Join<'a> {
    account: &'a AccountParts,
    before: Option<&'a AccountParts>,
    /// Per bucket whether it is another than before.
    is_new: Vec<bool>,
}

impl<'a> Join<'a> {
    fn of(account: &'a AccountParts, before: Option<&'a AccountParts>) -> Self {
        let old: &[Arc<Verified<GeometryBlock>>] =
            before.map_or(&[], |before| &before.geometry[..]);
        let same_count = old.len() == account.geometry.len();
        let is_new = account.geometry.iter().enumerate().map(|(at, bucket)| {
            !(same_count && old.get(at).is_some_and(|old| Arc::ptr_eq(old, bucket)))
        });
        Self { account, before, is_new: is_new.collect() }
    }

    /// Joins the shapes, the watch and the directory of a page.
    fn page(&self, page: usize) -> Checked {
        let AccountParts { shapes, watch, targets, campaigns, .. } = self.account;
        let Some((shapes, watch)) = shapes.blocks().get(page).zip(watch.blocks().get(page)) else {
            return Ok(());
        };
        let first = watch.get().targets.ids.first().map_or(0, |id| id.to_native());
        let is_known = self.before.is_some_and(|before| {
            is_in(&before.shapes, first, Some(shapes))
                && is_in(&before.watch, first, Some(watch))
                && is_in(&before.targets, first, targets.block(first))
                && before.campaigns.get().rows.len() <= campaigns.get().rows.len()
        });
        if !is_known {
            let same = shapes.get().ids.iter().eq(watch.get().targets.ids.iter());
            holds(
                same,
                "shapes.ids",
                page,
                "it must hold the watched targets, no more and no less",
            )?;
            joins_page(watch.get(), targets, campaigns.get().rows.len())?;
        }
        self.polygons(shapes.get(), is_known)
    }

    /// Those of a page that was known are where they were, unless in a new bucket.
    fn polygons(&self, shapes: &ArchivedShapesBlock, is_known: bool) -> Checked {
        if is_known && !self.is_new.contains(&true) {
            return Ok(());
        }
        let book = ShapeBook::new(&self.account.shapes, &self.account.geometry);
        let polygons = shapes.kinds.iter().zip(shapes.shapes.iter());
        every("shapes", polygons, "its polygon must be in the geometry", |(kind, shape)| {
            let key = shape.map(|word| word.to_native());
            let is_new = || self.is_new.get(bucket_of(key, self.is_new.len())) != Some(&false);
            **kind != POLYGON || (is_known && !is_new()) || book.polygon(key).is_some()
        })
    }
}

/// Whether the page of an id is this one.
fn is_in<T: Page>(pages: &Pages<T>, id: u32, page: Option<&Arc<Verified<T>>>) -> bool
where
    T::Archived: rkyv::Portable,
{
    match (pages.block(id), page) {
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    }
}

fn joins_page(
    watch: &ArchivedWatchBlock,
    targets: &Pages<TargetsBlock>,
    campaigns: usize,
) -> Checked {
    let first = watch.targets.ids.first().map_or(0, |id| id.to_native());
    let directory = targets.page(first).map_or(&[][..], |page| &page.rows);
    let watched = watch.target_rows.iter().zip(watch.targets.ids.iter());
    every(
        "watch.target_rows",
        watched,
        "it must be the row of the watched target",
        |(row, id)| {
            let row = directory.get(as_index(row.to_native()));
            row.map_or(TargetId::NATIONWIDE.0, |row| row.id.to_native()) == id.to_native()
        },
    )?;
    every("watch.campaigns", watch.campaigns.iter(), "it must be the row of a campaign", |row| {
        as_index(row.to_native()) < campaigns
    })
}
