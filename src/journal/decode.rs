//! Bytes to inputs: the reverse of [`encode`](super::encode).
//!
//! A record's checksum was right when it comes here, yet nothing is believed: lengths, ranges and
//! numbers are checked, and what is off is an error that names it.

use super::encode::{Context, LIMIT_CAMPAIGN, LIMIT_MONTH};
use super::erase::BLANK;
use super::fields::{Fields, Short};
use super::owned::{BatchHead, OwnedInput, Shape};
use super::record::{Record, RecordKind};
use crate::domain::fix::{Fix, TIME_RANGE_MS};
use crate::domain::ids::{
    AccountId, AppId, CampaignId, DeviceId, Epoch, FrameSeq, InstanceId, JobId, Origin, PlaceId,
    SnapshotHash, StreamNo,
};
use crate::domain::input::{Grant, LimitId};
use crate::domain::ping::PingFlags;
use crate::domain::policy::{ClockMode, Policy};
use crate::domain::report::{
    Erasure, HintVerdict, Outcome, OutcomeKind, PlaceHint, Platform, Profile,
};
use crate::domain::units::{PointE7, UtcMs};
use crate::identity::{KeyError, Sealer};

/// Why a record with a right checksum is no input.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoInput {
    #[error(transparent)]
    Short(#[from] Short),
    #[error("a {0:?} record is longer than its fields")]
    Long(RecordKind),
    #[error("a batch has no context before it")]
    NoContext,
    #[error("a record's {field} is {value}, which has no meaning")]
    Meaningless { field: &'static str, value: i64 },
    #[error(transparent)]
    Keys(#[from] KeyError),
}

fn meaningless(field: &'static str, value: impl Into<i64>) -> NoInput {
    NoInput::Meaningless { field, value: value.into() }
}

/// Decodes one log, record after record.
pub(super) struct Decoder {
    sealer: Sealer,
    context: Option<Context>,
    /// The devices of the record at hand, opened together.
    blocks: Vec<[u8; 16]>,
}

impl Decoder {
    pub(super) fn new(sealer: Sealer) -> Self {
        Self { sealer, context: None, blocks: Vec::new() }
    }

    /// The next record is the first of a group: no context holds any more.
    pub(super) fn begin_group(&mut self) {
        self.context = None;
    }

    /// Takes in a context record.
    pub(super) fn set_context(&mut self, record: &Record<'_>) -> Result<(), NoInput> {
        self.context = Some(read_context(record)?);
        Ok(())
    }

    /// Reads an input record into `into`. On an error, what it holds means nothing.
    pub(super) fn read(
        &mut self,
        record: &Record<'_>,
        into: &mut OwnedInput,
    ) -> Result<(), NoInput> {
        let payload = record.payload;
        into.shape = match record.kind {
            RecordKind::Fixes => {
                let received_at = self.context()?.received_at;
                self.entries::<32, _>(payload, &mut into.fixes, |device, entry| {
                    let fix = read_fix(device, entry)?;
                    timed(fix, received_at + i64::from(entry.i32()?))
                })
                .map(Shape::Fixes)?
            }
            RecordKind::FixesFar => self
                .entries::<36, _>(payload, &mut into.fixes, |device, entry| {
                    let fix = read_fix(device, entry)?;
                    timed(fix, UtcMs(entry.i64()?))
                })
                .map(Shape::Fixes)?,
            RecordKind::Outcomes => self
                .entries::<41, _>(payload, &mut into.outcomes, read_outcome)
                .map(Shape::Outcomes)?,
            RecordKind::Profiles => self.profiles(payload, &mut into.profiles)?,
            RecordKind::Hints => {
                self.entries::<29, _>(payload, &mut into.hints, read_hint).map(Shape::Hints)?
            }
            RecordKind::Erasures => self
                .entries::<16, _>(payload, &mut into.erasures, |device, _| Ok(Erasure { device }))
                .map(Shape::Erasures)?,
            RecordKind::Tick => {
                let mut fields = Fields::new(payload);
                let now = UtcMs(fields.i64()?);
                finish(&fields, record.kind)?;
                Shape::Tick { now }
            }
            RecordKind::Publication => {
                let mut fields = Fields::new(payload);
                let epoch = Epoch(fields.u64()?);
                let hash = SnapshotHash(fields.bytes()?);
                finish(&fields, record.kind)?;
                Shape::Publication { epoch, hash }
            }
            RecordKind::Grant => Shape::Grant(read_grant(payload)?),
            kind @ (RecordKind::Policy
            | RecordKind::PolicyWithoutDays
            | RecordKind::PolicyWithoutVisits) => {
                into.policy = read_policy(payload, kind)?;
                Shape::Policy
            }
            RecordKind::Group | RecordKind::Context | RecordKind::End => {
                return Err(meaningless("kind", record.kind as u8));
            }
        };
        Ok(())
    }

    fn context(&self) -> Result<Context, NoInput> {
        self.context.ok_or(NoInput::NoContext)
    }

    /// Reads entries of `SIZE` bytes, each a sealed device and what `read` takes in.
    fn entries<const SIZE: usize, T>(
        &mut self,
        payload: &[u8],
        into: &mut Vec<T>,
        read: impl Fn(DeviceId, &mut Fields<'_>) -> Result<T, NoInput>,
    ) -> Result<BatchHead, NoInput> {
        let context = self.context()?;
        let (entries, rest) = payload.as_chunks::<SIZE>();
        if !rest.is_empty() {
            return Err(Short.into());
        }
        let kept = || entries.iter().filter(|entry| !entry.starts_with(&BLANK));
        self.blocks.clear();
        self.blocks.extend(kept().filter_map(|entry| entry.first_chunk::<16>()));
        self.sealer.open_blocks(context.account, context.key_version, &mut self.blocks)?;
        into.clear();
        for (entry, &device) in kept().zip(&self.blocks) {
            into.push(read(DeviceId(device), &mut Fields::new(&entry[16..]))?);
        }
        Ok(head(context))
    }

    fn profiles(&mut self, payload: &[u8], into: &mut Vec<Profile>) -> Result<Shape, NoInput> {
        let context = self.context()?;
        let (entries, rest) = payload.as_chunks::<34>();
        if !rest.is_empty() {
            return Err(Short.into());
        }
        into.clear();
        for entry in entries.iter().filter(|entry| !entry.starts_with(&BLANK)) {
            let mut fields = Fields::new(entry);
            let mut blocks = [fields.bytes()?, fields.bytes()?];
            self.sealer.open_blocks(context.account, context.key_version, &mut blocks)?;
            let [device, echo] = blocks;
            let platform = match fields.u8()? {
                0 => Platform::Unknown,
                1 => Platform::Android,
                2 => Platform::Ios,
                other => return Err(meaningless("platform", other)),
            };
            let consents = fields.u8()?;
            if consents > 0b11 {
                return Err(meaningless("consents", consents));
            }
            into.push(Profile {
                device: DeviceId(device),
                echo,
                platform,
                ads_consent: consents & 1 != 0,
                night_consent: consents & 2 != 0,
            });
        }
        Ok(Shape::Profiles(head(context)))
    }
}

/// Reads a context record.
pub(super) fn read_context(record: &Record<'_>) -> Result<Context, NoInput> {
    let mut fields = Fields::new(record.payload);
    let mut context = Context {
        account: AccountId(fields.u32()?),
        app: AppId(fields.u32()?),
        received_at: UtcMs(fields.i64()?),
        key_version: fields.u16()?,
        origin: None,
    };
    match fields.u8()? {
        0 => {}
        1 => {
            context.origin = Some(Origin {
                account: AccountId(fields.u32()?),
                instance: InstanceId(fields.bytes()?),
                stream: StreamNo(fields.u32()?),
                seq: FrameSeq(fields.u64()?),
            });
        }
        other => return Err(meaningless("origin", other)),
    }
    finish(&fields, record.kind)?;
    Ok(context)
}

fn head(context: Context) -> BatchHead {
    let Context { account, app, origin, received_at, key_version: _ } = context;
    BatchHead { account, app, origin, received_at }
}

fn finish(fields: &Fields<'_>, kind: RecordKind) -> Result<(), NoInput> {
    if fields.is_empty() { Ok(()) } else { Err(NoInput::Long(kind)) }
}

/// A fix but for its time, which [`timed`] gives it.
fn read_fix(device: DeviceId, entry: &mut Fields<'_>) -> Result<Fix, NoInput> {
    let (lat, lon) = (entry.i32()?, entry.i32()?);
    let at = PointE7::new(lat, lon)
        .filter(|point| point.lon == lon)
        .ok_or_else(|| meaningless("position", i64::from(lat)))?;
    let accuracy_m = entry.u16()?;
    let flags = PingFlags(entry.u16()?);
    if flags.has(!PingFlags::KNOWN | PingFlags::MOCK) {
        return Err(meaningless("flags", flags.0));
    }
    Ok(Fix { device, at, fixed_at: UtcMs(0), accuracy_m, flags })
}

fn timed(fix: Fix, fixed_at: UtcMs) -> Result<Fix, NoInput> {
    if !TIME_RANGE_MS.contains(&fixed_at.0) {
        return Err(meaningless("fixed_at", fixed_at.0));
    }
    Ok(Fix { fixed_at, ..fix })
}

fn read_outcome(device: DeviceId, entry: &mut Fields<'_>) -> Result<Outcome, NoInput> {
    let job = JobId(entry.bytes()?);
    let happened_at = UtcMs(entry.i64()?);
    let kind = match entry.u8()? {
        1 => OutcomeKind::Delivered,
        2 => OutcomeKind::Clicked,
        3 => OutcomeKind::Dismissed,
        other => return Err(meaningless("outcome", other)),
    };
    Ok(Outcome { device, job, happened_at, kind })
}

fn read_hint(device: DeviceId, entry: &mut Fields<'_>) -> Result<PlaceHint, NoInput> {
    let place = PlaceId(entry.u32()?);
    let fixed_at = UtcMs(entry.i64()?);
    let verdict = match entry.u8()? {
        1 => HintVerdict::Enter,
        2 => HintVerdict::Leave,
        3 => HintVerdict::Nearby,
        other => return Err(meaningless("verdict", other)),
    };
    Ok(PlaceHint { device, place, fixed_at, verdict })
}

fn read_grant(payload: &[u8]) -> Result<Grant, NoInput> {
    let mut fields = Fields::new(payload);
    let limit = match fields.u8()? {
        LIMIT_MONTH => LimitId::Month { account: AccountId(fields.u32()?), month: fields.i32()? },
        LIMIT_CAMPAIGN => LimitId::Campaign {
            account: AccountId(fields.u32()?),
            campaign: CampaignId(fields.u32()?),
        },
        other => return Err(meaningless("limit", other)),
    };
    let pushes = fields.i64()?;
    finish(&fields, RecordKind::Grant)?;
    Ok(Grant { limit, pushes })
}

/// A policy without a number of its own for visits, or for days, had none to obey: the default stands in for it.
fn read_policy(payload: &[u8], kind: RecordKind) -> Result<Policy, NoInput> {
    let mut fields = Fields::new(payload);
    let policy = Policy {
        clock: match fields.u8()? {
            0 => ClockMode::System,
            1 => ClockMode::Fixes,
            other => return Err(meaningless("clock", other)),
        },
        max_accuracy_m: fields.u16()?,
        exit_margin_m: fields.u16()?,
        exit_confirmations: fields.u8()?,
        exit_settle_m: fields.u16()?,
        gap_s: fields.u32()?,
        stale_after_s: fields.u32()?,
        lateness_s: fields.u32()?,
        max_push_age_s: fields.u32()?,
        max_future_s: fields.u32()?,
        max_speed_kmh: fields.u16()?,
        visit_dwell_s: if kind == RecordKind::PolicyWithoutVisits {
            Policy::default().visit_dwell_s
        } else {
            fields.u32()?
        },
        state_days: if kind == RecordKind::Policy {
            fields.u16()?
        } else {
            Policy::default().state_days
        },
        devices_per_partition: fields.u32()?,
        origins_per_partition: fields.u32()?,
    };
    finish(&fields, kind)?;
    Ok(policy)
}
