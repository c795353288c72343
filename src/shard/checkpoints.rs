//! Checkpoints off the data path: shards hand over a partition's state, one thread writes it when it counts.
//!
//! A checkpoint counts only when the outbox is durable through its input. Then the log is trimmed behind the
//! last but one.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use crossbeam::channel::{Receiver, RecvTimeoutError};

use crate::domain::ids::{AccountId, DeviceId, DeviceKey, PartitionId};
use crate::domain::units::UtcMs;
use crate::engine::Partition;
use crate::engine::state::{DeviceSeal, SEALED_LEN};
use crate::identity::{SealedDevice, Sealer};
use crate::journal::{CheckpointMark, Checkpoints, Journal, JournalError, LogPosition, Staged};
use crate::outbox::Outbox;
use crate::shutdown::{Member, Shutdown};

use super::parts::Alarm;
use super::worker::Worker;

/// A partition's state, to be written.
#[derive(PartialEq, Eq, Debug)]
pub struct CheckpointOrder {
    pub(super) mark: CheckpointMark,
    state: Vec<u8>,
}

impl CheckpointOrder {
    /// The state of a partition between two inputs. `keep_from` was taken before its next input is appended.
    #[must_use]
    pub fn of(partition: &Partition, keep_from: LogPosition, sealer: &mut Sealer) -> Self {
        let mut state = Vec::new();
        partition.write_state(&mut AtRest(sealer), &mut state);
        let mark = CheckpointMark { partition: partition.id(), seq: partition.seq(), keep_from };
        Self { mark, state }
    }
}

/// Seals devices in checkpoints as in the journal.
struct AtRest<'a>(&'a mut Sealer);

impl DeviceSeal for AtRest<'_> {
    fn seal(&mut self, device: DeviceKey) -> [u8; SEALED_LEN] {
        self.0.seal(device).to_bytes()
    }

    fn open(&mut self, account: u32, sealed: &[u8; SEALED_LEN]) -> Option<DeviceId> {
        self.0.open(AccountId(account), SealedDevice::from_bytes(*sealed)).ok()
    }
}

/// Whose turn it is: every partition of a shard once in `every_s`, evenly spread. It begins anywhere: a daemon that
/// never runs for so long still comes to all of them.
#[derive(Debug)]
pub(super) struct Rota {
    partitions: usize,
    next: usize,
    pause_ns: u64,
    due_ns: u64,
}

impl Rota {
    pub(super) fn new(partitions: usize, every_s: u32, started_at: UtcMs) -> Self {
        let share = u64::try_from(partitions.max(1)).unwrap_or(u64::MAX);
        let pause_ns = u64::from(every_s) * 1_000_000_000 / share;
        let next = usize::try_from(started_at.0.unsigned_abs() % share).unwrap_or(0);
        Self { partitions, next, pause_ns, due_ns: 0 }
    }

    /// The place of the partition whose turn has come.
    pub(super) fn due(&mut self, now_ns: u64) -> Option<usize> {
        if self.due_ns == 0 {
            self.due_ns = now_ns + self.pause_ns;
        }
        (self.partitions > 0 && now_ns >= self.due_ns).then_some(self.next)
    }

    /// Its checkpoint was handed over.
    pub(super) fn done(&mut self, now_ns: u64) {
        self.next = (self.next + 1) % self.partitions;
        self.due_ns = now_ns + self.pause_ns;
    }
}

impl Worker {
    /// Hands over the checkpoint whose turn it is. While the thread has enough waiting, none is made: what it
    /// takes to make one would be for nothing.
    pub(super) fn offer_checkpoint(&mut self) {
        let now_ns = self.parts.clock.monotonic_ns();
        let Some(place) = self.rota.due(now_ns) else { return };
        if self.parts.checkpoints.is_full() {
            return;
        }
        let order = self.checkpoint(place);
        if self.parts.checkpoints.try_send(order).is_ok() {
            self.rota.done(now_ns);
        }
    }

    /// Hands over every partition's state as of the end.
    pub(super) fn final_checkpoints(&mut self) {
        for place in 0..self.parts.partitions.len() {
            let order = self.checkpoint(place);
            let pulse = &self.parts.figures.pulse;
            if pulse.resting(|| self.parts.checkpoints.send(order)).is_err() {
                return;
            }
        }
    }

    fn checkpoint(&mut self, place: usize) -> CheckpointOrder {
        let partition = &self.parts.partitions[place];
        CheckpointOrder::of(partition, self.parts.log.keep_from(), &mut self.parts.sealer)
    }
}

/// What the checkpoint thread works with.
pub struct CheckpointThread {
    /// Orders from all shards; the thread ends when every shard has.
    pub orders: Receiver<CheckpointOrder>,
    /// Where they are written.
    pub checkpoints: Checkpoints,
    /// What must be durable first.
    pub outbox: Outbox,
    /// What is trimmed afterwards.
    pub journal: Arc<Journal>,
    /// The partitions of this daemon.
    pub owned: Vec<PartitionId>,
}

/// How long to wait before looking again whether the outbox has caught up.
const OUTBOX_PAUSE: Duration = Duration::from_millis(5);

/// How long a checkpoint that is written waits for others to be made durable with it: at the end they come one
/// right after the other.
const COMPANY: Duration = Duration::from_millis(20);

/// Checkpoints made durable together at most.
const TOGETHER: usize = 64;

/// Trimming looks through the log's folder: once in so many checkpoints is enough.
const TRIM_EVERY: usize = 64;

impl CheckpointThread {
    /// Starts the thread. The alarm goes off if it panics: without checkpoints the log would grow for ever.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn spawn(
        self,
        member: Member,
        alarm: Alarm,
    ) -> std::io::Result<std::thread::JoinHandle<()>> {
        std::thread::Builder::new().name("checkpoints".to_owned()).spawn(move || {
            let alarm = alarm;
            self.run(&alarm.shutdown);
            drop(member);
        })
    }

    fn run(&self, shutdown: &Shutdown) {
        let mut staged = Vec::new();
        let mut since_trim = 0;
        self.note(0);
        loop {
            let wait = if staged.is_empty() { Duration::from_secs(1) } else { COMPANY };
            let order = self.orders.recv_timeout(wait);
            match &order {
                Ok(order) => staged.extend(self.stage(order, shutdown)),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
            let ended = order == Err(RecvTimeoutError::Disconnected);
            if order.is_err() || staged.len() >= TOGETHER {
                since_trim += self.commit(&mut staged);
            }
            if since_trim >= TRIM_EVERY || ended {
                since_trim = 0;
                self.trim();
            }
            if ended {
                return;
            }
        }
    }

    /// Writes one, once it counts. One that cannot be written is only a longer recovery.
    pub(super) fn stage(&self, order: &CheckpointOrder, shutdown: &Shutdown) -> Option<Staged> {
        let mark = order.mark;
        while !self.counts(mark) {
            // A full outbox may stay so; the end does not wait for its consumers.
            let is_stuck =
                shutdown.is_requested() && (self.outbox.is_full() || self.outbox.lacks_some());
            if is_stuck || self.outbox.ended().is_some() || self.journal.failed().is_some() {
                return None;
            }
            std::thread::sleep(OUTBOX_PAUSE);
        }
        let state = &order.state;
        let staged = self.checkpoints.stage(mark, |file: &mut dyn Write| file.write_all(state));
        staged.inspect_err(warn_unwritten).ok()
    }

    /// Whether a checkpoint counts: what led to it must never be taken for new, so the outbox has to have all
    /// that it caused.
    pub(super) fn counts(&self, mark: CheckpointMark) -> bool {
        self.outbox.durable(mark.partition) >= mark.seq
    }

    /// Makes those that are written durable. Gives how many.
    pub(super) fn commit(&self, staged: &mut Vec<Staged>) -> usize {
        let count = staged.len();
        match self.checkpoints.commit(std::mem::take(staged)) {
            Ok(()) => {
                self.note(count);
                count
            }
            Err(error) => {
                warn_unwritten(&error);
                0
            }
        }
    }

    /// Tells the journal of so many more, and from where on a start would read now.
    fn note(&self, count: usize) {
        let from = self.checkpoints.newest_from(self.owned.iter().copied());
        self.journal.note_checkpoints(count as u64, from);
    }

    pub(super) fn trim(&self) {
        let keep_from = self.checkpoints.keep_from(self.owned.iter().copied());
        if let Err(error) = self.journal.trim(keep_from) {
            tracing::warn!(%error, "the log was not trimmed; it will be with the next checkpoints");
        }
    }
}

fn warn_unwritten(error: &JournalError) {
    tracing::warn!(%error, "a checkpoint was not written; recovery will read more of the log");
}
