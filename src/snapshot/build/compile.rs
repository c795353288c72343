//! Specs in, blocks out.

use std::borrow::Cow;

use jiff::civil::Date;

use super::built::{Built, Encoded};
use super::campaigns::campaigns;
use super::geometry::{Geometry, pages};
use super::group::{Group, group};
use super::indexing::{Indexed, changed, indexable, indexed};
use super::members::Members;
use super::rules::{self, BrokenRule};
use super::standing::{Dealt, Outline, RunOf, standing};
use super::targets::{Watched, directory, places, watch, watched, watchers};
use crate::domain::campaign::{AccountSpec, AudienceSpec, CampaignSpec};
use crate::domain::ids::{AccountId, CampaignId, DeviceId, Epoch, TargetId};
use crate::domain::lots::InstallationKey;
use crate::domain::target::TargetSpec;
use crate::snapshot::block::{TooLarge, Written};
use crate::snapshot::blocks::{Manifest, ManifestAccount};
use crate::snapshot::calendar::{Zone, ZoneError, day_number};
use crate::snapshot::index::shapes::TooWide;
use crate::snapshot::index::{Grain, IndexError};
use crate::snapshot::load::Shelf;
use crate::snapshot::view::SnapshotView;

/// All that a snapshot is made from.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Source {
    /// The accounts.
    pub accounts: Vec<AccountSpec>,
    /// Their targets; [`TargetId::NATIONWIDE`] is always known and not among them.
    pub targets: Vec<TargetSpec>,
    /// Their campaigns.
    pub campaigns: Vec<CampaignSpec>,
}

impl Source {
    /// Whether any account or campaign lists devices, so that it matters under which key they are hashed.
    #[must_use]
    pub fn lists_devices(&self) -> bool {
        let account =
            |one: &AccountSpec| !one.blacklist.is_empty() || !one.blacklist_echo.is_empty();
        let campaign =
            |one: &CampaignSpec| one.audience != AudienceSpec::All || !one.test_devices.is_empty();
        self.accounts.iter().any(account) || self.campaigns.iter().any(campaign)
    }
}

/// What a build needs besides.
#[derive(Debug, Clone, Copy)]
pub struct BuildOptions<'a> {
    /// The number of the new snapshot.
    pub epoch: Epoch,
    /// The local day from which schedules are compiled.
    pub valid_from: Date,
    /// The key under which lists of devices are hashed.
    pub key: &'a InstallationKey,
    /// The snapshot before, whose blocks are shared and whose target ids and run-since epochs are carried over.
    pub previous: Option<SnapshotView<'a>>,
}

/// Why there is no snapshot.
#[derive(Debug, Clone, thiserror::Error)]
pub enum BuildError {
    /// The epoch does not grow.
    #[error("epoch {epoch} does not follow {previous}; the next one is needed")]
    Epoch {
        /// The number given.
        epoch: Epoch,
        /// That of the snapshot before.
        previous: Epoch,
    },
    /// An account is there twice.
    #[error("account {account} is there twice")]
    AccountTwice {
        /// Its number.
        account: AccountId,
    },
    /// Something names an account that is not there.
    #[error("{of} belongs to account {account}, which is not there")]
    NoSuchAccount {
        /// The number named.
        account: AccountId,
        /// What names it.
        of: String,
    },
    /// A target id is there twice.
    #[error("account {account} has target {target} twice")]
    TargetTwice {
        /// The account.
        account: AccountId,
        /// The number.
        target: TargetId,
    },
    /// A target has the id that means everywhere.
    #[error(
        "target {key:?} of account {account} has the id {}, which is reserved",
        TargetId::NATIONWIDE
    )]
    ReservedTarget {
        /// The account.
        account: AccountId,
        /// Its key.
        key: String,
    },
    /// A target key is there twice.
    #[error("account {account} has the target key {key:?} twice")]
    KeyTwice {
        /// The account.
        account: AccountId,
        /// The key.
        key: String,
    },
    /// A campaign id is there twice.
    #[error("account {account} has campaign {campaign} twice")]
    CampaignTwice {
        /// The account.
        account: AccountId,
        /// The number.
        campaign: CampaignId,
    },
    /// An account, target or campaign breaks a rule.
    #[error("{what} of account {account}: {rule}")]
    Rule {
        /// The account.
        account: AccountId,
        /// What breaks it.
        what: String,
        /// The rule.
        rule: BrokenRule,
    },
    /// A campaign watches a target that the account does not have.
    #[error(
        "campaign {campaign} of account {account} watches target {target}, which the account does not have"
    )]
    NoSuchTarget {
        /// The account.
        account: AccountId,
        /// The campaign.
        campaign: CampaignId,
        /// The target.
        target: TargetId,
    },
    /// A time zone or a day that can't be compiled.
    #[error("account {account}: {reason}")]
    Zone {
        /// The account.
        account: AccountId,
        /// Why.
        reason: ZoneError,
    },
    /// Keys, names and labels of an account's targets exceed what offsets can reach.
    #[error(
        "the keys, names and labels of account {account}'s targets take {bytes} bytes; {} are allowed",
        u32::MAX
    )]
    TextsTooLong {
        /// The account.
        account: AccountId,
        /// What they take.
        bytes: usize,
    },
    /// The targets can't be indexed.
    #[error("account {account}: {reason}")]
    Index {
        /// The account.
        account: AccountId,
        /// Why.
        reason: IndexError,
    },
    /// An edit removes a target that a campaign watches.
    #[error(
        "account {account} can't do without target {key:?}: campaign {campaign} watches it; change the campaign first"
    )]
    StillWatched {
        /// The account.
        account: AccountId,
        /// The campaign.
        campaign: CampaignId,
        /// The target's key.
        key: String,
    },
    /// An edit of one account holds a target of another.
    #[error(
        "target {key:?} belongs to account {of}, and the edit is of account {account}; edit each on its own"
    )]
    OtherAccount {
        /// The edit's.
        account: AccountId,
        /// The target's.
        of: AccountId,
        /// The target's key.
        key: String,
    },
    /// An edit removes a target that the account does not have.
    #[error("account {account} has no target {target} to remove")]
    NothingToRemove {
        /// The account.
        account: AccountId,
        /// The number.
        target: TargetId,
    },
    /// A block is too large.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
}

/// Builds a snapshot.
///
/// # Errors
/// The first spec that is wrong, with what is allowed; or what is too large.
pub fn build(source: &Source, options: BuildOptions<'_>) -> Result<Built, BuildError> {
    build_after(source, options, &Dealt::new())
}

/// Builds a snapshot where target ids were dealt after the previous one.
///
/// # Errors
/// As [`build`].
pub fn build_after(
    source: &Source,
    options: BuildOptions<'_>,
    dealt: &Dealt,
) -> Result<Built, BuildError> {
    if let Some(previous) =
        options.previous.map(SnapshotView::epoch).filter(|one| options.epoch <= *one)
    {
        return Err(BuildError::Epoch { epoch: options.epoch, previous });
    }
    let (mut made, mut outlines) = (Vec::new(), Vec::new());
    let mut geometry = Geometry::default();
    for group in group(source)? {
        outlines.push(account(&group, options, &mut geometry, &mut made)?);
    }
    let manifest = Encoded::of(&Manifest {
        valid_from_day: day_number(options.valid_from),
        key_check: source.lists_devices().then(|| options.key.member(DeviceId::NIL)),
        geometry: keep_all(geometry.buckets(), &mut made)?,
        accounts: outlines.iter().map(|outline| outline.entry.clone()).collect(),
    })?;
    let standing =
        Encoded::of(&standing(options.epoch, manifest.hash, &outlines, options.previous, dealt))?;
    let shelf = options.previous.map(Shelf::of).unwrap_or_default();
    Ok(Built::new(options.epoch, manifest, standing, made, shelf))
}

fn account(
    group: &Group<'_>,
    options: BuildOptions<'_>,
    geometry: &mut Geometry,
    made: &mut Vec<Encoded>,
) -> Result<Outline, BuildError> {
    let id = group.account.id;
    check(group)?;
    let zone = Zone::new(&group.account.time_zone, options.valid_from)
        .map_err(|reason| BuildError::Zone { account: id, reason })?;
    let mut members = Members::under(options.key);
    let (asks, schedule) = campaigns(group, &zone, &mut members)?;
    let watchers = watchers(group);
    let targets = watched(group, &watchers);
    let too_wide = |reason: TooWide| BuildError::Index { account: id, reason: reason.into() };
    let row = |target: &Watched<'_>| Ok((target.id, geometry.row(target.id, target.shape())?));
    let rows: Vec<_> = targets.iter().map(row).collect::<Result<_, _>>().map_err(too_wide)?;
    let grain = Grain::of(targets.len());
    let before = indexable(options.previous.and_then(|view| view.account(id)), grain);
    let shape = |target: TargetId| {
        let at = targets.binary_search_by_key(&target, |one| one.id).ok()?;
        targets.get(at).map(|one| Cow::Borrowed(one.shape()))
    };
    let changed = changed(&targets, &rows, before);
    let Indexed { atlas, tiles } = indexed(id, grain, &changed, &shape, before, made)?;
    let entry = ManifestAccount {
        id: id.0,
        atlas,
        tiles,
        shapes: keep_all(pages(&rows), made)?,
        targets: keep_all(directory(group)?, made)?,
        watch: keep_all(watch(group, &targets, &watchers), made)?,
        places: keep(&places(&targets), made)?,
        audiences: keep_all(members.blocks, made)?,
        campaigns: keep(&asks, made)?,
        calendar: keep(&zone.calendar(), made)?,
        schedule: keep(&schedule, made)?,
    };
    let next_target_id = group.targets.last().map_or(1, |last| last.id.0 + 1);
    let run_of =
        |one: &&CampaignSpec| RunOf { id: one.id, mode: one.mode, condition: one.condition };
    let campaigns = group.campaigns.iter().map(run_of).collect();
    Ok(Outline { entry, campaigns, next_target_id })
}

/// Archives contents and gives their names.
pub(super) fn keep_all<T: Written>(
    contents: impl IntoIterator<Item = T>,
    made: &mut Vec<Encoded>,
) -> Result<Vec<[u8; 32]>, BuildError> {
    contents.into_iter().map(|content| keep(&content, made)).collect()
}

/// Archives a content and gives its name.
pub(super) fn keep<T: Written>(
    content: &T,
    made: &mut Vec<Encoded>,
) -> Result<[u8; 32], BuildError> {
    let block = Encoded::of(content)?;
    let hash = block.hash.0;
    made.push(block);
    Ok(hash)
}

/// Holds a target against the rules.
///
/// # Errors
/// The first that it breaks.
pub(super) fn check_target(account: AccountId, target: &TargetSpec) -> Result<(), BuildError> {
    broken(account, format!("target {:?}", target.key), rules::of_shape(&target.shape))
}

fn broken(account: AccountId, what: String, rules: Vec<BrokenRule>) -> Result<(), BuildError> {
    match rules.into_iter().next() {
        Some(rule) => Err(BuildError::Rule { account, what, rule }),
        None => Ok(()),
    }
}

fn check(group: &Group<'_>) -> Result<(), BuildError> {
    let account = group.account.id;
    broken(account, "the settings".to_owned(), rules::of_account(group.account))?;
    group.targets.iter().try_for_each(|target| check_target(account, target))?;
    for campaign in &group.campaigns {
        let rules = rules::of_campaign(campaign, group.account);
        broken(account, format!("campaign {}", campaign.id), rules)?;
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
