//! What a replay prints: lines of transitions, jobs and events, and the figures as the last line.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::domain::decision::{Decision, EventKind, Output, VisitEnd};
use crate::domain::reasons::{RejectReason, SuppressReason};
use crate::engine::Counts;
use crate::offline::pings::Recorded;
use crate::outbox::RecordKind;
use crate::snapshot::view::AccountView;
use crate::telemetry::process;

use super::args::ReplayError;

/// The figures of a replay of pings.
pub(super) struct Figures {
    /// Rows read, refused ones included.
    rows: u64,
    /// Of them, those that the engine got.
    evaluated: u64,
    /// Refused while reading.
    rejected: Vec<(RejectReason, u64)>,
    counts: Counts,
    evaluate: Duration,
}

impl Figures {
    /// Of a file and what the engine made of it.
    pub(super) fn of<T>(recorded: Recorded<T>, counts: Counts, evaluate: Duration) -> Self {
        let (rows, evaluated) = (recorded.rows(), recorded.pings.len() as u64);
        Self { rows, evaluated, rejected: recorded.rejected, counts, evaluate }
    }

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
                "pings": self.rows,
                "rejected": rejected,
                "hits": counts.hits,
                "enters": counts.enters,
                "exits": counts.exits,
                "dwells": counts.dwells,
                "visits": counts.visits,
                "jobs": counts.jobs,
                "suppressed": suppressed,
                "evaluate_s": evaluate_s,
                "pings_per_s": rate(self.evaluated, evaluate_s),
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
    process::usage_of("self").map_or(Value::Null, |usage| json!(usage.peak_rss_mb()))
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

/// A job or event as a line. `ping` is the row of the ping that caused it, from 0, refused ones counted.
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
            "variant": job.variant.label(),
            "mode": job.bucket.mode,
            "expires_at": job.expires_at.0,
            "snapshot": decision.snapshot.to_string(),
        }),
        Output::Event(event) => json!({
            "ping": ping,
            "kind": kind_of(event.kind),
            "job": event.job.map(|job| job.to_string()),
            "device": event.device.device.to_string(),
            "campaign": event.campaign.map(|campaign| campaign.0),
            "target": event.target.and_then(key_of),
            "at": event.at.0,
            "snapshot": decision.snapshot.to_string(),
        }),
        Output::Visit(visit) => json!({
            "ping": ping,
            "kind": RecordKind::Visited.label(),
            "visit": visit.id.to_string(),
            "revision": visit.revision,
            "device": visit.device.device.to_string(),
            "place": visit.place.0,
            "target": key_of(visit.target),
            "entered_at": visit.entered_at.0,
            "left_at": visit.left_at.map(|at| at.0),
            "ended_by": visit.ended_by.map(VisitEnd::label),
            "confidence_pct": visit.confidence_pct,
            "snapshot": decision.snapshot.to_string(),
        }),
    }
}

/// The kind as the queue names it.
fn kind_of(kind: EventKind) -> Option<&'static str> {
    RecordKind::ALL.into_iter().find(|one| one.event() == Some(kind)).map(RecordKind::label)
}
