//! The table against Prometheus' rules and the operators' page; a scrape against the counters behind it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::metrics::{self as table, Kind};
use super::process;
use super::sampler::{Buckets, Metrics, Scrape};
use crate::domain::reasons::{RejectReason, SuppressReason};

#[test]
fn names_follow_prometheus() {
    let mut names = BTreeSet::new();
    for metric in table::ALL {
        let name = metric.name;
        assert!(names.insert(name), "{name} is there twice");
        assert!(name.starts_with("geofenced_") || name.starts_with("process_"), "{name}");
        assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{name}");
        assert_eq!(name.ends_with("_total"), metric.kind == Kind::Counter, "{name}");
        assert!(metric.help.ends_with('.'), "{name}");
        let unit = name.trim_end_matches("_total");
        assert_eq!(unit.ends_with("_bytes"), metric.unit == ::metrics::Unit::Bytes, "{name}");
        assert_eq!(unit.ends_with("_seconds"), metric.unit == ::metrics::Unit::Seconds, "{name}");
    }
}

#[test]
fn no_label_is_by_campaign_fence_or_device() {
    let closed =
        ["version", "format", "reason", "kind", "code", "outcome", "method", "status", "class"];
    for metric in table::ALL {
        assert!(metric.labels.iter().all(|label| closed.contains(label)), "{}", metric.name);
    }
}

#[test]
fn operators_find_every_metric_in_their_page() {
    let page = include_str!("../../docs/operations.md");
    let missing: Vec<_> =
        table::ALL.iter().filter(|m| !page.contains(&format!("`{}", m.name))).collect();
    assert!(missing.is_empty(), "docs/operations.md does not list {missing:#?}");

    let rejects = RejectReason::ALL.iter().map(|reason| reason.label());
    let suppressions = SuppressReason::ALL.iter().map(|reason| reason.label());
    for label in rejects.chain(suppressions) {
        assert!(
            page.contains(&format!("| `{label}` |")),
            "docs/operations.md does not list {label}"
        );
    }
}

#[test]
fn a_scrape_reads_the_counters_of_the_parts() {
    let metrics = Metrics::new(3).unwrap();
    let received = Arc::new(AtomicU64::new(7));
    let counter = received.clone();
    metrics.register(move |scrape: &Scrape<'_>| {
        scrape.total(&table::PINGS_RECEIVED, counter.load(Ordering::Relaxed));
        for reason in RejectReason::ALL {
            scrape.total_by(&table::PINGS_REJECTED, reason.label(), u64::from(reason.number()));
        }
        scrape.gauge(&table::PINGS_IN_FLIGHT, 2);
        scrape.flag(&table::READY, true);
    });
    let text = metrics.render();
    let version = env!("CARGO_PKG_VERSION");
    for line in [
        format!("geofenced_build_info{{version=\"{version}\",format=\"3\"}} 1"),
        "# TYPE geofenced_pings_received_total counter".to_owned(),
        "geofenced_pings_received_total 7".to_owned(),
        "geofenced_pings_rejected_total{reason=\"jump\"} 10".to_owned(),
        "geofenced_pings_in_flight 2".to_owned(),
        "geofenced_ready 1".to_owned(),
    ] {
        assert!(text.lines().any(|have| have == line), "{line} is not in\n{text}");
    }
    received.fetch_add(1, Ordering::Relaxed);
    assert!(metrics.render().contains("geofenced_pings_received_total 8\n"));
}

#[test]
fn histograms_have_buckets() {
    let metrics = Metrics::new(1).unwrap();
    let acks = metrics.histogram(&table::ACK_SECONDS);
    acks.record(0.003);
    acks.record(7.0);
    metrics.upkeep();
    let text = metrics.render();
    for line in [
        "geofenced_ack_seconds_bucket{le=\"0.0025\"} 0",
        "geofenced_ack_seconds_bucket{le=\"0.005\"} 1",
        "geofenced_ack_seconds_bucket{le=\"+Inf\"} 2",
        "geofenced_ack_seconds_count 2",
    ] {
        assert!(text.lines().any(|have| have == line), "{line} is not in\n{text}");
    }
}

#[test]
fn counts_in_buckets_are_passed_on_once() {
    let metrics = Metrics::new(1).unwrap();
    let syncs = Buckets::new(&metrics, &table::JOURNAL_SYNC_SECONDS, [0.000_125, 0.000_25]);
    syncs.pass_on(&[3, 1, 0]);
    syncs.pass_on(&[3, 2, 1]);
    let text = metrics.render();
    for line in [
        "geofenced_journal_sync_seconds_bucket{le=\"0.000125\"} 3",
        "geofenced_journal_sync_seconds_bucket{le=\"0.00025\"} 5",
        "geofenced_journal_sync_seconds_bucket{le=\"0.0005\"} 6",
        "geofenced_journal_sync_seconds_count 6",
    ] {
        assert!(text.lines().any(|have| have == line), "{line} is not in\n{text}");
    }
}

#[test]
fn the_kernels_words_are_read() {
    let stat = "42 (a (b) c) R 1 2 3 4 5 6 7 8 9 10 150 25 0 0 20";
    assert_eq!(process::cpu_ticks(stat), Some(175));
    assert_eq!(process::cpu_ticks("42 (a"), None);
    assert_eq!(process::field("Name:\tx\nVmRSS:\t  1234 kB\n", "VmRSS:"), Some(1234));
    assert_eq!(process::field("Name:\tx\n", "VmRSS:"), None);

    let metrics = Metrics::new(1).unwrap();
    metrics.register(process::sample);
    let text = metrics.render();
    assert!(text.contains("process_resident_memory_bytes "), "{text}");
    assert!(text.contains("process_open_fds "), "{text}");
}
