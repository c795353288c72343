//! Files and variables, right and wrong.

use std::path::PathBuf;

use super::config::{Config, ConfigError, SECTIONS, Wrong};

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
    assert_eq!(shipped.telemetry, plain.telemetry);
    assert_eq!(shipped.daemon, plain.daemon);
    assert_eq!(shipped.ingest, plain.ingest);
    assert_eq!(shipped.shard, plain.shard);
    assert_eq!(shipped.journal, plain.journal);
    assert_eq!(shipped.outbox, plain.outbox);
}

#[test]
fn the_shipped_file_shows_every_key_of_every_section() {
    let text = include_str!("../configs/geofenced.toml");
    let shown: toml::Table = text.parse().unwrap();
    for section in SECTIONS {
        let variable = format!("GEOFENCED__{}__NO_SUCH_KEY", section.to_uppercase());
        let found = wrong("", &[(&variable, "1")]);
        let (_, keys) = found[0].problem.split_once("expected").unwrap();
        for key in keys.split('`').skip(1).step_by(2) {
            let table = shown.get(*section).and_then(toml::Value::as_table);
            let commented = text.contains(&format!("\n# {key} = "));
            let there = table.is_some_and(|table| table.contains_key(key)) || commented;
            assert!(there, "configs/geofenced.toml does not show {section}.{key}");
        }
    }
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
    assert!(found[0].problem.contains("`gap_x`, expected one of"), "{}", found[0]);

    let found = wrong("", &[("GEOFENCED__POLICY__GAP_X", "1")]);
    assert!(found[0].problem.contains("gap_x"), "{}", found[0]);
    assert_eq!(found[0].place, "GEOFENCED__POLICY__GAP_X");
}

#[test]
fn a_value_of_the_wrong_kind_is_named_with_what_is_allowed() {
    let found = wrong("[policy]\ngap_s = \"soon\"\n", &[]);
    assert_eq!(
        (found[0].key.as_str(), found[0].place.as_str()),
        ("policy.gap_s", "geofenced.toml")
    );
    assert!(found[0].problem.contains("\"soon\" is not allowed"), "{}", found[0]);

    let found = wrong("", &[("GEOFENCED__ADMIN__LISTEN", "everywhere")]);
    assert_eq!(found[0].place, "GEOFENCED__ADMIN__LISTEN");
    assert_eq!(found[0].key, "admin.listen");

    let found = wrong("[policy]\ngap_s = 900\n", &[("GEOFENCED__POLICY__CLOCK", "sundial")]);
    assert!(found[0].problem.contains("sundial"), "{}", found[0]);
    assert!(found[0].problem.contains("`system` or `fixes`"), "{}", found[0]);
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
        "geofenced.toml: policy.exit_confirmations: 0 is not allowed; write 1 to 15"
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
