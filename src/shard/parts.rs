//! What a shard is built from, and the alarm that goes off when it breaks.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use crossbeam::channel::Sender;

use crate::clock::Clock;
use crate::engine::Partition;
use crate::identity::Sealer;
use crate::journal::ShardLog;
use crate::outbox::Outbox;
use crate::shutdown::Shutdown;
use crate::snapshot::slot::Slot;

use super::checkpoints::CheckpointOrder;
use super::config::ShardConfig;
use super::figures::ShardFigures;
use super::ledger::Ledger;
use super::mailbox::Inbox;
use super::policy::PolicyInForce;

/// What a shard is built from.
pub struct ShardParts {
    /// Its partitions, recovered.
    pub partitions: Vec<Partition>,
    /// Where parcels arrive.
    pub inbox: Inbox,
    /// Its end of the journal.
    pub log: ShardLog,
    /// The snapshot in force.
    pub slot: Arc<Slot>,
    /// Where outputs go.
    pub outbox: Outbox,
    /// Seals devices in outputs and checkpoints.
    pub sealer: Sealer,
    /// Stamps ticks.
    pub clock: Clock,
    /// Leases what is left of limits across partitions.
    pub ledger: Arc<Mutex<Ledger>>,
    /// The engine's numbers from the config; a reload changes them.
    pub policy: PolicyInForce,
    /// Its knobs.
    pub config: ShardConfig,
    /// Where checkpoints go.
    pub checkpoints: Sender<CheckpointOrder>,
    /// Its figures.
    pub figures: Arc<ShardFigures>,
    /// Set when a sync has failed: the router takes nothing more.
    pub failed: Arc<AtomicBool>,
}

/// A shard that panics takes its devices with it: the daemon must end and recover, not serve the rest.
pub(super) struct Alarm {
    pub(super) shard: usize,
    pub(super) failed: Arc<AtomicBool>,
    pub(super) shutdown: Shutdown,
}

impl Drop for Alarm {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.failed.store(true, Ordering::Release);
            self.shutdown
                .request(format!("shard {} panicked; its state is in the journal", self.shard));
        }
    }
}
