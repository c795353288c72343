//! What a run met, so that a test can tell that everything was met.

/// What happened in a run.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(super) struct Tally {
    pub(super) acked: u64,
    pub(super) resent: u64,
    pub(super) jobs: u64,
    /// Of campaigns with a limit across partitions.
    pub(super) limited_jobs: u64,
    pub(super) kills: u64,
    pub(super) power_losses: u64,
    pub(super) drains: u64,
    pub(super) failed_starts: u64,
    pub(super) failures: u64,
    pub(super) publications: u64,
    pub(super) clock_steps: u64,
    pub(super) damaged_checkpoints: u64,
    pub(super) trimmed_bytes: u64,
    /// Records that a consumer was handed, those of them that it had been handed before, and jobs that came too
    /// late to it.
    pub(super) handed: u64,
    pub(super) handed_again: u64,
    pub(super) expired: u64,
    pub(super) calls: u64,
    pub(super) commits: u64,
}

impl std::iter::Sum for Tally {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, one| Self {
            acked: sum.acked + one.acked,
            resent: sum.resent + one.resent,
            jobs: sum.jobs + one.jobs,
            limited_jobs: sum.limited_jobs + one.limited_jobs,
            kills: sum.kills + one.kills,
            power_losses: sum.power_losses + one.power_losses,
            drains: sum.drains + one.drains,
            failed_starts: sum.failed_starts + one.failed_starts,
            failures: sum.failures + one.failures,
            publications: sum.publications + one.publications,
            clock_steps: sum.clock_steps + one.clock_steps,
            damaged_checkpoints: sum.damaged_checkpoints + one.damaged_checkpoints,
            trimmed_bytes: sum.trimmed_bytes + one.trimmed_bytes,
            handed: sum.handed + one.handed,
            handed_again: sum.handed_again + one.handed_again,
            expired: sum.expired + one.expired,
            calls: sum.calls + one.calls,
            commits: sum.commits + one.commits,
        })
    }
}
