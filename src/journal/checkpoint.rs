//! Checkpoints: the state of a partition as of one input, so that recovery need not read the log
//! from its beginning.
//!
//! Each is one file, written under a temporary name, synced, renamed, and its folder synced: it is
//! there wholly or not at all. Many at once share two syncs. The last two of each partition are
//! kept. Should the newest be damaged, the one before serves, and for that the log is trimmed only
//! behind the last but one. The bytes of the state are the caller's.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::checkpoint_file::{self, NoCheckpoint};
use super::disk::{Disk, DiskFile, RealDisk};
use super::error::JournalError;
use super::position::LogPosition;
use crate::domain::ids::{InputSeq, PARTITIONS, PartitionId};
use crate::identity::Keyring;

/// Checkpoints kept of each partition.
const KEPT: usize = 2;

/// From so many on, checkpoints are synced with all else that the file system holds.
const SYNCED_AS_ONE: usize = 8;

/// What a checkpoint stands for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct CheckpointMark {
    /// Whose state it is.
    pub partition: PartitionId,
    /// The last input that is in the state.
    pub seq: InputSeq,
    /// Every later input of the partition is at or behind this position of the log.
    pub keep_from: LogPosition,
}

/// A checkpoint that was read and proven whole.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// What it stands for.
    pub mark: CheckpointMark,
    pub(super) bytes: Vec<u8>,
    pub(super) state: std::ops::Range<usize>,
}

impl Checkpoint {
    /// The state, as it was written.
    #[must_use]
    pub fn state(&self) -> &[u8] {
        &self.bytes[self.state.clone()]
    }
}

/// A checkpoint that is written and not durable yet.
pub struct Staged {
    mark: CheckpointMark,
    file: Box<dyn DiskFile>,
}

/// What there is of a partition.
#[derive(Clone, Debug, Default)]
pub struct Latest {
    /// The newest whole checkpoint.
    pub checkpoint: Option<Checkpoint>,
    /// Newer ones that are damaged. They have been set aside under `.damaged`.
    pub damaged: Vec<Damaged>,
    /// The newest that was passed over because it lies behind what was asked for.
    pub passed_over: Option<CheckpointMark>,
}

/// A checkpoint that is not what was written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Damaged {
    /// The file, before it was set aside.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: String,
}

/// The checkpoints of a data directory. Shards share it; writing is off the data path.
pub struct Checkpoints {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    keyring: Keyring,
    /// By partition, what is kept, the newest last. The lock is held for looks and changes of this
    /// list alone.
    kept: Mutex<Vec<VecDeque<CheckpointMark>>>,
}

impl Checkpoints {
    /// Opens the folder `checkpoints` of a data directory, making it if missing.
    ///
    /// # Errors
    /// [`JournalError::Io`].
    pub fn open(dir: &Path, keyring: &Keyring) -> Result<Self, JournalError> {
        Self::open_on(Arc::new(RealDisk), dir, keyring)
    }

    /// As [`open`](Self::open), on another disk.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_on(
        disk: Arc<dyn Disk>,
        dir: &Path,
        keyring: &Keyring,
    ) -> Result<Self, JournalError> {
        let dir = dir.join("checkpoints");
        disk.create_dir(&dir).map_err(JournalError::io("create", &dir))?;
        let names = disk.list(&dir).map_err(JournalError::io("list", &dir))?;
        for left in names.iter().filter(|name| name.ends_with(".new")) {
            // Of a crash on the way; if it can't be removed, it is still in nobody's way.
            let _left = disk.remove(&dir.join(left));
        }
        let (checkpoints, surplus) = Self::listed(disk, dir, keyring)?;
        for old in surplus {
            // A power loss undid its removal. It is in nobody's way either.
            let _left = checkpoints.disk.remove(&checkpoints.path_of(old));
        }
        Ok(checkpoints)
    }

    /// Opens the folder to look at it: nothing in it is made, removed or renamed.
    ///
    /// # Errors
    /// [`JournalError::Io`], also if there is none.
    pub fn existing(dir: &Path, keyring: &Keyring) -> Result<Self, JournalError> {
        let listed = Self::listed(Arc::new(RealDisk), dir.join("checkpoints"), keyring);
        listed.map(|(checkpoints, _surplus)| checkpoints)
    }

    /// What is in the folder, and what of it does not count any more: the log behind it may be gone.
    fn listed(
        disk: Arc<dyn Disk>,
        dir: PathBuf,
        keyring: &Keyring,
    ) -> Result<(Self, Vec<CheckpointMark>), JournalError> {
        let names = disk.list(&dir).map_err(JournalError::io("list", &dir))?;
        let mut marks: Vec<_> = names.iter().filter_map(|name| parse_name(name)).collect();
        marks.sort_unstable();
        let mut kept = vec![VecDeque::new(); PARTITIONS];
        for mark in marks {
            kept[mark.partition.index()].push_back(mark);
        }
        let surplus = kept.iter_mut().flat_map(drain_surplus).collect();
        Ok((Self { disk, dir, keyring: keyring.clone(), kept: Mutex::new(kept) }, surplus))
    }

    /// Reads the newest whole checkpoint of a partition, setting damaged ones aside.
    ///
    /// # Errors
    /// [`JournalError`] if a file can't be read, is of a newer format or under other keys.
    pub fn latest(&self, partition: PartitionId) -> Result<Latest, JournalError> {
        self.latest_within(partition, InputSeq(u64::MAX))
    }

    /// As [`latest`](Self::latest), but of an input up to `through`: later ones are passed over and left.
    ///
    /// # Errors
    /// As [`latest`](Self::latest).
    pub fn latest_within(
        &self,
        partition: PartitionId,
        through: InputSeq,
    ) -> Result<Latest, JournalError> {
        let mut latest = Latest::default();
        for mark in self.marks_of(partition).into_iter().rev() {
            if mark.seq > through {
                latest.passed_over = latest.passed_over.or(Some(mark));
                continue;
            }
            match self.read(mark)? {
                Ok(checkpoint) => {
                    latest.checkpoint = Some(checkpoint);
                    break;
                }
                Err(damaged) => {
                    self.set_aside(mark, &damaged.path)?;
                    latest.damaged.push(damaged);
                }
            }
        }
        Ok(latest)
    }

    /// Reads the oldest whole checkpoint of a partition, and leaves damaged ones where they are.
    ///
    /// # Errors
    /// As [`latest`](Self::latest).
    pub fn oldest(&self, partition: PartitionId) -> Result<Option<Checkpoint>, JournalError> {
        for mark in self.marks_of(partition) {
            if let Ok(checkpoint) = self.read(mark)? {
                return Ok(Some(checkpoint));
            }
        }
        Ok(None)
    }

    fn read(&self, mark: CheckpointMark) -> Result<Result<Checkpoint, Damaged>, JournalError> {
        let path = self.path_of(mark);
        let mut bytes = Vec::new();
        self.disk.read(&path, &mut bytes).map_err(JournalError::io("read", &path))?;
        let reason = match checkpoint_file::parse(bytes, &self.keyring) {
            Ok(checkpoint) if checkpoint.mark == mark => return Ok(Ok(checkpoint)),
            Ok(other) => format!("its name does not fit its content, {:?}", other.mark),
            Err(NoCheckpoint::Newer(format)) => {
                let known = checkpoint_file::CHECKPOINT_FORMAT;
                return Err(JournalError::NewerFormat { path, format, known });
            }
            Err(NoCheckpoint::WrongKeys) => return Err(JournalError::WrongKeys { path }),
            Err(NoCheckpoint::Keys(missing)) => return Err(missing.into()),
            Err(NoCheckpoint::Damaged(reason)) => reason.to_owned(),
        };
        Ok(Err(Damaged { path, reason }))
    }

    /// Writes a checkpoint; when this returns, it is durable, and what it replaces is removed.
    ///
    /// # Errors
    /// As [`stage`](Self::stage) and [`commit`](Self::commit).
    pub fn write(
        &self,
        mark: CheckpointMark,
        state: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), JournalError> {
        self.commit(vec![self.stage(mark, state)?])
    }

    /// Writes a checkpoint under a temporary name, to be made durable with others by [`commit`](Self::commit).
    ///
    /// It may be written once three things hold: the inputs up to `mark.seq` are synced in the log,
    /// and whatever they caused is durable in outbox and derived stores; and `mark.keep_from` was
    /// taken ([`ShardLog::keep_from`](super::ShardLog::keep_from)) before the partition's next
    /// input was appended.
    ///
    /// # Errors
    /// [`JournalError::Io`], also for what `state` returns; the last checkpoints are untouched
    /// then, and it may be tried again.
    pub fn stage(
        &self,
        mark: CheckpointMark,
        state: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<Staged, JournalError> {
        let temporary = self.temporary_of(mark);
        match checkpoint_file::write(&*self.disk, &temporary, mark, &self.keyring, state) {
            Ok(file) => Ok(Staged { mark, file }),
            Err(error) => {
                self.discard([mark]);
                Err(JournalError::io("write", &temporary)(error))
            }
        }
    }

    /// Makes staged checkpoints durable, all by a few syncs, and removes what they replace.
    ///
    /// # Errors
    /// [`JournalError::Io`]; the last checkpoints still serve then.
    pub fn commit(&self, mut staged: Vec<Staged>) -> Result<(), JournalError> {
        // Of two as of the same input the later has taken the temporary file of the earlier.
        let mut marks: Vec<CheckpointMark> = staged.iter().rev().map(|one| one.mark).collect();
        marks.sort_by_key(|mark| (mark.partition, mark.seq));
        marks.dedup_by_key(|mark| (mark.partition, mark.seq));
        if marks.is_empty() {
            return Ok(());
        }
        let durable = self.sync(&mut staged).and_then(|()| self.put_in_place(&marks));
        if durable.is_err() {
            self.discard(marks);
            return durable;
        }
        for old in marks.into_iter().flat_map(|mark| self.keep(mark)) {
            let old = self.path_of(old);
            self.disk.remove(&old).map_err(JournalError::io("remove", &old))?;
        }
        Ok(())
    }

    /// Many at once are synced with all that the file system holds: one commit of its own log instead of one for
    /// each file.
    fn sync(&self, staged: &mut [Staged]) -> Result<(), JournalError> {
        if staged.len() >= SYNCED_AS_ONE {
            return self.disk.sync_all(&self.dir).map_err(JournalError::io("sync", &self.dir));
        }
        for Staged { mark, file } in staged {
            let path = self.temporary_of(*mark);
            file.sync_data().map_err(JournalError::io("sync", &path))?;
        }
        Ok(())
    }

    fn put_in_place(&self, marks: &[CheckpointMark]) -> Result<(), JournalError> {
        for mark in marks {
            let (temporary, path) = (self.temporary_of(*mark), self.path_of(*mark));
            self.disk.rename(&temporary, &path).map_err(JournalError::io("rename", &path))?;
        }
        self.disk.sync_dir(&self.dir).map_err(JournalError::io("sync", &self.dir))
    }

    /// Removes temporary files. They are in nobody's way, but they may hold space that others wait for.
    fn discard(&self, marks: impl IntoIterator<Item = CheckpointMark>) {
        for mark in marks {
            // It may be gone already.
            let _gone = self.disk.remove(&self.temporary_of(mark));
        }
    }

    /// From where on the log is needed, for the partitions of this daemon: the oldest position of
    /// their last but one checkpoints, and its beginning while any has fewer than two.
    pub fn keep_from(&self, owned: impl IntoIterator<Item = PartitionId>) -> LogPosition {
        self.needs_from(owned, KEPT)
    }

    /// The same, if the newest alone were kept.
    pub fn newest_from(&self, owned: impl IntoIterator<Item = PartitionId>) -> LogPosition {
        self.needs_from(owned, 1)
    }

    fn needs_from(
        &self,
        owned: impl IntoIterator<Item = PartitionId>,
        newest: usize,
    ) -> LogPosition {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let oldest_of = |partition: PartitionId| {
            let marks = &kept[partition.index()];
            let oldest = marks.len().checked_sub(newest).and_then(|place| marks.get(place));
            oldest.map_or(LogPosition::START, |mark| mark.keep_from)
        };
        owned.into_iter().map(oldest_of).min().unwrap_or_default()
    }

    fn marks_of(&self, partition: PartitionId) -> Vec<CheckpointMark> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept[partition.index()].iter().copied().collect()
    }

    /// Adds a mark, and gives those that are no longer kept.
    fn keep(&self, mark: CheckpointMark) -> Vec<CheckpointMark> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let marks = &mut kept[mark.partition.index()];
        if marks.back() != Some(&mark) {
            marks.push_back(mark);
        }
        drain_surplus(marks)
    }

    /// A damaged checkpoint must not count as one of the two, and is left for whoever wants to look
    /// at it.
    fn set_aside(&self, mark: CheckpointMark, path: &Path) -> Result<(), JournalError> {
        let aside = path.with_extension("ckpt.damaged");
        self.disk.rename(path, &aside).map_err(JournalError::io("rename", path))?;
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept[mark.partition.index()].retain(|&other| other != mark);
        Ok(())
    }

    /// One for each input of a partition that may have two staged; of the same input the last one counts.
    fn temporary_of(&self, mark: CheckpointMark) -> PathBuf {
        self.dir.join(format!("{:03}-{:020}.new", mark.partition.0, mark.seq.0))
    }

    fn path_of(&self, mark: CheckpointMark) -> PathBuf {
        let CheckpointMark { partition, seq, keep_from } = mark;
        self.dir.join(format!("{:03}-{:020}-{:020}.ckpt", partition.0, seq.0, keep_from.0))
    }
}

/// Takes out what is beyond the newest that are kept.
fn drain_surplus(marks: &mut VecDeque<CheckpointMark>) -> Vec<CheckpointMark> {
    let surplus = marks.len().saturating_sub(KEPT);
    marks.drain(..surplus).collect()
}

fn parse_name(name: &str) -> Option<CheckpointMark> {
    let mut parts = name.strip_suffix(".ckpt")?.split('-');
    let partition = PartitionId(parts.next()?.parse().ok()?);
    let seq = InputSeq(parts.next()?.parse().ok()?);
    let keep_from = LogPosition(parts.next()?.parse().ok()?);
    parts.next().is_none().then_some(CheckpointMark { partition, seq, keep_from })
}
