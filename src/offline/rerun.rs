//! Journalled inputs through the same engine again: what recovery and `replay --journal` have in common.
//!
//! Inputs come in the order of the log; each partition goes on from its checkpoint, or from nothing. Each
//! publication names the snapshot that decides from then on; it is loaded when the first partition comes to
//! it and let go when the last has left it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::ids::{Epoch, InputPosition, PARTITIONS, PartitionId, SnapshotHash};
use crate::domain::input::Input;
use crate::domain::lots::InstallationKey;
use crate::domain::policy::Policy;
use crate::engine::prepare::prepare;
use crate::engine::{Counts, Outputs, Partition};
use crate::identity::Sealer;
use crate::journal::OwnedInput;
use crate::outbox::tallies::TallyItem;
use crate::outbox::{OutboxRecord, encode};
use crate::snapshot::load::Loaded;

/// Finds a snapshot by its number.
pub type FindSnapshot<'a> = dyn FnMut(Epoch) -> Result<Arc<Loaded>, String> + 'a;

/// Partitions on their way through the log.
pub struct Rerun<'a> {
    partitions: Vec<Partition>,
    snapshots: BTreeMap<Epoch, Arc<Loaded>>,
    find: &'a mut FindSnapshot<'a>,
    sealer: Sealer,
    out: Outputs,
}

/// Why the log cannot be gone through again.
#[derive(Debug, thiserror::Error)]
pub enum RerunError {
    /// A snapshot that decided then is gone or unreadable.
    #[error(
        "snapshot {epoch}, which decided partition {partition} then, can't be loaded: {reason}; \
         restore it from a copy of the snapshot directory"
    )]
    Snapshot {
        /// Its number.
        epoch: Epoch,
        /// Who needs it.
        partition: PartitionId,
        /// What is wrong.
        reason: String,
    },
    /// There is a snapshot of that number, but it is another one.
    #[error(
        "snapshot {epoch} has the hash {found}, but partition {partition} was decided with {wanted}; \
         restore the snapshot directory that belongs to this journal"
    )]
    OtherSnapshot {
        /// Its number.
        epoch: Epoch,
        /// Who needs it.
        partition: PartitionId,
        /// What the journal names.
        wanted: SnapshotHash,
        /// What the directory has.
        found: SnapshotHash,
    },
}

impl<'a> Rerun<'a> {
    /// Starts from `restored` partitions; those not among them start from nothing.
    ///
    /// # Errors
    /// [`RerunError`] when a restored partition's snapshot is not to be had.
    pub fn new(
        restored: Vec<Partition>,
        key: InstallationKey,
        sealer: Sealer,
        find: &'a mut FindSnapshot<'a>,
    ) -> Result<Self, RerunError> {
        let mut by_id: Vec<Option<Partition>> = (0..PARTITIONS).map(|_| None).collect();
        for partition in restored {
            let place = partition.id().index();
            by_id[place] = Some(partition);
        }
        let fresh = |id| Partition::new(id, key, Policy::default());
        let partitions: Vec<Partition> = PartitionId::all()
            .zip(by_id)
            .map(|(id, one)| one.unwrap_or_else(|| fresh(id)))
            .collect();
        let mut out = Outputs::with_capacity(1024).keeping_tallies();
        for partition in &partitions {
            // What the checkpoints left open will close here.
            out.counts.triggers += partition.open_triggers();
            out.counts.open += partition.open_triggers();
        }
        let mut rerun = Self { partitions, snapshots: BTreeMap::new(), find, sealer, out };
        for place in 0..PARTITIONS {
            let partition = &rerun.partitions[place];
            let (id, epoch, hash) = (partition.id(), partition.epoch(), partition.snapshot());
            if epoch != Epoch(0) {
                rerun.need(id, epoch, hash)?;
            }
        }
        Ok(rerun)
    }

    /// Starts loading what the coming inputs will read; the first of them is taken next.
    pub fn prepare(&self, coming: &[(InputPosition, OwnedInput)]) {
        prepare(|ahead| {
            let (position, input) = coming.get(ahead)?;
            let partition = &self.partitions[position.partition.index()];
            let loaded = self.snapshots.get(&partition.epoch())?;
            Some((partition, input.as_input(), Some(loaded.view())))
        });
    }

    /// Takes the next input of the log. What it causes is had from [`records`](Self::records) and
    /// [`tallies`](Self::tallies) until the next one is taken.
    ///
    /// # Errors
    /// [`RerunError`] when the snapshot of a publication is not to be had.
    pub fn take(&mut self, position: InputPosition, input: &Input<'_>) -> Result<(), RerunError> {
        if let Input::Publication { epoch, hash } = input {
            self.need(position.partition, *epoch, *hash)?;
        }
        self.out.decisions.clear();
        self.out.tallies.clear();
        self.out.wants.clear();
        let partition = &mut self.partitions[position.partition.index()];
        let loaded = self.snapshots.get(&partition.epoch());
        partition.step(input, loaded.map(|loaded| loaded.view()), &mut self.out);
        debug_assert_eq!(
            partition.seq(),
            position.seq,
            "the journal proves that inputs are gapless"
        );
        Ok(())
    }

    /// What the input taken last causes for consumers, in order.
    pub fn records(&mut self) -> impl Iterator<Item = OutboxRecord> {
        let Self { snapshots, sealer, out, .. } = self;
        out.decisions.iter().filter_map(|decision| {
            let loaded = snapshots.get(&decision.epoch)?;
            Some(encode::record(decision, loaded.view(), sealer))
        })
    }

    /// What the input taken last adds to the figures.
    pub fn tallies(&self) -> impl Iterator<Item = TallyItem> {
        self.out.tallies.iter().map(|tally| TallyItem::of(tally, &self.sealer))
    }

    /// What was counted on the way; triggers that the checkpoints left open count as triggers.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.out.counts
    }

    /// The partitions as they are now, all of them, ascending.
    #[must_use]
    pub fn into_partitions(self) -> Vec<Partition> {
        self.partitions
    }

    fn need(
        &mut self,
        partition: PartitionId,
        epoch: Epoch,
        wanted: SnapshotHash,
    ) -> Result<(), RerunError> {
        if !self.snapshots.contains_key(&epoch) {
            self.let_go_of_unused();
            let loaded = (self.find)(epoch).map_err(|reason| RerunError::Snapshot {
                epoch,
                partition,
                reason,
            })?;
            self.snapshots.insert(epoch, loaded);
        }
        let found = self.snapshots[&epoch].view().hash();
        if found == wanted {
            Ok(())
        } else {
            Err(RerunError::OtherSnapshot { epoch, partition, wanted, found })
        }
    }

    fn let_go_of_unused(&mut self) {
        let partitions = &self.partitions;
        self.snapshots.retain(|epoch, _| partitions.iter().any(|one| one.epoch() == *epoch));
    }
}
