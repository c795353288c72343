//! The daemon as an operator meets it, on the real binary: word to systemd, readiness while it drains, and what a
//! SIGHUP takes up or leaves.
#![allow(clippy::panic, reason = "a test ends at the first surprise")]

mod support;

use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::Duration;

use geofenced::auth::grant::Scope;
use geofenced::sink::http_client::HttpClient;
use hyper::Method;
use jiff::civil::date;
use nix::sys::ptrace;
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;
use serde_json::Value;

use support::{Daemon, PATIENCE};

const CAMPAIGNS: &[u8] = br#"{"accounts": [{"id": 1, "name": "Test", "time_zone": "Asia/Seoul",
      "apps": [{"id": 1, "package": "com.example.app", "platform": "android"}]}],
    "campaigns": [{"id": 1, "name": "Welcome", "mode": "running", "targets": ["square"],
      "trigger": {"on": "enter"}, "start": "2026-01-01", "end": "2026-12-31",
      "windows": [{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "start": "00:00", "end": "24:00"}],
      "frequency": "once_per_period", "messages": [{"title": "Hello", "body": "Welcome"}]}]}"#;

/// Systemd's end of the socket that daemons notify.
struct Systemd {
    home: tempfile::TempDir,
    heard: mpsc::Receiver<String>,
}

impl Systemd {
    fn listens() -> Self {
        let home = tempfile::tempdir().expect("a directory");
        let socket = UnixDatagram::bind(home.path().join("notify")).expect("binds");
        // Read to the end, as systemd does: a socket that is full would hold the daemon up.
        let (said, heard) = mpsc::sync_channel(4096);
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(len) = socket.recv(&mut bytes) {
                let words = String::from_utf8_lossy(&bytes[..len]).into_owned();
                words.lines().for_each(|word| drop(said.send(word.to_owned())));
            }
        });
        Self { home, heard }
    }

    /// Starts a daemon that is watched by it.
    fn starts(&self, watchdog_us: &str, more: &[(&str, &str)]) -> Daemon {
        let socket = self.home.path().join("notify");
        let told =
            [("NOTIFY_SOCKET", socket.to_str().expect("UTF-8")), ("WATCHDOG_USEC", watchdog_us)];
        Daemon::start(&[&told, more].concat())
    }

    /// Waits until the daemon says so.
    fn hears(&self, wanted: &str) {
        let next = || self.heard.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("no {wanted}"));
        while next() != wanted {}
    }
}

#[test]
fn systemd_hears_that_the_daemon_is_ready_alive_reloading_and_stopping() {
    let systemd = Systemd::listens();
    let mut daemon = systemd.starts("200000", &[]);
    systemd.hears("READY=1");
    (0..5).for_each(|_| systemd.hears("WATCHDOG=1"));
    daemon.signal("HUP");
    ["RELOADING=1", "READY=1", "WATCHDOG=1"].into_iter().for_each(|word| systemd.hears(word));
    assert!(daemon.sigterm().success());
    systemd.hears("STOPPING=1");
}

/// Each shard's thread in turn is stopped as a debugger would, and the others go on.
#[tokio::test]
async fn the_watchdogs_word_stays_out_while_any_one_shard_stands_still() {
    const SHARDS: usize = 3;
    let systemd = Systemd::listens();
    let daemon = systemd.starts("1000000", &[("GEOFENCED__SHARD__SHARDS", "3"), QUIET_RESERVE]);
    for shard in 0..SHARDS {
        systemd.hears("WATCHDOG=1");
        let thread = thread_of(&daemon, &format!("shard-{shard}"));
        ptrace::seize(thread, ptrace::Options::empty()).expect("a child may be traced");
        ptrace::interrupt(thread).expect("it is seized");
        waitpid(thread, Some(WaitPidFlag::__WALL)).expect("it stops");
        daemon.log_says(&format!(r#"hung="shard {shard}""#)).await;
        while systemd.heard.try_recv().is_ok() {}
        let silence = systemd.heard.recv_timeout(Duration::from_secs(2));
        assert_eq!(silence, Err(mpsc::RecvTimeoutError::Timeout), "shard {shard} stands still");
        ptrace::detach(thread, None).expect("it is seized");
    }
    systemd.hears("WATCHDOG=1");
}

/// The id of a daemon's thread, by its name.
fn thread_of(daemon: &Daemon, name: &str) -> Pid {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", daemon.child.id())).expect("it runs");
    let mut tasks = tasks.map(|task| task.expect("listed").path());
    let is_it = |task: &PathBuf| {
        std::fs::read_to_string(task.join("comm")).is_ok_and(|comm| comm.trim() == name)
    };
    let task = tasks.find(is_it).unwrap_or_else(|| panic!("no thread {name}"));
    let id = task.file_name().and_then(|id| id.to_str()?.parse().ok());
    Pid::from_raw(id.expect("a number"))
}

#[tokio::test]
async fn a_draining_daemon_is_not_ready() {
    let daemon = Daemon::start(&[("GEOFENCED__POLICY__CLOCK", "fixes")]);
    daemon.snapshot(support::SQUARE, CAMPAIGNS, date(2026, 1, 1)).await;
    let mut http = daemon.http_client(Scope::Admin).await;
    assert_eq!(readiness(&mut http).await, (200, Vec::new()));
    // A client that has gone without a word holds the drain up for a while.
    let gone = tokio::runtime::Runtime::new().expect("a runtime");
    std::thread::scope(|scope| {
        scope.spawn(|| std::mem::forget(gone.block_on(daemon.client())));
    });
    gone.shutdown_background();
    daemon.signal("TERM");
    let (status, missing) = loop {
        let (status, missing) = readiness(&mut http).await;
        if status != 200 {
            break (status, missing);
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    };
    assert_eq!((status, missing), (503, vec!["draining".to_owned()]));
}

#[tokio::test]
async fn a_reload_takes_up_policy_tokens_and_nothing_of_a_bad_config() {
    let home = tempfile::tempdir().expect("a directory");
    let file = home.path().join("geofenced.toml");
    let write = |text: &str| std::fs::write(&file, text).expect("written");
    write("[policy]\nclock = \"fixes\"\n");
    let mut daemon =
        Daemon::start(&[("GEOFENCED_CONFIG", file.to_str().expect("UTF-8")), QUIET_RESERVE]);
    daemon.snapshot(support::SQUARE, CAMPAIGNS, date(2026, 1, 1)).await;
    assert_eq!(coarse_ping(&daemon, daemon.token(Scope::Ingest), 1).await, 200);

    let late = daemon.new_token("late", Scope::Ingest);
    write("[policy]\nclock = \"fixes\"\nmax_accuracy_m = 0\n[shard]\ntick_ms = 50\n");
    daemon.signal("HUP");
    daemon.log_says("policy.max_accuracy_m").await;
    daemon.log_says("nothing was taken up").await;
    assert_eq!(coarse_ping(&daemon, &late, 2).await, 401);
    assert_eq!(coarse_ping(&daemon, daemon.token(Scope::Ingest), 2).await, 200);

    write("[policy]\nclock = \"system\"\nmax_accuracy_m = 1000\n[shard]\ntick_ms = 50\n");
    daemon.signal("HUP");
    daemon.log_says(r#"taken_up=["policy.max_accuracy_m"]"#).await;
    daemon.log_says(r#"waiting=["policy.clock", "shard.tick_ms"]"#).await;
    // The policy is an input of its own, and comes no later than what is sent from now on.
    assert_eq!(coarse_ping(&daemon, &late, 3).await, 200);

    let records = daemon.read_queue("reload", 2).await;
    let jobs: Vec<_> =
        records.iter().filter(|record| record["type"] == "geofenced.push_job.v1").collect();
    assert_eq!(jobs.len(), 1, "{records:?}");
    assert_eq!(jobs[0]["data"]["device_id"], device(3));
    assert!(daemon.sigterm().success());
    daemon.replay_journal();
}

/// Test machines have small disks.
const QUIET_RESERVE: (&str, &str) = ("GEOFENCED__OUTBOX__DISK_RESERVE_BYTES", "0");

fn device(number: u32) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

/// Sends one ping at the centre of the square, coarser than the square is large, and gives the answer's status.
async fn coarse_ping(daemon: &Daemon, token: &str, number: u32) -> u16 {
    let body = serde_json::json!({ "app": 1, "pings": [{ "device": device(number), "lat": 37.5663,
        "lon": 126.978, "accuracy_m": 900, "platform": "android", "at": 1_768_219_200_000_i64 }] });
    let mut http =
        HttpClient::connect(&daemon.http.to_string(), Some(token)).await.expect("it connects");
    let answer = http.send(Method::POST, "/v1/pings", body.to_string().into()).await;
    answer.expect("it answers").status.as_u16()
}

/// The status of `/readyz` and the conditions that it misses.
async fn readiness(http: &mut HttpClient) -> (u16, Vec<String>) {
    let answer = http.get("/readyz").await.expect("HTTP is served to the end");
    let body: Value = serde_json::from_slice(&answer.body).expect("JSON");
    let missing = body["missing"].as_array().cloned().unwrap_or_default();
    let names = missing.iter().filter_map(|one| one["condition"].as_str().map(str::to_owned));
    (answer.status.as_u16(), names.collect())
}
