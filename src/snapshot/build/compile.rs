//! Specs in, blocks out: every account is compiled.

use jiff::civil::Date;

use super::account::{Basis, Compiler};
use super::built::Built;
use super::error::BuildError;
use super::group::group;
use super::next::{After, Next};
use super::standing::Dealt;
use crate::domain::campaign::{AccountSpec, AudienceSpec, CampaignSpec};
use crate::domain::ids::{DeviceId, Epoch};
use crate::domain::lots::InstallationKey;
use crate::domain::target::TargetSpec;
use crate::snapshot::calendar::day_number;
use crate::snapshot::view::SnapshotView;

/// All that a snapshot is made from.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Source {
    /// The accounts.
    pub accounts: Vec<AccountSpec>,
    /// Their targets; [`TargetId::NATIONWIDE`] is always known and not among them.
    ///
    /// [`TargetId::NATIONWIDE`]: crate::domain::ids::TargetId::NATIONWIDE
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
    let BuildOptions { epoch, valid_from, key, previous } = options;
    let after = After { epoch, previous, dealt };
    after.check()?;
    let mut compiler = Compiler::new(key, valid_from);
    let mut outlines = Vec::new();
    for group in group(source)? {
        let before = previous.and_then(|view| view.account(group.account.id));
        outlines.push(compiler.account(&group, Basis::shared(before))?);
    }
    let (geometry, made) = compiler.finish(&[])?;
    let next = Next {
        valid_from_day: day_number(valid_from),
        key_check: source.lists_devices().then(|| key.member(DeviceId::NIL)),
        geometry,
        outlines,
        made,
    };
    next.built(previous, 0, after)
}
