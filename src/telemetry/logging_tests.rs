//! What the telemetry section accepts.

use super::logging::TelemetryConfig;

#[test]
fn filters_are_levels_or_pairs() {
    for filter in ["info", "warn,geofenced=debug", "info,geofenced::ingest=trace"] {
        let config = TelemetryConfig { log_filter: filter.to_owned(), ..Default::default() };
        assert!(config.check().is_ok(), "{filter}");
    }
}

#[test]
fn a_bad_filter_is_named_with_what_is_allowed() {
    for filter in ["", "geofenced=loud", "info,=,"] {
        let config = TelemetryConfig { log_filter: filter.to_owned(), ..Default::default() };
        let (key, problem) = config.check().unwrap_err();
        assert_eq!(key, "log_filter");
        assert!(problem.contains(&format!("{filter:?}")), "{problem}");
        assert!(problem.contains("write error, warn, info"), "{problem}");
    }
}

#[test]
fn upkeep_has_bounds() {
    let config = TelemetryConfig { upkeep_s: 0, ..Default::default() };
    assert_eq!(config.check().unwrap_err().0, "upkeep_s");
}
