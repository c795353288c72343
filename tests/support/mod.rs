//! A real daemon for a test: the binary of this build on ports that the system chooses, its files in a
//! directory that goes with the test.
//!
//! Tokens of every scope are made before it starts. It can be killed, asked to end and started again on the
//! same addresses and files, so that a client finds it again.
#![allow(dead_code, reason = "each test binary uses its own part of it")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends at the first surprise")]

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use geofenced::auth::book::Book;
use geofenced::auth::command::NewToken;
use geofenced::auth::grant::{Apps, Scope};
use geofenced::client::options::draw_instance;
use geofenced::client::{Client, ClientOptions, Credentials, Trust};
use geofenced::domain::ids::{AccountId, Epoch};
use geofenced::identity::Keyring;
use geofenced::sink::http_client::HttpClient;
use geofenced::snapshot::build::{BuildOptions, Source, build};
use geofenced::snapshot::load::Loaded;
use geofenced::snapshot::source::{
    FileNames, TargetDirectory, compose, parse_campaigns, parse_fences,
};
use geofenced::snapshot::store::Store;
use hyper::Method;
use jiff::civil::Date;
use serde_json::Value;

/// The account of every token.
pub(crate) const ACCOUNT: AccountId = AccountId(1);

/// One fence, `square`: 300 m around Seoul's city hall.
pub(crate) const SQUARE: &[u8] = br#"{"type": "FeatureCollection", "features": [
    {"type": "Feature", "id": "square", "properties": {"name": "Square", "radius_m": 300},
     "geometry": {"type": "Point", "coordinates": [126.978, 37.5663]}}]}"#;

/// The binary under test.
const PROGRAM: &str = env!("CARGO_BIN_EXE_geofenced");

/// A page of the queue.
const PAGE_RECORDS: usize = 1000;

/// A daemon that runs, or has run and may again.
pub(crate) struct Daemon {
    /// Where gateways connect.
    pub(crate) quic: SocketAddr,
    /// Where HTTP is.
    pub(crate) http: SocketAddr,
    /// Its files.
    pub(crate) data_dir: PathBuf,
    /// The process.
    pub(crate) child: Child,
    tokens: Vec<(Scope, String)>,
    overrides: Vec<(String, String)>,
    launch: Launch,
    /// Removed when the daemon is dropped.
    _home: tempfile::TempDir,
}

/// What begins the daemon's process: given the file of its log, the command that becomes `geofenced serve`.
pub(crate) type Launch = Box<dyn Fn(&Path) -> Command + Send + Sync>;

/// The program itself, its errors into the log.
fn plainly(log: &Path) -> Command {
    let log = File::options().create(true).append(true).open(log).unwrap();
    let mut command = Command::new(PROGRAM);
    command.arg("serve").stderr(log);
    command
}

impl Daemon {
    /// Starts one. `overrides` are variables such as `("GEOFENCED__POLICY__CLOCK", "fixes")`.
    pub(crate) fn start(overrides: &[(&str, &str)]) -> Self {
        Self::start_by(Box::new(plainly), overrides)
            .unwrap_or_else(|log| panic!("the daemon did not start:\n{log}"))
    }

    /// Starts one in another way; gives its log if it ends before it serves.
    pub(crate) fn start_by(launch: Launch, overrides: &[(&str, &str)]) -> Result<Self, String> {
        let home = tempfile::tempdir().unwrap();
        let data_dir = home.path().join("data");
        std::fs::create_dir(&data_dir).unwrap();
        let tokens = [Scope::Ingest, Scope::Queue, Scope::Campaigns, Scope::Admin]
            .map(|scope| (scope, make_token(&data_dir, &scope.to_string(), scope)))
            .into();
        let overrides: Vec<(String, String)> =
            overrides.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let (child, quic, http) = try_spawn(&launch, &data_dir, &overrides, [any; 2])?;
        Ok(Self { quic, http, data_dir, child, tokens, overrides, launch, _home: home })
    }

    /// Ends it without a warning, as a crash would.
    pub(crate) fn kill9(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to drain, and waits until it has.
    pub(crate) fn sigterm(&mut self) -> ExitStatus {
        self.signal("TERM");
        self.child.wait().unwrap()
    }

    /// Sends it a signal, by its name without `SIG`.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap();
        assert!(sent.success());
    }

    /// Starts it again, after [`kill9`](Self::kill9) or [`sigterm`](Self::sigterm), where it was.
    pub(crate) fn restart(&mut self) {
        self.try_restart().unwrap_or_else(|log| panic!("the daemon did not start:\n{log}"));
    }

    /// The same, where it may refuse; gives its log then.
    pub(crate) fn try_restart(&mut self) -> Result<(), String> {
        let there = [self.quic, self.http];
        let started = try_spawn(&self.launch, &self.data_dir, &self.overrides, there)?;
        (self.child, self.quic, self.http) = started;
        Ok(())
    }

    /// What it has logged over all its starts.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.data_dir.join("stderr.log")).unwrap_or_default()
    }

    /// One scrape.
    pub(crate) async fn metrics(&self) -> String {
        let mut http = self.http_client(Scope::Admin).await;
        let page = http.get("/metrics").await.unwrap().success().unwrap();
        String::from_utf8(page.to_vec()).unwrap()
    }

    /// Its token for a scope.
    pub(crate) fn token(&self, scope: Scope) -> &str {
        let (_, token) = self.tokens.iter().find(|(one, _)| *one == scope).unwrap();
        token
    }

    /// Makes another token; the daemon knows it from its next reload on.
    pub(crate) fn new_token(&self, name: &str, scope: Scope) -> String {
        make_token(&self.data_dir, name, scope)
    }

    /// Makes a token of another account; the daemon knows it from its next reload on.
    pub(crate) fn new_token_of(&self, account: AccountId, name: &str, scope: Scope) -> String {
        make_token_of(&self.data_dir, account, name, scope)
    }

    /// The most memory it has had resident so far, bytes.
    pub(crate) fn peak_memory_bytes(&self) -> u64 {
        let status = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(status).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        peak.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }

    /// Has [`peak_memory_bytes`](Self::peak_memory_bytes) begin anew, and gives it as of now.
    pub(crate) fn forget_peak_memory(&self) -> u64 {
        std::fs::write(format!("/proc/{}/clear_refs", self.child.id()), "5").unwrap();
        self.peak_memory_bytes()
    }

    /// Waits until the daemon's log says something.
    pub(crate) async fn log_says(&self, words: &str) {
        let log = self.data_dir.join("stderr.log");
        let says = async {
            while !std::fs::read_to_string(&log).unwrap_or_default().contains(words) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, says)
            .await
            .unwrap_or_else(|_| panic!("{words}: never said"));
    }

    /// Its keys: lots drawn and job ids made with them are the daemon's own.
    pub(crate) fn keyring(&self) -> Keyring {
        Keyring::open(&self.data_dir).unwrap()
    }

    /// Builds the next snapshot, with schedules from `valid_from` on, and puts it in force. Returns it as the
    /// daemon loads it.
    pub(crate) async fn snapshot(
        &self,
        fences: &[u8],
        campaigns: &[u8],
        valid_from: Date,
    ) -> Loaded {
        let store = Store::open(&self.data_dir.join("snapshots")).unwrap();
        let previous = store.latest().unwrap().map(|epoch| store.load(epoch, None).unwrap());
        let previous = previous.as_ref().map(Loaded::view);
        let source = source(fences, campaigns, TargetDirectory::of(previous));
        let epoch = Epoch(previous.map_or(0, |view| view.epoch().0) + 1);
        let key = self.keyring().installation_key();
        let options = BuildOptions { epoch, valid_from, key: &key, previous };
        store.publish(&build(&source, options).unwrap()).unwrap();
        let mut http = self.http_client(Scope::Admin).await;
        let path = "/v1/snapshots/reload";
        http.send(Method::POST, path, Vec::new().into()).await.unwrap().success().unwrap();
        store.load(epoch, None).unwrap()
    }

    /// A client of its own, authenticated.
    pub(crate) async fn client(&self) -> Client {
        let token = Credentials::Token(self.token(Scope::Ingest).to_owned());
        let instance = draw_instance().unwrap();
        let options = ClientOptions::new(self.quic, Trust::Anybody, token, instance);
        Client::connect(options).await.unwrap()
    }

    /// An HTTP connection with the token of a scope.
    pub(crate) async fn http_client(&self, scope: Scope) -> HttpClient {
        HttpClient::connect(&self.http.to_string(), Some(self.token(scope))).await.unwrap()
    }

    /// Reads a consumer's records until `enough` of them are there and no more come for two seconds, or none
    /// come for twenty. The consumer begins at the earliest record; what is read is acknowledged, so the next
    /// call gives what comes after.
    pub(crate) async fn read_queue(&self, name: &str, enough: usize) -> Vec<Value> {
        let mut consumer = self.consumer(name).await;
        let mut records = Vec::new();
        loop {
            let wait_s = if records.len() < enough { 20 } else { 2 };
            let page = consumer.page(wait_s).await;
            let Some(last) = page.last() else { return records };
            consumer.ack(last).await;
            records.extend(page);
        }
    }

    /// A consumer that begins at the earliest record.
    pub(crate) async fn consumer(&self, name: &str) -> Consumer {
        let mut http = self.http_client(Scope::Queue).await;
        let queue = format!("/v1/queues/{name}");
        let ask = r#"{"from": "earliest"}"#;
        http.send(Method::PUT, &queue, ask.into()).await.unwrap().success().unwrap();
        Consumer { http, queue }
    }

    /// Takes the journal of the ended daemon through the engine again, which must give its outbox byte for
    /// byte. Returns the figures of the comparison.
    pub(crate) fn replay_journal(&self) -> Value {
        let output = Command::new(PROGRAM)
            .args(["replay", "--journal"])
            .arg(&self.data_dir)
            .output()
            .unwrap();
        let (said, complaints) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{said}{complaints}");
        serde_json::from_str(said.lines().last().unwrap()).unwrap()
    }
}

/// Reads a queue of records.
pub(crate) struct Consumer {
    http: HttpClient,
    queue: String,
}

impl Consumer {
    /// Records that are not acknowledged yet, once there are any or so many seconds are over.
    pub(crate) async fn page(&mut self, wait_s: u32) -> Vec<Value> {
        let path = format!("{}/records?limit={PAGE_RECORDS}&wait_s={wait_s}", self.queue);
        let lines = self.http.get(&path).await.unwrap().success().unwrap();
        let lines = lines.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
    }

    /// Acknowledges all up to a record.
    pub(crate) async fn ack(&mut self, last: &Value) {
        let offset = last["geofencedoffset"].as_str().unwrap();
        let (path, ack) = (format!("{}/ack", self.queue), format!("{{\"offset\": {offset}}}"));
        self.http.send(Method::POST, &path, ack.into()).await.unwrap().success().unwrap();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
        if std::thread::panicking() {
            eprintln!("the daemon's log:\n{}", self.log());
        }
    }
}

/// Specs from a GeoJSON text and a campaign file.
pub(crate) fn source(fences: &[u8], campaigns: &[u8], directory: TargetDirectory<'_>) -> Source {
    let names = FileNames { fences: "fences", campaigns: "campaigns" };
    let file = parse_campaigns(names.campaigns, campaigns).unwrap();
    let fences = parse_fences(names.fences, fences, file.sole_account()).unwrap();
    compose(names, fences, file, directory).unwrap()
}

fn make_token(data_dir: &Path, name: &str, scope: Scope) -> String {
    make_token_of(data_dir, ACCOUNT, name, scope)
}

fn make_token_of(data_dir: &Path, account: AccountId, name: &str, scope: Scope) -> String {
    let wanted = NewToken { name, account, apps: Apps::All, scopes: &[scope] };
    let book = data_dir.join("tokens.json");
    let made = Book::change(&book, |book| wanted.add_to(book, jiff::Timestamp::UNIX_EPOCH));
    made.unwrap().reveal()
}

/// The sum of a metric over its labels.
pub(crate) fn metric_of(page: &str, name: &str) -> u64 {
    let lines = page.lines().filter_map(|line| line.strip_prefix(name));
    let values = lines.filter(|rest| rest.starts_with(['{', ' ']));
    values.map(|rest| rest.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}

/// Starts the process and waits until it says where it serves; gives its log if it ends before.
fn try_spawn(
    launch: &Launch,
    data_dir: &Path,
    overrides: &[(String, String)],
    [quic, http]: [SocketAddr; 2],
) -> Result<(Child, SocketAddr, SocketAddr), String> {
    let log = data_dir.join("stderr.log");
    let mut child = launch(&log)
        .env("GEOFENCED__DAEMON__DATA_DIR", data_dir)
        .env("GEOFENCED__INGEST__LISTEN", quic.to_string())
        .env("GEOFENCED__ADMIN__LISTEN", http.to_string())
        .env("GEOFENCED__JOURNAL__KEEP_RECORDING_BYTES", (1u64 << 40).to_string())
        .envs(overrides.iter().map(|(key, value)| (key, value)))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let Some((quic, http)) = lines.by_ref().map_while(Result::ok).find_map(|line| ready(&line))
    else {
        let _reaped = child.wait();
        return Err(std::fs::read_to_string(log).unwrap_or_default());
    };
    // Whatever else it prints must find a reader.
    std::thread::spawn(move || lines.for_each(drop));
    Ok((child, quic, http))
}

/// Reads `geofenced: quic ADDR http ADDR`.
fn ready(line: &str) -> Option<(SocketAddr, SocketAddr)> {
    let (quic, http) = line.strip_prefix("geofenced: quic ")?.split_once(" http ")?;
    Some((quic.parse().ok()?, http.trim().parse().ok()?))
}

/// How long a test that talks to a daemon may take before it has hung.
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);
