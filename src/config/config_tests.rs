//! Files and variables, right and wrong.

use std::path::PathBuf;

use super::{Config, ConfigError, SECTIONS, Wrong};

fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("geofenced.toml");
    std::fs::write(&path, text).unwrap();
    (dir, path)
}

fn wrong(text: &str, variables: &[(&str, &str)]) -> Vec<Wrong> {
    let (_dir, path) = file(text);
    match Config::load_from(Some(&path), variables) {
        Err(ConfigError::Wrong(wrong)) => wrong
            .into_iter()
            .map(|mut wrong| {
                wrong.place = wrong.place.rsplit('/').next().unwrap_or_default().to_owned();
                wrong
            })
            .collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn nothing_written_means_the_defaults() {
    let config = Config::load_from(None, &[("HOME", "/root")]).unwrap();
    assert_eq!(config.policy, crate::domain::policy::Policy::default());
    assert_eq!(config.admin, crate::admin::server::AdminConfig::default());
    assert_eq!(config.daemon.drain_s, 30);
}

#[test]
fn the_environment_wins_over_the_file() {
    let (_dir, path) = file("[policy]\ngap_s = 900\nmax_accuracy_m = 50\n");
    let variables = [("GEOFENCED__POLICY__GAP_S", "1200"), ("GEOFENCED__POLICY__CLOCK", "fixes")];
    let config = Config::load_from(Some(&path), &variables).unwrap();
    assert_eq!(config.policy.gap_s, 1200);
    assert_eq!(config.policy.max_accuracy_m, 50);
    assert_eq!(config.policy.clock, crate::domain::policy::ClockMode::Fixes);
}

#[test]
fn the_shipped_file_is_the_defaults() {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/configs/geofenced.toml"));
    let shipped = Config::load_from(Some(&path), &[]).unwrap();
    let plain = Config::load_from(None, &[]).unwrap();
    assert_eq!(shipped.policy, plain.policy);
    assert_eq!(shipped.admin, plain.admin);
    assert_eq!(shipped.campaigns, plain.campaigns);
    assert_eq!(shipped.telemetry, plain.telemetry);
    assert_eq!(shipped.daemon, plain.daemon);
    assert_eq!(shipped.ingest, plain.ingest);
    assert_eq!(shipped.shard, plain.shard);
    assert_eq!(shipped.journal, plain.journal);
    assert_eq!(shipped.outbox, plain.outbox);
    assert_eq!(shipped.retention, plain.retention);
    assert_eq!(shipped.geocoder, plain.geocoder);
}

#[test]
fn the_shipped_file_shows_every_key_of_every_section() {
    let text = include_str!("../../configs/geofenced.toml");
    let shown: toml::Table = text.parse().unwrap();
    for section in SECTIONS {
        let variable = format!("GEOFENCED__{}__NO_SUCH_KEY", section.to_uppercase());
        let found = wrong("", &[(&variable, "1")]);
        let (_, keys) = found[0].problem.split_once("allowed are").unwrap();
        for key in keys.split('`').skip(1).step_by(2) {
            let table = shown.get(*section).and_then(toml::Value::as_table);
            let commented = text.contains(&format!("\n# {key} = "));
            let there = table.is_some_and(|table| table.contains_key(key)) || commented;
            assert!(there, "configs/geofenced.toml does not show {section}.{key}");
        }
    }
}

/// Every knob stands behind a comment that tells its unit or kind, and what it costs at worst.
#[test]
fn the_shipped_file_tells_the_worst_case_of_every_key() {
    let (mut comment, mut keys) = (String::new(), 0);
    for line in include_str!("../../configs/geofenced.toml").lines() {
        let key = line.trim_start_matches("# ").split_once(" = ").map(|(key, _)| key);
        match key.filter(|key| key.chars().all(|one| one.is_ascii_lowercase() || one == '_')) {
            Some(key) => {
                keys += 1;
                assert!(comment.contains("Worst case"), "{key} has no worst case: {comment}");
            }
            None if line.starts_with('#') => comment.push_str(line),
            None => comment.clear(),
        }
    }
    assert!(keys > 50, "{keys}");
}

#[test]
fn unknown_sections_and_keys_are_refused_where_they_stand() {
    let found = wrong("[polcy]\ngap_s = 1\n", &[]);
    assert_eq!((found[0].key.as_str(), found[0].place.as_str()), ("polcy", "geofenced.toml"));
    assert!(found[0].problem.contains("daemon, policy"), "{}", found[0]);

    let found = wrong("[policy]\ngap_x = 1\n", &[]);
    assert_eq!(
        (found[0].key.as_str(), found[0].place.as_str()),
        ("policy.gap_x", "geofenced.toml")
    );
    assert!(
        found[0].problem.contains("is no key of [policy]; allowed are `clock`, `max_accuracy_m`"),
        "{}",
        found[0]
    );

    let found = wrong("", &[("GEOFENCED__POLICY__GAP_X", "1")]);
    assert_eq!(found[0].key, "policy.gap_x");
    assert_eq!(found[0].place, "GEOFENCED__POLICY__GAP_X");
}

#[test]
fn a_value_of_the_wrong_kind_is_named_with_what_is_allowed() {
    let found = wrong("[policy]\ngap_s = \"soon\"\n", &[]);
    assert_eq!(
        (found[0].key.as_str(), found[0].place.as_str()),
        ("policy.gap_s", "geofenced.toml")
    );
    assert_eq!(found[0].problem, "is \"soon\"; allowed is an integer");

    let found = wrong("", &[("GEOFENCED__ADMIN__LISTEN", "everywhere")]);
    assert_eq!(found[0].place, "GEOFENCED__ADMIN__LISTEN");
    assert_eq!(found[0].key, "admin.listen");

    let found = wrong("[policy]\ngap_s = 900\n", &[("GEOFENCED__POLICY__CLOCK", "sundial")]);
    assert_eq!(found[0].problem, "is \"sundial\"; allowed is `system` or `fixes`");
}

#[test]
fn values_out_of_bounds_are_reported_all_at_once() {
    let text = "[policy]\nexit_confirmations = 0\ngap_s = 100\n[daemon]\nio_threads = 1000\n";
    let found = wrong(text, &[("GEOFENCED__ADMIN__HEADER_S", "0")]);
    let keys: Vec<_> = found.iter().map(|wrong| wrong.key.as_str()).collect();
    let expected = [
        "daemon.io_threads",
        "policy.exit_confirmations",
        "policy.stale_after_s",
        "admin.header_s",
    ];
    assert_eq!(keys, expected);
    assert_eq!(
        found[1].to_string(),
        "geofenced.toml: policy.exit_confirmations is 0; allowed is 1 to 15 (fixes)"
    );
    assert_eq!(found[2].place, "default");
    assert_eq!(found[3].place, "GEOFENCED__ADMIN__HEADER_S");
}

#[test]
fn the_parts_own_checks_are_asked() {
    let text = "[ingest]\nmax_streams = 0\n[shard]\ntick_ms = 0\n[journal]\ncommit_max_bytes = 1\n\
                [outbox]\nconsumer_ttl_s = 1\n[telemetry]\nupkeep_s = 0\n[admin]\nrequest_s = 0\n";
    let found = wrong(text, &[]);
    let keys: Vec<_> = found.iter().map(|wrong| wrong.key.as_str()).collect();
    let expected = [
        "ingest.max_streams",
        "shard.tick_ms",
        "journal.commit_max_bytes",
        "outbox.consumer_ttl_s",
        "admin.request_s",
        "telemetry.upkeep_s",
    ];
    assert_eq!(keys, expected);
}

/// One fault of every kind in one file, several in a section: each is told.
#[test]
fn no_fault_hides_another() {
    let text = "[daemon]\ndrain_s = 0\nio_threads = -1\n\
                [policy]\ngap_s = \"soon\"\nexit_confirmations = 0\nmax_speed_kmh = 99999\nclocks = 1\n\
                [ingest]\nmax_streams = 0\nidle_timeout_s = 0\nlisten = 5\n\
                [shard]\ntick_ms = 0\nbatch_records = 0\n\
                [journal]\ncommit_max_bytes = 1\nsegment_max_bytes = 1\n\
                [admin]\nheader_s = 0\nrequest_s = 0\n\
                [telemetry]\nlog_filter = \"\"\nupkeep_s = 0\nlog_format = \"yaml\"\n[polcy]\na = 1\n";
    let found = wrong(text, &[("GEOFENCED__OUTBOX__CONSUMER_TTL_S", "-5")]);
    let told: Vec<_> =
        found.iter().map(|wrong| format!("{} {}", wrong.key, wrong.problem)).collect();
    let known = [
        "daemon",
        "policy",
        "ingest",
        "shard",
        "journal",
        "outbox",
        "retention",
        "snapshots",
        "admin",
    ];
    for expected in [
        format!(
            "polcy is no section; allowed are {}, campaigns, geocoder, telemetry",
            known.join(", ")
        ),
        "daemon.io_threads is -1; allowed is 1 to 64 (threads)".to_owned(),
        "daemon.drain_s is 0; allowed is 1 to 3600 (s)".to_owned(),
        "policy.gap_s is \"soon\"; allowed is an integer".to_owned(),
        "policy.max_speed_kmh is 99999; allowed is 100 to 60000 (km/h)".to_owned(),
        "policy.exit_confirmations is 0; allowed is 1 to 15 (fixes)".to_owned(),
        "ingest.max_streams is 0; allowed is 1 to 1024 (streams)".to_owned(),
        "ingest.idle_timeout_s is 0; allowed is 1 to 3600 (s)".to_owned(),
        "shard.batch_records is 0; allowed is 1 to 1000000 (records)".to_owned(),
        "shard.tick_ms is 0; allowed is 1 to 10000 (ms)".to_owned(),
        "journal.segment_max_bytes is 1; allowed is 65536 to 1073741824 (bytes)".to_owned(),
        "journal.commit_max_bytes is 1; allowed is 65536 to 1073741824 (bytes)".to_owned(),
        "outbox.consumer_ttl_s is \"-5\"; allowed is 60 to 315360000 (s)".to_owned(),
        "admin.header_s is 0; allowed is 1 to 600 (s)".to_owned(),
        "admin.request_s is 0; allowed is 1 to 600 (s)".to_owned(),
        "telemetry.log_format is \"yaml\"; allowed is `text`, `json`, `journald`".to_owned(),
        "telemetry.upkeep_s is 0; allowed is 1 to 60 (s)".to_owned(),
    ] {
        assert!(told.contains(&expected), "{expected:?} is not among {told:#?}");
    }
    assert_eq!(told.len(), 20, "{told:#?}");
    for begun in
        ["policy.clocks is no key of [policy]", "ingest.listen is 5", "telemetry.log_filter"]
    {
        assert!(told.iter().any(|told| told.starts_with(begun)), "{begun}: {told:#?}");
    }
}

#[test]
fn the_journal_lies_in_the_data_directory_unless_told_otherwise() {
    let elsewhere = [("GEOFENCED__DAEMON__DATA_DIR", "/d"), ("GEOFENCED__JOURNAL__DIR", "/fast")];
    assert_eq!(Config::load_from(None, &elsewhere[..1]).unwrap().journal.dir, PathBuf::from("/d"));
    assert_eq!(Config::load_from(None, &elsewhere).unwrap().journal.dir, PathBuf::from("/fast"));
}

#[test]
fn an_unreadable_file_is_named() {
    let missing = PathBuf::from("/nowhere/geofenced.toml");
    let error = Config::load_from(Some(&missing), &[]).unwrap_err().to_string();
    assert!(error.starts_with("/nowhere/geofenced.toml: "), "{error}");
    let (_dir, path) = file("[policy\n");
    let error = Config::load_from(Some(&path), &[]).unwrap_err().to_string();
    assert!(error.contains("geofenced.toml"), "{error}");
}

#[test]
fn a_reload_knows_what_changed() {
    let (_dir, path) = file("[policy]\ngap_s = 900\n[telemetry]\nlog_filter = \"info\"\n");
    let before = Config::load_from(Some(&path), &[]).unwrap();
    std::fs::write(&path, "[policy]\ngap_s = 900\nmax_future_s = 30\n").unwrap();
    let after = Config::load_from(Some(&path), &[]).unwrap();
    assert_eq!(before.changed_keys(&after), ["policy.max_future_s", "telemetry.log_filter"]);
    assert!(after.changed_keys(&after.clone()).is_empty());
}
