//! Which snapshot decides: the newest of the store, put in force at start, on request, and when one appears.
//!
//! SIGHUP and `POST /v1/snapshots/reload` come to [`Publisher::reload`], the [`watch`](super::watch) of the
//! directory to [`Publisher::poll`]. A snapshot that can't be loaded leaves the last good one in force, and
//! says why; at start the newest good one is taken.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use jiff::civil::Date;

use crate::admin::readiness::Condition;
use crate::admin::snapshots::{Reloaded, SnapshotControl, SnapshotState};
use crate::domain::ids::Epoch;
use crate::domain::knobs::BadKnobs;
use crate::domain::lots::InstallationKey;
use crate::snapshot::load::Loaded;
use crate::snapshot::slot::Slot;
use crate::snapshot::store::{DEFAULT_MAX_BYTES, Store, StoreError};

/// Where snapshots come from.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SnapshotConfig {
    /// The snapshot store that `geofenced snapshot build -o` writes. Default: `snapshots` below the data
    /// directory.
    pub dir: Option<PathBuf>,
    /// How often the store is looked at for a newer snapshot, s. Default 1; 0: only when asked to.
    pub watch_s: u32,
    /// How large the store may grow, bytes. Default 32 GiB; from 1 MiB. The daily renewal of schedules is refused
    /// past it, so campaigns would end with the compiled 400 days.
    pub max_bytes: u64,
    /// So many of the newest epochs stay, besides those that the journal, checkpoints or unread jobs name.
    /// Default 16; 1 to 10,000. Worst case: that many times what an edit changes, index and all.
    pub keep_epochs: u32,
}

impl Default for SnapshotConfig {
    fn default() -> Self {
        Self { dir: None, watch_s: 1, max_bytes: DEFAULT_MAX_BYTES, keep_epochs: 16 }
    }
}

impl SnapshotConfig {
    /// Every knob that is out of its range.
    #[must_use]
    pub fn check(&self) -> BadKnobs {
        let mut bad = BadKnobs::new();
        bad.within("watch_s", self.watch_s, (0, 3600), "s; 0 is only when asked to");
        bad.within("max_bytes", self.max_bytes, (1 << 20, u64::MAX), "bytes");
        bad.within("keep_epochs", self.keep_epochs, (1, 10_000), "epochs");
        bad
    }
}

/// Puts snapshots of the store in force.
pub(super) struct Publisher {
    pub(super) store: Store,
    pub(super) slot: Arc<Slot>,
    /// What the snapshot's lists of devices must be hashed with.
    key: InstallationKey,
    /// Set once a snapshot is in force.
    ready: Condition,
    /// One publication at a time. Not held by anybody who only asks for the state.
    turn: Mutex<()>,
    /// Why the newest snapshot is not in force, so that it is reported, and tried by the watch, once.
    last_failure: Mutex<Option<Failure>>,
    /// Publications by outcome: published, unchanged, failed.
    outcomes: [AtomicU64; 3],
}

/// The outcomes of a reload, as they are counted.
pub(super) const OUTCOMES: [&str; 3] = ["published", "unchanged", "failed"];

/// A snapshot that could not be put in force.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Failure {
    /// Which; `None` where the store itself can't be read.
    epoch: Option<Epoch>,
    /// When its file was written: another file of this name deserves another try.
    written_at: Option<SystemTime>,
    reason: String,
}

impl Publisher {
    /// Over a store and the slot that shards read.
    pub(super) fn new(
        store: Store,
        slot: Arc<Slot>,
        key: InstallationKey,
        ready: Condition,
    ) -> Self {
        let outcomes = [const { AtomicU64::new(0) }; 3];
        let (turn, last_failure) = (Mutex::new(()), Mutex::new(None));
        Self { store, slot, key, ready, turn, last_failure, outcomes }
    }

    /// Publications, by [`OUTCOMES`].
    pub(super) fn outcomes(&self) -> [u64; 3] {
        std::array::from_fn(|outcome| self.outcomes[outcome].load(Ordering::Relaxed))
    }

    /// A snapshot of the store by its number, for recovery: what `shared` has of it is not loaded again.
    pub(super) fn find(
        store: &Store,
        epoch: Epoch,
        shared: Option<&Loaded>,
    ) -> Result<Arc<Loaded>, String> {
        store.load(epoch, shared).map(Arc::new).map_err(|error| error.to_string())
    }

    /// Puts the newest good snapshot in force, from `at_least` on: recovered partitions have gone as far already.
    /// Without one the daemon runs, unready, until one appears.
    pub(super) fn start(&self, at_least: Epoch) {
        let _turn = self.take_turn();
        let epochs = match self.store.epochs() {
            Ok(epochs) => epochs,
            Err(error) => return self.note(Failure::of_store(&error)),
        };
        let mut newest_failure = None;
        for epoch in epochs.into_iter().rev().take_while(|epoch| *epoch >= at_least) {
            match self.count(self.put_in_force(epoch)) {
                Ok(_) => break,
                Err(reason) => {
                    tracing::warn!(epoch = epoch.0, %reason, "a snapshot is passed over");
                    newest_failure.get_or_insert(self.failure(epoch, reason));
                }
            }
        }
        *self.last_failure() = newest_failure;
    }

    /// Puts the newest snapshot in force if there is a new one, or a new file of one that failed.
    pub(super) fn poll(&self) {
        let newest = match self.store.latest() {
            Ok(Some(newest)) => newest,
            Ok(None) => return,
            Err(error) => return self.note(Failure::of_store(&error)),
        };
        if matches!(self.in_force_already(newest), Ok(Some(_))) {
            // Whatever stood above it is gone.
            *self.last_failure() = None;
            return;
        }
        let tried = (Some(newest), self.store.written_at(newest));
        let failed = self.last_failure().as_ref().map(|last| (last.epoch, last.written_at));
        if failed != Some(tried) {
            // Failures are logged where they are noted, once each.
            let _outcome = self.reload();
        }
    }

    /// Publishes the current snapshot with schedules from `today` on, where they are from an earlier day.
    ///
    /// # Errors
    /// When that can't be made or written, or a newer epoch stands in the way that does not load. One that was
    /// published meanwhile is no error.
    pub(super) fn renew(&self, today: Date) -> Result<(), StoreError> {
        let Some(current) = self.slot.current() else { return Ok(()) };
        match self.store.renew(&current, today) {
            Ok(None) => Ok(()),
            Err(StoreError::EpochTaken { .. }) if self.last_failure().is_none() => {
                tracing::info!(
                    "schedules are renewed when the newer snapshot of the store is in force"
                );
                Ok(())
            }
            Ok(Some(epoch)) => {
                tracing::info!(epoch = epoch.0, %today, "schedules were renewed");
                let _outcome = self.reload();
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    fn try_newest(&self) -> Result<Reloaded, Failure> {
        let newest = self.store.latest().map_err(|error| Failure::of_store(&error))?;
        let empty = "the snapshot store is empty; make one with `geofenced snapshot build`";
        let newest = newest.ok_or_else(|| Failure::without_epoch(empty.to_owned()))?;
        let unchanged = self.in_force_already(newest);
        let outcome = unchanged.and_then(|same| same.map_or_else(|| self.put_in_force(newest), Ok));
        outcome.map_err(|reason| self.failure(newest, reason))
    }

    /// What is in force, if that is the store's newest. A store that lost epochs, or was replaced, would be passed
    /// over in silence until the next start, which it makes impossible.
    fn in_force_already(&self, newest: Epoch) -> Result<Option<Reloaded>, String> {
        let current = self.slot.pin().map(|one| (one.view().epoch(), one.view().hash()));
        let Some((epoch, hash)) = current.filter(|(epoch, _)| *epoch >= newest) else {
            return Ok(None);
        };
        if epoch > newest {
            return Err(format!(
                "the store's newest snapshot is {newest}, behind {epoch}, which is in force: epochs were lost, or \
                 it is another store; restore it before the daemon is started again"
            ));
        }
        let found = self.store.hash(newest).map_err(|error| error.to_string())?;
        if found == hash {
            return Ok(Some(Reloaded { epoch, hash, unchanged: true }));
        }
        Err(format!(
            "the store's snapshot {newest} has the hash {found}, and the one in force under this number {hash}: \
             its file was lost and the number dealt again; restore it before the daemon is started again"
        ))
    }

    fn put_in_force(&self, epoch: Epoch) -> Result<Reloaded, String> {
        let text = |error: StoreError| error.to_string();
        // By its heads alone: another installation's lists need not be read to be refused.
        if !self.store.is_made_for(epoch, &self.key).map_err(text)? {
            return Err(format!(
                "snapshot {epoch} lists devices under another installation's key; build it with \
                 --keys naming this daemon's data directory"
            ));
        }
        let current = self.slot.current();
        let loaded = Arc::new(self.store.load(epoch, current.as_deref()).map_err(text)?);
        let hash = loaded.view().hash();
        self.slot.publish(loaded).map_err(|error| error.to_string())?;
        self.ready.set();
        tracing::info!(epoch = epoch.0, %hash, "a snapshot is in force");
        Ok(Reloaded { epoch, hash, unchanged: false })
    }

    fn count<E>(&self, outcome: Result<Reloaded, E>) -> Result<Reloaded, E> {
        let number = match &outcome {
            Ok(Reloaded { unchanged: false, .. }) => 0,
            Ok(Reloaded { unchanged: true, .. }) => 1,
            Err(_) => 2,
        };
        self.outcomes[number].fetch_add(1, Ordering::Relaxed);
        outcome
    }

    /// Remembers a failure, and reports it if it is another than the last.
    fn note(&self, failure: Failure) {
        let mut last = self.last_failure();
        if last.as_ref() != Some(&failure) {
            let reason = &failure.reason;
            match self.slot.pin().map(|pinned| pinned.view().epoch().0) {
                Some(epoch) => tracing::warn!(%reason, epoch, "no newer snapshot is in force"),
                None => tracing::warn!(%reason, "no snapshot is in force"),
            }
        }
        *last = Some(failure);
    }

    fn failure(&self, epoch: Epoch, reason: String) -> Failure {
        Failure { epoch: Some(epoch), written_at: self.store.written_at(epoch), reason }
    }

    fn last_failure(&self) -> MutexGuard<'_, Option<Failure>> {
        self.last_failure.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Failure {
    fn of_store(error: &StoreError) -> Self {
        Self::without_epoch(error.to_string())
    }

    fn without_epoch(reason: String) -> Self {
        Self { epoch: None, written_at: None, reason }
    }
}

impl SnapshotControl for Publisher {
    fn state(&self) -> SnapshotState {
        let current = self.slot.current();
        let current = current.map(|loaded| (loaded.view().epoch(), loaded.view().hash()));
        let last_failure = self.last_failure().as_ref().map(|failure| failure.reason.clone());
        SnapshotState { current, live: self.slot.live_epochs(), last_failure }
    }

    fn reload(&self) -> Result<Reloaded, String> {
        let _turn = self.take_turn();
        match self.count(self.try_newest()) {
            Ok(reloaded) => {
                *self.last_failure() = None;
                Ok(reloaded)
            }
            Err(failure) => {
                let reason = failure.reason.clone();
                self.note(failure);
                Err(reason)
            }
        }
    }
}
