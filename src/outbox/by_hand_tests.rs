//! What was announced, by which an erasure knows what it has to wait for, and how much of it waits.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::by_hand::HandOutboxWriter;
use super::config::OutboxConfig;
use super::orders::{Release, Withheld};
use super::record::Content;
use super::samples::*;
use super::sim_rows::SimRows;
use super::store::Outbox;
use super::tallies::{Counted, TallyItem};
use crate::domain::decision::EventKind;
use crate::domain::ids::{AccountId, AppId, InputPosition, InputSeq, PartitionId};

fn with_room_for_one() -> (Outbox, HandOutboxWriter) {
    by_hand(OutboxConfig { handoff_releases: 1, ..OutboxConfig::default() })
}

fn by_hand(config: OutboxConfig) -> (Outbox, HandOutboxWriter) {
    let (clocks, space) = (World::new().clocks(), Arc::new(|| Ok(u64::MAX)));
    Outbox::open_by_hand(&SimRows::default(), config, clocks, space).expect("it is new")
}

const OURS: PartitionId = PartitionId(3);
const OTHER: PartitionId = PartitionId(4);

fn nth_of(partition: PartitionId, seq: u64) -> Release {
    Release::of(vec![job(1, (partition.0, seq, 0))], Vec::new())
}

fn nth(seq: u64) -> Release {
    nth_of(OURS, seq)
}

#[test]
fn a_release_that_finds_no_room_is_waited_for_until_it_is_written() {
    let (outbox, mut writer) = with_room_for_one();
    outbox.announce(&nth(1));
    outbox.announce(&nth(2));
    let announced = outbox.shared.announced();
    outbox.offer(nth(1)).expect("room for one");
    let withheld = outbox.offer(nth(2)).expect_err("no more");
    assert!(writer.turn());
    assert!(!outbox.shared.shows(&announced));
    let Withheld::Full(withheld) = withheld else { panic!("it has not ended") };
    outbox.offer(withheld).expect("room again");
    assert!(!outbox.shared.shows(&announced));
    assert!(writer.turn());
    assert!(outbox.shared.shows(&announced));
    drop(writer);
    assert!(matches!(outbox.offer(nth(3)), Err(Withheld::Ended)));
}

#[test]
fn releases_of_another_shard_that_go_before_do_not_stand_for_it() {
    let (outbox, mut writer) = with_room_for_one();
    outbox.announce(&nth(1));
    let announced = outbox.shared.announced();
    for seq in 1..=3 {
        outbox.release_through(nth_of(OTHER, seq)).expect("room for one");
        assert!(writer.turn());
        assert!(!outbox.shared.shows(&announced), "{seq} of the other shard are written");
    }
    outbox.offer(nth(1)).expect("room");
    assert!(writer.turn());
    assert!(outbox.shared.shows(&announced));
}

/// Else whoever asks in between would take the one before for the last.
#[test]
fn a_release_counts_before_it_is_handed_over() {
    let (outbox, mut writer) = with_room_for_one();
    outbox.release_through(nth(1)).expect("room for one");
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| outbox.release_through(nth(2)));
        while outbox.announced(OURS) != InputSeq(2) && !waiting.is_finished() {
            std::thread::yield_now();
        }
        assert_eq!(outbox.announced(OURS), InputSeq(2));
        while outbox.durable(OURS) != InputSeq(2) && writer.turn() {}
        assert_eq!(outbox.durable(OURS), InputSeq(2));
        waiting.join().expect("no panic").expect("the writer is there");
    });
}

#[test]
fn it_is_behind_from_so_many_bytes_on_until_some_are_written() {
    let records = vec![job(1, (3, 1, 0)), event(1, (3, 1, 1), EventKind::Matched)];
    let pair = Release::of(records, Vec::new());
    let handoff_bytes = pair.bytes() + 1;
    let (outbox, mut writer) = by_hand(OutboxConfig { handoff_bytes, ..OutboxConfig::default() });
    outbox.release_through(pair).expect("the writer is there");
    assert!(!outbox.is_behind(), "a byte is left");
    outbox.announce(&nth(2));
    assert!(outbox.is_behind(), "that takes more, though it is not handed over yet");
    assert!(writer.turn());
    assert!(!outbox.is_behind(), "one is left");
    outbox.offer(nth(2)).expect("there is room");
    assert!(writer.turn());
    assert_eq!(outbox.durable(OURS), InputSeq(2));
    assert_eq!(outbox.shared.waiting_bytes.load(Ordering::Relaxed), 0);
}

fn seen(seq: u64) -> TallyItem {
    TallyItem {
        position: InputPosition { partition: OURS, seq: InputSeq(seq) },
        account: AccountId(1),
        counted: Counted::Seen { app: AppId(1), member: seq, day: 20_000 },
    }
}

fn rows_of_tallies(outbox: &Outbox) -> Vec<Vec<TallyItem>> {
    let newest = outbox.shared.newest_tally.load(Ordering::Relaxed);
    let rows = outbox.shared.tables.tallies(0, newest);
    rows.map(|row| row.expect("it is readable").1).collect()
}

#[test]
fn one_batch_takes_no_more_than_a_release_beyond_its_bytes() {
    let (outbox, mut writer) = by_hand(OutboxConfig::default());
    let mut wordy = job(1, (OURS.0, 1, 0));
    let Content::Job(content) = &mut wordy.content else { panic!("a job") };
    content.message.get_or_insert_default().body = "x".repeat(8 << 10);
    for seq in 1..=5 {
        wordy.position.seq = InputSeq(seq);
        let release = Release::of(vec![wordy.clone(); 800], Vec::new());
        assert!((6 << 20..8 << 20).contains(&release.bytes()), "{}", release.bytes());
        outbox.release_through(release).expect("room");
    }
    assert!(writer.turn());
    assert_eq!(outbox.durable(OURS), InputSeq(3), "two are less than 16 MiB, three are more");
    assert!(writer.turn());
    assert_eq!(outbox.durable(OURS), InputSeq(5));
}

#[test]
fn a_row_of_tallies_has_no_more_than_figures_take_at_once() {
    let (outbox, mut writer) = by_hand(OutboxConfig::default());
    let tallies: Vec<TallyItem> = (1..=2 * 16_384 + 1).map(seen).collect();
    outbox.release_through(Release::of(Vec::new(), tallies.clone())).expect("room");
    assert!(writer.turn());
    let rows = rows_of_tallies(&outbox);
    assert_eq!(rows.iter().map(Vec::len).collect::<Vec<_>>(), [16_384, 16_384, 1]);
    assert!(rows.concat() == tallies);
}

#[test]
fn the_tallies_of_an_input_stay_together() {
    let (outbox, mut writer) = by_hand(OutboxConfig::default());
    let tallies: Vec<TallyItem> = [(1, 10_000), (2, 10_000), (3, 50_000), (4, 1)]
        .into_iter()
        .flat_map(|(seq, count)| std::iter::repeat_n(seen(seq), count))
        .collect();
    outbox.release_through(Release::of(Vec::new(), tallies)).expect("room");
    assert!(writer.turn());
    assert_eq!(
        rows_of_tallies(&outbox).iter().map(Vec::len).collect::<Vec<_>>(),
        [20_000, 50_000, 1]
    );
}

#[test]
fn what_a_shard_takes_back_is_not_waited_for() {
    let (outbox, _writer) = by_hand(OutboxConfig { handoff_bytes: 1, ..OutboxConfig::default() });
    outbox.announce(&nth(1));
    assert!(outbox.is_behind() && !outbox.lacks_some());
    outbox.withdraw(&nth(1));
    assert!(!outbox.is_behind() && outbox.lacks_some());
}

#[test]
fn a_job_takes_what_its_texts_take() {
    let mut wordy = job(1, (3, 1, 0));
    let before = wordy.bytes();
    let Content::Job(content) = &mut wordy.content else { panic!("a job") };
    let campaign = wordy.campaign.as_mut().expect("it has one");
    let target = wordy.target.as_mut().expect("it has one");
    let message = content.message.get_or_insert_default();
    let texts = [
        &mut wordy.time_zone,
        &mut campaign.name,
        &mut campaign.client_code,
        &mut target.key,
        &mut target.name,
        &mut content.package,
        &mut message.title,
        &mut message.body,
        message.image_url.get_or_insert_default(),
        message.landing_url.get_or_insert_default(),
    ];
    texts.into_iter().for_each(|text| text.push_str(&"x".repeat(100)));
    assert_eq!(wordy.bytes() - before, 1_000);
}
