//! Where submissions go. The shard router is the one implementation; tests put a fake in its place.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::fix::FutureRule;
use crate::domain::ids::{AccountId, AppId};
use crate::domain::report::Outcome;
use crate::domain::submission::{Applied, Lost, Submission, SubmitError};
use crate::domain::units::UtcMs;
use crate::shard::allowance::Allowance;
use crate::shard::router::Router;
use crate::shard::ticket::AckTicket;

/// Takes submissions in, and tells when each is safe.
pub trait Intake: Send + Sync + 'static {
    /// Resolves when every record of a submission is synced and stepped. Dropping it abandons the answer,
    /// not the submission.
    type Ticket: Future<Output = Result<Applied, Lost>> + Send + Unpin + 'static;

    /// Hands a submission over. Waits while the mailboxes are full: whoever submits must stop reading
    /// meanwhile.
    fn submit(
        &self,
        submission: Submission,
    ) -> impl Future<Output = Result<Self::Ticket, SubmitError>> + Send;

    /// How fast the account may hand over; whoever submits keeps to it.
    fn allowance(&self, account: AccountId) -> Arc<Allowance>;

    /// Whether the account may have this app: credentials for all apps of an account are for those that it has.
    /// True as long as nobody knows better, for want of a snapshot or of the account in it.
    fn may_have_app(&self, account: AccountId, app: AppId) -> bool;

    /// Those of the outcomes whose job was made for their device of this account.
    fn of_made_jobs(
        &self,
        account: AccountId,
        outcomes: Vec<Outcome>,
    ) -> impl Future<Output = Vec<Outcome>> + Send;

    /// The intake clock: UTC, monotone.
    fn received_at(&self) -> UtcMs;

    /// How long the daemon runs, whatever becomes of the system's clock: what rates go by.
    fn uptime(&self) -> Duration;

    /// What "ahead of its time" means for a batch received now.
    fn future_rule(&self, received_at: UtcMs) -> FutureRule;
}

impl Intake for Router {
    type Ticket = AckTicket;

    fn submit(
        &self,
        submission: Submission,
    ) -> impl Future<Output = Result<AckTicket, SubmitError>> + Send {
        Self::submit(self, submission)
    }

    fn allowance(&self, account: AccountId) -> Arc<Allowance> {
        Self::allowance(self, account)
    }

    fn may_have_app(&self, account: AccountId, app: AppId) -> bool {
        Self::may_have_app(self, account, app)
    }

    fn of_made_jobs(
        &self,
        account: AccountId,
        outcomes: Vec<Outcome>,
    ) -> impl Future<Output = Vec<Outcome>> + Send {
        Self::of_made_jobs(self, account, outcomes)
    }

    fn received_at(&self) -> UtcMs {
        Self::received_at(self)
    }

    fn uptime(&self) -> Duration {
        Self::uptime(self)
    }

    fn future_rule(&self, received_at: UtcMs) -> FutureRule {
        Self::future_rule(self, received_at)
    }
}
