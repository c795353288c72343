//! A disk that fails as real ones do: it fills up, refuses the nth call, and forgets at a power
//! loss.
//!
//! What was written since the last sync survives a power loss sector by sector, at random: some are
//! there, some are zeros, in any order, and the file's length is anything between. Names changed
//! since the last sync of their folder survive up to a random point. Test support; the seed replays
//! everything.

use std::collections::BTreeMap;
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::disk::{Disk, DiskFile};

/// What survives a power loss as a whole.
const SECTOR_BYTES: usize = 512;

/// A call that can be made to fail.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Call {
    Create,
    Append,
    Sync,
    SyncDir,
    Truncate,
    Rename,
    Remove,
}

/// What goes wrong at a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    /// The call fails, half done.
    Error(io::ErrorKind),
    /// The power fails in the middle of it: nothing works any more.
    Death,
}

/// A disk in memory. Clones are the same disk.
#[derive(Clone, Default)]
pub(crate) struct SimDisk {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// By number, so that a file survives its name.
    files: Vec<SimFile>,
    names: BTreeMap<PathBuf, usize>,
    /// As they would be after a power loss that keeps no change.
    durable_names: BTreeMap<PathBuf, usize>,
    /// Changes of names since the last sync of folders, in order.
    name_changes: Vec<NameChange>,
    capacity: Option<u64>,
    /// So many writes find the disk full, then there is room again.
    refusals: Option<u64>,
    fault: Option<(Call, u64, io::ErrorKind)>,
    /// Calls that could fail, so far.
    calls: u64,
    fault_at: Option<(u64, Fault)>,
    locked: Arc<()>,
    /// Syncs of files, folders and all.
    syncs: u64,
    /// It has lost its power.
    dead: bool,
}

#[derive(Default, Clone)]
struct SimFile {
    content: Vec<u8>,
    durable: Vec<u8>,
    /// A sync of it has failed: the system takes what it could not write for written, and later syncs succeed
    /// without writing it.
    is_forgotten: bool,
}

impl SimFile {
    fn sync(&mut self) {
        if !self.is_forgotten {
            self.durable.clone_from(&self.content);
        }
    }
}

#[derive(Clone)]
enum NameChange {
    Set(PathBuf, usize),
    Gone(PathBuf),
}

impl SimDisk {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// The disk holds no more than this.
    pub(crate) fn set_capacity(&self, bytes: Option<u64>) {
        let mut state = self.state();
        (state.capacity, state.refusals) = (bytes, None);
    }

    /// The disk holds no more than it does, until so many writes were refused.
    pub(crate) fn fill_up(&self, refusals: u64) {
        let mut state = self.state();
        (state.capacity, state.refusals) = (Some(state.used()), Some(refusals));
    }

    /// The nth call of any kind from now on goes wrong, once; 1 is the next. `None` takes that back.
    pub(crate) fn fail_at(&self, fault: Option<(u64, Fault)>) {
        let mut state = self.state();
        state.fault_at = fault.map(|(nth, fault)| (state.calls + nth, fault));
    }

    /// Calls that could have gone wrong so far.
    pub(crate) fn calls(&self) -> u64 {
        self.state().calls
    }

    /// Whether it has lost its power.
    pub(crate) fn is_dead(&self) -> bool {
        self.state().dead
    }

    /// The nth call of this kind from now on fails, once; 1 is the next.
    pub(crate) fn fail(&self, call: Call, nth: u64, kind: io::ErrorKind) {
        self.state().fault = Some((call, nth, kind));
    }

    /// Power is lost: what was not synced is lost, torn and reordered. Gives the disk as it is
    /// found after; this one is dead, so that threads of the lost process can do it no more harm.
    pub(crate) fn lose_power(&self, seed: u64) -> Self {
        let mut state = self.state();
        state.dead = true;
        // Small seeds differ in few bits.
        let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        let survive = random.below(state.name_changes.len() as u64 + 1);
        let mut names = state.durable_names.clone();
        for change in state.name_changes.iter().take(usize::try_from(survive).unwrap()) {
            apply(&mut names, change.clone());
        }
        let left = state.files.iter().map(|file| tear(file, &mut random));
        let files = left
            .map(|left| SimFile { content: left.clone(), durable: left, is_forgotten: false })
            .collect();
        let durable_names = names.clone();
        let after = State { files, names, durable_names, ..State::default() };
        Self { state: Arc::new(Mutex::new(after)) }
    }

    /// The process ends and the system lives: what was written is there, synced or not. Gives the disk as the next
    /// process finds it; to this one's handles it is dead.
    pub(crate) fn end_process(&self) -> Self {
        let after = self.fork();
        self.state().dead = true;
        after
    }

    /// Changes the bytes of a file behind everyone's back.
    pub(crate) fn damage(&self, path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.state();
        let number = state.names[path];
        let file = &mut state.files[number];
        change(&mut file.content);
        file.durable = file.content.clone();
    }

    pub(crate) fn content(&self, path: &Path) -> Vec<u8> {
        let state = self.state();
        state.files[state.names[path]].content.clone()
    }

    /// An independent copy of the disk as it is, unsynced bytes included.
    pub(crate) fn fork(&self) -> Self {
        let state = self.state();
        let copy = State {
            files: state.files.clone(),
            names: state.names.clone(),
            durable_names: state.durable_names.clone(),
            name_changes: state.name_changes.clone(),
            ..State::default()
        };
        Self { state: Arc::new(Mutex::new(copy)) }
    }

    /// How often something was synced so far.
    pub(crate) fn syncs(&self) -> u64 {
        self.state().syncs
    }

    pub(crate) fn paths(&self) -> Vec<PathBuf> {
        self.state().names.keys().cloned().collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn check(&mut self, call: Call) -> io::Result<()> {
        if self.dead {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.calls += 1;
        if let Some((_, fault)) = self.fault_at.take_if(|(nth, _)| *nth == self.calls) {
            self.dead = fault == Fault::Death;
            return Err(match fault {
                Fault::Error(kind) => kind.into(),
                Fault::Death => io::ErrorKind::BrokenPipe.into(),
            });
        }
        let Some((failing, nth, kind)) = self.fault else { return Ok(()) };
        if failing != call {
            return Ok(());
        }
        if nth > 1 {
            self.fault = Some((failing, nth - 1, kind));
            return Ok(());
        }
        self.fault = None;
        Err(kind.into())
    }

    /// The disk is full; after so many refusals somebody has made room.
    fn refuse(&mut self) -> io::Error {
        if let Some(left) = &mut self.refusals {
            *left = left.saturating_sub(1);
            if *left == 0 {
                (self.capacity, self.refusals) = (None, None);
            }
        }
        io::ErrorKind::StorageFull.into()
    }

    fn rename(&mut self, change: NameChange) {
        apply(&mut self.names, change.clone());
        self.name_changes.push(change);
    }

    fn number(&self, path: &Path) -> io::Result<usize> {
        self.names.get(path).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn used(&self) -> u64 {
        self.names.values().map(|&number| self.files[number].content.len() as u64).sum()
    }
}

fn apply(names: &mut BTreeMap<PathBuf, usize>, change: NameChange) {
    match change {
        NameChange::Set(path, number) => {
            names.insert(path, number);
        }
        NameChange::Gone(path) => {
            names.remove(&path);
        }
    }
}

/// What is left of a file: each sector is as it was synced or as it was written last.
fn tear(file: &SimFile, random: &mut Random) -> Vec<u8> {
    if file.content == file.durable {
        return file.content.clone();
    }
    let (short, long) = {
        let (a, b) = (file.content.len() as u64, file.durable.len() as u64);
        (a.min(b), a.max(b))
    };
    let len = usize::try_from(short + random.below(long - short + 1)).unwrap();
    let mut left = vec![0; len];
    let keeps_order = random.below(3) == 0;
    for (number, sector) in left.chunks_mut(SECTOR_BYTES).enumerate() {
        let from = if keeps_order || random.below(2) == 0 { &file.content } else { &file.durable };
        let start = number * SECTOR_BYTES;
        if let Some(source) = from.get(start..) {
            let known = source.len().min(sector.len());
            sector[..known].copy_from_slice(&source[..known]);
        }
    }
    left
}

impl Disk for SimDisk {
    fn create_dir(&self, _dir: &Path) -> io::Result<()> {
        Ok(())
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.state();
        state.check(Call::Create)?;
        let number = state.files.len();
        state.files.push(SimFile::default());
        state.rename(NameChange::Set(path.to_owned(), number));
        Ok(Box::new(SimHandle { disk: self.clone(), number }))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let state = self.state();
        let number = state.number(path)?;
        Ok(Box::new(SimHandle { disk: self.clone(), number }))
    }

    fn read(&self, path: &Path, into: &mut Vec<u8>) -> io::Result<()> {
        let state = self.state();
        into.clear();
        into.extend_from_slice(&state.files[state.number(path)?].content);
        Ok(())
    }

    fn len(&self, path: &Path) -> io::Result<u64> {
        let state = self.state();
        Ok(state.files[state.number(path)?].content.len() as u64)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let state = self.state();
        let inside = state.names.keys().filter(|path| path.parent() == Some(dir));
        Ok(inside.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.check(Call::Remove)?;
        state.number(path)?;
        state.rename(NameChange::Gone(path.to_owned()));
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.check(Call::Rename)?;
        let number = state.number(from)?;
        state.rename(NameChange::Set(to.to_owned(), number));
        state.rename(NameChange::Gone(from.to_owned()));
        Ok(())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.syncs += 1;
        state.check(Call::SyncDir)?;
        let changes = std::mem::take(&mut state.name_changes);
        for change in changes {
            let (NameChange::Set(path, _) | NameChange::Gone(path)) = &change;
            if path.parent() == Some(dir) {
                apply(&mut state.durable_names, change);
            } else {
                state.name_changes.push(change);
            }
        }
        Ok(())
    }

    fn sync_all(&self, _dir: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.syncs += 1;
        state.check(Call::Sync)?;
        state.files.iter_mut().for_each(SimFile::sync);
        Ok(())
    }

    fn lock(&self, _path: &Path) -> io::Result<Box<dyn Send>> {
        let state = self.state();
        if Arc::strong_count(&state.locked) > 1 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(Box::new(Arc::clone(&state.locked)))
    }
}

struct SimHandle {
    disk: SimDisk,
    number: usize,
}

impl SimHandle {
    fn with<T>(
        &self,
        call: Call,
        act: impl FnOnce(&mut State, usize) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut state = self.disk.state();
        state.check(call)?;
        act(&mut state, self.number)
    }
}

impl DiskFile for SimHandle {
    fn append(&mut self, parts: &mut [IoSlice<'_>]) -> io::Result<()> {
        let mut state = self.disk.state();
        let was_dead = state.dead;
        let checked = state.check(Call::Append);
        let all = parts.iter().map(|part| part.len()).sum::<usize>() as u64;
        let room = match (&checked, state.capacity) {
            (Ok(()), None) => all,
            (Ok(()), Some(capacity)) => capacity.saturating_sub(state.used()).min(all),
            // What fails may be half done.
            (Err(_), _) => u64::from(!was_dead) * all / 2,
        };
        let mut room = usize::try_from(room).unwrap();
        for part in parts.iter() {
            let fits = part.len().min(room);
            state.files[self.number].content.extend_from_slice(&part[..fits]);
            room -= fits;
            if fits < part.len() {
                checked?;
                return Err(state.refuse());
            }
        }
        checked
    }

    fn sync_data(&mut self) -> io::Result<()> {
        let mut state = self.disk.state();
        state.syncs += 1;
        let synced = state.check(Call::Sync);
        let file = &mut state.files[self.number];
        file.is_forgotten |= synced.is_err();
        file.sync();
        synced
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.with(Call::Truncate, |state, number| {
            state.files[number].content.truncate(usize::try_from(len).unwrap());
            Ok(())
        })
    }
}

/// A small deterministic source of numbers (xorshift, Marsaglia 2003).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}
