//! From the files of the last run to partitions that go on: checkpoints, the log after them, the outbox.
//!
//! What the log causes goes to the outbox, which drops what it has already; so a crash between sync and
//! release loses nothing and doubles nothing.

use std::sync::Arc;

use anyhow::Context;

use crate::domain::ids::{Epoch, PartitionId};
use crate::domain::units::UtcMs;
use crate::engine::Partition;
use crate::identity::Keyring;
use crate::journal::{CheckpointMark, Checkpoints, Journal, JournalConfig, Recovery, Resume};
use crate::offline::rerun::Rerun;
use crate::outbox::{Outbox, OutboxRecord, Release};
use crate::shard::checkpoints::AtRest;
use crate::snapshot::load::Loaded;

/// Where a run goes on.
pub(super) struct Recovered {
    /// All partitions, ascending.
    pub(super) partitions: Vec<Partition>,
    /// The log, read to its end.
    pub(super) recovery: Recovery,
    /// Inputs gone through again.
    pub(super) inputs: u64,
}

/// Outputs handed to the outbox at once while the log is gone through.
const RELEASE_RECORDS: usize = 1024;

/// Brings every partition to the end of the log.
///
/// # Errors
/// Damaged files, a log that does not reach back far enough, a snapshot that is gone: each says what to do.
pub(super) fn recover(
    config: JournalConfig,
    keyring: &Keyring,
    outbox: &Outbox,
    checkpoints: &Checkpoints,
    mut find: impl FnMut(Epoch) -> Result<Arc<Loaded>, String>,
) -> anyhow::Result<Recovered> {
    let restored = restore(keyring, checkpoints)?;
    let mut resume = Resume::of(restored.iter().map(|(id, _, mark)| (*id, *mark)));
    for (id, partition, _) in &restored {
        if let Some(partition) = partition {
            resume.set_mark(*id, partition.seq());
        }
    }
    let mut recovery = Journal::open(config, keyring, resume).context("the journal")?;
    report_tail(&recovery);
    let partitions = restored.into_iter().filter_map(|(_, partition, _)| partition).collect();
    let key = keyring.installation_key();
    let mut rerun = Rerun::new(partitions, key, keyring.sealer(), &mut find)?;
    let mut inputs = 0;
    let mut release = Release::default();
    while let Some((position, input)) = recovery.next_input().context("the journal")? {
        inputs += 1;
        rerun.take(position, &input.as_input(), |record: OutboxRecord| {
            release.records.push(record);
        })?;
        release.marks.push((position.partition, position.seq));
        if release.records.len() + release.marks.len() >= RELEASE_RECORDS {
            outbox.release_through(std::mem::take(&mut release))?;
        }
    }
    outbox.release_through(release)?;
    Ok(Recovered { partitions: rerun.into_partitions(), recovery, inputs })
}

type Restored = (PartitionId, Option<Partition>, Option<CheckpointMark>);

fn restore(keyring: &Keyring, checkpoints: &Checkpoints) -> anyhow::Result<Vec<Restored>> {
    let key = keyring.installation_key();
    let mut sealer = keyring.sealer();
    let mut restored = Vec::new();
    for id in PartitionId::all() {
        let latest = checkpoints.latest(id).context("the checkpoints")?;
        for damaged in &latest.damaged {
            tracing::error!(path = %damaged.path.display(), reason = %damaged.reason,
                "a checkpoint is damaged and was set aside; the one before it is used");
        }
        let Some(checkpoint) = latest.checkpoint else {
            restored.push((id, None, None));
            continue;
        };
        let mut seal = AtRest(&mut sealer);
        let partition = Partition::read_state(id, key, &mut seal, checkpoint.state())
            .with_context(|| format!("the checkpoint of partition {id}"))?;
        restored.push((id, Some(partition), Some(checkpoint.mark)));
    }
    Ok(restored)
}

fn report_tail(recovery: &Recovery) {
    let tail = recovery.tail();
    if !tail.clean {
        tracing::warn!(?tail, "the last run did not end cleanly; its tail was cut and synced");
    }
}

/// The latest instant that the last run has used: the clock must not fall behind it.
pub(super) fn latest_instant(partitions: &[Partition]) -> UtcMs {
    partitions.iter().map(Partition::clock).max().unwrap_or(UtcMs::MIN)
}
