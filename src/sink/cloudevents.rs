//! Records as CloudEvents 1.0 in JSON: what consumers see. `docs/asyncapi.yaml` documents every property.
//!
//! The device is opened here, on its way out, and nowhere before. Numbers that may pass 2^53 (offsets, cells)
//! are strings, since JSON readers round them.

use jiff::Timestamp;
use serde::Serialize;

use crate::domain::campaign::RunMode;
use crate::domain::decision::{Transition, VisitEnd};
use crate::domain::fix::TIME_RANGE_MS;
use crate::domain::ids::DeviceId;
use crate::domain::report::Platform;
use crate::domain::units::UtcMs;
use crate::identity::{KeyError, Sealer};
use crate::outbox::RecordKind;
use crate::outbox::read::Handed;
use crate::outbox::record::{Content, JobContent, OutboxRecord, VisitContent};

/// The content type of a queue's answer: one CloudEvent a line.
pub const NDJSON: &str = "application/x-ndjson";

/// Appends the record as one line of JSON with its line feed.
///
/// # Errors
/// [`KeyError`] if the keyring lacks the key that the device is sealed under; `out` is as it was then.
pub fn write_line(handed: &Handed, sealer: &mut Sealer, out: &mut Vec<u8>) -> Result<(), KeyError> {
    let device = sealer.open(handed.record.account, handed.record.device)?;
    serde_json::to_writer(&mut *out, &CloudEvent::of(handed, device))
        .expect("a vector takes all writes, and every map key is a string");
    out.push(b'\n');
    Ok(())
}

/// The record as a JSON value, for those who look into it.
///
/// # Errors
/// [`KeyError`] if the keyring lacks the key that the device is sealed under.
pub fn to_value(handed: &Handed, sealer: &mut Sealer) -> Result<serde_json::Value, KeyError> {
    let device = sealer.open(handed.record.account, handed.record.device)?;
    Ok(serde_json::to_value(CloudEvent::of(handed, device))
        .expect("every map key is a string and every number finite"))
}

/// The CloudEvents type of a kind: `geofenced.push_job.v1`.
#[must_use]
pub fn type_of(kind: RecordKind) -> String {
    format!("geofenced.{}.v1", kind.label())
}

/// The envelope, in the order in which it is written.
#[derive(Serialize)]
struct CloudEvent<'r> {
    specversion: &'static str,
    id: String,
    source: String,
    #[serde(rename = "type")]
    event_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    time: String,
    datacontenttype: &'static str,
    /// Extension attributes have lower-case names without separators, and integers of 32 bits at most.
    geofencedoffset: String,
    data: Payload<'r>,
}

/// What a consumer needs, under `data`.
#[derive(Serialize)]
struct Payload<'r> {
    account: u32,
    device_id: String,
    /// Of jobs and events: a visit is of no campaign and of no message.
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    variant: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    campaign: Option<CampaignPart<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<TargetPart<'r>>,
    at: String,
    time_zone: &'r str,
    epoch: u64,
    snapshot: String,
    position: PositionPart,
    #[serde(skip_serializing_if = "Option::is_none")]
    job_id: Option<String>,
    #[serde(flatten)]
    job: Option<JobPart<'r>>,
    #[serde(flatten)]
    visit: Option<VisitPart>,
    /// As H3 writes it: 15 hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    cell: Option<String>,
}

#[derive(Serialize)]
struct CampaignPart<'r> {
    id: u32,
    name: &'r str,
    client_code: &'r str,
}

#[derive(Serialize)]
struct TargetPart<'r> {
    id: u32,
    key: &'r str,
    name: &'r str,
}

#[derive(Serialize)]
struct PositionPart {
    partition: u8,
    seq: u64,
    ordinal: u32,
}

/// What only jobs have, and those that left as `expired`.
#[derive(Serialize)]
struct JobPart<'r> {
    app: AppPart<'r>,
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<u32>,
    transition: &'static str,
    bucket: i64,
    expires_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<MessagePart<'r>>,
}

/// What only visits have.
#[derive(Serialize)]
struct VisitPart {
    visit_id: String,
    revision: u32,
    place: u32,
    entered_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    left_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dwell_s: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_by: Option<&'static str>,
    hinted: bool,
    confidence_pct: u8,
}

#[derive(Serialize)]
struct AppPart<'r> {
    id: u32,
    package: &'r str,
    platform: &'static str,
}

#[derive(Serialize)]
struct MessagePart<'r> {
    title: &'r str,
    body: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_url: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    landing_url: Option<&'r str>,
}

impl<'r> CloudEvent<'r> {
    fn of(handed: &'r Handed, device: DeviceId) -> Self {
        let record = &handed.record;
        Self {
            specversion: "1.0",
            id: id_of(handed),
            source: format!("/geofenced/accounts/{}", record.account),
            event_type: type_of(handed.kind),
            subject: subject_of(record),
            time: rfc3339(record.at),
            datacontenttype: "application/json",
            geofencedoffset: handed.offset.to_string(),
            data: Payload::of(handed, device),
        }
    }
}

impl<'r> Payload<'r> {
    fn of(handed: &'r Handed, device: DeviceId) -> Self {
        let record = &handed.record;
        let (job, visit, cell) = match &record.content {
            Content::Job(job) => (Some(JobPart::of(job)), None, None),
            Content::Event(event) => (None, None, cell_of(event.cell)),
            Content::Visit(visit) => (None, Some(VisitPart::of(visit)), cell_of(visit.cell)),
        };
        Self {
            account: record.account.0,
            device_id: device.to_string(),
            mode: visit.is_none().then(|| mode_name(record.mode)),
            variant: visit.is_none().then(|| record.variant.label()),
            campaign: record.campaign.as_ref().map(|campaign| CampaignPart {
                id: campaign.id.0,
                name: &campaign.name,
                client_code: &campaign.client_code,
            }),
            target: record.target.as_ref().map(|target| TargetPart {
                id: target.id.0,
                key: &target.key,
                name: &target.name,
            }),
            at: rfc3339(record.at),
            time_zone: &record.time_zone,
            epoch: record.epoch.0,
            snapshot: record.snapshot.to_string(),
            position: PositionPart {
                partition: record.position.partition.0,
                seq: record.position.seq.0,
                ordinal: record.ordinal,
            },
            job_id: handed.job().map(|job| job.to_string()),
            job,
            visit,
            cell,
        }
    }
}

impl<'r> JobPart<'r> {
    fn of(job: &'r JobContent) -> Self {
        Self {
            app: AppPart {
                id: job.app.0,
                package: &job.package,
                platform: platform_name(job.platform),
            },
            place: job.place.map(|place| place.0),
            transition: transition_name(job.transition),
            bucket: job.bucket_span,
            expires_at: rfc3339(job.expires_at),
            message: job.message.as_ref().map(|message| MessagePart {
                title: &message.title,
                body: &message.body,
                image_url: message.image_url.as_deref(),
                landing_url: message.landing_url.as_deref(),
            }),
        }
    }
}

impl VisitPart {
    fn of(visit: &VisitContent) -> Self {
        Self {
            visit_id: visit.id.to_string(),
            revision: visit.revision,
            place: visit.place.0,
            entered_at: rfc3339(visit.entered_at),
            left_at: visit.left_at.map(rfc3339),
            dwell_s: visit.left_at.map(|left_at| left_at.since(visit.entered_at) / 1000),
            ended_by: visit.ended_by.map(VisitEnd::label),
            hinted: visit.hinted,
            confidence_pct: visit.confidence_pct,
        }
    }
}

/// A job has its job id, so that a repeat is recognised by (source, id); a visit its own id and the revision. Everything else is named by its place
/// in the input, which is the same however often it is evaluated; a job that left as an event gets a name of
/// its own, since another consumer may have had the job.
fn id_of(handed: &Handed) -> String {
    let record = &handed.record;
    match &record.content {
        Content::Job(job) if handed.kind == RecordKind::PushJob => job.id.to_string(),
        Content::Job(job) => format!("{}.expired", job.id),
        Content::Visit(visit) => format!("{}.{}", visit.id, visit.revision),
        Content::Event(_) => {
            let position = record.position;
            format!("{}.{}.{}", position.partition, position.seq, record.ordinal)
        }
    }
}

fn subject_of(record: &OutboxRecord) -> Option<String> {
    let campaign = record.campaign.as_ref().map(|campaign| format!("campaigns/{}", campaign.id));
    campaign.or_else(|| record.target.as_ref().map(|target| format!("targets/{}", target.id)))
}

fn cell_of(cell: u64) -> Option<String> {
    (cell != 0).then(|| format!("{cell:x}"))
}

/// An instant in RFC 3339, UTC, to the millisecond. Expiries past the calendar's end, in the last hours of the
/// year 9999, are shown as that end; instants before those that a fix may carry as the first of them.
pub(super) fn rfc3339(at: UtcMs) -> String {
    let last_ms = Timestamp::MAX.as_second() * 1000;
    let ms = at.0.clamp(*TIME_RANGE_MS.start(), last_ms);
    let instant = Timestamp::from_millisecond(ms).expect("clamped to the calendar");
    format!("{instant:.3}")
}

fn mode_name(mode: RunMode) -> &'static str {
    match mode {
        RunMode::Testing => "testing",
        RunMode::Running => "running",
    }
}

fn transition_name(transition: Transition) -> &'static str {
    match transition {
        Transition::Enter => "enter",
        Transition::Dwell => "dwell",
        Transition::Exit => "exit",
    }
}

fn platform_name(platform: Platform) -> &'static str {
    match platform {
        Platform::Unknown => "unknown",
        Platform::Android => "android",
        Platform::Ios => "ios",
    }
}
