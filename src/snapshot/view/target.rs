//! One watched target: its names, its place, its campaigns, its distance.

use rkyv::rend::unaligned::u32_ule;

use super::account::AccountView;
use super::campaign::CampaignView;
use super::table::as_index;
use crate::domain::ids::{PlaceId, TargetId};
use crate::domain::target::{Labels, PlaceArea};
use crate::domain::units::PointE7;
use crate::snapshot::blocks::{
    ArchivedTargetRow, ArchivedTargetsBlock, ArchivedWatchBlock, HOME_AREA,
};
use crate::snapshot::index::shapes::ShapeView;

/// A target that a campaign or the account's visit measurement watches.
#[derive(Clone, Copy, Debug)]
pub struct TargetView<'s> {
    account: AccountView<'s>,
    id: TargetId,
    /// The page of the watched targets that it is in, and its row there.
    page: &'s ArchivedWatchBlock,
    row: usize,
}

/// A target of the directory, watched or not: what is known of it without its shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListedTarget<'s> {
    /// Its stable number.
    pub id: TargetId,
    /// The owner's key for it.
    pub key: &'s str,
    /// Its name, empty where it has none.
    pub name: &'s str,
    /// What else messages may say of it.
    pub labels: Labels<&'s str>,
    /// The store it belongs to, and which of the store's areas it is.
    pub place: Option<(PlaceId, PlaceArea)>,
    /// Whether it is for those alone who are at home there.
    pub at_home: bool,
}

impl<'s> ListedTarget<'s> {
    pub(in crate::snapshot) fn of(
        block: &'s ArchivedTargetsBlock,
        row: &ArchivedTargetRow,
    ) -> Self {
        Self {
            id: TargetId(row.id.to_native()),
            key: key_of(block, row),
            name: text(block, row.name_start, row.name_end),
            labels: block.labels.labels(&row.labels),
            place: place_of(row),
            at_home: row.area == HOME_AREA,
        }
    }
}

impl<'s> TargetView<'s> {
    pub(super) fn at(
        account: AccountView<'s>,
        page: &'s ArchivedWatchBlock,
        row: usize,
    ) -> Option<Self> {
        let id = TargetId(page.targets.ids.get(row)?.to_native());
        Some(Self::of(account, id, page, row))
    }

    #[inline]
    pub(super) fn of(
        account: AccountView<'s>,
        id: TargetId,
        page: &'s ArchivedWatchBlock,
        row: usize,
    ) -> Self {
        Self { account, id, page, row }
    }

    /// Its stable number.
    #[must_use]
    pub fn id(self) -> TargetId {
        self.id
    }

    /// Its radius, or √(area / π) of a polygon, m; infinite for the target that contains every fix.
    #[must_use]
    pub fn size_m(self) -> f32 {
        self.account.index().size_m(self.id).unwrap_or_default()
    }

    /// The store it belongs to, and which of the store's areas it is.
    #[must_use]
    pub fn place(self) -> Option<(PlaceId, PlaceArea)> {
        // Where nothing belongs to a store, the directory need not be loaded to say so.
        if !self.account.has_places() {
            return None;
        }
        self.listed().and_then(|(_, row)| place_of(row))
    }

    /// The owner's key for it: the feature id of its file. `nationwide` for the target of every fix.
    #[must_use]
    pub fn key(self) -> &'s str {
        self.listed().map_or(NATIONWIDE_KEY, |(block, row)| key_of(block, row))
    }

    /// Its name, for messages; empty where it has none.
    #[must_use]
    pub fn name(self) -> &'s str {
        self.listed().map_or("", |(block, row)| text(block, row.name_start, row.name_end))
    }

    /// What else messages may say of it.
    #[must_use]
    pub fn labels(self) -> Labels<&'s str> {
        self.listed().map_or_else(Labels::default, |(block, row)| block.labels.labels(&row.labels))
    }

    /// Its exact geometry.
    #[must_use]
    pub fn shape(self) -> Option<ShapeView<'s>> {
        self.account.index().shape(self.id)
    }

    /// The campaigns that watch it, in ascending order of id. None where only visits are measured.
    pub fn campaigns(self) -> impl Iterator<Item = CampaignView<'s>> {
        let rows = self.campaign_rows().unwrap_or_default();
        rows.iter().filter_map(move |row| CampaignView::at(self.account, as_index(row.to_native())))
    }

    /// Whether a campaign of its account watches it.
    #[must_use]
    pub fn is_watched_by(self, campaign: CampaignView<'s>) -> bool {
        let rows = self.campaign_rows().unwrap_or_default();
        rows.iter().any(|row| as_index(row.to_native()) == campaign.place())
    }

    /// 0 inside, else metres to the shape; the same on every processor.
    #[must_use]
    pub fn distance_m(self, from: PointE7) -> f64 {
        self.account.index().distance_m(self.id, from).unwrap_or(f64::INFINITY)
    }

    /// The rows of the campaigns that watch it.
    pub(in crate::snapshot) fn campaign_rows(self) -> Option<&'s [u32_ule]> {
        let from = self.page.first.get(self.row)?.to_native();
        let to = self.page.first.get(self.row + 1)?.to_native();
        self.page.campaigns.get(as_index(from)..as_index(to))
    }

    /// Its row in the directory; none for the target that contains every fix.
    fn listed(self) -> Option<(&'s ArchivedTargetsBlock, &'s ArchivedTargetRow)> {
        let block = self.account.parts().targets.page(self.id.0)?;
        let row = self.page.target_rows.get(self.row)?.to_native();
        Some((block, block.rows.get(as_index(row))?))
    }
}

/// What the target that contains every fix is called; campaign files choose it by this word.
pub const NATIONWIDE_KEY: &str = "nationwide";

fn place_of(row: &ArchivedTargetRow) -> Option<(PlaceId, PlaceArea)> {
    let area = match row.area {
        1 => PlaceArea::Signal,
        2 => PlaceArea::Inside,
        _ => return None,
    };
    Some((PlaceId(row.place.to_native()), area))
}

/// The key of a row of the targets block.
pub(super) fn key_of<'s>(block: &'s ArchivedTargetsBlock, row: &ArchivedTargetRow) -> &'s str {
    text(block, row.key_start, row.name_start)
}

fn text(block: &ArchivedTargetsBlock, from: u32_ule, to: u32_ule) -> &str {
    block.text.get(as_index(from.to_native())..as_index(to.to_native())).unwrap_or_default()
}
