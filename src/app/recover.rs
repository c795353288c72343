//! From the files of the last run to partitions that go on: checkpoints, the log after them, the outbox.
//!
//! What the log causes goes to the outbox, which drops what it has already; so a crash between sync and
//! release loses nothing and doubles nothing. The three must belong together: a checkpoint counts only if the
//! outbox has what its inputs caused, and the log must reach as far as the outbox does.

use std::sync::Arc;

use anyhow::{Context, bail};

use crate::domain::ids::{Epoch, InputSeq, PartitionId};
use crate::domain::input::Input;
use crate::domain::units::UtcMs;
use crate::engine::Partition;
use crate::identity::Keyring;
use crate::journal::{CheckpointMark, Checkpoints, JournalError, Latest, Recovery, Resume};
use crate::offline::rerun::Rerun;
use crate::offline::restore::partition_of;
use crate::outbox::{Outbox, OutboxRecord, Release, Withheld};
use crate::snapshot::load::Loaded;

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

/// Outputs handed to the outbox at once while the log is gone through.
const RELEASE_RECORDS: usize = 1024;

/// How often an outbox without room is asked again, each time for some milliseconds: half a minute in all.
const OFFERS: u32 = 6000;

/// Brings every partition to the end of the log, which `open` opens for reading back.
///
/// # Errors
/// Damaged files, files that don't belong together, a log that does not reach back far enough, a snapshot that is
/// gone, a disk without room: each says what to do.
pub(super) fn recover(
    open: impl FnOnce(Resume) -> Result<Recovery, JournalError>,
    keyring: &Keyring,
    outbox: &Outbox,
    checkpoints: &Checkpoints,
    mut find: impl FnMut(Epoch) -> Result<Arc<Loaded>, String>,
) -> anyhow::Result<Recovered> {
    let Restored { partitions, resume, behind } = restore(keyring, checkpoints, outbox)?;
    let mut recovery = open(resume).map_err(|error| explain(error, behind))?;
    report_tail(&recovery);
    let restored = partitions.len();
    let key = keyring.installation_key();
    let mut rerun = Rerun::new(partitions, key, keyring.sealer(), &mut find)?;
    let mut inputs = 0;
    let mut latest_instant = outbox.instant_before();
    let mut release = Release::default();
    while let Some((position, input)) = recovery.next_input().context("the journal")? {
        inputs += 1;
        let input = input.as_input();
        latest_instant = latest_instant.max(instant_of(&input));
        rerun.take(position, &input, |record: OutboxRecord| {
            release.records.push(record);
        })?;
        release.marks.push((position.partition, position.seq));
        if release.records.len() + release.marks.len() >= RELEASE_RECORDS {
            hand_over(outbox, std::mem::take(&mut release))?;
        }
    }
    hand_over(outbox, release)?;
    let partitions = rerun.into_partitions();
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

fn restore(
    keyring: &Keyring,
    checkpoints: &Checkpoints,
    outbox: &Outbox,
) -> anyhow::Result<Restored> {
    let (mut partitions, mut marks, mut behind) = (Vec::new(), Vec::new(), None);
    for id in PartitionId::all() {
        let latest =
            checkpoints.latest_within(id, outbox.durable(id)).context("the checkpoints")?;
        report_checkpoints(&latest);
        behind = behind.or(latest.passed_over);
        let Some(checkpoint) = latest.checkpoint else {
            marks.push((id, None));
            continue;
        };
        partitions.push(partition_of(&checkpoint, keyring)?);
        marks.push((id, Some(checkpoint.mark)));
    }
    Ok(Restored { partitions, resume: Resume::of(marks), behind })
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
        (JournalError::StartsLate { .. }, Some(CheckpointMark { partition, seq, .. })) => {
            anyhow::anyhow!(
                "the outbox is older than the checkpoints: it lacks what came before input {seq} of \
                 partition {partition}, and the log no longer reaches back so far; restore the outbox that \
                 belongs to this data directory, or move log, checkpoints and outbox away together to start anew"
            )
        }
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

/// Hands outputs over. A disk without room is waited for a while, not for ever: until recovery is through, nobody
/// could see what the daemon waits for.
fn hand_over(outbox: &Outbox, mut release: Release) -> anyhow::Result<()> {
    for _ in 0..OFFERS {
        match outbox.offer(release) {
            Ok(()) => return Ok(()),
            Err(Withheld::Full(back)) => release = back,
            Err(Withheld::Ended) => break,
        }
    }
    if let Some(ended) = outbox.ended() {
        return Err(ended.into());
    }
    bail!(
        "the outbox has no room for what the log caused: less than outbox.disk_reserve_bytes is free on its disk; \
         make room and start again"
    )
}

fn report_tail(recovery: &Recovery) {
    let tail = recovery.tail();
    if !tail.clean {
        tracing::warn!(?tail, "the last run did not end cleanly; its tail was cut and synced");
    }
}

/// What our clock said when an input was taken in.
pub(super) fn instant_of(input: &Input<'_>) -> UtcMs {
    match input {
        Input::Fixes(batch) => batch.received_at,
        Input::Outcomes(batch) => batch.received_at,
        Input::Profiles(batch) => batch.received_at,
        Input::Hints(batch) => batch.received_at,
        Input::Tick { now } => *now,
        Input::Publication { .. } | Input::Grant(_) | Input::Policy(_) => UtcMs::MIN,
    }
}
