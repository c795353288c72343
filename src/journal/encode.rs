//! Inputs to bytes: device ids sealed, and what batches have in common written once.
//!
//! A shard's frames fall apart into small batches, one per partition, that share account, app,
//! origin and time of receipt. These go into a *context* record before the first of them; the
//! batches themselves are their devices' records alone. A context holds within one commit only, so
//! commits can be laid one behind the other.

use super::record::{self, RecordKind};
use crate::domain::fix::Fix;
use crate::domain::ids::{AccountId, AppId, DeviceId, InputPosition, Origin, SnapshotHash};
use crate::domain::input::{Batch, Grant, Input, LimitId};
use crate::domain::policy::Policy;
use crate::domain::report::{Erasure, Outcome, PlaceHint, Profile};
use crate::domain::units::UtcMs;
use crate::identity::Sealer;

/// What batches have in common.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Context {
    pub(super) account: AccountId,
    pub(super) app: AppId,
    pub(super) origin: Option<Origin>,
    pub(super) received_at: UtcMs,
    /// Under which master key the devices are sealed.
    pub(super) key_version: u16,
}

/// Devices sealed by one call: enough to fill the processor's AES pipelines, few enough to lie on
/// the stack.
const SEALED_AT_ONCE: usize = 16;

/// Encodes the inputs of one shard.
pub(super) struct Encoder {
    sealer: Sealer,
    /// The context of the last batch of the commit; `None` at its beginning.
    context: Option<Context>,
}

impl Encoder {
    pub(super) fn new(sealer: Sealer) -> Self {
        Self { sealer, context: None }
    }

    /// The next input opens a commit.
    pub(super) fn begin_commit(&mut self) {
        self.context = None;
    }

    /// Appends one input to the buffer.
    pub(super) fn append(&mut self, buffer: &mut Vec<u8>, at: InputPosition, input: &Input<'_>) {
        match *input {
            Input::Fixes(batch) => self.append_fixes(buffer, at, batch),
            Input::Outcomes(batch) => {
                self.append_batch(
                    buffer,
                    (RecordKind::Outcomes, at),
                    batch,
                    |outcome: &Outcome, out| {
                        out.extend_from_slice(&outcome.job.0);
                        out.extend_from_slice(&outcome.happened_at.0.to_le_bytes());
                        out.push(outcome.kind as u8);
                    },
                );
            }
            Input::Profiles(batch) => self.append_profiles(buffer, at, batch),
            Input::Hints(batch) => {
                self.append_batch(
                    buffer,
                    (RecordKind::Hints, at),
                    batch,
                    |hint: &PlaceHint, out| {
                        out.extend_from_slice(&hint.place.0.to_le_bytes());
                        out.extend_from_slice(&hint.fixed_at.0.to_le_bytes());
                        out.push(hint.verdict as u8);
                    },
                );
            }
            Input::Erasures(batch) => {
                self.append_batch(buffer, (RecordKind::Erasures, at), batch, |_: &Erasure, _| {});
            }
            Input::Tick { now } => record::append(buffer, RecordKind::Tick, at, |payload| {
                payload.extend_from_slice(&now.0.to_le_bytes());
            }),
            Input::Publication { epoch, hash: SnapshotHash(hash) } => {
                record::append(buffer, RecordKind::Publication, at, |payload| {
                    payload.extend_from_slice(&epoch.0.to_le_bytes());
                    payload.extend_from_slice(&hash);
                });
            }
            Input::Grant(grant) => {
                record::append(buffer, RecordKind::Grant, at, |payload| put_grant(payload, grant));
            }
            Input::Policy(policy) => {
                record::append(buffer, RecordKind::Policy, at, |payload| {
                    put_policy(payload, policy)
                });
            }
        }
    }

    fn append_fixes(&mut self, buffer: &mut Vec<u8>, at: InputPosition, batch: Batch<'_, Fix>) {
        let received_at = batch.received_at;
        let is_near = |fix: &Fix| near_offset_ms(fix, received_at).is_some();
        let kind = if batch.records.iter().all(is_near) {
            RecordKind::Fixes
        } else {
            RecordKind::FixesFar
        };
        self.append_batch(buffer, (kind, at), batch, |fix, out| {
            let mut fields = [0; 12];
            fields[..4].copy_from_slice(&fix.at.lat.to_le_bytes());
            fields[4..8].copy_from_slice(&fix.at.lon.to_le_bytes());
            fields[8..10].copy_from_slice(&fix.accuracy_m.to_le_bytes());
            fields[10..].copy_from_slice(&fix.flags.0.to_le_bytes());
            out.extend_from_slice(&fields);
            match near_offset_ms(fix, received_at) {
                Some(offset_ms) if kind == RecordKind::Fixes => {
                    out.extend_from_slice(&offset_ms.to_le_bytes());
                }
                Some(_) | None => out.extend_from_slice(&fix.fixed_at.0.to_le_bytes()),
            }
        });
    }

    /// Echo codes name a device as its advertising id does, so they are sealed like it.
    fn append_profiles(
        &mut self,
        buffer: &mut Vec<u8>,
        at: InputPosition,
        batch: Batch<'_, Profile>,
    ) {
        self.write_context(buffer, &batch);
        let sealer = &mut self.sealer;
        record::append(buffer, RecordKind::Profiles, at, |payload| {
            for profile in batch.records {
                let mut blocks = [profile.device.0, profile.echo];
                sealer.seal_blocks(batch.account, &mut blocks);
                payload.extend_from_slice(blocks.as_flattened());
                payload.push(profile.platform as u8);
                payload.push(u8::from(profile.ads_consent) | u8::from(profile.night_consent) << 1);
            }
        });
    }

    /// Appends a record of fixed-size entries: a sealed device, then what `fill` writes.
    fn append_batch<T: OfDevice>(
        &mut self,
        buffer: &mut Vec<u8>,
        (kind, at): (RecordKind, InputPosition),
        batch: Batch<'_, T>,
        fill: impl Fn(&T, &mut Vec<u8>),
    ) {
        self.write_context(buffer, &batch);
        let sealer = &mut self.sealer;
        record::append(buffer, kind, at, |payload| {
            let mut blocks = [[0; 16]; SEALED_AT_ONCE];
            for entries in batch.records.chunks(SEALED_AT_ONCE) {
                let blocks = &mut blocks[..entries.len()];
                for (block, entry) in blocks.iter_mut().zip(entries) {
                    *block = entry.device().0;
                }
                sealer.seal_blocks(batch.account, blocks);
                for (block, entry) in blocks.iter().zip(entries) {
                    payload.extend_from_slice(block);
                    fill(entry, payload);
                }
            }
        });
    }

    fn write_context<T>(&mut self, buffer: &mut Vec<u8>, batch: &Batch<'_, T>) {
        let context = Context {
            account: batch.account,
            app: batch.app,
            origin: batch.origin,
            received_at: batch.received_at,
            key_version: self.sealer.key_version(),
        };
        if self.context == Some(context) {
            return;
        }
        self.context = Some(context);
        record::append(buffer, RecordKind::Context, InputPosition::default(), |payload| {
            put_context(payload, &context);
        });
    }
}

/// Milliseconds from receipt to fix, if they fit the compact form.
fn near_offset_ms(fix: &Fix, received_at: UtcMs) -> Option<i32> {
    i32::try_from(fix.fixed_at.since(received_at)).ok()
}

/// A record that speaks of one device.
trait OfDevice {
    fn device(&self) -> DeviceId;
}

impl OfDevice for Fix {
    fn device(&self) -> DeviceId {
        self.device
    }
}

impl OfDevice for Outcome {
    fn device(&self) -> DeviceId {
        self.device
    }
}

impl OfDevice for PlaceHint {
    fn device(&self) -> DeviceId {
        self.device
    }
}

impl OfDevice for Erasure {
    fn device(&self) -> DeviceId {
        self.device
    }
}

fn put_context(payload: &mut Vec<u8>, context: &Context) {
    payload.extend_from_slice(&context.account.0.to_le_bytes());
    payload.extend_from_slice(&context.app.0.to_le_bytes());
    payload.extend_from_slice(&context.received_at.0.to_le_bytes());
    payload.extend_from_slice(&context.key_version.to_le_bytes());
    payload.push(u8::from(context.origin.is_some()));
    if let Some(Origin { account, instance, stream, seq }) = context.origin {
        payload.extend_from_slice(&account.0.to_le_bytes());
        payload.extend_from_slice(&instance.0);
        payload.extend_from_slice(&stream.0.to_le_bytes());
        payload.extend_from_slice(&seq.0.to_le_bytes());
    }
}

/// The tags of limits: part of the format.
pub(super) const LIMIT_MONTH: u8 = 1;
pub(super) const LIMIT_CAMPAIGN: u8 = 2;

fn put_grant(payload: &mut Vec<u8>, grant: Grant) {
    match grant.limit {
        LimitId::Month { account, month } => {
            payload.push(LIMIT_MONTH);
            payload.extend_from_slice(&account.0.to_le_bytes());
            payload.extend_from_slice(&month.to_le_bytes());
        }
        LimitId::Campaign { account, campaign } => {
            payload.push(LIMIT_CAMPAIGN);
            payload.extend_from_slice(&account.0.to_le_bytes());
            payload.extend_from_slice(&campaign.0.to_le_bytes());
        }
    }
    payload.extend_from_slice(&grant.pushes.to_le_bytes());
}

/// Taken apart by name: a policy with another field does not compile here until it has a record
/// kind of its own.
fn put_policy(payload: &mut Vec<u8>, policy: &Policy) {
    let Policy {
        clock,
        max_accuracy_m,
        exit_margin_m,
        exit_confirmations,
        exit_settle_m,
        gap_s,
        stale_after_s,
        lateness_s,
        max_push_age_s,
        max_future_s,
        max_speed_kmh,
        visit_dwell_s,
        state_days,
        devices_per_partition,
        origins_per_partition,
    } = *policy;
    payload.push(clock as u8);
    payload.extend_from_slice(&max_accuracy_m.to_le_bytes());
    payload.extend_from_slice(&exit_margin_m.to_le_bytes());
    payload.push(exit_confirmations);
    payload.extend_from_slice(&exit_settle_m.to_le_bytes());
    for number in [gap_s, stale_after_s, lateness_s, max_push_age_s, max_future_s] {
        payload.extend_from_slice(&number.to_le_bytes());
    }
    payload.extend_from_slice(&max_speed_kmh.to_le_bytes());
    payload.extend_from_slice(&visit_dwell_s.to_le_bytes());
    payload.extend_from_slice(&state_days.to_le_bytes());
    payload.extend_from_slice(&devices_per_partition.to_le_bytes());
    payload.extend_from_slice(&origins_per_partition.to_le_bytes());
}
