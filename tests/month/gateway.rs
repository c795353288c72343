//! The gateway of the month: pings in the order of time over QUIC, records from the queue, and what became of the pushes.

use std::collections::HashMap;

use geofenced::client::options::draw_instance;
use geofenced::client::{Client, ClientOptions, ClientStream, Credentials, Trust};
use geofenced::domain::ids::{AppId, DeviceId, FrameSeq, JobId, StreamNo};
use geofenced::domain::ping::Ping;
use geofenced::domain::report::{Outcome, OutcomeKind};
use geofenced::domain::units::UtcMs;

use serde_json::json;

use crate::customer::Customer;
use crate::lots::Lots;
use crate::papers::Papers;
use crate::walk::Sent;

/// Records of a frame at most.
const FRAME: usize = 2048;

/// An account's way to the daemon.
pub(crate) struct Gateway {
    client: Client,
    stream: ClientStream,
    apps: [AppId; 2],
    /// Pings that wait for their frame, by app.
    open: [Vec<Ping>; 2],
    /// In which of the two a device's pings wait: they must not overtake each other.
    waits: HashMap<DeviceId, usize>,
    /// The last frame.
    last: FrameSeq,
}

impl Gateway {
    pub(crate) async fn open(customer: &Customer, apps: &[u64]) -> Self {
        let credentials = Credentials::Token(customer.ingest.clone());
        let instance = draw_instance().unwrap();
        let options = ClientOptions::new(customer.quic, Trust::Anybody, credentials, instance);
        let client = Client::connect(options).await.unwrap();
        let stream = client.open(StreamNo(1), FrameSeq(1), |_ack| {});
        let app = |number: usize| AppId(u32::try_from(apps[number]).unwrap());
        let open = Default::default();
        let (waits, last) = (HashMap::new(), FrameSeq(0));
        Self { client, stream, apps: [app(0), app(1)], open, waits, last }
    }

    /// Puts a ping into its frame, and sends what must go first.
    pub(crate) async fn send(&mut self, one: &Sent) {
        let other = 1 - one.app;
        if self.waits.get(&one.ping.device) == Some(&other) {
            self.flush(other).await;
        }
        self.waits.insert(one.ping.device, one.app);
        self.open[one.app].push(one.ping);
        if self.open[one.app].len() == FRAME {
            self.flush(one.app).await;
        }
    }

    async fn flush(&mut self, app: usize) {
        let pings = std::mem::take(&mut self.open[app]);
        if !pings.is_empty() {
            self.last = self.stream.pings(self.apps[app], &pings).await.unwrap();
        }
    }

    /// Sends what waits.
    pub(crate) async fn flush_all(&mut self) {
        self.flush(0).await;
        self.flush(1).await;
        self.waits.clear();
    }

    /// Waits until all that was sent is safe and evaluated.
    pub(crate) async fn settle(&mut self) {
        self.stream.acked(self.last).await.unwrap();
    }

    /// Sends what became of pushes.
    pub(crate) async fn outcomes(&mut self, outcomes: &[Outcome]) {
        for frame in outcomes.chunks(FRAME) {
            self.stream.outcomes(self.apps[0], frame).await.unwrap();
        }
    }

    pub(crate) async fn close(self) {
        self.stream.end().await.unwrap();
        self.client.close().await;
    }
}

/// A record of the queue, as far as anybody looks here.
#[derive(serde::Deserialize)]
pub(crate) struct Record {
    /// As `geofenced.push_job.v1`.
    #[serde(rename = "type")]
    kind: String,
    pub(crate) data: Told,
}

/// What a record tells. What a kind does not have is empty.
#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub(crate) struct Told {
    pub(crate) campaign: Option<Numbered>,
    pub(crate) device_id: String,
    pub(crate) at: jiff::Timestamp,
    pub(crate) variant: String,
    pub(crate) mode: String,
    pub(crate) job_id: Option<String>,
    pub(crate) visit_id: Option<String>,
    pub(crate) place: Option<u64>,
    pub(crate) revision: Option<u64>,
    pub(crate) entered_at: Option<jiff::Timestamp>,
    pub(crate) left_at: Option<jiff::Timestamp>,
}

/// Something by its number.
#[derive(serde::Deserialize)]
pub(crate) struct Numbered {
    pub(crate) id: u64,
}

impl Record {
    /// As `push_job`.
    pub(crate) fn kind(&self) -> &str {
        self.kind.split('.').nth(1).unwrap()
    }

    pub(crate) fn device(&self) -> DeviceId {
        DeviceId(bytes(&self.data.device_id))
    }
}

fn bytes(uuid: &str) -> [u8; 16] {
    uuid::Uuid::parse_str(uuid).unwrap().into_bytes()
}

/// All records that came since the last call.
pub(crate) async fn records(customer: &Customer) -> Vec<Record> {
    customer.records_as("month", &json!({"from": "earliest"})).await
}

/// What becomes of the pushes: most arrive, message B is opened more than twice as often as A, some are opened a day
/// later, some are told twice or by a clock that is behind, and some are of no job or of somebody else's.
pub(crate) fn outcomes_of(jobs: &[&Record], seed: u64) -> Vec<Outcome> {
    let mut outcomes: Vec<Outcome> = Vec::new();
    for (number, job) in jobs.iter().enumerate() {
        let mut lots = Lots::of(seed, u64::try_from(number).unwrap(), 77);
        let (device, id) = (job.device(), JobId(bytes(job.data.job_id.as_ref().unwrap())));
        let at = job.data.at.as_millisecond();
        let mut tell = |kind, after_s: i64| {
            let happened_at = UtcMs(at + after_s * 1000);
            outcomes.push(Outcome { device, job: id, happened_at, kind });
        };
        if lots.per_mille(900) {
            tell(OutcomeKind::Delivered, lots.between(-40, 90));
        }
        let opens = if job.data.variant == "b" { 250 } else { 100 };
        if lots.per_mille(opens) {
            let after_s = lots.pick(&[30, 200, 900, 4_000, 40_000, 129_600]);
            tell(OutcomeKind::Clicked, lots.between(1, after_s));
        } else if lots.per_mille(200) {
            tell(OutcomeKind::Dismissed, lots.between(60, 7200));
        }
        if lots.per_mille(50)
            && let Some(last) = outcomes.last().copied()
        {
            let happened_at = last.happened_at.plus_s(600);
            outcomes.push(Outcome { happened_at, ..last });
        }
        if lots.per_mille(10)
            && let Some(last) = outcomes.last().copied()
        {
            outcomes.push(Outcome { job: JobId([number.to_le_bytes()[0]; 16]), ..last });
            outcomes.push(Outcome { device: DeviceId([number.to_le_bytes()[0] | 1; 16]), ..last });
        }
    }
    outcomes
}

/// Puts outcomes down and sends them.
pub(crate) async fn tell(
    customer: &Customer,
    account: usize,
    apps: &[u64],
    outcomes: &[Outcome],
    papers: &mut Papers,
) {
    let mut gateway = Gateway::open(customer, apps).await;
    outcomes.iter().for_each(|outcome| papers.outcome(account, outcome));
    gateway.outcomes(outcomes).await;
    gateway.close().await;
}
