//! The second implementation of the protocol, `docs/examples/geofenced_client.py`, was written from `docs/protocol.md`
//! alone. Here it talks to the real daemon: where the two disagree, the specification or one of them has a bug.
//!
//! `make test` installs its interpreter. Without one, named by `GEOFENCED_PYTHON` or at `target/venv/bin/python`, the
//! tests say so and pass.

mod support;

use std::collections::BTreeMap;
use std::fs::{File, read_to_string};
use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use geofenced::auth::grant::Scope;
use geofenced::clock::Clock;
use geofenced::domain::units::UtcMs;
use tempfile::TempDir;

const GEOFENCED: &str = env!("CARGO_BIN_EXE_geofenced");
const DEVICE: &str = "00112233-4455-6677-8899-aabbccddeeff";
const NIL_DEVICE: &str = "00000000-0000-0000-0000-000000000000";
/// For a start, and for a run of the client; generous, for slow machines.
const PATIENCE: Duration = Duration::from_secs(60);
const TICK: Duration = Duration::from_millis(20);

/// The interpreter with the example's requirements, if there is one here.
fn python() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = match std::env::var_os("GEOFENCED_PYTHON") {
        Some(named) => root.join(named),
        None => root.join("target/venv/bin/python"),
    };
    if python.exists() {
        return Some(python);
    }
    eprintln!("skipped: there is no {}; run `make python`", python.display());
    None
}

fn client(python: &Path) -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new(python);
    // Nothing is written beside the sources.
    command.arg("-B").arg(root.join("docs/examples/geofenced_client.py"));
    command
}

/// Runs a command to its end; one that hangs is killed and fails the test.
fn run(command: &mut Command) -> Output {
    let piped = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().expect("the command starts");
    let stdout = drain(child.stdout.take().expect("a pipe"));
    let stderr = drain(child.stderr.take().expect("a pipe"));
    let mut left = PATIENCE;
    while child.try_wait().expect("a child can be waited for").is_none() && !left.is_zero() {
        thread::sleep(TICK);
        left = left.saturating_sub(TICK);
    }
    if left.is_zero() {
        child.kill().expect("a child can be killed");
    }
    let status = child.wait().expect("a child can be waited for");
    let text = |pipe: thread::JoinHandle<Vec<u8>>| pipe.join().expect("the reader ends");
    Output { status, stdout: text(stdout), stderr: text(stderr) }
}

fn drain(mut pipe: impl Read + Send + 'static) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut all = Vec::new();
        pipe.read_to_end(&mut all).expect("a pipe can be read");
        all
    })
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn succeeded(output: &Output) -> String {
    let (said, wrong) = (stdout(output), stderr(output));
    assert!(output.status.success(), "{}\n{said}\n{wrong}", output.status);
    said
}

/// A daemon in a directory of its own, with one token and no snapshot.
struct Daemon {
    child: Child,
    quic: String,
    token: String,
    dir: TempDir,
}

impl Daemon {
    fn start() -> Self {
        let dir = TempDir::new().expect("a temporary directory");
        let token = token(dir.path());
        let log = File::create(dir.path().join("stderr")).expect("a file for the log");
        let mut child = Command::new(GEOFENCED)
            .arg("serve")
            .env("GEOFENCED__DAEMON__DATA_DIR", dir.path())
            .env("GEOFENCED__INGEST__LISTEN", "127.0.0.1:0")
            .env("GEOFENCED__ADMIN__LISTEN", "127.0.0.1:0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the daemon starts");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let mut daemon = Self { child, quic: String::new(), token, dir };
        daemon.quic = daemon.address(lines);
        daemon
    }

    /// Of `geofenced: quic ADDR http ADDR`, the daemon's first line.
    fn address(
        &self,
        mut lines: impl Iterator<Item = std::io::Result<String>> + Send + 'static,
    ) -> String {
        let (tell, told) = mpsc::sync_channel(1);
        thread::spawn(move || tell.send(lines.next()));
        let line = told.recv_timeout(PATIENCE).ok().flatten().and_then(Result::ok);
        let words: Vec<_> = line.iter().flat_map(|line| line.split(' ')).collect();
        let address = words.iter().position(|word| *word == "quic").and_then(|i| words.get(i + 1));
        let log = || read_to_string(self.dir.path().join("stderr")).unwrap_or_default();
        assert!(address.is_some(), "the daemon named no address: {line:?}\n{}", log());
        address.map(ToString::to_string).unwrap_or_default()
    }

    /// The client's command line for pings at one place.
    fn pings(&self, python: &Path, token: &str, devices: &[&str]) -> Command {
        let mut command = client(python);
        command.args(["--addr", &self.quic, "--token", token]);
        command.arg("--ca").arg(self.dir.path().join("tls/cert.pem"));
        command.args(["--app", "1", "--lat", "37.5", "--lon", "127.0"]);
        command.args(devices.iter().flat_map(|device| ["--device", device]));
        command
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended by itself, which the test has noticed by then.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

fn token(dir: &Path) -> String {
    let mut command = Command::new(GEOFENCED);
    command.arg("token").arg("--file").arg(dir.join("tokens.json"));
    command.args(["create", "--name", "t", "--account", "1", "--app", "1", "--scope", "ingest"]);
    succeeded(&run(&mut command)).trim().to_owned()
}

/// What the printed acks say together: the last sequence, and records by reason.
fn acks(said: &str) -> (u64, BTreeMap<String, u64>) {
    let mut last = 0;
    let mut refused = BTreeMap::new();
    for line in said.lines().filter(|line| line.starts_with("ack stream=1 ")) {
        let fields = line.split(' ').filter_map(|word| word.split_once('='));
        for (name, value) in fields.map(|(name, value)| (name, value.parse::<u64>())) {
            let value = value.expect("a number");
            match name {
                "stream" => {}
                "sequence" => {
                    assert!(value > last, "acks ascend:\n{said}");
                    last = value;
                }
                reason => *refused.entry(reason.to_owned()).or_default() += value,
            }
        }
    }
    (last, refused)
}

#[test]
fn the_client_agrees_with_the_specification() {
    let Some(python) = python() else { return };
    let said = succeeded(&run(client(&python).arg("--self-test")));
    assert!(said.starts_with("self-test ok: "), "{said}");
}

#[test]
fn pings_are_acknowledged_and_refusals_counted() {
    let Some(python) = python() else { return };
    let daemon = Daemon::start();
    let mut command = daemon.pings(&python, &daemon.token, &[DEVICE, NIL_DEVICE]);
    let said = succeeded(&run(command.args(["--count", "3"])));
    let (last, refused) = acks(&said);
    assert_eq!(last, 3, "the acks cover every frame:\n{said}");
    // Section 8.1: without a snapshot nothing can be decided, so good records are `unavailable`.
    let expected = [("nil_device", 3), ("unavailable", 3)];
    assert_eq!(refused, expected.map(|(reason, count)| (reason.to_owned(), count)).into());
    assert!(said.ends_with("sent 6 pings: 0 evaluated, 6 refused\n"), "{said}");
}

#[test]
fn an_app_of_somebody_else_is_refused_and_the_connection_goes_on() {
    let Some(python) = python() else { return };
    let daemon = Daemon::start();
    let mut command = daemon.pings(&python, &daemon.token, &[DEVICE]);
    let said = succeeded(&run(command.args(["--app", "2", "--count", "2"])));
    let (last, refused) = acks(&said);
    assert_eq!((last, refused.get("app_not_allowed")), (2, Some(&2)), "{said}");
}

#[test]
fn frames_without_an_ack_are_sent_again() {
    let Some(python) = python() else { return };
    let daemon = Daemon::start();
    let mut command = daemon.pings(&python, &daemon.token, &[DEVICE]);
    let output = run(command.args(["--count", "3", "--drop"]));
    let said = succeeded(&output);
    assert!(stderr(&output).contains("dropped on purpose"), "{}", stderr(&output));
    let (last, refused) = acks(&said);
    assert_eq!(last, 3, "the acks of the second connection cover every frame:\n{said}");
    // How many frames had arrived before the loss is chance; each counts once in what the client got to know.
    assert_eq!(refused.values().sum::<u64>(), 3, "{said}");
    assert!(refused.keys().all(|reason| ["resent", "unavailable"].contains(&reason.as_str())));
}

#[test]
fn an_unknown_token_ends_the_client() {
    let Some(python) = python() else { return };
    let daemon = Daemon::start();
    let unknown = format!("gf_{}", "A".repeat(43));
    let output = run(&mut daemon.pings(&python, &unknown, &[DEVICE]));
    assert_eq!(output.status.code(), Some(1), "{}", stdout(&output));
    let wrong = stderr(&output);
    assert!(wrong.contains("unauthenticated (0x12)") && wrong.contains("[give up]"), "{wrong}");
}

const CAMPAIGNS: &[u8] = br#"{"accounts": [{"id": 1, "name": "Test", "time_zone": "Asia/Seoul",
      "apps": [{"id": 1, "package": "com.example.app", "platform": "android"}]}],
    "campaigns": [{"id": 1, "name": "Welcome", "mode": "running", "targets": ["square"],
      "trigger": {"on": "enter"}, "start": "2026-01-01", "end": "2099-12-31",
      "windows": [{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "start": "00:00", "end": "24:00"}],
      "frequency": "once_per_period", "messages": [{"title": "Hello", "body": "Welcome to ${geofence}"}]}]}"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pings_are_decided_once_however_often_they_are_sent() {
    let Some(python) = python() else { return };
    let overrides = [("GEOFENCED__OUTBOX__DISK_RESERVE_BYTES", "0")];
    let daemon = support::Daemon::start(&overrides);
    let now = Clock::start(UtcMs::MIN).now();
    let now = jiff::Timestamp::from_millisecond(now.0).expect("within the years of jiff");
    let today = jiff::tz::TimeZone::UTC.to_datetime(now).date();
    daemon.snapshot(support::SQUARE, CAMPAIGNS, today).await;
    let mut command = client(&python);
    command.arg("--addr").arg(daemon.quic.to_string());
    command.arg("--token").arg(daemon.token(Scope::Ingest));
    command.arg("--ca").arg(daemon.data_dir.join("tls/cert.pem"));
    command.args(["--app", "1", "--lat", "37.5663", "--lon", "126.978", "--device", DEVICE]);
    command.args(["--count", "3", "--instance", "a0a1a2a3-a4a5-a6a7-a8a9-aaabacadaeaf"]);
    let said = succeeded(&run(&mut command));
    assert!(said.ends_with("sent 3 pings: 3 evaluated, 0 refused\n"), "{said}");
    let (last, refused) = acks(&succeeded(&run(&mut command)));
    assert_eq!((last, refused), (3, [("resent".to_owned(), 3)].into()));
    let records = daemon.read_queue("python", 1).await;
    let jobs: Vec<_> =
        records.iter().filter(|record| record["type"] == "geofenced.push_job.v1").collect();
    assert_eq!(jobs.len(), 1, "{records:#?}");
    assert_eq!(jobs[0]["data"]["device_id"], DEVICE);
}
