//! An account as its own system sees it: HTTP with its tokens, pings over QUIC, jobs from its queue.

use std::time::Duration;

use geofenced::auth::grant::Scope;
use geofenced::client::options::draw_instance;
use geofenced::client::{Client, ClientOptions, Credentials, Trust};
use geofenced::domain::ids::{AccountId, AppId, DeviceId, FrameSeq, StreamNo};
use geofenced::domain::ping::{Ping, PingFlags};
use geofenced::domain::units::UtcMs;
use geofenced::sink::http_client::{Answer, HttpClient};
use geofenced::sink::tail::offset_of;
use hyper::Method;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::support::Daemon;

/// An account and its tokens.
pub(crate) struct Customer {
    pub(crate) http: String,
    pub(crate) quic: std::net::SocketAddr,
    pub(crate) campaigns: String,
    pub(crate) ingest: String,
    pub(crate) queue: String,
}

/// A request that was done.
pub(crate) struct Done {
    pub(crate) status: u16,
    pub(crate) body: Value,
    pub(crate) epoch: Option<u64>,
}

impl Customer {
    /// Makes an account of a membership, and tokens for it.
    pub(crate) async fn new(daemon: &Daemon, membership: &str) -> Self {
        let account = json!({"name": format!("{membership} account"), "membership": membership,
            "time_zone": "Etc/GMT+12"});
        let mut operator = daemon.http_client(Scope::Admin).await;
        let body = account.to_string().into();
        let made = operator.send(Method::POST, "/v1/accounts", body).await.unwrap();
        let made: Value = serde_json::from_slice(&made.success().unwrap()).unwrap();
        let account = AccountId(u32::try_from(made["id"].as_u64().unwrap()).unwrap());
        let token =
            |scope: Scope| daemon.new_token_of(account, &format!("{membership} {scope}"), scope);
        let (campaigns, ingest, queue) =
            (token(Scope::Campaigns), token(Scope::Ingest), token(Scope::Queue));
        daemon.signal("HUP");
        let http = daemon.http.to_string();
        let customer = Self { http, quic: daemon.quic, campaigns, ingest, queue };
        // Until the daemon has read the book again.
        while customer.get("/v1/account").await.status == 401 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        customer
    }

    /// Goes on with a daemon that was started again.
    pub(crate) fn follow(&mut self, daemon: &Daemon) {
        (self.http, self.quic) = (daemon.http.to_string(), daemon.quic);
    }

    /// Sends records by HTTP, and gives what became of them.
    pub(crate) async fn ingest(&self, path: &str, body: &Value) -> Value {
        let mut http = HttpClient::connect(&self.http, Some(&self.ingest)).await.unwrap();
        let answer = http.send(Method::POST, path, body.to_string().into()).await.unwrap();
        serde_json::from_slice(&answer.success().unwrap()).unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Done {
        self.ask(Method::GET, path, &[], Vec::new()).await
    }

    /// Makes something, and gives its number.
    pub(crate) async fn make(&self, path: &str, body: &Value) -> u64 {
        let done = self.post(path, body).await;
        assert_eq!(done.status, 201, "{path}: {}", done.body);
        done.body["id"].as_u64().unwrap()
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Done {
        self.ask(Method::POST, path, &[], body.to_string().into()).await
    }

    /// Reads a document, changes it, and puts it back under its revision.
    pub(crate) async fn edit(&self, path: &str, change: impl FnOnce(&mut Value)) -> Done {
        let read = self.get(path).await;
        assert_eq!(read.status, 200, "{path}: {}", read.body);
        let mut document = read.body;
        let tag = format!("\"{}\"", document["revision"]);
        change(&mut document);
        let body = document.to_string().into();
        self.ask(Method::PUT, path, &[("if-match", &tag)], body).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Done {
        self.ask(Method::DELETE, path, &[("if-match", "*")], Vec::new()).await
    }

    /// Sets a campaign's state.
    pub(crate) async fn set(&self, campaign: u64, state: &str) -> Done {
        let path = format!("/v1/campaigns/{campaign}/state");
        let body = json!({"state": state}).to_string().into();
        self.ask(Method::PUT, &path, &[], body).await
    }

    /// Sets a campaign's state, and waits until that is in force.
    pub(crate) async fn set_in_force(&self, campaign: u64, state: &str) {
        let done = self.set(campaign, state).await;
        assert_eq!(done.status, 200, "{}", done.body);
        let epoch = done.epoch.unwrap();
        let path = format!("/v1/campaigns/{campaign}?wait_epoch={epoch}");
        let there = self.get(&path).await;
        assert_eq!((there.status, there.body["state"].as_str()), (200, Some(state)));
    }

    /// Sends a file and waits until it has come to something.
    pub(crate) async fn upload(&self, query: &str, file: Vec<u8>) -> Value {
        let sent = self.ask(Method::POST, &format!("/v1/imports?{query}"), &[], file).await;
        assert_eq!(sent.status, 202, "{}", sent.body);
        self.concluded(sent.body["id"].as_u64().unwrap()).await
    }

    pub(crate) async fn concluded(&self, import: u64) -> Value {
        loop {
            let import = self.get(&format!("/v1/imports/{import}")).await.body;
            if import["state"] != "checking" {
                return import;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Done {
        let answer = self.raw(method, path, headers, body).await;
        let epoch = answer.headers.get("geofenced-epoch");
        let epoch = epoch.map(|epoch| epoch.to_str().unwrap().parse().unwrap());
        let body = serde_json::from_slice(&answer.body).unwrap_or_default();
        Done { status: answer.status.as_u16(), body, epoch }
    }

    pub(crate) async fn raw(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Answer {
        let mut http = HttpClient::connect(&self.http, Some(&self.campaigns)).await.unwrap();
        http.send_with(method, path, headers, body.into()).await.unwrap()
    }

    /// Sends one ping of each device at a place, and waits until they are safe and evaluated.
    pub(crate) async fn ping(&self, app: u64, devices: &[DeviceId], at: (f64, f64)) {
        self.ping_of(now_ms(), app, devices, at).await;
    }

    /// The same, of an instant.
    pub(crate) async fn ping_of(
        &self,
        fixed_at: i64,
        app: u64,
        devices: &[DeviceId],
        (lat, lon): (f64, f64),
    ) {
        let credentials = Credentials::Token(self.ingest.clone());
        let instance = draw_instance().unwrap();
        let options = ClientOptions::new(self.quic, Trust::Anybody, credentials, instance);
        let client = Client::connect(options).await.unwrap();
        let mut stream = client.open(StreamNo(1), FrameSeq(1), |_ack| {});
        let ping = |device: &DeviceId| Ping {
            device: *device,
            lat_e7: e7(lat),
            lon_e7: e7(lon),
            fixed_at: UtcMs(fixed_at),
            accuracy_m: 10,
            flags: PingFlags(PingFlags::ANDROID),
        };
        let pings: Vec<Ping> = devices.iter().map(ping).collect();
        stream.pings(AppId(u32::try_from(app).unwrap()), &pings).await.unwrap();
        stream.end().await.unwrap();
        client.close().await;
    }

    /// The jobs that came since the last call, by device id, campaign and whether they are a test's.
    pub(crate) async fn jobs(&self) -> Vec<Value> {
        self.records("story", "push_job").await
    }

    /// The records of a kind that came since the last call with this consumer.
    pub(crate) async fn records(&self, consumer: &str, kind: &str) -> Vec<Value> {
        self.records_as(consumer, &json!({"from": "earliest", "kinds": [kind]})).await
    }

    /// All that came since the last call with a consumer that is made so.
    pub(crate) async fn records_as<T: DeserializeOwned>(
        &self,
        consumer: &str,
        ask: &Value,
    ) -> Vec<T> {
        let mut http = HttpClient::connect(&self.http, Some(&self.queue)).await.unwrap();
        let queue = format!("/v1/queues/{consumer}");
        let ask = ask.to_string();
        http.send(Method::PUT, &queue, ask.into()).await.unwrap().success().unwrap();
        let mut records = Vec::new();
        loop {
            let path = format!("{queue}/records?limit=1000&wait_s=2");
            let lines = http.get(&path).await.unwrap().success().unwrap();
            let page: Vec<&[u8]> =
                lines.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).collect();
            let Some(last) = page.last() else { return records };
            let ack = format!("{{\"offset\": {}}}", offset_of(last).unwrap());
            let path = format!("{queue}/ack");
            http.send(Method::POST, &path, ack.into()).await.unwrap().success().unwrap();
            records.extend(page.iter().map(|line| serde_json::from_slice::<T>(line).unwrap()));
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "degrees of a map")]
fn e7(degrees: f64) -> i32 {
    (degrees * 1e7).round() as i32
}

/// The time, as the daemon's clock has it.
pub(crate) fn now_ms() -> i64 {
    geofenced::clock::Clock::start(UtcMs::MIN).now().0
}
