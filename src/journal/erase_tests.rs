//! Erased devices: in no byte of the log, and nothing else is changed.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::config::JournalConfig;
use super::error::JournalError;
use super::handle::Journal;
use super::owned::OwnedInput;
use super::packed;
use super::position::Resume;
use super::recorder::Recorder;
use super::recovery::LogReader;
use super::segment::list;
use super::shard_log::ShardLog;
use super::sim_disk::SimDisk;
use super::test_inputs::{at, eventually, fix, no_time};
use crate::domain::fix::Fix;
use crate::domain::ids::{AccountId, AppId, DeviceId, DeviceKey, JobId, PlaceId};
use crate::domain::input::{Batch, Input};
use crate::domain::report::{
    Erasure, HintVerdict, Outcome, OutcomeKind, PlaceHint, Platform, Profile,
};
use crate::domain::units::UtcMs;
use crate::identity::{Gone, Keyring};

const NOON: UtcMs = UtcMs(1_795_489_200_000);
const OURS: AccountId = AccountId(7);
const THEIRS: AccountId = AccountId(8);

fn keyring() -> Keyring {
    Keyring::from_seed([1; 32])
}

fn config(keep_recording_bytes: u64) -> JournalConfig {
    JournalConfig {
        segment_max_bytes: 64 << 10,
        shard_buffer_bytes: 8 << 10,
        keep_recording_bytes,
        ..JournalConfig::default()
    }
}

fn open(disk: &SimDisk, keep_recording_bytes: u64) -> (Arc<Journal>, Vec<ShardLog>) {
    let disk = Arc::new(disk.clone());
    let config = config(keep_recording_bytes);
    let recovery = Journal::open_on(disk, config, &keyring(), Resume::from_start()).unwrap();
    let (journal, logs) = recovery.into_journal(1, no_time).unwrap();
    (Arc::new(journal), logs)
}

fn of<T>(account: AccountId, records: &[T]) -> Batch<'_, T> {
    Batch { account, app: AppId(2), origin: None, received_at: NOON, records }
}

fn device(number: u64) -> DeviceId {
    fix(number).device
}

/// Every kind of record that names a device, of two accounts with the same devices.
fn write(logs: &mut [ShardLog]) {
    for seq in 0..60_u64 {
        let fixes: Vec<Fix> = (0..40).map(|n| fix((seq * 7 + n) % 50)).collect();
        let far: Vec<Fix> = fixes.iter().map(|fix| Fix { fixed_at: UtcMs(0), ..*fix }).collect();
        let hint = PlaceHint {
            device: device(seq % 50),
            place: PlaceId(3),
            fixed_at: NOON,
            verdict: HintVerdict::Enter,
        };
        let outcome = Outcome {
            device: device(seq % 50),
            job: JobId([9; 16]),
            happened_at: NOON,
            kind: OutcomeKind::Clicked,
        };
        let profile = Profile {
            device: device(seq % 50),
            echo: [0xEC; 16],
            platform: Platform::Ios,
            ads_consent: true,
            night_consent: false,
        };
        let (hints, outcomes, profiles) = ([hint], [outcome], [profile]);
        let inputs = [
            Input::Fixes(of(OURS, &fixes)),
            Input::Fixes(of(THEIRS, &fixes)),
            Input::Fixes(of(OURS, &far)),
            Input::Hints(of(OURS, &hints)),
            Input::Outcomes(of(OURS, &outcomes)),
            Input::Profiles(of(OURS, &profiles)),
            Input::Tick { now: NOON },
        ];
        for (number, input) in (1..).zip(inputs) {
            logs[0].append(at(3, seq * 7 + number), &input);
        }
        let commit = logs[0].commit();
        eventually("synced", || logs[0].synced() == commit);
    }
    let erased = [Erasure { device: device(5) }, Erasure { device: device(6) }];
    logs[0].append(at(3, 421), &Input::Erasures(of(OURS, &erased)));
    let commit = logs[0].commit();
    eventually("synced", || logs[0].synced() == commit);
}

fn read(disk: &SimDisk, resume: Resume) -> Result<Vec<OwnedInput>, JournalError> {
    let disk = Arc::new(disk.clone());
    let mut reader = LogReader::open_on(disk, Path::new("data"), &keyring(), resume)?;
    let mut inputs = Vec::new();
    while let Some((_, input)) = reader.next_input()? {
        inputs.push(input.clone());
    }
    Ok(inputs)
}

fn gone() -> Gone {
    let devices = [5, 6].map(|number| DeviceKey { account: OURS, device: device(number) });
    Gone::of(devices.to_vec(), &keyring())
}

/// The inputs without the records of who is gone.
fn without(inputs: &[OwnedInput]) -> Vec<OwnedInput> {
    fn left<T: Copy>(batch: Batch<'_, T>, device: impl Fn(&T) -> DeviceId) -> Vec<T> {
        let gone = |one: &&T| {
            batch.account != OURS || ![self::device(5), self::device(6)].contains(&device(one))
        };
        batch.records.iter().filter(gone).copied().collect()
    }
    let less = |input: &OwnedInput| match input.as_input() {
        Input::Fixes(batch) => {
            let records = left(batch, |fix| fix.device);
            OwnedInput::from(&Input::Fixes(Batch { records: &records, ..batch }))
        }
        Input::Hints(batch) => {
            let records = left(batch, |hint| hint.device);
            OwnedInput::from(&Input::Hints(Batch { records: &records, ..batch }))
        }
        Input::Outcomes(batch) => {
            let records = left(batch, |outcome| outcome.device);
            OwnedInput::from(&Input::Outcomes(Batch { records: &records, ..batch }))
        }
        Input::Profiles(batch) => {
            let records = left(batch, |profile| profile.device);
            OwnedInput::from(&Input::Profiles(Batch { records: &records, ..batch }))
        }
        Input::Erasures(batch) => {
            let records = left(batch, |erasure| erasure.device);
            OwnedInput::from(&Input::Erasures(Batch { records: &records, ..batch }))
        }
        Input::Tick { .. } | Input::Publication { .. } | Input::Grant(_) | Input::Policy(_) => {
            input.clone()
        }
    };
    inputs.iter().map(less).collect()
}

/// Erases while somebody else trims and records, as the daemon does.
fn erase(journal: &Arc<Journal>) -> u64 {
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_done.load(Ordering::Relaxed) {
                journal.note_checkpoints(0, journal.synced_end());
                journal.trim(journal.synced_end()).unwrap();
                if journal.config.keep_recording_bytes > 0 {
                    Recorder::new(journal).turn(NOON, &|| false).unwrap();
                }
                std::thread::yield_now();
            }
        });
        let erased = journal.erase(&gone(), &|| false);
        is_done.store(true, Ordering::Relaxed);
        erased.unwrap().expect("nobody asked it to end")
    })
}

fn is_anywhere(disk: &SimDisk, needle: &[u8]) -> bool {
    let has = |bytes: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
    let packed = list(disk, Path::new("data/log")).unwrap();
    let unpacked = packed.iter().filter(|segment| segment.packed_on.is_some()).any(|segment| {
        let mut plain = Vec::new();
        packed::read(disk, segment, &mut plain).unwrap();
        has(&plain)
    });
    let plain = |path: &PathBuf| has(&disk.content(path));
    unpacked || disk.paths().iter().any(plain)
}

#[test]
fn the_recording_keeps_all_but_the_devices() {
    let disk = SimDisk::new();
    let (journal, mut logs) = open(&disk, 1 << 30);
    write(&mut logs);
    let before = read(&disk, Resume::from_start()).unwrap();
    let sealed: Vec<[u8; 16]> = gone().sealed().map(|(_, sealed)| sealed.block).collect();
    assert!(sealed.iter().all(|block| is_anywhere(&disk, block)));
    let after = without(&before);
    assert_ne!(after, before);
    assert!(erase(&journal) > 150);
    assert!(!sealed.iter().any(|block| is_anywhere(&disk, block)));
    assert!(read(&disk, Resume::anywhere()).unwrap() == after);
    let replayed = read(&disk, Resume::from_start());
    assert!(matches!(replayed, Err(JournalError::Erased { .. })), "{replayed:?}");
    assert_eq!(erase(&journal), 0, "once");
    // The log goes on behind it, and the next start finds the chain whole.
    logs[0].append(at(3, 422), &Input::Tick { now: NOON });
    let commit = logs[0].commit();
    eventually("synced", || logs[0].synced() == commit);
    drop(logs);
    journal.shutdown().unwrap();
    drop(journal);
    let inputs = read(&disk, Resume::anywhere()).unwrap();
    assert_eq!(inputs.len(), after.len() + 1);
}

#[test]
fn without_a_recording_the_log_from_before_goes_as_a_whole() {
    let disk = SimDisk::new();
    let (journal, mut logs) = open(&disk, 0);
    write(&mut logs);
    assert_eq!(erase(&journal), 0);
    assert!(!gone().sealed().any(|(_, sealed)| is_anywhere(&disk, &sealed.block)));
    assert_eq!(read(&disk, Resume::anywhere()).unwrap(), []);
}

#[test]
fn it_ends_when_it_is_asked_to() {
    let disk = SimDisk::new();
    let (journal, mut logs) = open(&disk, 0);
    write(&mut logs);
    assert_eq!(journal.erase(&gone(), &|| true).unwrap(), None);
}
