//! A kill -9 under load, a restart, a client that resends: nothing is lost and nothing doubled. And what else a
//! start finds: an end by SIGTERM, an outbox that was moved away, a log that has lost its end.
//!
//! Every device enters the fence, dwells and leaves, so the jobs that must come out are known: three a device. In
//! each round the daemon is killed at a random moment after its first ack while frames are under way; checkpoints
//! and segments are so small that kills meet both. A consumer reads all the while: what it has got once never
//! comes with other contents. `GEOFENCED_CRASH_ROUNDS` sets the rounds (default 10), `GEOFENCED_CRASH_SEED` draws the moments of
//! a run that failed.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use geofenced::auth::grant::Scope;
use geofenced::client::ClientStream;
use geofenced::domain::ids::{AppId, DeviceId, FrameSeq, StreamNo};
use geofenced::domain::ping::{Ping, PingFlags};
use geofenced::domain::units::UtcMs;
use geofenced::journal::{LogReader, Resume};
use jiff::civil::date;
use serde_json::Value;
use tokio::sync::watch;

use support::{Daemon, metric_of};

const FENCES: &[u8] = br#"{"type": "FeatureCollection", "features": [
    {"type": "Feature", "id": "square", "properties": {"name": "Square", "radius_m": 300},
     "geometry": {"type": "Point", "coordinates": [126.978, 37.5663]}}]}"#;

/// Campaigns on enter, dwell and exit.
fn campaigns() -> Vec<u8> {
    let campaign = |id: u32, trigger: &str| {
        format!(
            r#"{{"id": {id}, "name": "Campaign {id}", "mode": "running", "targets": ["square"],
              "trigger": {trigger}, "start": "2026-01-01", "end": "2026-12-31",
              "windows": [{{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
                "start": "00:00", "end": "24:00"}}],
              "frequency": "once_per_period", "messages": [{{"title": "Hello", "body": "${{geofence}}"}}]}}"#
        )
    };
    let all = [
        campaign(1, r#"{"on": "enter"}"#),
        campaign(2, r#"{"on": "dwell", "dwell_s": 60}"#),
        campaign(3, r#"{"on": "exit"}"#),
    ];
    format!(
        r#"{{"accounts": [{{"id": 1, "name": "Test", "time_zone": "Asia/Seoul",
          "apps": [{{"id": 1, "package": "com.example.app", "platform": "android"}}]}}],
        "campaigns": [{}]}}"#,
        all.join(",")
    )
    .into_bytes()
}

/// Devices of a frame.
const FRAME_DEVICES: u64 = 25;

/// Frames that take a group of devices in, let it dwell and out.
const FRAMES_A_GROUP: u64 = 3;

/// Frames of a round.
const ROUND_FRAMES: u64 = 60;

/// The round before which another snapshot takes over.
const SWAP_ROUND: u64 = 5;

/// The round after which the log must have been trimmed before the next.
const TRIM_ROUND: u64 = 6;

/// Groups that no round has.
const OTHER_GROUPS: std::ops::Range<u64> = 100_000..100_600;

/// Noon of a day in the campaign's period, UTC.
const NOON: UtcMs = UtcMs(1_767_355_200_000 + 10 * 86_400_000);

/// Small checkpoints and segments, and a log that is trimmed.
const RESTLESS: [(&str, &str); 6] = [
    ("GEOFENCED__POLICY__CLOCK", "fixes"),
    ("GEOFENCED__SHARD__SHARDS", "2"),
    ("GEOFENCED__SHARD__CHECKPOINT_EVERY_S", "1"),
    ("GEOFENCED__JOURNAL__SEGMENT_MAX_BYTES", "65536"),
    ("GEOFENCED__OUTBOX__DISK_RESERVE_BYTES", "0"),
    // A client finds out in seconds that the daemon is another one.
    ("GEOFENCED__INGEST__IDLE_TIMEOUT_S", "3"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_and_nothing_doubled() {
    let rounds: u64 = std::env::var("GEOFENCED_CRASH_ROUNDS")
        .ok()
        .map_or(10, |rounds| rounds.parse().expect("GEOFENCED_CRASH_ROUNDS is a number"));
    let mut lots = seed();
    println!("GEOFENCED_CRASH_SEED={lots}");
    let mut read = Reader::default();
    let mut settings = RESTLESS.to_vec();
    settings.push(("GEOFENCED__JOURNAL__KEEP_RECORDING_BYTES", "0"));
    let mut daemon = Daemon::start(&settings);
    daemon.snapshot(FENCES, &campaigns(), date(2026, 1, 1)).await;
    let client = daemon.client().await;
    let (acked, mut upto) = watch::channel(0);
    let mut stream = client.open(StreamNo(1), FrameSeq(1), move |ack| {
        acked.send_replace(ack.upto.0);
    });
    for round in 0..rounds {
        if round == SWAP_ROUND {
            daemon.snapshot(FENCES, &campaigns(), date(2026, 1, 1)).await;
        }
        // Some rounds are long enough for every partition's checkpoint.
        let pause =
            Duration::from_millis(next(&mut lots) % if round % 2 == 0 { 2500 } else { 120 });
        let first = round * ROUND_FRAMES;
        let sending = send(&mut stream, first..first + ROUND_FRAMES, pause);
        let crash = async {
            let this_round = upto.wait_for(|upto| *upto > first).await;
            this_round.expect("the client lives");
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                never = read.on(&daemon) => match never {},
            }
            daemon.kill9();
            daemon.restart();
            identities_hold(&daemon).await;
        };
        tokio::join!(sending, crash);
        if round == TRIM_ROUND {
            assert!(goes_on_until_trimmed(&daemon).await, "the log was never trimmed");
        }
    }
    let frames = rounds * ROUND_FRAMES;
    stream.acked(FrameSeq(frames)).await.expect("everything is acknowledged in the end");

    let devices = frames / FRAMES_A_GROUP * FRAME_DEVICES;
    let records = usize::try_from(devices * 6).expect("a small number");
    let queue = daemon.read_queue("crash", records).await;
    check_jobs(&queue, devices);
    read.is_part_of(&queue);
    identities_hold(&daemon).await;
    stream.end().await.expect("the stream ends");
    client.close().await;
    assert!(daemon.sigterm().success());
    let replayed = daemon.replay_journal();
    assert_eq!(replayed["equal"], replayed["records"], "{replayed}");
    if rounds >= 10 {
        check_recoveries(&daemon);
        // Without the outbox the checkpoints don't count, and the log no longer has all that led to them.
        let outbox = daemon.data_dir.join("outbox");
        std::fs::rename(&outbox, daemon.data_dir.join("outbox.away")).expect("a folder");
        let refused = daemon.try_restart().expect_err("what the outbox lacks is gone");
        assert!(refused.contains("the outbox is older than the checkpoints"), "{refused}");
    }
}

/// Another in each run, unless it is given.
fn seed() -> u64 {
    let given = std::env::var("GEOFENCED_CRASH_SEED").ok();
    let given = given.map(|seed| seed.parse().expect("GEOFENCED_CRASH_SEED is a number"));
    given.unwrap_or_else(|| RandomState::new().hash_one("seed")).max(1)
}

/// What a consumer got over all kills, by id. It acknowledges every other page, so it gets some again.
#[derive(Default)]
struct Reader(BTreeMap<String, Value>);

impl Reader {
    /// Reads until it is dropped.
    async fn on(&mut self, daemon: &Daemon) -> Infallible {
        let mut consumer = daemon.consumer("reader").await;
        let mut acks = false;
        loop {
            let page = consumer.page(0).await;
            for record in &page {
                let id = record["id"].as_str().expect("a record has one").to_owned();
                let before = self.0.insert(id, record.clone());
                assert!(before.as_ref().is_none_or(|before| before == record), "{before:?}");
            }
            if let Some(last) = page.last().filter(|_| acks) {
                consumer.ack(last).await;
            }
            acks = !acks;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// What is on the queue in the end has all of it, the same.
    fn is_part_of(&self, queue: &[Value]) {
        assert!(!self.0.is_empty(), "the reader had something to read before a kill");
        let queue: BTreeMap<&str, &Value> = queue
            .iter()
            .map(|record| (record["id"].as_str().expect("a record has one"), record))
            .collect();
        for (id, record) in &self.0 {
            assert_eq!(queue.get(id.as_str()), Some(&record));
        }
    }
}

/// Those of pings and of triggers, as they are shown while frames come.
async fn identities_hold(daemon: &Daemon) {
    let page = daemon.metrics().await;
    let of = |name: &str| metric_of(&page, &format!("geofenced_{name}"));
    let settled = of("pings_evaluated_total") + of("pings_rejected_total");
    assert_eq!(of("pings_received_total"), settled + of("pings_in_flight"), "{page}");
    let closed = of("jobs_total") + of("triggers_suppressed_total");
    assert_eq!(of("triggers_total"), closed + of("triggers_open"), "{page}");
}

/// Each kind of job once a device, each id once.
fn check_jobs(records: &[Value], devices: u64) {
    let jobs: Vec<&Value> =
        records.iter().filter(|record| record["type"] == "geofenced.push_job.v1").collect();
    let ids: BTreeSet<&str> = jobs.iter().filter_map(|job| job["id"].as_str()).collect();
    assert_eq!(ids.len(), jobs.len(), "no id comes twice");
    let mut found: BTreeMap<(&str, u64), u32> = BTreeMap::new();
    for job in &jobs {
        let device = job["data"]["device_id"].as_str().expect("a job has one");
        let campaign = job["data"]["campaign"]["id"].as_u64().expect("a job has one");
        *found.entry((device, campaign)).or_default() += 1;
    }
    assert!(found.values().all(|jobs| *jobs == 1), "no device gets two of a campaign");
    let all: Vec<String> = (0..devices).map(|device| device_of(device).to_string()).collect();
    let wanted =
        all.iter().flat_map(|device| [1, 2, 3].map(|campaign| (device.as_str(), campaign)));
    let missing: Vec<_> = wanted.filter(|one| !found.contains_key(one)).collect();
    let some = &missing[..missing.len().min(5)];
    assert!(missing.is_empty(), "{} jobs are missing, such as {some:?}", missing.len());
}

/// The kills met what they were to meet: checkpoints that were read, and inputs behind them.
fn check_recoveries(daemon: &Daemon) {
    let log = daemon.log();
    let starts: Vec<&str> =
        log.lines().filter(|line| line.contains("checkpoints were read")).collect();
    let number = |line: &str, key: &str| -> u64 {
        let digits = line.split(key).nth(1).unwrap_or_default().trim_start_matches(['=', '"', ':']);
        digits.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default().parse().unwrap_or(0)
    };
    let from_checkpoints =
        starts.iter().filter(|line| number(line, "restored") > 0 && number(line, "inputs") > 0);
    assert!(from_checkpoints.count() >= 3, "{starts:#?}");
}

/// Goes on with other devices until every partition has its two checkpoints and the log's beginning is gone.
async fn goes_on_until_trimmed(daemon: &Daemon) -> bool {
    for group in OTHER_GROUPS {
        visit(daemon, group..group + 1).await;
        let oldest = segments(daemon).into_iter().next().expect("a log has segments");
        if !oldest.ends_with("00000000000000000000.seg") {
            return true;
        }
    }
    false
}

/// The log's files, oldest first.
fn segments(daemon: &Daemon) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(daemon.data_dir.join("log")).expect("there is a log");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut segments: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|end| end == "seg")).collect();
    segments.sort();
    segments
}

/// Sends frames over a while, so that some are under way at any moment of it.
async fn send(stream: &mut ClientStream, frames: std::ops::Range<u64>, during: Duration) {
    let pause = during / u32::try_from(ROUND_FRAMES).expect("small");
    for frame in frames {
        let group = frame / FRAMES_A_GROUP;
        let devices = group * FRAME_DEVICES..(group + 1) * FRAME_DEVICES;
        let pings: Vec<Ping> = devices.map(|device| ping(device, frame % FRAMES_A_GROUP)).collect();
        stream.pings(AppId(1), &pings).await.expect("the client reconnects by itself");
        tokio::time::sleep(pause.max(Duration::from_millis(2))).await;
    }
}

fn device_of(device: u64) -> DeviceId {
    DeviceId(((1u128 << 100) | u128::from(device)).to_be_bytes())
}

/// A device's visit: inside, still inside two minutes later, far outside after four.
fn ping(device: u64, step: u64) -> Ping {
    let minutes = i64::try_from(step).expect("small") * 2;
    Ping {
        device: device_of(device),
        lat_e7: 375_663_000 + if step == 2 { 200_000 } else { 0 },
        lon_e7: 1_269_780_000,
        fixed_at: UtcMs(NOON.0 + minutes * 60_000),
        accuracy_m: 10,
        flags: PingFlags(0),
    }
}

/// Sends the frames of whole groups and awaits their acks.
async fn visit(daemon: &Daemon, groups: std::ops::Range<u64>) {
    let client = daemon.client().await;
    let mut stream = client.open(StreamNo(1), FrameSeq(1), |_ack| {});
    let frames = groups.start * FRAMES_A_GROUP..groups.end * FRAMES_A_GROUP;
    let count = frames.end - frames.start;
    send(&mut stream, frames, Duration::ZERO).await;
    stream.acked(FrameSeq(count)).await.expect("the daemon is up");
    stream.end().await.expect("the stream ends");
    client.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outbox_that_was_moved_away_is_filled_again_and_a_log_without_its_end_is_refused() {
    let mut daemon = Daemon::start(&RESTLESS);
    daemon.snapshot(FENCES, &campaigns(), date(2026, 1, 1)).await;
    visit(&daemon, 0..2).await;
    let before = daemon.read_queue("before", 6 * 50).await;
    assert!(daemon.sigterm().success());

    // The checkpoints are ahead of an empty outbox: they must not count. The log has all that they stand for.
    let outbox = daemon.data_dir.join("outbox");
    std::fs::rename(&outbox, daemon.data_dir.join("outbox.away")).expect("a folder");
    daemon.restart();
    let after = daemon.read_queue("after", before.len()).await;
    let ids = |records: &[Value]| -> BTreeSet<String> {
        records.iter().map(|record| record["id"].to_string()).collect()
    };
    assert_eq!(ids(&after), ids(&before));

    // The last inputs are in the outbox; without them in the log, their numbers would be given anew.
    visit(&daemon, 2..3).await;
    daemon.read_queue("after", 6 * 25).await;
    daemon.kill9();
    let written = segments(&daemon)
        .into_iter()
        .rev()
        .find(|path| std::fs::metadata(path).expect("a file").len() > 100);
    let written = std::fs::File::options().append(true).open(written.expect("one")).expect("it");
    let len = written.metadata().expect("a file").len();
    written.set_len(len - 10).expect("cut");
    let refused = daemon.try_restart().expect_err("the outbox is ahead of the log");
    // A checkpoint may have stood for the last input, too; then it is the first to miss it.
    let says = |words: &str| refused.contains(words);
    assert!(says("the end of the log was damaged") || says("but its log ends at"), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_ends_cleanly_though_a_consumer_waits_and_the_identity_holds() {
    let mut daemon = Daemon::start(&RESTLESS);
    daemon.snapshot(FENCES, &campaigns(), date(2026, 1, 1)).await;
    visit(&daemon, 0..2).await;
    let page = daemon.metrics().await;
    assert_eq!(metric_of(&page, "geofenced_jobs_total"), 3 * 2 * FRAME_DEVICES, "{page}");
    identities_hold(&daemon).await;

    daemon.read_queue("waiting", 6 * 50).await;
    let mut http = daemon.http_client(Scope::Queue).await;
    let poll =
        tokio::spawn(
            async move { http.get("/v1/queues/waiting/records?wait_s=60").await.map(drop) },
        );
    // So that it waits when the end comes.
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(daemon.sigterm().success());
    // Told that the outbox is closed, or cut off: either way it has an end.
    let _told = poll.await.expect("it does not panic");
    assert!(!daemon.log().contains("left behind"), "{}", daemon.log());
    let log = LogReader::open(&daemon.data_dir, &daemon.keyring(), Resume::from_start());
    assert!(log.expect("it is sound").tail().clean);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fixes_from_the_future_do_not_move_our_own_clock() {
    let mut daemon = Daemon::start(&RESTLESS);
    daemon.snapshot(FENCES, &campaigns(), date(2026, 1, 1)).await;
    let client = daemon.client().await;
    let mut stream = client.open(StreamNo(1), FrameSeq(1), |_ack| {});
    let years_ms = 30 * 365 * 86_400_000;
    let later = Ping { fixed_at: UtcMs(NOON.0 + years_ms), ..ping(0, 0) };
    stream.pings(AppId(1), &[later]).await.expect("the daemon is up");
    stream.acked(FrameSeq(1)).await.expect("it is taken: the clock is the fixes'");
    stream.end().await.expect("the stream ends");
    client.close().await;
    assert!(daemon.sigterm().success());
    daemon.restart();
    let page = daemon.metrics().await;
    assert_eq!(metric_of(&page, "geofenced_clock_stepped"), 0, "{page}");
    assert_eq!(metric_of(&page, "geofenced_devices"), 1, "restored devices count at once");
}

#[test]
fn a_replay_of_what_is_no_data_directory_leaves_it_alone() {
    let dir = tempfile::tempdir().expect("a folder");
    let replay = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_geofenced"));
        command.args(["replay", "--journal"]).arg(dir.path()).args(more).output().expect("it runs")
    };
    assert!(!replay(&[]).status.success());
    assert_eq!(std::fs::read_dir(dir.path()).expect("a folder").count(), 0, "nothing was made");
    for more in [["--shards", "2"], ["--batch", "7"], ["--out", "x"]] {
        let refused = replay(&more);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(said.contains("cannot be used with"), "{more:?}: {said}");
    }
}

/// Marsaglia's xorshift64.
fn next(lots: &mut u64) -> u64 {
    *lots ^= *lots << 13;
    *lots ^= *lots >> 7;
    *lots ^= *lots << 17;
    *lots
}
