//! The threads that work on the catalog: one writes, and others look, each through a connection of its own, so that a
//! long search keeps no change waiting. Requests come to them as work and wait in bounded queues; what a piece of
//! work gives goes back to whoever asked.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};
use tokio::sync::oneshot;

use super::tx::{Store, StoreError, Tx};
use crate::control::refusal::Refusal;
use crate::shutdown::Member;

/// Pieces of work that may wait. Each is some caller's request; past it they are told to come back.
const WAITING: usize = 1024;

/// How soon the thread notices that it should end.
const NAP: Duration = Duration::from_millis(200);

/// Threads that look.
const READERS: usize = 2;

type Job = Box<dyn FnOnce(&mut dyn Store) + Send>;

/// The catalog, as everybody but its thread has it. Cheap to clone.
#[derive(Clone)]
pub struct Catalog {
    jobs: Sender<Job>,
    looks: Sender<Job>,
    /// Set when the thread has ended: what comes later is refused, and nothing waits for ever.
    ended: Arc<AtomicBool>,
}

impl Catalog {
    /// Starts the threads over a store; they end when the member is asked to and no work waits.
    ///
    /// # Errors
    /// When the system gives no thread, or the store no look.
    pub fn spawn(store: Box<dyn Store>, member: Member) -> Result<Self, StoreError> {
        let ((jobs, queue), (looks, to_look)) = (bounded(WAITING), bounded(WAITING));
        let ended = Arc::new(AtomicBool::new(false));
        for _ in 0..READERS {
            let (reader, to_look, over) = (store.reader()?, to_look.clone(), Arc::clone(&ended));
            let looking = move || work(reader, &to_look, || over.load(Ordering::Acquire));
            let thread = std::thread::Builder::new().name("catalog look".to_owned());
            thread.spawn(looking).map_err(StoreError::Thread)?;
        }
        let catalog = Self { jobs, looks, ended: Arc::clone(&ended) };
        let thread = std::thread::Builder::new().name("catalog".to_owned());
        let writing = thread.spawn(move || {
            work(store, &queue, || member.is_asked());
            ended.store(true, Ordering::Release);
            drop(queue);
            drop(member);
        });
        writing.map_err(StoreError::Thread)?;
        Ok(catalog)
    }

    /// Does work that may change records, wholly or not at all.
    ///
    /// # Errors
    /// The work's own refusal, or that the catalog can't do it now.
    pub async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut dyn Tx) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        self.ask(move |store| write(store, work)).await
    }

    /// Does work that only looks.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut dyn Tx) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        self.carried(&self.looks, move |store| read(store, work)).await
    }

    /// Has the thread do something with the store itself.
    ///
    /// # Errors
    /// What it gives, or that the catalog can't do it now.
    pub async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut dyn Store) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        self.carried(&self.jobs, work).await
    }

    async fn carried<T: Send + 'static>(
        &self,
        by: &Sender<Job>,
        work: impl FnOnce(&mut dyn Store) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let (answer, waiting) = oneshot::channel();
        let job: Job = Box::new(move |store| {
            // Whoever asked may have gone; the work is done all the same.
            let _gone = answer.send(work(store));
        });
        self.queue(by, job)?;
        waiting.await.unwrap_or_else(|_lost| Err(self.lost()))
    }

    /// The same for a thread that can wait.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub fn ask_and_wait<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut dyn Store) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let (answer, waiting) = bounded(1);
        let job: Job = Box::new(move |store| {
            let _gone = answer.send(work(store));
        });
        // It waits for room, too.
        self.jobs.send(job).map_err(|_ended| Refusal::Ending)?;
        waiting.recv().unwrap_or_else(|_lost| Err(self.lost()))
    }

    /// Why work has come to nothing.
    fn lost(&self) -> Refusal {
        if self.ended.load(Ordering::Acquire) { Refusal::Ending } else { Refusal::Broken }
    }

    /// Pieces of work that wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.jobs.len() + self.looks.len()
    }

    fn queue(&self, to: &Sender<Job>, job: Job) -> Result<(), Refusal> {
        if self.ended.load(Ordering::Acquire) {
            return Err(Refusal::Ending);
        }
        to.try_send(job).map_err(|refused| match refused {
            TrySendError::Full(_) => Refusal::Busy,
            TrySendError::Disconnected(_) => Refusal::Ending,
        })
    }
}

/// A fault in one piece of work is that one's: its transaction is undone, and the next goes on.
fn contained(job: Job, store: &mut dyn Store) {
    if std::panic::catch_unwind(AssertUnwindSafe(|| job(store))).is_err() {
        tracing::error!(
            "a request to the catalog broke off; its changes were undone, and the lines above say where"
        );
    }
}

fn work(mut store: Box<dyn Store>, queue: &Receiver<Job>, is_over: impl Fn() -> bool) {
    loop {
        match queue.recv_timeout(NAP) {
            Ok(job) => contained(job, store.as_mut()),
            Err(RecvTimeoutError::Timeout) if is_over() => return,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// Does work that may change records, in a transaction of this store.
///
/// # Errors
/// The work's own refusal, or the store's.
pub fn write<T>(
    store: &mut dyn Store,
    work: impl FnOnce(&mut dyn Tx) -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    within(work, |inner| store.write(inner))
}

/// Does work that only looks, in a transaction of this store.
///
/// # Errors
/// As [`write()`].
pub fn read<T>(
    store: &mut dyn Store,
    work: impl FnOnce(&mut dyn Tx) -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    within(work, |inner| store.read(inner))
}

/// Carries what the work gives, or refuses, past the store, which knows only its own errors.
fn within<T>(
    work: impl FnOnce(&mut dyn Tx) -> Result<T, Refusal>,
    run: impl FnOnce(super::tx::Work<'_>) -> Result<(), StoreError>,
) -> Result<T, Refusal> {
    let (mut work, mut outcome) = (Some(work), None);
    let ran = run(&mut |tx| {
        let done = work.take().map(|work| work(tx));
        let fine = matches!(done, Some(Ok(_)));
        outcome = done;
        if fine { Ok(()) } else { Err(StoreError::GivenUp) }
    });
    match (ran, outcome) {
        (Ok(()), Some(outcome)) | (Err(StoreError::GivenUp), Some(outcome @ Err(_))) => outcome,
        (Err(error), _) => Err(error.into()),
        (Ok(()), None) => Err(StoreError::GivenUp.into()),
    }
}
