//! What a part says about its own knobs: every value that is not allowed, and what is.
//!
//! A part's `Config` checks itself into [`BadKnobs`]; the config puts section, file and variable to each.

use std::fmt::{Debug, Display};

/// A value that is not allowed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{key} is {value}; allowed is {allowed}")]
pub struct BadKnob {
    /// The key within its section.
    pub key: &'static str,
    /// What it is.
    pub value: String,
    /// What is allowed, with the unit.
    pub allowed: String,
}

/// All that is wrong with a section.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct BadKnobs {
    found: Vec<BadKnob>,
}

impl BadKnobs {
    /// Nothing is wrong yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes a value, unless it is fine.
    pub fn unless(
        &mut self,
        fine: bool,
        key: &'static str,
        value: &dyn Debug,
        allowed: impl Into<String>,
    ) {
        if !fine {
            self.found.push(BadKnob { key, value: format!("{value:?}"), allowed: allowed.into() });
        }
    }

    /// Notes a number outside `low ..= high`, both in `unit`.
    pub fn within<N>(&mut self, key: &'static str, value: N, (low, high): (N, N), unit: &str)
    where
        N: PartialOrd + Display + Debug,
    {
        let allowed = format!("{low} to {high} ({unit})");
        self.unless((low..=high).contains(&value), key, &value, allowed);
    }

    /// Whether a key was noted.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.found.iter().any(|bad| bad.key == key)
    }

    /// The first, for a part that is opened with a config of its own.
    ///
    /// # Errors
    /// The first [`BadKnob`], if there is one.
    pub fn first(self) -> Result<(), BadKnob> {
        self.found.into_iter().next().map_or(Ok(()), Err)
    }
}

impl IntoIterator for BadKnobs {
    type Item = BadKnob;
    type IntoIter = std::vec::IntoIter<BadKnob>;

    fn into_iter(self) -> Self::IntoIter {
        self.found.into_iter()
    }
}
