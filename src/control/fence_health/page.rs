//! Findings, a page at a time.

use super::findings::Finding;
use super::health::{CutShort, FoundFence, Looked};
use crate::control::compiler::targets::TargetKey;
use crate::control::desk::listing::{DEFAULT_LIMIT, MAX_LIMIT};
use crate::control::refusal::Refusal;
use crate::domain::problem::Fault;

/// What fence health can be asked for.
#[derive(Clone, PartialEq, Eq, Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HealthRequest {
    /// Findings of one kind alone.
    pub finding: String,
    /// Where the page before ended.
    pub cursor: String,
    /// Findings a page.
    pub limit: Option<u32>,
    /// For any listing: wait for this epoch first.
    pub wait_epoch: Option<u64>,
}

/// What was asked for, read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wanted {
    finding: Option<Finding>,
    after: Option<(TargetKey, Finding)>,
    limit: usize,
}

/// A page of findings.
#[derive(Clone, PartialEq, Debug, serde::Serialize, utoipa::ToSchema)]
pub struct HealthPage {
    /// Findings, by fence: geofences first, then stores, by number.
    pub items: Vec<FoundFence>,
    /// What to send as `cursor` for the next page; none on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// The days that were counted, UTC, as 2026-11-23, ascending. A fence that never matches shows after seven whole ones.
    pub counted_days: Vec<String>,
    /// What keeps the list from being whole; empty where it is.
    pub cut_short: Vec<CutShort>,
}

impl HealthRequest {
    /// Reads it.
    ///
    /// # Errors
    /// [`Refusal::Faults`] with every parameter that is wrong.
    pub fn read(&self) -> Result<Wanted, Refusal> {
        let mut faults = Vec::new();
        let limit = self.limit.unwrap_or(DEFAULT_LIMIT);
        if !(1..=MAX_LIMIT).contains(&limit) {
            faults
                .push(Fault::new("limit", format!("limit is {limit}; allowed: 1 to {MAX_LIMIT}")));
        }
        let finding = Finding::named(&self.finding);
        if finding.is_none() && !self.finding.is_empty() {
            let allowed = Finding::ALL.map(Finding::label).join(", ");
            let detail = format!("finding is {:?}; allowed: {allowed}", self.finding);
            faults.push(Fault::new("finding", detail));
        }
        let after = place_of(&self.cursor);
        if after.is_none() && !self.cursor.is_empty() {
            let detail = "this is no cursor of fence health; allowed: next of the page before";
            faults.push(Fault::new("cursor", detail));
        }
        if !faults.is_empty() {
            return Err(Refusal::Faults(faults));
        }
        Ok(Wanted { finding, after, limit: usize::try_from(limit).unwrap_or(usize::MAX) })
    }
}

impl Looked {
    /// A page of it.
    #[must_use]
    pub fn page(&self, wanted: &Wanted) -> HealthPage {
        let is_wanted = |(key, found): &&(TargetKey, FoundFence)| {
            wanted.finding.is_none_or(|finding| found.finding == finding)
                && wanted.after.is_none_or(|after| (*key, found.finding) > after)
        };
        let mut listed = self.found.iter().filter(is_wanted);
        let page: Vec<&(TargetKey, FoundFence)> = listed.by_ref().take(wanted.limit).collect();
        let last = page.last().filter(|_| listed.next().is_some());
        HealthPage {
            next: last.map(|(key, found)| format!("{}:{}", key.text(), found.finding.label())),
            items: page.into_iter().map(|(_, found)| found.clone()).collect(),
            counted_days: self.counted_days.clone(),
            cut_short: self.cut_short.clone(),
        }
    }
}

/// The fence and finding that a cursor names.
fn place_of(cursor: &str) -> Option<(TargetKey, Finding)> {
    let (key, finding) = cursor.rsplit_once(':')?;
    Some((TargetKey::read(key)?, Finding::named(finding)?))
}
