//! Everything hostile at once against the real daemon, and a good client beside it: errors have their codes, memory
//! stays within what the config states, and the good client is served.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends at the first surprise")]

mod attacks;
mod raw;
#[path = "../support/mod.rs"]
mod support;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use geofenced::auth::grant::Scope;
use geofenced::client::options::draw_instance;
use geofenced::client::{Client, ClientOptions, ClientStream, Credentials, Trust};
use geofenced::domain::ids::{AccountId, AppId, DeviceId, FrameSeq, StreamNo};
use geofenced::domain::ping::{Ping, PingFlags};
use geofenced::domain::units::UtcMs;
use jiff::civil::date;
use tokio::time::{Instant, timeout};

use attacks::{Attack, Tally};
use support::{Daemon, PATIENCE, metric_of};

/// Account 1 is the attackers', account 2 the good client's.
const CAMPAIGNS: &[u8] = br#"{"accounts": [
      {"id": 1, "name": "Bad", "time_zone": "Asia/Seoul",
       "apps": [{"id": 1, "package": "com.example.bad", "platform": "android"}]},
      {"id": 2, "name": "Good", "time_zone": "Asia/Seoul",
       "apps": [{"id": 1, "package": "com.example.good", "platform": "android"}]}],
    "campaigns": [{"id": 1, "account": 2, "name": "Welcome", "mode": "running", "targets": ["square"],
      "trigger": {"on": "enter"}, "start": "2026-01-01", "end": "2026-12-31",
      "windows": [{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "start": "00:00", "end": "24:00"}],
      "frequency": "once_per_period", "messages": [{"title": "Hello", "body": "Welcome"}]}]}"#;

const FENCES: &[u8] = br#"{"type": "FeatureCollection", "features": [
    {"type": "Feature", "id": "square", "properties": {"name": "Square", "radius_m": 300, "account": 2},
     "geometry": {"type": "Point", "coordinates": [126.978, 37.5663]}}]}"#;

const GOOD: AccountId = AccountId(2);
const CONNECTIONS: u64 = 32;
const STREAMS: u64 = 4;
const CONNECTION_WINDOW: u64 = 256 << 10;
const HTTP_CONNECTIONS: u64 = 48;

/// What the knobs state as their worst cases, summed up: what connections may hold, the bodies and records of HTTP
/// requests under way, mailboxes, buffers of the journal, and unread answers, which nothing fills here.
fn budget_bytes() -> u64 {
    let stream = 440 << 10;
    let connections = CONNECTIONS * (CONNECTION_WINDOW + (64 << 10) + STREAMS * stream);
    let requests = 32 * (3 << 20);
    let http = HTTP_CONNECTIONS * (2 << 20);
    let shards = 4 * (4 << 20) + (32 << 20);
    connections + requests + http + shards
}

fn assert_within_budget(daemon: &Daemon, before: u64) {
    let grown = daemon.peak_memory_bytes().saturating_sub(before);
    println!("memory grew by {grown} of {} bytes", budget_bytes());
    assert!(grown <= budget_bytes(), "memory grew by {grown}, {} are stated", budget_bytes());
}

async fn daemon() -> (Daemon, String) {
    let daemon = Daemon::start(&[
        ("GEOFENCED__POLICY__CLOCK", "fixes"),
        ("GEOFENCED__SHARD__SHARDS", "2"),
        ("GEOFENCED__OUTBOX__DISK_RESERVE_BYTES", "0"),
        ("GEOFENCED__POLICY__DEVICES_PER_PARTITION", "1024"),
        ("GEOFENCED__INGEST__MAX_CONNECTIONS", "32"),
        ("GEOFENCED__INGEST__MAX_CONNECTIONS_PER_ACCOUNT", "24"),
        ("GEOFENCED__INGEST__MAX_STREAMS", "4"),
        ("GEOFENCED__INGEST__STREAM_WINDOW_BYTES", "196608"),
        ("GEOFENCED__INGEST__CONNECTION_WINDOW_BYTES", "262144"),
        ("GEOFENCED__INGEST__FRAME_TIMEOUT_S", "1"),
        ("GEOFENCED__INGEST__HELLO_TIMEOUT_S", "1"),
        ("GEOFENCED__ADMIN__MAX_CONNECTIONS", "48"),
        ("GEOFENCED__ADMIN__WRITE_S", "1"),
        ("GEOFENCED__ADMIN__HEADER_S", "1"),
    ]);
    daemon.snapshot(FENCES, CAMPAIGNS, date(2026, 1, 1)).await;
    let token = daemon.new_token_of(GOOD, "good", Scope::Ingest);
    daemon.signal("HUP");
    daemon.log_says("reloaded").await;
    (daemon, token)
}

async fn good_client(daemon: &Daemon, token: &str) -> Client {
    let token = Credentials::Token(token.to_owned());
    let options = ClientOptions::new(daemon.quic, Trust::Anybody, token, draw_instance().unwrap());
    Client::connect(options).await.unwrap()
}

const FRAME_PINGS: u64 = 500;

/// The same devices in each frame, a minute later.
fn pings(frame: u64) -> Vec<Ping> {
    let ping = |device: u64| Ping {
        device: DeviceId(((1u128 << 100) | u128::from(device)).to_be_bytes()),
        lat_e7: 375_663_000,
        lon_e7: 1_269_780_000,
        fixed_at: UtcMs(1_768_219_200_000 + i64::try_from(frame).unwrap() * 60_000),
        accuracy_m: 10,
        flags: PingFlags(0),
    };
    (0..FRAME_PINGS).map(ping).collect()
}

/// Sends so many frames, each once the one before is acknowledged.
async fn serve_well(stream: &mut ClientStream, frames: std::ops::Range<u64>) {
    for frame in frames {
        let seq = stream.pings(AppId(1), &pings(frame)).await.expect("the daemon is there");
        timeout(PATIENCE, stream.acked(seq)).await.expect("not for ever").expect("acknowledged");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_daemon_and_a_good_client_outlive_every_attack() {
    let (mut daemon, token) = daemon().await;
    let client = good_client(&daemon, &token).await;
    let mut stream = client.open(StreamNo(1), FrameSeq(1), |ack| {
        assert_eq!(ack.rejects.iter().sum::<u64>(), 0, "the good client's pings are all evaluated");
    });
    serve_well(&mut stream, 0..20).await;
    let before = daemon.peak_memory_bytes();

    let tally = Arc::new(Tally::default());
    let target = raw::Target::of(&daemon);
    let attackers = attacks::begin(&target, &tally);
    serve_well(&mut stream, 20..120).await;
    // Each kind of attack has had its answer several times, or there is something that nobody is told.
    let enough = async {
        while Attack::ALL.iter().any(|one| tally.of(*one).load(Ordering::Relaxed) < 3) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, enough)
        .await
        .unwrap_or_else(|_| panic!("attacks without answers: {tally:?}"));
    serve_well(&mut stream, 120..140).await;
    attackers.end().await;
    timeout(PATIENCE, stream.end()).await.expect("not for ever").expect("all acknowledged");
    client.close().await;

    println!("{tally:?}");
    assert_within_budget(&daemon, before);
    let page = patient_metrics(&daemon).await;
    let count = |name: &str| metric_of(&page, name);
    let [received, evaluated] =
        ["received", "evaluated"].map(|what| count(&format!("geofenced_pings_{what}_total")));
    let rejected = count("geofenced_pings_rejected_total");
    assert_eq!(received, evaluated + rejected + count("geofenced_pings_in_flight"), "{page}");
    assert!(evaluated >= 140 * FRAME_PINGS, "{evaluated}");
    assert!(!daemon.log().contains("panicked"), "{}", daemon.log());
    assert!(daemon.sigterm().success());
}

/// A scrape once a place is free: what attackers left behind may hold all of them for a moment.
async fn patient_metrics(daemon: &Daemon) -> String {
    let free = async {
        loop {
            if let Some(page) = raw::get(daemon.http, "/metrics").await {
                return page;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, free).await.expect("the port is not shut for ever")
}

/// How the good client sends.
#[derive(Clone, Copy, Debug)]
enum Pace {
    /// So many frames a second.
    Steady(u32),
    /// As fast as acks allow.
    Full,
}

/// Sends for so long, and gives the pings acknowledged in a second.
async fn rate(stream: &mut ClientStream, from: u64, span: Duration, pace: Pace) -> (f64, u64) {
    let began = Instant::now();
    let mut frame = from;
    while began.elapsed() < span {
        stream.pings(AppId(1), &pings(frame)).await.expect("the daemon is there");
        frame += 1;
        if let Pace::Steady(frames_per_s) = pace {
            let due = Duration::from_secs(frame - from) / frames_per_s;
            tokio::time::sleep_until(began + due).await;
        }
    }
    stream.acked(FrameSeq(frame)).await.expect("acknowledged");
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let pings = ((frame - from) * FRAME_PINGS) as f64;
    (pings / began.elapsed().as_secs_f64(), frame)
}

/// The rates at one pace after the other.
async fn rates(
    stream: &mut ClientStream,
    mut from: u64,
    span: Duration,
    paces: &[Pace],
) -> (Vec<f64>, u64) {
    let mut rates = Vec::new();
    for pace in paces {
        let (pings_per_s, next) = rate(stream, from, span, *pace).await;
        rates.push(pings_per_s);
        from = next;
    }
    (rates, from)
}

/// Measured by `make hostile`, on a machine with nothing else to do: it is about time. At half and at full
/// speed the attackers' own work takes processors away from the daemon, so these ratios are told and not held against a bar.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures a rate; make hostile runs it"]
async fn a_good_client_keeps_its_rate() {
    let seconds = std::env::var("GEOFENCED_HOSTILE_S").ok().and_then(|text| text.parse().ok());
    let span = Duration::from_secs(seconds.unwrap_or(10));
    let (mut daemon, token) = daemon().await;
    let client = good_client(&daemon, &token).await;
    let mut stream = client.open(StreamNo(1), FrameSeq(1), |_ack| {});
    let (_, next) = rate(&mut stream, 0, Duration::from_secs(2), Pace::Steady(40)).await;
    let (full, next) = rate(&mut stream, next, span, Pace::Full).await;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some thousands")]
    let half = (full / 2.0) as u32 / u32::try_from(FRAME_PINGS).unwrap();
    let paces = [Pace::Steady(40), Pace::Steady(half.max(1)), Pace::Full];
    let (alone, next) = rates(&mut stream, next, span, &paces).await;
    let before = daemon.peak_memory_bytes();
    let tally = Arc::new(Tally::default());
    let attackers = attacks::begin(&raw::Target::of(&daemon), &tally);
    let (beside, _) = rates(&mut stream, next, span, &paces).await;
    let kept: Vec<f64> = beside.iter().zip(&alone).map(|(beside, alone)| beside / alone).collect();
    for (pace, rates) in paces.iter().zip(alone.iter().zip(&beside)) {
        println!("{pace:?}, pings/s alone and beside the attacks: {rates:.0?}");
    }
    println!("kept: {kept:.2?}");
    attackers.end().await;
    println!("peak {} MiB\n{tally:?}", daemon.peak_memory_bytes() >> 20);
    assert_within_budget(&daemon, before);
    assert!(kept[0] >= 0.8, "{kept:?}");
    assert!(daemon.sigterm().success());
}
