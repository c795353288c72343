//! Advertising ids of documents: sealed, apart from the document, and opened for the account that they belong to.

use super::desk::Desk;
use crate::control::documents::Document;
use crate::control::refusal::Refusal;
use crate::control::store::{DeviceList, Key, StoreError};
use crate::domain::ids::{DeviceId, DeviceKey};
use crate::domain::problem::Fault;
use crate::identity::SealedDevice;

impl Desk<'_> {
    /// Takes the lists out of a document and keeps them under its key. Repeats collapse.
    pub(super) fn keep_devices(
        &mut self,
        key: Key,
        lists: &[(DeviceList, Vec<DeviceId>)],
    ) -> Result<(), Refusal> {
        for (list, devices) in lists {
            let sealed = self.sealed(devices);
            self.tx.clear_devices((key, *list))?;
            self.tx.add_devices((key, *list), &sealed)?;
        }
        Ok(())
    }

    /// Seals ids of the account.
    pub(in crate::control) fn sealed(&self, devices: &[DeviceId]) -> Vec<SealedDevice> {
        let mut sealer = self.actor.keyring.sealer();
        let account = self.account_id();
        devices.iter().map(|&device| sealer.seal(DeviceKey { account, device })).collect()
    }

    /// The same ids as every earlier key sealed them.
    pub(super) fn sealed_before(&self, devices: &[DeviceId]) -> Vec<SealedDevice> {
        let (account, keyring) = (self.account_id(), &self.actor.keyring);
        let mut sealer = keyring.sealer();
        let newest = sealer.key_version();
        let mut sealed = Vec::new();
        for version in keyring.versions().filter(|version| *version != newest) {
            let seal =
                |&device: &DeviceId| sealer.seal_under(version, DeviceKey { account, device });
            sealed.extend(devices.iter().map(seal).filter_map(Result::ok));
        }
        sealed
    }

    /// Puts the lists that are kept under a key into its document.
    pub(super) fn open_devices(
        &mut self,
        key: Key,
        document: &mut impl Document,
    ) -> Result<(), Refusal> {
        for (list, _pointer, into) in document.devices() {
            let sealed = self.tx.devices((key, list), None, u32::MAX)?;
            *into = self.opened(&sealed)?.iter().map(ToString::to_string).collect();
            into.sort_unstable();
        }
        Ok(())
    }

    /// Opens sealed ids of the account.
    pub(super) fn opened(&self, sealed: &[SealedDevice]) -> Result<Vec<DeviceId>, Refusal> {
        let mut sealer = self.actor.keyring.sealer();
        let open = |&one: &SealedDevice| {
            sealer.open(self.account_id(), one).map_err(|error| {
                Refusal::Store(StoreError::Corrupt(format!("a sealed device: {error}")))
            })
        };
        sealed.iter().map(open).collect()
    }
}

/// The lists of a document as ids, taken out of it.
pub(super) fn take_devices(
    document: &mut impl Document,
) -> Result<Vec<(DeviceList, Vec<DeviceId>)>, Refusal> {
    let (mut lists, mut faults) = (Vec::new(), Vec::new());
    for (list, pointer, from) in document.devices() {
        let mut devices = Vec::with_capacity(from.len());
        for (at, text) in std::mem::take(from).iter().enumerate() {
            match DeviceId::parse(text) {
                Ok(device) => devices.push(device),
                // The text is not shown: it may be most of somebody's advertising id.
                Err(_unreadable) => faults.push(Fault::new(
                    format!("{pointer}/{at}"),
                    "this is no advertising id; allowed: 8-4-4-4-12 hexadecimal digits",
                )),
            }
        }
        lists.push((list, devices));
    }
    if faults.is_empty() { Ok(lists) } else { Err(Refusal::Faults(faults)) }
}
