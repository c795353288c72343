//! An account's specs become its blocks.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use jiff::civil::Date;

use super::built::Encoded;
use super::campaigns::campaigns;
use super::error::BuildError;
use super::geometry::{GeometryEdit, shapes};
use super::group::Group;
use super::indexing::{Indexed, changed, indexable, indexed};
use super::keep::{keep, keep_all};
use super::members::Members;
use super::rules::{self, BrokenRule};
use super::standing::{Outline, RunOf};
use super::targets::{Watched, directory, places, watch, watched, watchers};
use super::zones::Zones;
use crate::domain::campaign::CampaignSpec;
use crate::domain::ids::{AccountId, TargetId};
use crate::domain::lots::InstallationKey;
use crate::domain::target::TargetSpec;
use crate::snapshot::block::Verified;
use crate::snapshot::blocks::ManifestAccount;
use crate::snapshot::index::book::{GeometryBlock, ShapeRow};
use crate::snapshot::index::build::Grain;
use crate::snapshot::index::shapes::TooWide;
use crate::snapshot::pages::paged;
use crate::snapshot::view::AccountView;

/// Makes accounts' blocks, and gathers what they share.
#[derive(Debug)]
pub(super) struct Compiler<'a> {
    key: &'a InstallationKey,
    pub(super) zones: Zones,
    pub(super) geometry: GeometryEdit,
    pub(super) made: Vec<Encoded>,
}

/// What an account is compiled upon.
#[derive(Debug, Clone, Copy)]
pub(super) struct Basis<'a> {
    /// The account in the snapshot before: what is equal there is shared.
    before: Option<AccountView<'a>>,
    /// Whether its polygons are counted in the geometry already, and its rows are taken over as they are.
    is_counted: bool,
}

impl<'a> Basis<'a> {
    /// Only what comes out equal is shared.
    pub(super) fn shared(before: Option<AccountView<'a>>) -> Self {
        Self { before, is_counted: false }
    }

    /// What goes in equal is taken over.
    pub(super) fn edited(before: Option<AccountView<'a>>) -> Self {
        Self { before, is_counted: true }
    }

    fn counted(self) -> Option<AccountView<'a>> {
        self.before.filter(|_| self.is_counted)
    }
}

impl<'a> Compiler<'a> {
    /// Lists of devices are hashed under the key, schedules are compiled from the day on.
    pub(super) fn new(key: &'a InstallationKey, valid_from: Date) -> Self {
        let zones = Zones::from(valid_from);
        Self { key, zones, geometry: GeometryEdit::default(), made: Vec::new() }
    }

    /// Makes the blocks of an account.
    ///
    /// # Errors
    /// The first spec that is wrong, or what is too large.
    pub(super) fn account(
        &mut self,
        group: &Group<'_>,
        basis: Basis<'_>,
    ) -> Result<Outline, BuildError> {
        let id = group.account.id;
        check(group)?;
        let compiled = self.zones.of(id, &group.account.time_zone, &mut self.made)?;
        let mut members = Members::under(self.key);
        let (asks, schedule) = campaigns(group, &compiled.zone, &mut members)?;
        let watchers = watchers(group);
        let targets = watched(group, &watchers);
        let mut unwatched = group.others(targets.iter().map(|target| target.id));
        unwatched.try_for_each(|target| check_target(id, target))?;
        let rows = self.rows(id, &targets, basis.counted())?;
        let Indexed { atlas, tiles } = self.index(id, &targets, &rows, basis.before)?;
        let (before, made) = (basis.before.map(AccountView::parts), &mut self.made);
        let pages = directory(group, before.map(|parts| &parts.targets), made)?;
        check_keys(group, &pages, basis.counted())?;
        let entry = ManifestAccount {
            id: id.0,
            atlas,
            tiles,
            shapes: shapes(&rows, before.map(|parts| &parts.shapes), made)?,
            targets: pages,
            watch: watch(group, &targets, &watchers, before.map(|parts| &parts.watch), made)?,
            places: places(&targets, before.map(|parts| &parts.places), made)?,
            audiences: keep_all(members.blocks, made)?,
            campaigns: keep(&asks, made)?,
            calendar: compiled.calendar,
            schedule: keep(&schedule, made)?,
        };
        let run_of =
            |one: &&CampaignSpec| RunOf { id: one.id, mode: one.mode, condition: one.condition };
        let campaigns = group.campaigns.iter().map(run_of).collect();
        Ok(Outline { entry, campaigns, next_target_id: group.next_target_id() })
    }

    /// Takes the polygons of an account that leaves out of the geometry.
    pub(super) fn leaves(&mut self, account: AccountView<'_>) {
        let rows = account.watched_ids().filter_map(|id| account.shapes().shape_row(id));
        rows.for_each(|row| self.geometry.goes(&row));
    }

    /// The names of the buckets, and the blocks that were made. `old` is the geometry in which accounts were counted.
    ///
    /// # Errors
    /// When a bucket is too large.
    pub(super) fn finish(
        mut self,
        old: &[Arc<Verified<GeometryBlock>>],
    ) -> Result<(Vec<[u8; 32]>, Vec<Encoded>), BuildError> {
        let buckets = self.geometry.buckets(old, &mut self.made)?;
        Ok((buckets, self.made))
    }

    /// The rows of the watched targets; those of the account before that are as they were stay, and keep to the rules
    /// as they did.
    fn rows(
        &mut self,
        account: AccountId,
        targets: &[Watched<'_>],
        before: Option<AccountView<'_>>,
    ) -> Result<Vec<(TargetId, ShapeRow)>, BuildError> {
        let wide = |reason: TooWide| BuildError::Index { account, reason: reason.into() };
        let book = before.map(AccountView::shapes);
        let row_of = |id| book.and_then(|book| book.shape_row(id));
        let mut old = before.into_iter().flat_map(AccountView::watched_ids).peekable();
        let mut rows = Vec::with_capacity(targets.len());
        for target in targets {
            while let Some(gone) = old.next_if(|old| *old < target.id) {
                row_of(gone).iter().for_each(|row| self.geometry.goes(row));
            }
            let known = old.next_if_eq(&target.id).and_then(row_of);
            let same = known.as_ref().zip(book);
            let same = same.is_some_and(|(row, book)| book.shows(row, target.shape()));
            let row = match known {
                Some(row) if same => row,
                other => {
                    target.spec.map_or(Ok(()), |spec| check_target(account, spec))?;
                    other.iter().for_each(|row| self.geometry.goes(row));
                    self.geometry.comes(target.id, target.shape()).map_err(wide)?
                }
            };
            rows.push((target.id, row));
        }
        old.filter_map(row_of).for_each(|row| self.geometry.goes(&row));
        Ok(rows)
    }

    fn index(
        &mut self,
        account: AccountId,
        targets: &[Watched<'_>],
        rows: &[(TargetId, ShapeRow)],
        before: Option<AccountView<'_>>,
    ) -> Result<Indexed, BuildError> {
        let grain = Grain::of(targets.len());
        let before = indexable(before, grain);
        let shape = |target: TargetId| {
            let at = targets.binary_search_by_key(&target, |one| one.id).ok()?;
            targets.get(at).map(|one| Cow::Borrowed(one.shape()))
        };
        let changed = changed(targets, rows, before);
        indexed(account, grain, &changed, &shape, before, &mut self.made)
    }
}

/// Holds a target against the rules.
///
/// # Errors
/// The first that it breaks.
pub(super) fn check_target(account: AccountId, target: &TargetSpec) -> Result<(), BuildError> {
    broken(account, || format!("target {:?}", target.key), rules::of_shape(&target.shape))
}

fn broken(
    account: AccountId,
    what: impl FnOnce() -> String,
    rules: Vec<BrokenRule>,
) -> Result<(), BuildError> {
    match rules.into_iter().next() {
        Some(rule) => Err(BuildError::Rule { account, what: what(), rule }),
        None => Ok(()),
    }
}

/// Keys are unique. Those that their targets had before differ from each other, so only others are remembered; on a
/// page that is the one before all are as they were.
fn check_keys(
    group: &Group<'_>,
    pages: &[[u8; 32]],
    before: Option<AccountView<'_>>,
) -> Result<(), BuildError> {
    let account = group.account.id;
    let twice = |key: &str| Err(BuildError::KeyTwice { account, key: key.to_owned() });
    let (mut keys, mut staying) = (HashSet::new(), Vec::new());
    for (targets, page) in paged(&group.targets, |target| target.id.0).zip(pages) {
        let is_page = before.zip(targets.first()).is_some_and(|(before, first)| {
            let old = before.parts().targets.block(first.id.0);
            old.is_some_and(|old| old.hash().0 == *page)
        });
        if is_page {
            staying.extend(targets);
            continue;
        }
        for &target in targets {
            if before.and_then(|before| before.key(target.id)) == Some(target.key.as_str()) {
                staying.push(target);
            } else if !keys.insert(target.key.as_str()) {
                return twice(&target.key);
            }
        }
    }
    if keys.is_empty() {
        return Ok(());
    }
    let twin = staying.into_iter().find(|target| keys.contains(target.key.as_str()));
    twin.map_or(Ok(()), |target| twice(&target.key))
}

/// Holds all but the targets against the rules.
fn check(group: &Group<'_>) -> Result<(), BuildError> {
    let account = group.account.id;
    broken(account, || "the settings".to_owned(), rules::of_account(group.account))?;
    for campaign in &group.campaigns {
        let rules = rules::of_campaign(campaign, group.account);
        broken(account, || format!("campaign {}", campaign.id), rules)?;
        if let Some(target) = campaign.targets.iter().find(|target| !group.knows(**target)) {
            return Err(BuildError::NoSuchTarget {
                account,
                campaign: campaign.id,
                target: *target,
            });
        }
    }
    Ok(())
}
