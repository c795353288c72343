//! Which snapshot decides: the newest of the store, put in force at start, on request, and when one appears.
//!
//! SIGHUP, `POST /v1/snapshots/reload` and the watcher of the directory all come to [`Publisher::reload`].
//! A snapshot that can't be loaded leaves the last good one in force, and says why.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::admin::readiness::Condition;
use crate::admin::snapshots::{Reloaded, SnapshotControl, SnapshotState};
use crate::domain::ids::Epoch;
use crate::domain::knobs::BadKnobs;
use crate::domain::lots::InstallationKey;
use crate::shutdown::Member;
use crate::snapshot::load::Loaded;
use crate::snapshot::slot::Slot;
use crate::snapshot::store::Store;

/// Where snapshots come from.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SnapshotConfig {
    /// The snapshot store that `geofenced snapshot build -o` writes. Default: `snapshots` below the data
    /// directory.
    pub dir: Option<PathBuf>,
    /// How often the store is looked at for a newer snapshot, s. Default 1; 0: only when asked to.
    pub watch_s: u32,
}

impl Default for SnapshotConfig {
    fn default() -> Self {
        Self { dir: None, watch_s: 1 }
    }
}

impl SnapshotConfig {
    /// Every knob that is out of its range.
    #[must_use]
    pub fn check(&self) -> BadKnobs {
        let mut bad = BadKnobs::new();
        bad.within("watch_s", self.watch_s, (0, 3600), "s; 0 is only when asked to");
        bad
    }
}

/// Puts snapshots of the store in force.
pub(super) struct Publisher {
    store: Store,
    slot: Arc<Slot>,
    /// What the snapshot's lists of devices must be hashed with.
    key: InstallationKey,
    /// Set once a snapshot is in force.
    ready: Condition,
    /// One publication at a time, and the last failure, so that a broken snapshot is reported once.
    last_failure: Mutex<Option<String>>,
    /// Publications asked for, by outcome: published, unchanged, failed.
    outcomes: [AtomicU64; 3],
}

/// The outcomes of a reload, as they are counted.
pub(super) const OUTCOMES: [&str; 3] = ["published", "unchanged", "failed"];

impl Publisher {
    /// Over a store and the slot that shards read.
    pub(super) fn new(
        store: Store,
        slot: Arc<Slot>,
        key: InstallationKey,
        ready: Condition,
    ) -> Self {
        let outcomes = [const { AtomicU64::new(0) }; 3];
        Self { store, slot, key, ready, last_failure: Mutex::new(None), outcomes }
    }

    /// Publications asked for, by [`OUTCOMES`].
    pub(super) fn outcomes(&self) -> [u64; 3] {
        std::array::from_fn(|outcome| self.outcomes[outcome].load(Ordering::Relaxed))
    }

    /// A snapshot of the store by its number, for recovery.
    pub(super) fn find(store: &Store, epoch: Epoch) -> Result<Arc<Loaded>, String> {
        store.load(epoch, None).map(Arc::new).map_err(|error| error.to_string())
    }

    fn try_reload(&self) -> Result<Reloaded, String> {
        let current = self.slot.current();
        let newest = self.store.latest().map_err(|error| error.to_string())?;
        let Some(newest) = newest else {
            return Err(
                "the snapshot store is empty; make one with `geofenced snapshot build`".into()
            );
        };
        if let Some(current) = current.as_ref().filter(|current| current.view().epoch() >= newest) {
            let (epoch, hash) = (current.view().epoch(), current.view().hash());
            return Ok(Reloaded { epoch, hash, unchanged: true });
        }
        let loaded = self.store.load(newest, current.as_deref());
        let loaded = Arc::new(loaded.map_err(|error| error.to_string())?);
        if !loaded.view().made_for(&self.key) {
            return Err(format!(
                "snapshot {newest} lists devices under another installation's key; build it with \
                 --keys naming this daemon's data directory"
            ));
        }
        let hash = loaded.view().hash();
        self.slot.publish(loaded).map_err(|error| error.to_string())?;
        self.ready.set();
        tracing::info!(epoch = newest.0, %hash, "a snapshot is in force");
        Ok(Reloaded { epoch: newest, hash, unchanged: false })
    }

    /// Looks at the store every `watch_s` until the member is asked to end.
    pub(super) fn watch(self: Arc<Self>, watch_s: u32, member: Member) -> std::io::Result<()> {
        if watch_s == 0 {
            return Ok(());
        }
        let thread = std::thread::Builder::new().name("snapshots".to_owned());
        thread.spawn(move || {
            let pause = Duration::from_secs(u64::from(watch_s));
            while !member.is_asked() {
                // Failures are logged by the reload, once each.
                let _outcome = self.reload();
                std::thread::park_timeout(pause.min(Duration::from_millis(200)));
                let mut slept = Duration::from_millis(200);
                while slept < pause && !member.is_asked() {
                    std::thread::park_timeout(Duration::from_millis(200));
                    slept += Duration::from_millis(200);
                }
            }
        })?;
        Ok(())
    }
}

impl SnapshotControl for Publisher {
    fn state(&self) -> SnapshotState {
        let current = self.slot.current();
        let current = current.map(|loaded| (loaded.view().epoch(), loaded.view().hash()));
        SnapshotState { current, live: self.slot.live_epochs() }
    }

    fn reload(&self) -> Result<Reloaded, String> {
        let mut last_failure = self.last_failure.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = self.try_reload();
        let number = match &outcome {
            Ok(Reloaded { unchanged: false, .. }) => 0,
            Ok(Reloaded { unchanged: true, .. }) => 1,
            Err(_) => 2,
        };
        self.outcomes[number].fetch_add(1, Ordering::Relaxed);
        let failure = outcome.as_ref().err().cloned();
        if let Some(reason) =
            failure.as_ref().filter(|reason| last_failure.as_ref() != Some(reason))
        {
            tracing::warn!(%reason, "no new snapshot is in force; the last good one stays");
        }
        *last_failure = failure;
        outcome
    }
}
