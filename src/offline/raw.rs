//! `replay --raw`: plain containment changes over recorded pings, timed.
//!
//! The index is built from the fences and loaded as the daemon would load it; pings are in memory and dealt to
//! their shards before the clock is read, so the time is that of the evaluation alone. Whatever the shards
//! and batches, figures and transitions are the same.

use std::time::Duration;

use jiff::civil::Date;

use crate::domain::campaign::AccountSpec;
use crate::domain::ids::{AccountId, DeviceKey, Epoch, TargetId};
use crate::domain::lots::InstallationKey;
use crate::domain::target::{Labels, Shape, TargetSpec};
use crate::engine::raw::{RawCounts, RawEngine, RawPing, RawTransition};
use crate::snapshot::build::{BuildError, BuildOptions, Source, build};
use crate::snapshot::index::IndexView;
use crate::snapshot::load::{LoadError, Loaded};

use super::simulate::result_of;

/// A snapshot of one account that watches all fences, built and loaded in memory.
#[derive(Debug)]
pub struct RawIndex {
    loaded: Loaded,
    len_bytes: usize,
}

/// Why fences cannot be made an index.
#[derive(Debug, thiserror::Error)]
pub enum RawIndexError {
    /// The targets are at fault.
    #[error(transparent)]
    Targets(#[from] BuildError),
    /// A block that was just built is refused.
    #[error(transparent)]
    Block(#[from] LoadError),
    /// The snapshot has no account.
    #[error("the snapshot that was just built has no account")]
    NoAccount,
}

/// The account that watches the fences.
const WATCHER: AccountId = AccountId(1);

impl RawIndex {
    /// Builds and loads the index of these targets.
    ///
    /// # Errors
    /// [`RawIndexError`]
    pub fn build<'t>(
        targets: impl IntoIterator<Item = (TargetId, &'t Shape)>,
    ) -> Result<Self, RawIndexError> {
        let target = |(id, shape): (TargetId, &Shape)| TargetSpec {
            id,
            account: WATCHER,
            key: id.to_string(),
            name: String::new(),
            labels: Labels::default(),
            place: None,
            at_home: false,
            shape: shape.clone(),
        };
        let targets = targets.into_iter().map(target).collect();
        let source = Source {
            accounts: vec![AccountSpec::measuring(WATCHER)],
            targets,
            campaigns: Vec::new(),
        };
        let key = InstallationKey([0; 32]);
        let options = BuildOptions {
            epoch: Epoch(1),
            valid_from: Date::constant(2026, 1, 1),
            key: &key,
            previous: None,
        };
        let built = build(&source, options)?;
        let len_bytes = built.fresh().iter().map(|block| block.bytes.len()).sum();
        Ok(Self { loaded: built.load_in_memory()?, len_bytes })
    }

    /// The index, to look points up in.
    ///
    /// # Errors
    /// Never after [`build`](Self::build) succeeded.
    pub fn view(&self) -> Result<IndexView<'_>, RawIndexError> {
        let account = self.loaded.view().account(WATCHER);
        account.map(|account| account.index()).ok_or(RawIndexError::NoAccount)
    }

    /// How many bytes the snapshot has, directory and all.
    #[must_use]
    pub fn len_bytes(&self) -> usize {
        self.len_bytes
    }
}

/// How to run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RawRun {
    /// Threads, each owning the devices of some partitions; at least 1.
    pub shards: usize,
    /// Pings evaluated together; at least 1.
    pub batch: usize,
    /// Whether to keep all transitions; else they are listed and dropped.
    pub keep: bool,
}

/// What came of it.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct RawFigures {
    /// Hits, enters and exits.
    pub counts: RawCounts,
    /// Time of the evaluation alone.
    pub evaluate: Duration,
    /// All transitions, where kept: by place of the ping in the input, then by target.
    pub transitions: Vec<(u64, RawTransition)>,
}

/// Evaluates the pings in their order. `now` reads a monotonic clock; `progress` is told how many pings more
/// are done, from the shards' threads.
pub fn run_raw(
    index: IndexView<'_>,
    pings: &[RawPing],
    run: RawRun,
    now: impl Fn() -> Duration,
    progress: impl Fn(u64) + Sync,
) -> RawFigures {
    let shards = deal(pings, run.shards.max(1));
    let mut engines: Vec<RawEngine> =
        shards.iter().map(|_| RawEngine::new(DEVICES_AT_START)).collect();
    let progress = &progress;
    let started = now();
    let kept: Vec<Vec<(u64, RawTransition)>> = match (&shards[..], &mut engines[..]) {
        ([shard], [engine]) => vec![shard.run(index, engine, run, progress)],
        (shards, engines) => std::thread::scope(|scope| {
            let pairs = shards.iter().zip(engines);
            let threads: Vec<_> = pairs
                .map(|(shard, engine)| scope.spawn(move || shard.run(index, engine, run, progress)))
                .collect();
            threads.into_iter().map(result_of).collect()
        }),
    };
    let evaluate = now().saturating_sub(started);
    let mut transitions: Vec<_> = kept.into_iter().flatten().collect();
    transitions.sort_by_key(|(ping, _)| *ping);
    let counts = engines.iter().map(RawEngine::counts).fold(RawCounts::default(), RawCounts::plus);
    RawFigures { counts, evaluate, transitions }
}

/// The table of devices grows from here.
const DEVICES_AT_START: usize = 1 << 12;

/// The pings of one shard.
struct Dealt<'p> {
    pings: std::borrow::Cow<'p, [RawPing]>,
    /// Their places in the input; empty when the shard has all.
    places: Vec<u64>,
}

fn deal(pings: &[RawPing], shards: usize) -> Vec<Dealt<'_>> {
    if shards == 1 {
        return vec![Dealt { pings: pings.into(), places: Vec::new() }];
    }
    let mut dealt: Vec<(Vec<RawPing>, Vec<u64>)> = vec![Default::default(); shards];
    for (place, ping) in (0u64..).zip(pings) {
        let key = DeviceKey { account: AccountId(0), device: ping.device };
        let (mine, places) = &mut dealt[key.partition().index() % shards];
        mine.push(*ping);
        places.push(place);
    }
    dealt.into_iter().map(|(pings, places)| Dealt { pings: pings.into(), places }).collect()
}

impl Dealt<'_> {
    fn run(
        &self,
        index: IndexView<'_>,
        engine: &mut RawEngine,
        run: RawRun,
        progress: &(impl Fn(u64) + Sync),
    ) -> Vec<(u64, RawTransition)> {
        let mut kept = Vec::new();
        let (mut done, mut told) = (0usize, 0usize);
        for batch in self.pings.chunks(run.batch.max(1)) {
            let transitions = engine.step(&index, batch);
            if run.keep {
                let placed = |row: &RawTransition| (self.place(done + row.ping as usize), *row);
                kept.extend(transitions.iter().map(placed));
            }
            done += batch.len();
            if done - told >= TELL_EVERY {
                progress((done - told) as u64);
                told = done;
            }
        }
        progress((done - told) as u64);
        kept
    }

    fn place(&self, nth: usize) -> u64 {
        self.places.get(nth).copied().unwrap_or(nth as u64)
    }
}

/// Progress is told so seldom that it costs nothing.
const TELL_EVERY: usize = 1 << 17;
