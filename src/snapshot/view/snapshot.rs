//! The whole snapshot: its number, its hash, its accounts.

use jiff::civil::Date;

use super::account::AccountView;
use crate::domain::ids::{AccountId, DeviceId, Epoch, SnapshotHash};
use crate::domain::lots::InstallationKey;
use crate::snapshot::blocks::ArchivedManifest;
use crate::snapshot::calendar::day_of;
use crate::snapshot::parts::Parts;

/// A snapshot, pinned by whoever lends it.
#[derive(Clone, Copy, Debug)]
pub struct SnapshotView<'s> {
    parts: &'s Parts,
}

impl<'s> SnapshotView<'s> {
    /// Over a snapshot's pieces.
    #[must_use]
    pub fn new(parts: &'s Parts) -> Self {
        Self { parts }
    }

    /// Its number.
    #[must_use]
    pub fn epoch(self) -> Epoch {
        self.parts.epoch
    }

    /// Its content hash. Two epochs with equal content share it.
    #[must_use]
    pub fn hash(self) -> SnapshotHash {
        self.parts.hash
    }

    /// The account with this number, if the snapshot knows it.
    #[must_use]
    pub fn account(self, id: AccountId) -> Option<AccountView<'s>> {
        self.parts.account(id).map(AccountView::new)
    }

    /// All accounts, in ascending order of id.
    pub fn accounts(self) -> impl ExactSizeIterator<Item = AccountView<'s>> {
        self.parts.accounts.iter().map(AccountView::new)
    }

    /// The local day from which schedules are compiled.
    #[must_use]
    pub fn valid_from(self) -> Date {
        day_of(self.parts.manifest.get().valid_from_day.to_native())
    }

    /// Whether any of these devices is on a list of its account, by its member hash.
    #[must_use]
    pub fn lists_any(self, members: &[(AccountId, u64)]) -> bool {
        let is_listed = |(account, member): &(AccountId, u64)| {
            self.account(*account).is_some_and(|account| account.lists(*member))
        };
        members.iter().any(is_listed)
    }

    /// Whether its lists of devices were hashed under this key. Under another, no audience, test device or
    /// blacklist would ever match.
    #[must_use]
    pub fn made_for(self, key: &InstallationKey) -> bool {
        is_made_for(self.parts.manifest.get(), key)
    }

    /// The pieces it reads, for building the next one.
    #[must_use]
    pub fn parts(self) -> &'s Parts {
        self.parts
    }
}

/// Whether the lists of devices of this manifest's snapshot were hashed under the key.
pub(in crate::snapshot) fn is_made_for(manifest: &ArchivedManifest, key: &InstallationKey) -> bool {
    manifest.key_check.as_ref().is_none_or(|check| *check == key.member(DeviceId::NIL))
}
