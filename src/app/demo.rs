//! `geofenced demo`: the whole way in one process, with nothing to install: an account of each membership, whose
//! marketers work through the API ([`accounts`](super::demo_accounts)), simulated devices over real QUIC, and the jobs as they fire.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use axum::http::Method;
use bytes::Bytes;
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::mpsc::Sender;

use crate::auth::book::Book;
use crate::auth::command::NewToken;
use crate::auth::grant::{Apps, Scope};
use crate::client::options::draw_instance;
use crate::client::{Client, ClientOptions, Credentials, Trust};
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::ids::{AccountId, AppId, FrameSeq, StreamNo};
use crate::domain::units::UtcMs;
use crate::sink::http_client::HttpClient;

use super::daemon::Daemon;
use super::demo_accounts::{MEMBERSHIPS, Marketer, make_accounts};
use super::passed::Passed;
use super::walkers::Walkers;

/// The queue's consumer that prints jobs.
const CONSUMER: &str = "/v1/queues/demo";

/// Run everything in one process: accounts, campaigns in Seoul, simulated devices, jobs as they fire
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  geofenced demo --seconds 30")]
pub struct DemoArgs {
    /// Devices to simulate
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    devices: u32,
    /// Stop after so many seconds; without it, at Ctrl-C
    #[arg(long)]
    seconds: Option<u64>,
    /// Keep the data here; without it, in a temporary folder that is removed at the end
    #[arg(long)]
    data_dir: Option<PathBuf>,
}

impl DemoArgs {
    /// Runs the demo.
    ///
    /// # Errors
    /// What kept the daemon or the devices from running.
    pub fn run(&self, out: &mut impl Write) -> anyhow::Result<()> {
        let temporary = std::env::temp_dir().join(format!("geofenced-demo-{}", std::process::id()));
        let data = self.data_dir.clone().unwrap_or_else(|| temporary.clone());
        let outcome = self.run_in(&data, out);
        if self.data_dir.is_none() {
            std::fs::remove_dir_all(&temporary).context("removing the temporary folder")?;
        }
        outcome
    }

    fn run_in(&self, data: &Path, out: &mut impl Write) -> anyhow::Result<()> {
        std::fs::create_dir_all(data)?;
        let tokens = make_tokens(data)?;
        let data_text = data.to_str().context("the folder's name is not UTF-8")?;
        let config = Config::load_from(
            None,
            &[
                ("GEOFENCED__DAEMON__DATA_DIR", data_text),
                ("GEOFENCED__INGEST__LISTEN", "127.0.0.1:0"),
                ("GEOFENCED__ADMIN__LISTEN", "127.0.0.1:0"),
            ],
        )?;
        let daemon = Daemon::start(&config, Passed::default())?;
        writeln!(out, "QUIC   {}   (pings, protocol geofenced/1)", daemon.quic)?;
        writeln!(out, "HTTP   http://{}   (/docs to try the API; /metrics, /readyz)", daemon.http)?;
        for (membership, token) in MEMBERSHIPS.iter().zip(&tokens) {
            writeln!(out, "token  {token}   ({membership})")?;
        }
        writeln!(out, "data   {}", data.display())?;
        writeln!(
            out,
            "\n{} devices walk and drive through Seoul; jobs as they fire:\n",
            self.devices
        )?;
        let limit = self.seconds.map_or(Duration::MAX, Duration::from_secs);
        let played = daemon.block_on(async {
            tokio::select! {
                moved = play(&daemon, &tokens, self.devices, out) => moved,
                _ = tokio::signal::ctrl_c() => Ok(()),
                () = tokio::time::sleep(limit) => Ok(()),
            }
        });
        daemon.shutdown.request("the demo is over");
        daemon.drain()?;
        played
    }
}

/// A token for each account, numbered as they will be made. The first is the operator's too.
fn make_tokens(data: &Path) -> anyhow::Result<Vec<String>> {
    let now = Clock::start(UtcMs::MIN).now();
    let at = Timestamp::from_millisecond(now.0).unwrap_or(Timestamp::UNIX_EPOCH);
    let tokens = Book::change(&data.join("tokens.json"), |book| {
        let token = |(account, membership): (u32, &&str)| {
            let name = format!("demo-{membership}-{}", now.0);
            let scopes = &[Scope::Ingest, Scope::Queue, Scope::Campaigns, Scope::Admin];
            let account = AccountId(account);
            let token = NewToken { name: &name, account, apps: Apps::All, scopes };
            token.add_to(book, at)
        };
        (1..).zip(&MEMBERSHIPS).map(token).collect::<Result<Vec<_>, _>>()
    })?;
    Ok(tokens.iter().map(|token| token.reveal()).collect())
}

/// Has marketers prepare their campaigns, where that was not done before, and plays.
async fn play(
    daemon: &Daemon,
    tokens: &[String],
    devices: u32,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let apps = prepare(daemon, tokens, devices).await?;
    let [lite, basic, premium] = tokens else { anyhow::bail!("a token for each membership") };
    let [first, second, third] = apps.as_slice() else { anyhow::bail!("an app for each account") };
    let (jobs, mut printed) = tokio::sync::mpsc::channel(1000);
    tokio::select! {
        moved = drive(daemon, lite, *first, devices) => moved,
        moved = drive(daemon, basic, *second, devices) => moved,
        moved = drive(daemon, premium, *third, devices) => moved,
        read = read_jobs(daemon, lite, jobs.clone()) => read,
        read = read_jobs(daemon, basic, jobs.clone()) => read,
        read = read_jobs(daemon, premium, jobs) => read,
        printed = async {
            while let Some(event) = printed.recv().await {
                print_job(&event, out)?;
            }
            Ok(())
        } => printed,
    }
}

/// The number of each account's app.
async fn prepare(daemon: &Daemon, tokens: &[String], devices: u32) -> anyhow::Result<Vec<AppId>> {
    let http = daemon.http.to_string();
    let operator = tokens.first().map(String::as_str);
    let mut operator = HttpClient::connect(&http, operator).await?;
    let accounts: Value = serde_json::from_slice(&operator.get("/v1/accounts").await?.success()?)?;
    let is_new = accounts["items"].as_array().is_none_or(Vec::is_empty);
    if is_new {
        make_accounts(&mut operator).await?;
    }
    let regulars: Vec<String> = Walkers::ids(devices).step_by(2).map(|id| id.to_string()).collect();
    let mut apps = Vec::new();
    for (membership, token) in MEMBERSHIPS.iter().zip(tokens) {
        let http = HttpClient::connect(&http, Some(token)).await?;
        // Of a data directory that was kept, the first app is the one.
        let app = match is_new {
            true => Marketer::new(http).prepare(membership, &regulars).await?,
            false => 1,
        };
        apps.push(AppId(app));
    }
    Ok(apps)
}

/// Sends the devices' pings over QUIC, a frame every half second.
async fn drive(daemon: &Daemon, token: &str, app: AppId, devices: u32) -> anyhow::Result<()> {
    let options = ClientOptions::new(
        daemon.quic,
        Trust::Roots(vec![daemon.certificate.clone()]),
        Credentials::Token(token.to_owned()),
        draw_instance()?,
    );
    let client = Client::connect(options).await?;
    let clock = Clock::start(UtcMs::MIN);
    let mut stream = client.open(StreamNo(1), FrameSeq(1), |_ack| {});
    let mut walkers = Walkers::new(devices);
    let mut beat = tokio::time::interval(Duration::from_millis(500));
    loop {
        beat.tick().await;
        let pings = walkers.pings_at(clock.now());
        for frame in pings.chunks(1000) {
            stream.pings(app, frame).await?;
        }
    }
}

/// Follows the queue of an account.
async fn read_jobs(daemon: &Daemon, token: &str, jobs: Sender<Value>) -> anyhow::Result<()> {
    let mut http = HttpClient::connect(&daemon.http.to_string(), Some(token)).await?;
    let wanted = Bytes::from_static(br#"{"kinds":["push_job"]}"#);
    http.send(Method::PUT, CONSUMER, wanted).await?.success()?;
    loop {
        let records =
            http.get(&format!("{CONSUMER}/records?limit=100&wait_s=10")).await?.success()?;
        let mut last = None;
        for line in records.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let event: Value = serde_json::from_slice(line)?;
            last = event["geofencedoffset"].as_str().map(str::to_owned);
            jobs.send(event).await?;
        }
        if let Some(offset) = last {
            let body = format!("{{\"offset\":{offset}}}");
            let path = format!("{CONSUMER}/ack");
            http.send(Method::POST, &path, Bytes::from(body)).await?.success()?;
        }
    }
}

fn print_job(event: &Value, out: &mut impl Write) -> anyhow::Result<()> {
    let data = &event["data"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    writeln!(
        out,
        "{}  {}  {} → {}  «{}» {}",
        text(&event["time"]),
        text(&data["device_id"]),
        text(&data["transition"]),
        text(&data["target"]["name"]),
        text(&data["message"]["title"]),
        text(&data["message"]["body"]),
    )?;
    Ok(())
}
