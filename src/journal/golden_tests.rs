//! The formats as they were released: `tests/golden/journal-v1` to `journal-v4` are data directories that every
//! later release must read; the newest is what this one writes byte for byte.

use std::fs;
use std::path::{Path, PathBuf};

use super::checkpoint::{CheckpointMark, Checkpoints};
use super::config::JournalConfig;
use super::handle::Journal;
use super::owned::OwnedInput;
use super::position::{LogPosition, Resume};
use super::recovery::LogReader;
use super::test_inputs::{at, eventually, fix, fixes, no_time, tick};
use crate::domain::ids::{
    AccountId, AppId, CampaignId, DeviceId, Epoch, InputPosition, JobId, PlaceId, SnapshotHash,
};
use crate::domain::input::{Batch, Grant, Input, LimitId};
use crate::domain::policy::Policy;
use crate::domain::report::{
    Erasure, HintVerdict, Outcome, OutcomeKind, PlaceHint, Platform, Profile,
};
use crate::domain::units::UtcMs;
use crate::identity::Keyring;

/// A real state of the engine, with the devices sealed as its tests do it.
fn checkpoint() -> (CheckpointMark, Vec<u8>) {
    let (partition, seq, state) = crate::engine::golden_tests::state();
    (CheckpointMark { partition, seq, keep_from: LogPosition(72) }, state)
}

pub(super) fn keyring() -> Keyring {
    Keyring::from_seed([0x60; 32])
}

pub(super) fn golden_dir(version: u8) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/journal-v{version}"))
}

fn batch<T>(records: &[T]) -> Batch<'_, T> {
    let (account, app) = (AccountId(7), AppId(2));
    Batch { account, app, origin: None, received_at: UtcMs(1_790_000_000_000), records }
}

/// One input of every kind.
pub(super) fn inputs() -> Vec<(InputPosition, OwnedInput)> {
    let near: Vec<_> = (0..20).map(fix).collect();
    let mut far = near.clone();
    far[3].fixed_at = UtcMs(0);
    let device = DeviceId([0xD1; 16]);
    let outcome = Outcome {
        device,
        job: JobId([0x0B; 16]),
        happened_at: UtcMs(1_790_000_000_123),
        kind: OutcomeKind::Clicked,
    };
    let profile = Profile {
        device,
        echo: [0xEC; 16],
        platform: Platform::Ios,
        ads_consent: true,
        night_consent: false,
    };
    let hint = PlaceHint {
        device,
        place: PlaceId(77),
        fixed_at: UtcMs(1_790_000_000_456),
        verdict: HintVerdict::Nearby,
    };
    let (account, campaign) = (AccountId(7), CampaignId(9));
    let policy = Policy { gap_s: 1234, ..Policy::default() };
    let all = [
        OwnedInput::from(&Input::Policy(&policy)),
        OwnedInput::from(&Input::Publication { epoch: Epoch(3), hash: SnapshotHash([0xAB; 32]) }),
        OwnedInput::from(&fixes(&near, 1)),
        OwnedInput::from(&fixes(&far, 2)),
        OwnedInput::from(&Input::Outcomes(batch(&[outcome]))),
        OwnedInput::from(&Input::Profiles(batch(&[profile]))),
        OwnedInput::from(&Input::Hints(batch(&[hint]))),
        tick(1_790_000_001_000),
        OwnedInput::from(&Input::Grant(Grant {
            limit: LimitId::Month { account, month: 680 },
            pushes: 100,
        })),
        OwnedInput::from(&Input::Grant(Grant {
            limit: LimitId::Campaign { account, campaign },
            pushes: -3,
        })),
        OwnedInput::from(&Input::Erasures(batch(&[Erasure { device }]))),
    ];
    (1..).map(|seq| at(7, seq)).zip(all).collect()
}

/// One commit a group, so that the bytes hang on nothing but the inputs.
fn write(dir: &Path) {
    let config = JournalConfig { dir: dir.to_owned(), ..JournalConfig::default() };
    let recovery = Journal::open(config, &keyring(), Resume::from_start()).unwrap();
    let (journal, mut logs) = recovery.into_journal(1, no_time).unwrap();
    for pair in inputs().chunks(2) {
        for (position, input) in pair {
            logs[0].append(*position, &input.as_input());
        }
        let commit = logs[0].commit();
        eventually("synced", || logs[0].synced() == commit);
    }
    drop(logs);
    journal.shutdown().unwrap();
    let checkpoints = Checkpoints::open(dir, &keyring()).unwrap();
    let (mark, state) = checkpoint();
    checkpoints.write(mark, |out| out.write_all(&state)).unwrap();
}

/// Names and bytes of what the formats cover.
fn files(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for folder in ["log", "checkpoints"] {
        for entry in fs::read_dir(dir.join(folder)).unwrap() {
            let name = Path::new(folder).join(entry.unwrap().file_name());
            if name.extension().is_some() {
                files.push((name.clone(), fs::read(dir.join(name)).unwrap()));
            }
        }
    }
    files.sort();
    files
}

/// The policy of version 1 had no number for visits, those before version 4 none for days, and mean the defaults. Before
/// version 3 nothing was erased.
#[test]
fn every_version_is_read() {
    for version in [1, 2, 3, 4] {
        let dir = golden_dir(version);
        let mut reader = LogReader::open(&dir, &keyring(), Resume::from_start()).unwrap();
        assert!(reader.tail().clean);
        let mut found = Vec::new();
        while let Some((position, input)) = reader.next_input().unwrap() {
            found.push((position, input.clone()));
        }
        let known = inputs().len() - usize::from(version < 3);
        assert_eq!(found, inputs()[..known]);
        let checkpoints = Checkpoints::open(&dir, &keyring()).unwrap();
        let (mark, state) = checkpoint();
        let found = checkpoints.latest(mark.partition).unwrap().checkpoint.unwrap();
        assert_eq!(found.mark, mark);
        assert!(found.state() == state);
    }
}

#[test]
fn version_4_is_what_is_written() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path());
    assert!(files(dir.path()) == files(&golden_dir(4)), "a change of format needs a new version");
}

#[test]
#[ignore = "writes the golden files of a new format version; run by hand, once"]
fn write_golden_files() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path());
    // A state of another input has another name.
    let _none = fs::remove_dir_all(golden_dir(4));
    for (name, bytes) in files(dir.path()) {
        let path = golden_dir(4).join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}
