//! Commits, groups, segments, trimming, and a disk that fills up or fails.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::by_hand::HandWriter;
use super::config::JournalConfig;
use super::error::JournalError;
use super::handle::Journal;
use super::position::{CommitNo, LogPosition, Resume};
use super::shard_log::ShardLog;
use super::sim_disk::{Call, SimDisk};
use super::test_inputs::{at, eventually, fix, fixes, no_time};
use crate::domain::fix::Fix;
use crate::domain::ids::{InputSeq, PartitionId};
use crate::identity::Keyring;

fn config() -> JournalConfig {
    JournalConfig {
        segment_max_bytes: 64 << 10,
        shard_buffer_bytes: 8 << 10,
        ..JournalConfig::default()
    }
}

fn begin(disk: &SimDisk, shards: usize) -> (Journal, Vec<ShardLog>) {
    let keyring = Keyring::from_seed([1; 32]);
    let disk = Arc::new(disk.clone());
    let recovery = Journal::open_on(disk, config(), &keyring, Resume::from_start()).unwrap();
    recovery.into_journal(shards, no_time).unwrap()
}

fn count(disk: &SimDisk, resume: Resume) -> Result<u64, JournalError> {
    let disk = Arc::new(disk.clone());
    let mut recovery = Journal::open_on(disk, config(), &Keyring::from_seed([1; 32]), resume)?;
    let mut inputs = 0;
    while recovery.next_input()?.is_some() {
        inputs += 1;
    }
    Ok(inputs)
}

fn append(log: &mut ShardLog, partition: u8, seq: u64) -> CommitNo {
    let records: Vec<Fix> = (0..50).map(|n| fix(seq * 50 + n)).collect();
    log.append(at(partition, seq), &fixes(&records, seq));
    log.commit()
}

#[test]
fn a_commit_is_synced_and_wakes_its_shard() {
    let disk = SimDisk::new();
    let (journal, mut logs) = begin(&disk, 2);
    let woken: [Arc<AtomicU64>; 2] = Default::default();
    for (log, woken) in logs.iter().zip(&woken) {
        let woken = Arc::clone(woken);
        log.on_synced(move || {
            woken.fetch_add(1, Ordering::Relaxed);
        });
    }
    assert_eq!(logs[0].commit(), CommitNo(0), "nothing to commit");
    assert_eq!(append(&mut logs[0], 0, 1), CommitNo(1));
    eventually("synced", || logs[0].synced() == CommitNo(1));
    eventually("woken", || woken[0].load(Ordering::Relaxed) == 1);
    assert_eq!(woken[1].load(Ordering::Relaxed), 0);
    assert_eq!(logs[1].synced(), CommitNo(0));
    let sample = journal.figures().sample();
    assert_eq!((sample.groups, sample.commits, sample.segments), (1, 1, 1));
    assert_eq!(sample.bytes + 72, journal.synced_end().0);
    assert_eq!(sample.sync_buckets.iter().sum::<u64>(), 1);
}

fn begin_by_hand(
    disk: &SimDisk,
    config: JournalConfig,
    shards: usize,
) -> (Journal, Vec<ShardLog>, HandWriter) {
    let (disk, keyring) = (Arc::new(disk.clone()), Keyring::from_seed([1; 32]));
    let recovery = Journal::open_on(disk, config, &keyring, Resume::from_start()).unwrap();
    recovery.into_journal_by_hand(shards).unwrap()
}

#[test]
fn commits_that_wait_go_in_one_group() {
    let disk = SimDisk::new();
    let (journal, mut logs, mut writer) = begin_by_hand(&disk, config(), 2);
    for seq in 1..=5 {
        append(&mut logs[0], 0, seq);
    }
    append(&mut logs[1], 1, 1);
    writer.turn();
    assert_eq!((logs[0].synced(), logs[1].synced()), (CommitNo(5), CommitNo(1)));
    assert!(!writer.has_work());
    for seq in 6..=8 {
        append(&mut logs[0], 0, seq);
    }
    writer.turn();
    assert_eq!(logs[0].synced(), CommitNo(8));
    let sample = journal.figures().sample();
    assert_eq!((sample.groups, sample.commits), (2, 9));
    drop(logs);
    writer.close(&journal);
    assert_eq!(count(&disk, Resume::from_start()).unwrap(), 9);
}

#[test]
fn a_full_group_leaves_the_next_shards_to_the_next() {
    let disk = SimDisk::new();
    let config = JournalConfig { commit_max_bytes: 64 << 10, ..config() };
    let (journal, mut logs, mut writer) = begin_by_hand(&disk, config, 3);
    let synced =
        |logs: &[ShardLog]| -> Vec<u64> { logs.iter().map(|log| log.synced().0).collect() };
    // A group is full with 50 commits of one shard.
    let fill = |log: &mut ShardLog, shard: u8, from: u64| {
        for seq in from..from + 50 {
            append(log, shard, seq);
        }
    };
    (0..3u8).zip(&mut logs).for_each(|(shard, log)| fill(log, shard, 1));
    writer.turn();
    assert_eq!(synced(&logs), [50, 0, 0]);
    // That the first lays out again is no reason to pass over the others.
    fill(&mut logs[0], 0, 51);
    writer.turn();
    assert_eq!(synced(&logs), [50, 50, 0]);
    writer.turn();
    assert_eq!(synced(&logs), [50, 50, 50]);
    writer.turn();
    assert_eq!(synced(&logs), [100, 50, 50]);
    fill(&mut logs[1], 1, 51);
    fill(&mut logs[2], 2, 51);
    // Nothing is left at the end.
    drop(logs);
    writer.close(&journal);
    assert_eq!(journal.figures().sample().groups, 5);
    assert_eq!(count(&disk, Resume::from_start()).unwrap(), 300);
}

#[test]
fn a_shard_is_told_that_it_has_room_when_its_buffer_is_taken() {
    let disk = SimDisk::new();
    let (journal, mut logs, mut writer) = begin_by_hand(&disk, config(), 1);
    let woken = Arc::new(AtomicU64::new(0));
    let waker = Arc::clone(&woken);
    logs[0].on_synced(move || {
        waker.fetch_add(1, Ordering::Relaxed);
    });
    append(&mut logs[0], 0, 1);
    writer.turn();
    assert_eq!(woken.load(Ordering::Relaxed), 1, "synced, and it had room all the while");
    let mut seq = 1;
    while logs[0].has_room() {
        seq += 1;
        append(&mut logs[0], 0, seq);
    }
    writer.turn();
    assert_eq!(woken.load(Ordering::Relaxed), 3, "before the sync and after it");
    drop(logs);
    writer.close(&journal);
    assert_eq!(count(&disk, Resume::from_start()).unwrap(), seq);
}

#[test]
fn a_group_of_more_shards_than_one_call_takes_is_whole() {
    let disk = SimDisk::new();
    let (journal, mut logs, mut writer) = begin_by_hand(&disk, config(), 130);
    for (shard, log) in (0..130).zip(&mut logs) {
        append(log, shard, 1);
    }
    writer.turn();
    assert!(logs.iter().all(|log| log.synced() == CommitNo(1)));
    assert_eq!(journal.figures().sample().groups, 1);
    drop(logs);
    writer.close(&journal);
    assert_eq!(count(&disk, Resume::from_start()).unwrap(), 130);
}

#[test]
fn an_error_from_sync_is_final() {
    let disk = SimDisk::new();
    let (journal, mut logs) = begin(&disk, 1);
    let woken = Arc::new(AtomicU64::new(0));
    let waker = Arc::clone(&woken);
    logs[0].on_synced(move || {
        waker.fetch_add(1, Ordering::Relaxed);
    });
    let good = append(&mut logs[0], 0, 1);
    eventually("synced", || logs[0].synced() == good);
    disk.fail(Call::Sync, 1, io::ErrorKind::Other);
    append(&mut logs[0], 0, 2);
    eventually("failed", || journal.failed().is_some());
    eventually("woken", || woken.load(Ordering::Relaxed) >= 2);
    assert_eq!(logs[0].failed().unwrap().doing, "sync");
    // The disk is well again, which changes nothing; nor does it stop the shard.
    for seq in 3..100 {
        append(&mut logs[0], 0, seq);
    }
    assert_eq!(logs[0].synced(), good);
    drop(logs);
    assert!(matches!(journal.shutdown(), Err(JournalError::Failed(_))));
}

#[test]
fn what_a_failed_sync_left_behind_is_written_again_before_it_takes_effect() {
    let disk = SimDisk::new();
    let (journal, mut logs) = begin(&disk, 1);
    let good = append(&mut logs[0], 0, 1);
    eventually("synced", || logs[0].synced() == good);
    disk.fail(Call::Sync, 1, io::ErrorKind::Other);
    append(&mut logs[0], 0, 2);
    eventually("failed", || journal.failed().is_some());
    drop((logs, journal));
    // The next run sees both, since the system still has them in memory, and goes on behind them.
    assert_eq!(count(&disk, Resume::from_start()).unwrap(), 2);
    let (journal, mut logs) = begin(&disk, 1);
    let next = append(&mut logs[0], 0, 3);
    eventually("synced", || logs[0].synced() == next);
    let after = disk.lose_power(5);
    drop((logs, journal));
    assert_eq!(count(&after, Resume::from_start()).unwrap(), 3, "a loss of power takes none");
}

#[test]
fn a_mark_of_the_end_whose_sync_failed_is_written_again_too() {
    let disk = SimDisk::new();
    let (journal, mut logs) = begin(&disk, 1);
    let good = append(&mut logs[0], 0, 1);
    eventually("synced", || logs[0].synced() == good);
    disk.fail(Call::Sync, 1, io::ErrorKind::Other);
    drop(logs);
    assert!(journal.shutdown().is_err());
    // The next run sees the mark, and the segment it begins holds the digest of all before it.
    let (journal, mut logs) = begin(&disk, 1);
    let next = append(&mut logs[0], 0, 2);
    eventually("synced", || logs[0].synced() == next);
    for seed in 1..20 {
        let after = disk.fork().lose_power(seed);
        assert_eq!(count(&after, Resume::from_start()).unwrap(), 2, "seed {seed}");
    }
    drop((logs, journal));
}

#[test]
fn an_error_from_writing_is_final_and_its_bytes_are_cut() {
    let disk = SimDisk::new();
    let (journal, mut logs) = begin(&disk, 1);
    disk.fail(Call::Append, 1, io::ErrorKind::Other);
    append(&mut logs[0], 0, 1);
    eventually("failed", || journal.failed().is_some());
    assert_eq!(journal.failed().unwrap().doing, "write");
    drop((logs, journal));
    assert_eq!(count(&disk, Resume::from_start()).unwrap(), 0);
}

#[test]
fn a_full_disk_is_not_waited_for_at_the_end() {
    let disk = SimDisk::new();
    let (journal, mut logs) = begin(&disk, 1);
    let first = append(&mut logs[0], 0, 1);
    eventually("synced", || logs[0].synced() == first);
    logs[0].stop_waiting_for_room();
    disk.set_capacity(Some(journal.synced_end().0 + 700));
    append(&mut logs[0], 0, 2);
    eventually("full", || journal.figures().sample().full_waits > 0);
    eventually("given up", || {
        logs[0].stop_waiting_for_room();
        logs[0].failed().is_some()
    });
    assert_eq!(logs[0].synced(), first);
}

#[test]
fn a_full_disk_stops_acks_until_there_is_room() {
    let disk = SimDisk::new();
    let (journal, mut logs) = begin(&disk, 1);
    let first = append(&mut logs[0], 0, 1);
    eventually("synced", || logs[0].synced() == first);
    disk.set_capacity(Some(journal.synced_end().0 + 700));
    for seq in 2..6 {
        append(&mut logs[0], 0, seq);
    }
    eventually("full", || journal.figures().sample().full_waits > 2);
    assert!(journal.figures().sample().disk_full);
    assert_eq!(logs[0].synced(), first);
    assert_eq!(journal.failed(), None);
    disk.set_capacity(None);
    let last = append(&mut logs[0], 0, 6);
    eventually("synced again", || logs[0].synced() >= last);
    assert!(!journal.figures().sample().disk_full);
    drop(logs);
    journal.shutdown().unwrap();
    assert_eq!(count(&disk, Resume::from_start()).unwrap(), 6);
}

#[test]
fn a_shard_can_tell_that_it_would_wait_for_a_full_disk() {
    let disk = SimDisk::new();
    let (journal, mut logs) = begin(&disk, 1);
    disk.set_capacity(Some(0));
    let mut seq = 0;
    while logs[0].has_room() {
        seq += 1;
        append(&mut logs[0], 0, seq);
        assert!(seq < 100, "8 KiB are long full");
    }
    disk.set_capacity(None);
    eventually("room again", || logs[0].has_room());
    drop(logs);
    journal.shutdown().unwrap();
    assert_eq!(count(&disk, Resume::from_start()).unwrap(), seq);
}

#[test]
fn shutting_down_does_not_wait_for_room() {
    let disk = SimDisk::new();
    let (journal, mut logs) = begin(&disk, 1);
    disk.set_capacity(Some(0));
    append(&mut logs[0], 0, 1);
    eventually("full", || journal.figures().sample().disk_full);
    drop(logs);
    let refused = journal.shutdown().unwrap_err();
    assert!(refused.to_string().contains("nothing more is acknowledged"), "{refused}");
    disk.set_capacity(None);
    assert_eq!(count(&disk, Resume::from_start()).unwrap(), 0);
}

#[test]
fn a_full_disk_at_the_roll_of_a_segment_is_waited_out() {
    let disk = SimDisk::new();
    let (journal, mut logs) = begin(&disk, 1);
    let mut seq = 0;
    while journal.synced_end().0 < 64 << 10 {
        seq += 1;
        let commit = append(&mut logs[0], 0, seq);
        eventually("synced", || logs[0].synced() == commit);
    }
    disk.set_capacity(Some(journal.synced_end().0 + 10));
    let commit = append(&mut logs[0], 0, seq + 1);
    eventually("full", || journal.figures().sample().disk_full);
    disk.set_capacity(None);
    eventually("synced", || logs[0].synced() == commit);
    assert_eq!(journal.figures().sample().segments, 2);
    drop(logs);
    journal.shutdown().unwrap();
    assert_eq!(count(&disk, Resume::from_start()).unwrap(), seq + 1);
}

#[test]
fn the_log_is_trimmed_behind_what_is_needed_and_never_before() {
    let disk = SimDisk::new();
    let (journal, mut logs) = begin(&disk, 1);
    let mut marks = Vec::new();
    for seq in 1..=200 {
        let commit = append(&mut logs[0], 3, seq);
        eventually("synced", || logs[0].synced() == commit);
        marks.push((seq, logs[0].keep_from()));
    }
    assert!(journal.figures().sample().segments >= 5);
    assert_eq!(journal.trim(LogPosition::START).unwrap(), 0);
    assert_eq!(journal.begins_at().unwrap(), LogPosition::START);
    let (seq, keep_from) = marks[120];
    let removed = journal.trim(keep_from).unwrap();
    assert!(removed > 100_000);
    assert_eq!(journal.begins_at().unwrap(), LogPosition(removed));
    assert_eq!(journal.trim(keep_from).unwrap(), 0);
    drop(logs);
    journal.shutdown().unwrap();
    let mut resume = Resume::from_start();
    assert!(matches!(count(&disk, resume.clone()), Err(JournalError::StartsLate { .. })));
    resume.from = keep_from;
    assert!(matches!(count(&disk, resume.clone()), Err(JournalError::Gap { .. })), "no mark");
    resume.set_mark(PartitionId(3), InputSeq(seq));
    assert_eq!(count(&disk, resume).unwrap(), 200 - seq);
}

#[test]
fn one_process_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let config = JournalConfig { dir: dir.path().join("data"), ..config() };
    let keyring = Keyring::from_seed([1; 32]);
    let open = || Journal::open(config.clone(), &keyring, Resume::from_start());
    let (journal, mut logs) = open().unwrap().into_journal(1, no_time).unwrap();
    assert!(matches!(open().map(|_| ()), Err(JournalError::Locked { .. })));
    for seq in 1..=100 {
        append(&mut logs[0], 1, seq);
    }
    drop(logs);
    journal.shutdown().unwrap();
    let mut recovery = open().unwrap();
    assert!(recovery.tail().clean);
    let mut inputs = 0;
    while recovery.next_input().unwrap().is_some() {
        inputs += 1;
    }
    assert_eq!(inputs, 100);
}

#[test]
fn knobs_out_of_range_are_refused() {
    let config = JournalConfig { segment_max_bytes: 1, ..JournalConfig::default() };
    let refused = config.check().first().unwrap_err().to_string();
    assert_eq!(refused, "segment_max_bytes is 1; allowed is 65536 to 1073741824 (bytes)");
}
