//! Recorded fixes through the whole engine: all rules, gates and campaigns of a snapshot, without sockets.
//!
//! What comes out depends on the fixes and the snapshot alone, not on batches or shards. The fixes are the
//! clock.

use std::time::Duration;

use crate::domain::decision::Decision;
use crate::domain::fix::Fix;
use crate::domain::ids::{
    AccountId, AppId, DeviceKey, InputPosition, InputSeq, PARTITIONS, PartitionId,
};
use crate::domain::input::{Batch, Input};
use crate::domain::lots::InstallationKey;
use crate::domain::policy::{ClockMode, Policy};
use crate::engine::prepare::prepare;
use crate::engine::{Counts, Outputs, Partition};
use crate::snapshot::view::SnapshotView;

use super::limits::Limits;

/// What is simulated.
#[derive(Clone, Copy)]
pub struct Simulation<'a> {
    /// What decides.
    pub view: SnapshotView<'a>,
    /// What lots are drawn with.
    pub key: InstallationKey,
    /// The engine's numbers; its clock is the fixes'.
    pub policy: Policy,
    /// For whom the fixes come.
    pub account: AccountId,
    /// Through which app.
    pub app: AppId,
    /// Threads, each owning some partitions; one where a limit across partitions is in force.
    pub shards: usize,
    /// Fixes taken together: those of one partition are one input.
    pub batch: usize,
    /// Whether to keep the decisions; else they are made and dropped.
    pub keep: bool,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Simulated {
    /// The engine's totals.
    pub counts: Counts,
    /// Time of the evaluation alone.
    pub evaluate: Duration,
    /// Devices known at the end, and the bytes they take, all in.
    pub devices: usize,
    /// See [`devices`](Self::devices).
    pub device_bytes: usize,
    /// Jobs and events, where kept, in the order of the fixes that caused them.
    pub decisions: Vec<(u64, Decision)>,
}

/// Runs the fixes in their order. `now` reads a monotonic clock; `progress` hears how many more are done.
///
/// A limit that spans partitions goes to whoever comes first, so where one is in force all fixes are taken on one
/// thread, in their order; else each thread takes those of its partitions.
pub fn simulate(
    simulation: Simulation<'_>,
    fixes: &[Fix],
    now: impl Fn() -> Duration,
    progress: impl Fn(u64) + Sync,
) -> Simulated {
    let limited = Limits::of(simulation.view, simulation.account);
    let shards = if limited.is_some() { 1 } else { simulation.shards.clamp(1, PARTITIONS) };
    let dealt: Vec<Vec<(u64, Fix)>> = deal(simulation.account, fixes, shards);
    let started = now();
    let run = |share: &[(u64, Fix)]| Shard::new(simulation, limited.clone()).run(share, &progress);
    let parts: Vec<Simulated> = if let [only] = &dealt[..] {
        vec![run(only)]
    } else {
        std::thread::scope(|scope| {
            let run = &run;
            let threads: Vec<_> =
                dealt.iter().map(|share| scope.spawn(move || run(share))).collect();
            threads.into_iter().map(result_of).collect()
        })
    };
    let mut all = Simulated { evaluate: now().saturating_sub(started), ..Simulated::default() };
    for part in parts {
        all.counts.add(&part.counts);
        all.devices += part.devices;
        all.device_bytes += part.device_bytes;
        all.decisions.extend(part.decisions);
    }
    all.decisions.sort_by_key(|(fix, decision)| (*fix, decision.ordinal));
    all
}

/// What a thread came to; a panic of its goes on in this one.
pub(crate) fn result_of<T>(thread: std::thread::ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn deal(account: AccountId, fixes: &[Fix], shards: usize) -> Vec<Vec<(u64, Fix)>> {
    let mut dealt = vec![Vec::new(); shards];
    for (place, fix) in (0u64..).zip(fixes) {
        let key = DeviceKey { account, device: fix.device };
        dealt[key.partition().index() % shards].push((place, *fix));
    }
    dealt
}

/// One thread's partitions.
struct Shard<'a> {
    simulation: Simulation<'a>,
    partitions: Vec<Partition>,
    out: Outputs,
    limits: Option<Limits<'a>>,
    /// Fixes of the batch by partition, each with its place in the input.
    waiting: Vec<(Vec<Fix>, Vec<u64>)>,
    decisions: Vec<(u64, Decision)>,
}

impl<'a> Shard<'a> {
    fn new(simulation: Simulation<'a>, limits: Option<Limits<'a>>) -> Self {
        let policy = Policy { clock: ClockMode::Fixes, ..simulation.policy };
        let mut out = Outputs::with_capacity(1024);
        let view = simulation.view;
        let publication = Input::Publication { epoch: view.epoch(), hash: view.hash() };
        let fresh = |id| Partition::new(id, simulation.key, policy);
        let mut partitions: Vec<Partition> = PartitionId::all().map(fresh).collect();
        for partition in &mut partitions {
            partition.step(&publication, None, &mut out);
        }
        let waiting = vec![Default::default(); PARTITIONS];
        Self { simulation, partitions, out, limits, waiting, decisions: Vec::new() }
    }

    fn run(mut self, share: &[(u64, Fix)], progress: &impl Fn(u64)) -> Simulated {
        for batch in share.chunks(self.simulation.batch.max(1)) {
            let mut last = None;
            for (place, fix) in batch {
                let key = DeviceKey { account: self.simulation.account, device: fix.device };
                let partition = key.partition().index();
                // Under a limit the order over partitions matters: a batch is a run of one partition.
                if self.limits.is_some() && last.is_some_and(|last| last != partition) {
                    self.step_waiting(last);
                }
                last = Some(partition);
                self.waiting[partition].0.push(*fix);
                self.waiting[partition].1.push(*place);
            }
            match self.limits {
                Some(_) => self.step_waiting(last),
                None => (0..PARTITIONS).for_each(|partition| {
                    prepare(|ahead| {
                        let (partition, input) = self.waiting_at(partition + ahead)?;
                        Some((partition, input, Some(self.simulation.view)))
                    });
                    self.step_waiting(Some(partition));
                }),
            }
            progress(batch.len() as u64);
        }
        let Self { out, decisions, partitions, .. } = self;
        Simulated {
            counts: out.counts,
            evaluate: Duration::ZERO,
            devices: partitions.iter().map(Partition::devices).sum(),
            device_bytes: partitions.iter().map(Partition::bytes).sum(),
            decisions,
        }
    }

    fn waiting_at(&self, partition: usize) -> Option<(&Partition, Input<'_>)> {
        let (fixes, _) = self.waiting.get(partition)?;
        Some((self.partitions.get(partition)?, self.input(fixes)?))
    }

    fn input<'f>(&self, fixes: &'f [Fix]) -> Option<Input<'f>> {
        Some(Input::Fixes(Batch {
            account: self.simulation.account,
            app: self.simulation.app,
            origin: None,
            received_at: fixes.last()?.fixed_at,
            records: fixes,
        }))
    }

    fn step_waiting(&mut self, partition: Option<usize>) {
        let Some(at) = partition else { return };
        let (mut fixes, mut places) = std::mem::take(&mut self.waiting[at]);
        let Some(input) = self.input(&fixes) else { return };
        let partition = &mut self.partitions[at];
        let view = Some(self.simulation.view);
        if let Some(limits) = &mut self.limits {
            limits.hand_to(partition, fixes.iter().map(|fix| fix.fixed_at), &mut self.out);
            partition.step(&input, view, &mut self.out);
            limits.take_from(partition, &mut self.out);
        } else {
            partition.step(&input, view, &mut self.out);
        }
        self.out.wants.clear();
        if self.simulation.keep {
            self.keep_decisions(&places);
        } else {
            self.out.decisions.clear();
        }
        fixes.clear();
        places.clear();
        self.waiting[at] = (fixes, places);
    }

    /// Numbers what came out as if each fix had been an input of its own, so that it does not tell of batches.
    fn keep_decisions(&mut self, places: &[u64]) {
        for decision in self.out.decisions.drain(..) {
            let place = places[decision.record as usize];
            let before = self.decisions.last().filter(|(other, _)| *other == place);
            let ordinal = before.map_or(0, |(_, before)| before.ordinal + 1);
            let position = InputPosition { seq: InputSeq(place + 1), ..decision.position };
            self.decisions.push((place, Decision { position, ordinal, record: 0, ..decision }));
        }
    }
}
