//! How a command that failed ends: what is said on standard error, and the exit code.

use std::process::ExitCode;

use crate::config::ConfigError;
use crate::control::cli::CommandError;
use crate::offline::replay::args::{ReplayError, UsageError};

/// Says why a command failed, and gives its exit code: 2 for a mistake in the command line or the config, else 1.
#[must_use]
pub fn tell(error: &anyhow::Error) -> ExitCode {
    eprintln!("geofenced: {}", text(error));
    let is_mistake = error.chain().any(is_mistake);
    ExitCode::from(if is_mistake { 2 } else { 1 })
}

fn is_mistake(cause: &(dyn std::error::Error + 'static)) -> bool {
    let by_value = cause.downcast_ref::<CommandError>().is_some_and(CommandError::is_mistake);
    by_value || cause.is::<ConfigError>() || cause.is::<UsageError>()
}

/// A replay's error, whose mistakes in the command line stay known as such.
#[must_use]
pub fn of_replay(error: ReplayError) -> anyhow::Error {
    match error.downcast::<UsageError>() {
        Ok(mistake) => anyhow::Error::new(*mistake),
        Err(other) => anyhow::anyhow!(other),
    }
}

/// The error and its causes, without those that it has told in its own words.
#[must_use]
pub fn text(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}
