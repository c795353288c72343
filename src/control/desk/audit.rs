//! Reading the audit log.

use super::desk::Desk;
use super::listing::{DEFAULT_LIMIT, MAX_LIMIT};
use crate::control::documents::document::instant;
use crate::control::refusal::Refusal;
use crate::control::store::{AuditEntry, Key, Kind};

/// What the audit log can be asked for.
#[derive(Clone, PartialEq, Eq, Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuditRequest {
    /// Where the page before ended.
    pub cursor: Option<u64>,
    /// Changes a page.
    pub limit: Option<u32>,
    /// For any listing: wait for this epoch first.
    pub wait_epoch: Option<u64>,
}

/// A page is full with so many bytes of documents, whatever its limit: read as values they take thirty times as much.
const PAGE_BYTES: usize = 1 << 20;

/// No note has a larger number: the store's are signed.
const MAX_CURSOR: u64 = u64::MAX >> 1;

/// A page of the audit log.
#[derive(Clone, PartialEq, Debug, serde::Serialize, utoipa::ToSchema)]
pub struct AuditPage {
    /// Changes, the newest first.
    pub items: Vec<AuditItem>,
    /// What to send as `cursor` for the next page; none on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
}

/// One change.
#[derive(Clone, PartialEq, Debug, serde::Serialize, utoipa::ToSchema)]
pub struct AuditItem {
    /// Its number; it only grows.
    pub seq: u64,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: jiff::Timestamp,
    /// Under which token, or which command of the operator.
    pub by: String,
    /// create, update, delete, a campaign's new state, or what a kind has besides.
    pub action: String,
    /// What was changed.
    pub kind: String,
    /// Which of them; 0 for tokens, which are known by their names.
    pub id: u32,
    /// What it was before.
    #[schema(value_type = serde_json::Value)]
    pub before: serde_json::Value,
    /// What it is now.
    #[schema(value_type = serde_json::Value)]
    pub after: serde_json::Value,
}

impl From<AuditEntry> for AuditItem {
    fn from(entry: AuditEntry) -> Self {
        let AuditEntry { seq, at, by, action, kind, id, before, after, .. } = entry;
        // A document, or else a word such as a state.
        let value = |text: String| match serde_json::from_str(&text) {
            Ok(value) => value,
            Err(_plain) if text.is_empty() => serde_json::Value::Null,
            Err(_plain) => text.into(),
        };
        let (before, after) = (value(before), value(after));
        Self { seq, at: instant(at), by, action, kind: kind.noun().to_owned(), id, before, after }
    }
}

impl Desk<'_> {
    /// A page of the account's changes.
    ///
    /// # Errors
    /// [`Refusal::Faults`] with the parameter that is wrong.
    pub fn audit(&mut self, asked: &AuditRequest) -> Result<AuditPage, Refusal> {
        let (before, limit) = newest_first(asked.cursor, asked.limit)?;
        let (mut notes, mut room, mut last) = (Vec::new(), PAGE_BYTES, before);
        let more = loop {
            let [note] = &self.tx.notes(self.account_id(), last, 1)?[..] else { break false };
            if notes.len() >= limit as usize || room == 0 {
                break true;
            }
            room = room.saturating_sub(note.before.len() + note.after.len());
            last = note.seq;
            notes.push(note.clone());
        };
        let next = notes.last().filter(|_| more).map(|last| last.seq);
        Ok(AuditPage { items: notes.into_iter().map(AuditItem::from).collect(), next })
    }

    /// Notes that one of the account's tokens is made or revoked.
    ///
    /// # Errors
    /// When the store can't be written.
    pub fn note_token(&mut self, action: &str, before: &str, after: &str) -> Result<(), Refusal> {
        let key = Key::new(self.account_id(), Kind::Token, 0);
        Ok(self.note(action, key, before, after)?)
    }
}

/// Where a page of what is noted begins, and how long it may be.
pub(super) fn newest_first(cursor: Option<u64>, limit: Option<u32>) -> Result<(u64, u32), Refusal> {
    let limit = limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        let detail = format!("limit is {limit}; allowed: 1 to {MAX_LIMIT}");
        return Err(Refusal::field("limit", detail));
    }
    let before = cursor.unwrap_or(MAX_CURSOR);
    if before > MAX_CURSOR {
        let detail = format!("cursor is {before}; allowed: next of the page before");
        return Err(Refusal::field("cursor", detail));
    }
    Ok((before, limit))
}
