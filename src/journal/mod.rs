//! The journal: the durable input, and checkpoints of the state it leads to.
//!
//! Whatever a partition is to step over is written here first. Since the engine is deterministic, a
//! checkpoint and the inputs after it give back state and outputs exactly; recovery, replay and
//! explain are the same read.
//!
//! There is one log and one writer thread a process. A shard encodes its inputs into a buffer of
//! its own ([`shard_log`], `encode`) and hands the buffer over; the writer (`writer`) takes all
//! that is waiting, writes it in one call, syncs, and only then publishes the commit numbers that
//! acknowledgements and the outbox wait for. At start, [`recovery`] cuts what a power loss left
//! torn, proves that nothing else is damaged, and yields every input after the given marks; the
//! journal can be had from it alone, so that nothing is written before all is read. [`checkpoint`]
//! keeps the state as of an input, and so tells how far the log may be trimmed.
//!
//! # The log on disk
//!
//! `log/<position>.seg`, where the position counts every byte of the log since its beginning. All
//! numbers are little-endian. A segment is a header (`segment`) and records (`record`); each record
//! has a CRC32C, and each header the BLAKE3 of the whole segment before. A group of records that
//! was written by one call begins with a *group mark*. The writer writes a mark only after the sync
//! of all that precedes it: so damage with a mark behind it is corruption, which is located and
//! reported, and damage without one is the torn end of writes that nobody was told of, which is
//! cut. Device ids are sealed ([`identity`](crate::identity)).
//!
//! With recording on, segments that recovery needs no more are kept packed (`packed`), within bounds
//! (`recorder`); readers take both kinds.
//!
//! # When the disk fails
//!
//! An error from sync is final, as is every other error but a full disk: nothing is acknowledged
//! until restart ([`Journal::failed`]). On a full disk the writer cuts the partial write, keeps
//! what it was handed and tries again; shards wait meanwhile, and go on when there is room.

pub mod config;
pub mod position;
pub mod error;
pub mod handle;
pub mod shard_log;
pub mod figures;
mod writer;
pub mod recorder;
pub mod erase;
mod packed;
mod encode;
mod record;
mod segment;
mod fields;
pub mod owned;
mod decode;
mod scan;
mod tail;
pub mod recovery;
pub mod checkpoint;
mod checkpoint_file;
pub mod disk;

pub use checkpoint::{Checkpoint, CheckpointMark, Checkpoints, Latest, Staged};
pub use checkpoint_file::CHECKPOINT_FORMAT;
pub use config::JournalConfig;
pub use error::{JournalError, JournalFailure};
pub use figures::JournalFigures;
pub use handle::Journal;
pub use owned::OwnedInput;
pub use packed::RECORDING_FORMAT;
pub use position::{CommitNo, LogPosition, Resume};
pub use recovery::{LogReader, Recovery};
pub use segment::LOG_FORMAT;
pub use shard_log::ShardLog;

#[cfg(test)]
pub(crate) mod by_hand;
#[cfg(test)]
pub(crate) mod sim_disk;
#[cfg(test)]
pub(crate) mod test_inputs;
#[cfg(test)]
mod codec_tests;
#[cfg(test)]
mod power_tests;
#[cfg(test)]
mod damage_tests;
#[cfg(test)]
mod writer_tests;
#[cfg(test)]
mod live_tests;
#[cfg(test)]
mod checkpoint_tests;
#[cfg(test)]
mod golden_tests;
#[cfg(test)]
mod recorder_tests;
#[cfg(test)]
mod erase_tests;
#[cfg(test)]
mod speed_tests;
