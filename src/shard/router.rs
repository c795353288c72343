//! From a submission to the shards that own its devices: device → partition → shard → mailbox.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::clock::Clock;
use crate::domain::fix::{Fix, FutureRule};
use crate::domain::ids::{AccountId, AppId, DeviceId, DeviceKey, PARTITIONS, PartitionId};
use crate::domain::policy::ClockMode;
use crate::domain::report::{Erasure, Outcome, PlaceHint, Profile};
use crate::domain::submission::{Records, Submission, SubmitError};
use crate::domain::units::UtcMs;
use crate::snapshot::slot::Slot;

use super::allowance::{Allowance, Allowances};
use super::job_book::JobBook;
use super::mailbox::{Delivery, Mailbox, Parcel};
use super::parts::Failed;
use super::policy::PolicyInForce;
use super::ticket::{AckTicket, ticket};

/// Which shard owns which partition; fixed at start.
#[derive(Clone, Debug)]
pub struct Deal {
    owner: [u8; PARTITIONS],
    shards: usize,
}

impl Deal {
    /// Deals all partitions to `shards` shards (1 to 256) in turn.
    #[must_use]
    pub fn new(shards: usize) -> Self {
        let shards = shards.clamp(1, PARTITIONS);
        let owner = std::array::from_fn(|partition| {
            u8::try_from(partition % shards).expect("fewer shards than partitions")
        });
        Self { owner, shards }
    }

    /// How many shards there are.
    #[must_use]
    pub fn shards(&self) -> usize {
        self.shards
    }

    /// The shard of a partition.
    #[must_use]
    pub fn owner(&self, partition: PartitionId) -> usize {
        usize::from(self.owner[partition.index()])
    }

    /// The partitions of a shard, ascending.
    pub fn partitions_of(&self, shard: usize) -> impl Iterator<Item = PartitionId> {
        PartitionId::all().filter(move |partition| self.owner(*partition) == shard)
    }
}

/// The way into the shards. Cheap to clone.
#[derive(Clone)]
pub struct Router {
    shared: Arc<Shared>,
}

struct Shared {
    deal: Deal,
    mailboxes: Vec<Mailbox>,
    clock: Clock,
    policy: PolicyInForce,
    /// What is in force; it tells which apps an account has.
    slot: Arc<Slot>,
    draining: AtomicBool,
    /// Set once journal, outbox or a shard has failed; nothing is taken any more.
    failed: Arc<Failed>,
    /// What outcomes are held against; none where outcomes are all believed.
    jobs: Option<Arc<JobBook>>,
    /// How fast accounts may hand over.
    allowances: Arc<Allowances>,
}

impl Router {
    /// A router over the mailboxes of a deal's shards, in their order. `failed` is set by whoever
    /// sees a part fail.
    #[must_use]
    pub fn new(
        deal: Deal,
        mailboxes: Vec<Mailbox>,
        clock: Clock,
        policy: PolicyInForce,
        slot: Arc<Slot>,
        failed: Arc<Failed>,
    ) -> Self {
        debug_assert_eq!(deal.shards(), mailboxes.len());
        let draining = AtomicBool::new(false);
        let (jobs, allowances) = (None, Arc::default());
        let shared =
            Shared { deal, mailboxes, clock, policy, slot, draining, failed, jobs, allowances };
        Self { shared: Arc::new(shared) }
    }

    /// With what outcomes are held against. To be called before the router is shared.
    #[must_use]
    pub fn with_jobs(mut self, jobs: JobBook) -> Self {
        let shared = Arc::get_mut(&mut self.shared).expect("nobody has a clone of it yet");
        shared.jobs = Some(Arc::new(jobs));
        self
    }

    /// Those of the outcomes whose job was made for their device of this account. It is read from the disk, so a
    /// thread that may wait does it.
    pub async fn of_made_jobs(
        &self,
        account: AccountId,
        mut outcomes: Vec<Outcome>,
    ) -> Vec<Outcome> {
        let Some(jobs) = self.shared.jobs.clone().filter(|_jobs| !outcomes.is_empty()) else {
            return outcomes;
        };
        let looking = tokio::task::spawn_blocking(move || {
            outcomes.retain(|outcome| jobs.has(account, outcome));
            outcomes
        });
        looking.await.expect("a look at a job neither panics nor is called off")
    }

    /// How fast an account may hand over. Whoever submits for it keeps to that.
    #[must_use]
    pub fn allowance(&self, account: AccountId) -> Arc<Allowance> {
        self.shared.allowances.of(account)
    }

    /// For whoever sets them.
    #[must_use]
    pub fn allowances(&self) -> Arc<Allowances> {
        Arc::clone(&self.shared.allowances)
    }

    /// Whether records may speak for this app of an account: not if the snapshot in force has the account and it
    /// has no such app. Of accounts that are not there the engine has its own to say.
    #[must_use]
    pub fn may_have_app(&self, account: AccountId, app: AppId) -> bool {
        let Some(pinned) = self.shared.slot.pin() else { return true };
        pinned.view().account(account).is_none_or(|account| account.has_app(app))
    }

    /// What the intake clock says.
    #[must_use]
    pub fn received_at(&self) -> UtcMs {
        self.shared.clock.now()
    }

    /// How long the daemon runs: it goes on evenly, whatever becomes of the system's clock.
    #[must_use]
    pub fn uptime(&self) -> Duration {
        Duration::from_nanos(self.shared.clock.monotonic_ns())
    }

    /// How far ahead a fix may lie that is taken in at `received_at`.
    #[must_use]
    pub fn future_rule(&self, received_at: UtcMs) -> FutureRule {
        let policy = self.shared.policy.now();
        match policy.clock {
            ClockMode::Fixes => FutureRule::Off,
            ClockMode::System => FutureRule::AtMost {
                received_at,
                max_future_ms: i64::from(policy.max_future_s) * 1000,
            },
        }
    }

    /// Takes nothing new from now on; what was taken is finished.
    pub fn drain(&self) {
        self.shared.draining.store(true, Ordering::Release);
    }

    /// Records waiting in all mailboxes.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.shared.mailboxes.iter().map(Mailbox::waiting).sum()
    }

    /// Hands a submission to the shards that own its devices, waiting while their mailboxes are full.
    ///
    /// # Errors
    /// [`SubmitError`] when nothing is taken at present, and why.
    pub async fn submit(&self, submission: Submission) -> Result<AckTicket, SubmitError> {
        self.admits()?;
        let shared = &self.shared;
        let dealt = deal_records(&shared.deal, submission.account, &submission.records);
        let used = dealt.iter().filter(|share| !share.parts.is_empty()).count();
        let (ack, mut parts) = ticket(used);
        for (mailbox, share) in shared.mailboxes.iter().zip(dealt) {
            let Some(records) = share.records else { continue };
            let ticket = parts.pop().expect("one part for each share in use");
            let parcel = parcel(&submission, share.parts, records);
            if mailbox.put(Delivery { parcel, ticket }).await.is_err() {
                return Err(self.closed());
            }
        }
        Ok(ack)
    }

    fn admits(&self) -> Result<(), SubmitError> {
        if let Some(why) = self.shared.failed.why() {
            return Err(SubmitError::Closed { why });
        }
        if self.shared.clock.stepped().is_some() {
            let why = "the system clock has stepped; an operator must accept it first";
            return Err(SubmitError::Closed { why });
        }
        if self.shared.draining.load(Ordering::Acquire) {
            return Err(SubmitError::Draining);
        }
        Ok(())
    }

    /// Why a mailbox is closed: a shard ends by draining, or because something has failed.
    fn closed(&self) -> SubmitError {
        let why = "a shard has ended; restart the daemon, its log says why";
        self.admits().err().unwrap_or(SubmitError::Closed { why })
    }
}

fn parcel(submission: &Submission, parts: Vec<(PartitionId, u32)>, records: Records) -> Parcel {
    Parcel {
        account: submission.account,
        app: submission.app,
        origin: submission.origin,
        received_at: submission.received_at,
        parts,
        records,
    }
}

/// One shard's share of a submission.
#[derive(Default)]
struct Share {
    parts: Vec<(PartitionId, u32)>,
    records: Option<Records>,
}

fn deal_records(deal: &Deal, account: AccountId, records: &Records) -> Vec<Share> {
    match records {
        Records::Fixes(fixes) => dealt(deal, account, fixes, Records::Fixes),
        Records::Outcomes(outcomes) => dealt(deal, account, outcomes, Records::Outcomes),
        Records::Profiles(profiles) => dealt(deal, account, profiles, Records::Profiles),
        Records::Hints(hints) => dealt(deal, account, hints, Records::Hints),
        Records::Erasures(erasures) => dealt(deal, account, erasures, Records::Erasures),
    }
}

/// Whose record it is.
trait OfDevice: Copy {
    fn device(&self) -> DeviceId;
}

macro_rules! of_device {
    ($($record:ty),*) => { $(
        impl OfDevice for $record {
            fn device(&self) -> DeviceId { self.device }
        }
    )* };
}
of_device!(Fix, Outcome, Profile, PlaceHint, Erasure);

/// Sorts records by shard and partition, stably: a device's records keep their order. Each record is hashed
/// once and copied once.
fn dealt<T: OfDevice>(
    deal: &Deal,
    account: AccountId,
    records: &[T],
    wrap: fn(Vec<T>) -> Records,
) -> Vec<Share> {
    let partition_of = |record: &T| DeviceKey { account, device: record.device() }.partition();
    let partitions: Vec<PartitionId> = records.iter().map(partition_of).collect();
    let mut counts = [0u32; PARTITIONS];
    partitions.iter().for_each(|partition| counts[partition.index()] += 1);
    let mut shares: Vec<Share> = (0..deal.shards()).map(|_| Share::default()).collect();
    let mut sizes = vec![0; deal.shards()];
    // By partition, where its next record goes in the share of its shard.
    let mut places = [0; PARTITIONS];
    for partition in PartitionId::all().filter(|partition| counts[partition.index()] > 0) {
        let (shard, count) = (deal.owner(partition), counts[partition.index()]);
        shares[shard].parts.push((partition, count));
        places[partition.index()] = sizes[shard];
        sizes[shard] += count as usize;
    }
    let Some(&any) = records.first() else { return shares };
    // Filled with some record first; each place is overwritten once.
    let mut sorted: Vec<Vec<T>> = sizes.iter().map(|&size| vec![any; size]).collect();
    for (record, partition) in records.iter().zip(&partitions) {
        let place = &mut places[partition.index()];
        sorted[deal.owner(*partition)][*place] = *record;
        *place += 1;
    }
    for (share, mine) in shares.iter_mut().zip(sorted).filter(|(_, mine)| !mine.is_empty()) {
        share.records = Some(wrap(mine));
    }
    shares
}
