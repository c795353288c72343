//! A consumer of the embedded queue, as a sender of pushes would be one: it reads, acknowledges part of what it was
//! handed, loses its connection in between, and asks again. It holds the queue to what the queue promises: from
//! the first record on without a gap, the same at each hand-out, and never again what is acknowledged.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::task::Poll;

use super::clients::poll;
use super::lots::Lots;
use super::seen::Seen;
use super::tally::Tally;
use crate::engine::testkit::ACCOUNT;
use crate::outbox::consumer::{ConsumerKey, ConsumerName, Filter, Owner};
use crate::outbox::read::{Handed, ReadAsk};
use crate::outbox::{ConsumerError, Outbox, OutboxRecord, RecordKind, Start, codec};

type Asking = Pin<Box<dyn Future<Output = Result<Answer, ConsumerError>>>>;

enum Answer {
    /// It exists, and has everything up to this offset.
    Known(u64),
    Handed(Vec<Handed>),
    /// Acknowledged, up to here at least.
    Acked(u64),
}

/// A consumer that wants everything.
pub(super) struct Consumer {
    key: ConsumerKey,
    /// What it waits for.
    asking: Option<Asking>,
    /// The offset that it begins at, once the queue has said so: what was removed before nobody wanted.
    first: Option<u64>,
    /// By offset from the first: what it was handed, and as what.
    got: BTreeMap<u64, (RecordKind, OutboxRecord)>,
    /// Its acks are answered up to this offset.
    acked: u64,
    pub(super) handed: u64,
    pub(super) handed_again: u64,
}

impl Consumer {
    pub(super) fn new() -> Self {
        let name = ConsumerName::parse("sender").expect("it is a name");
        Self {
            key: ConsumerKey { owner: Owner::Account(ACCOUNT), name },
            asking: None,
            first: None,
            got: BTreeMap::new(),
            acked: 0,
            handed: 0,
            handed_again: 0,
        }
    }

    /// The connection ends. Whatever was asked for may be done all the same.
    pub(super) fn break_off(&mut self) {
        self.asking = None;
    }

    /// Hears what was answered, or asks for something.
    pub(super) fn talk(&mut self, outbox: &Outbox, lots: &mut Lots) {
        let Some(asking) = &mut self.asking else {
            self.asking = Some(self.ask(outbox.clone(), lots));
            return;
        };
        let Poll::Ready(answer) = poll(asking.as_mut()) else { return };
        self.asking = None;
        match answer {
            Ok(Answer::Known(acked)) => self.first = Some(acked + 1),
            Ok(Answer::Handed(records)) => records.into_iter().for_each(|one| self.take(one)),
            Ok(Answer::Acked(offset)) => self.acked = self.acked.max(offset),
            // The outbox has failed or ended; the next process hears of it.
            Err(ConsumerError::Outbox(_)) => {}
            Err(refused) => panic!("the queue forgets what it has confirmed: {refused}"),
        }
    }

    fn ask(&self, outbox: Outbox, lots: &mut Lots) -> Asking {
        let key = self.key.clone();
        if self.first.is_none() {
            return Box::pin(async move {
                let created = outbox.create(key, Start::Earliest, Filter::ALL).await?;
                Ok(Answer::Known(created.consumer.acked))
            });
        }
        let newest = self.got.keys().next_back().copied().unwrap_or(0);
        if newest > self.acked && lots.one_in(3) {
            let offset = newest - lots.below(newest - self.acked);
            return Box::pin(async move {
                let consumer = outbox.ack(key, offset).await?;
                assert!(consumer.acked >= offset, "an ack of {offset} came to {consumer:?}");
                Ok(Answer::Acked(consumer.acked))
            });
        }
        let after = lots.one_in(2).then_some(newest);
        let ask = ReadAsk { after, limit: lots.pick(&[1, 3, 100]) };
        Box::pin(async move { Ok(Answer::Handed(outbox.read_by_hand(&key, ask).await?.records)) })
    }

    fn take(&mut self, handed: Handed) {
        let (offset, acked) = (handed.offset, self.acked);
        assert!(offset > acked, "P2: {offset} is handed out again, after an ack of {acked}");
        self.handed += 1;
        let got = (handed.kind, handed.record);
        if let Some(before) = self.got.get(&offset) {
            self.handed_again += 1;
            assert_eq!(before, &got, "P2: {offset} is handed out both ways");
            return;
        }
        let next = self.first.map_or(0, |first| first + self.got.len() as u64);
        assert_eq!(offset, next, "P1: a record is passed over");
        self.got.insert(offset, got);
    }

    /// Whether it has been handed everything up to `newest`.
    pub(super) fn has_all(&self, newest: u64) -> bool {
        self.first.is_some_and(|first| first + self.got.len() as u64 > newest)
    }

    /// P1: what it was handed is what the outbox had shown.
    pub(super) fn judge(&self, seen: &Seen, tally: &mut Tally) {
        for (offset, (kind, record)) in &self.got {
            let mut bytes = Vec::new();
            codec::encode(record, &mut bytes);
            let place = usize::try_from(*offset).expect("a few") - 1;
            assert_eq!(seen.records.get(place), Some(&bytes), "P1: {record:?} at {offset}");
            tally.expired +=
                u64::from(*kind == RecordKind::Expired && record.kind() == RecordKind::PushJob);
        }
        tally.handed = self.handed;
        tally.handed_again = self.handed_again;
    }
}
