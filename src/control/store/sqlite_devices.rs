//! Lists of devices that hang on records.

use rusqlite::params;

use super::record::{DeviceList, INSTALLATION, Key, Kind};
use super::sqlite_tx::SqliteTx;
use super::tx::StoreError;
use crate::domain::ids::AccountId;
use crate::identity::SealedDevice;

impl SqliteTx<'_> {
    /// Does something with each device of a list; gives how many rows that changed.
    pub(super) fn for_each_device(
        &self,
        (key, list): (Key, DeviceList),
        devices: &[SealedDevice],
        sql: &str,
    ) -> Result<u64, StoreError> {
        let mut changed = 0;
        for device in devices {
            let device = device.to_bytes();
            let which = params![key.account.0, key.kind as u8, key.id, list as u8, device];
            changed += self.run(sql, which)? as u64;
        }
        Ok(changed)
    }

    /// Takes devices off all lists but those of what is to be erased.
    pub(super) fn erase_from_lists(
        &self,
        account: AccountId,
        devices: &[SealedDevice],
    ) -> Result<u64, StoreError> {
        // The blacklist hangs on the account's record, which is the installation's.
        let sql = "DELETE FROM devices WHERE device = ?2 AND list <> ?3
             AND (account = ?1 OR (account = ?4 AND kind = ?5 AND id = ?1))";
        let (kept, of) = (DeviceList::Erasure as u8, Kind::Account as u8);
        let mut erased = 0;
        for device in devices {
            let device = device.to_bytes();
            let which = params![account.0, device, kept, INSTALLATION.0, of];
            erased += self.run(sql, which)? as u64;
        }
        Ok(erased)
    }
}
