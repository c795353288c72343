//! The count of what was released, by which an erasure knows what it has to wait for.

use std::sync::Arc;

use super::by_hand::HandOutboxWriter;
use super::config::OutboxConfig;
use super::orders::{Release, Withheld};
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
fn it_is_behind_from_so_many_outputs_on_until_some_are_written() {
    let (outbox, mut writer) =
        by_hand(OutboxConfig { handoff_outputs: 3, ..OutboxConfig::default() });
    let pair = |seq| Release {
        records: vec![job(1, (3, seq, 0)), event(1, (3, seq, 1), EventKind::Matched)],
        ..Release::default()
    };
    outbox.release_through(pair(1)).expect("the writer is there");
    assert!(!outbox.is_behind(), "two of three");
    outbox.announce(&nth(2));
    assert!(outbox.is_behind(), "three, though the third is not handed over yet");
    assert!(writer.turn());
    assert!(!outbox.is_behind(), "one is left");
    outbox.offer(nth(2)).expect("there is room");
    assert!(writer.turn());
    assert_eq!(outbox.release_counts(), (2, 2));
}
