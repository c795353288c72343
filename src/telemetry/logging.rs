//! Logs on standard error, as text for people or JSON for machines, or straight to journald; the level can change while
//! running.
//!
//! Levels follow what an operator must do: error act, warn look, info a change of state, debug per connection,
//! and nothing per ping. Device ids are never logged.

use std::sync::Arc;

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt, reload};

use crate::domain::knobs::BadKnobs;

/// Logs and metrics: what file and environment say.
#[derive(Clone, PartialEq, Eq, Debug, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TelemetryConfig {
    /// Which messages: a level, or `target=level` pairs with commas between. Default `info`. Reloadable.
    pub log_filter: String,
    /// Text for people, JSON for machines, or fields for journald. Default `text`.
    pub log_format: LogFormat,
    /// How often histograms fold their samples away, whether or not anybody scrapes. Default 5 s; 1 to 60.
    pub upkeep_s: u32,
}

/// The form of a log line.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// One line for people, in colour on a terminal.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
    /// An entry of the machine's journal, with its priority, and each value a field of its own. Nothing is written to
    /// standard error then.
    Journald,
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self { log_filter: "info".to_owned(), log_format: LogFormat::Text, upkeep_s: 5 }
    }
}

impl TelemetryConfig {
    /// Every knob that is out of its range.
    #[must_use]
    pub fn check(&self) -> BadKnobs {
        let mut bad = BadKnobs::new();
        if let Err(filter) = parse(&self.log_filter) {
            let allowed = format!("{}; it is no filter: {}", BadFilter::ALLOWED, filter.reason);
            bad.unless(false, "log_filter", &self.log_filter, allowed);
        }
        bad.within("upkeep_s", self.upkeep_s, (1, 60), "s");
        bad
    }
}

/// A log filter that means nothing.
#[derive(Debug, thiserror::Error)]
#[error("{filter:?} is no log filter ({reason}); write {}", Self::ALLOWED)]
pub struct BadFilter {
    filter: String,
    reason: String,
}

impl BadFilter {
    const ALLOWED: &str =
        "error, warn, info, debug or trace, or pairs like info,geofenced::ingest=debug";
}

/// Logging is on for the process already.
#[derive(Debug, thiserror::Error)]
pub enum LoggingError {
    /// The filter means nothing.
    #[error(transparent)]
    Filter(#[from] BadFilter),
    /// A second subscriber was about to be installed.
    #[error("logging was started twice in one process")]
    Twice,
    /// There is no journal to write to.
    #[error(
        "telemetry.log_format is \"journald\", and journald can't be reached ({0}); write \"text\" or \
         \"json\", or run under systemd"
    )]
    NoJournal(std::io::Error),
}

/// The running log's filter. `app` keeps it and passes a reloaded config's filter on.
#[derive(Clone)]
pub struct LogFilter {
    set: Arc<dyn Fn(EnvFilter) -> Result<(), reload::Error> + Send + Sync>,
}

impl LogFilter {
    /// Takes another filter from now on.
    ///
    /// # Errors
    /// [`BadFilter`]; the old one stays.
    pub fn set(&self, filter: &str) -> Result<(), BadFilter> {
        (self.set)(parse(filter)?)
            .map_err(|reason| BadFilter { filter: filter.to_owned(), reason: reason.to_string() })
    }
}

/// Starts the process's log. Once, by `main`.
///
/// # Errors
/// [`LoggingError`] for a bad filter, a second start, or a journal that can't be reached.
pub fn start(config: &TelemetryConfig) -> Result<LogFilter, LoggingError> {
    let (filter, handle) = reload::Layer::new(parse(&config.log_filter)?);
    let lines: Box<dyn Layer<_> + Send + Sync> = match config.log_format {
        LogFormat::Text => {
            Box::new(fmt::layer().with_writer(std::io::stderr).with_ansi(on_terminal()))
        }
        LogFormat::Json => {
            Box::new(fmt::layer().json().flatten_event(true).with_writer(std::io::stderr))
        }
        // Our values come as `F_NAME=`, beside the fields that the journal knows itself, such as `CODE_FILE`.
        LogFormat::Journald => {
            Box::new(tracing_journald::layer().map_err(LoggingError::NoJournal)?)
        }
    };
    let subscriber = Registry::default().with(filter).with(lines);
    subscriber.try_init().map_err(|_already| LoggingError::Twice)?;
    Ok(LogFilter { set: Arc::new(move |filter| handle.reload(filter)) })
}

fn parse(filter: &str) -> Result<EnvFilter, BadFilter> {
    let bad = |reason: String| BadFilter { filter: filter.to_owned(), reason };
    if filter.trim().is_empty() {
        return Err(bad("it is empty".to_owned()));
    }
    EnvFilter::try_new(filter).map_err(|reason| bad(reason.to_string()))
}

fn on_terminal() -> bool {
    std::io::IsTerminal::is_terminal(&std::io::stderr())
}
