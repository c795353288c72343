//! Where in the log, which commit, and from where on to read.

use std::fmt;

use super::checkpoint::CheckpointMark;
use crate::domain::ids::{InputSeq, PARTITIONS, PartitionId};

/// A place in the log: bytes since its beginning, headers of segments included. Trimming moves no
/// position.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct LogPosition(pub u64);

impl LogPosition {
    /// The log's beginning.
    pub const START: Self = Self(0);
}

impl fmt::Display for LogPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// The number of a hand-over from one shard to the writer, from 1; 0 is before all. Each shard
/// counts its own, and each process anew.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct CommitNo(pub u64);

/// From where on recovery reads: what the checkpoints stand for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Resume {
    /// Every input after its partition's mark is at or behind this position.
    pub from: LogPosition,
    /// By partition, the last input that the checkpoint has in it; 0 where there is none.
    marks: Box<[InputSeq; PARTITIONS]>,
    /// The only partition that is read, where the others' inputs are of no matter.
    only: Option<PartitionId>,
    /// Whether reading begins where the log does, wherever that is.
    anywhere: bool,
}

impl Resume {
    /// Nothing is known: all of the log is read, and it must reach back to its beginning.
    #[must_use]
    pub fn from_start() -> Self {
        let marks = Box::new([InputSeq(0); PARTITIONS]);
        Self { from: LogPosition::START, marks, only: None, anywhere: false }
    }

    /// All that the log still has is read, with whatever input of a partition it begins: for whoever needs no state
    /// from before.
    #[must_use]
    pub fn anywhere() -> Self {
        Self { anywhere: true, ..Self::from_start() }
    }

    pub(super) fn is_anywhere(&self) -> bool {
        self.anywhere
    }

    /// What these checkpoints allow to skip, given for every partition that the daemon owns. While
    /// one of them has none, the log must reach back to its beginning.
    pub fn of(owned: impl IntoIterator<Item = (PartitionId, Option<CheckpointMark>)>) -> Self {
        let mut resume = Self::from_start();
        let mut from = None;
        for (partition, mark) in owned {
            let keep_from = mark.map_or(LogPosition::START, |mark| mark.keep_from);
            from = Some(from.map_or(keep_from, |from: LogPosition| from.min(keep_from)));
            if let Some(mark) = mark {
                resume.set_mark(partition, mark.seq);
            }
        }
        resume.from = from.unwrap_or_default();
        resume
    }

    /// Of one partition alone: what its checkpoint allows to skip. The inputs of all others are passed over.
    #[must_use]
    pub fn of_one(partition: PartitionId, mark: Option<CheckpointMark>) -> Self {
        Self { only: Some(partition), ..Self::of([(partition, mark)]) }
    }

    /// Whether inputs of the partition are read.
    #[must_use]
    pub fn reads(&self, partition: PartitionId) -> bool {
        self.only.is_none_or(|only| only == partition)
    }

    /// The last input of the partition that need not be read.
    #[must_use]
    pub fn mark(&self, partition: PartitionId) -> InputSeq {
        self.marks[partition.index()]
    }

    /// Says that inputs of the partition up to `seq` need not be read.
    pub fn set_mark(&mut self, partition: PartitionId, seq: InputSeq) {
        self.marks[partition.index()] = seq;
    }
}
