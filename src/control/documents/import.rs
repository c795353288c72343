//! A file that is read in: what it is for, how far it is, and what came of it.

use serde::{Deserialize, Serialize};

use super::account::Account;
use super::document::Document;
use crate::control::imports::columns::Kind as ImportOf;
use crate::control::store::Kind;
use crate::domain::problem::Fault;

/// A file that is read in. Its states are checking, usable, partly_failed, failed and check_error.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Import {
    /// What the file was called.
    pub file: String,
    /// What is in it.
    pub of: ImportOf,
    /// The group or segment that it fills.
    #[serde(default)]
    pub into: Option<u32>,
    /// Its length.
    pub bytes: u64,
    /// Rows that were read.
    #[serde(default)]
    pub rows_done: u64,
    /// How much of the file was read, 0 to 100.
    #[serde(default)]
    pub per_cent: u8,
    /// Rows that are fine.
    #[serde(default)]
    pub good: u64,
    /// Rows that are not; they can be downloaded with the reason in each.
    #[serde(default)]
    pub bad: u64,
    /// Whether its good rows were accepted although there are bad ones.
    #[serde(default)]
    pub accepted: bool,
    /// Why it failed as a whole; empty otherwise.
    #[serde(default)]
    pub reason: String,
}

impl Import {
    /// One that has just arrived.
    #[must_use]
    pub fn begun(file: String, of: ImportOf, into: Option<u32>, bytes: u64) -> Self {
        Self {
            file,
            of,
            into,
            bytes,
            rows_done: 0,
            per_cent: 0,
            good: 0,
            bad: 0,
            accepted: false,
            reason: String::new(),
        }
    }
}

impl Document for Import {
    const KIND: Kind = Kind::Import;
    const FIRST_STATE: &'static str = "checking";

    fn name(&self) -> &str {
        &self.file
    }

    fn faults(&self, _account: &Account) -> Vec<Fault> {
        Vec::new()
    }
}
