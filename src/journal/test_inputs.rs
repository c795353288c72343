//! Inputs of every kind, for the journal's tests.

use proptest::prelude::*;

use super::owned::OwnedInput;
use crate::domain::fix::{Fix, TIME_RANGE_MS};
use crate::domain::ids::{
    AccountId, AppId, CampaignId, DeviceId, Epoch, FrameSeq, InputPosition, InputSeq, InstanceId,
    JobId, Origin, PartitionId, PlaceId, SnapshotHash, StreamNo,
};
use crate::domain::input::{Batch, Grant, Input, LimitId};
use crate::domain::ping::PingFlags;
use crate::domain::policy::{ClockMode, Policy};
use crate::domain::report::{
    Erasure, HintVerdict, Outcome, OutcomeKind, PlaceHint, Platform, Profile,
};
use crate::domain::units::{PointE7, UtcMs};

pub(crate) fn at(partition: u8, seq: u64) -> InputPosition {
    InputPosition { partition: PartitionId(partition), seq: InputSeq(seq) }
}

pub(crate) fn device(n: u64) -> DeviceId {
    DeviceId((u128::from(n) + 1).to_be_bytes())
}

pub(crate) fn fix(n: u64) -> Fix {
    let offset = i32::try_from(n % 10_000).unwrap();
    Fix {
        device: device(n),
        at: PointE7::new(375_000_000 + offset, 1_270_000_000 - offset).unwrap(),
        fixed_at: UtcMs(1_790_000_000_000 + i64::from(offset)),
        accuracy_m: 12,
        flags: PingFlags(PingFlags::BACKGROUND | PingFlags::ANDROID),
    }
}

pub(crate) fn fixes(records: &[Fix], frame: u64) -> Input<'_> {
    let account = AccountId(7);
    let origin = Origin {
        account,
        instance: InstanceId([9; 16]),
        stream: StreamNo(3),
        seq: FrameSeq(frame),
    };
    Input::Fixes(Batch {
        account,
        app: AppId(2),
        origin: Some(origin),
        received_at: UtcMs(1_790_000_005_000),
        records,
    })
}

pub(crate) fn tick(now: i64) -> OwnedInput {
    OwnedInput::from(&Input::Tick { now: UtcMs(now) })
}

/// Any input.
pub(crate) fn any_input() -> impl Strategy<Value = OwnedInput> {
    prop_oneof![
        4 => batch(any_fix()).prop_map(|(head, all)| owned(head, &all, Input::Fixes)),
        1 => batch(any_outcome()).prop_map(|(head, all)| owned(head, &all, Input::Outcomes)),
        1 => batch(any_profile()).prop_map(|(head, all)| owned(head, &all, Input::Profiles)),
        1 => batch(any_hint()).prop_map(|(head, all)| owned(head, &all, Input::Hints)),
        1 => batch(any_erasure()).prop_map(|(head, all)| owned(head, &all, Input::Erasures)),
        1 => any::<i64>().prop_map(tick),
        1 => any::<(u64, [u8; 32])>().prop_map(|(epoch, hash)| {
            OwnedInput::from(&Input::Publication { epoch: Epoch(epoch), hash: SnapshotHash(hash) })
        }),
        1 => any_grant().prop_map(|grant| OwnedInput::from(&Input::Grant(grant))),
        1 => any_policy().prop_map(|policy| OwnedInput::from(&Input::Policy(&policy))),
    ]
}

type Head = (AccountId, AppId, Option<Origin>, UtcMs);

fn owned<'a, T>(
    (account, app, origin, received_at): Head,
    records: &'a [T],
    input: impl FnOnce(Batch<'a, T>) -> Input<'a>,
) -> OwnedInput {
    OwnedInput::from(&input(Batch { account, app, origin, received_at, records }))
}

fn batch<T: std::fmt::Debug>(
    record: impl Strategy<Value = T>,
) -> impl Strategy<Value = (Head, Vec<T>)> {
    (any_head(), proptest::collection::vec(record, 0..40))
}

fn any_head() -> impl Strategy<Value = Head> {
    let origin =
        any::<(u32, [u8; 16], u32, u64)>().prop_map(|(account, instance, stream, seq)| Origin {
            account: AccountId(account),
            instance: InstanceId(instance),
            stream: StreamNo(stream),
            seq: FrameSeq(seq),
        });
    let received_at = prop_oneof![Just(0_i64), 1_780_000_000_000..1_790_000_000_000_i64];
    // Few accounts, so that batches often share a context.
    (0..3_u32, 0..2_u32, proptest::option::of(origin), received_at)
        .prop_map(|(account, app, origin, at)| (AccountId(account), AppId(app), origin, UtcMs(at)))
}

fn any_fix() -> impl Strategy<Value = Fix> {
    let near = 1_780_000_000_000..1_790_000_000_000_i64;
    let fixed_at = prop_oneof![8 => near, 1 => TIME_RANGE_MS];
    (
        any::<[u8; 16]>(),
        -900_000_000..=900_000_000_i32,
        -1_800_000_000..1_800_000_000_i32,
        fixed_at,
        any::<u16>(),
        0..=PingFlags::KNOWN,
    )
        .prop_map(|(device, lat, lon, fixed_at, accuracy_m, flags)| Fix {
            device: DeviceId(device),
            at: PointE7::new(lat, lon).unwrap(),
            fixed_at: UtcMs(fixed_at),
            accuracy_m,
            flags: PingFlags(flags & !PingFlags::MOCK),
        })
}

fn any_outcome() -> impl Strategy<Value = Outcome> {
    let kind = prop_oneof![
        Just(OutcomeKind::Delivered),
        Just(OutcomeKind::Clicked),
        Just(OutcomeKind::Dismissed)
    ];
    (any::<[u8; 16]>(), any::<[u8; 16]>(), any::<i64>(), kind).prop_map(
        |(device, job, at, kind)| Outcome {
            device: DeviceId(device),
            job: JobId(job),
            happened_at: UtcMs(at),
            kind,
        },
    )
}

fn any_profile() -> impl Strategy<Value = Profile> {
    let platform =
        prop_oneof![Just(Platform::Unknown), Just(Platform::Android), Just(Platform::Ios)];
    (any::<[u8; 16]>(), any::<[u8; 16]>(), platform, any::<bool>(), any::<bool>()).prop_map(
        |(device, echo, platform, ads_consent, night_consent)| Profile {
            device: DeviceId(device),
            echo,
            platform,
            ads_consent,
            night_consent,
        },
    )
}

fn any_erasure() -> impl Strategy<Value = Erasure> {
    any::<[u8; 16]>().prop_map(|device| Erasure { device: DeviceId(device) })
}

fn any_hint() -> impl Strategy<Value = PlaceHint> {
    let verdict =
        prop_oneof![Just(HintVerdict::Enter), Just(HintVerdict::Leave), Just(HintVerdict::Nearby)];
    (any::<[u8; 16]>(), any::<u32>(), any::<i64>(), verdict).prop_map(
        |(device, place, at, verdict)| PlaceHint {
            device: DeviceId(device),
            place: PlaceId(place),
            fixed_at: UtcMs(at),
            verdict,
        },
    )
}

fn any_grant() -> impl Strategy<Value = Grant> {
    (any::<u32>(), any::<i32>(), any::<bool>(), any::<i64>()).prop_map(
        |(account, other, is_month, pushes)| {
            let account = AccountId(account);
            let campaign = CampaignId(other.unsigned_abs());
            let limit = if is_month {
                LimitId::Month { account, month: other }
            } else {
                LimitId::Campaign { account, campaign }
            };
            Grant { limit, pushes }
        },
    )
}

fn any_policy() -> impl Strategy<Value = Policy> {
    any::<(bool, [u16; 5], u8, [u32; 8])>().prop_map(|(is_fixes, shorts, confirmations, longs)| {
        Policy {
            clock: if is_fixes { ClockMode::Fixes } else { ClockMode::System },
            max_accuracy_m: shorts[0],
            exit_margin_m: shorts[1],
            exit_confirmations: confirmations,
            exit_settle_m: shorts[2],
            gap_s: longs[0],
            stale_after_s: longs[1],
            lateness_s: longs[2],
            max_push_age_s: longs[3],
            max_future_s: longs[4],
            max_speed_kmh: shorts[3],
            visit_dwell_s: longs[7],
            state_days: shorts[4],
            devices_per_partition: longs[5],
            origins_per_partition: longs[6],
        }
    })
}

/// A clock that stands still: figures are not what is tested.
pub(crate) fn no_time() -> u64 {
    0
}

/// Waits, up to 20 s, until something that another thread does has come true.
pub(crate) fn eventually(what: &str, mut is_true: impl FnMut() -> bool) {
    for _ in 0..20_000 {
        if is_true() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    panic!("never came true: {what}");
}
