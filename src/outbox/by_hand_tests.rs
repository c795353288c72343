//! The count of what was released, by which an erasure knows what it has to wait for.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::by_hand::HandOutboxWriter;
use super::config::OutboxConfig;
use super::orders::{Release, Withheld};
use super::record::Content;
use super::samples::*;
use super::sim_rows::SimRows;
use super::store::Outbox;
use crate::domain::decision::EventKind;

fn with_room_for_one() -> (Outbox, HandOutboxWriter) {
    by_hand(OutboxConfig { handoff_releases: 1, ..OutboxConfig::default() })
}

fn by_hand(config: OutboxConfig) -> (Outbox, HandOutboxWriter) {
    let (clocks, space) = (World::new().clocks(), Arc::new(|| Ok(u64::MAX)));
    Outbox::open_by_hand(&SimRows::default(), config, clocks, space).expect("it is new")
}

fn nth(seq: u64) -> Release {
    Release { records: vec![job(1, (3, seq, 0))], ..Release::default() }
}

#[test]
fn a_release_that_finds_no_room_is_waited_for_until_it_is_written() {
    let (outbox, mut writer) = with_room_for_one();
    outbox.announce(&nth(1));
    outbox.announce(&nth(2));
    outbox.offer(nth(1)).expect("room for one");
    let withheld = outbox.offer(nth(2)).expect_err("no more");
    assert!(writer.turn());
    assert_eq!(outbox.release_counts(), (2, 1));
    let Withheld::Full(withheld) = withheld else { panic!("it has not ended") };
    outbox.offer(withheld).expect("room again");
    assert_eq!(outbox.release_counts(), (2, 1));
    assert!(writer.turn());
    assert_eq!(outbox.release_counts(), (2, 2));
    drop(writer);
    assert!(matches!(outbox.offer(nth(3)), Err(Withheld::Ended)));
}

/// Else whoever asks in between would take the one before for the last.
#[test]
fn a_release_counts_before_it_is_handed_over() {
    let (outbox, mut writer) = with_room_for_one();
    outbox.release_through(nth(1)).expect("room for one");
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| outbox.release_through(nth(2)));
        while outbox.release_counts() != (2, 0) && !waiting.is_finished() {
            std::thread::yield_now();
        }
        assert_eq!(outbox.release_counts(), (2, 0));
        while outbox.release_counts() != (2, 2) && writer.turn() {}
        assert_eq!(outbox.release_counts(), (2, 2));
        waiting.join().expect("no panic").expect("the writer is there");
    });
}

#[test]
fn it_is_behind_from_so_many_bytes_on_until_some_are_written() {
    let pair = Release {
        records: vec![job(1, (3, 1, 0)), event(1, (3, 1, 1), EventKind::Matched)],
        ..Release::default()
    };
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
    assert_eq!(outbox.release_counts(), (2, 2));
    assert_eq!(outbox.shared.waiting_bytes.load(Ordering::Relaxed), 0);
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
