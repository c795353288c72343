//! Reading for a consumer: what it wants and may see, from its place on, with late jobs turned into events.

use std::sync::atomic::Ordering;

use crate::domain::decision::EventKind;
use crate::domain::ids::JobId;
use crate::domain::units::UtcMs;

use super::codec::{self, Head};
use super::consumer::{Consumer, ConsumerKey, HandOut};
use super::orders::{ConsumerError, Order, OutboxError};
use super::record::{Content, OutboxRecord, RecordKind};
use super::shared::Shared;
use super::store::Outbox;

/// Records a consumer may ask for at once.
pub const MAX_READ_RECORDS: usize = 10_000;

/// Bytes of records that one read gathers: rendered they take about three times as much.
const MAX_READ_BYTES: usize = 8 << 20;

/// Records that one read passes by while it looks for what the consumer wants.
const MAX_SCAN_RECORDS: u64 = 65_536;

/// What a consumer asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ReadAsk {
    /// Go on after this offset instead of after the last ack, as far as the consumer has been shown records.
    pub after: Option<u64>,
    /// At most so many records, 1 to [`MAX_READ_RECORDS`].
    pub limit: usize,
}

/// What a consumer gets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reading {
    /// Records it wants, ascending by offset.
    pub records: Vec<Handed>,
    /// The last offset that was looked at.
    pub through: u64,
    /// Whether there is more behind it already.
    pub has_more: bool,
}

/// A record on its way to a consumer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Handed {
    /// Its place in the outbox.
    pub offset: u64,
    /// As what it leaves: its own kind, or `expired` for a job that is too late.
    pub kind: RecordKind,
    /// The record as it was written.
    pub record: OutboxRecord,
}

impl Handed {
    /// The job it is, or belongs to.
    #[must_use]
    pub fn job(&self) -> Option<JobId> {
        match &self.record.content {
            Content::Job(job) => Some(job.id),
            Content::Event(event) => event.job,
            Content::Visit(_) => None,
        }
    }

    /// The event it leaves as; `None` for a job or a visit.
    #[must_use]
    pub fn event(&self) -> Option<EventKind> {
        self.kind.event()
    }
}

impl Outbox {
    /// Reads for a consumer from its last ack on, or where `ask` says. Until it is acknowledged the same comes
    /// again. Jobs leave only when their first hand-out is on stable storage.
    ///
    /// # Errors
    /// [`ConsumerError`] if there is no such consumer, it has to acknowledge first, or the outbox can't be read.
    pub async fn read(&self, key: &ConsumerKey, ask: ReadAsk) -> Result<Reading, ConsumerError> {
        let shared = self.shared.clone();
        let (consumer, from) = self.sit_down(key, ask)?;
        let scanned = {
            let (key, consumer) = (key.clone(), consumer.clone());
            tokio::task::spawn_blocking(move || scan(&shared, &key, &consumer, from, ask.limit))
        };
        let scan = scanned.await.map_err(|ended| unreadable(&ended))??;
        self.hand_out(key, consumer, from, &scan).await
    }

    /// Has it decided, durably, which of the jobs found are too late, and hands over what the consumer wants.
    pub(super) async fn hand_out(
        &self,
        key: &ConsumerKey,
        consumer: Consumer,
        from: u64,
        scan: &Scan,
    ) -> Result<Reading, ConsumerError> {
        let decided_before = consumer.decided_through();
        let decided = if scan.last_job > decided_before {
            let decided_at = (self.shared.clocks.expiry)();
            let hand_out = HandOut { through: scan.through, decided_at };
            let key = key.clone();
            self.order(|answer| Order::HandOut { key, hand_out, answer }).await?
        } else {
            consumer
        };
        let reading = hand_over(scan, &decided)?;
        let newly_expired = reading
            .records
            .iter()
            .filter(|handed| handed.offset > decided_before && is_expired(handed));
        self.shared.figures.expired.fetch_add(newly_expired.count() as u64, Ordering::Relaxed);
        self.rise(key, from, &reading);
        Ok(reading)
    }

    /// The consumer as it is now, and the first offset to look at.
    pub(super) fn sit_down(
        &self,
        key: &ConsumerKey,
        ask: ReadAsk,
    ) -> Result<(Consumer, u64), ConsumerError> {
        let clocks = &self.shared.clocks;
        let (now, up_ms) = ((clocks.now)(), (clocks.up_ms)());
        let oldest = self.shared.oldest();
        let mut seats = self.shared.seats();
        let Some(seat) = seats.get_mut(key) else {
            return Err(ConsumerError::Unknown { key: key.clone() });
        };
        seat.touch(now, up_ms);
        let acked = seat.consumer.acked;
        let after = ask.after.map_or(acked, |after| after.min(seat.scanned_through).max(acked));
        Ok((seat.consumer.clone(), oldest.max(after + 1)))
    }

    /// Notes how far the consumer has looked. Records before the first that it was given need no ack, if it
    /// read from its last one.
    fn rise(&self, key: &ConsumerKey, from: u64, reading: &Reading) {
        let mut seats = self.shared.seats();
        // It may have been removed meanwhile.
        let Some(seat) = seats.get_mut(key) else { return };
        let quiet_through = match reading.records.first() {
            _ if from > seat.consumer.acked.max(self.shared.oldest() - 1) + 1 => 0,
            Some(first) => first.offset - 1,
            None => reading.through,
        };
        seat.scanned(reading.through, quiet_through);
    }
}

/// What a look through the records found.
pub(super) struct Scan {
    /// Copies: a record that is kept would keep its whole block.
    found: Vec<(u64, Head, Box<[u8]>)>,
    /// The last offset looked at.
    through: u64,
    /// The offset of the last job among those found, 0 if there is none.
    last_job: u64,
    has_more: bool,
}

/// Looks for records that the consumer may see and wants. Blocks on the disk.
pub(super) fn scan(
    shared: &Shared,
    key: &ConsumerKey,
    consumer: &Consumer,
    from: u64,
    limit: usize,
) -> Result<Scan, ConsumerError> {
    let newest = shared.newest();
    let last = newest.min(from.saturating_add(MAX_SCAN_RECORDS - 1));
    let mut scan =
        Scan { found: Vec::new(), through: last.max(from - 1), last_job: 0, has_more: false };
    let mut bytes = 0;
    for record in shared.tables.records(from, last) {
        let (offset, value) = record.map_err(|error| unreadable(&error))?;
        let head = Head::read(&value).map_err(|error| damaged(offset, &error))?;
        if !key.owner.sees(head.account) || !head.is_for_consumers || !may_want(consumer, head.kind)
        {
            continue;
        }
        if head.kind == RecordKind::PushJob {
            scan.last_job = offset;
        }
        bytes += value.len();
        scan.found.push((offset, head, Box::from(&value[..])));
        if scan.found.len() >= limit.clamp(1, MAX_READ_RECORDS) || bytes >= MAX_READ_BYTES {
            scan.through = offset;
            break;
        }
    }
    scan.has_more = scan.through < newest;
    Ok(scan)
}

/// A job may be wanted as a job or as an expired one; which it is, is decided later.
fn may_want(consumer: &Consumer, kind: RecordKind) -> bool {
    if kind == RecordKind::PushJob {
        consumer.filter.wants_jobs()
    } else {
        consumer.filter.has(kind)
    }
}

/// Turns late jobs into events, by the instants decided, and leaves out what the consumer then doesn't want. What
/// was acknowledged meanwhile is left out too: its instant is forgotten, and that of a later hand-out might
/// decide otherwise.
fn hand_over(scan: &Scan, decided: &Consumer) -> Result<Reading, ConsumerError> {
    let mut records = Vec::with_capacity(scan.found.len());
    for (offset, head, bytes) in scan.found.iter().filter(|(offset, ..)| *offset > decided.acked) {
        let kind = leaves_as(*head, decided.decided_at(*offset));
        if decided.filter.has(kind) {
            let record = codec::decode(bytes).map_err(|error| damaged(*offset, &error))?;
            records.push(Handed { offset: *offset, kind, record });
        }
    }
    Ok(Reading { records, through: scan.through, has_more: scan.has_more })
}

/// `decided_at` is missing for events alone: a job that is handed over has been decided.
fn leaves_as(head: Head, decided_at: Option<UtcMs>) -> RecordKind {
    let is_late = decided_at.is_some_and(|decided_at| head.expires_at <= decided_at);
    if head.kind == RecordKind::PushJob && is_late { RecordKind::Expired } else { head.kind }
}

fn is_expired(handed: &Handed) -> bool {
    handed.kind == RecordKind::Expired && matches!(handed.record.content, Content::Job(_))
}

fn unreadable(error: &dyn std::fmt::Display) -> ConsumerError {
    OutboxError::Unreadable { reason: error.to_string().into() }.into()
}

fn damaged(offset: u64, error: &codec::CodecError) -> ConsumerError {
    unreadable(&format!(
        "the outbox is damaged at offset {offset}: {error}; acknowledge that offset to go on behind it"
    ))
}
