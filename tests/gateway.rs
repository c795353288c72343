//! A gateway and the real daemon: what a kill -9, a drain, a reload and a scrape look like from outside.

mod support;

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use geofenced::client::options::draw_instance;
use geofenced::client::{
    AckSpan, Client, ClientError, ClientOptions, ClientStream, Credentials, Reconnect, Trust,
};
use geofenced::domain::ids::{AppId, DeviceId, FrameSeq, JobId, StreamNo};
use geofenced::domain::ping::{Ping, PingFlags};
use geofenced::domain::reasons::RejectReason;
use geofenced::domain::report::{Outcome, OutcomeKind};
use geofenced::domain::units::UtcMs;
use jiff::civil::date;
use tokio::time::timeout;

use support::{Daemon, PATIENCE};

const CAMPAIGNS: &[u8] = br#"{"accounts": [{"id": 1, "name": "Test", "time_zone": "Asia/Seoul",
      "apps": [{"id": 1, "package": "com.example.app", "platform": "android"}]}],
    "campaigns": [{"id": 1, "name": "Welcome", "mode": "running", "targets": ["square"],
      "trigger": {"on": "enter"}, "start": "2026-01-01", "end": "2026-12-31",
      "windows": [{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "start": "00:00", "end": "24:00"}],
      "frequency": "once_per_period", "messages": [{"title": "Hello", "body": "Welcome to ${geofence}"}]}]}"#;

/// Noon of a day in the campaign's period, UTC.
const NOON: UtcMs = UtcMs(1_767_355_200_000 + 10 * 86_400_000);

async fn daemon(more: &[(&str, &str)]) -> Daemon {
    let mut overrides = vec![
        ("GEOFENCED__POLICY__CLOCK", "fixes"),
        ("GEOFENCED__SHARD__SHARDS", "2"),
        ("GEOFENCED__OUTBOX__DISK_RESERVE_BYTES", "0"),
    ];
    overrides.extend(more);
    let daemon = Daemon::start(&overrides);
    daemon.snapshot(support::SQUARE, CAMPAIGNS, date(2026, 1, 1)).await;
    daemon
}

/// 50 devices that nobody has seen before.
fn pings(frame: u64) -> Vec<Ping> {
    let device = |at: u64| DeviceId(((1u128 << 100) | u128::from(frame * 50 + at)).to_be_bytes());
    let ping = |at| Ping {
        device: device(at),
        lat_e7: 375_663_000,
        lon_e7: 1_269_780_000,
        fixed_at: NOON,
        accuracy_m: 10,
        flags: PingFlags(0),
    };
    (0..50).map(ping).collect()
}

/// A stream that counts what was settled when it had been sent before.
fn counting(client: &Client) -> (ClientStream, Arc<AtomicU64>) {
    let resent = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&resent);
    let note = move |ack: &AckSpan| {
        let again = ack.rejects[usize::from(RejectReason::Resent.number())];
        count.fetch_add(again, Ordering::Relaxed);
    };
    (client.open(StreamNo(1), FrameSeq(1), note), resent)
}

/// The idle timeout is an hour, so only the next daemon can tell the client that its connection is gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_kill_9_the_next_daemon_resets_old_connections() {
    let mut daemon = daemon(&[("GEOFENCED__INGEST__IDLE_TIMEOUT_S", "3600")]).await;
    let client = daemon.client().await;
    let (mut stream, _) = counting(&client);
    for round in 0..3 {
        let seq = stream.pings(AppId(1), &pings(round)).await.expect("sent");
        timeout(PATIENCE, stream.acked(seq)).await.expect("not for ever").expect("acknowledged");
        daemon.kill9();
        daemon.restart();
    }
    stream.pings(AppId(1), &pings(9)).await.expect("sent");
    timeout(PATIENCE, stream.end()).await.expect("not for ever").expect("acknowledged");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_under_load_acknowledges_all_that_was_taken() {
    let mut daemon = daemon(&[]).await;
    let client = daemon.client().await;
    let (mut stream, resent) = counting(&client);
    let (enough, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let (stop, count) = (Arc::clone(&enough), Arc::clone(&sent));
    let sending = tokio::spawn(async move {
        let mut frame = 0;
        while !stop.load(Ordering::Relaxed) {
            stream.pings(AppId(1), &pings(frame)).await.expect("it reconnects by itself");
            frame += 1;
            count.store(frame, Ordering::Relaxed);
        }
        stream
    });
    for round in 1..=3 {
        let before = sent.load(Ordering::Relaxed);
        while sent.load(Ordering::Relaxed) < before + 300 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert!(daemon.sigterm().success(), "round {round}");
        daemon.restart();
    }
    enough.store(true, Ordering::Relaxed);
    let stream = timeout(PATIENCE, sending).await.expect("not for ever").expect("no panic");
    timeout(PATIENCE, stream.end()).await.expect("not for ever").expect("acknowledged");
    assert_eq!(resent.load(Ordering::Relaxed), 0, "an ack that was due did not leave");
}

/// The lines of a scrape by their whole name, labels included.
async fn scrape(daemon: &Daemon) -> BTreeMap<String, u64> {
    let mut http = daemon.http_client(geofenced::auth::grant::Scope::Admin).await;
    let body = http.get("/metrics").await.expect("an answer").success().expect("a scrape");
    let text = String::from_utf8(body.to_vec()).expect("text");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let values = lines.filter_map(|line| line.rsplit_once(' '));
    values.filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?))).collect()
}

fn sum(scrape: &BTreeMap<String, u64>, name: &str) -> u64 {
    let labelled = format!("{name}{{");
    let ours = scrape.iter().filter(|(key, _)| *key == name || key.starts_with(&labelled));
    ours.map(|(_, value)| value).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_identities_hold_at_every_scrape_under_load() {
    let daemon = daemon(&[]).await;
    let client = daemon.client().await;
    let enough = Arc::new(AtomicBool::new(false));
    let mut senders = Vec::new();
    for number in 1..=2 {
        let mut stream = client.open(StreamNo(number), FrameSeq(1), |_| {});
        let stop = Arc::clone(&enough);
        senders.push(tokio::spawn(async move {
            let mut frame = u64::from(number) << 32;
            while !stop.load(Ordering::Relaxed) {
                let mut batch = pings(frame);
                batch[0].flags = PingFlags(PingFlags::MOCK);
                let (device, job) = (batch[1].device, JobId([3; 16]));
                let outcome =
                    Outcome { device, job, happened_at: NOON, kind: OutcomeKind::Clicked };
                stream.pings(AppId(1), &batch).await.expect("sent");
                stream.outcomes(AppId(1), &[outcome]).await.expect("sent");
                frame += 1;
            }
            stream.end().await.expect("acknowledged");
        }));
    }
    let mut in_flight = 0;
    let mut seen = BTreeMap::new();
    while seen.get("geofenced_frames_received_total").copied().unwrap_or(0) < 2000 {
        seen = scrape(&daemon).await;
        let all = |name: &str| sum(&seen, &format!("geofenced_{name}"));
        for flow in ["pings", "reports"] {
            let [received, evaluated, rejected, flying] =
                ["received_total", "evaluated_total", "rejected_total", "in_flight"]
                    .map(|figure| all(&format!("{flow}_{figure}")));
            assert_eq!(received, evaluated + rejected + flying, "{flow}: {seen:#?}");
            in_flight += flying;
        }
        let [triggers, jobs, suppressed, open] =
            ["triggers_total", "jobs_total", "triggers_suppressed_total", "triggers_open"].map(all);
        assert_eq!(triggers, jobs + suppressed + open, "{seen:#?}");
    }
    assert!(in_flight > 0, "something was under way");
    enough.store(true, Ordering::Relaxed);
    for sender in senders {
        timeout(PATIENCE, sender).await.expect("not for ever").expect("no panic");
    }
    let last = scrape(&daemon).await;
    let [frames, acks, reports] =
        ["frames_received_total", "ack_seconds_count", "reports_received_total"]
            .map(|name| last[&format!("geofenced_{name}")]);
    assert_eq!((frames, reports), (acks, frames / 2), "each frame's ack was timed");
    assert!(last["geofenced_received_bytes_total"] > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sighup_shows_the_new_certificate() {
    let daemon = daemon(&[]).await;
    let client = daemon.client().await;
    let (mut stream, _) = counting(&client);
    let next = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("made");
    let tls = daemon.data_dir.join("tls");
    std::fs::write(tls.join("cert.pem"), next.cert.pem()).expect("written");
    std::fs::write(tls.join("key.pem"), next.signing_key.serialize_pem()).expect("written");
    let connect = async || {
        let token = daemon.token(geofenced::auth::grant::Scope::Ingest).to_owned();
        let (trust, token) =
            (Trust::Roots(vec![next.cert.der().clone()]), Credentials::Token(token));
        let instance = draw_instance().expect("random bytes");
        let mut options = ClientOptions::new(daemon.quic, trust, token, instance);
        options.reconnect = Reconnect::ONCE;
        Client::connect(options).await
    };
    assert!(matches!(connect().await, Err(ClientError::Lost(_))), "the old certificate");
    let pid = daemon.child.id().to_string();
    assert!(Command::new("kill").args(["-HUP", &pid]).status().expect("kill runs").success());
    let shown = async {
        while connect().await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, shown).await.expect("the new certificate is shown");
    let seq = stream.pings(AppId(1), &pings(1)).await.expect("sent");
    timeout(PATIENCE, stream.acked(seq)).await.expect("not for ever").expect("whoever is in stays");
}
