//! A shard's end of the journal: it encodes into a buffer of its own and hands full thoughts over.
//!
//! Three buffers go round between a shard and the writer: one being filled, one waiting, one being
//! written. When the writer holds the other two, a commit is postponed and the buffer goes on
//! growing, so that a slow sync makes groups larger instead of stopping the shard. Past
//! `shard_buffer_bytes` the shard should take in no more, and past twice that it is made to wait.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crossbeam::channel::{Receiver, Sender};

use super::encode::Encoder;
use super::error::JournalFailure;
use super::handle::Shared;
use super::position::{CommitNo, LogPosition};
use super::writer::{Handed, Handover};
use crate::domain::ids::InputPosition;
use crate::domain::input::Input;

/// Buffers that go round: filling, waiting, being written.
pub(super) const BUFFERS_A_SHARD: usize = 3;

/// Appends the inputs of one shard. Dropping it commits what is pending.
pub struct ShardLog {
    shard: usize,
    encoder: Encoder,
    /// What is encoded and not handed over. The other buffers are with the writer, in `free` or in
    /// `spares`.
    pending: Vec<u8>,
    /// Buffers that never went round yet.
    spares: Vec<Vec<u8>>,
    /// Whether `pending` was committed while no buffer was free.
    postponed: bool,
    /// The number of the next hand-over.
    next: CommitNo,
    to_writer: Sender<Handover>,
    /// Where the writer returns buffers, empty.
    free: Receiver<Vec<u8>>,
    shared: Arc<Shared>,
    buffer_bytes: usize,
}

impl ShardLog {
    pub(super) fn new(
        shard: usize,
        encoder: Encoder,
        (to_writer, free): (Sender<Handover>, Receiver<Vec<u8>>),
        shared: Arc<Shared>,
        buffer_bytes: usize,
    ) -> Self {
        Self {
            shard,
            encoder,
            pending: Vec::new(),
            spares: vec![Vec::new(); BUFFERS_A_SHARD - 1],
            postponed: false,
            next: CommitNo(1),
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
    /// stable storage. Waits for the disk only when twice `shard_buffer_bytes` are pending and the
    /// writer holds the other buffers.
    pub fn commit(&mut self) -> CommitNo {
        if self.pending.is_empty() {
            return CommitNo(self.next.0 - 1);
        }
        let number = self.next;
        self.postponed = true;
        self.hand_over_if_free();
        // A caller who asked `has_room` before the batch does not come here, unless the batch alone
        // fills a buffer.
        if self.postponed && self.pending.len() >= 2 * self.buffer_bytes {
            self.hand_over_waiting();
        }
        number
    }

    /// All commits up to this one are on stable storage. Call it after each wake: it also hands
    /// over what a commit had to postpone.
    pub fn synced(&mut self) -> CommitNo {
        self.hand_over_if_free();
        CommitNo(self.shared.shards[self.shard].synced.load(Ordering::Acquire))
    }

    /// Whether another batch may be taken in: less than `shard_buffer_bytes` wait for the disk. If
    /// so, its commit will not wait, unless the batch alone is larger than that.
    pub fn has_room(&mut self) -> bool {
        self.hand_over_if_free();
        !self.postponed || self.pending.len() < self.buffer_bytes
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

    fn hand_over_if_free(&mut self) {
        if !self.postponed {
            return;
        }
        if let Some(empty) = self.spares.pop().or_else(|| self.free.try_recv().ok()) {
            self.hand_over(empty);
        }
    }

    fn hand_over_waiting(&mut self) {
        match self.free.recv() {
            Ok(empty) => self.hand_over(empty),
            Err(_) => self.discard(),
        }
    }

    fn hand_over(&mut self, empty: Vec<u8>) {
        let buffer = std::mem::replace(&mut self.pending, empty);
        let handed = Handed { shard: self.shard, commit: self.next, buffer };
        self.next.0 += 1;
        self.postponed = false;
        self.encoder.begin_buffer();
        if self.to_writer.send(Handover::Buffer(handed)).is_err() {
            self.discard();
        }
    }

    /// The writer is gone: nothing can be kept, and nothing will ever be synced. It has said why in
    /// `failed`, or the journal was shut down.
    fn discard(&mut self) {
        self.pending.clear();
        self.postponed = false;
        self.encoder.begin_buffer();
    }
}

impl Drop for ShardLog {
    fn drop(&mut self) {
        self.commit();
        if self.postponed {
            self.hand_over_waiting();
        }
    }
}
