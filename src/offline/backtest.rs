//! Recorded pings of one account against a campaign that has not run yet: whom would it have reached, and what would
//! have stopped it?
//!
//! The inputs come from the [`recording`](super::recording) in the order of the log and go through the same engine, into
//! partitions that know nothing yet. The snapshot has the account alone, with the draft beside the campaigns that it
//! is to run with, so that caps and arbitration count. What the recording has of snapshots and grants is left out:
//! the draft's snapshot decides from the first ping on, and limits go whole to whoever comes first. Outcomes of pushes
//! decide nothing, so they are left out as well.
//!
//! The same recording and draft give the same figures: there is one thread, and batches make no difference to the
//! engine.

use std::collections::{BTreeMap, HashSet};

use jiff::ToSpan as _;
use jiff::civil::Date;

use super::limits::Limits;
use super::recording::Recording;
use crate::domain::decision::{Decision, EventKind, Output};
use crate::domain::ids::{AccountId, CampaignId, DeviceId, Epoch, PartitionId};
use crate::domain::input::{Batch, Input};
use crate::domain::lots::InstallationKey;
use crate::domain::policy::ClockMode;
use crate::domain::reasons::{SuppressCounts, SuppressReason};
use crate::domain::tally::Fact;
use crate::domain::units::{DAY_MS, UtcMs};
use crate::engine::{Counts, Outputs, Partition};
use crate::journal::{JournalError, OwnedInput};
use crate::outbox::tallies::Quarter;
use crate::snapshot::build::{BuildError, BuildOptions, Source, build};
use crate::snapshot::calendar::{day_number, today};
use crate::snapshot::load::{LoadError, Loaded};
use crate::snapshot::view::SnapshotView;

/// What is tried.
#[derive(Debug)]
pub struct Draft {
    /// The account alone, with the draft and the campaigns that run beside it.
    pub source: Source,
    /// Which of the campaigns is the draft.
    pub campaign: CampaignId,
    /// Whose it is.
    pub account: AccountId,
}

/// What came of it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Backtested {
    /// The first and the last instant of the recording; `None` where it has nothing.
    pub span: Option<(UtcMs, UtcMs)>,
    /// Pings of the account that were gone through.
    pub pings: u64,
    /// The draft's pushes.
    pub jobs: BTreeMap<Quarter, u64>,
    /// Those of the campaigns beside it.
    pub others: BTreeMap<Quarter, u64>,
    /// Distinct devices that would have got one of the draft's.
    pub users: u64,
    /// Times that the draft's condition came true and nothing would have been sent, by reason.
    pub withheld: SuppressCounts,
    /// The engine's totals, of all campaigns.
    pub counts: Counts,
}

/// Why it came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum BacktestError {
    /// The recording can't be read to its end.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The draft and its campaigns make no snapshot.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The snapshot is not what was built.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// Schedules reach so far and no farther.
    #[error("the recording spans more than a year; bound it with journal.keep_recording_days")]
    TooLong,
    /// Whoever asked for it does not want it any more.
    #[error("the backtest was stopped")]
    Stopped,
}

/// Schedules are compiled for 400 days; the last of them may be cut short by a time zone.
const MOST_DAYS: i64 = 398;
/// How many inputs are taken between two looks at whether to go on.
const LOOK_EVERY: u64 = 1024;

/// Goes through a recording. `go_on` hears how much is done, in parts of a thousand, and says whether to.
///
/// # Errors
/// [`BacktestError`].
pub fn backtest(
    recording: Recording,
    draft: Draft,
    key: InstallationKey,
    go_on: impl FnMut(u16) -> bool,
) -> Result<Backtested, BacktestError> {
    let policy = recording.policy();
    let fresh = |id| Partition::new(id, key, policy);
    let mut partitions: Vec<Partition> = PartitionId::all().map(fresh).collect();
    let mut tested = Backtested::default();
    let mut inputs = Inputs { recording, go_on, taken: 0 };
    // Nothing is decided before the account's first batch, which says from which day on schedules are needed.
    let (partition, first, valid_from) = loop {
        let Some((id, input)) = inputs.next()? else { return Ok(tested) };
        let input = input.as_input();
        let partition = &mut partitions[id.index()];
        if let Input::Policy(_) = input {
            partition.step(&input, None, &mut Outputs::default());
        }
        let clock = partition.policy().clock;
        let seen = tested.see(&input, clock);
        let is_own = head(&input).is_some_and(|(account, _)| account == draft.account);
        if let (true, Some(at)) = (is_own, seen) {
            break (id, OwnedInput::from(&input), first_day(at, clock));
        }
    };
    let loaded = loaded(draft.source, draft.campaign, &key, valid_from)?;
    let mut run = Run {
        tested,
        until: UtcMs(i64::from(day_number(valid_from)) * DAY_MS) + MOST_DAYS * DAY_MS,
        ..Run::new(loaded.view(), (draft.account, draft.campaign), partitions)
    };
    run.take(partition, &first.as_input())?;
    while let Some((partition, input)) = inputs.next()? {
        run.take(partition, &input.as_input())?;
    }
    Ok(run.finish())
}

/// The inputs of a recording, as long as whoever wants to know goes on.
struct Inputs<F> {
    recording: Recording,
    go_on: F,
    taken: u64,
}

impl<F: FnMut(u16) -> bool> Inputs<F> {
    fn next(&mut self) -> Result<Option<(PartitionId, &OwnedInput)>, BacktestError> {
        self.taken += 1;
        if self.taken.is_multiple_of(LOOK_EVERY) && !(self.go_on)(self.recording.permille()) {
            return Err(BacktestError::Stopped);
        }
        Ok(self.recording.next()?)
    }
}

/// The UTC day from which on schedules are needed. Some time zones have their day a day earlier, and under the clock of
/// the fixes those of other devices may be older than the first.
fn first_day(first: UtcMs, clock: ClockMode) -> Date {
    let before = match clock {
        ClockMode::System => 1,
        ClockMode::Fixes => 31,
    };
    today(first + -before * DAY_MS)
}

/// Whose batch it is, and when it was received.
fn head(input: &Input<'_>) -> Option<(AccountId, UtcMs)> {
    fn of<T>(batch: &Batch<'_, T>) -> (AccountId, UtcMs) {
        (batch.account, batch.received_at)
    }
    match input {
        Input::Fixes(batch) => Some(of(batch)),
        Input::Outcomes(batch) => Some(of(batch)),
        Input::Profiles(batch) => Some(of(batch)),
        Input::Hints(batch) => Some(of(batch)),
        Input::Erasures(batch) => Some(of(batch)),
        Input::Tick { .. } | Input::Publication { .. } | Input::Grant(_) | Input::Policy(_) => None,
    }
}

/// The snapshot in which the draft's period covers the recording.
fn loaded(
    mut source: Source,
    draft: CampaignId,
    key: &InstallationKey,
    valid_from: Date,
) -> Result<Loaded, BacktestError> {
    for campaign in source.campaigns.iter_mut().filter(|one| one.id == draft) {
        campaign.start = valid_from;
        campaign.end = valid_from.checked_add(MOST_DAYS.days()).unwrap_or(Date::MAX);
    }
    let options = BuildOptions { epoch: Epoch(1), valid_from, key, previous: None };
    Ok(build(&source, options)?.load_in_memory()?)
}

/// The partitions on their way through the recording.
struct Run<'a> {
    view: SnapshotView<'a>,
    account: AccountId,
    campaign: CampaignId,
    partitions: Vec<Partition>,
    limits: Option<Limits<'a>>,
    out: Outputs,
    users: HashSet<DeviceId>,
    tested: Backtested,
    /// When the schedules end.
    until: UtcMs,
}

impl<'a> Run<'a> {
    fn new(
        view: SnapshotView<'a>,
        (account, campaign): (AccountId, CampaignId),
        mut partitions: Vec<Partition>,
    ) -> Self {
        let mut out = Outputs::with_capacity(1024).keeping_tallies();
        let publication = Input::Publication { epoch: view.epoch(), hash: view.hash() };
        for partition in &mut partitions {
            partition.step(&publication, None, &mut out);
        }
        let limits = Limits::of(view, account);
        Self {
            view,
            account,
            campaign,
            partitions,
            limits,
            out,
            users: HashSet::new(),
            tested: Backtested::default(),
            until: UtcMs(i64::MAX),
        }
    }

    /// Takes an input, if it is one that decides.
    fn take(&mut self, partition: PartitionId, input: &Input<'_>) -> Result<(), BacktestError> {
        let clock = self.partitions[partition.index()].policy().clock;
        if self.tested.see(input, clock).is_some_and(|at| at > self.until) {
            return Err(BacktestError::TooLong);
        }
        let own = head(input).is_none_or(|(account, _)| account == self.account);
        match input {
            Input::Fixes(batch) if own => {
                self.tested.pings += batch.records.len() as u64;
                let instants = batch.records.iter().map(|fix| fix.fixed_at);
                self.step(partition, input, instants.chain([batch.received_at]));
            }
            Input::Hints(batch) if own => {
                let instants = batch.records.iter().map(|hint| hint.fixed_at);
                self.step(partition, input, instants.chain([batch.received_at]));
            }
            Input::Profiles(_) | Input::Erasures(_) if own => {
                self.step(partition, input, std::iter::empty());
            }
            Input::Tick { now } => self.step(partition, input, std::iter::once(*now)),
            Input::Policy(_) => self.step(partition, input, std::iter::empty()),
            Input::Fixes(_)
            | Input::Hints(_)
            | Input::Profiles(_)
            | Input::Erasures(_)
            | Input::Outcomes(_)
            | Input::Publication { .. }
            | Input::Grant(_) => {}
        }
        self.count();
        Ok(())
    }

    fn step(
        &mut self,
        partition: PartitionId,
        input: &Input<'_>,
        instants: impl Iterator<Item = UtcMs>,
    ) {
        let partition = &mut self.partitions[partition.index()];
        if let Some(limits) = &mut self.limits {
            limits.hand_to(partition, instants, &mut self.out);
            partition.step(input, Some(self.view), &mut self.out);
            limits.take_from(partition, &mut self.out);
        } else {
            partition.step(input, Some(self.view), &mut self.out);
        }
        self.out.wants.clear();
    }

    /// Takes note of what came out.
    fn count(&mut self) {
        for Decision { output, .. } in self.out.decisions.drain(..) {
            match output {
                Output::Job(job) if job.campaign == self.campaign => {
                    self.users.insert(job.device.device);
                    *self.tested.jobs.entry(Quarter::of(job.at)).or_default() += 1;
                }
                Output::Job(job) => {
                    *self.tested.others.entry(Quarter::of(job.at)).or_default() += 1;
                }
                // It is an output of its own, and so no tally.
                Output::Event(event)
                    if event.kind == EventKind::HeldOut
                        && event.campaign == Some(self.campaign) =>
                {
                    self.tested.withheld[usize::from(SuppressReason::HeldOut.number())] += 1;
                }
                Output::Event(_) | Output::Visit(_) => {}
            }
        }
        for tally in self.out.tallies.drain(..) {
            match tally.fact {
                Fact::Withheld { campaign, reason, .. } if campaign == self.campaign => {
                    self.tested.withheld[usize::from(reason.number())] += 1;
                }
                Fact::Withheld { .. } | Fact::Seen { .. } => {}
            }
        }
    }

    fn finish(self) -> Backtested {
        Backtested { users: self.users.len() as u64, counts: self.out.counts, ..self.tested }
    }
}

impl Backtested {
    /// Takes note of when an input was, and gives it back.
    fn see(&mut self, input: &Input<'_>, clock: ClockMode) -> Option<UtcMs> {
        let at = match (clock, input) {
            (ClockMode::System, Input::Tick { now }) => *now,
            (ClockMode::System, _) => head(input)?.1,
            (ClockMode::Fixes, Input::Fixes(batch)) => {
                let instants = || batch.records.iter().map(|fix| fix.fixed_at);
                self.widen(instants().max()?);
                instants().min()?
            }
            (ClockMode::Fixes, _) => return None,
        };
        self.widen(at);
        Some(at)
    }

    fn widen(&mut self, at: UtcMs) {
        let (from, until) = self.span.unwrap_or((at, at));
        self.span = Some((from.min(at), until.max(at)));
    }
}
