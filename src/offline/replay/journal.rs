//! A daemon's own journal through the engine: it must give the daemon's outbox, byte for byte.
//!
//! The order of the outbox over partitions hangs on timing, that within a partition does not; so records are
//! compared by partition, input and ordinal. What retention has removed from the outbox can't be compared and
//! is counted apart. If the beginning of the log is trimmed, the kept checkpoints are where it begins. Nothing is
//! made or changed in the data directory.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::json;

use crate::domain::ids::{InputSeq, PARTITIONS, PartitionId};
use crate::engine::Partition;
use crate::identity::Keyring;
use crate::journal::{Checkpoints, JournalError, LogReader, Resume};
use crate::offline::rerun::Rerun;
use crate::offline::restore::partition_of;
use crate::outbox::codec::{decode, encode};
use crate::outbox::store::stored_records;
use crate::snapshot::store::Store;

use super::args::ReplayError;

/// Partition, input and ordinal of a record.
type Place = (u8, u64, u32);

#[derive(Default)]
struct Comparison {
    /// In the outbox, and caused before the checkpoints that the log was gone through from.
    before: u64,
    inputs: u64,
    records: u64,
    equal: u64,
    /// In the journal's output and not in the outbox.
    missing: u64,
    /// In the journal's output and no longer in the outbox.
    removed: u64,
    different: u64,
    /// In the outbox and not in the journal's output.
    unexpected: u64,
}

/// Where the parts of a daemon's data are.
pub(super) struct Places<'a> {
    /// Keys, outbox and, unless told otherwise, the rest.
    pub(super) data: &'a Path,
    /// The folder with `log` and `checkpoints`, if it is another.
    pub(super) journal: Option<&'a Path>,
    /// The snapshot store, if it is not `snapshots` in the data directory.
    pub(super) snapshots: Option<&'a Path>,
}

pub(super) fn run(places: &Places<'_>) -> Result<(), ReplayError> {
    let keyring = Keyring::existing(places.data)?;
    let default = places.data.join("snapshots");
    let store = Store::existing(places.snapshots.unwrap_or(&default))?;
    let Begun { mut log, restored } = begin(places.journal.unwrap_or(places.data), &keyring)?;
    let mut marks = [InputSeq(0); PARTITIONS];
    restored.iter().for_each(|partition| marks[partition.id().index()] = partition.seq());
    let (mut stored, first_offset) = outbox_of(places.data)?;
    let mut found =
        Comparison { before: drop_before(&mut stored, &marks), ..Comparison::default() };
    let oldest = oldest_of(&stored);
    let mut find = |epoch| store.load(epoch, None).map(Arc::new).map_err(|error| error.to_string());
    let key = keyring.installation_key();
    let mut rerun = Rerun::new(restored, key, keyring.sealer(), &mut find)?;
    let mut bytes = Vec::new();
    while let Some((position, input)) = log.next_input()? {
        found.inputs += 1;
        rerun.take(position, &input.as_input())?;
        for record in rerun.records() {
            bytes.clear();
            encode(&record, &mut bytes);
            found.records += 1;
            let place = (position.partition.0, position.seq.0, record.ordinal);
            let removed =
                first_offset > 1 && InputSeq(oldest[position.partition.index()]) > position.seq;
            match stored.remove(&place) {
                Some(kept) if kept == Sum::of(&bytes) => found.equal += 1,
                Some(_) => found.different += 1,
                None if removed => found.removed += 1,
                None => found.missing += 1,
            }
        }
    }
    found.unexpected = stored.len() as u64;
    found.print();
    if found.missing + found.different + found.unexpected > 0 {
        return Err("the journal does not give the outbox: see the figures above".into());
    }
    Ok(())
}

/// The log, opened where it can be gone through from, and the partitions as of there.
struct Begun {
    log: LogReader,
    restored: Vec<Partition>,
}

/// From the beginning; if that is trimmed, from the oldest checkpoints that are kept.
fn begin(dir: &Path, keyring: &Keyring) -> Result<Begun, ReplayError> {
    match LogReader::open(dir, keyring, Resume::from_start()) {
        Ok(log) => return Ok(Begun { log, restored: Vec::new() }),
        Err(JournalError::StartsLate { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let checkpoints = Checkpoints::existing(dir, keyring)?;
    let (mut restored, mut marks) = (Vec::new(), Vec::new());
    for id in PartitionId::all() {
        let oldest = checkpoints.oldest(id)?;
        marks.push((id, oldest.as_ref().map(|checkpoint| checkpoint.mark)));
        restored.extend(oldest.map(|checkpoint| partition_of(&checkpoint, keyring)).transpose()?);
    }
    match LogReader::open(dir, keyring, Resume::of(marks)) {
        Ok(log) => Ok(Begun { log, restored }),
        Err(JournalError::StartsLate { first, .. }) => Err(format!(
            "the log begins at byte {first}, behind the checkpoints that are kept; to go through more of it, \
             let the daemon keep it with journal.keep_recording_bytes"
        )
        .into()),
        Err(error) => Err(error.into()),
    }
}

/// A record's bytes in little: an outbox may be larger than memory.
#[derive(PartialEq, Eq)]
struct Sum([u8; 16]);

impl Sum {
    fn of(bytes: &[u8]) -> Self {
        let mut sum = [0; 16];
        blake3::Hasher::new().update(bytes).finalize_xof().fill(&mut sum);
        Self(sum)
    }
}

/// The outbox's records by place, and its oldest offset.
fn outbox_of(data: &Path) -> Result<(BTreeMap<Place, Sum>, u64), ReplayError> {
    let mut stored = BTreeMap::new();
    let mut first_offset = u64::MAX;
    let mut damaged = None;
    stored_records(&data.join("outbox"), |offset, bytes| {
        first_offset = first_offset.min(offset);
        match decode(bytes) {
            Ok(record) => {
                let place = (record.position.partition.0, record.position.seq.0, record.ordinal);
                stored.insert(place, Sum::of(bytes));
            }
            Err(error) => {
                damaged = damaged.take().or(Some(format!("outbox record {offset}: {error}")))
            }
        }
    })?;
    match damaged {
        Some(reason) => Err(reason.into()),
        None => Ok((stored, first_offset)),
    }
}

/// Takes out what was caused before the checkpoints, and says how much that was.
fn drop_before(stored: &mut BTreeMap<Place, Sum>, marks: &[InputSeq; PARTITIONS]) -> u64 {
    let all = stored.len();
    stored.retain(|(partition, seq, _), _| InputSeq(*seq) > marks[usize::from(*partition)]);
    (all - stored.len()) as u64
}

/// By partition, the first input that the outbox has records of.
fn oldest_of(stored: &BTreeMap<Place, Sum>) -> [u64; PARTITIONS] {
    let mut oldest = [u64::MAX; PARTITIONS];
    for (partition, seq, _) in stored.keys() {
        let oldest = &mut oldest[usize::from(*partition)];
        *oldest = (*oldest).min(*seq);
    }
    oldest
}

impl Comparison {
    fn print(&self) {
        println!(
            "{}",
            json!({
                "before": self.before,
                "inputs": self.inputs,
                "records": self.records,
                "equal": self.equal,
                "missing": self.missing,
                "removed": self.removed,
                "different": self.different,
                "unexpected": self.unexpected,
            })
        );
    }
}
