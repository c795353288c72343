//! A daemon's own journal through the engine: it must give the daemon's outbox, byte for byte.
//!
//! The order of the outbox over partitions hangs on timing, that within a partition does not; so records are
//! compared by partition, input and ordinal. What retention has removed from the outbox can't be compared and
//! is counted apart.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::json;

use crate::domain::ids::{InputSeq, PARTITIONS};
use crate::identity::Keyring;
use crate::journal::{LogReader, Resume};
use crate::offline::rerun::Rerun;
use crate::outbox::codec::{decode, encode};
use crate::outbox::store::stored_records;
use crate::snapshot::store::Store;

use super::args::ReplayError;

/// Partition, input and ordinal of a record.
type Place = (u8, u64, u32);

#[derive(Default)]
struct Comparison {
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

pub(super) fn run(data: &Path, snapshots: Option<&Path>) -> Result<(), ReplayError> {
    let default = data.join("snapshots");
    let store = Store::open(snapshots.unwrap_or(&default))?;
    let keyring = Keyring::open(data)?;
    let (mut stored, first_offset) = outbox_of(data)?;
    let mut oldest = [u64::MAX; PARTITIONS];
    for (partition, seq, _) in stored.keys() {
        let oldest = &mut oldest[usize::from(*partition)];
        *oldest = (*oldest).min(*seq);
    }
    let mut found = Comparison::default();
    let mut log = LogReader::open(data, &keyring, Resume::from_start())?;
    let mut find = |epoch| store.load(epoch, None).map(Arc::new).map_err(|error| error.to_string());
    let key = keyring.installation_key();
    let mut rerun = Rerun::new(Vec::new(), key, keyring.sealer(), &mut find)?;
    let mut bytes = Vec::new();
    while let Some((position, input)) = log.next_input()? {
        found.inputs += 1;
        rerun.take(position, &input.as_input(), |record| {
            bytes.clear();
            encode(&record, &mut bytes);
            found.records += 1;
            let place = (position.partition.0, position.seq.0, record.ordinal);
            let removed =
                first_offset > 1 && InputSeq(oldest[position.partition.index()]) > position.seq;
            match stored.remove(&place) {
                Some(kept) if kept == bytes => found.equal += 1,
                Some(_) => found.different += 1,
                None if removed => found.removed += 1,
                None => found.missing += 1,
            }
        })?;
    }
    found.unexpected = stored.len() as u64;
    found.print();
    if found.missing + found.different + found.unexpected > 0 {
        return Err("the journal does not give the outbox: see the figures above".into());
    }
    Ok(())
}

/// The outbox's records by place, and its oldest offset.
fn outbox_of(data: &Path) -> Result<(BTreeMap<Place, Vec<u8>>, u64), ReplayError> {
    let mut stored = BTreeMap::new();
    let mut first_offset = u64::MAX;
    let mut damaged = None;
    stored_records(&data.join("outbox"), |offset, bytes| {
        first_offset = first_offset.min(offset);
        match decode(bytes) {
            Ok(record) => {
                let place = (record.position.partition.0, record.position.seq.0, record.ordinal);
                stored.insert(place, bytes.to_vec());
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

impl Comparison {
    fn print(&self) {
        println!(
            "{}",
            json!({
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
