//! What the sources under test use of other crates, made of loom's primitives.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::{Poll, Waker};

pub use std::sync::PoisonError;

pub use loom::sync::{Arc, Condvar, Mutex, MutexGuard, atomic};

/// A value that is set once. The flag carries the order; the value itself is never contended.
pub struct OnceLock<T> {
    is_set: atomic::AtomicBool,
    value: std::sync::OnceLock<T>,
}

impl<T> Default for OnceLock<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> OnceLock<T> {
    pub fn new() -> Self {
        Self { is_set: atomic::AtomicBool::new(false), value: std::sync::OnceLock::new() }
    }

    pub fn set(&self, value: T) -> Result<(), T> {
        self.value.set(value)?;
        self.is_set.store(true, atomic::Ordering::Release);
        Ok(())
    }

    pub fn get(&self) -> Option<&T> {
        if self.is_set.load(atomic::Ordering::Acquire) { self.value.get() } else { None }
    }
}

/// `atomic_waker`'s way of registering.
#[derive(Debug)]
pub struct AtomicWaker(loom::future::AtomicWaker);

impl AtomicWaker {
    pub fn new() -> Self {
        Self(loom::future::AtomicWaker::new())
    }

    pub fn register(&self, waker: &Waker) {
        self.0.register_by_ref(waker);
    }

    pub fn wake(&self) {
        self.0.wake();
    }
}

/// Waiting for a while: some other thread goes on meanwhile.
pub fn park_timeout(_for: std::time::Duration) {
    loom::thread::yield_now();
}

/// `tokio`'s semaphore, as far as it is used.
#[derive(Debug)]
pub struct Semaphore {
    state: Mutex<Permits>,
    closed: atomic::AtomicBool,
}

#[derive(Debug)]
struct Permits {
    free: usize,
    waiting: Vec<Waker>,
}

/// Permits that were granted; those that are dropped go back.
pub struct Permit<'s> {
    semaphore: &'s Semaphore,
    count: u32,
}

#[derive(Debug)]
pub struct AcquireError;

impl Semaphore {
    pub fn new(free: usize) -> Self {
        let state = Mutex::new(Permits { free, waiting: Vec::new() });
        Self { state, closed: atomic::AtomicBool::new(false) }
    }

    pub async fn acquire_many(&self, count: u32) -> Result<Permit<'_>, AcquireError> {
        poll_fn(|cx| {
            let mut state = self.state.lock().unwrap();
            if self.is_closed() {
                return Poll::Ready(Err(AcquireError));
            }
            if state.free >= count as usize {
                state.free -= count as usize;
                return Poll::Ready(Ok(Permit { semaphore: self, count }));
            }
            state.waiting.push(cx.waker().clone());
            Poll::Pending
        })
        .await
    }

    pub fn add_permits(&self, count: usize) {
        let mut state = self.state.lock().unwrap();
        state.free += count;
        state.waiting.drain(..).for_each(Waker::wake);
    }

    pub fn available_permits(&self) -> usize {
        self.state.lock().unwrap().free
    }

    pub fn close(&self) {
        let mut state = self.state.lock().unwrap();
        self.closed.store(true, atomic::Ordering::Release);
        state.waiting.drain(..).for_each(Waker::wake);
    }

    pub fn is_closed(&self) -> bool {
        self.closed.load(atomic::Ordering::Acquire)
    }
}

impl Permit<'_> {
    pub fn forget(mut self) {
        self.count = 0;
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if self.count > 0 {
            self.semaphore.add_permits(self.count as usize);
        }
    }
}

/// `crossbeam`'s bounded channel: like it, it keeps messages that nobody can receive any more for as long as a sender
/// lives.
pub mod channel {
    use super::{Arc, Condvar, Mutex, VecDeque};

    #[derive(Debug)]
    struct State<T> {
        messages: VecDeque<T>,
        senders: usize,
        receivers: usize,
    }

    #[derive(Debug)]
    struct Shared<T> {
        state: Mutex<State<T>>,
        moved: Condvar,
        capacity: usize,
    }

    #[derive(Debug)]
    pub struct Sender<T>(Arc<Shared<T>>);
    #[derive(Debug)]
    pub struct Receiver<T>(Arc<Shared<T>>);

    #[derive(Debug)]
    pub enum TrySendError<T> {
        Full(T),
        Disconnected(T),
    }
    #[derive(Debug)]
    pub struct SendError<T>(pub T);
    #[derive(Debug, PartialEq, Eq)]
    pub enum TryRecvError {
        Empty,
        Disconnected,
    }
    #[derive(Debug)]
    pub struct RecvError;

    pub fn bounded<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
        let state = State { messages: VecDeque::new(), senders: 1, receivers: 1 };
        let shared = Arc::new(Shared { state: Mutex::new(state), moved: Condvar::new(), capacity });
        (Sender(Arc::clone(&shared)), Receiver(shared))
    }

    impl<T> Sender<T> {
        pub fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
            let mut state = self.0.state.lock().unwrap();
            if state.receivers == 0 {
                return Err(TrySendError::Disconnected(message));
            }
            if state.messages.len() == self.0.capacity {
                return Err(TrySendError::Full(message));
            }
            state.messages.push_back(message);
            self.0.moved.notify_all();
            Ok(())
        }

        pub fn send(&self, message: T) -> Result<(), SendError<T>> {
            let mut state = self.0.state.lock().unwrap();
            while state.receivers > 0 && state.messages.len() == self.0.capacity {
                state = self.0.moved.wait(state).unwrap();
            }
            if state.receivers == 0 {
                return Err(SendError(message));
            }
            state.messages.push_back(message);
            self.0.moved.notify_all();
            Ok(())
        }
    }

    impl<T> Receiver<T> {
        pub fn try_recv(&self) -> Result<T, TryRecvError> {
            let mut state = self.0.state.lock().unwrap();
            match state.messages.pop_front() {
                Some(message) => {
                    self.0.moved.notify_all();
                    Ok(message)
                }
                None if state.senders == 0 => Err(TryRecvError::Disconnected),
                None => Err(TryRecvError::Empty),
            }
        }

        pub fn recv(&self) -> Result<T, RecvError> {
            let mut state = self.0.state.lock().unwrap();
            loop {
                if let Some(message) = state.messages.pop_front() {
                    self.0.moved.notify_all();
                    return Ok(message);
                }
                if state.senders == 0 {
                    return Err(RecvError);
                }
                state = self.0.moved.wait(state).unwrap();
            }
        }
    }

    impl<T> Clone for Sender<T> {
        fn clone(&self) -> Self {
            self.0.state.lock().unwrap().senders += 1;
            Self(Arc::clone(&self.0))
        }
    }

    impl<T> Clone for Receiver<T> {
        fn clone(&self) -> Self {
            self.0.state.lock().unwrap().receivers += 1;
            Self(Arc::clone(&self.0))
        }
    }

    impl<T> Drop for Sender<T> {
        fn drop(&mut self) {
            self.0.state.lock().unwrap().senders -= 1;
            self.0.moved.notify_all();
        }
    }

    impl<T> Drop for Receiver<T> {
        fn drop(&mut self) {
            self.0.state.lock().unwrap().receivers -= 1;
            self.0.moved.notify_all();
        }
    }
}

/// `crossbeam`'s bounded queue, as far as it is used: with room for one. Only what is found there orders anything; who finds it
/// empty has learned nothing.
pub mod queue {
    use super::atomic::{AtomicBool, Ordering};

    pub struct ArrayQueue<T> {
        is_there: AtomicBool,
        /// Never contended: it belongs to whoever has changed the flag.
        item: std::sync::Mutex<Option<T>>,
    }

    impl<T> ArrayQueue<T> {
        pub fn new(capacity: usize) -> Self {
            assert_eq!(capacity, 1);
            Self { is_there: AtomicBool::new(false), item: std::sync::Mutex::new(None) }
        }

        pub fn push(&self, item: T) -> Result<(), T> {
            if self.is_there.load(Ordering::Acquire) {
                return Err(item);
            }
            *self.item.lock().unwrap() = Some(item);
            self.is_there.store(true, Ordering::Release);
            Ok(())
        }

        pub fn pop(&self) -> Option<T> {
            // A load may see an older state, which an exchange never does.
            if self.is_empty() {
                return None;
            }
            let (own, relaxed) = (Ordering::AcqRel, Ordering::Relaxed);
            let taken = self.is_there.compare_exchange(true, false, own, relaxed);
            taken.ok().and_then(|_| self.item.lock().unwrap().take())
        }

        pub fn is_empty(&self) -> bool {
            !self.is_there.load(Ordering::Relaxed)
        }
    }
}

/// `arc_swap`, as far as it is used: a pointer that is read and replaced in one step.
pub mod arc_swap {
    use std::ops::Deref;

    use super::{Arc, Mutex};

    #[derive(Debug)]
    pub struct ArcSwapOption<T>(Mutex<Option<Arc<T>>>);

    /// A reader's hold on what it has read.
    pub struct Guard<T>(T);

    impl<T> Default for ArcSwapOption<T> {
        fn default() -> Self {
            Self(Mutex::new(None))
        }
    }

    impl<T> ArcSwapOption<T> {
        pub fn store(&self, next: Option<Arc<T>>) {
            let old = std::mem::replace(&mut *self.0.lock().unwrap(), next);
            drop(old);
        }

        pub fn load(&self) -> Guard<Option<Arc<T>>> {
            Guard(self.load_full())
        }

        pub fn load_full(&self) -> Option<Arc<T>> {
            self.0.lock().unwrap().clone()
        }
    }

    impl<T> Deref for Guard<T> {
        type Target = T;

        fn deref(&self) -> &T {
            &self.0
        }
    }
}
