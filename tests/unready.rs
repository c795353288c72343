//! Before the first snapshot pings are refused as `unavailable`, and nothing remembers them: sent again under the
//! same sequence once there is a snapshot, they are evaluated.

mod support;

use std::sync::{Arc, Mutex};

use geofenced::auth::grant::Scope;
use geofenced::client::options::draw_instance;
use geofenced::client::{Client, ClientOptions, Credentials, Trust};
use geofenced::domain::ids::{AppId, DeviceId, FrameSeq, InstanceId, StreamNo};
use geofenced::domain::ping::{Ping, PingFlags};
use geofenced::domain::reasons::{RejectCounts, RejectReason};
use geofenced::domain::units::UtcMs;
use jiff::civil::date;

use support::Daemon;

const CAMPAIGNS: &[u8] = br#"{"accounts": [{"id": 1, "name": "Test", "time_zone": "Asia/Seoul",
      "apps": [{"id": 1, "package": "com.example.app", "platform": "android"}]}],
    "campaigns": [{"id": 1, "name": "Welcome", "mode": "running", "targets": ["square"],
      "trigger": {"on": "enter"}, "start": "2026-01-01", "end": "2026-12-31",
      "windows": [{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "start": "00:00", "end": "24:00"}],
      "frequency": "once_per_period", "messages": [{"title": "Hello", "body": "Welcome"}]}]}"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_unavailable_is_new_when_sent_again() {
    let daemon = Daemon::start(&[
        ("GEOFENCED__POLICY__CLOCK", "fixes"),
        ("GEOFENCED__OUTBOX__DISK_RESERVE_BYTES", "0"),
    ]);
    let instance = draw_instance().expect("there is randomness");
    let refused = send_first_frame(&daemon, instance).await;
    assert_eq!(refused[usize::from(RejectReason::Unavailable.number())], 1);

    daemon.snapshot(support::SQUARE, CAMPAIGNS, date(2026, 1, 1)).await;
    let again = send_first_frame(&daemon, instance).await;
    assert_eq!(again.iter().sum::<u64>(), 0, "{again:?}");
    let records = daemon.read_queue("unready", 2).await;
    assert_eq!(records.len(), 2, "a job and its match");
}

/// Sends the instance's first frame and gives what was refused of it.
async fn send_first_frame(daemon: &Daemon, instance: InstanceId) -> RejectCounts {
    let token = Credentials::Token(daemon.token(Scope::Ingest).to_owned());
    let options = ClientOptions::new(daemon.quic, Trust::Anybody, token, instance);
    let client = Client::connect(options).await.expect("the daemon lets us in");
    let rejects = Arc::new(Mutex::new([0; RejectReason::SLOTS]));
    let noted = Arc::clone(&rejects);
    let mut stream = client.open(StreamNo(1), FrameSeq(1), move |ack| {
        *noted.lock().expect("nobody panics with it") = ack.rejects;
    });
    let ping = Ping {
        device: DeviceId([7; 16]),
        lat_e7: 375_663_000,
        lon_e7: 1_269_780_000,
        fixed_at: UtcMs(1_767_355_200_000 + 10 * 86_400_000),
        accuracy_m: 10,
        flags: PingFlags(0),
    };
    stream.pings(AppId(1), &[ping]).await.expect("it is sent");
    stream.acked(FrameSeq(1)).await.expect("it is acknowledged");
    stream.end().await.expect("the stream ends");
    client.close().await;
    let rejects = rejects.lock().expect("nobody panics with it");
    *rejects
}
