//! Whether what came out is what had to: the jobs of the queue against those of the offline engine, and the
//! daemon's outbox against its replayed journal.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use geofenced::domain::decision::Output;
use geofenced::engine::Counts;
use geofenced::offline::simulate::Simulated;
use geofenced::sink::http_client::HttpError;
use geofenced::sink::tail::offset_of;
use hyper::Method;
use indicatif::ProgressBar;
use jiff::Timestamp;
use serde::Deserialize;

use crate::daemon::Daemon;

/// The consumer's name.
const CONSUMER: &str = "loadtest";

/// Records of a page.
const PAGE_RECORDS: usize = 5000;

/// No record for so long, s, when there should be more, and it counts as missing.
const PATIENCE_S: u32 = 20;

/// No record for so long, s, when all expected are there, and no more are waited for.
const QUIET_S: u32 = 2;

/// One job for a device, a campaign and a bucket.
pub(crate) type JobKey = (String, u32, i64);

/// All else that a job says and that does not hang on arrival times.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct JobFacts {
    id: String,
    target: u32,
    variant: String,
    at_ms: i64,
    expires_at_ms: i64,
    epoch: u64,
    snapshot: String,
}

/// The jobs that have to come.
#[derive(Debug, Default)]
pub(crate) struct Expected {
    pub(crate) jobs: BTreeMap<JobKey, JobFacts>,
    /// Pings that the engine refuses.
    pub(crate) rejected: u64,
}

/// The verdict.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Verdict {
    /// Jobs read from the queue.
    pub(crate) jobs: u64,
    /// Jobs that should have come and did not, or records that the journal gives and the outbox lacks.
    pub(crate) missing: u64,
    /// Jobs that came again for the same device, campaign and bucket.
    pub(crate) repeated: u64,
    /// Jobs that should not have come, or say something else than they should, or records that are not the
    /// journal's.
    pub(crate) unexpected: u64,
}

/// Why nothing could be checked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CheckError {
    #[error("the queue: {0}")]
    Queue(#[from] HttpError),
    #[error("a record of the queue can't be read: {reason}: {line}")]
    Record { line: String, reason: String },
    #[error("the replay can't be started: {0}")]
    Replay(#[from] std::io::Error),
    #[error("the replay of the journal failed: {0}")]
    ReplayFailed(String),
}

impl Expected {
    /// Adds what the offline engine gave.
    pub(crate) fn add(&mut self, simulated: &Simulated) {
        for (_, decision) in &simulated.decisions {
            let Output::Job(job) = &decision.output else { continue };
            let key = (job.device.device.to_string(), job.campaign.0, job.bucket.span);
            let facts = JobFacts {
                id: job.id.to_string(),
                target: job.target.0,
                variant: job.variant.label().to_owned(),
                at_ms: job.at.0,
                expires_at_ms: job.expires_at.0,
                epoch: decision.epoch.0,
                snapshot: decision.snapshot.to_string(),
            };
            self.jobs.insert(key, facts);
        }
        let Counts { rejected, .. } = &simulated.counts;
        self.rejected += rejected.iter().sum::<u64>();
    }

    /// Holds the jobs of the queue against these. Where snapshots were swapped meanwhile, which of them decided hangs
    /// on when a ping arrived: the replayed journal tells whether each job is what its own says.
    pub(crate) fn compare(&self, seen: &[(JobKey, JobFacts)], swapped: bool) -> Verdict {
        let mut verdict = Verdict { jobs: seen.len() as u64, ..Verdict::default() };
        let mut times: BTreeMap<&JobKey, u64> = BTreeMap::new();
        for (key, facts) in seen {
            let times = times.entry(key).or_default();
            *times += 1;
            if *times > 1 {
                verdict.repeated += 1;
            } else if !self.jobs.get(key).is_some_and(|job| job.is(facts, swapped)) {
                verdict.unexpected += 1;
            }
        }
        verdict.missing = self.jobs.keys().filter(|key| !times.contains_key(key)).count() as u64;
        verdict
    }
}

impl JobFacts {
    /// Whether the two say the same, but for the snapshot that decided where those were `swapped`.
    fn is(&self, seen: &Self, swapped: bool) -> bool {
        let snapshot = if swapped { &seen.snapshot } else { &self.snapshot };
        let epoch = if swapped { seen.epoch } else { self.epoch };
        *seen == Self { epoch, snapshot: snapshot.clone(), ..self.clone() }
    }
}

impl Verdict {
    /// Whether all is as it should be.
    pub(crate) fn is_clean(&self) -> bool {
        self.missing == 0 && self.repeated == 0 && self.unexpected == 0
    }

    /// Adds what the replay of the journal found.
    pub(crate) fn add_replay(&mut self, replay: &Replayed) {
        self.missing += replay.missing + replay.removed;
        self.unexpected += replay.different + replay.unexpected;
    }
}

/// A record of the queue, as far as it is looked at.
#[derive(Deserialize)]
struct Record {
    id: String,
    data: Said,
}

#[derive(Deserialize)]
struct Said {
    device_id: String,
    campaign: Numbered,
    target: Numbered,
    bucket: i64,
    variant: String,
    at: Timestamp,
    expires_at: Timestamp,
    epoch: u64,
    snapshot: String,
}

#[derive(Deserialize)]
struct Numbered {
    id: u32,
}

impl From<Record> for (JobKey, JobFacts) {
    fn from(Record { id, data }: Record) -> Self {
        let facts = JobFacts {
            id,
            target: data.target.id,
            variant: data.variant,
            at_ms: data.at.as_millisecond(),
            expires_at_ms: data.expires_at.as_millisecond(),
            epoch: data.epoch,
            snapshot: data.snapshot,
        };
        ((data.device_id, data.campaign.id, data.bucket), facts)
    }
}

/// Makes the consumer, so that it gets what comes from now on.
pub(crate) async fn subscribe(daemon: &Daemon) -> Result<(), CheckError> {
    let mut http = daemon.connect().await?;
    let ask = r#"{"from": "latest", "kinds": ["push_job"]}"#;
    http.send(Method::PUT, &format!("/v1/queues/{CONSUMER}"), ask.into()).await?.success()?;
    Ok(())
}

/// Reads and acknowledges all jobs, then removes the consumer.
pub(crate) async fn read_jobs(
    daemon: &Daemon,
    enough: usize,
    bar: &ProgressBar,
) -> Result<Vec<(JobKey, JobFacts)>, CheckError> {
    let mut http = daemon.connect().await?;
    let queue = format!("/v1/queues/{CONSUMER}");
    let mut jobs = Vec::with_capacity(enough);
    loop {
        let wait_s = if jobs.len() < enough { PATIENCE_S } else { QUIET_S };
        let path = format!("{queue}/records?limit={PAGE_RECORDS}&wait_s={wait_s}");
        let page = http.get(&path).await?.success()?;
        let lines = page.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
        let mut last = None;
        for line in lines {
            jobs.push(job(line)?);
            last = Some(line);
            bar.inc(1);
        }
        let Some(last) = last else { break };
        let offset = offset_of(last).ok_or_else(|| unreadable(last, "it has no offset"))?;
        let ack = format!("{{\"offset\": {offset}}}");
        http.send(Method::POST, &format!("{queue}/ack"), ack.into()).await?.success()?;
    }
    http.send(Method::DELETE, &queue, Vec::new().into()).await?.success()?;
    Ok(jobs)
}

fn job(line: &[u8]) -> Result<(JobKey, JobFacts), CheckError> {
    let record: Record =
        serde_json::from_slice(line).map_err(|error| unreadable(line, &error.to_string()))?;
    Ok(record.into())
}

fn unreadable(line: &[u8], reason: &str) -> CheckError {
    let line = String::from_utf8_lossy(line).into_owned();
    CheckError::Record { line, reason: reason.to_owned() }
}

/// What `replay --journal` found.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub(crate) struct Replayed {
    pub(crate) records: u64,
    pub(crate) missing: u64,
    pub(crate) removed: u64,
    pub(crate) different: u64,
    pub(crate) unexpected: u64,
}

/// Takes the journal of the ended daemon through the engine again. `program` is a `geofenced` binary; without
/// it, this build does it.
pub(crate) fn replay(program: Option<&Path>, daemon: &Daemon) -> Result<Replayed, CheckError> {
    let program = match program {
        Some(program) => program.to_owned(),
        None => std::env::current_exe()?,
    };
    let output =
        Command::new(program).args(["replay", "--journal"]).arg(&daemon.data_dir).output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    // The figures come before a failure is told: they say which it is.
    said.lines().last().and_then(|line| serde_json::from_str(line).ok()).ok_or_else(|| {
        CheckError::ReplayFailed(String::from_utf8_lossy(&output.stderr).into_owned())
    })
}

#[cfg(test)]
impl JobFacts {
    /// Some job with this id.
    pub(crate) fn sample(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            target: 1,
            variant: "a".to_owned(),
            at_ms: 0,
            expires_at_ms: 0,
            epoch: 1,
            snapshot: String::new(),
        }
    }

    /// The same from another snapshot.
    pub(crate) fn decided_by(self, epoch: u64) -> Self {
        Self { epoch, snapshot: epoch.to_string(), ..self }
    }
}
