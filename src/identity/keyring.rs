//! The keys of this installation, and what is derived from them.
//!
//! Opened from the data directory at start, or made from a seed by replay and tests. Cheap to
//! clone; nothing in it ever changes, so a rotation is a new keyring.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::keyfile;
use super::sealer::{Sealer, account_cipher, open_blocks, seal_blocks};
use crate::domain::ids::{AccountId, DeviceId, DeviceKey};
use crate::domain::lots::InstallationKey;

/// A device id at rest: one AES block under its account's key.
///
/// The same device of the same account seals to the same block, so stores may use it as a key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SealedDevice {
    /// Which master key it was sealed under.
    pub key_version: u16,
    /// The block.
    pub block: [u8; 16],
}

impl SealedDevice {
    /// Bytes of the form below.
    pub const LEN: usize = 18;

    /// The key's version, little-endian, and the block.
    #[must_use]
    pub fn to_bytes(self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        bytes[..2].copy_from_slice(&self.key_version.to_le_bytes());
        bytes[2..].copy_from_slice(&self.block);
        bytes
    }

    /// The other way.
    #[must_use]
    pub fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        let [low, high, block @ ..] = bytes;
        Self { key_version: u16::from_le_bytes([low, high]), block }
    }
}

/// Eight bytes that tell one key from another and nothing about either. Files carry the check of
/// the key that sealed them, so the wrong `keys.json` is noticed before it turns every device into
/// another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeyCheck(pub [u8; 8]);

/// As hexadecimal digits.
impl std::fmt::Display for KeyCheck {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The keys of this installation.
#[derive(Clone)]
pub struct Keyring {
    keys: Arc<Keys>,
}

/// What a keyring holds, in memory and, as hexadecimal digits, in its file.
#[derive(Clone)]
pub(super) struct Keys {
    /// Never rotates.
    pub(super) installation: [u8; 32],
    /// Number and key, ascending by number; never empty. The last one seals.
    pub(super) masters: Vec<(u16, [u8; 32])>,
}

impl Keyring {
    /// Opens `dir/keys.json`, or creates it with random keys where there is no data yet.
    ///
    /// # Errors
    /// [`KeyError`] if the file can't be read or created, is open to others, is malformed, or is
    /// missing though `dir` holds data that was sealed under it.
    pub fn open(dir: &Path) -> Result<Self, KeyError> {
        keyfile::open_or_create(dir).map(Self::from_keys)
    }

    /// Opens `dir/keys.json` and creates nothing: for whoever only looks at a daemon's data.
    ///
    /// # Errors
    /// As [`open`](Self::open), and [`KeyError::Absent`].
    pub fn existing(dir: &Path) -> Result<Self, KeyError> {
        keyfile::existing(dir).map(Self::from_keys)
    }

    /// Opens `dir/keys.json`, which something is sealed under.
    ///
    /// # Errors
    /// As [`existing`](Self::existing), but for [`KeyError::Missing`] instead of [`KeyError::Absent`].
    pub fn sealing(data: &Path, dir: &Path) -> Result<Self, KeyError> {
        Self::existing(dir).map_err(|error| {
            if let KeyError::Absent { path } = error {
                KeyError::Missing { path, data: data.to_owned() }
            } else {
                error
            }
        })
    }

    /// Appends a new master key to `dir/keys.json`. From the next start on it seals; older ones
    /// stay readable. To be called while nobody is at work on the data: who has read the keys before can't open what is
    /// sealed under it.
    ///
    /// # Errors
    /// As [`existing`](Self::existing), and [`KeyError::VersionsUsedUp`] after 65,535 rotations.
    pub fn rotate(dir: &Path) -> Result<Self, KeyError> {
        keyfile::append_master(dir).map(Self::from_keys)
    }

    /// Keys derived from a seed, with nothing on disk: for replay, demos and tests.
    #[must_use]
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self::from_keys(Keys {
            installation: blake3::derive_key("geofenced v1 seed: installation key", &seed),
            masters: vec![(1, blake3::derive_key("geofenced v1 seed: master key 1", &seed))],
        })
    }

    fn from_keys(keys: Keys) -> Self {
        Self { keys: Arc::new(keys) }
    }

    /// The key under which lots are drawn and ids derived.
    #[must_use]
    pub fn installation_key(&self) -> InstallationKey {
        InstallationKey(self.keys.installation)
    }

    /// The number of the master key that seals.
    #[must_use]
    pub fn key_version(&self) -> u16 {
        self.newest().0
    }

    /// What tells the installation key and this master key from others.
    ///
    /// # Errors
    /// [`KeyError::UnknownVersion`].
    pub fn check(&self, key_version: u16) -> Result<KeyCheck, KeyError> {
        let mut hasher = blake3::Hasher::new_derive_key("geofenced v1 key check");
        hasher.update(&self.keys.installation);
        hasher.update(self.master(key_version)?);
        let [a, b, c, d, e, f, g, h, ..] = *hasher.finalize().as_bytes();
        Ok(KeyCheck([a, b, c, d, e, f, g, h]))
    }

    /// Seals one device. Expands the account's key each time: whoever seals many keeps a
    /// [`Sealer`].
    #[must_use]
    pub fn seal(&self, device: DeviceKey) -> SealedDevice {
        let (key_version, master) = self.newest();
        let mut block = [device.device.0];
        seal_blocks(&account_cipher(master, key_version, device.account), &mut block);
        let [block] = block;
        SealedDevice { key_version, block }
    }

    /// Opens one device. Expands the account's key each time: whoever opens many keeps a
    /// [`Sealer`].
    ///
    /// # Errors
    /// [`KeyError::UnknownVersion`]. A wrong account or block gives another id, not an error.
    pub fn open_device(
        &self,
        account: AccountId,
        sealed: SealedDevice,
    ) -> Result<DeviceId, KeyError> {
        let master = self.master(sealed.key_version)?;
        let mut block = [sealed.block];
        open_blocks(&account_cipher(master, sealed.key_version, account), &mut block);
        let [device] = block;
        Ok(DeviceId(device))
    }

    /// A sealer of one thread, with its own cache of expanded keys.
    #[must_use]
    pub fn sealer(&self) -> Sealer {
        Sealer::new(self.clone())
    }

    /// The numbers of all master keys, ascending; the last one seals.
    pub fn versions(&self) -> impl Iterator<Item = u16> {
        self.keys.masters.iter().map(|&(version, _)| version)
    }

    pub(super) fn master(&self, key_version: u16) -> Result<&[u8; 32], KeyError> {
        let masters = &self.keys.masters;
        match masters.binary_search_by_key(&key_version, |&(version, _)| version) {
            Ok(place) => Ok(&masters[place].1),
            Err(_) => Err(KeyError::UnknownVersion { key_version, newest: self.newest().0 }),
        }
    }

    pub(super) fn newest(&self) -> (u16, &[u8; 32]) {
        let (version, key) = self.keys.masters.last().expect("a keyring has a master key");
        (*version, key)
    }
}

/// Keys must not leak into a log.
impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keyring(master key {}, …)", self.key_version())
    }
}

/// Why the keys can't be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file system refused.
    #[error("can't {doing} {path}: {source}", path = path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// No keys, where there should be some.
    #[error(
        "{path} is not there; name the data directory of a daemon that has run",
        path = path.display()
    )]
    Absent {
        /// Where the file should be.
        path: PathBuf,
    },
    /// No keys, yet data.
    #[error(
        "{path} is missing, but {data} holds data sealed under its keys; restore the file from your \
         backup, or move the data away to start anew",
        path = path.display(),
        data = data.display()
    )]
    Missing {
        /// Where the file should be.
        path: PathBuf,
        /// The catalog that has some, or the folder that isn't empty.
        data: PathBuf,
    },
    /// Others than the owner may touch the file.
    #[error(
        "{path} has mode {mode:04o}: its keys must be its owner's alone; run chmod 600 on it",
        path = path.display()
    )]
    OpenToOthers {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Not the JSON that we write.
    #[error(
        "{path} is not a key file: {reason}; restore it from your backup",
        path = path.display()
    )]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong, without any digit of a key.
        reason: String,
    },
    /// A newer release wrote it.
    #[error(
        "{path} has format {format}, and this release reads format {known}; run a newer release",
        path = path.display()
    )]
    NewerFormat {
        /// The file.
        path: PathBuf,
        /// Its format.
        format: u32,
        /// Ours.
        known: u32,
    },
    /// Sealed under a key that we don't have.
    #[error(
        "a device is sealed under master key {key_version}, and keys.json ends at {newest}; \
         restore the keys.json that belongs to this data"
    )]
    UnknownVersion {
        /// The key's number.
        key_version: u16,
        /// The newest that we have.
        newest: u16,
    },
    /// No number is left for another master key.
    #[error(
        "{path} holds master key 65535, the last there can be; start a new installation",
        path = path.display()
    )]
    VersionsUsedUp {
        /// The file.
        path: PathBuf,
    },
    /// The system has no randomness to make keys from.
    #[error("the system gave no random bytes for new keys: {0}")]
    NoRandomness(getrandom::Error),
}
