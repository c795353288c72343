//! Epochs on disk.
//!
//! ```text
//! DIR/blocks/<digest>        a block, manifests included; never changed, shared by epochs
//! DIR/epochs/<number>        a standing: names the manifest and carries run-since epochs and target ids
//! DIR/lock                   held while blocks or epochs are added or removed
//! ```
//!
//! A file is written under a temporary name, synced, renamed, and its directory synced; blocks before the epoch
//! that needs them. So a crash leaves the store as it was, or with blocks that nobody names, which the next
//! [`sweep`] removes. [`directory`] is the store itself, [`reading`] loads epochs, [`files`] is the careful writing, [`inputs`]
//! reads what people hand to `geofenced snapshot build`.

mod directory;
mod reading;
mod error;
mod files;
mod inputs;
mod sweep;
mod erase;

pub use directory::{DEFAULT_MAX_BYTES, Store};
pub use error::StoreError;
pub use inputs::{InputError, read_input};
pub use reading::{BlockUse, EpochListing, NewestSound};
pub use sweep::Swept;

#[cfg(test)]
mod store_tests;
