//! Keys, and device ids at rest.
//!
//! An installation has one secret file, `keys.json`, beside its data. It holds two kinds of keys.
//! The *installation key* never rotates: holdout, variant, job id and audiences hash under it
//! ([`domain::lots`](crate::domain::lots)). The *master keys* are numbered and may be rotated:
//! under the newest one each account gets a key of its own, and a device id goes to disk as one
//! AES-256 block under that key. Old master keys stay, so what they sealed stays readable.
//!
//! A [`Keyring`] is opened once, at start, and cloned to whoever needs it: the snapshot builder
//! takes the installation key, outbox and sinks seal and open single devices, and each shard's
//! journal writer and the recovery keep a [`Sealer`], which remembers the expanded cipher of each
//! account and works on slices. What is to be forgotten is [`Gone`], in all these forms. `keyfile` is the file itself: created once, readable by its owner
//! alone, never overwritten but to add a key. It, and the locks beside it, are the daemon's also where root ran a command: [`owner`].

pub mod keyring;
pub mod sealer;
pub mod gone;
mod keyfile;
pub mod owner;

pub use gone::Gone;
pub use keyfile::KEYS_FILE;
pub use keyring::{KeyCheck, KeyError, Keyring, SealedDevice};
pub use sealer::Sealer;

#[cfg(test)]
mod keyring_tests;
#[cfg(test)]
mod sealer_tests;
