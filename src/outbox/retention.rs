//! What is removed when: whole stretches of records that all consumers, and the figures, have passed.
//!
//! Records are deleted by stretch, so the size and age of what is kept are known without reading a record.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;

use crate::domain::units::UtcMs;

use super::refused::StoreError;
use super::shared::Shared;
use super::tables::{Batch, End, Stretch};

/// A stretch ends at so many records …
const STRETCH_RECORDS: u64 = 8192;
/// … or after so long: the grain of `retain_min_s`.
const STRETCH_MS: i64 = 60_000;
/// … or at this part of `outbox_max_bytes`, so that room comes back in small steps.
const STRETCHES_OF_MAX: u64 = 64;

/// Stretches removed in one go: at most 32,768 deletions a batch, where each record has a row of its own.
const REMOVED_AT_ONCE: usize = 4;

/// The stretches of records kept, oldest first; the last one is still growing.
#[derive(Debug)]
pub(super) struct Stretches {
    kept: VecDeque<Stretch>,
    max_bytes: u64,
    retain_min_ms: i64,
}

impl Stretches {
    pub(super) fn new(kept: Vec<Stretch>, max_bytes: u64, retain_min_s: u32) -> Self {
        Self { kept: kept.into(), max_bytes, retain_min_ms: i64::from(retain_min_s) * 1000 }
    }

    /// The oldest offset kept.
    pub(super) fn first_offset(&self, end: End) -> u64 {
        self.kept.front().map_or(end.next_offset, |first| first.first)
    }

    /// Bytes of the records kept.
    pub(super) fn held_bytes(&self, end: End) -> u64 {
        self.kept.front().map_or(0, |first| end.total_bytes - first.bytes_before)
    }

    /// Begins a new stretch at the end, if one is due before the next record; the caller writes it down.
    pub(super) fn open_at(&mut self, end: End, now: UtcMs) -> Option<Stretch> {
        let is_due = self.kept.back().is_none_or(|last| {
            end.next_offset - last.first >= STRETCH_RECORDS
                || end.total_bytes - last.bytes_before >= self.max_bytes / STRETCHES_OF_MAX
                || now.since(last.opened_at) >= STRETCH_MS
        });
        if is_due { self.begin(end, now) } else { None }
    }

    fn begin(&mut self, end: End, now: UtcMs) -> Option<Stretch> {
        if self.kept.back().is_some_and(|last| last.first == end.next_offset) {
            return None;
        }
        let stretch =
            Stretch { first: end.next_offset, opened_at: now, bytes_before: end.total_bytes };
        self.kept.push_back(stretch);
        Some(stretch)
    }

    /// Removes what all consumers have passed and what is old enough, or pressed for; returns how many records.
    /// Nobody has passed less than an absent consumer: without any, all is passed.
    pub(super) fn stage_removal(
        &mut self,
        batch: &mut Batch<'_>,
        shared: &Shared,
        end: End,
        now: UtcMs,
    ) -> Result<u64, StoreError> {
        let newest = end.next_offset - 1;
        let passed = shared.seats().values().map(|seat| seat.consumer.acked).min();
        let followed = shared.followed.load(Ordering::Acquire);
        let passed = passed.unwrap_or(newest).min(newest).min(followed);
        if passed == newest && self.may_end_last(end, now) {
            self.begin(end, now).into_iter().for_each(|stretch| batch.put_stretch(stretch));
        }
        let mut removed = 0;
        for _ in 0..REMOVED_AT_ONCE {
            let (Some(&oldest), Some(&next)) = (self.kept.front(), self.kept.get(1)) else { break };
            let is_old = now.since(next.opened_at) >= self.retain_min_ms;
            if next.first - 1 > passed || !(is_old || self.is_pressed(end)) {
                break;
            }
            batch.remove_blocks(oldest.first, next.first - 1)?;
            batch.remove_stretch(oldest.first);
            self.kept.pop_front();
            removed += next.first - oldest.first;
        }
        Ok(removed)
    }

    /// Whether the growing stretch should end though nothing is being written: it is old, or its bytes are
    /// wanted.
    fn may_end_last(&self, end: End, now: UtcMs) -> bool {
        let is_old = self.kept.back().is_some_and(|last| now.since(last.opened_at) >= STRETCH_MS);
        is_old || self.is_pressed(end)
    }

    /// Whether the size nears its limit: then age no longer protects what all have passed.
    fn is_pressed(&self, end: End) -> bool {
        self.held_bytes(end) >= self.max_bytes / 8 * 7
    }
}
