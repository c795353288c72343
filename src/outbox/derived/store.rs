//! The handle of the figures: opens their store and starts the thread that counts.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use crate::identity::Sealer;
use crate::outbox::Outbox;
use crate::outbox::refused::StoreError;
use crate::outbox::shared::Shared;

use super::classes::{KeptFrom, RetentionConfig, Told};
use super::count::Counter;
use super::follower::{Follower, FollowerFigures, Keeping};
use super::footfalls::{FootfallCounter, FootfallPost};
use super::tables::Tables;

/// The figures of all campaigns. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Figures {
    pub(super) tables: Tables,
    pub(super) outbox: Arc<Shared>,
    shown: Arc<FollowerFigures>,
    post: FootfallPost,
    told: Arc<Told>,
    ends: Arc<AtomicBool>,
    /// Taken by the first [`close`](Self::close).
    thread: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl Figures {
    /// Opens the figures in `dir`, or creates them, and starts the thread, named `figures`, that counts what `outbox`
    /// makes visible, and removes what is older than `retention` says. From then on the outbox keeps what is not counted
    /// yet.
    ///
    /// # Errors
    /// [`StoreError`] if the store can't be opened or read, has another format, or is damaged.
    pub fn follow(
        dir: &Path,
        cache_bytes: u64,
        outbox: &Outbox,
        sealer: Sealer,
        retention: RetentionConfig,
    ) -> Result<Self, StoreError> {
        let tables = Tables::open(dir, cache_bytes)?;
        let told = Arc::new(Told::new(KeptFrom::read(&tables)?));
        let keeping = Keeping { config: retention, told: Arc::clone(&told) };
        let (shown, ends) =
            (Arc::new(FollowerFigures::default()), Arc::new(AtomicBool::new(false)));
        let shared = Arc::clone(&outbox.shared);
        let followed = Arc::clone(&outbox.shared);
        let (post, footfalls) = FootfallCounter::new(&outbox.shared.config);
        let counters = (Counter::new(sealer), footfalls);
        let of_thread = (Arc::clone(&shown), Arc::clone(&ends));
        let follower = Follower::new(shared, tables.clone(), counters, keeping, of_thread)?;
        let thread = std::thread::Builder::new()
            .name("figures".to_owned())
            .spawn(move || follower.run())
            .map_err(|error| outbox.shared.tables.unstarted(error))?;
        Ok(Self {
            tables,
            outbox: followed,
            shown,
            post,
            told,
            ends,
            thread: Arc::new(Mutex::new(Some(thread))),
        })
    }

    /// What the thread shows of itself.
    #[must_use]
    pub fn shown(&self) -> &FollowerFigures {
        &self.shown
    }

    /// Where shards hand in what devices do at targets.
    #[must_use]
    pub fn post(&self) -> FootfallPost {
        self.post.clone()
    }

    /// From which day on each class of rows is whole. What is read is whole only if that was so afterwards, too.
    #[must_use]
    pub fn kept_from(&self) -> KeptFrom {
        self.told.now()
    }

    /// Records that are visible and not gone through yet.
    #[must_use]
    pub fn behind(&self) -> u64 {
        self.outbox.newest().saturating_sub(self.outbox.followed.load(Ordering::Acquire))
    }

    /// Counts what is visible by now, ends the thread and waits for it.
    pub fn close(&self) {
        self.ends.store(true, Ordering::Release);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            thread.thread().unpark();
            if thread.join().is_err() {
                tracing::error!(
                    "the thread of the figures panicked; they are counted on at the next start"
                );
            }
        }
    }
}

impl std::fmt::Debug for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Figures(…)")
    }
}
