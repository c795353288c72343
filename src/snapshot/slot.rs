//! The hot swap: one atomic pointer to the current snapshot, and a census of those still in use.
//!
//! A shard pins the snapshot once per batch and evaluates the whole batch against it; a publication never
//! waits for readers, and readers never wait for it. The old snapshot goes when its last pin does.

use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use arc_swap::{ArcSwapOption, Guard};

use super::load::Loaded;
use super::view::SnapshotView;
use crate::domain::ids::Epoch;

/// The current snapshot. Nothing is in it until the first publication.
#[derive(Debug, Default)]
pub struct Slot {
    current: ArcSwapOption<Loaded>,
    /// Held by publishers alone, one at a time: no reader ever takes this lock.
    published: Mutex<Vec<(Epoch, Weak<Loaded>)>>,
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
        if let Some((current, _)) = published.last().filter(|(current, _)| offered <= *current) {
            return Err(NotNewer { offered, current: *current });
        }
        published.retain(|(_, snapshot)| snapshot.strong_count() > 0);
        published.push((offered, Arc::downgrade(&next)));
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

    /// The epochs whose snapshots are still in memory, oldest first. More than two for long means that
    /// somebody holds on to an old one.
    #[must_use]
    pub fn live_epochs(&self) -> Vec<Epoch> {
        let published = self.published.lock().unwrap_or_else(PoisonError::into_inner);
        let live = published.iter().filter(|(_, snapshot)| snapshot.strong_count() > 0);
        live.map(|(epoch, _)| *epoch).collect()
    }
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
