//! What devices did at targets, handed in to the figures every some seconds: what a crash loses of it.

use super::worker::Worker;
use crate::outbox::derived::footfalls::FootfallBatch;

/// How often it is handed in. Each time costs a sync of the figures' store, and a row for each target at which anybody
/// came or went: at most some thousand rows a second and shard.
const HAND_IN_EVERY_NS: u64 = 10_000_000_000;

/// When a shard hands in.
#[derive(Debug, Default)]
pub(super) struct HandIn {
    next_ns: u64,
    /// The UTC day of the last one. On a new day one goes that has nothing in it: the day was counted.
    day: Option<i32>,
}

impl Worker {
    /// Hands in when it is time. Never sooner: what the figures write for it is bounded, too.
    pub(super) fn hand_in_when_due(&mut self) {
        if self.out.footfalls.is_none() {
            return;
        }
        let now_ns = self.parts.clock.monotonic_ns();
        if now_ns >= self.hand_in.next_ns {
            self.hand_in.next_ns = now_ns + HAND_IN_EVERY_NS;
            self.hand_in_footfalls();
        }
    }

    /// Hands in what there is. While the figures have enough waiting the table keeps it, and counts what it has no room
    /// for.
    pub(super) fn hand_in_footfalls(&mut self) {
        let (Some(footfalls), Some(post)) = (&mut self.out.footfalls, &self.parts.post) else {
            return;
        };
        if post.is_full() {
            return;
        }
        let day = i32::try_from(self.parts.clock.now().utc_day()).unwrap_or(i32::MAX);
        let (counts, overlooked) = footfalls.take();
        if counts.is_empty() && overlooked == 0 && self.hand_in.day == Some(day) {
            return;
        }
        let lost = post.hand_in(FootfallBatch { day, counts, overlooked }).err();
        if let Some(lost) = lost {
            // Another shard was faster.
            footfalls.put_back(lost.counts, lost.overlooked);
        } else {
            self.hand_in.day = Some(day);
        }
    }
}
