//! Every broken rule closes with its code, and noise harms nobody.

use std::sync::atomic::Ordering;

use geofenced::domain::ids::AppId;
use geofenced::wire::close::CloseCode;
use tokio::time::timeout;

use crate::daemon::{Daemon, SOON, noted, ping, until};

use crate::rude::{Rude, frame};

#[tokio::test]
async fn every_broken_rule_closes_with_its_code() {
    let daemon = Daemon::start(|config| config.max_frame_records = 100);
    let good = frame(1, 1);
    let with = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        bytes
    };
    let cases = [
        (with(0, 99), CloseCode::UnknownFrame),
        (with(0, 1), CloseCode::UnexpectedFrame),
        (with(0, 2), CloseCode::UnexpectedFrame),
        (with(0, 3), CloseCode::UnexpectedFrame),
        (hello_ack(9), CloseCode::UnexpectedFrame),
        (with(1, 1), CloseCode::BadHeader),
        (with(2, 0), CloseCode::BadHeader),
        (with(3, 1), CloseCode::FrameTooLarge),
        (with(7, 255), CloseCode::FrameTooLarge),
        (with(8, 0), CloseCode::BadSequence),
        (with(20, 0), CloseCode::BadStream),
        ([frame(1, 1), frame(1, 3)].concat(), CloseCode::BadSequence),
        ([frame(1, 4), frame(1, 4)].concat(), CloseCode::BadSequence),
        ([frame(1, u64::MAX), frame(1, 1)].concat(), CloseCode::BadSequence),
        ([frame(1, 1), frame(2, 2)].concat(), CloseCode::BadStream),
        ([frame(1, 1), good[..50].to_vec()].concat(), CloseCode::BadSequence),
    ];
    let (last, all) = (cases.len() - 1, cases.len() as u64);
    for (number, (bytes, code)) in cases.into_iter().enumerate() {
        // The last case never completes its second frame: it is found when the stream ends.
        let code = if number == last { CloseCode::Truncated } else { code };
        let rude = Rude::greeted(&daemon).await;
        let _send = rude.say(&bytes, true).await;
        assert_eq!(rude.code().await, code, "case {number}");
    }
    let figures = daemon.figures.snapshot();
    until("all gone", || daemon.figures.snapshot().connections_open == 0).await;
    assert_eq!(figures.closes.iter().sum::<u64>(), all);
}

/// A frame of the other side, of a version that nobody speaks: its type alone decides.
fn hello_ack(version: u8) -> Vec<u8> {
    let mut bytes = vec![0; 72];
    (bytes[0], bytes[4], bytes[32]) = (2, 40, version);
    bytes
}

#[tokio::test]
async fn a_number_belongs_to_one_open_stream() {
    let daemon = Daemon::start(|_| {});
    let rude = Rude::greeted(&daemon).await;
    let _first = rude.say(&frame(5, 1), false).await;
    until("taken", || daemon.shards.submissions.load(Ordering::SeqCst) == 1).await;
    let _second = rude.say(&frame(5, 2), false).await;
    assert_eq!(rude.code().await, CloseCode::BadStream);
}

#[tokio::test]
async fn half_frames_and_silence_are_not_waited_for() {
    let daemon = Daemon::start(|config| {
        config.frame_timeout_s = 1;
        config.hello_timeout_s = 1;
    });
    let rude = Rude::greeted(&daemon).await;
    let _send = rude.say(&frame(1, 1)[..40], false).await;
    assert_eq!(rude.code().await, CloseCode::FrameTimeout);
    let silent = Rude::connect(&daemon).await;
    assert_eq!(silent.code().await, CloseCode::HelloTimeout);
    for early_frame in [frame(1, 1), frame(1, 1)[..1].to_vec(), hello_ack(9)] {
        let early = Rude::connect(&daemon).await;
        let _send = early.say(&early_frame, false).await;
        assert_eq!(early.code().await, CloseCode::UnexpectedFrame);
    }
}

#[tokio::test]
async fn noise_never_harms_the_daemon() {
    let daemon = Daemon::start(|_| {});
    let mut state = 88_172_645_463_325_252u64;
    for _ in 0..40 {
        let mut noise = frame(1, 1);
        noise.extend(frame(1, 2));
        for _ in 0..3 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let [at, byte, ..] = state.to_le_bytes();
            let at = usize::from(at) % noise.len();
            noise[at] = byte;
        }
        let rude = Rude::greeted(&daemon).await;
        let _send = rude.say(&noise, true).await;
    }
    let client = daemon.client(1).await;
    let (mut stream, _) = noted(&client, 1);
    stream.pings(AppId(1), &[ping(1, 0)]).await.unwrap();
    timeout(SOON, stream.end()).await.unwrap().unwrap();
    let figures = daemon.figures.snapshot();
    assert!(figures.pings.adds_up() && figures.reports.adds_up(), "{figures:?}");
}
