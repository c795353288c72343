//! Shards that hold back, lose or refuse as each test says.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use geofenced::domain::fix::FutureRule;
use geofenced::domain::ids::{AccountId, AppId, JobId, Origin};
use geofenced::domain::reasons::RejectReason;
use geofenced::domain::report::Outcome;
use geofenced::domain::submission::{Applied, Lost, Records, Submission, SubmitError};
use geofenced::domain::units::UtcMs;
use geofenced::ingest::intake::Intake;
use geofenced::shard::allowance::{Allowance, Allowances};
use tokio::sync::{Semaphore, oneshot};

/// What their clock says.
pub(crate) const NOW: UtcMs = UtcMs(1_767_225_600_000);

/// What becomes of a submission.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Mood {
    /// It is taken.
    #[default]
    Good,
    /// It is refused, for the daemon drains.
    Draining,
    /// A fault of ours.
    Panicking,
}

/// Shards that know resent frames, and resolve a ticket at once or when told to.
pub(crate) struct Shards {
    pub(crate) room: Semaphore,
    pub(crate) submissions: AtomicUsize,
    pub(crate) records: AtomicUsize,
    pub(crate) seen: Mutex<HashSet<Origin>>,
    pub(crate) holding: AtomicBool,
    /// Everything that was taken, for tests that look into it.
    pub(crate) taken: Mutex<Vec<Records>>,
    /// What happens to submissions from now on.
    pub(crate) mood: Mutex<Mood>,
    pub(crate) held: Mutex<Vec<oneshot::Sender<Result<Applied, Lost>>>>,
    /// How fast accounts may hand over.
    pub(crate) allowances: Allowances,
    /// How far their clock is past [`NOW`].
    pub(crate) elapsed_ms: AtomicI64,
}

impl Shards {
    pub(crate) fn new(room: usize) -> Self {
        Self {
            room: Semaphore::new(room),
            submissions: AtomicUsize::new(0),
            records: AtomicUsize::new(0),
            seen: Mutex::default(),
            holding: AtomicBool::new(false),
            taken: Mutex::default(),
            mood: Mutex::default(),
            held: Mutex::default(),
            allowances: Allowances::default(),
            elapsed_ms: AtomicI64::new(0),
        }
    }

    pub(crate) fn release(&self, outcome: Result<Applied, Lost>) {
        self.holding.store(false, Ordering::SeqCst);
        for ticket in self.held.lock().unwrap().drain(..) {
            let _client_gone = ticket.send(outcome);
        }
    }
}

pub(crate) struct Ticket(oneshot::Receiver<Result<Applied, Lost>>);

impl Future for Ticket {
    type Output = Result<Applied, Lost>;

    fn poll(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Self::Output> {
        std::pin::Pin::new(&mut self.0).poll(cx).map(|told| told.unwrap_or(Err(Lost::Stopped)))
    }
}

/// A job that nobody made.
pub(crate) const NO_JOB: JobId = JobId([0xFF; 16]);

impl Intake for Shards {
    type Ticket = Ticket;

    async fn submit(&self, submission: Submission) -> Result<Ticket, SubmitError> {
        let mood = *self.mood.lock().unwrap();
        match mood {
            Mood::Good => {}
            Mood::Draining => return Err(SubmitError::Draining),
            Mood::Panicking => panic!("on purpose"),
        }
        self.room.acquire().await.unwrap().forget();
        self.submissions.fetch_add(1, Ordering::SeqCst);
        let records = submission.records.len();
        let mut applied = Applied::default();
        if self.seen.lock().unwrap().insert(submission.origin.unwrap()) {
            self.records.fetch_add(records, Ordering::SeqCst);
            self.taken.lock().unwrap().push(submission.records);
        } else {
            applied.rejects[usize::from(RejectReason::Resent.number())] = records as u64;
        }
        let (tell, told) = oneshot::channel();
        if self.holding.load(Ordering::SeqCst) {
            self.held.lock().unwrap().push(tell);
        } else {
            tell.send(Ok(applied)).unwrap();
        }
        Ok(Ticket(told))
    }

    fn allowance(&self, account: AccountId) -> Arc<Allowance> {
        self.allowances.of(account)
    }

    fn may_have_app(&self, _account: AccountId, _app: AppId) -> bool {
        true
    }

    async fn of_made_jobs(&self, _account: AccountId, mut outcomes: Vec<Outcome>) -> Vec<Outcome> {
        outcomes.retain(|outcome| outcome.job != NO_JOB);
        outcomes
    }

    fn received_at(&self) -> UtcMs {
        UtcMs(NOW.0 + self.elapsed_ms.load(Ordering::SeqCst))
    }

    fn uptime(&self) -> Duration {
        let elapsed_ms = self.elapsed_ms.load(Ordering::SeqCst);
        Duration::from_secs(60) + Duration::from_millis(elapsed_ms.try_into().expect("onwards"))
    }

    fn future_rule(&self, received_at: UtcMs) -> FutureRule {
        FutureRule::AtMost { received_at, max_future_ms: 60_000 }
    }
}
