//! A checkpoint is there wholly or not at all, and the one before it serves when it is damaged.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::checkpoint::{CheckpointMark, Checkpoints};
use super::error::JournalError;
use super::position::{LogPosition, Resume};
use super::sim_disk::{Call, SimDisk};
use crate::domain::ids::{InputSeq, PartitionId};
use crate::identity::Keyring;

fn open(disk: &SimDisk) -> Checkpoints {
    open_under(disk, [1; 32])
}

fn open_under(disk: &SimDisk, seed: [u8; 32]) -> Checkpoints {
    let keyring = Keyring::from_seed(seed);
    Checkpoints::open_on(Arc::new(disk.clone()), Path::new("data"), &keyring).unwrap()
}

fn mark(partition: u8, seq: u64) -> CheckpointMark {
    CheckpointMark {
        partition: PartitionId(partition),
        seq: InputSeq(seq),
        keep_from: LogPosition(seq * 1000),
    }
}

fn write(checkpoints: &Checkpoints, mark: CheckpointMark) -> Result<(), JournalError> {
    checkpoints.write(mark, |out| out.write_all(format!("state {}", mark.seq).as_bytes()))
}

fn latest(checkpoints: &Checkpoints, partition: u8) -> Option<(u64, String)> {
    let found = checkpoints.latest(PartitionId(partition)).unwrap().checkpoint?;
    Some((found.mark.seq.0, String::from_utf8(found.state().to_vec()).unwrap()))
}

#[test]
fn the_newest_is_read_and_two_are_kept() {
    let disk = SimDisk::new();
    let checkpoints = open(&disk);
    assert_eq!(latest(&checkpoints, 3), None);
    for seq in 1..=5 {
        write(&checkpoints, mark(3, seq)).unwrap();
        assert_eq!(latest(&checkpoints, 3), Some((seq, format!("state {seq}"))));
    }
    assert_eq!(disk.paths().len(), 2);
    assert_eq!(latest(&open(&disk), 3), Some((5, "state 5".to_owned())));
    assert_eq!(latest(&checkpoints, 4), None);
}

#[test]
fn a_large_state_comes_back() {
    let disk = SimDisk::new();
    let checkpoints = open(&disk);
    let state: Vec<u8> = (0..3_000_000_u32).flat_map(u32::to_le_bytes).collect();
    checkpoints
        .write(mark(1, 1), |out| state.chunks(1000).try_for_each(|piece| out.write_all(piece)))
        .unwrap();
    let found = checkpoints.latest(PartitionId(1)).unwrap().checkpoint.unwrap();
    assert!(found.state() == state);
}

#[test]
fn the_log_is_kept_for_the_last_but_one_of_all() {
    let checkpoints = open(&SimDisk::new());
    let owned = [PartitionId(1), PartitionId(2)];
    write(&checkpoints, mark(1, 4)).unwrap();
    write(&checkpoints, mark(1, 9)).unwrap();
    write(&checkpoints, mark(2, 7)).unwrap();
    assert_eq!(checkpoints.keep_from(owned), LogPosition::START);
    write(&checkpoints, mark(2, 8)).unwrap();
    assert_eq!(checkpoints.keep_from(owned), LogPosition(4000));
    write(&checkpoints, mark(1, 10)).unwrap();
    assert_eq!(checkpoints.keep_from(owned), LogPosition(7000));
    let resume =
        Resume::of([(PartitionId(1), Some(mark(1, 10))), (PartitionId(2), Some(mark(2, 8)))]);
    assert_eq!((resume.from, resume.mark(PartitionId(2))), (LogPosition(8000), InputSeq(8)));
    let resume = Resume::of([(PartitionId(1), Some(mark(1, 10))), (PartitionId(2), None)]);
    assert_eq!((resume.from, resume.mark(PartitionId(1))), (LogPosition::START, InputSeq(10)));
}

#[test]
fn every_damaged_byte_falls_back_to_the_one_before() {
    let disk = SimDisk::new();
    let checkpoints = open(&disk);
    write(&checkpoints, mark(3, 1)).unwrap();
    write(&checkpoints, mark(3, 2)).unwrap();
    let path = disk.paths().pop().unwrap();
    let len = disk.content(&path).len();
    for offset in 0..len {
        for cuts in [false, true] {
            let damaged = disk.fork();
            damaged.damage(&path, |bytes| {
                if cuts { bytes.truncate(offset) } else { bytes[offset] ^= 0x10 }
            });
            let checkpoints = open(&damaged);
            let found = checkpoints.latest(PartitionId(3)).unwrap();
            assert_eq!(found.checkpoint.unwrap().mark, mark(3, 1), "byte {offset}");
            assert_eq!(found.damaged[0].path, path);
            // The good one is now the only one that counts.
            write(&checkpoints, mark(3, 3)).unwrap();
            assert_eq!(checkpoints.keep_from([PartitionId(3)]), LogPosition(1000));
        }
    }
}

#[test]
fn other_keys_and_newer_formats_are_refused() {
    let disk = SimDisk::new();
    write(&open(&disk), mark(3, 1)).unwrap();
    let other = open_under(&disk, [2; 32]).latest(PartitionId(3)).map(|_| ());
    assert!(matches!(other, Err(JournalError::WrongKeys { .. })));
    disk.damage(&disk.paths()[0], |bytes| {
        bytes[8] = 2;
        let summed = bytes.len() - 32;
        let digest = *blake3::hash(&bytes[..summed]).as_bytes();
        bytes[summed..].copy_from_slice(&digest);
    });
    let newer = open(&disk).latest(PartitionId(3)).map(|_| ());
    assert!(matches!(newer, Err(JournalError::NewerFormat { format: 2, known: 1, .. })));
}

#[test]
fn many_at_once_take_two_syncs_and_count_together() {
    let disk = SimDisk::new();
    let checkpoints = open(&disk);
    let stage = |partition: u8, seq: u64| {
        checkpoints
            .stage(mark(partition, seq), |out| out.write_all(format!("state {seq}").as_bytes()))
            .unwrap()
    };
    for seq in 1..=3 {
        let before = disk.syncs();
        checkpoints.commit((0..=255).map(|partition| stage(partition, seq)).collect()).unwrap();
        assert_eq!(disk.syncs() - before, 2, "one for all files, one for their names");
    }
    assert_eq!(disk.paths().len(), 512, "two of each are kept");
    let staged = vec![stage(7, 4), stage(8, 4)];
    disk.fail(Call::Rename, 2, io::ErrorKind::Other);
    checkpoints.commit(staged).unwrap_err();
    let after = open(&disk.lose_power(3));
    for partition in [0, 7, 8, 255] {
        let (seq, _) = latest(&after, partition).unwrap();
        assert!(seq == 3 || (partition == 7 && seq == 4), "partition {partition}: {seq}");
    }
}

#[test]
fn one_that_is_staged_twice_counts_once() {
    let disk = SimDisk::new();
    let checkpoints = open(&disk);
    let stage = |mark: CheckpointMark| {
        checkpoints.stage(mark, |out| out.write_all(mark.keep_from.to_string().as_bytes())).unwrap()
    };
    let later = CheckpointMark { keep_from: LogPosition(9000), ..mark(3, 1) };
    let staged = vec![stage(mark(3, 1)), stage(mark(4, 1)), stage(later), stage(mark(4, 1))];
    checkpoints.commit(staged).unwrap();
    assert_eq!(disk.paths().len(), 2, "{:?}", disk.paths());
    let after = open(&disk.lose_power(1));
    assert_eq!(latest(&after, 3), Some((1, "9000".to_owned())));
    assert_eq!(latest(&after, 4), Some((1, "1000".to_owned())));
}

#[test]
fn one_beyond_what_is_asked_for_is_passed_over() {
    let disk = SimDisk::new();
    let checkpoints = open(&disk);
    write(&checkpoints, mark(3, 5)).unwrap();
    write(&checkpoints, mark(3, 9)).unwrap();
    let found = |through| checkpoints.latest_within(PartitionId(3), InputSeq(through)).unwrap();
    assert_eq!(found(9).checkpoint.unwrap().mark, mark(3, 9));
    assert_eq!(found(9).passed_over, None);
    assert_eq!(found(8).checkpoint.unwrap().mark, mark(3, 5));
    assert_eq!(found(8).passed_over, Some(mark(3, 9)));
    assert!(found(4).checkpoint.is_none());
    assert_eq!(checkpoints.oldest(PartitionId(3)).unwrap().unwrap().mark, mark(3, 5));
    assert_eq!(disk.paths().len(), 2, "and left where it is");
}

#[test]
fn a_power_loss_leaves_the_old_or_the_new() {
    for seed in 1..200 {
        let disk = SimDisk::new();
        let checkpoints = open(&disk);
        write(&checkpoints, mark(3, 1)).unwrap();
        write(&checkpoints, mark(3, 2)).unwrap();
        let calls = [Call::Create, Call::Append, Call::Sync, Call::Rename, Call::SyncDir];
        let call = calls[usize::try_from(seed).unwrap() % calls.len()];
        disk.fail(call, 1, io::ErrorKind::Other);
        write(&checkpoints, mark(3, 3)).unwrap_err();
        let disk = disk.lose_power(seed);
        let found = latest(&open(&disk), 3);
        let old = Some((2, "state 2".to_owned()));
        let new = Some((3, "state 3".to_owned()));
        assert!(found == old || (call == Call::SyncDir && found == new), "{call:?}: {found:?}");
        write(&open(&disk), mark(3, 4)).unwrap();
        let disk = disk.lose_power(seed);
        assert_eq!(latest(&open(&disk), 3), Some((4, "state 4".to_owned())));
    }
}

#[test]
fn one_whose_removal_a_power_loss_undid_does_not_come_back() {
    let disk = SimDisk::new();
    let checkpoints = open(&disk);
    for seq in 1..=3 {
        write(&checkpoints, mark(3, seq)).unwrap();
    }
    // The removal of the first is not synced, and the log behind it may be trimmed.
    let undone =
        (1..100_u64).map(|seed| disk.fork().lose_power(seed)).find(|disk| disk.paths().len() == 3);
    let undone = undone.expect("some power losses undo it");
    let checkpoints = open(&undone);
    assert_eq!(checkpoints.oldest(PartitionId(3)).unwrap().unwrap().mark, mark(3, 2));
    assert_eq!(undone.paths().len(), 2, "it is removed for good");
}

#[test]
fn a_failing_write_leaves_the_last_ones_and_can_be_tried_again() {
    let disk = SimDisk::new();
    let checkpoints = open(&disk);
    write(&checkpoints, mark(3, 1)).unwrap();
    disk.set_capacity(Some(150));
    write(&checkpoints, mark(3, 2)).unwrap_err();
    assert_eq!(disk.paths().len(), 1, "the partial file gives its space back");
    disk.set_capacity(None);
    let refused = checkpoints.write(mark(3, 2), |_| Err(io::Error::other("no state")));
    assert!(refused.unwrap_err().to_string().contains("no state"));
    assert_eq!(latest(&checkpoints, 3), Some((1, "state 1".to_owned())));
    write(&checkpoints, mark(3, 2)).unwrap();
    assert_eq!(latest(&checkpoints, 3), Some((2, "state 2".to_owned())));
}
