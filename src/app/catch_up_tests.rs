//! One lane and several come to the same; whoever fails first is heard, and nobody waits for ever.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::vec::IntoIter;

use super::catch_up::{CaughtUp, Find, Log, Surroundings, catch_up};
use crate::domain::fix::Fix;
use crate::domain::ids::{
    AccountId, AppId, DeviceKey, Epoch, InputPosition, InputSeq, PARTITIONS, PartitionId,
};
use crate::domain::input::{Batch, Input};
use crate::domain::ping::PingFlags;
use crate::domain::units::{PointE7, UtcMs};
use crate::journal::test_inputs::eventually;
use crate::journal::{JournalError, OwnedInput};
use crate::outbox::samples::{World, keyring};
use crate::outbox::sim_rows::SimRows;
use crate::outbox::store::stored_records;
use crate::outbox::{Outbox, OutboxConfig};
use crate::snapshot::load::Loaded;
use crate::snapshot::samples::{device, loaded, source};

/// 2026-11-23 12:00 in Seoul, when the sample campaigns run.
const NOON: UtcMs = UtcMs(1_795_402_800_000);

/// Without a limit that spans partitions, of which each would need a grant.
fn snapshot() -> Loaded {
    let mut source = source();
    source.accounts.iter_mut().for_each(|account| account.monthly_limit = None);
    loaded(&source, 1, None)
}

/// Inputs in memory, and what comes after the last.
struct InMemory {
    inputs: IntoIter<(InputPosition, OwnedInput)>,
    at_hand: OwnedInput,
    is_damaged: bool,
}

impl Log for InMemory {
    fn next_input(&mut self) -> Result<Option<(InputPosition, &OwnedInput)>, JournalError> {
        match self.inputs.next() {
            Some((position, input)) => {
                self.at_hand = input;
                Ok(Some((position, &self.at_hand)))
            }
            None if self.is_damaged => Err(JournalError::Locked { path: "somewhere".into() }),
            None => Ok(None),
        }
    }
}

/// Every partition is told of the snapshot; then devices come to the first fence, each by an input of its own, but for
/// every hundredth, which comes with many more.
fn inputs(snapshot: &Loaded, devices: u32) -> Vec<(InputPosition, OwnedInput)> {
    let mut seqs = [InputSeq(0); PARTITIONS];
    let mut all = Vec::new();
    let mut push = |partition: PartitionId, input: &Input<'_>| {
        let seq = &mut seqs[partition.index()];
        seq.0 += 1;
        all.push((InputPosition { partition, seq: *seq }, OwnedInput::from(input)));
    };
    let (epoch, hash) = (snapshot.view().epoch(), snapshot.view().hash());
    for partition in PartitionId::all() {
        push(partition, &Input::Publication { epoch, hash });
    }
    for number in 0..devices {
        let key = DeviceKey { account: AccountId(1), device: device(number) };
        let at = PointE7::new(375_675_000, 1_269_780_000).expect("in range");
        let flags = PingFlags(PingFlags::ANDROID);
        let count = if number % 100 == 0 { 200 } else { 1 };
        let fix = |second: u32| Fix {
            device: key.device,
            at,
            fixed_at: NOON.plus_s(number % 60 + second),
            accuracy_m: 10,
            flags,
        };
        let fixes: Vec<Fix> = (0..count).map(fix).collect();
        let (account, app, received_at) = (key.account, AppId(1), fixes[0].fixed_at);
        let batch = Batch { account, app, origin: None, received_at, records: &fixes };
        push(key.partition(), &Input::Fixes(batch));
    }
    all
}

/// What came of it: per partition its last input and its devices, what the outbox holds in an order of its own, and
/// the figures.
type Outcome = (Vec<(u64, usize)>, Vec<Vec<u8>>, (u64, UtcMs));

fn run(
    lanes: usize,
    inputs: Vec<(InputPosition, OwnedInput)>,
    is_damaged: bool,
    find: impl Find,
) -> anyhow::Result<Outcome> {
    let dir = tempfile::tempdir()?;
    run_in(dir.path(), (lanes, OutboxConfig::default()), (inputs, is_damaged), find)
}

/// The same with the outbox of a folder, which is found to have repeated nothing.
fn run_in(
    dir: &Path,
    (lanes, config): (usize, OutboxConfig),
    (inputs, is_damaged): (Vec<(InputPosition, OwnedInput)>, bool),
    find: impl Find,
) -> anyhow::Result<Outcome> {
    let (keyring, outbox) = (keyring(), World::new().open(dir, config));
    let mut log =
        InMemory { inputs: inputs.into_iter(), at_hand: OwnedInput::default(), is_damaged };
    let around = Surroundings { keyring: &keyring, outbox: &outbox, lanes };
    let CaughtUp { partitions, inputs, latest_instant } =
        catch_up(&mut log, Vec::new(), around, find)?;
    outbox.close()?;
    assert_eq!(outbox.figures().already_written.load(Ordering::Relaxed), 0);
    drop(outbox);
    let mut records = Vec::new();
    stored_records(dir, |_, bytes| records.push(bytes.to_vec()))?;
    records.sort_unstable();
    let ends = partitions.iter().map(|one| (one.seq().0, one.devices())).collect();
    Ok((ends, records, (inputs, latest_instant)))
}

#[test]
fn what_the_outbox_has_is_not_made_again() {
    let snapshot = Arc::new(snapshot());
    let all = inputs(&snapshot, 3_000);
    let find = |_: Epoch, _: Option<&Loaded>| Ok(Arc::clone(&snapshot));
    let at_once = run(1, all.clone(), false, find).expect("sound");
    let dir = tempfile::tempdir().expect("a folder");
    let config = || OutboxConfig { handoff_bytes: 1, ..OutboxConfig::default() };
    let half = all[..all.len() / 2].to_vec();
    let before = run_in(dir.path(), (2, config()), (half, false), find).expect("sound");
    assert!(before.1.len() > 1_000 && before.1.len() < at_once.1.len());
    assert!(at_once == run_in(dir.path(), (2, config()), (all, false), find).expect("sound"));
}

#[test]
fn lanes_wait_while_too_many_outputs_do() {
    let snapshot = Arc::new(snapshot());
    let all = inputs(&snapshot, 3_000);
    let count = all.len() as u64;
    let find = |_: Epoch, _: Option<&Loaded>| Ok(Arc::clone(&snapshot));
    let config = OutboxConfig { handoff_bytes: 1, ..OutboxConfig::default() };
    let (clocks, space) = (World::new().clocks(), Arc::new(|| Ok(u64::MAX)));
    let (outbox, mut writer) =
        Outbox::open_by_hand(&SimRows::default(), config, clocks, space).expect("it is new");
    let keyring = keyring();
    let announced = || PartitionId::all().map(|id| outbox.announced(id).0).sum::<u64>();
    std::thread::scope(|scope| {
        let around = Surroundings { keyring: &keyring, outbox: &outbox, lanes: 2 };
        let mut log =
            InMemory { inputs: all.into_iter(), at_hand: OwnedInput::default(), is_damaged: false };
        let lanes = scope.spawn(move || catch_up(&mut log, Vec::new(), around, find).map(drop));
        eventually("outputs wait", || outbox.is_behind());
        std::thread::sleep(Duration::from_millis(100));
        // One of each lane at most, of so many outputs and those of one input more.
        assert!(announced() <= 2 * 1_100, "{} of {count}", announced());
        while !lanes.is_finished() {
            assert!(writer.turn());
        }
        lanes.join().expect("no panic").expect("sound");
    });
    assert_eq!(announced(), count);
}

#[test]
fn several_lanes_come_to_what_one_comes_to() {
    let snapshot = Arc::new(snapshot());
    let all = inputs(&snapshot, 20_000);
    let find = |_: Epoch, _: Option<&Loaded>| Ok(Arc::clone(&snapshot));
    let alone = run(1, all.clone(), false, find).expect("sound");
    assert_eq!(alone.0.len(), PARTITIONS);
    assert_eq!(alone.0.iter().map(|(_, devices)| devices).sum::<usize>(), 20_000);
    assert!(alone.1.len() >= 20_000, "{} records", alone.1.len());
    assert!(alone == run(3, all, false, find).expect("sound"));
}

#[test]
fn a_lane_that_fails_is_heard_though_its_queue_is_full() {
    let snapshot = Arc::new(snapshot());
    for lanes in [1, 2] {
        let failed =
            run(lanes, inputs(&snapshot, 30_000), false, |_, _| Err("it is gone".to_owned()));
        let said = format!("{:#}", failed.expect_err("no snapshot"));
        assert!(said.contains("snapshot 1") && said.contains("it is gone"), "{said}");
    }
}

#[test]
fn a_damaged_log_is_heard_before_a_lane_that_fails() {
    let snapshot = Arc::new(snapshot());
    for lanes in [1, 2] {
        let sound = run(lanes, inputs(&snapshot, 100), true, |_, _| Ok(Arc::clone(&snapshot)));
        let said = format!("{:#}", sound.expect_err("a damaged log"));
        assert!(said.starts_with("the journal: "), "{said}");
    }
    // Few inputs, so that the reader is through before a lane can fail in its way.
    let both = run(2, inputs(&snapshot, 100), true, |_, _| Err("it is gone".to_owned()));
    let said = format!("{:#}", both.expect_err("both"));
    assert!(said.starts_with("the journal: "), "{said}");
}

#[test]
fn snapshots_of_several_epochs_share_what_they_have() {
    let first = Arc::new(snapshot());
    let second = Arc::new(loaded(&source(), 2, Some(first.view())));
    let told = |epoch, seq, partition| {
        let of = if epoch == 1 { first.view() } else { second.view() };
        let input = Input::Publication { epoch: of.epoch(), hash: of.hash() };
        let position = InputPosition { partition: PartitionId(partition), seq: InputSeq(seq) };
        (position, OwnedInput::from(&input))
    };
    let mut shared_with = Vec::new();
    let find = |epoch: Epoch, shared: Option<&Loaded>| {
        shared_with.push((epoch, shared.map(|one| one.view().epoch())));
        Ok(Arc::clone(if epoch == Epoch(1) { &first } else { &second }))
    };
    run(1, vec![told(1, 1, 0), told(2, 1, 1)], false, find).expect("sound");
    assert_eq!(shared_with, [(Epoch(1), None), (Epoch(2), Some(Epoch(1)))]);
}
