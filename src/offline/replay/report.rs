//! What a replay prints: lines of transitions, jobs and events, and the figures as the last line.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::domain::decision::{Decision, Output};
use crate::domain::reasons::{RejectReason, SuppressReason};
use crate::engine::Counts;
use crate::snapshot::view::AccountView;

use super::args::ReplayError;

/// The figures of a replay of pings.
pub(super) struct Figures {
    pub(super) pings: u64,
    pub(super) rejected: Vec<(RejectReason, u64)>,
    pub(super) counts: Counts,
    pub(super) evaluate: Duration,
}

impl Figures {
    /// Prints them as one line of JSON.
    pub(super) fn print(&self) {
        let mut rejected = Map::new();
        for reason in RejectReason::ALL {
            let engine = self.counts.rejected[usize::from(reason.number())];
            let read =
                self.rejected.iter().find(|(known, _)| known == reason).map_or(0, |(_, n)| *n);
            if engine + read > 0 {
                rejected.insert(reason.label().to_owned(), json!(engine + read));
            }
        }
        let mut suppressed = Map::new();
        for reason in SuppressReason::ALL {
            let count = self.counts.suppressed[usize::from(reason.number())];
            if count > 0 {
                suppressed.insert(reason.label().to_owned(), json!(count));
            }
        }
        let evaluate_s = self.evaluate.as_secs_f64();
        let counts = &self.counts;
        println!(
            "{}",
            json!({
                "pings": self.pings,
                "rejected": rejected,
                "hits": counts.hits,
                "enters": counts.enters,
                "exits": counts.exits,
                "dwells": counts.dwells,
                "jobs": counts.jobs,
                "suppressed": suppressed,
                "evaluate_s": evaluate_s,
                "pings_per_s": rate(self.pings, evaluate_s),
                "peak_rss_mb": peak_rss_mb(),
            })
        );
    }
}

fn rate(pings: u64, seconds: f64) -> Value {
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let pings = pings as f64;
    if seconds > 0.0 { json!((pings / seconds).round()) } else { Value::Null }
}

/// The most memory the process has held, MB; `null` where the system does not tell.
fn peak_rss_mb() -> Value {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kilobytes.map_or(Value::Null, |kb| json!((kb / 100.0).round() / 10.0))
}

/// A file of lines; nothing where none was asked for.
pub(super) struct Lines(Option<BufWriter<File>>);

impl Lines {
    /// Opens the file, if one is named.
    pub(super) fn open(path: Option<&Path>) -> Result<Self, ReplayError> {
        let create = |path: &Path| {
            File::create(path)
                .map_err(|reason| format!("cannot write {}: {reason}", path.display()))
        };
        Ok(Self(path.map(create).transpose()?.map(BufWriter::new)))
    }

    /// Whether lines go anywhere.
    pub(super) fn wanted(&self) -> bool {
        self.0.is_some()
    }

    /// Writes one.
    pub(super) fn write(&mut self, line: &Value) -> Result<(), ReplayError> {
        if let Some(file) = &mut self.0 {
            writeln!(file, "{line}")?;
        }
        Ok(())
    }

    /// Sees to it that all are written.
    pub(super) fn finish(self) -> Result<(), ReplayError> {
        if let Some(mut file) = self.0 {
            file.flush()?;
        }
        Ok(())
    }
}

/// A job or event as a line. `ping` is the number of the ping that caused it, from 0.
pub(super) fn line(ping: u64, decision: &Decision, account: AccountView<'_>) -> Value {
    let key_of = |target| account.target(target).map(|target| target.key().to_owned());
    match &decision.output {
        Output::Job(job) => json!({
            "ping": ping,
            "kind": "job",
            "job": job.id.to_string(),
            "device": job.device.device.to_string(),
            "campaign": job.campaign.0,
            "bucket": job.bucket.span,
            "target": key_of(job.target),
            "at": job.at.0,
            "variant": format!("{:?}", job.variant),
            "mode": job.bucket.mode,
            "expires_at": job.expires_at.0,
            "snapshot": decision.snapshot.to_string(),
        }),
        Output::Event(event) => json!({
            "ping": ping,
            "kind": format!("{:?}", event.kind).to_lowercase(),
            "job": event.job.map(|job| job.to_string()),
            "device": event.device.device.to_string(),
            "campaign": event.campaign.map(|campaign| campaign.0),
            "target": event.target.and_then(key_of),
            "at": event.at.0,
            "snapshot": decision.snapshot.to_string(),
        }),
    }
}
