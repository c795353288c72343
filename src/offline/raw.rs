//! `replay --raw`: plain containment changes over recorded pings, timed.
//!
//! The index is built from the fences and loaded as the daemon would load it; pings are in memory and dealt to
//! their shards before the clock is read, so the time is that of the evaluation alone. Whatever the shards
//! and batches, figures and transitions are the same.

use std::time::Duration;

use rkyv::rancor::Error as ArchiveError;

use crate::domain::ids::{AccountId, DeviceKey, TargetId};
use crate::domain::target::Shape;
use crate::engine::raw::{RawCounts, RawEngine, RawPing, RawTransition};
use crate::snapshot::index::{ArchivedIndexBlock, BadIndex, IndexError, IndexView, build, verify};
use crate::snapshot::memory::PrivateBytes;

use super::simulate::result_of;

/// An index built and loaded in memory.
#[derive(Debug)]
pub struct RawIndex(PrivateBytes);

/// Why fences cannot be made an index.
#[derive(Debug, thiserror::Error)]
pub enum RawIndexError {
    /// The targets are at fault.
    #[error(transparent)]
    Targets(#[from] IndexError),
    /// The block that was just built is refused.
    #[error(transparent)]
    Block(#[from] BadIndex),
    /// The block cannot be archived or read.
    #[error("the index cannot be archived: {0}")]
    Archive(#[from] ArchiveError),
    /// The machine has no memory for it.
    #[error("the index cannot be loaded: {0}")]
    Memory(#[from] std::io::Error),
}

impl RawIndex {
    /// Builds and loads the index of these targets.
    ///
    /// # Errors
    /// [`RawIndexError`]
    pub fn build<'t>(
        targets: impl IntoIterator<Item = (TargetId, &'t Shape)>,
    ) -> Result<Self, RawIndexError> {
        let targets: Vec<_> = targets.into_iter().collect();
        let bytes = rkyv::to_bytes::<ArchiveError>(&build(&targets)?)?;
        let index = Self(PrivateBytes::read_from(&mut &bytes[..], bytes.len())?);
        drop(bytes);
        verify(rkyv::access::<ArchivedIndexBlock, ArchiveError>(&index.0)?)?;
        Ok(index)
    }

    /// The index, to look points up in.
    ///
    /// # Errors
    /// Never after [`build`](Self::build) succeeded; the bytes are checked again.
    pub fn view(&self) -> Result<IndexView<'_>, RawIndexError> {
        Ok(IndexView::of(rkyv::access::<ArchivedIndexBlock, ArchiveError>(&self.0)?))
    }

    /// How many bytes it has.
    #[must_use]
    pub fn len_bytes(&self) -> usize {
        self.0.len()
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
