//! Every byte flipped and every length cut: located, or cut where nobody was promised anything.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::config::JournalConfig;
use super::error::JournalError;
use super::handle::Journal;
use super::owned::OwnedInput;
use super::position::{LogPosition, Resume};
use super::recovery::LogReader;
use super::segment::{LOG_FORMAT, SEGMENT_HEADER_BYTES};
use super::sim_disk::SimDisk;
use super::test_inputs::{at, eventually, fix, fixes, no_time, tick};
use crate::domain::ids::{InputPosition, InputSeq, PartitionId};
use crate::identity::Keyring;

/// A group mark: header and payload.
const MARK_BYTES: usize = 34;

type Found = Vec<(InputPosition, OwnedInput)>;

fn keyring() -> Keyring {
    Keyring::from_seed([1; 32])
}

/// Two segments, each of a clean run with three groups of one input.
fn small_log() -> (SimDisk, Vec<PathBuf>) {
    let disk = SimDisk::new();
    for run in 0..2 {
        let recovery = open(&disk, Resume::from_start()).unwrap();
        let (journal, mut logs) = recovery.into_journal(1, no_time).unwrap();
        for n in 1..=3 {
            let records: Vec<_> = (0..n).map(fix).collect();
            logs[0].append(at(1, run * 3 + n), &fixes(&records, n));
            let commit = logs[0].commit();
            eventually("the commit is synced", || logs[0].synced() == commit);
        }
        drop(logs);
        journal.shutdown().unwrap();
    }
    let segments = disk.paths().into_iter().filter(|path| path.extension().is_some()).collect();
    (disk, segments)
}

fn open(disk: &SimDisk, resume: Resume) -> Result<super::Recovery, JournalError> {
    Journal::open_on(Arc::new(disk.clone()), JournalConfig::default(), &keyring(), resume)
}

fn read(disk: &SimDisk) -> Result<Found, JournalError> {
    let disk = Arc::new(disk.clone());
    let mut reader = LogReader::open_on(disk, Path::new("data"), &keyring(), Resume::from_start())?;
    let mut found = Found::new();
    while let Some((position, input)) = reader.next_input()? {
        found.push((position, input.clone()));
    }
    Ok(found)
}

fn recover(disk: &SimDisk, resume: Resume) -> Result<Found, JournalError> {
    let mut recovery = open(disk, resume)?;
    let mut found = Found::new();
    while let Some((position, input)) = recovery.next_input()? {
        found.push((position, input.clone()));
    }
    recovery.into_journal(1, no_time)?.0.shutdown()?;
    Ok(found)
}

#[test]
fn every_flipped_byte_is_located() {
    let (disk, segments) = small_log();
    let all = read(&disk).unwrap();
    assert_eq!(all.len(), 6);
    for (number, path) in segments.iter().enumerate() {
        let len = disk.content(path).len();
        for offset in 0..len {
            let damaged = disk.fork();
            damaged.damage(path, |bytes| bytes[offset] ^= 1 << (offset % 8));
            if number == 1 && offset >= len - MARK_BYTES {
                // The mark of the clean end: without it, it looks as if its write was torn. Nothing
                // else is.
                assert_eq!(recover(&damaged, Resume::from_start()).unwrap(), all);
                continue;
            }
            for refused in [read(&damaged), recover(&damaged, Resume::from_start())] {
                let Err(JournalError::Corrupt { path: where_, offset: start, .. }) = refused else {
                    panic!("{path:?} byte {offset}: {refused:?}");
                };
                assert_eq!(&where_, path, "byte {offset}");
                let start = usize::try_from(start).unwrap();
                assert!(start <= offset && offset - start < 200, "byte {offset} put at {start}");
            }
            assert_eq!(damaged.content(path).len(), len, "nothing is changed");
        }
    }
}

#[test]
fn every_cut_of_the_last_segment_leaves_a_beginning() {
    let (disk, segments) = small_log();
    let all = read(&disk).unwrap();
    let path = &segments[1];
    for len in 0..disk.content(path).len() {
        let cut = disk.fork();
        cut.damage(path, |bytes| bytes.truncate(len));
        let found = recover(&cut, Resume::from_start()).unwrap();
        assert!(found.len() >= 3 && found[..] == all[..found.len()], "cut to {len}");
        assert_eq!(recover(&cut, Resume::from_start()).unwrap(), found, "again, cut to {len}");
        let unread = disk.fork();
        unread.damage(path, |bytes| bytes.truncate(len));
        assert_eq!(read(&unread).unwrap(), found, "read alone, cut to {len}");
    }
}

#[test]
fn every_cut_of_an_earlier_segment_is_refused() {
    let (disk, segments) = small_log();
    for len in 0..disk.content(&segments[0]).len() {
        let cut = disk.fork();
        cut.damage(&segments[0], |bytes| bytes.truncate(len));
        let refused = recover(&cut, Resume::from_start()).unwrap_err();
        assert!(matches!(refused, JournalError::Corrupt { .. }), "cut to {len}: {refused}");
    }
}

#[test]
fn a_tail_of_zeros_or_noise_is_cut() {
    let (disk, segments) = small_log();
    let all = read(&disk).unwrap();
    for noise in [vec![0; 5000], vec![0xFF; 30], vec![1; 17]] {
        let torn = disk.fork();
        torn.damage(&segments[1], |bytes| bytes.extend_from_slice(&noise));
        let recovery = open(&torn, Resume::from_start()).unwrap();
        assert_eq!(recovery.tail().cut_bytes, noise.len() as u64);
        assert!(!recovery.tail().clean);
        drop(recovery);
        assert_eq!(recover(&torn, Resume::from_start()).unwrap(), all);
    }
}

#[test]
fn the_message_says_where_and_what_to_do() {
    let (disk, segments) = small_log();
    disk.damage(&segments[1], |bytes| bytes[300] ^= 1);
    let refused = read(&disk).unwrap_err().to_string();
    for part in ["00000000000", ".seg is damaged at byte", "of partition 1", "restore the file"] {
        assert!(refused.contains(part), "{refused}");
    }
}

#[test]
fn a_position_given_before_the_first_group_still_counts_after_a_crash() {
    let mut disk = SimDisk::new();
    for _ in 0..3 {
        let recovery = open(&disk, Resume::from_start()).unwrap();
        let (journal, logs) = recovery.into_journal(1, no_time).unwrap();
        let mut resume = Resume::from_start();
        resume.from = logs[0].keep_from();
        let crashed = disk.lose_power(5);
        drop((logs, journal));
        assert_eq!(recover(&crashed, resume).unwrap().len(), 0);
        disk = crashed;
    }
}

#[test]
fn a_missing_segment_is_noticed() {
    let (disk, segments) = small_log();
    let end = LogPosition(disk.content(&segments[0]).len() as u64);
    let first_gone = disk.fork();
    super::disk::Disk::remove(&first_gone, &segments[0]).unwrap();
    let refused = recover(&first_gone, Resume::from_start()).unwrap_err();
    assert!(matches!(refused, JournalError::StartsLate { first, .. } if first == end));
    let mut resume = Resume::from_start();
    resume.from = LogPosition(end.0 + 100);
    resume.set_mark(PartitionId(1), InputSeq(4));
    let last_gone = disk.fork();
    super::disk::Disk::remove(&last_gone, &segments[1]).unwrap();
    let refused = recover(&last_gone, resume.clone()).unwrap_err();
    assert!(matches!(refused, JournalError::EndsEarly { .. }), "{refused}");
    assert_eq!(recover(&disk, resume).unwrap().len(), 2);
}

#[test]
fn marks_must_meet_the_log() {
    let (disk, _) = small_log();
    let mut ahead = Resume::from_start();
    ahead.set_mark(PartitionId(1), InputSeq(9));
    let refused = recover(&disk, ahead).unwrap_err();
    assert!(matches!(refused, JournalError::BehindCheckpoint { .. }), "{refused}");
}

#[test]
fn a_gap_in_a_partition_is_refused() {
    let disk = SimDisk::new();
    let (journal, mut logs) =
        open(&disk, Resume::from_start()).unwrap().into_journal(1, no_time).unwrap();
    for seq in [1, 2, 4] {
        logs[0].append(at(9, seq), &tick(5).as_input());
    }
    drop(logs);
    journal.shutdown().unwrap();
    let refused = recover(&disk, Resume::from_start()).unwrap_err();
    let JournalError::Gap { expected, found, .. } = refused else { panic!("{refused}") };
    assert_eq!((expected, found), (InputSeq(3), InputSeq(4)));
}

#[test]
fn other_keys_and_newer_formats_are_refused() {
    const NEWER: u16 = LOG_FORMAT + 1;
    let (disk, segments) = small_log();
    let other = Keyring::from_seed([2; 32]);
    let shared = Arc::new(disk.clone());
    let mut reader =
        LogReader::open_on(shared, Path::new("data"), &other, Resume::from_start()).unwrap();
    assert!(matches!(reader.next_input().unwrap_err(), JournalError::WrongKeys { .. }));
    disk.damage(&segments[1], |bytes| {
        bytes[8..10].copy_from_slice(&NEWER.to_le_bytes());
        let sum = crc32c::crc32c(&bytes[..SEGMENT_HEADER_BYTES - 4]);
        bytes[SEGMENT_HEADER_BYTES - 4..SEGMENT_HEADER_BYTES].copy_from_slice(&sum.to_le_bytes());
    });
    let refused = read(&disk).unwrap_err();
    assert!(matches!(refused, JournalError::NewerFormat { format: NEWER, known: LOG_FORMAT, .. }));
}
