//! Everything that is wrong with a config, where it was written, and why no config came out.

use super::raw::{Raw, joined};
use crate::domain::knobs::BadKnob;

/// Why no config came out.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file can't be read or is no TOML.
    #[error("{file}: {reason}")]
    Unreadable {
        /// The file as it was named.
        file: String,
        /// What the reader or the parser said.
        reason: String,
    },
    /// The answer could not be printed.
    #[error("can't print")]
    Output(#[source] std::io::Error),
    /// Keys or values are not allowed.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Wrong(Vec<Wrong>),
}

/// One thing that is wrong.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{place}: {key} {problem}")]
pub struct Wrong {
    /// The file, the environment variable, or `default` for a value nobody wrote.
    pub place: String,
    /// `section.key`.
    pub key: String,
    /// `is VALUE; allowed is RANGE (unit)`.
    pub problem: String,
}

/// What is found while a config is read, section by section.
pub(super) struct Findings<'r> {
    section: &'static str,
    raw: &'r Raw,
    found: Vec<Wrong>,
}

impl<'r> Findings<'r> {
    /// Nothing is found yet.
    pub(super) fn of(raw: &'r Raw) -> Self {
        Self { section: "", raw, found: Vec::new() }
    }

    /// What comes next is about this section.
    pub(super) fn enter(&mut self, section: &'static str) {
        self.section = section;
    }

    /// The section at hand.
    pub(super) fn section(&self) -> &'static str {
        self.section
    }

    /// Takes over what a part says about a knob of the section at hand.
    pub(super) fn adopt(&mut self, bad: &BadKnob) {
        self.push(bad.key, format!("is {}; allowed is {}", bad.value, bad.allowed));
    }

    /// Notes a problem of a key of the section at hand, or of the section itself if the key is empty.
    pub(super) fn push(&mut self, key: &str, problem: String) {
        let key = if key.is_empty() { self.section.into() } else { joined(self.section, key) };
        let place = self.raw.place(&key);
        self.found.push(Wrong { place, key, problem });
    }

    /// The end: an error if anything was found.
    pub(super) fn conclude(self) -> Result<(), ConfigError> {
        if self.found.is_empty() { Ok(()) } else { Err(ConfigError::Wrong(self.found)) }
    }
}
