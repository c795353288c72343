//! What survives: records, marks and consumers over reopening; what repeats; what a full disk does.

use tempfile::{TempDir, tempdir};

use super::codec;
use super::config::OutboxConfig;
use super::orders::{OutboxError, Release};
use super::record::RecordKind;
use super::samples::*;
use super::store::stored_records;
use crate::domain::decision::EventKind;
use crate::domain::ids::{InputSeq, PartitionId};
use std::path::Path;
use std::sync::atomic::Ordering;

#[tokio::test]
async fn what_was_seen_is_there_after_reopening_with_the_same_offsets() {
    let dir = tempdir().expect("a folder");
    let world = World::new();
    let key = consumer_of(1, "reports");
    let before = {
        let outbox = world.open(dir.path(), OutboxConfig::default());
        create(&outbox, &key).await;
        for seq in 1..=50 {
            let pair = vec![job(1, (3, seq, 0)), event(1, (3, seq, 1), EventKind::Matched)];
            outbox.release(pair).expect("it runs");
        }
        visible(&outbox, 100).await;
        let reading = read(&outbox, &key).await;
        outbox.ack(key.clone(), 40).await.expect("seen");
        // Dropped without a close: nothing is written on the way out.
        reading
    };
    let outbox = reopened(&world, dir.path()).await;
    assert_eq!(outbox.durable(PartitionId(3)), InputSeq(50));
    assert_eq!(outbox.span(), (1, 100));
    let after = read(&outbox, &key).await;
    assert_eq!(after.records, before.records[40..]);
}

/// Opens again; the thread of the outbox before may need a moment to let go of its files.
async fn reopened(world: &World, dir: &Path) -> super::Outbox {
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    world.open(dir, OutboxConfig::default())
}

/// Copies a folder of files as they are on the disk at this moment: what kill -9 would leave.
fn copy_of(dir: &Path) -> TempDir {
    let copy = tempdir().expect("a folder");
    copy_files(dir, copy.path());
    copy
}

fn copy_files(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).expect("a folder").map(|entry| entry.expect("an entry")) {
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            std::fs::create_dir(&target).expect("a new folder");
            copy_files(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("a copy");
        }
    }
}

#[tokio::test]
async fn a_kill_leaves_what_was_seen_and_a_torn_batch_is_wholly_there_or_not_at_all() {
    let dir = tempdir().expect("a folder");
    let world = World::new();
    let outbox = world.open(dir.path(), OutboxConfig::default());
    let key = consumer_of(1, "c");
    create(&outbox, &key).await;
    for seq in 1..=20 {
        outbox.release((0..5).map(|ordinal| job(1, (3, seq, ordinal))).collect()).expect("it runs");
        visible(&outbox, seq * 5).await;
    }
    outbox.ack(key.clone(), 7).await.expect("seen");
    let killed = copy_of(dir.path());
    let after = world.open(killed.path(), OutboxConfig::default());
    assert_eq!((after.span(), after.durable(PartitionId(3))), ((1, 100), InputSeq(20)));
    assert_eq!(offsets(&read(&after, &key).await), (8..=100).collect::<Vec<_>>());
    after.close().expect("closed");

    for cut in [2_000, 5_003, 9_999, 14_321, 20_000] {
        let torn = copy_of(dir.path());
        let log = std::fs::File::options().write(true).open(torn.path().join("0.jnl"));
        log.and_then(|log| log.set_len(cut)).expect("a log to tear");
        let after = world.open(torn.path(), OutboxConfig::default());
        let (_, newest) = after.span();
        assert!(newest < 100, "{newest} records survive a cut at {cut}");
        assert_eq!(after.durable(PartitionId(3)), InputSeq(newest / 5), "cut at {cut}");
        assert_eq!(newest % 5, 0, "cut at {cut}");
        let repeats = (1..=20).flat_map(|seq| (0..5).map(move |ordinal| job(1, (3, seq, ordinal))));
        after.release(repeats.collect()).expect("it runs");
        visible(&after, 100).await;
        assert_eq!(after.figures().already_written.load(Ordering::Relaxed), newest);
        after.close().expect("closed");
    }
    outbox.close().expect("closed");
}

#[tokio::test]
async fn what_is_released_again_is_not_written_twice() {
    let dir = tempdir().expect("a folder");
    let world = World::new();
    let outputs =
        |from: u64, to: u64| (from..=to).flat_map(|seq| [job(1, (7, seq, 0)), job(1, (7, seq, 1))]);
    let outbox = world.open(dir.path(), OutboxConfig::default());
    outbox.release(outputs(1, 5).collect()).expect("it runs");
    outbox.close().expect("written");
    assert!(matches!(outbox.release(Vec::new()), Err(OutboxError::Closed)));
    drop(outbox);

    let outbox = world.open(dir.path(), OutboxConfig::default());
    assert_eq!(outbox.durable(PartitionId(7)), InputSeq(5));
    outbox.release(outputs(3, 8).collect()).expect("it runs");
    visible(&outbox, 16).await;
    assert_eq!(outbox.figures().already_written.load(Ordering::Relaxed), 6);
    assert_eq!(outbox.figures().written(RecordKind::PushJob), 6);
    outbox.close().expect("written");
    drop(outbox);

    let mut stored = Vec::new();
    stored_records(dir.path(), |_, bytes| stored.push(bytes.to_vec())).expect("readable");
    let expected: Vec<_> = outputs(1, 8)
        .map(|record| {
            let mut bytes = Vec::new();
            codec::encode(&record, &mut bytes);
            bytes
        })
        .collect();
    assert_eq!(stored, expected, "a partition's bytes are those of one run without a crash");
}

#[tokio::test]
async fn inputs_without_outputs_move_the_mark_and_never_back() {
    let dir = tempdir().expect("a folder");
    let outbox = World::new().open(dir.path(), OutboxConfig::default());
    let release = Release {
        records: vec![job(1, (0, 2, 0))],
        marks: vec![(PartitionId(0), InputSeq(9))],
        ..Release::default()
    };
    outbox.release_through(release).expect("it runs");
    outbox.marks(vec![(PartitionId(0), InputSeq(4)), (PartitionId(255), InputSeq(6))]).expect("it");
    until("the marks are durable", || outbox.durable(PartitionId(255)) == InputSeq(6)).await;
    assert_eq!(outbox.durable(PartitionId(0)), InputSeq(9));
    assert_eq!(outbox.span(), (1, 1));
    outbox.close().expect("written");
}

#[tokio::test]
async fn a_full_disk_holds_records_back_and_room_lets_them_go() {
    let dir = tempdir().expect("a folder");
    let world = World::new();
    let outbox = world.open(dir.path(), OutboxConfig::default());
    let key = consumer_of(1, "c");
    create(&outbox, &key).await;
    outbox.release(vec![job(1, (0, 1, 0))]).expect("it runs");
    visible(&outbox, 1).await;
    world.set_free(OutboxConfig::default().disk_reserve_bytes - 1);
    outbox.release(vec![job(1, (0, 2, 0))]).expect("it waits");
    until("the outbox says it is full", || outbox.is_full()).await;
    assert_eq!(outbox.durable(PartitionId(0)), InputSeq(1));
    outbox.ack(key.clone(), 1).await.expect("consumers are still served");
    world.set_free(u64::MAX);
    visible(&outbox, 2).await;
    until("it has room", || !outbox.is_full()).await;
    until("it is durable", || outbox.durable(PartitionId(0)) == InputSeq(2)).await;
    outbox.close().expect("written");
}

#[tokio::test]
async fn an_error_of_the_disk_is_final_and_nothing_after_it_shows() {
    let dir = tempdir().expect("a folder");
    let world = World::new();
    let outbox = world.open(dir.path(), OutboxConfig::default());
    outbox.release(vec![job(1, (0, 1, 0))]).expect("it runs");
    visible(&outbox, 1).await;
    world.set_free(0);
    until("it has stopped", || outbox.ended().is_some()).await;
    world.set_free(u64::MAX);
    let refused = outbox.release(vec![job(1, (0, 2, 0))]).expect_err("it has stopped");
    assert!(refused.to_string().contains("the disk is gone"), "{refused}");
    assert!(outbox.is_full());
    assert_eq!((outbox.span(), outbox.durable(PartitionId(0))), ((1, 1), InputSeq(1)));
    assert!(matches!(outbox.close(), Err(OutboxError::Failed { .. })));
    let error = outbox.ack(consumer_of(1, "c"), 1).await.expect_err("it has stopped");
    assert!(error.to_string().contains("restart"), "{error}");
}

#[tokio::test]
async fn a_panic_of_its_thread_is_said_and_wakes_who_waits() {
    let dir = tempdir().expect("a folder");
    let now: super::config::ReadClock = std::sync::Arc::new(|| NOON);
    let clocks = super::Clocks::both(now, std::sync::Arc::new(|| 0));
    let probe = std::sync::Arc::new(|| -> std::io::Result<u64> { panic!("a bug of ours") });
    let outbox = super::Outbox::open_with_space(dir.path(), OutboxConfig::default(), clocks, probe);
    let outbox = outbox.expect("it opens");
    until("it has stopped", || outbox.ended().is_some()).await;
    assert!(outbox.ended().expect("it has").to_string().contains("panicked"));
    assert!(outbox.is_full());
    assert!(outbox.close().is_err());
}

#[tokio::test]
async fn a_close_writes_what_waits() {
    let dir = tempdir().expect("a folder");
    let world = World::new();
    let outbox = world.open(dir.path(), OutboxConfig::default());
    for seq in 1..=200 {
        outbox.release(vec![job(1, (1, seq, 0))]).expect("it runs");
    }
    outbox.close().expect("written");
    outbox.close().expect("closing twice is closing once");
    assert_eq!(outbox.span(), (1, 200));
    assert_eq!(outbox.durable(PartitionId(1)), InputSeq(200));
}

/// `cargo test --release outbox::store_tests::speed -- --ignored --nocapture`
#[tokio::test]
#[ignore = "a measurement"]
async fn speed() {
    let dir = tempfile::tempdir_in(".").expect("a folder on the disk");
    let world = World::new();
    let outbox = world.open(dir.path(), OutboxConfig::default());
    let key = consumer_of(1, "c");
    create(&outbox, &key).await;
    let releases: Vec<Vec<_>> = (1..=1000_u64)
        .map(|seq| (0..200).map(|ordinal| job(1, (1, seq, ordinal))).collect())
        .collect();
    let started = tokio::time::Instant::now();
    let feeder = outbox.clone();
    let fed = std::thread::spawn(move || {
        releases.into_iter().for_each(|release| feeder.release(release).expect("it runs"));
    });
    fed.join().expect("fed");
    outbox.visible().wait_for(|&newest| newest >= 200_000).await.expect("written");
    let written_s = started.elapsed().as_secs_f64();
    let batches = outbox.figures().batches.load(Ordering::Relaxed);
    println!(
        "wrote 200,000 in {written_s:.2} s: {:.0}/s, {batches} batches",
        200_000.0 / written_s
    );
    let started = tokio::time::Instant::now();
    let mut sealer = keyring().sealer();
    let (mut count, mut lines) = (0, Vec::new());
    while count < 200_000 {
        let ask = super::read::ReadAsk { after: None, limit: 10_000 };
        let reading = outbox.read(&key, ask).await.expect("a reading");
        lines.clear();
        for handed in &reading.records {
            crate::sink::cloudevents::write_line(handed, &mut sealer, &mut lines).expect("a key");
        }
        count += reading.records.len();
        outbox.ack(key.clone(), reading.through).await.expect("seen");
    }
    let read_s = started.elapsed().as_secs_f64();
    println!("read, rendered and acked in {read_s:.2} s: {:.0}/s", 200_000.0 / read_s);
    outbox.close().expect("closed");
}

#[tokio::test]
async fn a_store_that_is_open_elsewhere_says_so() {
    let dir = tempdir().expect("a folder");
    let outbox = World::new().open(dir.path(), OutboxConfig::default());
    let refused = stored_records(dir.path(), |_, _| {}).expect_err("it is open").to_string();
    assert!(refused.contains("another geofenced is running on this data"), "{refused}");
    drop(outbox);
}
