//! Reading a log while it is written: what is whole is read, and an unfinished end is the end.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use super::config::JournalConfig;
use super::handle::Journal;
use super::position::{LogPosition, Resume};
use super::recovery::LogReader;
use super::shard_log::ShardLog;
use super::test_inputs::{at, eventually, fix, fixes, no_time};
use crate::domain::fix::Fix;
use crate::domain::ids::PartitionId;
use crate::identity::Keyring;

fn keyring() -> Keyring {
    Keyring::from_seed([1; 32])
}

fn append(log: &mut ShardLog, partition: u8, seq: u64) {
    let records: Vec<Fix> = (0..50).map(|n| fix(seq * 50 + n)).collect();
    log.append(at(partition, seq), &fixes(&records, seq));
}

/// The inputs of a partition, each the one after the one before.
fn inputs_of(dir: &Path, partition: u8) -> u64 {
    let resume = Resume::of_one(PartitionId(partition), None);
    let mut reader = LogReader::open(dir, &keyring(), resume).unwrap();
    let mut inputs = 0;
    while let Some((position, _)) = reader.next_input().unwrap() {
        inputs += 1;
        assert_eq!(position, at(partition, inputs));
    }
    inputs
}

#[test]
fn a_log_is_read_while_it_is_written_and_one_partition_of_it_alone() {
    let home = tempfile::tempdir().unwrap();
    let config = JournalConfig {
        dir: home.path().to_owned(),
        segment_max_bytes: 64 << 10,
        shard_buffer_bytes: 8 << 10,
        ..JournalConfig::default()
    };
    let recovery = Journal::open(config, &keyring(), Resume::from_start()).unwrap();
    let (journal, mut logs) = recovery.into_journal(1, no_time).unwrap();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reading = scope.spawn(|| {
            let mut seen = 0;
            while !is_over.load(Ordering::Relaxed) {
                let inputs = inputs_of(home.path(), 3);
                assert!(inputs >= seen, "what was read once stays");
                seen = inputs;
            }
        });
        for seq in 1..=300 {
            append(&mut logs[0], 3, seq);
            append(&mut logs[0], 4, seq);
            let commit = logs[0].commit();
            eventually("synced", || logs[0].synced() == commit);
            // Whoever was told that it is stored finds it in the log.
            if seq % 50 == 0 {
                assert_eq!((inputs_of(home.path(), 3), inputs_of(home.path(), 4)), (seq, seq));
            }
        }
        is_over.store(true, Ordering::Relaxed);
        reading.join().unwrap();
    });
    assert!(journal.figures().sample().segments >= 5, "segments were begun meanwhile");
}

#[test]
fn what_a_start_would_go_through_is_the_log_behind_the_newest_checkpoints() {
    let home = tempfile::tempdir().unwrap();
    let config = JournalConfig { dir: home.path().to_owned(), ..JournalConfig::default() };
    let recovery = Journal::open(config, &keyring(), Resume::from_start()).unwrap();
    let (journal, mut logs) = recovery.into_journal(1, no_time).unwrap();
    append(&mut logs[0], 3, 1);
    let commit = logs[0].commit();
    eventually("synced", || logs[0].synced() == commit);
    let first = journal.synced_end();
    assert_eq!(journal.recovery_bytes(), first.0, "without a checkpoint it is all of the log");

    journal.note_checkpoints(2, first);
    assert_eq!((journal.recovery_bytes(), journal.figures().sample().checkpoints), (0, 2));
    append(&mut logs[0], 3, 2);
    let commit = logs[0].commit();
    eventually("synced", || logs[0].synced() == commit);
    assert_eq!(journal.recovery_bytes(), journal.synced_end().0 - first.0);

    journal.note_checkpoints(1, LogPosition(0));
    assert_eq!(
        journal.recovery_bytes(),
        journal.synced_end().0 - first.0,
        "an older one takes nothing back"
    );
}
