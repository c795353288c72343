//! What the telemetry section accepts.

use super::logging::TelemetryConfig;

#[test]
fn filters_are_levels_or_pairs() {
    for filter in ["info", "warn,geofenced=debug", "info,geofenced::ingest=trace"] {
        let config = TelemetryConfig { log_filter: filter.to_owned(), ..Default::default() };
        assert_eq!(config.check().first(), Ok(()), "{filter}");
    }
}

#[test]
fn a_bad_filter_is_named_with_what_is_allowed() {
    for filter in ["", "geofenced=loud", "info,=,"] {
        let config = TelemetryConfig { log_filter: filter.to_owned(), ..Default::default() };
        let bad = config.check().first().unwrap_err();
        assert_eq!((bad.key, bad.value), ("log_filter", format!("{filter:?}")));
        assert!(bad.allowed.contains("error, warn, info"), "{}", bad.allowed);
    }
}

#[test]
fn upkeep_has_bounds() {
    let config = TelemetryConfig { upkeep_s: 0, ..Default::default() };
    assert_eq!(config.check().first().unwrap_err().key, "upkeep_s");
}
