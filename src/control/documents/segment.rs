//! Users: those of an uploaded file, or those who were somewhere.

use serde::{Deserialize, Serialize};

use super::account::Account;
use super::document::{Document, text};
use crate::control::store::Kind;
use crate::domain::problem::Fault;

/// Users whom a campaign can address.
///
/// Its states are those of its file: checking, usable, partly_failed, failed, check_error.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Segment {
    /// 1 to 100 characters.
    pub name: String,
    /// At most 100 characters.
    #[serde(default)]
    pub description: String,
}

/// So many distinct advertising ids may be uploaded to a segment.
pub const MAX_SEGMENT: u64 = 500_000;

impl Document for Segment {
    const KIND: Kind = Kind::Segment;
    const FIRST_STATE: &'static str = "checking";

    fn name(&self) -> &str {
        &self.name
    }

    fn faults(&self, _account: &Account) -> Vec<Fault> {
        let mut faults = text("/name", &self.name, 100, true);
        faults.extend(text("/description", &self.description, 100, false));
        faults
    }
}
