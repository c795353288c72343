//! Recorded fixes through the whole engine: all rules, gates and campaigns of a snapshot, without sockets.
//!
//! Each fix is an input of its own in its partition, so that what comes out depends on the fixes and the
//! snapshot alone, not on batches or shards. The fixes are the clock.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::domain::decision::Decision;
use crate::domain::fix::Fix;
use crate::domain::ids::{AccountId, AppId, DeviceKey, PARTITIONS, PartitionId};
use crate::domain::input::{Batch, Grant, Input, LimitId};
use crate::domain::lots::InstallationKey;
use crate::domain::policy::{ClockMode, Policy};
use crate::engine::{Counts, Outputs, Partition};
use crate::snapshot::view::SnapshotView;

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
    /// Threads, each owning some partitions.
    pub shards: usize,
    /// Fixes taken between two looks at the progress.
    pub batch: usize,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Simulated {
    /// The engine's totals.
    pub counts: Counts,
    /// Time of the evaluation alone.
    pub evaluate: Duration,
    /// Jobs and events, in the order of the fixes that caused them.
    pub decisions: Vec<(u64, Decision)>,
}

/// Runs the fixes in their order. `now` reads a monotonic clock; `progress` hears how many more are done.
pub fn simulate(
    simulation: Simulation<'_>,
    fixes: &[Fix],
    now: impl Fn() -> Duration,
    progress: impl Fn(u64) + Sync,
) -> Simulated {
    let shards = simulation.shards.clamp(1, PARTITIONS);
    let dealt: Vec<Vec<(u64, Fix)>> = deal(simulation.account, fixes, shards);
    let started = now();
    let run = |share: &[(u64, Fix)]| Shard::new(simulation).run(share, &progress);
    let parts: Vec<Simulated> = if let [only] = &dealt[..] {
        vec![run(only)]
    } else {
        std::thread::scope(|scope| {
            let run = &run;
            let threads: Vec<_> =
                dealt.iter().map(|share| scope.spawn(move || run(share))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap_or_default()).collect()
        })
    };
    let mut all = Simulated { evaluate: now().saturating_sub(started), ..Simulated::default() };
    for part in parts {
        all.counts.add(&part.counts);
        all.decisions.extend(part.decisions);
    }
    all.decisions.sort_by_key(|(fix, decision)| (*fix, decision.ordinal));
    all
}

fn deal(account: AccountId, fixes: &[Fix], shards: usize) -> Vec<Vec<(u64, Fix)>> {
    let mut dealt = vec![Vec::new(); shards];
    for (place, fix) in (0u64..).zip(fixes) {
        let key = DeviceKey { account, device: fix.device };
        dealt[key.partition().index() % shards].push((place, *fix));
    }
    dealt
}

/// One thread's partitions. A limit across partitions is granted as a whole on demand: with one process
/// there is nobody to share it with.
struct Shard<'a> {
    simulation: Simulation<'a>,
    partitions: Vec<Partition>,
    out: Outputs,
    leased: BTreeMap<LimitId, u64>,
}

impl<'a> Shard<'a> {
    fn new(simulation: Simulation<'a>) -> Self {
        let policy = Policy { clock: ClockMode::Fixes, ..simulation.policy };
        let mut out = Outputs::with_capacity(1024);
        let view = simulation.view;
        let publication = Input::Publication { epoch: view.epoch(), hash: view.hash() };
        let fresh = |id| Partition::new(id, simulation.key, policy);
        let mut partitions: Vec<Partition> = PartitionId::all().map(fresh).collect();
        for partition in &mut partitions {
            partition.step(&publication, None, &mut out);
        }
        Self { simulation, partitions, out, leased: BTreeMap::new() }
    }

    fn run(mut self, share: &[(u64, Fix)], progress: &impl Fn(u64)) -> Simulated {
        let mut decisions = Vec::new();
        for batch in share.chunks(self.simulation.batch.max(1)) {
            for (place, fix) in batch {
                self.take(fix);
                decisions.extend(self.out.decisions.drain(..).map(|decision| (*place, decision)));
            }
            progress(batch.len() as u64);
        }
        Simulated { counts: self.out.counts, evaluate: Duration::ZERO, decisions }
    }

    fn take(&mut self, fix: &Fix) {
        let Simulation { account, app, view, .. } = self.simulation;
        let partition = DeviceKey { account, device: fix.device }.partition();
        let input = Input::Fixes(Batch {
            account,
            app,
            origin: None,
            received_at: fix.fixed_at,
            records: std::slice::from_ref(fix),
        });
        self.partitions[partition.index()].step(&input, Some(view), &mut self.out);
        self.lease_wanted();
    }

    fn lease_wanted(&mut self) {
        while let Some((partition, limit)) = self.out.wants.pop() {
            let view = self.simulation.view;
            let total = match limit {
                LimitId::Month { account, .. } => {
                    view.account(account).and_then(|account| account.monthly_limit())
                }
                LimitId::Campaign { account, campaign } => view
                    .account(account)
                    .and_then(|account| account.campaign(campaign))
                    .and_then(|campaign| campaign.total_limit()),
            };
            let leased = self.leased.entry(limit).or_default();
            if *leased < total.unwrap_or(0) {
                *leased += 1;
                let grant = Input::Grant(Grant { limit, pushes: 1 });
                self.partitions[partition.index()].step(&grant, Some(view), &mut self.out);
            }
        }
    }
}
