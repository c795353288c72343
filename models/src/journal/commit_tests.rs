//! Shards that commit while the writer writes, syncs, fails and ends. The disk is two numbers: what was written, and what
//! of that a sync has made durable; both are read without any order of their own, so that a shard sees them only if the
//! journal's own hand-offs make it.

use std::io::{self, IoSlice};
use std::path::Path;

use geofenced::domain::ids::{InputPosition, InputSeq, PartitionId};
use geofenced::domain::input::Input;
use geofenced::domain::units::UtcMs;
use loom::sync::Notify;
use loom::thread;

use super::config::JournalConfig;
use super::disk::{Disk, DiskFile};
use super::handle::Journal;
use super::position::CommitNo;
use super::shard_log::ShardLog;
use super::writer::{Start, Word};
use crate::identity::Keyring;
use crate::sync::Arc;
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

#[derive(Default)]
struct Platter {
    written: AtomicUsize,
    durable: AtomicUsize,
    fails: AtomicBool,
}

#[derive(Clone)]
struct ModelDisk(Arc<Platter>);

impl DiskFile for ModelDisk {
    fn append(&mut self, parts: &mut [IoSlice<'_>]) -> io::Result<()> {
        // Marks and headers are longer than what a shard writes here: a byte for each input.
        let inputs: usize = parts.iter().map(|part| part.len()).filter(|len| *len < 16).sum();
        self.0.written.fetch_add(inputs, Ordering::Relaxed);
        Ok(())
    }

    fn sync_data(&mut self) -> io::Result<()> {
        if self.0.fails.load(Ordering::Relaxed) && self.0.written.load(Ordering::Relaxed) > 0 {
            return Err(io::Error::other("the disk is gone"));
        }
        self.0.durable.store(self.0.written.load(Ordering::Relaxed), Ordering::Relaxed);
        Ok(())
    }

    fn truncate(&mut self, _len: u64) -> io::Result<()> {
        Ok(())
    }
}

impl Disk for ModelDisk {
    fn create(&self, _path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(self.clone()))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.create(path)
    }

    fn create_dir(&self, _dir: &Path) -> io::Result<()> {
        Ok(())
    }

    fn read(&self, _path: &Path, _into: &mut Vec<u8>) -> io::Result<()> {
        Ok(())
    }

    fn len(&self, _path: &Path) -> io::Result<u64> {
        Ok(0)
    }

    fn list(&self, _dir: &Path) -> io::Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn remove(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    fn rename(&self, _from: &Path, _to: &Path) -> io::Result<()> {
        Ok(())
    }

    fn sync_dir(&self, _dir: &Path) -> io::Result<()> {
        Ok(())
    }

    fn sync_all(&self, _dir: &Path) -> io::Result<()> {
        Ok(())
    }

    fn lock(&self, _path: &Path) -> io::Result<Box<dyn Send>> {
        Ok(Box::new(()))
    }
}

fn journal(platter: &Arc<Platter>, shards: usize) -> (Journal, Vec<ShardLog>) {
    journal_with(platter, shards, JournalConfig::default())
}

fn journal_with(
    platter: &Arc<Platter>,
    shards: usize,
    config: JournalConfig,
) -> (Journal, Vec<ShardLog>) {
    let start = Start {
        disk: std::sync::Arc::new(ModelDisk(Arc::clone(platter))),
        config,
        keyring: Keyring,
        link: None,
        now_ns: || 0,
        lock: Box::new(()),
    };
    Journal::start(start, shards).expect("the disk is there")
}

fn append(log: &mut ShardLog, seq: u64) {
    let position = InputPosition { partition: PartitionId(0), seq: InputSeq(seq) };
    log.append(position, &Input::Tick { now: UtcMs(0) });
}

/// Waits as a shard does: for a wake, and then looks. Gives whether the commit is safe; if not, the journal has failed.
fn settled(log: &mut ShardLog, woken: &Notify, commit: CommitNo) -> bool {
    loop {
        if log.synced() >= commit {
            return true;
        }
        if log.failed().is_some() {
            return false;
        }
        woken.wait();
    }
}

fn waking(log: &ShardLog) -> Arc<Notify> {
    let woken = Arc::new(Notify::new());
    let wakes = Arc::clone(&woken);
    log.on_synced(move || wakes.notify());
    woken
}

/// Every order in which threads are interrupted at most so often.
fn model(preemptions: usize, check: impl Fn() + Send + Sync + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(preemptions);
    model.check(check);
}

/// Between a shard and the writer.
const OF_TWO: usize = 4;
/// With two shards, whose orders are many.
const OF_THREE: usize = 1;

#[test]
fn what_is_called_synced_is_durable() {
    model(OF_TWO, || {
        let platter = Arc::new(Platter::default());
        let (journal, mut logs) = journal(&platter, 1);
        let mut log = logs.remove(0);
        let woken = waking(&log);
        for seq in 1..=2 {
            append(&mut log, seq);
            let commit = log.commit();
            assert!(settled(&mut log, &woken, commit));
            let durable = platter.durable.load(Ordering::Relaxed);
            assert!(durable >= usize::try_from(seq).unwrap(), "{durable} of {seq} are durable");
        }
        drop(log);
        journal.shutdown().expect("all is well");
    });
}

#[test]
fn two_shards_of_a_group_are_both_told() {
    model(OF_THREE, || {
        let platter = Arc::new(Platter::default());
        let (journal, logs) = journal(&platter, 2);
        let shards: Vec<_> = logs
            .into_iter()
            .map(|mut log| {
                let platter = Arc::clone(&platter);
                thread::spawn(move || {
                    let woken = waking(&log);
                    append(&mut log, 1);
                    log.commit();
                    append(&mut log, 2);
                    let commit = log.commit();
                    assert!(settled(&mut log, &woken, commit));
                    assert!(platter.durable.load(Ordering::Relaxed) >= 2);
                })
            })
            .collect();
        shards.into_iter().for_each(|shard| shard.join().unwrap());
        journal.shutdown().expect("all is well");
        assert_eq!(platter.durable.load(Ordering::Relaxed), 4);
    });
}

#[test]
fn a_failed_sync_is_told_and_acknowledges_nothing() {
    model(OF_TWO, || {
        let platter = Arc::new(Platter::default());
        let (journal, mut logs) = journal(&platter, 1);
        platter.fails.store(true, Ordering::Relaxed);
        let mut log = logs.remove(0);
        let woken = waking(&log);
        append(&mut log, 1);
        let commit = log.commit();
        assert!(!settled(&mut log, &woken, commit), "nothing was synced");
        append(&mut log, 2);
        log.commit();
        assert_eq!(log.synced(), CommitNo(0));
        drop(log);
        journal.shutdown().expect_err("it has failed");
    });
}

#[test]
fn the_end_writes_what_was_committed_before() {
    model(OF_TWO, || {
        let platter = Arc::new(Platter::default());
        let (journal, mut logs) = journal(&platter, 1);
        let mut log = logs.remove(0);
        let shard = thread::spawn(move || {
            append(&mut log, 1);
            log.commit();
            append(&mut log, 2);
            // Dropping it commits what is pending.
        });
        shard.join().unwrap();
        journal.shutdown().expect("all is well");
        assert_eq!(platter.durable.load(Ordering::Relaxed), 2);
    });
}

#[test]
fn what_is_added_to_what_waits_is_durable_too() {
    model(OF_TWO, || {
        let platter = Arc::new(Platter::default());
        let (journal, mut logs) = journal(&platter, 1);
        let mut log = logs.remove(0);
        let woken = waking(&log);
        let mut last = CommitNo(0);
        // The writer may take each alone, or find some added to what it has not taken.
        for seq in 1..=3 {
            append(&mut log, seq);
            last = log.commit();
        }
        assert_eq!(last, CommitNo(3));
        assert!(settled(&mut log, &woken, last));
        assert_eq!(platter.durable.load(Ordering::Relaxed), 3);
        let sample = journal.figures().sample();
        assert_eq!(sample.commits, 3);
        assert!(sample.groups <= 3);
        drop(log);
        journal.shutdown().expect("all is well");
    });
}

#[test]
fn a_shard_that_waits_for_room_is_told_when_there_is_some() {
    model(OF_TWO, || {
        let platter = Arc::new(Platter::default());
        // What is laid out fills it.
        let config = JournalConfig { shard_buffer_bytes: 1, ..JournalConfig::default() };
        let (journal, mut logs) = journal_with(&platter, 1, config);
        let mut log = logs.remove(0);
        let woken = waking(&log);
        let mut last = CommitNo(0);
        for seq in 1..=3 {
            while !log.has_room() {
                woken.wait();
            }
            append(&mut log, seq);
            last = log.commit();
        }
        assert!(settled(&mut log, &woken, last));
        assert_eq!(journal.figures().sample().groups, 3, "nothing is added to what is full");
        drop(log);
        journal.shutdown().expect("all is well");
    });
}

#[test]
fn a_shard_that_a_full_group_leaves_out_is_in_the_next() {
    model(OF_THREE, || {
        let platter = Arc::new(Platter::default());
        // What one shard lays out is a group.
        let config = JournalConfig { commit_max_bytes: 1, ..JournalConfig::default() };
        let (journal, logs) = journal_with(&platter, 2, config);
        let shards: Vec<_> = logs
            .into_iter()
            .map(|mut log| {
                thread::spawn(move || {
                    let woken = waking(&log);
                    append(&mut log, 1);
                    let commit = log.commit();
                    assert!(settled(&mut log, &woken, commit));
                })
            })
            .collect();
        shards.into_iter().for_each(|shard| shard.join().unwrap());
        assert_eq!(journal.figures().sample().groups, 2);
        journal.shutdown().expect("all is well");
        assert_eq!(platter.durable.load(Ordering::Relaxed), 2);
    });
}

#[test]
fn a_new_segment_beside_commits_loses_none() {
    model(OF_TWO, || {
        let platter = Arc::new(Platter::default());
        let (journal, mut logs) = journal(&platter, 1);
        let mut log = logs.remove(0);
        let woken = waking(&log);
        append(&mut log, 1);
        log.commit();
        assert!(journal.to_writer.try_send(Word::NewSegment).is_ok(), "it hears words");
        append(&mut log, 2);
        let commit = log.commit();
        assert!(settled(&mut log, &woken, commit));
        assert_eq!(platter.durable.load(Ordering::Relaxed), 2);
        drop(log);
        journal.shutdown().expect("all is well");
    });
}
