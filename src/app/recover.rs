//! From the files of the last run to partitions that go on: checkpoints, the log after them, the outbox.
//!
//! What the log causes goes to the outbox, but for what it has already; so a crash between sync and
//! release loses nothing and doubles nothing. The three must belong together: a checkpoint counts only if the
//! outbox has what its inputs caused, and the log must reach as far as the outbox does.

use anyhow::{Context, bail};

use super::catch_up::{CaughtUp, Find, Surroundings, catch_up, spawn};
use crate::domain::ids::{InputSeq, PartitionId};
use crate::domain::units::UtcMs;
use crate::engine::Partition;
use crate::journal::{
    Checkpoint, CheckpointMark, Checkpoints, JournalError, Latest, Recovery, Resume,
};
use crate::offline::restore::partition_of;
use crate::offline::simulate::result_of;
use crate::outbox::Outbox;

/// Where a run goes on.
pub(super) struct Recovered {
    /// All partitions, ascending.
    pub(super) partitions: Vec<Partition>,
    /// The log, read to its end.
    pub(super) recovery: Recovery,
    /// Partitions that had a checkpoint.
    pub(super) restored: usize,
    /// Inputs gone through again.
    pub(super) inputs: u64,
    /// The latest instant of our own clock that the last run is known to have used. The clock must not fall
    /// behind it. Instants of fixes are none of ours.
    pub(super) latest_instant: UtcMs,
}

/// Brings every partition to the end of the log, which `open` opens for reading back.
///
/// # Errors
/// Damaged files, files that don't belong together, a log that does not reach back far enough, a snapshot that is
/// gone, a disk without room: each says what to do.
pub(super) fn recover(
    open: impl FnOnce(Resume) -> Result<Recovery, JournalError>,
    around: Surroundings<'_>,
    checkpoints: &Checkpoints,
    find: impl Find,
) -> anyhow::Result<Recovered> {
    let outbox = around.outbox;
    let known_instant = outbox.instant_before();
    let Restored { partitions, resume, behind } = restore(around, checkpoints)?;
    let mut recovery = open(resume).map_err(|error| explain(error, behind))?;
    report_tail(&recovery);
    let restored = partitions.len();
    let CaughtUp { partitions, inputs, latest_instant } =
        catch_up(&mut recovery, partitions, around, find)?;
    let latest_instant = latest_instant.max(known_instant);
    check_end(&partitions, outbox)?;
    Ok(Recovered { partitions, recovery, restored, inputs, latest_instant })
}

/// What the checkpoints give.
struct Restored {
    partitions: Vec<Partition>,
    resume: Resume,
    /// A checkpoint that does not count, because the outbox has not come as far.
    behind: Option<CheckpointMark>,
}

fn restore(around: Surroundings<'_>, checkpoints: &Checkpoints) -> anyhow::Result<Restored> {
    let ids: Vec<PartitionId> = PartitionId::all().collect();
    let shares = ids.chunks(ids.len().div_ceil(around.lanes));
    let restored: Vec<Vec<One>> = if around.lanes == 1 {
        vec![restore_these(&ids, around, checkpoints)?]
    } else {
        std::thread::scope(|scope| {
            let work = |ids| move || restore_these(ids, around, checkpoints);
            let threads = shares.enumerate().map(|(number, ids)| spawn(scope, number, work(ids)));
            let threads: Vec<_> = threads.collect::<Result<_, _>>()?;
            threads.into_iter().map(result_of).collect::<anyhow::Result<_>>()
        })?
    };
    let restored: Vec<One> = restored.into_iter().flatten().collect();
    let marks = restored.iter().map(|one| (one.id, one.restored.as_ref().map(|(mark, _)| *mark)));
    let resume = Resume::of(marks.collect::<Vec<_>>());
    let behind = restored.iter().find_map(|one| one.behind);
    let partitions = restored.into_iter().filter_map(|one| Some(one.restored?.1)).collect();
    Ok(Restored { partitions, resume, behind })
}

/// What the checkpoints of one partition give.
struct One {
    id: PartitionId,
    restored: Option<(CheckpointMark, Partition)>,
    behind: Option<CheckpointMark>,
}

fn restore_these(
    ids: &[PartitionId],
    around: Surroundings<'_>,
    checkpoints: &Checkpoints,
) -> anyhow::Result<Vec<One>> {
    let Surroundings { keyring, outbox, .. } = around;
    let restore = |&id: &PartitionId| {
        let latest =
            checkpoints.latest_within(id, outbox.durable(id)).context("the checkpoints")?;
        report_checkpoints(&latest);
        let whole = |checkpoint: Checkpoint| {
            anyhow::Ok((checkpoint.mark, partition_of(&checkpoint, keyring)?))
        };
        let restored = latest.checkpoint.map(whole).transpose()?;
        Ok(One { id, restored, behind: latest.passed_over })
    };
    ids.iter().map(restore).collect()
}

fn report_checkpoints(latest: &Latest) {
    for damaged in &latest.damaged {
        tracing::error!(path = %damaged.path.display(), reason = %damaged.reason,
            "a checkpoint is damaged and was set aside; the one before it is used");
    }
    if let Some(mark) = latest.passed_over {
        tracing::warn!(
            partition = mark.partition.0,
            "the outbox has not come as far as the newest checkpoint; an earlier one is used"
        );
    }
}

/// Why the log can't be gone through, in particular if the outbox is to blame.
fn explain(error: JournalError, behind: Option<CheckpointMark>) -> anyhow::Error {
    match (error, behind) {
        (
            JournalError::StartsLate { .. } | JournalError::Erased { .. },
            Some(CheckpointMark { partition, seq, .. }),
        ) => anyhow::anyhow!(
            "the outbox is older than the checkpoints: it lacks what came before input {seq} of \
             partition {partition}, and the log no longer reaches back so far, or devices were erased from it; restore the \
             outbox that belongs to this data directory, or move log, checkpoints and outbox away together to start anew"
        ),
        (error, _) => anyhow::Error::new(error).context("the journal"),
    }
}

/// What the outbox has, the log must have had. If it hasn't any more, its end was lost after it was synced, and new
/// inputs would get the numbers of those that are lost: the outbox would take their jobs for repeats.
fn check_end(partitions: &[Partition], outbox: &Outbox) -> anyhow::Result<()> {
    for partition in partitions {
        let (id, last, durable) = (partition.id(), partition.seq(), outbox.durable(partition.id()));
        if durable > last {
            let InputSeq(lost) = durable;
            bail!(
                "the log of partition {id} ends at input {last}, but the outbox has the jobs of input {lost}: \
                 the end of the log was damaged or replaced; restore the log, or move log, checkpoints and \
                 outbox away together to start anew"
            );
        }
    }
    Ok(())
}

fn report_tail(recovery: &Recovery) {
    let tail = recovery.tail();
    if !tail.clean {
        tracing::warn!(?tail, "the last run did not end cleanly; its tail was cut and synced");
    }
}
