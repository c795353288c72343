//! Rows in memory that keep the promises of the real ones and no more: a batch is there wholly or not at all, one
//! whose commit has returned survives a loss of power, one whose commit has failed may be there or not, and after
//! an error nothing more is written.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fjall::Slice;

use super::blocks::Block;
use super::rows::{Pair, Table};

/// A table, a key, and its new value; `None` removes it.
pub(super) type Write = (Table, Vec<u8>, Option<Vec<u8>>);

type Key = (Table, Vec<u8>);

/// Clones are the same rows.
#[derive(Clone, Default)]
pub(crate) struct SimRows(Arc<Mutex<State>>);

#[derive(Clone, Default)]
struct State {
    pairs: BTreeMap<Key, Vec<u8>>,
    /// Commits so far.
    commits: u64,
    /// The commit that will fail, and whether it is written all the same.
    failing: Option<(u64, bool)>,
    /// A commit has failed, or the power is lost: nothing is written any more.
    is_dead: bool,
}

impl SimRows {
    /// The nth commit from now on fails, 1 is the next. It may be on the disk all the same, as after a failed
    /// sync.
    pub(crate) fn fail_commit(&self, nth: u64, is_written: bool) {
        let mut state = self.state();
        state.failing = Some((state.commits + nth, is_written));
    }

    /// The process ends, with or without the power. Gives the rows as the next one finds them; these are dead.
    pub(crate) fn end_process(&self) -> Self {
        let mut state = self.state();
        let pairs = std::mem::take(&mut state.pairs);
        state.is_dead = true;
        Self(Arc::new(Mutex::new(State { pairs, ..State::default() })))
    }

    /// How often something was committed so far.
    pub(crate) fn commits(&self) -> u64 {
        self.state().commits
    }

    /// Offset and bytes of every record.
    pub(crate) fn records(&self) -> Vec<(u64, Vec<u8>)> {
        let state = self.state();
        let records = state.pairs.iter().filter(|((table, _), _)| *table == Table::Records);
        let blocks = records.map(|((_, key), row)| {
            Block::read(key, &Slice::from(row)).expect("what was written is a block")
        });
        let records = blocks.flat_map(Block::into_records);
        records.map(|(offset, bytes)| (offset, bytes.to_vec())).collect()
    }

    pub(super) fn get(&self, table: Table, key: &[u8]) -> Option<Slice> {
        self.state().pairs.get(&(table, key.to_vec())).map(Slice::from)
    }

    pub(super) fn insert(&self, table: Table, key: &[u8], value: &[u8]) -> fjall::Result<()> {
        self.write([(table, key.to_vec(), Some(value.to_vec()))])
    }

    pub(super) fn prefix(&self, table: Table, prefix: &[u8]) -> Vec<Pair> {
        self.pairs(|(of, key)| *of == table && key.starts_with(prefix))
    }

    pub(super) fn range(&self, table: Table, from: &[u8], through: &[u8]) -> Vec<Pair> {
        self.pairs(|(of, key)| *of == table && &key[..] >= from && &key[..] <= through)
    }

    pub(super) fn commit(&self, writes: Vec<Write>) -> fjall::Result<()> {
        let failing = {
            let mut state = self.state();
            state.commits += 1;
            state.failing.filter(|(nth, _)| *nth == state.commits)
        };
        match failing {
            None => self.write(writes),
            Some((_, is_written)) => {
                if is_written {
                    self.write(writes)?;
                }
                self.state().is_dead = true;
                Err(fjall::Error::Io(io::ErrorKind::Other.into()))
            }
        }
    }

    fn write(&self, writes: impl IntoIterator<Item = Write>) -> fjall::Result<()> {
        let mut state = self.state();
        if state.is_dead {
            return Err(fjall::Error::Io(io::ErrorKind::BrokenPipe.into()));
        }
        for (table, key, value) in writes {
            match value {
                Some(value) => drop(state.pairs.insert((table, key), value)),
                None => drop(state.pairs.remove(&(table, key))),
            }
        }
        Ok(())
    }

    fn pairs(&self, wanted: impl Fn(&Key) -> bool) -> Vec<Pair> {
        let state = self.state();
        let found = state.pairs.iter().filter(|(key, _)| wanted(key));
        found.map(|((_, key), value)| (Slice::from(key), Slice::from(value))).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
