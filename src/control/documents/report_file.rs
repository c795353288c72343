//! A report file that was made: what it tells, who asked for it, and what it is named by.

use serde::{Deserialize, Serialize};

use super::account::Account;
use super::document::Document;
use crate::control::store::Kind;
use crate::domain::problem::Fault;

/// A report file that was made, and can be downloaded again for as long as it is listed. `created_at` is when it was made
/// first, `updated_at` when last.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReportFile {
    /// What it is called.
    pub file: String,
    /// What it tells.
    pub of: ReportOf,
    /// The campaign's number, where it is of one.
    #[serde(default)]
    pub campaign: Option<u32>,
    /// The first local day that it tells of.
    pub from: String,
    /// The last one.
    pub to: String,
    /// How it is written.
    pub format: ReportFormat,
    /// Under which token it was asked for first.
    pub asked_by: String,
    /// Its rows, the header not counted.
    pub rows: u64,
    /// Its length.
    pub bytes: u64,
    /// The BLAKE3 hash of what is in it, 64 hexadecimal digits.
    pub hash: String,
}

/// What a report file tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReportOf {
    /// What a campaign has brought, by day.
    Campaign,
    /// The pushes of a month.
    Usage,
    /// Who came to a store after a campaign had reached it.
    Visits,
}

/// How a report file is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReportFormat {
    /// UTF-8 with a byte-order mark.
    Csv,
    /// A workbook.
    Xlsx,
}

impl ReportFormat {
    /// What its files are served as.
    #[must_use]
    pub fn media(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        }
    }

    /// What their names end with.
    #[must_use]
    pub fn ending(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Xlsx => "xlsx",
        }
    }
}

impl Document for ReportFile {
    const KIND: Kind = Kind::ReportFile;
    const FIRST_STATE: &'static str = "ready";

    fn name(&self) -> &str {
        &self.file
    }

    /// The same file made again is that one.
    fn natural(&self) -> Option<String> {
        Some(format!("{} {}", self.hash, self.file))
    }

    fn faults(&self, _account: &Account) -> Vec<Fault> {
        Vec::new()
    }
}
