//! What the telemetry section accepts.

use super::logging::{self, LogFormat, LoggingError, TelemetryConfig};

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

#[test]
fn without_a_journal_the_start_says_what_to_write() {
    let config = TelemetryConfig { log_format: LogFormat::Journald, ..Default::default() };
    let started = logging::start(&config);
    if std::path::Path::new("/run/systemd/journal/socket").exists() {
        assert!(started.is_ok() || matches!(started, Err(LoggingError::Twice)));
        return;
    }
    let said = started.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(said.contains("journald can't be reached"), "{said}");
    assert!(said.contains(r#"write "text" or "json""#), "{said}");
}
