//! `geofenced demo`: the whole way in one process, with nothing to install: a demo account, fences in Seoul,
//! simulated devices over real QUIC, and the jobs as they fire.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use axum::http::Method;
use bytes::Bytes;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::auth::book::Book;
use crate::auth::command::NewToken;
use crate::auth::grant::{Apps, Scope};
use crate::client::options::draw_instance;
use crate::client::{Client, ClientOptions, Credentials, Trust};
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::ids::{AccountId, AppId, Epoch, FrameSeq, StreamNo};
use crate::domain::units::UtcMs;
use crate::identity::Keyring;
use crate::sink::http_client::HttpClient;
use crate::snapshot::build::{BuildOptions, build};
use crate::snapshot::source::{FileNames, TargetDirectory, compose, parse_campaigns, parse_fences};
use crate::snapshot::store::Store;

use super::daemon::Daemon;
use super::passed::Passed;
use super::walkers::Walkers;

const FENCES: &[u8] = include_bytes!("../../configs/demo/fences.geojson");
const CAMPAIGNS: &[u8] = include_bytes!("../../configs/demo/campaigns.json");

/// The demo's account and app, as its campaign file numbers them.
const ACCOUNT: AccountId = AccountId(1);
const APP: AppId = AppId(1);

/// The queue's consumer that prints jobs.
const CONSUMER: &str = "/v1/queues/demo";

/// Run everything in one process: a demo account, fences in Seoul, simulated devices, jobs as they fire
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
        let token = prepare(data)?;
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
        writeln!(
            out,
            "HTTP   http://{}   (/healthz /readyz /metrics /v1/pings /v1/queues)",
            daemon.http
        )?;
        writeln!(out, "token  {token}")?;
        writeln!(out, "data   {}", data.display())?;
        writeln!(
            out,
            "\n{} devices walk and drive through Seoul; jobs as they fire:\n",
            self.devices
        )?;
        let limit = self.seconds.map_or(Duration::MAX, Duration::from_secs);
        let played = daemon.block_on(async {
            tokio::select! {
                moved = drive(&daemon, &token, self.devices) => moved,
                printed = print_jobs(&daemon, &token, out) => printed,
                _ = tokio::signal::ctrl_c() => Ok(()),
                () = tokio::time::sleep(limit) => Ok(()),
            }
        });
        daemon.shutdown.request("the demo is over");
        daemon.drain()?;
        played
    }
}

/// Makes keys, a token and a snapshot where there are none yet.
fn prepare(data: &Path) -> anyhow::Result<String> {
    let now = Clock::start(UtcMs::MIN).now();
    let keyring = Keyring::open(data)?;
    let store = Store::open(&data.join("snapshots"))?;
    if store.latest()?.is_none() {
        publish(&store, &keyring, now)?;
    }
    let token = Book::change(&data.join("tokens.json"), |book| {
        let name = format!("demo-{}", now.0);
        let scopes = &[Scope::Ingest, Scope::Queue, Scope::Admin];
        let token = NewToken { name: &name, account: ACCOUNT, apps: Apps::All, scopes };
        let at = Timestamp::from_millisecond(now.0).unwrap_or(Timestamp::UNIX_EPOCH);
        token.add_to(book, at)
    })?;
    Ok(token.reveal())
}

fn publish(store: &Store, keyring: &Keyring, now: UtcMs) -> anyhow::Result<()> {
    let names = FileNames { fences: "the demo's fences", campaigns: "the demo's campaigns" };
    let file = parse_campaigns(names.campaigns, CAMPAIGNS)?;
    let fences = parse_fences(names.fences, FENCES, file.sole_account())?;
    let source = compose(names, fences, file, TargetDirectory::of(None))?;
    let valid_from = TimeZone::UTC.to_datetime(Timestamp::from_millisecond(now.0)?).date();
    let key = keyring.installation_key();
    let options = BuildOptions {
        epoch: Epoch(1),
        valid_from: valid_from.yesterday()?,
        key: &key,
        previous: None,
    };
    store.publish(&build(&source, options)?)?;
    Ok(())
}

/// Sends the devices' pings over QUIC, a frame every half second.
async fn drive(daemon: &Daemon, token: &str, devices: u32) -> anyhow::Result<()> {
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
            stream.pings(APP, frame).await?;
        }
    }
}

/// Follows the queue and prints each job.
async fn print_jobs(daemon: &Daemon, token: &str, out: &mut impl Write) -> anyhow::Result<()> {
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
            print_job(&event, out)?;
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
