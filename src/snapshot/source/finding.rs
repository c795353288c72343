//! What is wrong with a file: where, which field, its value, and what is allowed.

use std::fmt::{self, Display};

use crate::snapshot::build::rules::BrokenRule;

/// So many findings are shown; a file with more usually has one mistake many times.
const SHOWN: usize = 20;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where in the file: `feature 17 (id "a")`, `campaigns[3] (id 12)`; empty for the file as a whole.
    pub place: String,
    /// The field at fault, as `windows[0].start`; empty where it is not just one.
    pub field: String,
    /// What is wrong there.
    pub what: String,
}

/// All that is wrong with a file, at least one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceErrors {
    /// The file's name as the user gave it.
    pub file: String,
    /// The first of them.
    pub findings: Vec<Finding>,
    /// How many there are in all.
    pub total: usize,
}

impl std::error::Error for SourceErrors {}

impl Display for SourceErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, finding) in self.findings.iter().enumerate() {
            let (line, colon) =
                (if at == 0 { "" } else { "\n" }, if finding.place.is_empty() { "" } else { ": " });
            write!(f, "{line}{}: {}{colon}{}", self.file, finding.place, finding.what)?;
        }
        match self.total - self.findings.len() {
            0 => Ok(()),
            more => write!(f, "\n{}: {more} more", self.file),
        }
    }
}

/// Gathers findings of one file.
#[derive(Debug)]
pub(super) struct Findings {
    file: String,
    findings: Vec<Finding>,
    total: usize,
}

impl Findings {
    pub(super) fn of(file: &str) -> Self {
        Self { file: file.to_owned(), findings: Vec::new(), total: 0 }
    }

    pub(super) fn add(&mut self, place: impl Into<String>, what: impl Into<String>) {
        self.push(place.into(), String::new(), what.into());
    }

    /// A field with a value that is not allowed.
    pub(super) fn field(&mut self, place: &str, field: &str, value: impl Display, allowed: &str) {
        let what = format!("{field} is {value}; allowed: {allowed}");
        self.push(place.to_owned(), field.to_owned(), what);
    }

    pub(super) fn rules(&mut self, place: &str, broken: Vec<BrokenRule>) {
        for rule in broken {
            let what = rule.to_string();
            self.push(place.to_owned(), rule.field, what);
        }
    }

    fn push(&mut self, place: String, field: String, what: String) {
        self.total += 1;
        if self.findings.len() < SHOWN {
            self.findings.push(Finding { place, field, what });
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// The outcome of reading: the value, if nothing was wrong.
    pub(super) fn unless_any<T>(self, value: T) -> Result<T, SourceErrors> {
        if self.is_empty() { Ok(value) } else { Err(self.into_errors()) }
    }

    pub(super) fn into_errors(self) -> SourceErrors {
        SourceErrors { file: self.file, findings: self.findings, total: self.total }
    }
}
