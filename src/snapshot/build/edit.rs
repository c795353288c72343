//! Targets that come, change and go in a snapshot that is there already, without the files that it was built from.
//!
//! Pages, buckets and tiles that an edit does not touch are taken over, so that it costs what it touches. The outcome
//! is that of a build of everything.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashSet};

use rkyv::Portable;

use super::account::check_target;
use super::built::{Built, Encoded};
use super::error::BuildError;
use super::geometry::{GeometryEdit, pages};
use super::indexing::{Indexed, indexable, indexed};
use super::keep::keep;
use super::next::{After, Next};
use super::standing::outline;
use super::targets::{directory_page, listed, watch_page, whose};
use crate::domain::ids::{AccountId, TargetId};
use crate::domain::target::TargetSpec;
use crate::snapshot::block::Written;
use crate::snapshot::blocks::{ManifestAccount, PlacesBlock, TargetsBlock, WatchBlock};
use crate::snapshot::index::book::{ShapeRow, ShapesBlock};
use crate::snapshot::index::build::{Changed, Grain};
use crate::snapshot::index::shapes::TooWide;
use crate::snapshot::pages::{PAGE_BITS, Page, Pages, page_of};
use crate::snapshot::view::{AccountView, ListedTarget, SnapshotView, TargetView};

/// Targets of an account that are put in or taken out. Campaigns stay as they are: a target that is new is watched
/// where the account measures visits, one that is there by whoever watched it before.
#[derive(Debug, Clone, Copy)]
pub struct Edit<'a> {
    /// Whose.
    pub account: AccountId,
    /// Come, or in the place of those with the same ids.
    pub put: &'a [TargetSpec],
    /// Go; no campaign may watch them.
    pub remove: &'a [TargetId],
}

/// The content of `current` after an edit.
///
/// # Errors
/// The first thing that is wrong with the edit, with what is allowed; or what is too large.
pub fn edit(
    current: SnapshotView<'_>,
    edit: &Edit<'_>,
    after: After<'_>,
) -> Result<Built, BuildError> {
    let id = edit.account;
    let nobody = || BuildError::NoSuchAccount { account: id, of: "the edit".to_owned() };
    let account = current.account(id).ok_or_else(nobody)?;
    let editing = Editing::of(account, edit)?;
    let (mut made, mut geometry) = (Vec::new(), GeometryEdit::default());
    let entry = editing.entry(&mut geometry, &mut made)?;
    let mut outlines: Vec<_> = current.accounts().map(outline).collect();
    if let Some(edited) = outlines.iter_mut().find(|one| one.entry.id == id.0) {
        edited.entry = entry;
        let next = edit.put.iter().map(|target| target.id.0 + 1).max().unwrap_or(0);
        edited.next_target_id = edited.next_target_id.max(next);
    }
    let geometry = geometry.buckets(&current.parts().geometry, &mut made)?;
    let next = Next { geometry, outlines, made, ..Next::of(current) };
    next.built(Some(current), 0, after)
}

/// An account and what becomes of some of its targets.
struct Editing<'a> {
    account: AccountView<'a>,
    /// What they are afterwards.
    now: BTreeMap<TargetId, Option<&'a TargetSpec>>,
    /// The numbers of the pages that they lie in.
    touched: BTreeSet<u32>,
}

impl<'a> Editing<'a> {
    fn of(account: AccountView<'a>, edit: &Edit<'a>) -> Result<Self, BuildError> {
        let id = account.id();
        let put = edit.put.iter().map(|target| (target.id, Some(target)));
        let mut now = BTreeMap::new();
        for (target, spec) in put.chain(edit.remove.iter().map(|target| (*target, None))) {
            if now.insert(target, spec).is_some() {
                let key = account.key(target).or(spec.map(|spec| spec.key.as_str()));
                let key = key.map_or_else(|| target.to_string(), str::to_owned);
                return Err(BuildError::TargetTwice { account: id, key });
            }
        }
        let touched = now.keys().map(|target| page_of(target.0)).collect();
        let editing = Self { account, now, touched };
        editing.check()?;
        Ok(editing)
    }

    fn check(&self) -> Result<(), BuildError> {
        let account = self.account.id();
        for (&target, spec) in &self.now {
            match spec {
                Some(spec) if target == TargetId::NATIONWIDE => {
                    return Err(BuildError::ReservedTarget { account, key: spec.key.clone() });
                }
                Some(spec) if spec.account != account => {
                    let (of, key) = (spec.account, spec.key.clone());
                    return Err(BuildError::OtherAccount { account, of, key });
                }
                Some(spec) => check_target(account, spec)?,
                None if self.account.listed(target).is_none() => {
                    return Err(BuildError::NothingToRemove { account, target });
                }
                None => {}
            }
            let watched = self.account.target(target).filter(|_| spec.is_none());
            let watcher = watched.and_then(|target| Some((target, target.campaigns().next()?)));
            if let Some((target, campaign)) = watcher {
                let (campaign, key) = (campaign.id(), target.key().to_owned());
                return Err(BuildError::StillWatched { account, campaign, key });
            }
        }
        self.check_keys()
    }

    /// Keys stay unique. One that its target had before can be nobody else's.
    fn check_keys(&self) -> Result<(), BuildError> {
        let twice = |key: &str| {
            Err(BuildError::KeyTwice { account: self.account.id(), key: key.to_owned() })
        };
        let mut keys: HashSet<&str> = HashSet::new();
        for spec in self.now.values().flatten() {
            if !keys.insert(&spec.key) {
                return twice(&spec.key);
            }
        }
        for listed in self.now.keys().filter_map(|target| self.account.listed(*target)) {
            keys.remove(listed.key);
        }
        if keys.is_empty() {
            return Ok(());
        }
        let mut staying = self.account.all_keys().filter(|(_, id)| !self.now.contains_key(id));
        staying.find(|(key, _)| keys.contains(key)).map_or(Ok(()), |(key, _)| twice(key))
    }

    /// The account's blocks after the edit.
    fn entry(
        &self,
        geometry: &mut GeometryEdit,
        made: &mut Vec<Encoded>,
    ) -> Result<ManifestAccount, BuildError> {
        let account = self.account.id();
        let wide = |reason: TooWide| BuildError::Index { account, reason: reason.into() };
        let rows = self.shape_rows(geometry).map_err(wide)?;
        let Indexed { atlas, tiles } = self.index(&rows, made)?;
        let parts = self.account.parts();
        Ok(ManifestAccount {
            atlas,
            tiles,
            shapes: self.repaged(&parts.shapes, made, |page| Ok(self.shapes_page(page, &rows)))?,
            targets: self.repaged(&parts.targets, made, |page| self.directory_page(page))?,
            watch: self.repaged(&parts.watch, made, |page| Ok(self.watch_page(page)))?,
            places: self.places(made)?,
            ..parts.entry()
        })
    }

    /// What a target is afterwards, if it is watched then.
    fn watched(&self, target: TargetId) -> Option<&'a TargetSpec> {
        let spec = self.now.get(&target).copied().flatten()?;
        let watched = self.account.measures_visits() || self.account.target(target).is_some();
        watched.then_some(spec)
    }

    /// The rows of the watched among them afterwards.
    fn shape_rows(&self, geometry: &mut GeometryEdit) -> Result<Rows, TooWide> {
        let mut rows = Rows::new();
        for &target in self.now.keys() {
            if let Some(row) = self.account.shapes().shape_row(target) {
                geometry.goes(&row);
            }
            if let Some(spec) = self.watched(target) {
                rows.insert(target, geometry.comes(target, &spec.shape)?);
            }
        }
        Ok(rows)
    }

    fn index(&self, rows: &Rows, made: &mut Vec<Encoded>) -> Result<Indexed, BuildError> {
        let book = self.account.shapes();
        let old = |target| book.shape(target).map(|shape| shape.to_shape());
        let shape = |target| match self.now.get(&target) {
            Some(_) => self.watched(target).map(|spec| Cow::Borrowed(&spec.shape)),
            None => old(target).map(Cow::Owned),
        };
        let grain = self.grain(rows);
        let before = indexable(Some(self.account), grain);
        let targets: BTreeSet<TargetId> = match before {
            Some(_) => {
                let differs =
                    |target: &TargetId| book.shape_row(*target).as_ref() != rows.get(target);
                self.now.keys().copied().filter(differs).collect()
            }
            None => self.account.watched_ids().chain(self.now.keys().copied()).collect(),
        };
        let changed = |target| Changed {
            target,
            before: before.and_then(|_| old(target)),
            now: shape(target),
        };
        let changed: Vec<Changed<'_>> = targets.into_iter().map(changed).collect();
        indexed(self.account.id(), grain, &changed, &shape, before, made)
    }

    /// By the number of watched targets afterwards.
    fn grain(&self, rows: &Rows) -> Grain {
        let parts = self.account.parts();
        let before: usize = parts.shapes.iter().map(|page| page.ids.len()).sum();
        let had = |target: &&TargetId| self.account.target(**target).is_some();
        Grain::of(before - self.now.keys().filter(had).count() + rows.len())
    }

    /// The names of an account's pages; those that the edit touches are made anew, and go when nothing is left.
    fn repaged<T: Page + Written>(
        &self,
        old: &Pages<T>,
        made: &mut Vec<Encoded>,
        page: impl Fn(u32) -> Result<Option<T>, BuildError>,
    ) -> Result<Vec<[u8; 32]>, BuildError>
    where
        T::Archived: Portable,
    {
        let mut names: BTreeMap<u32, [u8; 32]> =
            old.numbered().map(|(number, block)| (number, block.hash().0)).collect();
        for &number in &self.touched {
            match page(number)? {
                Some(page) => names.insert(number, keep(&page, made)?),
                None => names.remove(&number),
            };
        }
        Ok(names.into_values().collect())
    }

    fn directory_page(&self, page: u32) -> Result<Option<TargetsBlock>, BuildError> {
        let targets = self.listed(page);
        if targets.is_empty() {
            return Ok(None);
        }
        directory_page(self.account.id(), targets.values().copied()).map(Some)
    }

    /// All targets of a page afterwards.
    fn listed(&self, page: u32) -> BTreeMap<TargetId, ListedTarget<'a>> {
        let old = self.account.parts().targets.page(first_of(page));
        let old = old
            .into_iter()
            .flat_map(|block| block.rows.iter().map(move |row| ListedTarget::of(block, row)));
        let staying = old.filter(|target| !self.now.contains_key(&target.id));
        let put = self.edited(page).filter_map(|(_, spec)| spec.map(listed));
        staying.chain(put).map(|target| (target.id, target)).collect()
    }

    /// Ids of the watched targets of a page afterwards.
    fn watched_ids(&self, page: u32) -> BTreeSet<TargetId> {
        let old = self.account.parts().shapes.page(first_of(page));
        let old = old.into_iter().flat_map(|block| block.ids.iter());
        let staying =
            old.map(|id| TargetId(id.to_native())).filter(|id| !self.now.contains_key(id));
        let put = self.edited(page).map(|(target, _)| target);
        staying.chain(put.filter(|target| self.watched(*target).is_some())).collect()
    }

    fn edited(&self, page: u32) -> impl Iterator<Item = (TargetId, Option<&'a TargetSpec>)> {
        let first = first_of(page);
        let of_page = self.now.range(TargetId(first)..=TargetId(first | (first_of(1) - 1)));
        of_page.map(|(target, spec)| (*target, *spec))
    }

    fn shapes_page(&self, page: u32, rows: &Rows) -> Option<ShapesBlock> {
        let book = self.account.shapes();
        let row = |target: TargetId| {
            let row = rows.get(&target).cloned().or_else(|| book.shape_row(target))?;
            Some((target, row))
        };
        let rows: Vec<_> = self.watched_ids(page).into_iter().filter_map(row).collect();
        pages(&rows).next()
    }

    fn watch_page(&self, page: u32) -> Option<WatchBlock> {
        let directory: Vec<TargetId> = self.listed(page).into_keys().collect();
        let watched = self.watched_ids(page);
        let campaigns = |target| {
            let rows = self.account.target(target).and_then(TargetView::campaign_rows);
            rows.unwrap_or_default().iter().map(|row| row.to_native())
        };
        let row = |target| directory.binary_search(&target).ok();
        (!watched.is_empty()).then(|| watch_page(watched.iter().copied(), row, campaigns))
    }

    fn places(&self, made: &mut Vec<Encoded>) -> Result<[u8; 32], BuildError> {
        let old = &self.account.parts().places;
        let put = self.now.keys().filter_map(|target| self.watched(*target));
        let mut come = put.filter_map(whose).peekable();
        let had = |target| {
            let listed = self.account.listed(target);
            listed.is_some_and(|listed| listed.place.is_some() || listed.at_home)
        };
        if come.peek().is_none() && !self.now.keys().any(|target| had(*target)) {
            return Ok(old.hash().0);
        }
        let entries = old.get().targets.iter().map(|row| (row.0.to_native(), row.1.to_native()));
        let staying = entries.filter(|(_, target)| !self.now.contains_key(&TargetId(*target)));
        let mut targets: Vec<(u32, u32)> = staying.chain(come).collect();
        targets.sort_unstable();
        keep(&PlacesBlock { targets }, made)
    }
}

type Rows = BTreeMap<TargetId, ShapeRow>;

/// The first id that may lie in a page.
fn first_of(page: u32) -> u32 {
    page << PAGE_BITS
}
