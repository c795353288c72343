//! A stand-in for a loaded snapshot.

use geofenced::domain::ids::Epoch;

use crate::sync::Arc;
use crate::sync::atomic::{AtomicBool, Ordering};

/// A snapshot that is no more than its number. It tells when it is let go of.
#[derive(Debug)]
pub struct Loaded {
    epoch: Epoch,
    gone: Arc<AtomicBool>,
}

/// What is read of it.
#[derive(Clone, Copy)]
pub struct SnapshotView<'s>(&'s Loaded);

impl Loaded {
    pub fn new(epoch: u64, gone: &Arc<AtomicBool>) -> Self {
        Self { epoch: Epoch(epoch), gone: Arc::clone(gone) }
    }

    pub fn view(&self) -> SnapshotView<'_> {
        SnapshotView(self)
    }
}

impl SnapshotView<'_> {
    pub fn epoch(self) -> Epoch {
        assert!(!self.0.gone.load(Ordering::SeqCst), "it is read after it was let go of");
        self.0.epoch
    }
}

impl Drop for Loaded {
    fn drop(&mut self) {
        self.gone.store(true, Ordering::SeqCst);
    }
}
