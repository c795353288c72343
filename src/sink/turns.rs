//! Turns of reads: so many for all, and a share of them for each owner. Who has no turn waits for one.

use std::sync::{Arc, Mutex, PoisonError};

use hashbrown::HashMap;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::outbox::consumer::Owner;

/// How many reads are under way, and whose.
#[derive(Debug)]
pub(super) struct Turns {
    all: Arc<Semaphore>,
    most_of_owner: usize,
    /// Owners with a turn or a wish for one; the others are struck out when the next one asks.
    by_owner: Mutex<HashMap<Owner, Arc<Semaphore>>>,
}

/// The right of one read to hold records in memory; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    /// Both are `None` only where the semaphores were closed, which nobody does.
    _own: Option<OwnedSemaphorePermit>,
    _of_all: Option<OwnedSemaphorePermit>,
}

impl Turns {
    /// `most` at a time, `most_of_owner` of them for one owner.
    pub(super) fn new(most: usize, most_of_owner: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(most)), most_of_owner, by_owner: Mutex::default() }
    }

    /// Waits for a turn: first among the owner's own reads, so that whoever waits there is in nobody's way.
    pub(super) async fn wait(&self, owner: Owner) -> Turn {
        let own = self.of(owner).acquire_owned().await.ok();
        let of_all = Arc::clone(&self.all).acquire_owned().await.ok();
        Turn { _own: own, _of_all: of_all }
    }

    fn of(&self, owner: Owner) -> Arc<Semaphore> {
        let mut by_owner = self.by_owner.lock().unwrap_or_else(PoisonError::into_inner);
        // A permit holds its semaphore, and so does whoever waits.
        by_owner.retain(|_, semaphore| Arc::strong_count(semaphore) > 1);
        let fresh = || Arc::new(Semaphore::new(self.most_of_owner));
        Arc::clone(by_owner.entry(owner).or_insert_with(fresh))
    }
}
