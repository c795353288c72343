//! Devices that are to be forgotten, in every form in which stores hold one.

use std::collections::BTreeSet;

use super::keyring::{Keyring, SealedDevice};
use crate::domain::ids::{AccountId, DeviceKey};

/// Devices whose traces go.
#[derive(Clone, Default)]
pub struct Gone {
    devices: Vec<DeviceKey>,
    /// Under every master key there is.
    sealed: BTreeSet<(AccountId, SealedDevice)>,
    members: BTreeSet<(AccountId, u64)>,
}

impl Gone {
    /// These, under the keys of this ring.
    #[must_use]
    pub fn of(devices: Vec<DeviceKey>, keyring: &Keyring) -> Self {
        let (mut sealer, lots) = (keyring.sealer(), keyring.installation_key());
        let (mut sealed, mut members) = (BTreeSet::new(), BTreeSet::new());
        for device in &devices {
            members.insert((device.account, lots.member(device.device)));
            for version in keyring.versions() {
                // The ring has the keys that it names.
                let under = sealer.seal_under(version, *device);
                sealed.extend(under.map(|under| (device.account, under)));
            }
        }
        Self { devices, sealed, members }
    }

    /// The devices themselves.
    #[must_use]
    pub fn devices(&self) -> &[DeviceKey] {
        &self.devices
    }

    /// Whose they are.
    #[must_use]
    pub fn accounts(&self) -> BTreeSet<AccountId> {
        self.devices.iter().map(|device| device.account).collect()
    }

    /// Whether this is one of them, at rest.
    #[must_use]
    pub fn has(&self, account: AccountId, sealed: SealedDevice) -> bool {
        self.sealed.contains(&(account, sealed))
    }

    /// Whether this is one of them, by the hash that lists and figures hold.
    #[must_use]
    pub fn has_member(&self, account: AccountId, member: u64) -> bool {
        self.members.contains(&(account, member))
    }

    /// All forms in which stores hold them sealed.
    pub fn sealed(&self) -> impl Iterator<Item = (AccountId, SealedDevice)> {
        self.sealed.iter().copied()
    }

    /// Their hashes.
    pub fn members(&self) -> impl Iterator<Item = (AccountId, u64)> {
        self.members.iter().copied()
    }
}

/// Ids must not leak into a log.
impl std::fmt::Debug for Gone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Gone({} devices)", self.devices.len())
    }
}
