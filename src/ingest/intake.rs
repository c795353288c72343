//! Where submissions go. The shard router is the one implementation; tests put a fake in its place.

use std::future::Future;

use crate::domain::fix::FutureRule;
use crate::domain::submission::{Applied, Lost, Submission, SubmitError};
use crate::domain::units::UtcMs;

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

    /// The intake clock: UTC, monotone.
    fn received_at(&self) -> UtcMs;

    /// What "ahead of its time" means for a batch received now.
    fn future_rule(&self, received_at: UtcMs) -> FutureRule;
}
