//! Jobs and events for consumers: what the journal's input caused, in the order in which it left.
//!
//! Shards turn decisions into records ([`encode`], [`message`]) and release them once their input is synced; one
//! thread ([`writer`]) writes what waits as one batch, syncs, and shows it. A record's place is its *offset*,
//! which never changes its meaning: nothing is seen before it is on stable storage, and what a crash takes away
//! nobody has seen. Beside the records stand, in the same atomic batches, how far each partition has come
//! (recovery makes what is missing; what would be there twice is dropped) and the state of the named consumers ([`consumer`]).
//!
//! Beside its records go [`tallies`], and what is known of [`jobs`]; from all of these [`derived`] keeps the
//! figures of campaigns. What ends a record's life is [`retention`]; what its bytes are is [`codec`]; how consumers get it over HTTP is
//! [`sink`](crate::sink). In reading order: the record, its making, its bytes, the handle, the thread, the
//! consumers, the store.

pub mod record;
pub mod tallies;
pub mod jobs;
pub mod message;
pub mod encode;
pub mod codec;
mod fields;
pub mod config;
pub mod figures;
pub mod orders;
pub mod store;
mod shared;
mod writer;
pub mod consumer;
mod changes;
pub mod read;
mod retention;
mod tables;
mod refused;
mod blocks;
mod rows;
mod space;
mod purge;
pub mod derived;

pub use config::{Clocks, OutboxConfig};
pub use figures::OutboxFigures;
pub use orders::{ConsumerError, OutboxError, Release, Start, Withheld};
pub use record::{OutboxRecord, RecordKind};
pub use refused::StoreError;
pub use store::{OFFER_PAUSE, Outbox};

#[cfg(test)]
pub(crate) mod by_hand;
#[cfg(test)]
pub(crate) mod sim_rows;
#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod message_tests;
#[cfg(test)]
mod encode_tests;
#[cfg(test)]
mod codec_tests;
#[cfg(test)]
mod tallies_tests;
#[cfg(test)]
mod blocks_tests;
#[cfg(test)]
mod golden_tests;
#[cfg(test)]
mod by_hand_tests;
#[cfg(test)]
mod store_tests;
#[cfg(test)]
mod purge_tests;
#[cfg(test)]
mod consumer_tests;
