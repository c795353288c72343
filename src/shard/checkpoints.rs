//! Checkpoints off the data path: shards hand over a partition's state, one thread writes it when it counts.
//!
//! A checkpoint counts only when the outbox is durable through its input. Then the log is trimmed behind the
//! last but one.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use crossbeam::channel::{Receiver, RecvTimeoutError};

use crate::domain::ids::{AccountId, DeviceId, DeviceKey, PartitionId};
use crate::engine::Partition;
use crate::engine::state::{DeviceSeal, SEALED_LEN};
use crate::identity::{SealedDevice, Sealer};
use crate::journal::{CheckpointMark, Checkpoints, Journal, LogPosition};
use crate::outbox::Outbox;
use crate::shutdown::Member;

/// A partition's state, to be written.
#[derive(Debug)]
pub struct CheckpointOrder {
    mark: CheckpointMark,
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
pub struct AtRest<'a>(pub &'a mut Sealer);

impl DeviceSeal for AtRest<'_> {
    fn seal(&mut self, device: DeviceKey) -> [u8; SEALED_LEN] {
        let sealed = self.0.seal(device);
        let mut bytes = [0; SEALED_LEN];
        bytes[..2].copy_from_slice(&sealed.key_version.to_le_bytes());
        bytes[2..].copy_from_slice(&sealed.block);
        bytes
    }

    fn open(&mut self, account: u32, sealed: &[u8; SEALED_LEN]) -> Option<DeviceId> {
        let [low, high, block @ ..] = *sealed;
        let sealed = SealedDevice { key_version: u16::from_le_bytes([low, high]), block };
        self.0.open(AccountId(account), sealed).ok()
    }
}

/// Whose turn it is: every partition of a shard once in `every_s`, evenly spread.
#[derive(Debug)]
pub(super) struct Rota {
    partitions: usize,
    next: usize,
    pause_ns: u64,
    due_ns: u64,
}

impl Rota {
    pub(super) fn new(partitions: usize, every_s: u32) -> Self {
        let share = u64::try_from(partitions.max(1)).unwrap_or(u64::MAX);
        let pause_ns = u64::from(every_s) * 1_000_000_000 / share;
        Self { partitions, next: 0, pause_ns, due_ns: 0 }
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

/// Trimming looks through the log's folder: once in so many checkpoints is enough.
const TRIM_EVERY: u32 = 64;

impl CheckpointThread {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn spawn(self, member: Member) -> std::io::Result<std::thread::JoinHandle<()>> {
        std::thread::Builder::new().name("checkpoints".to_owned()).spawn(move || {
            self.run();
            drop(member);
        })
    }

    fn run(&self) {
        let mut written = 0u32;
        loop {
            match self.orders.recv_timeout(Duration::from_secs(1)) {
                Ok(order) => {
                    if self.write(&order) {
                        written = written.wrapping_add(1);
                    }
                    if written.is_multiple_of(TRIM_EVERY) {
                        self.trim();
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    self.trim();
                    return;
                }
            }
        }
    }

    /// Writes one, once it counts. One that cannot be written is only a longer recovery.
    fn write(&self, order: &CheckpointOrder) -> bool {
        let mark = order.mark;
        while self.outbox.durable(mark.partition) < mark.seq {
            if self.outbox.ended().is_some() || self.journal.failed().is_some() {
                return false;
            }
            std::thread::sleep(OUTBOX_PAUSE);
        }
        let state = &order.state;
        match self.checkpoints.write(mark, |file: &mut dyn Write| file.write_all(state)) {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(%error, partition = mark.partition.0, "a checkpoint was not written; recovery will read more of the log");
                false
            }
        }
    }

    fn trim(&self) {
        let keep_from = self.checkpoints.keep_from(self.owned.iter().copied());
        if let Err(error) = self.journal.trim(keep_from) {
            tracing::warn!(%error, "the log was not trimmed; it will be with the next checkpoints");
        }
    }
}
