//! What is shipped for operators beside the program: alerts and their tests, the scrape config, the dashboard, the units.
//! They name metrics that exist, every alert is explained, and the tools that will read them accept them.
//!
//! `make test` installs those tools. Without them these tests fail and say so: nobody else would notice a typo in an
//! alert until the night that it stays silent.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends at the first surprise")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use geofenced::telemetry::metrics::{ALL, Kind};
use serde_json::Value;

/// Grafana fills these words in; any value will do to check the syntax of a query.
const GRAFANA_WORDS: [(&str, &str); 2] = [("$__rate_interval", "5m"), ("$instance", "a:8080")];

/// The most that the unit may be exposed by the scale of `systemd-analyze security`, in tenths.
const MOST_EXPOSED: &str = "--threshold=15";

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn read(name: &str) -> String {
    std::fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn alerts() -> Vec<Value> {
    let rules: Value = serde_yaml_ng::from_str(&read("configs/prometheus/alerts.yml")).unwrap();
    let groups = rules["groups"].as_array().unwrap();
    groups.iter().flat_map(|group| group["rules"].as_array().unwrap().clone()).collect()
}

fn alert_names() -> BTreeSet<String> {
    let names = alerts().into_iter().map(|alert| alert["alert"].as_str().unwrap().to_owned());
    names.collect()
}

fn dashboard() -> Value {
    serde_json::from_str(&read("configs/grafana/geofenced.json")).unwrap()
}

/// Every query of the dashboard: of panels and annotations, with Grafana's own words filled in.
fn dashboard_queries() -> Vec<String> {
    let (mut open, mut queries) = (vec![dashboard()], Vec::new());
    while let Some(value) = open.pop() {
        match value {
            Value::Object(fields) => {
                queries.extend(fields.get("expr").and_then(Value::as_str).map(str::to_owned));
                open.extend(fields.into_iter().map(|(_, field)| field));
            }
            Value::Array(values) => open.extend(values),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    for query in &mut queries {
        for (word, stand_in) in GRAFANA_WORDS {
            *query = query.replace(word, stand_in);
        }
    }
    queries
}

/// The names of metrics in a query: what begins as ours do.
fn metrics_in(query: &str) -> BTreeSet<String> {
    let words = query.split(|one: char| !one.is_ascii_alphanumeric() && one != '_');
    let ours = words.filter(|word| word.starts_with("geofenced_") || word.starts_with("process_"));
    ours.map(str::to_owned).collect()
}

/// The names under which the table's metrics are scraped.
fn scraped() -> BTreeSet<String> {
    let names = ALL.iter().flat_map(|metric| match metric.kind {
        Kind::Histogram(_) => {
            ["_bucket", "_sum", "_count"].map(|end| format!("{}{end}", metric.name)).to_vec()
        }
        Kind::Counter | Kind::Gauge => vec![metric.name.to_owned()],
    });
    names.collect()
}

#[test]
fn alerts_and_dashboard_name_metrics_that_exist() {
    let known = scraped();
    let alerts = alerts().into_iter().map(|alert| alert["expr"].as_str().unwrap().to_owned());
    let queries: Vec<String> = alerts.chain(dashboard_queries()).collect();
    assert!(queries.len() > 60, "they are found: {}", queries.len());
    for query in &queries {
        let unknown: Vec<_> = metrics_in(query).difference(&known).cloned().collect();
        assert!(unknown.is_empty(), "{unknown:?} are in no table: {query}");
    }
}

#[test]
fn the_dashboard_shows_every_metric() {
    let shown: BTreeSet<String> =
        dashboard_queries().iter().flat_map(|query| metrics_in(query)).collect();
    for metric in ALL {
        let there = shown.iter().any(|name| name.starts_with(metric.name));
        assert!(there, "configs/grafana/geofenced.json has no panel for {}", metric.name);
    }
}

#[test]
fn panels_do_not_lie_on_each_other_and_say_what_they_show() {
    let dashboard = dashboard();
    let mut taken = BTreeSet::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        let at = |side: &str| panel["gridPos"][side].as_u64().unwrap();
        assert!(at("x") + at("w") <= 24, "{panel}");
        for cell in (0..at("w") * at("h")).map(|n| (at("x") + n % at("w"), at("y") + n / at("w"))) {
            assert!(taken.insert(cell), "{} lies on another panel", panel["title"]);
        }
        let told = panel["type"] == "row" || panel["description"].as_str().unwrap().ends_with('.');
        assert!(told, "{panel}");
    }
}

#[test]
fn every_alert_is_explained_tested_and_points_to_its_explanation() {
    let page = read("docs/operations.md");
    let explained: BTreeSet<String> = page
        .lines()
        .filter_map(|line| line.strip_prefix("### "))
        .filter(|title| title.starts_with("Geofenced"))
        .map(str::to_owned)
        .collect();
    assert_eq!(explained, alert_names(), "sections of docs/operations.md against alerts.yml");
    let tests = read("configs/prometheus/alerts_test.yml");
    for alert in alerts() {
        let name = alert["alert"].as_str().unwrap();
        let cases = tests.matches(&format!("alertname: {name}\n")).count();
        assert!(cases >= 2, "{name} needs a case that raises it and one that does not");
        let runbook = format!("docs/operations.md#{}", name.to_lowercase());
        assert_eq!(alert["annotations"]["runbook"], runbook, "{name}");
        let (_, section) = page.split_once(&format!("### {name}\n")).unwrap();
        let section = section.split("\n#").next().unwrap();
        for part in ["**Means**", "**Look**", "**Do**"] {
            assert!(section.contains(part), "{name}: docs/operations.md lacks {part}");
        }
    }
}

#[test]
fn promtool_accepts_scrape_config_and_alerts_and_their_tests_pass() {
    promtool(&["check", "config", "prometheus.yml"]);
    promtool(&["check", "rules", "alerts.yml"]);
    promtool(&["test", "rules", "alerts_test.yml"]);
}

#[test]
fn promtool_accepts_every_query_of_the_dashboard() {
    let queries = dashboard_queries().into_iter().enumerate();
    let rules: Vec<Value> = queries
        .map(|(number, query)| {
            serde_json::json!({ "record": format!("dashboard:{number}"), "expr": query })
        })
        .collect();
    let file = tempfile::NamedTempFile::with_suffix(".yml").unwrap();
    let groups = serde_json::json!({ "groups": [{ "name": "dashboard", "rules": rules }] });
    std::fs::write(file.path(), groups.to_string()).unwrap();
    promtool(&["check", "rules", file.path().to_str().unwrap()]);
}

/// Runs it among the shipped files.
fn promtool(args: &[&str]) {
    let unpacked = path("target/promtool/usr/bin/promtool");
    let program = if unpacked.exists() { unpacked } else { PathBuf::from("promtool") };
    let mut command = Command::new(program);
    succeeds(command.args(args).current_dir(path("configs/prometheus")), "`make promtool`");
}

#[test]
fn the_unit_is_hardened_as_promised() {
    let mut command = Command::new("systemd-analyze");
    command.args(["security", "--offline=true", "--no-pager", MOST_EXPOSED]);
    succeeds(command.arg(path("systemd/geofenced.service")), "`make tools`");
}

/// What the daemon is told by its units is what it reads.
#[test]
fn the_units_and_the_program_agree() {
    let service = read("systemd/geofenced.service");
    for line in [
        "Type=notify",
        "WatchdogSec=",
        "ExecReload=/bin/kill -HUP $MAINPID",
        "KillSignal=SIGTERM",
        "User=geofenced",
    ] {
        assert!(service.lines().any(|have| have.starts_with(line)), "{line}");
    }
    assert!(read("systemd/geofenced.sysusers").contains("\nu geofenced - "));
    let config: toml::Table = read("configs/geofenced.toml").parse().unwrap();
    for (socket, name, listens, section) in [
        ("systemd/geofenced-quic.socket", "quic", "ListenDatagram", "ingest"),
        ("systemd/geofenced-http.socket", "http", "ListenStream", "admin"),
    ] {
        let unit = read(socket);
        let address = config[section]["listen"].as_str().unwrap();
        for line in [
            format!("FileDescriptorName={name}"),
            format!("{listens}={address}"),
            "Service=geofenced.service".to_owned(),
        ] {
            assert!(unit.lines().any(|have| have == line), "{socket} lacks {line}");
        }
    }
}

fn succeeds(command: &mut Command, installed_by: &str) {
    let output = command.output().unwrap_or_else(|error| {
        panic!("{command:?} can't be run ({error}); {installed_by} installs it")
    });
    let said = String::from_utf8_lossy(&output.stdout);
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}\n{said}{complaint}");
}
