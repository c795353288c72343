//! What must have come of the inputs that the log has had.
//!
//! Twice: by the engine, from nothing, one input after the other, without batches, checkpoints or crashes (P5);
//! and by the plain model of the engine's own tests, which shares no code with it (P2 to P4).

use super::super::catch_up::instant_of;
use super::catalog::{Catalog, Edition, lines, number_of};
use super::hardware::Hardware;
use crate::domain::campaign::RunMode;
use crate::domain::decision::{Decision, Output, PushJob, Visit};
use crate::domain::ids::{Epoch, PartitionId};
use crate::domain::input::Input;
use crate::domain::policy::Policy;
use crate::domain::reasons::SuppressReason;
use crate::domain::units::{PointE7, UtcMs};
use crate::engine::model::{Brought, Model, Spot, Visited};
use crate::engine::testkit::{NOON, north};
use crate::engine::{Counts, Outputs, Partition};
use crate::journal::OwnedInput;
use crate::outbox::{codec, encode};

/// What one partition's inputs must have brought.
pub(super) struct Expected {
    /// Its records in the outbox, in order.
    pub(super) records: Vec<Vec<u8>>,
    /// The jobs among them, in order.
    pub(super) jobs: Vec<PushJob>,
    /// After each input.
    pub(super) counts: Vec<Counts>,
}

/// Goes through a partition's inputs.
pub(super) fn expected(id: PartitionId, inputs: &[OwnedInput], catalog: &Catalog) -> Expected {
    let keyring = Hardware::keyring();
    let mut partition = Partition::new(id, keyring.installation_key(), Policy::default());
    let (mut out, mut sealer) = (Outputs::default(), keyring.sealer());
    let mut expected = Expected { records: Vec::new(), jobs: Vec::new(), counts: Vec::new() };
    let mut edition: Option<&Edition> = None;
    let mut model = Model::new(lines(), Vec::new(), catalog.cap);
    model.measures = catalog.measures;
    let mut clock = UtcMs(NOON);
    for input in inputs {
        let input = input.as_input();
        if let Input::Publication { epoch: Epoch(epoch), hash } = input {
            let place = usize::try_from(epoch).expect("a few") - 1;
            let next = &catalog.editions[place];
            assert_eq!(next.loaded.view().hash(), hash, "an epoch is one snapshot");
            (model.epoch, model.changed) = (epoch, epoch);
            model.runs.clone_from(&next.runs);
            edition = Some(next);
        }
        let view = edition.map(|edition| edition.loaded.view());
        let before = out.counts;
        partition.step(&input, view, &mut out);
        let decisions = std::mem::take(&mut out.decisions);
        if catalog.limit.is_none() {
            let brought = model_of(&mut model, &input, &mut clock);
            assert_eq!(told(&decisions, &before, &out.counts), brought, "{id:?} {input:?}");
            assert_eq!(out.counts.open, model.open_triggers(), "{id:?} {input:?}");
        }
        for decision in decisions {
            let view = view.expect("nothing is decided without a snapshot");
            assert_eq!((decision.epoch, decision.snapshot), (view.epoch(), view.hash()));
            let mut bytes = Vec::new();
            codec::encode(&encode::record(&decision, view, &mut sealer), &mut bytes);
            expected.records.push(bytes);
            expected.jobs.extend(job_of(&decision));
        }
        expected.counts.push(out.counts);
    }
    expected
}

fn job_of(decision: &Decision) -> Option<PushJob> {
    match decision.output {
        Output::Job(job) => Some(job),
        Output::Event(_) | Output::Visit(_) => None,
    }
}

/// The model takes an input. What waited for its turn is no younger than what had one before it.
fn model_of(model: &mut Model, input: &Input<'_>, clock: &mut UtcMs) -> Brought {
    let mut all = Brought::default();
    *clock = (*clock).max(instant_of(input));
    let now = clock.0 - NOON;
    match input {
        Input::Fixes(batch) => {
            for fix in batch.records {
                let spot = Spot {
                    at: fix.fixed_at.0 - NOON,
                    north_m: metres_north(fix.at),
                    accuracy_m: fix.accuracy_m,
                    app: batch.app.0,
                };
                add(&mut all, model.fix(number_of(fix.device), spot, now));
            }
        }
        Input::Hints(batch) => {
            for hint in batch.records {
                let says = (hint.place.0, hint.verdict);
                let made_at = hint.fixed_at.0 - NOON;
                add(&mut all, model.hint(number_of(hint.device), says, made_at, now));
            }
        }
        Input::Tick { .. } => add(&mut all, model.tick(now)),
        Input::Publication { .. }
        | Input::Grant(_)
        | Input::Policy(_)
        | Input::Outcomes(_)
        | Input::Profiles(_)
        | Input::Erasures(_) => {}
    }
    all.suppressed.sort_unstable();
    all.visits.sort_unstable();
    all
}

/// Positions are whole metres; the model wants them as they were meant.
fn metres_north(at: PointE7) -> f64 {
    let origin = north(0.0);
    let metres = f64::from(at.lat - origin.lat) * 1e-7 * 111_195.080;
    metres.round()
}

fn add(all: &mut Brought, one: Brought) {
    all.jobs.extend(one.jobs);
    all.enters += one.enters;
    all.exits += one.exits;
    all.dwells += one.dwells;
    all.triggers += one.triggers;
    all.suppressed.extend(one.suppressed);
    all.rejected += one.rejected;
    all.late += one.late;
    all.visits.extend(one.visits);
}

/// What the engine did, in the model's words.
fn told(decisions: &[Decision], before: &Counts, after: &Counts) -> Brought {
    let job = |job: PushJob| {
        let span = job.bucket.span;
        let is_instant = job.bucket.mode == RunMode::Running && span > 1_000_000_000_000;
        let span = if is_instant { span - NOON } else { span };
        (number_of(job.device.device), job.campaign.0, job.target.0, job.at.0 - NOON, span)
    };
    let suppressed = SuppressReason::ALL.iter().flat_map(|reason| {
        let slot = usize::from(reason.number());
        let times = after.suppressed[slot] - before.suppressed[slot];
        std::iter::repeat_n(*reason, usize::try_from(times).expect("a few"))
    });
    let visit = |decision: &Decision| match decision.output {
        Output::Visit(visit) => Some(visited(&visit)),
        Output::Job(_) | Output::Event(_) => None,
    };
    let mut visits: Vec<Visited> = decisions.iter().filter_map(visit).collect();
    visits.sort_unstable();
    Brought {
        jobs: decisions.iter().filter_map(job_of).map(job).collect(),
        enters: after.enters - before.enters,
        exits: after.exits - before.exits,
        dwells: after.dwells - before.dwells,
        triggers: after.triggers - before.triggers,
        suppressed: suppressed.collect(),
        rejected: after.rejected.iter().sum::<u64>() - before.rejected.iter().sum::<u64>(),
        late: after.late - before.late,
        visits,
    }
}

fn visited(visit: &Visit) -> Visited {
    Visited {
        device: number_of(visit.device.device),
        fence: visit.target.0,
        first_entered_at: visit.first_entered_at.0 - NOON,
        revision: visit.revision,
        entered_at: visit.entered_at.0 - NOON,
        left_at: visit.left_at.map(|at| at.0 - NOON),
        ended_by: visit.ended_by,
        hinted: visit.hinted,
        confidence_pct: visit.confidence_pct,
    }
}

/// How many reports an input has.
pub(super) fn reports_in(input: &OwnedInput) -> u64 {
    let reports = match input.as_input() {
        Input::Fixes(batch) => batch.records.len(),
        Input::Hints(batch) => batch.records.len(),
        Input::Outcomes(batch) => batch.records.len(),
        Input::Profiles(batch) => batch.records.len(),
        Input::Erasures(_)
        | Input::Tick { .. }
        | Input::Publication { .. }
        | Input::Grant(_)
        | Input::Policy(_) => 0,
    };
    reports as u64
}
