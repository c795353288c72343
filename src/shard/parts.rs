//! What a shard is built from, and the alarm that goes off when a thread breaks.

use std::sync::{Arc, Mutex, OnceLock};

use crossbeam::channel::Sender;

use crate::clock::Clock;
use crate::engine::Partition;
use crate::identity::Sealer;
use crate::journal::ShardLog;
use crate::outbox::Outbox;
use crate::outbox::derived::footfalls::FootfallPost;
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
    /// Where it hands in what devices do at targets, if that is counted.
    pub post: Option<FootfallPost>,
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
    /// Set when journal, outbox or a shard has failed: the router takes nothing more.
    pub failed: Arc<Failed>,
}

/// Why nothing is taken any more until a restart; the first reason stays.
#[derive(Debug, Default)]
pub struct Failed(OnceLock<&'static str>);

impl Failed {
    /// Notes the reason, unless there is one already.
    pub fn note(&self, why: &'static str) {
        self.0.get_or_init(|| why);
    }

    /// The reason, once there is one.
    #[must_use]
    pub fn why(&self) -> Option<&'static str> {
        self.0.get().copied()
    }
}

/// Held by a thread that the daemon can't do without. If it panics, the daemon must end and recover, not serve
/// the rest.
pub struct Alarm {
    /// What the thread is called.
    pub thread: String,
    /// What the router looks at.
    pub failed: Arc<Failed>,
    /// Ends the daemon.
    pub shutdown: Shutdown,
}

impl Drop for Alarm {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.failed
                .note("a thread has panicked; the daemon is ending, send again when it is back");
            let thread = &self.thread;
            self.shutdown.request(format!("thread {thread} panicked; its state is in the journal"));
        }
    }
}
