//! Past a limit the work is refused with a reason.

use std::sync::atomic::Ordering;
use std::time::Duration;

use geofenced::client::Client;
use geofenced::domain::ids::{AccountId, AppId, FrameSeq};
use geofenced::domain::reasons::RejectReason;
use geofenced::domain::submission::Applied;
use geofenced::wire::close::CloseCode;
use tokio::time::timeout;

use crate::daemon::{Daemon, SOON, noted, ping, refusal, refused, until};
use crate::rude::{Rude, frame};
use crate::shards::NOW;
use geofenced::domain::ids::{DeviceId, JobId, PlaceId};
use geofenced::domain::report::{HintVerdict, Outcome, OutcomeKind, PlaceHint, Platform, Profile};
use geofenced::domain::submission::Records;

#[tokio::test]
async fn connections_are_bounded_and_an_instance_has_one() {
    let daemon = Daemon::start(|config| {
        config.max_connections = 3;
        config.max_connections_per_account = 2;
        config.retry_above_handshakes = 0;
    });
    let first = daemon.client(1).await;
    let (mut stream, _) = noted(&first, 1);
    let _second = daemon.client(2).await;
    let error = refusal(daemon.options(1, 3)).await;
    assert_eq!(error.close_code(), Some(CloseCode::TooManyForAccount), "{error}");
    // The same instance again takes the place of its older connection.
    let _first_again = daemon.client(1).await;
    let error = timeout(SOON, stream.acked(FrameSeq(1))).await.unwrap().unwrap_err();
    assert_eq!(error.close_code(), Some(CloseCode::Superseded), "{error}");
    until("the old one is gone", || daemon.figures.snapshot().connections_open == 2).await;
    let other = Client::connect(daemon.options(2, 1)).await.unwrap();
    let error = refusal(daemon.options(2, 2)).await;
    assert_eq!(error.close_code(), Some(CloseCode::TooManyConnections), "{error}");
    // However full it is, whoever comes back takes its own place.
    let (mut stream, _) = noted(&other, 1);
    let _other_again = Client::connect(daemon.options(2, 1)).await.unwrap();
    let error = timeout(SOON, stream.acked(FrameSeq(1))).await.unwrap().unwrap_err();
    assert_eq!(error.close_code(), Some(CloseCode::Superseded), "{error}");
    until("three are in", || daemon.figures.snapshot().connections_open == 3).await;
    assert!(daemon.figures.snapshot().connections_retried >= 4);
}

#[tokio::test]
async fn a_client_gets_credit_for_its_data_streams_and_no_more() {
    let daemon = Daemon::start(|config| config.max_streams = 2);
    let rude = Rude::greeted(&daemon).await;
    let mut first = rude.say(&frame(1, 1), false).await;
    let _second = rude.say(&frame(2, 1), false).await;
    until("both are read", || daemon.shards.submissions.load(Ordering::SeqCst) == 2).await;
    let third = rude.connection.open_bi();
    tokio::pin!(third);
    assert!(timeout(Duration::from_millis(200), &mut third).await.is_err(), "a third stream");
    first.finish().unwrap();
    let (mut third, _recv) = timeout(SOON, third).await.unwrap().unwrap();
    third.write_all(&frame(3, 1)).await.unwrap();
    until("the third is read", || daemon.shards.submissions.load(Ordering::SeqCst) == 3).await;
}

#[tokio::test]
async fn an_account_that_hands_over_too_fast_waits_and_loses_nothing() {
    let daemon = Daemon::start(|_| {});
    daemon.shards.allowances.set(AccountId(1), Some(10));
    let (client, other) =
        (daemon.client(1).await, Client::connect(daemon.options(2, 1)).await.unwrap());
    let (mut stream, acks) = noted(&client, 1);
    // A second's worth, another one while that is paid, and two that have to wait.
    for _ in 0..4 {
        stream.pings(AppId(1), &[ping(1, 0); 10]).await.unwrap();
    }
    until("one waits", || daemon.figures.snapshot().held_back == 1).await;
    let (mut others, _) = noted(&other, 1);
    others.pings(AppId(1), &[ping(1, 0); 1000]).await.unwrap();
    timeout(SOON, others.end()).await.unwrap().unwrap();
    assert!(acks.lock().unwrap().iter().all(|ack| ack.upto < FrameSeq(3)), "for itself alone");
    daemon.shards.elapsed_ms.store(1000, Ordering::SeqCst);
    timeout(SOON, stream.acked(FrameSeq(3))).await.unwrap().unwrap();
    daemon.shards.allowances.set(AccountId(1), Some(100));
    timeout(SOON, stream.acked(FrameSeq(4))).await.unwrap().unwrap();
    assert_eq!(daemon.shards.records.load(Ordering::SeqCst), 1040, "none is lost");
    assert_eq!(daemon.figures.snapshot().pings.evaluated, 1040);
    // Whoever goes while it waits leaves nothing behind, and a drain ends a wait.
    daemon.shards.allowances.set(AccountId(1), Some(1));
    for _ in 0..2 {
        stream.pings(AppId(1), &[ping(1, 0); 100]).await.unwrap();
    }
    until("one waits again", || daemon.figures.snapshot().held_back == 3).await;
    drop((stream, client));
    until("it is gone", || daemon.figures.snapshot().connections_open == 1).await;
    let again = daemon.client(1).await;
    let (mut stream, _) = noted(&again, 1);
    stream.pings(AppId(1), &[ping(1, 0); 100]).await.unwrap();
    until("and again", || daemon.figures.snapshot().held_back == 4).await;
    daemon.stop.send(true).unwrap();
    timeout(SOON, daemon.task).await.expect("a wait ends with the daemon").unwrap();
}

#[tokio::test]
async fn all_streams_that_a_client_may_have_are_served_at_once() {
    for most in [7, 8, 9, 17] {
        let daemon = Daemon::start(|config| config.max_streams = most);
        let rude = Rude::greeted(&daemon).await;
        let read = || daemon.shards.submissions.load(Ordering::SeqCst);
        let mut open = Vec::new();
        for number in 1..=most {
            open.push(timeout(SOON, rude.say(&frame(number, 1), false)).await.expect("credit"));
        }
        until("they are read", || read() == open.len()).await;
        // One ends and another comes, over and over: the credit comes back for each.
        for number in most + 1..=most + 4 {
            open.remove(0).finish().unwrap();
            open.push(timeout(SOON, rude.say(&frame(number, 1), false)).await.expect("credit"));
            until("it is read", || read() == usize::try_from(number).unwrap()).await;
        }
    }
}

#[tokio::test]
async fn streams_that_are_let_go_count_until_their_records_do() {
    let daemon = Daemon::start(|config| config.max_streams = 2);
    let rude = Rude::greeted(&daemon).await;
    daemon.shards.holding.store(true, Ordering::SeqCst);
    // The client has let go of both sides; the daemon still holds their tickets.
    for number in 1..=2 {
        let mut send = rude.say(&frame(number, 1), false).await;
        let taken = usize::try_from(number).unwrap();
        until("taken", || daemon.shards.submissions.load(Ordering::SeqCst) == taken).await;
        send.reset(0u32.into()).unwrap();
    }
    let more = async {
        for number in 3..=4 {
            let _send = rude.say(&frame(number, 1), true).await;
        }
    };
    tokio::pin!(more);
    let _waits = timeout(Duration::from_millis(300), &mut more).await;
    assert_eq!(daemon.shards.submissions.load(Ordering::SeqCst), 2, "no third is served");
    daemon.shards.release(Ok(Applied::default()));
    timeout(SOON, more).await.unwrap();
    until("then they are", || daemon.shards.submissions.load(Ordering::SeqCst) == 4).await;
}

#[tokio::test]
async fn what_the_protocol_leaves_out_is_refused() {
    let daemon = Daemon::start(|_| {});
    assert!(!Rude::may_be_early(&daemon).await, "early data");
    let rude = Rude::greeted(&daemon).await;
    assert!(rude.connection.max_datagram_size().is_none());
    let uni = timeout(Duration::from_millis(200), rude.connection.open_uni()).await;
    assert!(uni.is_err(), "a unidirectional stream");
    let Err(error) = Rude::speaking(&daemon, b"geofenced/2").await else { panic!("was let in") };
    let quinn::ConnectionError::ConnectionClosed(close) = error else { panic!("{error}") };
    // no_application_protocol, RFC 7301
    assert_eq!(u64::from(close.error_code), 0x100 + 120);
}

#[tokio::test]
async fn every_kind_of_record_goes_through() {
    let daemon = Daemon::start(|_| {});
    let client = daemon.client(1).await;
    let (mut stream, acks) = noted(&client, 1);
    let (device, nobody) = (DeviceId([7; 16]), DeviceId([0; 16]));
    let (job, kind) = (JobId([8; 16]), OutcomeKind::Clicked);
    let outcome = |device| Outcome { device, job, happened_at: NOW, kind };
    let profile = |device| Profile {
        device,
        echo: [9; 16],
        platform: Platform::Ios,
        ads_consent: true,
        night_consent: false,
    };
    let hint = |device| PlaceHint {
        device,
        place: PlaceId(4711),
        fixed_at: NOW,
        verdict: HintVerdict::Enter,
    };
    stream.outcomes(AppId(1), &[outcome(device), outcome(nobody)]).await.unwrap();
    stream.profiles(AppId(1), &[profile(device), profile(nobody)]).await.unwrap();
    stream.hints(AppId(1), &[hint(device), hint(nobody)]).await.unwrap();
    timeout(SOON, stream.end()).await.unwrap().unwrap();
    let taken = daemon.shards.taken.lock().unwrap().clone();
    let wanted = [
        Records::Outcomes(vec![outcome(device)]),
        Records::Profiles(vec![profile(device)]),
        Records::Hints(vec![hint(device)]),
    ];
    assert_eq!(taken, wanted);
    assert_eq!(refused(&acks.lock().unwrap(), RejectReason::NilDevice), 3);
    let figures = daemon.figures.snapshot();
    assert_eq!(
        (figures.pings.received, figures.reports.received, figures.reports.evaluated),
        (0, 6, 3)
    );
}
