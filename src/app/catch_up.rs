//! The log after the checkpoints, gone through again: one thread reads and proves it, others step its inputs, each
//! those of its own partitions, in their order.
//!
//! With one lane all is done on the caller's thread, and always in the same order.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::{Builder, Scope, ScopedJoinHandle, scope};

use anyhow::{Context, anyhow, bail};
use crossbeam::channel::{Receiver, Sender, bounded};

use crate::domain::ids::{Epoch, InputPosition};
use crate::domain::input::Input;
use crate::domain::units::UtcMs;
use crate::engine::Partition;
use crate::identity::Keyring;
use crate::journal::{JournalError, OwnedInput, Recovery};
use crate::offline::rerun::Rerun;
use crate::offline::simulate::result_of;
use crate::outbox::{OFFER_PAUSE, Outbox, OutboxError, Release, Withheld};
use crate::snapshot::load::Loaded;
use crate::telemetry::systemd;

/// What lanes need beside their inputs.
#[derive(Clone, Copy)]
pub(super) struct Surroundings<'a> {
    pub(super) keyring: &'a Keyring,
    pub(super) outbox: &'a Outbox,
    /// How many lanes there are: 1 or more.
    pub(super) lanes: usize,
}

/// The log as it is read.
pub(super) trait Log {
    /// The next input, until the next call; `None` at the end.
    fn next_input(&mut self) -> Result<Option<(InputPosition, &OwnedInput)>, JournalError>;
}

impl Log for Recovery {
    fn next_input(&mut self) -> Result<Option<(InputPosition, &OwnedInput)>, JournalError> {
        Self::next_input(self)
    }
}

/// Finds a snapshot by its number. It is given one that is loaded already, to share what both have.
pub(super) trait Find:
    FnMut(Epoch, Option<&Loaded>) -> Result<Arc<Loaded>, String> + Send
{
}

impl<F: FnMut(Epoch, Option<&Loaded>) -> Result<Arc<Loaded>, String> + Send> Find for F {}

/// Where the log ended.
pub(super) struct CaughtUp {
    /// All partitions, ascending.
    pub(super) partitions: Vec<Partition>,
    /// Inputs gone through.
    pub(super) inputs: u64,
    /// The latest instant of our own clock among them.
    pub(super) latest_instant: UtcMs,
}

/// Brings the restored partitions, and those that start from nothing, to the end of the log.
///
/// # Errors
/// A damaged log, a snapshot that is gone, an outbox without room.
pub(super) fn catch_up<F>(
    log: &mut impl Log,
    restored: Vec<Partition>,
    around: Surroundings<'_>,
    find: F,
) -> anyhow::Result<CaughtUp>
where
    F: Find,
{
    let library = Mutex::new(Library { find, known: BTreeMap::new() });
    let mut shares: Vec<Vec<Partition>> = (0..around.lanes).map(|_| Vec::new()).collect();
    for partition in restored {
        shares[partition.id().index() % around.lanes].push(partition);
    }
    let mut caught_up = if let [only] = &mut shares[..] {
        let mut find = |epoch| look_up(&library, epoch);
        let mut lane = Lane::new(std::mem::take(only), around, &mut find)?;
        let (inputs, latest_instant) = read(log, 1, |_, chunk| {
            lane.take(chunk.inputs()).map_err(Stopped::Lane)?;
            Ok(chunk.emptied())
        })?;
        CaughtUp { partitions: lane.finish()?, inputs, latest_instant }
    } else {
        in_lanes(log, shares, around, &library)?
    };
    caught_up.partitions.sort_unstable_by_key(Partition::id);
    Ok(caught_up)
}

fn in_lanes<F>(
    log: &mut impl Log,
    shares: Vec<Vec<Partition>>,
    around: Surroundings<'_>,
    library: &Mutex<Library<F>>,
) -> anyhow::Result<CaughtUp>
where
    F: Find,
{
    scope(|scope| {
        let (back, done) = bounded(around.lanes * (CHUNKS_AHEAD + 2));
        let (mut queues, mut threads) = (Vec::new(), Vec::new());
        for (number, share) in shares.into_iter().enumerate() {
            let (queue, chunks) = bounded(CHUNKS_AHEAD);
            let back = back.clone();
            let work = move || run(number, share, around, library, (&chunks, &back));
            threads.push(spawn(scope, number, work)?);
            queues.push(queue);
        }
        let outcome = read(log, around.lanes, |lane, chunk| {
            let ended = || anyhow!("thread recovery-{lane} has ended");
            queues[lane].send(chunk).map_err(|_ended| Stopped::Lane(ended()))?;
            Ok(done.try_recv().unwrap_or_default())
        });
        drop(queues);
        let lanes: Vec<anyhow::Result<Vec<Partition>>> =
            threads.into_iter().map(result_of).collect();
        if let Err(Stopped::Log(reason)) = outcome {
            return Err(reason);
        }
        // A lane that failed says more than the reader, which could not go on without it.
        let partitions: Vec<Vec<Partition>> = lanes.into_iter().collect::<Result<_, _>>()?;
        let (inputs, latest_instant) = outcome?;
        Ok(CaughtUp {
            partitions: partitions.into_iter().flatten().collect(),
            inputs,
            latest_instant,
        })
    })
}

/// Chunks that may wait for a lane.
const CHUNKS_AHEAD: usize = 8;

/// Why the log was not read to its end.
enum Stopped {
    /// It can't be.
    Log(anyhow::Error),
    /// A lane could not take it.
    Lane(anyhow::Error),
}

impl From<Stopped> for anyhow::Error {
    fn from(stopped: Stopped) -> Self {
        match stopped {
            Stopped::Log(reason) | Stopped::Lane(reason) => reason,
        }
    }
}

/// A thread of the recovery.
pub(super) fn spawn<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    number: usize,
    work: impl FnOnce() -> T + Send + 'scope,
) -> anyhow::Result<ScopedJoinHandle<'scope, T>> {
    let thread = Builder::new().name(format!("recovery-{number}"));
    thread.spawn_scoped(scope, work).context("a thread for the recovery")
}

/// One lane's thread.
fn run<F>(
    number: usize,
    share: Vec<Partition>,
    around: Surroundings<'_>,
    library: &Mutex<Library<F>>,
    (chunks, back): (&Receiver<Chunk>, &Sender<Chunk>),
) -> anyhow::Result<Vec<Partition>>
where
    F: Find,
{
    let mut find = |epoch| look_up(library, epoch);
    let mut lane = Lane::new(share, around, &mut find)?;
    for chunk in chunks {
        lane.take(chunk.inputs())?;
        // The reader may be through already, or have enough of them.
        let _not_needed = back.try_send(chunk.emptied());
    }
    let mut partitions = lane.finish()?;
    partitions.retain(|partition| partition.id().index() % around.lanes == number);
    Ok(partitions)
}

/// How often systemd is told that the start goes on: each second or so.
const INPUTS_A_SIGN: u64 = 65_536;

/// Reads the log to its end and deals its inputs out in chunks; `send` gives an empty chunk for each. How many there
/// were, and the latest instant of our own clock among them.
fn read(
    log: &mut impl Log,
    lanes: usize,
    mut send: impl FnMut(usize, Chunk) -> Result<Chunk, Stopped>,
) -> Result<(u64, UtcMs), Stopped> {
    let mut filling: Vec<Chunk> = (0..lanes).map(|_| Chunk::default()).collect();
    let (mut inputs, mut latest_instant) = (0, UtcMs::MIN);
    let damaged = |error| Stopped::Log(anyhow::Error::new(error).context("the journal"));
    while let Some((position, input)) = log.next_input().map_err(damaged)? {
        let input = input.as_input();
        inputs += 1;
        if inputs % INPUTS_A_SIGN == 0 {
            systemd::starting();
        }
        latest_instant = latest_instant.max(instant_of(&input));
        let lane = position.partition.index() % lanes;
        filling[lane].push(position, &input);
        if filling[lane].is_full() {
            filling[lane] = send(lane, std::mem::take(&mut filling[lane]))?;
        }
    }
    for (lane, chunk) in filling.into_iter().enumerate() {
        send(lane, chunk)?;
    }
    Ok((inputs, latest_instant))
}

/// What our clock said when an input was taken in.
pub(super) fn instant_of(input: &Input<'_>) -> UtcMs {
    match input {
        Input::Fixes(batch) => batch.received_at,
        Input::Outcomes(batch) => batch.received_at,
        Input::Profiles(batch) => batch.received_at,
        Input::Hints(batch) => batch.received_at,
        Input::Erasures(batch) => batch.received_at,
        Input::Tick { now } => *now,
        Input::Publication { .. } | Input::Grant(_) | Input::Policy(_) => UtcMs::MIN,
    }
}

fn records_of(input: &Input<'_>) -> usize {
    match input {
        Input::Fixes(batch) => batch.records.len(),
        Input::Outcomes(batch) => batch.records.len(),
        Input::Profiles(batch) => batch.records.len(),
        Input::Hints(batch) => batch.records.len(),
        Input::Erasures(batch) => batch.records.len(),
        Input::Tick { .. } | Input::Publication { .. } | Input::Grant(_) | Input::Policy(_) => 0,
    }
}

/// Inputs on their way to a lane, with memory that is used again.
#[derive(Default)]
struct Chunk {
    kept: Vec<(InputPosition, OwnedInput)>,
    /// How many of them count.
    len: usize,
    /// Their records, and the most that one of them has.
    records: usize,
    most: usize,
}

/// Inputs of a chunk: enough that handing it over costs nothing beside them.
const CHUNK: usize = 512;

/// With so many records a chunk is full as well: at most twice as many come into one.
const CHUNK_RECORDS: usize = 4096;

/// Memory for inputs of more records than this is not kept.
const SMALL: usize = 64;

impl Chunk {
    fn push(&mut self, position: InputPosition, input: &Input<'_>) {
        if self.len == self.kept.len() {
            self.kept.push((position, OwnedInput::default()));
        }
        self.kept[self.len].0 = position;
        self.kept[self.len].1.copy_from(input);
        self.len += 1;
        self.records += records_of(input);
        self.most = self.most.max(records_of(input));
    }

    fn is_full(&self) -> bool {
        self.len == CHUNK || self.records >= CHUNK_RECORDS
    }

    /// To be filled again.
    fn emptied(self) -> Self {
        if self.most > SMALL {
            return Self::default();
        }
        Self { kept: self.kept, ..Self::default() }
    }

    fn inputs(&self) -> &[(InputPosition, OwnedInput)] {
        &self.kept[..self.len]
    }
}

/// Some of the partitions, on their way through the log.
struct Lane<'a> {
    rerun: Rerun<'a>,
    outbox: &'a Outbox,
    release: Release,
}

/// Outputs handed to the outbox at once.
const RELEASE_RECORDS: usize = 1024;

impl<'a> Lane<'a> {
    fn new(
        share: Vec<Partition>,
        around: Surroundings<'a>,
        find: &'a mut (dyn FnMut(Epoch) -> Result<Arc<Loaded>, String> + 'a),
    ) -> anyhow::Result<Self> {
        let Surroundings { keyring, outbox, .. } = around;
        let rerun = Rerun::new(share, keyring.installation_key(), keyring.sealer(), find)?;
        Ok(Self { rerun, outbox, release: Release::default() })
    }

    fn take(&mut self, inputs: &[(InputPosition, OwnedInput)]) -> anyhow::Result<()> {
        let Self { rerun, release, .. } = self;
        for (number, (position, input)) in inputs.iter().enumerate() {
            rerun.prepare(&inputs[number..]);
            rerun.take(*position, &input.as_input())?;
            // After a crash this is nearly all of the log: the outbox was a moment behind.
            if position.seq <= self.outbox.durable(position.partition) {
                continue;
            }
            release.records.extend(rerun.records());
            release.tallies.extend(rerun.tallies());
            release.marks.push((position.partition, position.seq));
            let outputs = release.records.len() + release.tallies.len() + release.marks.len();
            if outputs >= RELEASE_RECORDS {
                hand_over(self.outbox, std::mem::take(release))?;
            }
        }
        Ok(())
    }

    fn finish(self) -> anyhow::Result<Vec<Partition>> {
        hand_over(self.outbox, self.release)?;
        Ok(self.rerun.into_partitions())
    }
}

/// Snapshots as lanes ask for them: one that another lane still has is not loaded again.
struct Library<F> {
    find: F,
    known: BTreeMap<Epoch, Weak<Loaded>>,
}

fn look_up<F>(library: &Mutex<Library<F>>, epoch: Epoch) -> Result<Arc<Loaded>, String>
where
    F: Find,
{
    // A lane that panicked takes the whole recovery with it.
    let mut library = library.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(loaded) = library.known.get(&epoch).and_then(Weak::upgrade) {
        return Ok(loaded);
    }
    // Checkpoints may be of many epochs, of which each differs little from the next.
    let shared = library.known.values().rev().find_map(Weak::upgrade);
    let loaded = (library.find)(epoch, shared.as_deref())?;
    library.known.insert(epoch, Arc::downgrade(&loaded));
    Ok(loaded)
}

/// How often an outbox that writes nothing meanwhile is waited for: half a minute in all.
const WAITS: u32 = 6000;

/// How long an outbox has been waited for.
struct Patience<'a> {
    outbox: &'a Outbox,
    /// What it had written.
    batches: u64,
    waits: u32,
}

impl<'a> Patience<'a> {
    fn with(outbox: &'a Outbox) -> Self {
        Self { outbox, batches: 0, waits: 0 }
    }

    /// Waits a little.
    fn wait(&mut self) -> anyhow::Result<()> {
        if let Some(ended) = self.outbox.ended() {
            return Err(ended.into());
        }
        let batches = self.outbox.figures().batches.load(Ordering::Relaxed);
        if self.batches != batches {
            (self.batches, self.waits) = (batches, 0);
        }
        self.waits += 1;
        if self.waits > WAITS && self.outbox.is_full() {
            bail!(
                "the outbox has no room for what the log caused: less than outbox.disk_reserve_bytes is free on its \
                 disk; make room and start again"
            );
        }
        if self.waits > WAITS {
            bail!(
                "the outbox has written nothing for half a minute; see what holds up its disk, and start again"
            );
        }
        std::thread::sleep(OFFER_PAUSE);
        Ok(())
    }
}

/// Hands outputs over. A disk without room is waited for a while, not for ever: until recovery is through, nobody
/// could see what the daemon waits for.
fn hand_over(outbox: &Outbox, mut release: Release) -> anyhow::Result<()> {
    if release.marks.is_empty() {
        return Ok(());
    }
    let mut patience = Patience::with(outbox);
    while outbox.is_behind() {
        patience.wait()?;
    }
    outbox.announce(&release);
    loop {
        match outbox.offer(release) {
            Ok(()) => return Ok(()),
            Err(Withheld::Full(back)) => release = back,
            Err(Withheld::Ended) => {
                return Err(outbox.ended().unwrap_or(OutboxError::Closed).into());
            }
        }
        patience.wait()?;
    }
}
