//! Scenarios that are shipped can be read, mistakes are named, paths are the same for the same seed, and the
//! comparison finds what it is there for.

use std::path::{Path, PathBuf};

use crate::check::{Expected, JobFacts, JobKey, Verdict};
use crate::paths::{fences, fixes};
use crate::report::Report;
use crate::scenario::{Mode, Paths, Scenario, Setting, Town};

fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(name)
}

#[test]
fn every_shipped_scenario_can_be_read() {
    for name in ["smoke", "real", "seoul", "swap", "device", "devices", "sets"] {
        let scenario = Scenario::read(&shipped(&format!("{name}.toml")), &[]).unwrap();
        assert!(scenario.campaigns.exists(), "{name}");
    }
}

#[test]
fn a_mistake_names_the_key_and_what_is_allowed() {
    let smoke = std::fs::read_to_string(shipped("smoke.toml")).unwrap();
    let wrong = |from: &str, to: &str| {
        assert!(smoke.contains(from), "{from}");
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("wrong.toml");
        std::fs::write(&path, smoke.replace(from, to)).unwrap();
        Scenario::read(&path, &[]).unwrap_err().to_string()
    };
    let said = wrong("streams = 4", "streams = 9");
    assert!(said.contains("drive.streams is 9; allowed: 1 to 8"), "{said}");
    let said = wrong("streams = 4", "steams = 4");
    assert!(said.contains("unknown field `steams`") && said.contains("`frame_pings`"), "{said}");
    let said = wrong("shards = 2", "shards = 300");
    assert!(said.contains("shard.shards") && said.contains("256"), "{said}");
}

#[test]
fn a_setting_goes_over_the_file_and_is_checked_like_it() {
    let read = |settings: &[&str]| {
        let settings: Vec<Setting> = settings.iter().map(|text| text.parse().unwrap()).collect();
        Scenario::read(&shipped("smoke.toml"), &settings)
    };
    let set = read(&["drive.mode=device", "config.shard.shards=1"]);
    let scenario = set.unwrap();
    assert_eq!((scenario.drive.mode, scenario.drive.frame_pings), (Mode::Device, 50));
    let variable = |name: &str| {
        scenario.variables().into_iter().find(|(key, _)| key == name).map(|(_, value)| value)
    };
    assert_eq!(variable("GEOFENCED__SHARD__SHARDS").as_deref(), Some("1"));
    for (wrong, says) in [
        ("drive.streams=9", "drive.streams is 9; allowed: 1 to 8"),
        ("drive.steams=4", "unknown field `steams`"),
        ("valid_from.drive=1", "valid_from"),
    ] {
        let said = read(&[wrong]).unwrap_err().to_string();
        assert!(said.contains(says), "{said}");
    }
}

#[test]
fn a_seed_gives_the_same_town_and_paths() {
    let town = Town {
        seed: 4,
        lat: 37.5,
        lon: 127.0,
        spread_m: 5000.0,
        hubs: 5,
        fences_per_hub: 6,
        stores_m: 0,
    };
    let paths = Paths { seed: 9, devices: 20, minutes: 10, start: jiff::Timestamp::UNIX_EPOCH };
    assert_eq!(fences(&town), fences(&town));
    let once = fixes(&town, &paths, |_| {});
    assert_eq!(once, fixes(&town, &paths, |_| {}));
    // Six still, eight walking, six driving.
    assert_eq!(once.len(), 6 * 10 + 8 * 20 + 6 * 60);
    assert!(once.is_sorted_by_key(|fix| fix.fixed_at));
}

#[test]
fn the_comparison_counts_each_fault_once() {
    let facts = |id: &str| JobFacts::sample(id);
    let key = |device: &str| -> JobKey { (device.to_owned(), 1, 0) };
    let mut expected = Expected::default();
    for device in ["a", "b", "c"] {
        expected.jobs.insert(key(device), facts(device));
    }
    let clean: Vec<_> = ["a", "b", "c"].map(|device| (key(device), facts(device))).into();
    assert!(expected.compare(&clean, false).is_clean());
    let seen = [
        (key("a"), facts("a")),
        (key("a"), facts("a")),
        (key("b"), facts("another")),
        (key("d"), facts("d")),
    ];
    let found = Verdict { jobs: 4, missing: 1, repeated: 1, unexpected: 2 };
    assert_eq!(expected.compare(&seen, false), found);
}

#[test]
fn a_swap_may_change_which_snapshot_decided_and_nothing_else() {
    let key: JobKey = ("a".to_owned(), 1, 0);
    let mut expected = Expected::default();
    expected.jobs.insert(key.clone(), JobFacts::sample("id"));
    let seen = [(key.clone(), JobFacts::sample("id").decided_by(9))];
    assert!(expected.compare(&seen, true).is_clean());
    assert_eq!(expected.compare(&seen, false).unexpected, 1);
    let another = [(key, JobFacts::sample("other").decided_by(9))];
    assert_eq!(expected.compare(&another, true).unexpected, 1);
}

#[test]
fn a_journal_that_was_not_replayed_is_not_called_checked() {
    let mut report = Report::default();
    assert_eq!(report.json()["journal_checked"], false);
    report.journal_checked = true;
    assert_eq!(report.json()["journal_checked"], true);
}
