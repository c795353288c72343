//! Changes to consumers, gathered for one batch: seen by others only when they are on stable storage.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use crate::domain::units::UtcMs;

use super::consumer::{Consumer, ConsumerKey, Filter, HandOut, MAX_HAND_OUTS};
use super::orders::{ConsumerError, Created, Order, Start};
use super::shared::{Seat, Shared};
use super::tables::Batch;

/// How far the state of a consumer that merely asks may run ahead of the disk.
const CATCH_UP_MS: i64 = 10_000;

/// An answer that leaves when the batch is on stable storage.
type Answer = Box<dyn FnOnce()>;

/// The consumers that a batch changes; `None` where it removes one.
pub(super) struct Changes<'s> {
    shared: &'s Shared,
    now: UtcMs,
    changed: BTreeMap<ConsumerKey, Option<Consumer>>,
    answers: Vec<Answer>,
}

impl<'s> Changes<'s> {
    pub(super) fn new(shared: &'s Shared, now: UtcMs) -> Self {
        Self { shared, now, changed: BTreeMap::new(), answers: Vec::new() }
    }

    /// Takes an order in; whoever gave it may have gone, and then nobody hears the answer.
    pub(super) fn apply(&mut self, order: Order) {
        match order {
            Order::Create { key, start, filter, answer } => {
                let created = self.create(key, start, filter);
                self.answers.push(Box::new(move || drop(answer.send(created))));
            }
            Order::Ack { key, offset, answer } => {
                let acked = self.ack(key, offset);
                self.answers.push(Box::new(move || drop(answer.send(acked))));
            }
            Order::HandOut { key, hand_out, answer } => {
                let handed = self.hand_out(key, hand_out);
                self.answers.push(Box::new(move || drop(answer.send(handed))));
            }
            Order::Remove { key, answer } => {
                let removed = self.find(&key).map(|_| ());
                if removed.is_ok() {
                    self.changed.insert(key, None);
                }
                self.answers.push(Box::new(move || drop(answer.send(removed))));
            }
            Order::Close => {}
        }
    }

    fn create(
        &mut self,
        key: ConsumerKey,
        start: Start,
        filter: Filter,
    ) -> Result<Created, ConsumerError> {
        if let Ok(consumer) = self.find(&key) {
            let is_same = consumer.filter == filter;
            return if is_same {
                Ok(Created { consumer, is_new: false })
            } else {
                Err(ConsumerError::OtherFilter { key })
            };
        }
        let limit = self.shared.config.consumers_per_account;
        if self.count_of_owner(&key) >= usize::try_from(limit).unwrap_or(usize::MAX) {
            return Err(ConsumerError::TooMany { limit });
        }
        let acked = match start {
            Start::Earliest => self.shared.oldest() - 1,
            Start::Latest => self.shared.newest(),
        };
        let consumer = Consumer {
            acked,
            filter,
            created_at: self.now,
            seen_at: self.now,
            idle_ms: 0,
            hand_outs: Vec::new(),
        };
        self.changed.insert(key, Some(consumer.clone()));
        Ok(Created { consumer, is_new: true })
    }

    fn ack(&mut self, key: ConsumerKey, offset: u64) -> Result<Consumer, ConsumerError> {
        let mut consumer = self.find(&key)?;
        let newest = self.shared.newest();
        if offset > newest {
            return Err(ConsumerError::Ahead { offset, newest });
        }
        consumer.ack(offset);
        consumer.seen_at = self.now.max(consumer.seen_at);
        consumer.idle_ms = 0;
        self.changed.insert(key, Some(consumer.clone()));
        Ok(consumer)
    }

    fn hand_out(&mut self, key: ConsumerKey, hand_out: HandOut) -> Result<Consumer, ConsumerError> {
        let mut consumer = self.find(&key)?;
        consumer.hand_out(hand_out);
        if consumer.hand_outs.len() > MAX_HAND_OUTS {
            return Err(ConsumerError::AckFirst { key, limit: MAX_HAND_OUTS });
        }
        consumer.seen_at = self.now.max(consumer.seen_at);
        consumer.idle_ms = 0;
        self.changed.insert(key, Some(consumer.clone()));
        Ok(consumer)
    }

    fn find(&self, key: &ConsumerKey) -> Result<Consumer, ConsumerError> {
        let found = match self.changed.get(key) {
            Some(changed) => changed.clone(),
            None => self.shared.seats().get(key).map(|seat| seat.consumer.clone()),
        };
        found.ok_or_else(|| ConsumerError::Unknown { key: key.clone() })
    }

    fn count_of_owner(&self, key: &ConsumerKey) -> usize {
        let seats = self.shared.seats();
        let settled = seats.keys().filter(|other| !self.changed.contains_key(*other));
        let changed = self.changed.iter().filter(|(_, state)| state.is_some()).map(|(key, _)| key);
        settled.chain(changed).filter(|other| other.owner == key.owner).count()
    }

    /// Removes consumers that have not asked for `consumer_ttl_s`.
    pub(super) fn drop_idle(&mut self) {
        let shared = self.shared;
        let ttl_s = shared.config.consumer_ttl_s;
        let up_ms = (shared.clocks.up_ms)();
        let mut seats = shared.seats();
        for (key, seat) in seats.iter_mut() {
            if seat.count_idle(up_ms) > u64::from(ttl_s) * 1000 {
                tracing::warn!(consumer = %key, ttl_s, "dropped a consumer for being idle");
                shared.figures.consumers_dropped.fetch_add(1, Ordering::Relaxed);
                self.changed.insert(key.clone(), None);
            }
        }
    }

    /// Takes in what ran ahead of the disk; at a close all of it.
    pub(super) fn catch_up(&mut self, at_once: bool) {
        let shared = self.shared;
        let mut seats = shared.seats();
        for (key, seat) in seats.iter_mut() {
            let waited = self.now.since(seat.wrote_at) >= CATCH_UP_MS;
            let is_due = seat.is_ahead(at_once) && (at_once || waited);
            if is_due && !self.changed.contains_key(key) {
                seat.is_dirty = false;
                self.changed.insert(key.clone(), Some(seat.consumer.clone()));
            }
        }
    }

    /// Puts the changes into the batch.
    pub(super) fn stage(&self, batch: &mut Batch<'_>) {
        for (key, state) in &self.changed {
            match state {
                Some(consumer) => batch.put_consumer(key, consumer),
                None => batch.remove_consumer(key),
            }
        }
    }

    /// The batch is on stable storage: others may see the changes, and those who ordered them are told.
    pub(super) fn answer(self) {
        let up_ms = (self.shared.clocks.up_ms)();
        let mut seats = self.shared.seats();
        for (key, state) in self.changed {
            let Some(consumer) = state else {
                seats.remove(&key);
                continue;
            };
            let now = self.now;
            let seat = seats.entry(key).or_insert_with(|| Seat::new(consumer.clone(), now, up_ms));
            seat.settle(consumer, now);
        }
        drop(seats);
        self.answers.into_iter().for_each(|answer| answer());
    }
}
