//! The hot swap: one atomic pointer to the current snapshot, and a census of those still in use.
//!
//! A shard pins the snapshot once per batch and evaluates the whole batch against it; a publication never
//! waits for readers, and readers never wait for it. An old snapshot is retired: its memory, which may be
//! gigabytes, is given back by [`Slot::reap`] once its last pin is gone, not by the shard that held that pin.

use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::{ArcSwapOption, Guard};

use super::load::Loaded;
use super::view::SnapshotView;
use crate::domain::ids::Epoch;

/// The current snapshot. Nothing is in it until the first publication.
#[derive(Debug, Default)]
pub struct Slot {
    current: ArcSwapOption<Loaded>,
    /// The current snapshot, last, and those retired before it. Held by publishers and telemetry, one at a time:
    /// no reader ever takes this lock.
    published: Mutex<Vec<Arc<Loaded>>>,
}

/// The snapshot that a batch is evaluated against. Dropping it lets go of the snapshot.
pub struct Pinned(Guard<Option<Arc<Loaded>>>);

/// Why a publication is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "epoch {offered} can't follow epoch {current}; epochs only grow, a rollback gets a new one too"
)]
pub struct NotNewer {
    /// The epoch offered.
    pub offered: Epoch,
    /// The epoch that is current.
    pub current: Epoch,
}

impl Slot {
    /// An empty slot.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes a snapshot the current one; batches pinned from here on see it.
    ///
    /// # Errors
    /// [`NotNewer`] if its epoch is not greater than that of the current one.
    pub fn publish(&self, next: Arc<Loaded>) -> Result<(), NotNewer> {
        let mut published = self.published.lock().unwrap_or_else(PoisonError::into_inner);
        let offered = next.view().epoch();
        let current = published.last().map(|current| current.view().epoch());
        if let Some(current) = current.filter(|current| offered <= *current) {
            return Err(NotNewer { offered, current });
        }
        published.push(Arc::clone(&next));
        // The swap synchronises with `pin`: whoever sees the pointer sees the verified bytes behind it.
        self.current.store(Some(next));
        Ok(())
    }

    /// The current snapshot, kept alive while the pin is held; `None` before the first publication.
    #[must_use]
    pub fn pin(&self) -> Option<Pinned> {
        let guard = self.current.load();
        guard.is_some().then_some(Pinned(guard))
    }

    /// The current snapshot, for those who keep it longer than a batch.
    #[must_use]
    pub fn current(&self) -> Option<Arc<Loaded>> {
        self.current.load_full()
    }

    /// The epochs whose snapshots are still in use, oldest first. More than two for long means that somebody
    /// holds on to an old one.
    #[must_use]
    pub fn live_epochs(&self) -> Vec<Epoch> {
        let published = self.published.lock().unwrap_or_else(PoisonError::into_inner);
        let retired = published.len().saturating_sub(1);
        let live = published.iter().enumerate().filter(|(at, one)| *at == retired || !is_idle(one));
        live.map(|(_, snapshot)| snapshot.view().epoch()).collect()
    }

    /// Lets go of retired snapshots that nobody reads any more. Called now and then, by a thread that may wait for
    /// the system to take memory back.
    pub fn reap(&self) {
        let mut published = self.published.lock().unwrap_or_else(PoisonError::into_inner);
        let retired = ..published.len().saturating_sub(1);
        let idle: Vec<Arc<Loaded>> = published.extract_if(retired, |one| is_idle(one)).collect();
        // Publications need not wait for the memory to be given back.
        drop(published);
        drop(idle);
    }
}

/// Whether the slot alone holds a retired snapshot. The swap that retired it has turned every pin of it into a
/// count of its own, and nobody gets a new one.
fn is_idle(retired: &Arc<Loaded>) -> bool {
    Arc::strong_count(retired) == 1
}

impl Pinned {
    /// Reads it.
    #[must_use]
    pub fn view(&self) -> SnapshotView<'_> {
        self.loaded().view()
    }

    /// The snapshot itself.
    #[must_use]
    pub fn loaded(&self) -> &Loaded {
        self.0.deref().as_deref().expect("a pin is made of a published snapshot only")
    }
}

impl std::fmt::Debug for Pinned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Pinned").field(&self.view().epoch()).finish()
    }
}
