//! What others ask of the outbox thread: releases from shards, and orders about consumers.

use tokio::sync::oneshot;

use crate::domain::ids::{InputSeq, PartitionId};

use super::consumer::{Consumer, ConsumerKey, Filter, HandOut};
use super::record::OutboxRecord;
use super::tallies::TallyItem;

/// Outputs of inputs that are synced, and how far the partitions have come.
///
/// All outputs of one input travel in one release, in the order of their ordinals, and the releases of a
/// partition come in the order of its inputs.
#[derive(Debug, Default)]
pub struct Release {
    /// The outputs.
    pub records: Vec<OutboxRecord>,
    /// What reports count of them.
    pub tallies: Vec<TallyItem>,
    /// Partitions whose inputs up to these numbers have no other outputs than those released so far. All whose outputs are in
    /// here are among them.
    pub marks: Vec<(PartitionId, InputSeq)>,
}

impl Release {
    /// These outputs, with marks for their inputs.
    #[must_use]
    pub fn of(records: Vec<OutboxRecord>, tallies: Vec<TallyItem>) -> Self {
        let of_records = records.iter().map(|record| record.position);
        let positions = of_records.chain(tallies.iter().map(|tally| tally.position));
        let marks = positions.map(|position| (position.partition, position.seq)).collect();
        Self { records, tallies, marks }
    }

    /// What it takes in memory.
    pub(super) fn bytes(&self) -> u64 {
        let records: usize = self.records.iter().map(OutboxRecord::bytes).sum();
        let others = size_of_val(&*self.tallies) + size_of_val(&*self.marks);
        (size_of::<Self>() + records + others) as u64
    }
}

/// Why a release was not taken.
#[derive(Debug)]
pub enum Withheld {
    /// There is no room at present; here it is again.
    Full(Release),
    /// The outbox has ended: [`Outbox::ended`](super::Outbox::ended) says why.
    Ended,
}

/// Where a new consumer begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// At the oldest record kept.
    #[default]
    Earliest,
    /// Behind the newest.
    Latest,
}

/// A change to a consumer; answered when it is on stable storage.
pub(super) enum Order {
    Create {
        key: ConsumerKey,
        start: Start,
        filter: Filter,
        answer: oneshot::Sender<Result<Created, ConsumerError>>,
    },
    Ack {
        key: ConsumerKey,
        offset: u64,
        answer: oneshot::Sender<Result<Consumer, ConsumerError>>,
    },
    HandOut {
        key: ConsumerKey,
        hand_out: HandOut,
        answer: oneshot::Sender<Result<Consumer, ConsumerError>>,
    },
    Remove {
        key: ConsumerKey,
        answer: oneshot::Sender<Result<(), ConsumerError>>,
    },
    /// Write what waits, and end.
    Close,
}

/// A consumer that exists now, and whether it did before.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Created {
    /// Its state.
    pub consumer: Consumer,
    /// `false` if it was there already.
    pub is_new: bool,
}

/// Why an order about a consumer, or a read, was refused.
#[derive(Debug, thiserror::Error)]
pub enum ConsumerError {
    /// It does not exist.
    #[error("there is no consumer {key}; create it first with PUT /v1/queues/{name}", name = key.name)]
    Unknown {
        /// Which.
        key: ConsumerKey,
    },
    /// It exists and wants other kinds.
    #[error(
        "consumer {key} exists with other kinds; delete it first, or create one of another name"
    )]
    OtherFilter {
        /// Which.
        key: ConsumerKey,
    },
    /// The account has as many as it may have.
    #[error(
        "the account has {limit} consumers, as many as consumers_per_account allows; delete one first"
    )]
    TooMany {
        /// The limit.
        limit: u32,
    },
    /// An ack of what nobody has seen.
    #[error("offset {offset} is not written yet: the newest is {newest}")]
    Ahead {
        /// What was acknowledged.
        offset: u64,
        /// The last visible offset.
        newest: u64,
    },
    /// It reads on and on and never acknowledges.
    #[error("consumer {key} has {limit} unacknowledged hand-outs; acknowledge what is done")]
    AckFirst {
        /// Which.
        key: ConsumerKey,
        /// The limit.
        limit: usize,
    },
    /// The store failed, or the outbox has ended.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
}

/// Why the outbox takes nothing more. Final until restart.
#[derive(Debug, Clone, thiserror::Error)]
pub enum OutboxError {
    /// A write or sync failed. Nothing after it was made visible or durable; the journal still has its cause.
    #[error(
        "the outbox stopped: {reason}; restart once the disk is sound, and recovery writes the rest"
    )]
    Failed {
        /// What the store said.
        reason: std::sync::Arc<str>,
    },
    /// It was closed.
    #[error("the outbox is closed")]
    Closed,
    /// It can't be read.
    #[error("{reason}")]
    Unreadable {
        /// What the store said.
        reason: std::sync::Arc<str>,
    },
}
