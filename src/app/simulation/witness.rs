//! What the log has had: every input of every partition, gathered before anything of it is trimmed or lost.

use std::sync::Arc;

use super::hardware::Hardware;
use crate::domain::ids::{InputSeq, PARTITIONS, PartitionId};
use crate::journal::{Checkpoints, LogPosition, LogReader, OwnedInput, Resume};

/// By partition, its inputs from the first.
pub(super) struct Witness {
    pub(super) history: Vec<Vec<OwnedInput>>,
}

impl Witness {
    pub(super) fn new() -> Self {
        Self { history: vec![Vec::new(); PARTITIONS] }
    }

    /// Reads the log as it is on the disk now, as a replay would: what is in it counts, and what was behind it
    /// and is gone was never promised, or the judge will miss it.
    pub(super) fn look(&mut self, hardware: &Hardware) {
        let (keyring, dir) = (Hardware::keyring(), Hardware::data_dir());
        // On a copy, for opening checkpoints tidies up.
        let disk = Arc::new(hardware.disk.fork());
        let checkpoints = Checkpoints::open_on(Arc::<_>::clone(&disk) as _, &dir, &keyring)
            .expect("checkpoints are readable");
        let mut resume = Resume::from_start();
        resume.from = beginning(hardware);
        for (id, history) in PartitionId::all().zip(&self.history) {
            let oldest = checkpoints.oldest(id).expect("a checkpoint is readable");
            // What was trimmed is behind the oldest checkpoint, and was looked at before.
            let behind = oldest.map_or(InputSeq(0), |checkpoint| checkpoint.mark.seq);
            resume.set_mark(id, behind.min(InputSeq(history.len() as u64)));
        }
        let mark = |id| usize::try_from(resume.mark(id).0).expect("a few");
        let mut ends: Vec<usize> = PartitionId::all().map(mark).collect();
        let mut reader =
            LogReader::open_on(disk, &dir, &keyring, resume).expect("the log is readable");
        while let Some((position, input)) = reader.next_input().expect("the log is sound") {
            let history = &mut self.history[position.partition.index()];
            let place = usize::try_from(position.seq.0).expect("a few") - 1;
            history.truncate(place);
            assert_eq!(history.len(), place, "no input of {position:?} was trimmed unseen");
            history.push(input.clone());
            ends[position.partition.index()] = place + 1;
        }
        for (history, end) in self.history.iter_mut().zip(ends) {
            history.truncate(end);
        }
    }
}

/// Where the log begins, by the names of its files.
pub(super) fn beginning(hardware: &Hardware) -> LogPosition {
    let paths = hardware.disk.paths();
    let segments = paths.iter().filter(|path| path.extension().is_some_and(|end| end == "seg"));
    let first = segments.filter_map(|path| path.file_stem()?.to_str()?.parse().ok()).min();
    LogPosition(first.unwrap_or(0))
}
