//! The daemon under test: started here, from this build and with files of its own, or found where it runs.
//!
//! Snapshots go into its store and are put in force over HTTP; its processor time and memory come from `/proc`.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use geofenced::auth::book::{Book, BookError};
use geofenced::auth::command::NewToken;
use geofenced::auth::grant::{Apps, Scope};
use geofenced::domain::ids::{AccountId, Epoch};
use geofenced::identity::{KeyError, Keyring};
use geofenced::sink::http_client::{HttpClient, HttpError};
use geofenced::snapshot::build::{BuildError, BuildOptions, build};
use geofenced::snapshot::load::{LoadError, Loaded};
use geofenced::snapshot::source::{
    CampaignFile, FenceSpec, FileNames, SourceErrors, TargetDirectory, compose,
};
use geofenced::snapshot::store::{Store, StoreError};
use geofenced::telemetry::process::{Usage, usage_of};
use hyper::Method;
use jiff::Timestamp;
use jiff::civil::Date;

/// A daemon and what is needed to talk to it.
pub(crate) struct Daemon {
    /// Where gateways connect.
    pub(crate) quic: SocketAddr,
    /// Where HTTP is.
    pub(crate) http: String,
    /// A token with every scope.
    pub(crate) token: String,
    /// Its files.
    pub(crate) data_dir: PathBuf,
    pid: Option<u32>,
    /// The process, where we started it.
    child: Option<Child>,
    /// What it was started with.
    line: Option<Line>,
    /// Removed at the end.
    _home: Option<tempfile::TempDir>,
}

/// How a daemon of ours is started.
struct Line {
    program: PathBuf,
    variables: Vec<(String, String)>,
}

/// What a restart had to go through, and how long that took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Restart {
    /// From the start of the process until it took pings, s.
    pub(crate) s: f64,
    /// What the journal's segments had, bytes.
    pub(crate) journal_bytes: u64,
    /// What the checkpoints had, bytes.
    pub(crate) checkpoint_bytes: u64,
}

/// Where a daemon runs that is to be used as it is.
#[derive(Debug, clap::Args)]
pub(crate) struct Found {
    /// Use the daemon with this QUIC address instead of starting one. It must run with policy.clock = "fixes" on
    /// this machine; the scenario's snapshot becomes its next one. Its journal is not replayed while it runs, and the
    /// figures say so
    #[arg(long, value_name = "ADDR", requires_all = ["http", "token", "data_dir"])]
    pub(crate) addr: Option<SocketAddr>,
    /// Its HTTP address
    #[arg(long, value_name = "ADDR", requires = "addr")]
    pub(crate) http: Option<String>,
    /// A token of it with the scopes ingest, queue and admin, for the account of the campaign file
    #[arg(long, env = "GEOFENCED_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
    /// Its data directory
    #[arg(long, value_name = "DIR", requires = "addr")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Its process id, for processor time and memory
    #[arg(long, requires = "addr")]
    pub(crate) pid: Option<u32>,
}

/// What can go wrong with a daemon.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DaemonError {
    #[error("the daemon's process: {0}")]
    Process(#[from] std::io::Error),
    #[error("the daemon did not start; its log:\n{log}")]
    NotStarted { log: String },
    #[error("the daemon ended with {status}; its log:\n{log}")]
    EndedBadly { status: String, log: String },
    #[error("its keys: {0}")]
    Keys(#[from] KeyError),
    #[error("its tokens: {0}")]
    Tokens(#[from] BookError),
    #[error("its snapshots: {0}")]
    Store(#[from] StoreError),
    #[error("the snapshot: {0}")]
    Build(#[from] BuildError),
    #[error("the snapshot that was just built: {0}")]
    Load(#[from] LoadError),
    #[error(transparent)]
    Source(#[from] SourceErrors),
    #[error(transparent)]
    Http(#[from] HttpError),
}

impl Daemon {
    /// Starts one on free ports. `program` is a `geofenced` binary; without it, this build serves.
    pub(crate) fn start(
        program: Option<&Path>,
        variables: &[(String, String)],
        account: AccountId,
        now: Timestamp,
    ) -> Result<Self, DaemonError> {
        let home = tempfile::tempdir()?;
        let data_dir = home.path().join("data");
        fs::create_dir(&data_dir)?;
        let scopes = &[Scope::Ingest, Scope::Queue, Scope::Admin];
        let wanted = NewToken { name: "loadtest", account, apps: Apps::All, scopes };
        let book = data_dir.join("tokens.json");
        let token = Book::change(&book, |book| wanted.add_to(book, now))?.reveal();
        let program = match program {
            Some(program) => program.to_owned(),
            None => std::env::current_exe()?,
        };
        let line = Line { program, variables: variables.to_vec() };
        let (child, quic, http) = line.start(&data_dir)?;
        let pid = Some(child.id());
        let (child, line) = (Some(child), Some(line));
        Ok(Self { quic, http, token, data_dir, pid, child, line, _home: Some(home) })
    }

    /// Kills it and starts it again on its files; `None` for one that is not ours.
    pub(crate) fn restart(
        &mut self,
        now: impl Fn() -> Duration,
    ) -> Result<Option<Restart>, DaemonError> {
        let (Some(mut child), Some(line)) = (self.child.take(), &self.line) else {
            return Ok(None);
        };
        child.kill()?;
        child.wait()?;
        let journal_bytes = bytes_in(&self.data_dir.join("log"))?;
        let checkpoint_bytes = bytes_in(&self.data_dir.join("checkpoints"))?;
        let started = now();
        let (child, quic, http) = line.start(&self.data_dir)?;
        let s = now().saturating_sub(started).as_secs_f64();
        (self.pid, self.child) = (Some(child.id()), Some(child));
        (self.quic, self.http) = (quic, http);
        Ok(Some(Restart { s, journal_bytes, checkpoint_bytes }))
    }

    /// Takes one that runs; `None` where none is named.
    pub(crate) fn find(found: Found) -> Option<Self> {
        let Found { addr, http, token, data_dir, pid } = found;
        let (quic, http, token, data_dir) = (addr?, http?, token?, data_dir?);
        Some(Self { quic, http, token, data_dir, pid, child: None, line: None, _home: None })
    }

    /// Its keys.
    pub(crate) fn keyring(&self) -> Result<Keyring, DaemonError> {
        Ok(Keyring::existing(&self.data_dir)?)
    }

    /// Builds the next snapshot, with schedules from `valid_from` on, and puts it in force.
    pub(crate) async fn publish(
        &self,
        names: FileNames<'_>,
        (fences, file): (Vec<FenceSpec>, CampaignFile),
        valid_from: Date,
    ) -> Result<Loaded, DaemonError> {
        let key = self.keyring()?.installation_key();
        let store = Store::open(&self.data_dir.join("snapshots"))?;
        let previous = store.latest()?.map(|epoch| store.load(epoch, None)).transpose()?;
        let previous = previous.as_ref().map(Loaded::view);
        let source = compose(names, fences, file, TargetDirectory::of(previous))?;
        let epoch = Epoch(previous.map_or(0, |view| view.epoch().0) + 1);
        let options = BuildOptions { epoch, valid_from, key: &key, previous };
        store.publish(&build(&source, options)?)?;
        let mut http = self.connect().await?;
        http.send(Method::POST, "/v1/snapshots/reload", Vec::new().into()).await?.success()?;
        Ok(store.load(epoch, None)?)
    }

    /// Builds the next snapshot after `previous` and writes it to the store; the daemon takes it up when asked to.
    pub(crate) fn write_after(
        &self,
        names: FileNames<'_>,
        (fences, file): (Vec<FenceSpec>, CampaignFile),
        valid_from: Date,
        previous: &Loaded,
    ) -> Result<Loaded, DaemonError> {
        let key = self.keyring()?.installation_key();
        let view = previous.view();
        let source = compose(names, fences, file, TargetDirectory::of(Some(view)))?;
        let epoch = Epoch(view.epoch().0 + 1);
        let options = BuildOptions { epoch, valid_from, key: &key, previous: Some(view) };
        let built = build(&source, options)?;
        Store::open(&self.data_dir.join("snapshots"))?.publish(&built)?;
        Ok(built.load_in_memory()?)
    }

    /// An HTTP connection.
    pub(crate) async fn connect(&self) -> Result<HttpClient, HttpError> {
        HttpClient::connect(&self.http, Some(&self.token)).await
    }

    /// What it has used so far; `None` where its process is not known.
    pub(crate) fn usage(&self) -> Option<Usage> {
        usage_of(&self.pid?.to_string())
    }

    /// Whether it is ours to end.
    pub(crate) fn is_ours(&self) -> bool {
        self.child.is_some()
    }

    /// Asks it to drain and waits; one that was found is left alone.
    pub(crate) fn stop(&mut self) -> Result<(), DaemonError> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        let pid = child.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status()?;
        let status = child.wait()?;
        if status.success() {
            return Ok(());
        }
        Err(DaemonError::EndedBadly { status: status.to_string(), log: log_of(&self.data_dir) })
    }
}

impl Line {
    /// The process on free ports, once it takes pings.
    fn start(&self, data_dir: &Path) -> Result<(Child, SocketAddr, String), DaemonError> {
        let mut child = Command::new(&self.program)
            .arg("serve")
            .env("GEOFENCED__DAEMON__DATA_DIR", data_dir)
            .env("GEOFENCED__INGEST__LISTEN", "127.0.0.1:0")
            .env("GEOFENCED__ADMIN__LISTEN", "127.0.0.1:0")
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdout(Stdio::piped())
            .stderr(
                fs::File::options().create(true).append(true).open(data_dir.join("stderr.log"))?,
            )
            .spawn()?;
        let said = child.stdout.take().map(BufReader::new);
        let mut lines = said.into_iter().flat_map(BufRead::lines).map_while(Result::ok);
        let Some((quic, http)) = lines.find_map(|line| ready(&line)) else {
            let _reaped = child.wait();
            return Err(DaemonError::NotStarted { log: log_of(data_dir) });
        };
        Ok((child, quic, http))
    }
}

/// The bytes of all files of a directory and those within; none where there is none.
fn bytes_in(dir: &Path) -> std::io::Result<u64> {
    if !dir.is_dir() {
        return Ok(0);
    }
    fs::read_dir(dir)?.try_fold(0, |sum, entry| {
        let entry = entry?;
        let data = entry.metadata()?;
        Ok(sum + if data.is_dir() { bytes_in(&entry.path())? } else { data.len() })
    })
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // It may have ended already.
            let _ended = child.kill();
            let _reaped = child.wait();
        }
    }
}

fn log_of(data_dir: &Path) -> String {
    fs::read_to_string(data_dir.join("stderr.log")).unwrap_or_default()
}

/// Reads `geofenced: quic ADDR http ADDR`.
fn ready(line: &str) -> Option<(SocketAddr, String)> {
    let (quic, http) = line.strip_prefix("geofenced: quic ")?.split_once(" http ")?;
    Some((quic.parse().ok()?, http.trim().to_owned()))
}
