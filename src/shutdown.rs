//! How the daemon ends: who is asked first, who is waited for, and for how long.
//!
//! Every task and thread joins a [`Stage`] and holds its [`Member`] until it has ended. A signal or a fatal
//! error [requests](Shutdown::request) the end; `main` then runs [`Shutdown::drain`], which asks the stages in
//! order, each only when everybody of the one before has gone: a stage may count on nothing arriving any
//! more. Past the deadline the rest is asked at once and left behind; what was acknowledged is on stable
//! storage in any case, so a cut drain costs a longer recovery and nothing else.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

/// The parts in the order in which they drain: with the flow of a ping, so that each empties into the next.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Stage {
    /// QUIC and HTTP intake: no new connection or frame; acks that are due still leave.
    Intake,
    /// Shards: mailboxes run empty, the last batches are synced and stepped, checkpoints are written.
    Shards,
    /// The journal's writer: nothing is left to sync.
    Journal,
    /// The outbox: every released record is durable.
    Outbox,
    /// Relays and consumers: what is under way is finished.
    Sinks,
    /// Health, metrics and the other HTTP routes, kept to the end so that the drain can be watched.
    Admin,
}

impl Stage {
    /// Every stage, in drain order.
    pub const ALL: [Self; 6] =
        [Self::Intake, Self::Shards, Self::Journal, Self::Outbox, Self::Sinks, Self::Admin];

    fn index(self) -> usize {
        self as usize
    }
}

/// The handle on the daemon's end. Cheap to clone.
#[derive(Clone)]
pub struct Shutdown {
    shared: Arc<Shared>,
}

struct Shared {
    /// Why the end was requested; the first reason stays.
    reason: watch::Sender<Option<String>>,
    /// How many stages have been asked to end: those with a lower index.
    asked: watch::Sender<usize>,
    /// Who has not ended yet. Locked for a moment at joins, ends and while draining; never on the data path.
    members: Mutex<Members>,
    /// Ticks at every end of a member, for the drain to look again.
    ended: watch::Sender<()>,
}

#[derive(Default)]
struct Members {
    next: u64,
    present: BTreeMap<(Stage, u64), String>,
}

impl Shutdown {
    /// A daemon that runs.
    #[must_use]
    pub fn new() -> Self {
        Self {
            shared: Arc::new(Shared {
                reason: watch::Sender::new(None),
                asked: watch::Sender::new(0),
                members: Mutex::default(),
                ended: watch::Sender::new(()),
            }),
        }
    }

    /// Enters a task or thread into a stage. `name` is what the log says when the drain waits for it in vain.
    #[must_use = "dropping the member says that the part has ended"]
    pub fn join(&self, stage: Stage, name: impl Into<String>) -> Member {
        let mut members = self.shared.members();
        let number = members.next;
        members.next += 1;
        members.present.insert((stage, number), name.into());
        Member { stage, number, asked: self.shared.asked.subscribe(), shared: self.shared.clone() }
    }

    /// Asks for the daemon's end. The first reason is kept; later ones change nothing.
    pub fn request(&self, reason: impl Into<String>) {
        self.shared.reason.send_if_modified(|kept| {
            let first = kept.is_none();
            kept.get_or_insert_with(|| reason.into());
            first
        });
    }

    /// Waits until somebody requests the end, and gives the reason.
    pub async fn requested(&self) -> String {
        let mut reason = self.shared.reason.subscribe();
        let given = reason.wait_for(Option::is_some).await;
        given.ok().and_then(|reason| reason.clone()).unwrap_or_default()
    }

    /// Whether the end has been requested; readiness goes off with it.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        self.shared.reason.borrow().is_some()
    }

    /// Ends stage after stage and gives who had not ended after `limit`, in drain order; empty when all did.
    pub async fn drain(&self, limit: Duration) -> Vec<(Stage, String)> {
        let all = async {
            for stage in Stage::ALL {
                self.shared.ask_up_to(stage);
                self.shared.until_empty(stage).await;
            }
        };
        if tokio::time::timeout(limit, all).await.is_err() {
            self.shared.ask_up_to(Stage::Admin);
        }
        let members = self.shared.members();
        members.present.iter().map(|((stage, _), name)| (*stage, name.clone())).collect()
    }
}

impl Default for Shutdown {
    fn default() -> Self {
        Self::new()
    }
}

impl Shared {
    fn members(&self) -> MutexGuard<'_, Members> {
        // A panic while the lock was held can't leave the map half changed.
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask_up_to(&self, stage: Stage) {
        self.asked.send_modify(|asked| *asked = (*asked).max(stage.index() + 1));
    }

    async fn until_empty(&self, stage: Stage) {
        let mut ended = self.ended.subscribe();
        while self.members().present.keys().any(|(present, _)| *present == stage) {
            if ended.changed().await.is_err() {
                return;
            }
        }
    }
}

/// One task's or thread's place in a stage. It is dropped when that task or thread has ended, and not before.
pub struct Member {
    stage: Stage,
    number: u64,
    asked: watch::Receiver<usize>,
    shared: Arc<Shared>,
}

impl Member {
    /// Waits until this stage is asked to end.
    pub async fn asked(&mut self) {
        let index = self.stage.index();
        // An error means that the sender is gone; `shared` holds it, so it can't be.
        let _ = self.asked.wait_for(|asked| *asked > index).await;
    }

    /// Whether this stage has been asked to end, for threads that look now and then.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        *self.asked.borrow() > self.stage.index()
    }

    /// A future of [`Member::asked`] that borrows nothing, for servers that take one.
    pub fn signal(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut asked = self.asked.clone();
        let index = self.stage.index();
        async move {
            // The sender being gone means that the daemon has ended already.
            let _ = asked.wait_for(|asked| *asked > index).await;
        }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.shared.members().present.remove(&(self.stage, self.number));
        self.shared.ended.send_replace(());
    }
}
