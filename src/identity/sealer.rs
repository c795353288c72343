//! Sealing and opening many devices: slices of blocks, under expanded keys that are kept.
//!
//! Expanding an AES key costs as much as sealing dozens of blocks, so a thread that seals on the
//! hot path owns a [`Sealer`]: no locks, and nothing allocated once an account has been met.

use aes::Aes256;
use aes::cipher::{Array, BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use hashbrown::HashMap;

use super::keyring::{KeyError, Keyring, SealedDevice};
use crate::domain::ids::{AccountId, DeviceId, DeviceKey};
use crate::domain::lots::InstallationKey;

/// Accounts whose expanded key a sealer keeps: about 0.5 KB each, 2 MB in all. Past it the cache
/// starts anew, which costs one expansion per account met.
const CIPHERS_KEPT: usize = 4096;

/// Seals and opens devices on one thread.
pub struct Sealer {
    keyring: Keyring,
    lots: InstallationKey,
    ciphers: HashMap<(AccountId, u16), Aes256, foldhash::fast::RandomState>,
}

impl Sealer {
    /// A sealer with an empty cache.
    #[must_use]
    pub fn new(keyring: Keyring) -> Self {
        let lots = keyring.installation_key();
        Self { keyring, lots, ciphers: HashMap::default() }
    }

    /// The number of the master key that [`seal_blocks`](Self::seal_blocks) seals under.
    #[must_use]
    pub fn key_version(&self) -> u16 {
        self.keyring.key_version()
    }

    /// The hash under which lists of devices, and figures, hold one.
    #[must_use]
    pub fn member(&self, device: DeviceId) -> u64 {
        self.lots.member(device)
    }

    /// Seals raw ids of one account in place, under the newest key.
    pub fn seal_blocks(&mut self, account: AccountId, blocks: &mut [[u8; 16]]) {
        let cipher = self
            .cipher(account, self.keyring.key_version())
            .expect("the keyring has the key that it names as newest");
        seal_blocks(cipher, blocks);
    }

    /// Opens sealed blocks of one account in place.
    ///
    /// # Errors
    /// [`KeyError::UnknownVersion`]; the blocks are untouched then.
    pub fn open_blocks(
        &mut self,
        account: AccountId,
        key_version: u16,
        blocks: &mut [[u8; 16]],
    ) -> Result<(), KeyError> {
        open_blocks(self.cipher(account, key_version)?, blocks);
        Ok(())
    }

    /// Seals one device.
    pub fn seal(&mut self, device: DeviceKey) -> SealedDevice {
        let mut blocks = [device.device.0];
        self.seal_blocks(device.account, &mut blocks);
        let [block] = blocks;
        SealedDevice { key_version: self.key_version(), block }
    }

    /// Seals one device as an earlier key did, to find it where it was kept under that.
    ///
    /// # Errors
    /// [`KeyError::UnknownVersion`].
    pub fn seal_under(
        &mut self,
        key_version: u16,
        device: DeviceKey,
    ) -> Result<SealedDevice, KeyError> {
        let mut blocks = [device.device.0];
        seal_blocks(self.cipher(device.account, key_version)?, &mut blocks);
        let [block] = blocks;
        Ok(SealedDevice { key_version, block })
    }

    /// Opens one device.
    ///
    /// # Errors
    /// [`KeyError::UnknownVersion`].
    pub fn open(&mut self, account: AccountId, sealed: SealedDevice) -> Result<DeviceId, KeyError> {
        let mut blocks = [sealed.block];
        self.open_blocks(account, sealed.key_version, &mut blocks)?;
        let [device] = blocks;
        Ok(DeviceId(device))
    }

    fn cipher(&mut self, account: AccountId, key_version: u16) -> Result<&Aes256, KeyError> {
        let which = (account, key_version);
        if self.ciphers.len() >= CIPHERS_KEPT && !self.ciphers.contains_key(&which) {
            self.ciphers.clear();
        }
        match self.ciphers.entry(which) {
            hashbrown::hash_map::Entry::Occupied(kept) => Ok(kept.into_mut()),
            hashbrown::hash_map::Entry::Vacant(place) => {
                let master = self.keyring.master(key_version)?;
                Ok(place.insert(account_cipher(master, key_version, account)))
            }
        }
    }
}

/// Keys must not leak into a log.
impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sealer({} accounts, …)", self.ciphers.len())
    }
}

/// The cipher of one account under one master key. The format of everything sealed hangs on it.
pub(super) fn account_cipher(master: &[u8; 32], key_version: u16, account: AccountId) -> Aes256 {
    let mut hasher = blake3::Hasher::new_derive_key("geofenced v1 device at rest: account key");
    hasher.update(master);
    hasher.update(&key_version.to_le_bytes());
    hasher.update(&account.0.to_le_bytes());
    Aes256::new(&Array(*hasher.finalize().as_bytes()))
}

pub(super) fn seal_blocks(cipher: &Aes256, blocks: &mut [[u8; 16]]) {
    // The crate runs as many blocks side by side as the processor's pipelines take.
    cipher.encrypt_blocks(Array::cast_slice_from_core_mut(blocks));
}

pub(super) fn open_blocks(cipher: &Aes256, blocks: &mut [[u8; 16]]) {
    cipher.decrypt_blocks(Array::cast_slice_from_core_mut(blocks));
}
