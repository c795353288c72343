//! Records as bytes: compact, versioned, and the same bytes for the same record, always.
//!
//! Written by the outbox thread, read back for consumers; promise P5 compares these bytes with those of a
//! replay. Little-endian, strings as a u16 length and UTF-8. The first [`HEAD`] bytes say all that a scan needs
//! to skip a record of another account or kind without reading on. Anything but what [`encode`] writes is
//! refused, so equal records and equal bytes are one.

use crate::domain::campaign::{RunMode, Variant};
use crate::domain::decision::{Transition, VisitEnd};
use crate::domain::ids::{
    AccountId, AppId, CampaignId, Epoch, InputPosition, InputSeq, JobId, PartitionId, PlaceId,
    SnapshotHash, TargetId, VisitId,
};
use crate::domain::report::Platform;
use crate::domain::units::UtcMs;
use crate::identity::SealedDevice;

use super::fields::Reader;
use super::record::{
    CampaignNames, Content, EventContent, JobContent, Message, OutboxRecord, RecordKind,
    TargetNames, VisitContent,
};

/// The newest version of the format. Version 2 brought visits and left jobs and events as they were.
pub const RECORD_VERSION: u8 = 2;

/// The version of jobs and events.
const FIRST_VERSION: u8 = 1;

/// The version of visits.
const VISIT_VERSION: u8 = 2;

/// Bytes up to and including `expires_at`: version, kind, account, expires_at. A visit has one more: whether it is
/// exported.
const HEAD: usize = 1 + 1 + 4 + 8;

/// The first byte of a record of this kind.
fn version_of(kind: RecordKind) -> u8 {
    if kind == RecordKind::Visited { VISIT_VERSION } else { FIRST_VERSION }
}

/// What a scan needs to know of a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Head {
    /// What kind of record it is.
    pub kind: RecordKind,
    /// Whose it is.
    pub account: AccountId,
    /// When a job is too late; [`UtcMs::MAX`] for the others.
    pub expires_at: UtcMs,
    /// Whether consumers may have it, as [`OutboxRecord::is_for_consumers`] says.
    pub is_for_consumers: bool,
}

impl Head {
    /// Reads the first bytes of a record.
    ///
    /// # Errors
    /// [`CodecError`] if they are not what [`encode`] writes.
    pub fn read(bytes: &[u8]) -> Result<Self, CodecError> {
        Reader::of(bytes).head()
    }
}

/// Why bytes are no record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// Another release wrote it.
    #[error(
        "the record has format {found}, and this release reads jobs and events of format {FIRST_VERSION}, visits of format {VISIT_VERSION}; run the release that wrote it"
    )]
    Version {
        /// Its version byte.
        found: u8,
    },
    /// It ends too early.
    #[error("the record ends after {have} bytes, within {field}")]
    Truncated {
        /// What was being read.
        field: &'static str,
        /// How many bytes there are.
        have: usize,
    },
    /// A value that we never write.
    #[error("{value} is no {field} of a record")]
    Value {
        /// What was being read.
        field: &'static str,
        /// What it said.
        value: u64,
    },
    /// A string that is not UTF-8.
    #[error("{field} of the record is not UTF-8")]
    NotUtf8 {
        /// Which string.
        field: &'static str,
    },
    /// Bytes behind the end.
    #[error("{extra} bytes follow the end of the record")]
    Trailing {
        /// How many.
        extra: usize,
    },
}

const HAS_CAMPAIGN: u8 = 1 << 0;
const HAS_TARGET: u8 = 1 << 1;
const VARIANT_B: u8 = 1 << 2;
const TESTING: u8 = 1 << 3;
/// A job has a place, an event belongs to a job, a visit has ended.
const HAS_LINK: u8 = 1 << 4;
const HAS_MESSAGE: u8 = 1 << 5;
const HAS_IMAGE: u8 = 1 << 6;
const HAS_LANDING: u8 = 1 << 7;

/// Appends a record's bytes to `out`.
pub fn encode(record: &OutboxRecord, out: &mut Vec<u8>) {
    out.push(version_of(record.kind()));
    out.push(record.kind().number());
    out.extend(record.account.0.to_le_bytes());
    out.extend(record.expires_at().0.to_le_bytes());
    if let Content::Visit(visit) = &record.content {
        out.push(u8::from(visit.is_exported));
    }
    out.push(record.position.partition.0);
    out.extend(record.position.seq.0.to_le_bytes());
    out.extend(record.ordinal.to_le_bytes());
    out.extend(record.device.key_version.to_le_bytes());
    out.extend(record.device.block);
    out.extend(record.epoch.0.to_le_bytes());
    out.extend(record.snapshot.0);
    out.extend(record.at.0.to_le_bytes());
    out.push(flags(record));
    if let Some(campaign) = &record.campaign {
        out.extend(campaign.id.0.to_le_bytes());
        put_text(out, &campaign.name);
        put_text(out, &campaign.client_code);
    }
    if let Some(target) = &record.target {
        out.extend(target.id.0.to_le_bytes());
        put_text(out, &target.key);
        put_text(out, &target.name);
    }
    put_text(out, &record.time_zone);
    match &record.content {
        Content::Job(job) => put_job(out, job),
        Content::Event(event) => {
            if let Some(job) = event.job {
                out.extend(job.0);
            }
            out.extend(event.cell.to_le_bytes());
        }
        Content::Visit(visit) => put_visit(out, visit),
    }
}

fn flags(record: &OutboxRecord) -> u8 {
    let (link, message) = match &record.content {
        Content::Job(job) => (job.place.is_some(), job.message.as_ref()),
        Content::Event(event) => (event.job.is_some(), None),
        Content::Visit(visit) => (visit.ended_by.is_some(), None),
    };
    let bit = |set: bool, bit: u8| if set { bit } else { 0 };
    bit(record.campaign.is_some(), HAS_CAMPAIGN)
        | bit(record.target.is_some(), HAS_TARGET)
        | bit(record.variant == Variant::B, VARIANT_B)
        | bit(record.mode == RunMode::Testing, TESTING)
        | bit(link, HAS_LINK)
        | bit(message.is_some(), HAS_MESSAGE)
        | bit(message.is_some_and(|message| message.image_url.is_some()), HAS_IMAGE)
        | bit(message.is_some_and(|message| message.landing_url.is_some()), HAS_LANDING)
}

fn put_job(out: &mut Vec<u8>, job: &JobContent) {
    out.extend(job.id.0);
    out.extend(job.app.0.to_le_bytes());
    put_text(out, &job.package);
    out.push(job.platform as u8);
    if let Some(place) = job.place {
        out.extend(place.0.to_le_bytes());
    }
    out.push(job.transition as u8);
    out.extend(job.bucket_span.to_le_bytes());
    if let Some(message) = &job.message {
        put_text(out, &message.title);
        put_text(out, &message.body);
        for url in [&message.image_url, &message.landing_url].into_iter().flatten() {
            put_text(out, url);
        }
    }
}

fn put_visit(out: &mut Vec<u8>, visit: &VisitContent) {
    out.extend(visit.id.0);
    out.extend(visit.revision.to_le_bytes());
    out.extend(visit.place.0.to_le_bytes());
    out.extend(visit.first_entered_at.0.to_le_bytes());
    out.extend(visit.entered_at.0.to_le_bytes());
    if let Some((left_at, ended_by)) = visit.left_at.zip(visit.ended_by) {
        out.extend(left_at.0.to_le_bytes());
        out.push(ended_by as u8);
    }
    out.push(u8::from(visit.hinted));
    out.push(visit.confidence_pct);
    out.extend(visit.cell.to_le_bytes());
}

/// A text with its length. Campaign files bound every text far below the 65,535 bytes that fit; a longer one
/// is cut at a character, the same way each time.
fn put_text(out: &mut Vec<u8>, text: &str) {
    let mut len = text.len().min(usize::from(u16::MAX));
    while !text.is_char_boundary(len) {
        len -= 1;
    }
    let prefix = u16::try_from(len).expect("cut to what fits into 16 bits");
    out.extend(prefix.to_le_bytes());
    out.extend(&text.as_bytes()[..len]);
}

/// Reads a record back.
///
/// # Errors
/// [`CodecError`] for any bytes but those that [`encode`] writes.
pub fn decode(bytes: &[u8]) -> Result<OutboxRecord, CodecError> {
    let mut reader = Reader::of(bytes);
    let head = reader.head()?;
    let position = InputPosition {
        partition: PartitionId(reader.u8("partition")?),
        seq: InputSeq(reader.u64("sequence")?),
    };
    let ordinal = reader.u32("ordinal")?;
    let device = SealedDevice {
        key_version: u16::from_le_bytes(reader.array("key version")?),
        block: reader.array("device")?,
    };
    let epoch = Epoch(reader.u64("epoch")?);
    let snapshot = SnapshotHash(reader.array("snapshot hash")?);
    let at = UtcMs(reader.i64("instant")?);
    let flags = reader.u8("flags")?;
    let campaign = reader.when(flags, HAS_CAMPAIGN, Reader::campaign)?;
    let target = reader.when(flags, HAS_TARGET, Reader::target)?;
    let time_zone = reader.text("time zone")?;
    let content = reader.content(head, flags)?;
    reader.finish()?;
    Ok(OutboxRecord {
        position,
        ordinal,
        account: head.account,
        device,
        epoch,
        snapshot,
        at,
        time_zone,
        mode: if flags & TESTING == 0 { RunMode::Running } else { RunMode::Testing },
        variant: if flags & VARIANT_B == 0 { Variant::A } else { Variant::B },
        campaign,
        target,
        content,
    })
}

impl Reader<'_> {
    fn head(&mut self) -> Result<Head, CodecError> {
        let version = self.u8("version")?;
        if !(FIRST_VERSION..=RECORD_VERSION).contains(&version) {
            return Err(CodecError::Version { found: version });
        }
        let number = self.u8("kind")?;
        let kind = RecordKind::from_number(number)
            .filter(|kind| version_of(*kind) == version)
            .ok_or(CodecError::Value { field: "kind", value: number.into() })?;
        let account = AccountId(self.u32("account")?);
        let expires_at = UtcMs(self.i64("expiry")?);
        debug_assert_eq!(self.read(), HEAD);
        let is_for_consumers = kind != RecordKind::Visited || self.flag("export")?;
        Ok(Head { kind, account, expires_at, is_for_consumers })
    }

    fn campaign(&mut self) -> Result<CampaignNames, CodecError> {
        Ok(CampaignNames {
            id: CampaignId(self.u32("campaign")?),
            name: self.text("campaign name")?,
            client_code: self.text("client code")?,
        })
    }

    fn target(&mut self) -> Result<TargetNames, CodecError> {
        Ok(TargetNames {
            id: TargetId(self.u32("target")?),
            key: self.text("target key")?,
            name: self.text("target name")?,
        })
    }

    fn content(&mut self, head: Head, flags: u8) -> Result<Content, CodecError> {
        if head.kind == RecordKind::PushJob {
            return Ok(Content::Job(self.job(head.expires_at, flags)?));
        }
        let of_jobs = flags & (HAS_MESSAGE | HAS_IMAGE | HAS_LANDING);
        if of_jobs != 0 {
            return Err(CodecError::Value { field: "flags of an event", value: flags.into() });
        }
        if head.expires_at != UtcMs::MAX {
            let value = head.expires_at.0.cast_unsigned();
            return Err(CodecError::Value { field: "expiry of an event", value });
        }
        let Some(kind) = head.kind.event() else {
            return Ok(Content::Visit(self.visit(head.is_for_consumers, flags)?));
        };
        let job = self.when(flags, HAS_LINK, |reader| Ok(JobId(reader.array("job")?)))?;
        Ok(Content::Event(EventContent { kind, job, cell: self.u64("cell")? }))
    }

    fn job(&mut self, expires_at: UtcMs, flags: u8) -> Result<JobContent, CodecError> {
        if flags & HAS_MESSAGE == 0 && flags & (HAS_IMAGE | HAS_LANDING) != 0 {
            return Err(CodecError::Value { field: "flags of a job", value: flags.into() });
        }
        Ok(JobContent {
            id: JobId(self.array("job")?),
            app: AppId(self.u32("app")?),
            package: self.text("app package")?,
            platform: self.platform()?,
            place: self.when(flags, HAS_LINK, |reader| Ok(PlaceId(reader.u32("place")?)))?,
            transition: self.transition()?,
            bucket_span: self.i64("bucket")?,
            expires_at,
            message: self.when(flags, HAS_MESSAGE, |reader| {
                Ok(Message {
                    title: reader.text("title")?,
                    body: reader.text("body")?,
                    image_url: reader.when(flags, HAS_IMAGE, |reader| reader.text("image"))?,
                    landing_url: reader
                        .when(flags, HAS_LANDING, |reader| reader.text("landing"))?,
                })
            })?,
        })
    }

    fn visit(&mut self, is_exported: bool, flags: u8) -> Result<VisitContent, CodecError> {
        let id = VisitId(self.array("visit")?);
        let revision = self.u32("revision")?;
        let place = PlaceId(self.u32("place")?);
        let first_entered_at = UtcMs(self.i64("first enter")?);
        let entered_at = UtcMs(self.i64("enter")?);
        let end = self.when(flags, HAS_LINK, |reader| {
            Ok((UtcMs(reader.i64("leave")?), reader.visit_end()?))
        })?;
        Ok(VisitContent {
            id,
            revision,
            place,
            first_entered_at,
            entered_at,
            left_at: end.map(|(left_at, _)| left_at),
            ended_by: end.map(|(_, ended_by)| ended_by),
            hinted: self.flag("hint")?,
            confidence_pct: self.u8("confidence")?,
            cell: self.u64("cell")?,
            is_exported,
        })
    }

    fn visit_end(&mut self) -> Result<VisitEnd, CodecError> {
        match self.u8("end of a visit")? {
            1 => Ok(VisitEnd::Exit),
            2 => Ok(VisitEnd::Silence),
            3 => Ok(VisitEnd::FenceRemoved),
            other => Err(CodecError::Value { field: "end of a visit", value: other.into() }),
        }
    }

    fn platform(&mut self) -> Result<Platform, CodecError> {
        match self.u8("platform")? {
            0 => Ok(Platform::Unknown),
            1 => Ok(Platform::Android),
            2 => Ok(Platform::Ios),
            other => Err(CodecError::Value { field: "platform", value: other.into() }),
        }
    }

    fn transition(&mut self) -> Result<Transition, CodecError> {
        match self.u8("transition")? {
            1 => Ok(Transition::Enter),
            2 => Ok(Transition::Dwell),
            3 => Ok(Transition::Exit),
            other => Err(CodecError::Value { field: "transition", value: other.into() }),
        }
    }
}
