//! The commands on the real binary: what they print, and the exit codes 0 (done), 1 (failed) and 2 (a mistake in the
//! command line or the config).
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod support;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use support::Daemon;

const PROGRAM: &str = env!("CARGO_BIN_EXE_geofenced");

fn geofenced(args: &[&str]) -> Output {
    Command::new(PROGRAM).args(args).env_remove("GEOFENCED_CONFIG").output().unwrap()
}

fn code(args: &[&str]) -> i32 {
    geofenced(args).status.code().unwrap()
}

fn complaint(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The last line of standard output, which is one JSON object.
fn figures(args: &[&str]) -> Value {
    let output = geofenced(args);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", complaint(&output));
    serde_json::from_str(said.lines().last().unwrap()).unwrap()
}

struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> String {
        std::fs::write(self.path(name), text).unwrap();
        self.named(name)
    }

    fn named(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }
}

const FENCES: &str = r#"{"type": "FeatureCollection", "features": [
    {"type": "Feature", "id": "square", "properties": {"radius_m": 300},
     "geometry": {"type": "Point", "coordinates": [126.978, 37.5663]}}]}"#;

const CAMPAIGNS: &str = r#"{"accounts": [{"id": 1, "name": "Test", "time_zone": "Asia/Seoul",
      "apps": [{"id": 1, "package": "com.example.app", "platform": "android"}]}],
    "campaigns": [{"id": 1, "name": "Welcome", "mode": "running", "targets": ["square"],
      "trigger": {"on": "enter"}, "start": "2026-01-01", "end": "2026-12-31",
      "windows": [{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "start": "00:00", "end": "24:00"}],
      "frequency": "once_per_period", "messages": [{"title": "Hello", "body": "Welcome"}]}]}"#;

/// 100 devices in the square for a ping each, one of them twice at the same instant, and three rows that no
/// device can have: 104 rows.
fn pings() -> String {
    let mut text = String::from("device_id,ts_ms,lat,lon,accuracy_m\n");
    for device in 0..100 {
        text += &format!("device-{device},{},37.5663,126.978,10\n", 1_768_219_200_000_u64 + device);
    }
    text += "device-99,1768219200099,37.5663,126.978,10\n";
    text += "a,1768219200000,91,0,10\nb,1768219200000,0,181,10\n";
    text + "00000000-0000-0000-0000-000000000000,1768219200000,0,0,10\n"
}

#[test]
fn exit_codes_tell_failures_from_mistakes() {
    let files = Files::new();
    assert_eq!(code(&["--help"]), 0);
    assert_eq!(code(&["--version"]), 0);
    assert_eq!(code(&["completions", "bash"]), 0);
    assert_eq!(code(&["check-config"]), 0);
    for mistake in [&[][..], &["fly"], &["replay"], &["serve", "--fast"], &["queue"]] {
        assert_eq!(code(mistake), 2, "{mistake:?}");
    }
    let config = files.write("bad.toml", "[shard]\ntick_ms = 0\nbatch_records = 0\n[polcy]\n");
    let checked = geofenced(&["check-config", "--config", &config]);
    assert_eq!(checked.status.code(), Some(2));
    for key in ["shard.tick_ms is 0", "shard.batch_records is 0", "polcy is no section"] {
        assert!(complaint(&checked).contains(key), "{}", complaint(&checked));
    }
    assert_eq!(code(&["serve", "--config", &config]), 2);
    assert_eq!(code(&["check-config", "--config", &files.named("absent.toml")]), 2);
    assert_eq!(code(&["token", "--data-dir", &files.named("absent"), "list"]), 1);
    for what in ["list", "rotate"] {
        assert_eq!(code(&["keys", "--data-dir", &files.named("absent"), what]), 1);
    }
    assert_eq!(code(&["keys", "--data-dir", &files.named("absent"), "forget"]), 2);
    assert_eq!(code(&["snapshot", "list", &files.named("absent")]), 1);
    assert_eq!(code(&["account", "--data-dir", &files.named("absent"), "list"]), 1);
    assert_eq!(code(&["catalog", "check", &files.named("absent")]), 1);
    let account = ["account", "--data-dir", &files.named("new"), "create", "--membership", "lite"];
    assert_eq!(code(&[&account[..], &["--name", ""]].concat()), 2);
    assert_eq!(code(&[&account[..], &["--name", "x", "--daily-cap", "many"]].concat()), 2);
    assert_eq!(code(&[&account[..], &["--name", "x", "--daily-cap", "none"]].concat()), 0);
    assert_eq!(code(&["account", "--data-dir", &files.named("new"), "set", "1"]), 2);
    assert_eq!(code(&["queue", "list", "--addr", "127.0.0.1:1", "--token", "x"]), 1);
}

#[test]
fn every_command_has_a_manual_page_and_completions() {
    let files = Files::new();
    let dir = files.named("man/man1");
    assert_eq!(code(&["man", &dir]), 0);
    for (page, says) in [
        ("geofenced.1", "Exit codes"),
        ("geofenced-serve.1", "GEOFENCED_CONFIG"),
        ("geofenced-snapshot-build.1", "fences"),
        ("geofenced-token-create.1", "scope"),
        ("geofenced-account-create.1", "membership"),
        ("geofenced-keys.1", "systemctl stop geofenced"),
        ("geofenced-keys-rotate.1", "journal.dir"),
        ("geofenced-catalog-restore.1", "replace"),
    ] {
        let page = std::fs::read_to_string(Path::new(&dir).join(page)).unwrap();
        assert!(page.contains(says), "{page}");
    }
    for shell in ["bash", "zsh", "fish"] {
        let script = geofenced(&["completions", shell]).stdout;
        assert!(String::from_utf8_lossy(&script).contains("check-config"), "{shell}");
    }
    assert_eq!(code(&["man", &files.write("a-file", "")]), 1);
}

#[test]
fn a_replay_of_pings_counts_every_row() {
    let files = Files::new();
    let fences = files.write("fences.geojson", FENCES);
    let campaigns = files.write("campaigns.json", CAMPAIGNS);
    let pings_file = files.write("pings.csv", &pings());
    let packed = files.named("pings.csv.gz");
    let file = std::fs::File::create(&packed).unwrap();
    let mut gzip = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
    gzip.write_all(pings().as_bytes()).unwrap();
    gzip.finish().unwrap();
    let out = files.named("events.ndjson");
    let base =
        ["replay", "--fences", &fences, "--campaigns", &campaigns, "--valid-from", "2026-01-01"];
    let plain = figures(&[&base[..], &["--pings", &pings_file, "--out", &out]].concat());
    let keys: Vec<&str> = plain.as_object().unwrap().keys().map(String::as_str).collect();
    let mut wanted = [
        "pings",
        "rejected",
        "hits",
        "enters",
        "exits",
        "dwells",
        "jobs",
        "suppressed",
        "visits",
        "evaluate_s",
        "pings_per_s",
        "peak_rss_mb",
    ];
    wanted.sort_unstable();
    assert_eq!(keys, wanted);
    assert_eq!(plain["pings"], 104);
    assert_eq!(
        plain["rejected"],
        serde_json::json!({ "bad_coordinates": 2, "duplicate": 1, "nil_device": 1 })
    );
    assert_eq!((&plain["enters"], &plain["jobs"]), (&100.into(), &100.into()));
    let lines = std::fs::read_to_string(&out).unwrap();
    let jobs = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let jobs: Vec<Value> = jobs.filter(|line| line["kind"] == "job").collect();
    assert_eq!(jobs.len(), 100);
    assert!(jobs.iter().all(|job| job["variant"] == "a"), "as the queue says it");

    for more in [&["--shards", "3", "--batch", "7"][..], &["--shards", "2", "--batch", "1000"]] {
        let again = files.named("again.ndjson");
        let other = figures(&[&base[..], &["--pings", &packed, "--out", &again], more].concat());
        for key in ["pings", "rejected", "hits", "enters", "exits", "dwells", "jobs", "suppressed"]
        {
            assert_eq!(other[key], plain[key], "{key} with {more:?}");
        }
        assert_eq!(std::fs::read_to_string(&again).unwrap(), lines, "{more:?}");
    }
}

#[test]
fn mistakes_of_a_replay_are_told_before_anything_is_made() {
    let files = Files::new();
    let fences = files.write("fences.geojson", FENCES);
    let pings_file = files.write("pings.csv", &pings());
    let base = ["replay", "--fences", &fences, "--pings", &pings_file];
    assert_eq!(code(&[&base[..], &["--account", "9"]].concat()), 2);
    assert_eq!(code(&[&base[..], &["--raw", "--account", "9"]].concat()), 2);
    assert_eq!(code(&["replay", "--fences", &fences, "--pings", &files.named("absent.csv")]), 1);

    let typo = files.named("typo");
    let with_keys = geofenced(&[&base[..], &["--keys", &typo]].concat());
    assert_eq!(with_keys.status.code(), Some(1));
    assert!(complaint(&with_keys).contains("keys.json is not there"), "{}", complaint(&with_keys));
    let campaigns = files.write(
        "campaigns.json",
        &CAMPAIGNS.replace(
            "\"frequency\"",
            "\"test_devices\": [\"3f2504e0-4f89-41d3-9a0c-0305e82c3301\"], \"frequency\"",
        ),
    );
    let store = files.named("store");
    let built = geofenced(&[
        "snapshot",
        "build",
        "--fences",
        &fences,
        "--campaigns",
        &campaigns,
        "--keys",
        &typo,
        "-o",
        &store,
    ]);
    assert_eq!(built.status.code(), Some(1));
    assert!(!Path::new(&typo).exists(), "a mistyped directory is not made");
}

#[test]
fn raw_fences_of_several_accounts_are_held_against_one() {
    let files = Files::new();
    let of = |account: u32| {
        format!(
            r#"{{"type": "Feature", "id": "square", "properties": {{"radius_m": 300, "account": {account}}},
                "geometry": {{"type": "Point", "coordinates": [126.978, 37.5663]}}}}"#
        )
    };
    let text = format!(r#"{{"type": "FeatureCollection", "features": [{}, {}]}}"#, of(1), of(2));
    let fences = files.write("fences.geojson", &text);
    let pings_file = files.write("pings.csv", &pings());
    let base = ["replay", "--raw", "--fences", &fences, "--pings", &pings_file];
    let unsaid = geofenced(&base);
    assert_eq!(unsaid.status.code(), Some(2));
    assert!(complaint(&unsaid).contains("--account"), "{}", complaint(&unsaid));
    let of_two = figures(&[&base[..], &["--account", "2"]].concat());
    assert_eq!((&of_two["pings"], &of_two["hits"]), (&104.into(), &101.into()));
}

/// The recorded set, where it is present: its counts are known.
#[test]
fn the_real_set_replays_to_its_reference() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let (fences, pings) = (dir.join("real_fences.geojson.gz"), dir.join("real_pings.csv.gz"));
    let Ok(reference) = std::fs::read_to_string(dir.join("reference.json")) else { return };
    let reference: Value = serde_json::from_str(&reference).unwrap();
    let (fences, pings) = (fences.to_str().unwrap(), pings.to_str().unwrap());
    let found =
        figures(&["replay", "--raw", "--fences", fences, "--pings", pings, "--shards", "2"]);
    let real = &reference["sets"]["real"];
    assert_eq!(found["pings"], real["pings_total"]);
    for key in ["hits", "enters", "exits"] {
        assert_eq!(found[key], real["all_pings"][key], "{key}");
    }
}

#[test]
fn a_second_daemon_is_told_that_one_runs() {
    let daemon = Daemon::start(&[]);
    let second = Command::new(PROGRAM)
        .arg("serve")
        .env("GEOFENCED__DAEMON__DATA_DIR", &daemon.data_dir)
        .output()
        .unwrap();
    assert_eq!(second.status.code(), Some(1));
    let said = complaint(&second);
    assert!(said.contains("another geofenced is running on this data; stop it first"), "{said}");
    assert_eq!(said.matches("locked").count(), 1, "{said}");
}

#[test]
fn the_demo_fires_jobs_and_cleans_up() {
    let home = tempfile::tempdir().unwrap();
    let output = Command::new(PROGRAM)
        .args(["demo", "--seconds", "20"])
        .env("TMPDIR", home.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", complaint(&output));
    for begun in ["QUIC   127.0.0.1:", "HTTP   http://127.0.0.1:", "token  ", "data   "] {
        assert!(said.lines().any(|line| line.starts_with(begun)), "{begun}: {said}");
    }
    assert!(said.contains("→"), "no job fired: {said}");
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0, "its folder is gone");
}
