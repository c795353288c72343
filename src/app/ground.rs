//! What the last run has left, brought to where it stopped: everything durable of the engine, not yet running.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use super::catch_up::Surroundings;
use super::publish::Publisher;
use super::recover::recover;
use crate::clock::{self, Clock};
use crate::config::Config;
use crate::domain::policy::ClockMode;
use crate::domain::units::UtcMs;
use crate::engine::Partition;
use crate::identity::Keyring;
use crate::journal::{Checkpoints, Journal, ShardLog};
use crate::offline::simulate::result_of;
use crate::outbox::derived::Figures;
use crate::outbox::{Clocks, Outbox};
use crate::snapshot::store::Store;

/// What is recovered and not yet running.
pub(super) struct Ground {
    pub(super) keyring: Keyring,
    pub(super) outbox: Outbox,
    pub(super) figures: Figures,
    pub(super) checkpoints: Checkpoints,
    pub(super) partitions: Vec<Partition>,
    pub(super) journal: Journal,
    pub(super) logs: Vec<ShardLog>,
    pub(super) clock: Clock,
}

impl Ground {
    /// What others than the shards need of it.
    pub(super) fn handles(&self) -> (Clock, Keyring, Outbox, Figures) {
        let (outbox, figures) = (self.outbox.clone(), self.figures.clone());
        (self.clock.clone(), self.keyring.clone(), outbox, figures)
    }
}

/// Outbox, checkpoints, log: everything durable, brought to where the last run left it.
pub(super) fn ground(
    config: &Config,
    keyring: Keyring,
    store: &Store,
    shards: usize,
) -> anyhow::Result<Ground> {
    let data = &*config.daemon.data_dir;
    let checkpoints = Checkpoints::open(&config.journal.dir, &keyring)?;
    let clock_cell = Arc::new(OnceLock::<Clock>::new());
    let outbox = Outbox::open(
        &outbox_dir(data),
        config.outbox.clone(),
        outbox_clocks(config.policy.clock, &clock_cell),
    )?;
    if Journal::is_absent(&config.journal)? {
        outbox.begins_with_its_log();
    }
    let open = |resume| Journal::open(config.journal.clone(), &keyring, resume);
    let around = Surroundings { keyring: &keyring, outbox: &outbox, lanes: processors() };
    let find = |epoch, shared: Option<&_>| Publisher::find(store, epoch, shared);
    // Their store goes through a log of its own after a crash, which takes seconds.
    let (recovered, figures) = std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("figures-open".to_owned());
        let figures = thread.spawn_scoped(scope, || open_figures(config, &outbox, &keyring))?;
        let recovered = recover(open, around, &checkpoints, find)?;
        anyhow::Ok((recovered, result_of(figures)?))
    })?;
    let (restored, inputs) = (recovered.restored, recovered.inputs);
    tracing::info!(restored, inputs, "checkpoints were read and the log after them gone through");
    let clock = Clock::start(recovered.latest_instant);
    let _started_once = clock_cell.set(clock.clone());
    let (journal, logs) = recovered.recovery.into_journal(shards, clock::process_ns)?;
    let partitions = recovered.partitions;
    Ok(Ground { keyring, outbox, figures, checkpoints, partitions, journal, logs, clock })
}

fn open_figures(config: &Config, outbox: &Outbox, keyring: &Keyring) -> anyhow::Result<Figures> {
    let dir = config.daemon.data_dir.join("figures");
    let cache_bytes = config.outbox.figures_cache_bytes;
    Ok(Figures::follow(&dir, cache_bytes, outbox, keyring.sealer(), config.retention)?)
}

/// The outbox opens before recovery has found the floor of the daemon's clock; until then it goes by one
/// without a floor. It must not stand still: what it writes meanwhile would look too old to keep.
fn outbox_clocks(mode: ClockMode, cell: &Arc<OnceLock<Clock>>) -> Clocks {
    let cell = Arc::clone(cell);
    let early = Clock::start(UtcMs::MIN);
    let now = Arc::new(move || cell.get().unwrap_or(&early).now());
    let mut clocks = Clocks::both(now, Arc::new(|| clock::process_ns() / 1_000_000));
    if mode == ClockMode::Fixes {
        clocks.expiry = Arc::new(|| UtcMs::MIN);
    }
    clocks
}

pub(super) fn outbox_dir(data: &Path) -> PathBuf {
    data.join("outbox")
}

pub(super) fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}
