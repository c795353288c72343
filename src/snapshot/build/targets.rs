//! The blocks of an account's targets: their directory, who watches them, and which stores they belong to.

use std::sync::Arc;

use rkyv::rend::unaligned::u32_ule;

use super::built::Encoded;
use super::error::BuildError;
use super::group::Group;
use super::keep::keep_upon;
use crate::domain::ids::{AccountId, TargetId};
use crate::domain::target::{Labels, Shape, TargetSpec};
use crate::snapshot::block::Verified;
use crate::snapshot::blocks::{
    AT_HOME, ArchivedPlacesBlock, ArchivedTargetsBlock, ArchivedWatchBlock, HOME_AREA, IdTable,
    PlacesBlock, TargetRow, TargetsBlock, WatchBlock,
};
use crate::snapshot::labels::Labelling;
use crate::snapshot::pages::{PAGE_BITS, Pages, page_of, paged};
use crate::snapshot::view::ListedTarget;

/// A direct table may be so many times longer than the list of ids. At 4 bytes an entry that is at most
/// 16 bytes a row, for a look-up that touches one cache line.
const DIRECT_UP_TO: usize = 4;

/// The names of the pages of the directory: keys, names, labels and places of all targets.
///
/// # Errors
/// When the texts of a page exceed 4 GiB, or a page is too large.
pub(super) fn directory(
    group: &Group<'_>,
    before: Option<&Pages<TargetsBlock>>,
    made: &mut Vec<Encoded>,
) -> Result<Vec<[u8; 32]>, BuildError> {
    let account = group.account.id;
    let page = |targets: &[&TargetSpec]| {
        let before = before.zip(targets.first()).and_then(|(pages, first)| pages.block(first.id.0));
        let targets = targets.iter().copied().map(listed);
        let is_page = |page: &ArchivedTargetsBlock| {
            page.rows.iter().map(|row| ListedTarget::of(page, row)).eq(targets.clone())
        };
        let same = before.filter(|before| is_page(before.get()));
        keep_upon(same, || directory_page(account, targets.clone()), made)
    };
    paged(&group.targets, |target| target.id.0).map(page).collect()
}

/// What the directory knows of a target.
pub(super) fn listed(target: &TargetSpec) -> ListedTarget<'_> {
    let TargetSpec { id, key, name, labels, place, at_home, .. } = target;
    let labels = labels.lent();
    ListedTarget { id: *id, key, name, labels, place: *place, at_home: *at_home }
}

/// A page of the directory.
///
/// # Errors
/// As [`directory`].
pub(super) fn directory_page<'a>(
    account: AccountId,
    targets: impl Iterator<Item = ListedTarget<'a>> + Clone,
) -> Result<TargetsBlock, BuildError> {
    let mut block = TargetsBlock::default();
    block.rows.reserve_exact(targets.clone().count());
    let bytes = targets.clone().map(|target| target.key.len() + target.name.len()).sum();
    block.text.reserve_exact(bytes);
    let bytes = bytes + targets.clone().map(|target| label_bytes(target.labels)).sum::<usize>();
    let too_long = BuildError::TextsTooLong { account, bytes };
    let _fits = u32::try_from(bytes).map_err(|_too_large| too_long)?;
    let mut labelling = Labelling::default();
    for target in targets {
        let key_start = offset(&block.text);
        block.text.push_str(target.key);
        let name_start = offset(&block.text);
        block.text.push_str(target.name);
        block.rows.push(TargetRow {
            id: target.id.0,
            key_start,
            name_start,
            name_end: offset(&block.text),
            place: target.place.map_or(0, |(place, _)| place.0),
            area: match target.place {
                Some((_, area)) => area as u8,
                None if target.at_home => HOME_AREA,
                None => 0,
            },
            labels: labelling.row(target.labels),
        });
    }
    Ok(TargetsBlock { labels: labelling.table(), ..block })
}

/// What they take where no other target has them.
fn label_bytes(labels: Labels<&str>) -> usize {
    labels.brand.len() + labels.districts.map(str::len).into_iter().sum::<usize>()
}

/// A target that counts, one of campaigns or any where visits are measured, with what is known of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Watched<'a> {
    pub(super) id: TargetId,
    /// None for the one that contains every fix.
    pub(super) spec: Option<&'a TargetSpec>,
}

impl<'a> Watched<'a> {
    pub(super) fn shape(&self) -> &'a Shape {
        self.spec.map_or(&Shape::Everywhere, |spec| &spec.shape)
    }
}

/// Who watches what: (target, row of the campaign), ascending.
pub(super) type Watchers = Vec<(TargetId, u32)>;

/// The pairs of all campaigns.
pub(super) fn watchers(group: &Group<'_>) -> Watchers {
    let mut pairs = Watchers::new();
    for (row, campaign) in (0..).zip(&group.campaigns) {
        pairs.extend(campaign.targets.iter().map(|target| (*target, row)));
    }
    pairs.sort_unstable();
    pairs.dedup();
    pairs
}

/// The targets that count, in ascending order of id.
pub(super) fn watched<'a>(group: &Group<'a>, watchers: &Watchers) -> Vec<Watched<'a>> {
    let mut ids: Vec<TargetId> = watchers.iter().map(|(target, _)| *target).collect();
    if group.account.measure_visits {
        ids.extend(group.targets.iter().map(|target| target.id));
        ids.sort_unstable();
    }
    ids.dedup();
    ids.into_iter().map(|id| Watched { id, spec: group.target(id) }).collect()
}

/// The names of the pages of who watches them.
///
/// # Errors
/// When a page is too large.
pub(super) fn watch(
    group: &Group<'_>,
    targets: &[Watched<'_>],
    watchers: &Watchers,
    before: Option<&Pages<WatchBlock>>,
    made: &mut Vec<Encoded>,
) -> Result<Vec<[u8; 32]>, BuildError> {
    let campaigns = |target: TargetId| {
        let from = watchers.partition_point(|pair| pair.0 < target);
        let pairs = watchers.iter().skip(from).take_while(move |pair| pair.0 == target);
        pairs.map(|(_, row)| *row)
    };
    let page = |targets: &[Watched<'_>]| {
        let first = targets.first().map_or(0, |target| target.id.0);
        let first_row = group.below(TargetId(page_of(first) << PAGE_BITS));
        let row = |id| group.row(id).map(|row| row - first_row);
        let page = watch_page(targets.iter().map(|target| target.id), row, campaigns);
        let before = before.and_then(|pages| pages.block(first));
        keep_upon(before.filter(|before| is_page(before.get(), &page)), || Ok(page), made)
    };
    paged(targets, |target| target.id.0).map(page).collect()
}

/// Whether a page says the same. The direct table follows from the ids.
fn is_page(archived: &ArchivedWatchBlock, page: &WatchBlock) -> bool {
    let same = |archived: &[u32_ule], numbers: &[u32]| {
        archived.iter().map(|number| number.to_native()).eq(numbers.iter().copied())
    };
    same(&archived.targets.ids, &page.targets.ids)
        && same(&archived.target_rows, &page.target_rows)
        && same(&archived.first, &page.first)
        && same(&archived.campaigns, &page.campaigns)
}

/// A page of who watches them: `row` is a target's place in its page of the directory, `campaigns` are the rows of
/// those that watch it.
pub(super) fn watch_page<C: Iterator<Item = u32>>(
    targets: impl Iterator<Item = TargetId> + Clone,
    row: impl Fn(TargetId) -> Option<usize>,
    campaigns: impl Fn(TargetId) -> C,
) -> WatchBlock {
    let ids: Vec<u32> = targets.clone().map(|target| target.0).collect();
    let base = ids.first().map_or(0, |id| page_of(*id) << PAGE_BITS);
    let mut block = WatchBlock {
        target_rows: targets.clone().map(|id| row(id).map_or(u32::MAX, count)).collect(),
        targets: id_table(ids, base),
        first: vec![0],
        campaigns: Vec::new(),
    };
    for target in targets {
        block.campaigns.extend(campaigns(target));
        block.first.push(count(block.campaigns.len()));
    }
    block
}

/// The target as the entry of a store or of those at home; most are neither's.
pub(super) fn whose(target: &TargetSpec) -> Option<(u32, u32)> {
    let at_home = target.at_home.then_some(AT_HOME);
    let place = target.place.map(|(place, _)| place.0).or(at_home)?;
    Some((place, target.id.0))
}

/// The name of the block of which of them belong to a store.
///
/// # Errors
/// When it is too large.
pub(super) fn places(
    targets: &[Watched<'_>],
    before: Option<&Arc<Verified<PlacesBlock>>>,
    made: &mut Vec<Encoded>,
) -> Result<[u8; 32], BuildError> {
    let mut pairs: Vec<(u32, u32)> =
        targets.iter().filter_map(|target| whose(target.spec?)).collect();
    pairs.sort_unstable();
    let is_block = |before: &ArchivedPlacesBlock| {
        let before = before.targets.iter().map(|pair| (pair.0.to_native(), pair.1.to_native()));
        before.eq(pairs.iter().copied())
    };
    let same = before.filter(|before| is_block(before.get()));
    keep_upon(same, || Ok(PlacesBlock { targets: pairs }), made)
}

/// Ids in ascending order, none below `base`, with their direct table, where they are dense enough for one.
pub(super) fn id_table(ids: Vec<u32>, base: u32) -> IdTable {
    IdTable { direct: direct_table(&ids, base), ids, base }
}

/// Row + 1 by id less `base`.
pub(in crate::snapshot) fn direct_table(ids: &[u32], base: u32) -> Vec<u32> {
    let len = ids.last().map_or(0, |last| index(*last - base) + 1);
    if len > ids.len() * DIRECT_UP_TO {
        return Vec::new();
    }
    let mut direct = vec![0; len];
    for (row, id) in (1..).zip(ids) {
        direct[index(*id - base)] = row;
    }
    direct
}

/// Rows are fewer than ids, and ids have 32 bits; texts are checked before they are gathered.
fn count(rows: usize) -> u32 {
    u32::try_from(rows).unwrap_or(u32::MAX)
}

fn offset(text: &str) -> u32 {
    count(text.len())
}

fn index(number: u32) -> usize {
    number as usize
}
