//! A draft against a recording: what the engine made of the same inputs when the campaign really ran.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::backtest::{BacktestError, Backtested, Draft, backtest};
use super::recording::Recording;
use super::simulate_tests::{fixes, source};
use crate::domain::decision::{EventKind, Output};
use crate::domain::fix::Fix;
use crate::domain::ids::{
    AccountId, AppId, CampaignId, DeviceKey, Epoch, InputPosition, InputSeq, PARTITIONS,
    PartitionId, SnapshotHash,
};
use crate::domain::input::{Batch, Grant, Input, LimitId};
use crate::domain::policy::Policy;
use crate::domain::reasons::SuppressReason;
use crate::domain::tally::Fact;
use crate::domain::units::UtcMs;
use crate::engine::{Outputs, Partition};
use crate::identity::Keyring;
use crate::journal::{Journal, JournalConfig, OwnedInput, Resume};
use crate::outbox::tallies::Quarter;
use crate::snapshot::build::{BuildOptions, Source, build};
use crate::snapshot::samples::VALID_FROM;

const ACCOUNT: AccountId = AccountId(1);
const OTHER: AccountId = AccountId(2);

/// Inputs in the order of the log.
type Inputs = Vec<(PartitionId, OwnedInput)>;

fn keyring() -> Keyring {
    Keyring::from_seed([1; 32])
}

/// What a daemon's log would hold: a frame of 40 pings in batches of at most so many, now and then time passing, and what
/// other accounts and the daemon itself put in.
fn inputs(batch: usize) -> Inputs {
    let mut inputs = Inputs::new();
    let strict = Policy { max_push_age_s: 120, ..Policy::default() };
    for id in PartitionId::all() {
        inputs.push((id, OwnedInput::from(&Input::Policy(&strict))));
        let hash = SnapshotHash([3; 32]);
        inputs.push((id, OwnedInput::from(&Input::Publication { epoch: Epoch(9), hash })));
    }
    let mut now = UtcMs::MIN;
    for frame in fixes().chunks(40) {
        now = frame.iter().map(|fix| fix.fixed_at).fold(now, UtcMs::max).plus_s(2);
        for account in [ACCOUNT, OTHER] {
            for (id, records) in by_partition(account, frame) {
                for records in records.chunks(batch) {
                    let (app, received_at) = (AppId(1), now);
                    let batch = Batch { account, app, origin: None, received_at, records };
                    inputs.push((id, OwnedInput::from(&Input::Fixes(batch))));
                }
            }
        }
        for id in PartitionId::all().filter(|id| id.0 % 3 == 0) {
            inputs.push((id, OwnedInput::from(&Input::Tick { now: now.plus_s(1) })));
        }
    }
    let limit = LimitId::Campaign { account: ACCOUNT, campaign: CampaignId(11) };
    inputs.push((PartitionId(0), OwnedInput::from(&Input::Grant(Grant { limit, pushes: 7 }))));
    inputs
}

fn by_partition(account: AccountId, frame: &[Fix]) -> BTreeMap<PartitionId, Vec<Fix>> {
    let mut dealt: BTreeMap<PartitionId, Vec<Fix>> = BTreeMap::new();
    for fix in frame {
        let key = DeviceKey { account, device: fix.device };
        dealt.entry(key.partition()).or_default().push(*fix);
    }
    dealt
}

fn config(dir: &Path) -> JournalConfig {
    JournalConfig { dir: dir.to_owned(), segment_max_bytes: 64 << 10, ..JournalConfig::default() }
}

fn record(dir: &Path, inputs: &Inputs) {
    let recovery = Journal::open(config(dir), &keyring(), Resume::from_start()).unwrap();
    let (journal, mut logs) = recovery.into_journal(1, || 0).unwrap();
    let mut seqs = [0; PARTITIONS];
    for (partition, input) in inputs {
        let seq = &mut seqs[partition.index()];
        *seq += 1;
        let position = InputPosition { partition: *partition, seq: InputSeq(*seq) };
        logs[0].append(position, &input.as_input());
        logs[0].commit();
    }
    drop(logs);
    journal.shutdown().unwrap();
}

fn tried(dir: &Path, source: Source, campaign: u32) -> Result<Backtested, BacktestError> {
    let recording = Recording::open(dir, &keyring()).unwrap();
    let draft = Draft { source, campaign: CampaignId(campaign), account: ACCOUNT };
    backtest(recording, draft, keyring().installation_key(), |_permille| true)
}

/// What the engine makes of the inputs where the campaigns run.
fn ran(inputs: &Inputs, source: &Source, campaign: u32) -> Backtested {
    let key = keyring().installation_key();
    let options =
        BuildOptions { epoch: Epoch(4), valid_from: VALID_FROM, key: &key, previous: None };
    let loaded = build(source, options).unwrap().load_in_memory().unwrap();
    let view = loaded.view();
    let fresh = |id| Partition::new(id, key, Policy::default());
    let mut partitions: Vec<Partition> = PartitionId::all().map(fresh).collect();
    let mut out = Outputs::with_capacity(64).keeping_tallies();
    let (mut ran, mut users) = (Backtested::default(), BTreeSet::new());
    for (id, input) in inputs {
        let mut input = input.as_input();
        // The account's own limits are not tried here.
        if let Input::Grant(_) = input {
            continue;
        }
        if let Input::Publication { .. } = input {
            input = Input::Publication { epoch: view.epoch(), hash: view.hash() };
        }
        partitions[id.index()].step(&input, Some(view), &mut out);
        for decision in out.decisions.drain(..) {
            if let Output::Event(event) = decision.output
                && (event.kind, event.campaign) == (EventKind::HeldOut, Some(CampaignId(campaign)))
            {
                ran.withheld[usize::from(SuppressReason::HeldOut.number())] += 1;
            }
            let Output::Job(job) = decision.output else { continue };
            let own = job.campaign == CampaignId(campaign);
            let jobs = if own { &mut ran.jobs } else { &mut ran.others };
            *jobs.entry(Quarter::of(job.at)).or_default() += 1;
            own.then(|| users.insert(job.device.device));
        }
        for tally in out.tallies.drain(..) {
            if let Fact::Withheld { campaign: of, reason, .. } = tally.fact
                && of == CampaignId(campaign)
            {
                ran.withheld[usize::from(reason.number())] += 1;
            }
        }
    }
    Backtested { users: users.len() as u64, ..ran }
}

#[test]
fn a_draft_brings_what_it_brought_when_it_ran() {
    let dir = tempfile::tempdir().unwrap();
    let inputs = inputs(16);
    record(dir.path(), &inputs);
    let mut source = source(None, None);
    source.accounts[0].daily_cap = Some(2);
    for campaign in [10, 11, 12] {
        let tested = tried(dir.path(), source.clone(), campaign).unwrap();
        let ran = ran(&inputs, &source, campaign);
        assert!(ran.jobs.values().sum::<u64>() > 30, "{ran:?}");
        assert_eq!((&tested.jobs, &tested.others), (&ran.jobs, &ran.others));
        assert_eq!((tested.users, tested.withheld), (ran.users, ran.withheld));
        assert_eq!(tested.pings, 11_999);
        assert!(tested.counts.triggers_add_up(), "{:?}", tested.counts);
        let withheld = |reason: SuppressReason| tested.withheld[usize::from(reason.number())];
        assert!(withheld(SuppressReason::DailyCap) > 0, "{:?}", tested.withheld);
        assert_eq!(withheld(SuppressReason::HeldOut) > 0, campaign == 12);
    }
}

#[test]
fn batches_make_no_difference() {
    let mut first = None;
    for batch in [1, 7, 40] {
        let dir = tempfile::tempdir().unwrap();
        record(dir.path(), &inputs(batch));
        for _again in 0..2 {
            let tested = tried(dir.path(), source(Some(60), Some(99)), 10).unwrap();
            let first = first.get_or_insert_with(|| tested.clone());
            assert_eq!(tested, *first, "batches of {batch}");
        }
    }
}

#[test]
fn limits_go_to_whoever_comes_first() {
    let dir = tempfile::tempdir().unwrap();
    record(dir.path(), &inputs(16));
    let tested = tried(dir.path(), source(Some(5), None), 10).unwrap();
    let sum = |jobs: &BTreeMap<Quarter, u64>| jobs.values().sum::<u64>();
    assert_eq!((sum(&tested.jobs), sum(&tested.others)), (5, 10), "5 of each campaign");
    assert!(tested.withheld[usize::from(SuppressReason::Quota.number())] > 0);
    let tested = tried(dir.path(), source(None, Some(100)), 10).unwrap();
    assert_eq!(sum(&tested.jobs) + sum(&tested.others), 100);
}

#[test]
fn the_period_of_the_draft_covers_the_recording_and_that_of_others_holds() {
    let dir = tempfile::tempdir().unwrap();
    record(dir.path(), &inputs(16));
    let mut later = source(None, None);
    for campaign in &mut later.campaigns {
        campaign.start = jiff::civil::date(2027, 3, 1);
        campaign.end = jiff::civil::date(2027, 3, 31);
    }
    let tested = tried(dir.path(), later, 10).unwrap();
    let alone = {
        let mut alone = source(None, None);
        alone.campaigns.retain(|campaign| campaign.id == CampaignId(10));
        tried(dir.path(), alone, 10).unwrap()
    };
    assert_eq!((&tested.jobs, tested.users), (&alone.jobs, alone.users));
    assert!(!tested.jobs.is_empty() && tested.others.is_empty());
}

#[test]
fn a_recording_of_others_alone_is_one_of_nothing_and_it_can_be_stopped() {
    let dir = tempfile::tempdir().unwrap();
    record(dir.path(), &inputs(16));
    let draft = |account| Draft { source: source(None, None), campaign: CampaignId(10), account };
    let key = keyring().installation_key();
    let open = || Recording::open(dir.path(), &keyring()).unwrap();
    let nobody = backtest(open(), draft(AccountId(3)), key, |_| true).unwrap();
    assert_eq!((nobody.pings, nobody.users, nobody.span.is_some()), (0, 0, true));
    let mut told = Vec::new();
    let stopped = backtest(open(), draft(ACCOUNT), key, |permille| {
        told.push(permille);
        told.len() < 3
    });
    assert!(matches!(stopped, Err(BacktestError::Stopped)));
    assert!(told.is_sorted() && told[2] < 1000, "{told:?}");
}
