//! What the journal takes and gives on this disk, beside the same bytes written and synced by a
//! bare loop.
//!
//! `cargo test --release --lib journal::speed_tests -- --ignored --nocapture`

use std::io::Write;
use std::time::Duration;

use super::config::JournalConfig;
use super::handle::Journal;
use super::position::Resume;
use super::shard_log::ShardLog;
use super::test_inputs::{at, fix, fixes};
use crate::clock::process_ns;
use crate::domain::fix::Fix;
use crate::domain::ids::PartitionId;
use crate::identity::Keyring;

const ROUNDS: u64 = 1000;

fn per_second(count: u64, took_ns: u64) -> u64 {
    count.saturating_mul(1_000_000_000) / took_ns.max(1)
}

fn config(dir: &tempfile::TempDir) -> JournalConfig {
    JournalConfig { dir: dir.path().to_owned(), ..JournalConfig::default() }
}

fn begin(dir: &tempfile::TempDir, shards: usize) -> (Journal, Vec<ShardLog>) {
    let keyring = Keyring::from_seed([1; 32]);
    let recovery = Journal::open(config(dir), &keyring, Resume::from_start()).unwrap();
    recovery.into_journal(shards, process_ns).unwrap()
}

/// A disk of its own beside the build's, where the daemon's data would be.
fn dir() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap()
}

fn bare_syncs_per_second(bytes: usize) -> u64 {
    let dir = dir();
    let mut file = std::fs::File::create(dir.path().join("bare")).unwrap();
    let buffer = vec![7; bytes];
    let began_ns = process_ns();
    for _ in 0..ROUNDS {
        file.write_all(&buffer).unwrap();
        file.sync_data().unwrap();
    }
    per_second(ROUNDS, process_ns() - began_ns)
}

/// One commit at a time: each waits for its own sync.
fn commits_per_second(batch: u64) -> (u64, u64) {
    let dir = dir();
    let (journal, mut logs) = begin(&dir, 1);
    let log = &mut logs[0];
    let thread = std::thread::current();
    log.on_synced(move || thread.unpark());
    let records: Vec<Fix> = (0..batch).map(fix).collect();
    let began_ns = process_ns();
    for seq in 1..=ROUNDS {
        log.append(at(1, seq), &fixes(&records, seq));
        let commit = log.commit();
        while log.synced() < commit {
            std::thread::park_timeout(Duration::from_millis(100));
        }
    }
    let took_ns = process_ns() - began_ns;
    (per_second(ROUNDS, took_ns), journal.figures().sample().bytes / ROUNDS)
}

#[test]
#[ignore = "a measurement"]
fn measure_single_commits() {
    for batch in [1, 64, 1000] {
        let (commits, bytes) = commits_per_second(batch);
        let bare = bare_syncs_per_second(usize::try_from(bytes).unwrap());
        println!("{batch} fixes a commit, {bytes} bytes: {commits} commits/s; bare {bare} syncs/s");
    }
}

/// Two shards that never wait but for the disk, in small batches as frames give them; then the read
/// back.
#[test]
#[ignore = "a measurement"]
fn measure_throughput() {
    const FIXES: u64 = 20_000_000;
    const BATCH: u64 = 8;
    let dir = dir();
    let (journal, logs) = begin(&dir, 2);
    let began_ns = process_ns();
    std::thread::scope(|scope| {
        for (shard, mut log) in (0..).zip(logs) {
            scope.spawn(move || fill(&mut log, shard, FIXES / 2 / BATCH, BATCH));
        }
    });
    journal.shutdown().unwrap();
    let sample = journal.figures().sample();
    let took_ns = process_ns() - began_ns;
    println!(
        "write: {} fixes/s, {} MB/s, {} groups/s",
        per_second(FIXES, took_ns),
        per_second(sample.bytes, took_ns) / 1_000_000,
        per_second(sample.groups, took_ns)
    );
    let began_ns = process_ns();
    let keyring = Keyring::from_seed([1; 32]);
    let mut recovery = Journal::open(config(&dir), &keyring, Resume::from_start()).unwrap();
    while recovery.next_input().unwrap().is_some() {}
    println!("read back: {} fixes/s", per_second(FIXES, process_ns() - began_ns));
}

fn fill(log: &mut ShardLog, shard: u8, batches: u64, batch: u64) {
    let records: Vec<Fix> = (0..batch).map(fix).collect();
    // A frame falls apart over the shard's partitions; a commit takes 64 of its batches.
    for n in 0..batches {
        let partition = PartitionId(shard * 128 + u8::try_from(n % 128).unwrap());
        log.append(at(partition.0, n / 128 + 1), &fixes(&records, n / 128));
        if n % 64 == 63 {
            log.commit();
            while !log.has_room() {
                std::thread::park_timeout(Duration::from_millis(1));
            }
        }
    }
    log.commit();
}
