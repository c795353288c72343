//! A shard's end of the journal: it encodes into a buffer of its own and lays it out for the writer.
//!
//! Three buffers go round between a shard and the writer: one being filled, one laid out, one being
//! written. As long as the writer has not taken the one laid out, the next commit is added to it. So a
//! slow sync makes groups larger instead of stopping the shard, and what is committed while one sync is under way
//! goes with the next, up to `commit_max_bytes` of all shards. Past `shard_buffer_bytes` the shard should take in no more.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crossbeam::channel::{Receiver, Sender};

use super::encode::Encoder;
use super::error::JournalFailure;
use super::handle::{ShardShared, Shared};
use super::position::{CommitNo, LogPosition};
use super::writer::{LaidOut, Word};
use crate::domain::ids::InputPosition;
use crate::domain::input::Input;

/// Buffers that go round: filling, laid out, being written.
pub(super) const BUFFERS_A_SHARD: usize = 3;

/// Appends the inputs of one shard. Dropping it commits what is pending.
pub struct ShardLog {
    shard: usize,
    encoder: Encoder,
    /// What is encoded and not committed. The other buffers are laid out, with the writer, in `free` or in `spares`.
    pending: Vec<u8>,
    /// Buffers that never went round yet.
    spares: Vec<Vec<u8>>,
    /// What was laid out last, bytes.
    laid_out_bytes: usize,
    /// The last commit.
    last: CommitNo,
    to_writer: Sender<Word>,
    /// Where the writer returns buffers, empty.
    free: Receiver<Vec<u8>>,
    shared: Arc<Shared>,
    buffer_bytes: usize,
}

impl ShardLog {
    pub(super) fn new(
        shard: usize,
        encoder: Encoder,
        (to_writer, free): (Sender<Word>, Receiver<Vec<u8>>),
        shared: Arc<Shared>,
        buffer_bytes: usize,
    ) -> Self {
        Self {
            shard,
            encoder,
            pending: Vec::new(),
            spares: vec![Vec::new(); BUFFERS_A_SHARD - 1],
            laid_out_bytes: 0,
            last: CommitNo(0),
            to_writer,
            free,
            shared,
            buffer_bytes,
        }
    }

    /// Encodes an input behind the shard's others. Sequences within a partition must be gapless.
    /// It is neither written nor safe before a [`commit`](Self::commit) is synced.
    ///
    /// # Panics
    /// If the batch takes more than 64 MiB: frames are bounded far below.
    pub fn append(&mut self, position: InputPosition, input: &Input<'_>) {
        self.encoder.append(&mut self.pending, position, input);
    }

    /// Commits all that was appended: the answer will be [`synced`](Self::synced) once it is on
    /// stable storage. It never waits: [`has_room`](Self::has_room), asked before, bounds what is held.
    pub fn commit(&mut self) -> CommitNo {
        if !self.pending.is_empty() {
            self.last.0 += 1;
            self.lay_out();
        }
        self.last
    }

    /// All commits up to this one are on stable storage.
    #[must_use]
    pub fn synced(&self) -> CommitNo {
        CommitNo(self.of_shard().synced.load(Ordering::Acquire))
    }

    /// Whether another batch may be taken in: less than `shard_buffer_bytes` wait for the disk.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.laid_out_bytes < self.buffer_bytes || self.of_shard().laid_out.is_empty()
    }

    /// Why nothing is acknowledged any more, until restart; `None` while all is well.
    #[must_use]
    pub fn failed(&self) -> Option<&JournalFailure> {
        self.shared.failure.get()
    }

    /// At the end: if the writer waits for room on a full disk, it gives up, and the journal fails. Whoever asks for
    /// the end does not wait for somebody to make room.
    pub fn stop_waiting_for_room(&self) {
        if self.shared.figures.sample().disk_full {
            self.shared.closing.store(true, Ordering::Relaxed);
        }
    }

    /// Has the writer call `waker` after each sync that carried this shard's commits, and on
    /// failure. It runs on the writer's thread and must not block. Only the first call counts.
    pub fn on_synced(&self, waker: impl Fn() + Send + Sync + 'static) {
        // A second waker is refused, as the documentation says.
        let _first = self.shared.shards[self.shard].waker.set(Box::new(waker));
    }

    /// Where a checkpoint of a partition of this shard has to keep the log from, if all that was
    /// appended for the partition so far is in the checkpoint.
    #[must_use]
    pub fn keep_from(&self) -> LogPosition {
        LogPosition(self.shared.synced_end.load(Ordering::Acquire))
    }

    /// Adds what is pending to what the writer has not taken yet, or begins anew, and tells the writer.
    fn lay_out(&mut self) {
        let laid_out = match self.of_shard().laid_out.pop() {
            Some(LaidOut { commit: _, mut buffer }) => {
                buffer.append(&mut self.pending);
                LaidOut { commit: self.last, buffer }
            }
            None => {
                // The writer returns one before it takes the next, so one of the three is here.
                let empty = self.spares.pop().or_else(|| self.free.try_recv().ok());
                let buffer = std::mem::replace(&mut self.pending, empty.unwrap_or_default());
                LaidOut { commit: self.last, buffer }
            }
        };
        self.encoder.begin_commit();
        self.laid_out_bytes = laid_out.buffer.len();
        let refused = self.of_shard().laid_out.push(laid_out);
        assert!(refused.is_ok(), "only this shard lays out here");
        if !self.shared.is_told.swap(true, Ordering::AcqRel) {
            // Where there is no room, words wait that the writer has not heard: it looks here once it has. One that is
            // gone has said why in `failed`, or the journal was shut down.
            let _full_or_gone = self.to_writer.try_send(Word::LaidOut);
        }
    }

    fn of_shard(&self) -> &ShardShared {
        &self.shared.shards[self.shard]
    }
}

impl Drop for ShardLog {
    fn drop(&mut self) {
        self.commit();
    }
}
