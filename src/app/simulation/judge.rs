//! Whether the promises were kept, once a run is over.

use std::collections::{BTreeMap, BTreeSet};

use super::catalog::{Catalog, LIMITED};
use super::clients::{Client, Frame, Payload};
use super::oracle::{Expected, expected};
use super::seen::Seen;
use super::witness::Witness;
use crate::domain::campaign::RunMode;
use crate::domain::decision::PushJob;
use crate::domain::ids::{Origin, PARTITIONS, PartitionId};
use crate::domain::input::Input;
use crate::domain::ping::Ping;
use crate::outbox::codec;

/// Where a frame was evaluated: by frame and partition, its records there.
type Evaluated = BTreeMap<(Origin, PartitionId), Payload>;

/// Holds a run against its inputs, and gives what each partition must have brought.
pub(super) fn judge(
    witness: &Witness,
    catalog: &Catalog,
    clients: &[Client],
    seen: &Seen,
) -> Vec<Expected> {
    let evaluated = evaluated(witness);
    for client in clients {
        client.acked.iter().for_each(|frame| was_evaluated(frame, &evaluated));
    }
    let all: Vec<Expected> =
        PartitionId::all().map(|id| expected(id, &witness.history[id.index()], catalog)).collect();
    came_out(seen, &all);
    no_second_job(&all, catalog);
    all
}

/// P1 and P2: which frames the log has, and that it has none twice.
fn evaluated(witness: &Witness) -> Evaluated {
    let mut evaluated = Evaluated::new();
    for (id, inputs) in PartitionId::all().zip(&witness.history) {
        for input in inputs {
            let (origin, records) = match input.as_input() {
                Input::Fixes(batch) => {
                    (batch.origin, Payload::Pings(batch.records.iter().map(Ping::from).collect()))
                }
                Input::Hints(batch) => (batch.origin, Payload::Hints(batch.records.to_vec())),
                Input::Outcomes(batch) => (batch.origin, Payload::Outcomes(batch.records.to_vec())),
                Input::Profiles(batch) => (batch.origin, Payload::Profiles(batch.records.to_vec())),
                Input::Erasures(_)
                | Input::Tick { .. }
                | Input::Publication { .. }
                | Input::Grant(_)
                | Input::Policy(_) => continue,
            };
            let origin = origin.expect("every frame of a run has one");
            let before = evaluated.insert((origin, id), records);
            assert_eq!(before, None, "P2: a frame was evaluated twice: {origin:?} in {id:?}");
        }
    }
    evaluated
}

/// P1: what was acknowledged is in the log, whole and unchanged.
fn was_evaluated(frame: &Frame, evaluated: &Evaluated) {
    for id in PartitionId::all() {
        let (found, kept) = (evaluated.get(&(frame.origin, id)), frame.payload.part_of(id));
        let is_whole = match (found, &kept) {
            // Some were refused with a reason, at one of its sendings at least.
            (None, _) if frame.was_refused_in_part => true,
            (Some(found), Some(kept)) if frame.was_refused_in_part => found.is_within(kept),
            _ => found == kept.as_ref(),
        };
        assert!(
            is_whole,
            "P1: an acknowledged frame is lost in {id:?}: {frame:?}, found {found:?}"
        );
    }
}

/// P1 and P5: consumers got what the inputs bring, byte for byte, in order, all of it and nothing else.
fn came_out(seen: &Seen, all: &[Expected]) {
    let mut found: Vec<Vec<&[u8]>> = vec![Vec::new(); PARTITIONS];
    for bytes in &seen.records {
        let record = codec::decode(bytes).expect("what was written is a record");
        found[record.position.partition.index()].push(bytes);
    }
    for (id, (expected, found)) in PartitionId::all().zip(all.iter().zip(&found)) {
        let same = expected.records.iter().zip(found).take_while(|(a, b)| a == b).count();
        let (wanted, got) = (expected.records.len(), found.len());
        let next = |all: Option<&[u8]>| all.map(codec::decode);
        assert!(
            same == wanted && same == got,
            "P5: {id:?} has {got} records of {wanted}; they differ at {same}: {:?} in place of {:?}",
            next(found.get(same).copied()),
            next(expected.records.get(same).map(Vec::as_slice)),
        );
    }
}

/// P2: one job a device, campaign and bucket, each id once; and no limit is passed.
fn no_second_job(all: &[Expected], catalog: &Catalog) {
    let (mut ids, mut buckets) = (BTreeSet::new(), BTreeSet::new());
    for job in all.iter().flat_map(|expected| &expected.jobs) {
        assert!(ids.insert(job.id.0), "P2: an id comes twice: {job:?}");
        let bucket = (job.device, job.campaign, job.bucket.mode, job.bucket.span);
        assert!(buckets.insert(bucket), "P2: a second job of a bucket: {job:?}");
    }
    if let Some(limit) = catalog.limit {
        let limited = limited_jobs(all);
        assert!(limited <= limit, "P2: {limited} jobs of a campaign that may have {limit}");
    }
}

/// Jobs of the campaign that may have a limit.
pub(super) fn limited_jobs(all: &[Expected]) -> u64 {
    let jobs = all.iter().flat_map(|expected| &expected.jobs);
    let is_limited =
        |job: &&PushJob| job.campaign == LIMITED && job.bucket.mode == RunMode::Running;
    jobs.filter(is_limited).count() as u64
}
