//! The state as bytes: what is written is read, what is damaged is refused, and the outputs are the same
//! whatever the batches and the restarts in between.

use proptest::prelude::*;

use super::state::{Damaged, DeviceSeal, SEALED_LEN};
use super::testkit::{
    ACCOUNT, PARTITION, TurnedAround, World, at, batch, campaign, device, dwelling, fence, leaving,
    restored, seen, state_bytes, store,
};
use super::{Outputs, Partition};
use crate::domain::campaign::{CampaignSpec, Frequency};
use crate::domain::decision::Output;
use crate::domain::fix::Fix;
use crate::domain::ids::{
    CampaignId, DeviceId, DeviceKey, FrameSeq, InstanceId, Origin, PartitionId, StreamNo,
};
use crate::domain::input::{Batch, Input, LimitId};
use crate::domain::report::{Erasure, HintVerdict};
use crate::domain::target::PlaceArea;
use crate::snapshot::samples::KEY;

/// A partition that has something in each of its parts.
fn furnished() -> World {
    let resending =
        CampaignSpec { frequency: Frequency::Resend { after_s: 600 }, ..campaign(10, &[1]) };
    let mut waiting = campaign(11, &[1, 2]);
    waiting.windows[0].start_min = 23 * 60;
    let mut limited = campaign(14, &[1]);
    limited.total_limit = Some(5);
    let targets = vec![fence(1, 0.0, 100.0), store(2, 7, PlaceArea::Signal, 900.0, 100.0)];
    let campaigns = vec![resending, waiting, dwelling(12, &[1], 300), leaving(13, &[1]), limited];
    let mut world = World::new(targets, campaigns);
    world.grant(LimitId::Campaign { account: ACCOUNT, campaign: CampaignId(14) }, 2);
    world.grant(LimitId::Month { account: ACCOUNT, month: 682 }, 7);
    world.profile(|profile| profile.echo = [3; 16]);
    world.walk(&[(0, 0.0)]);
    world.hint(10, 7, HintVerdict::Enter);
    world.walk(&[(20, 900_000.0)]);
    world.see(seen(2, 30, 110.0));
    world.publish(|source| source.campaigns.push(dwelling(15, &[1], 60)));
    world.walk(&[(60, 10.0)]);
    let fixes = [seen(3, 70, 0.0).fix];
    let origin = Origin {
        account: ACCOUNT,
        instance: InstanceId([4; 16]),
        stream: StreamNo(1),
        seq: FrameSeq(9),
    };
    world.step(&Input::Fixes(Batch { origin: Some(origin), ..batch(at(70), &fixes) }));
    world
}

fn read(bytes: &[u8]) -> Result<Partition, Damaged> {
    Partition::read_state(PARTITION, KEY, &mut TurnedAround, bytes)
}

#[test]
fn what_is_read_writes_the_same_bytes() {
    let world = furnished();
    let bytes = state_bytes(&world.partition);
    let again = restored(&world.partition);
    assert_eq!(state_bytes(&again), bytes);
    assert_eq!((again.seq(), again.epoch()), (world.partition.seq(), world.partition.epoch()));
    assert_eq!(again.next_deadline(), world.partition.next_deadline());
}

#[test]
fn no_device_id_stands_in_the_bytes() {
    let bytes = state_bytes(&furnished().partition);
    for number in 1..=3 {
        let id = device(number).0;
        assert!(!bytes.windows(16).any(|window| window == id), "device {number}");
    }
}

#[test]
fn a_state_cut_short_anywhere_is_damaged() {
    let bytes = state_bytes(&furnished().partition);
    for len in 0..bytes.len() {
        assert!(read(&bytes[..len]).is_err(), "{len} of {} bytes", bytes.len());
    }
    let longer = [&bytes[..], &[0]].concat();
    assert!(read(&longer).is_err());
}

#[test]
fn a_flipped_bit_is_refused_or_harmless() {
    let mut world = furnished();
    let bytes = state_bytes(&world.partition);
    let fixes = [seen(1, 120, 0.0).fix, seen(2, 120, 0.0).fix, seen(3, 700, 500.0).fix];
    let mut refused = 0;
    for bit in 0..bytes.len() * 8 {
        let mut hurt = bytes.clone();
        hurt[bit / 8] ^= 1 << (bit % 8);
        let Ok(mut partition) = read(&hurt) else {
            refused += 1;
            continue;
        };
        // Only a checksum can see a changed instant; what is read must not break anything, though.
        let mut out = Outputs::default();
        out.counts.open = 1000;
        if partition.epoch() == world.partition.epoch() {
            partition.step(&Input::Fixes(batch(at(700), &fixes)), Some(world.view()), &mut out);
            partition.step(&Input::Tick { now: at(900) }, Some(world.view()), &mut out);
        }
    }
    assert!(refused > bytes.len(), "{refused} of {} flips were refused", bytes.len() * 8);
    world.tick(900);
}

#[test]
fn a_length_without_end_asks_for_no_memory() {
    let bytes = state_bytes(&furnished().partition);
    for at in 0..bytes.len() - 4 {
        let mut hurt = bytes.clone();
        hurt[at..at + 4].copy_from_slice(&[0xFF; 4]);
        let _either = read(&hurt);
    }
}

#[test]
fn another_version_partition_or_key_is_refused() {
    let bytes = state_bytes(&furnished().partition);
    for version in [0, bytes[0] + 1] {
        let other = [&[version], &bytes[1..]].concat();
        let reason = read(&other).map(|_| ()).unwrap_err();
        assert_eq!(reason.offset, 1);
        assert!(reason.to_string().contains("format version"), "{reason}");
    }
    let elsewhere = Partition::read_state(PartitionId(9), KEY, &mut TurnedAround, &bytes);
    assert!(elsewhere.unwrap_err().to_string().contains("a device of this partition"));

    struct NoKey;
    impl DeviceSeal for NoKey {
        fn seal(&mut self, _device: DeviceKey) -> [u8; SEALED_LEN] {
            [0; SEALED_LEN]
        }
        fn open(&mut self, _account: u32, _sealed: &[u8; SEALED_LEN]) -> Option<DeviceId> {
            None
        }
    }
    let keyless = Partition::read_state(PARTITION, KEY, &mut NoKey, &bytes);
    assert!(keyless.unwrap_err().to_string().contains("sealed under a key"));
}

/// Fixes of four devices that come and go, a step of 30 to 400 s apart.
fn fixes() -> impl Strategy<Value = Vec<Fix>> {
    let one = (1u32..5, 30i64..400, -40i32..40, prop::sample::select(vec![5u16, 50, 150]));
    prop::collection::vec(one, 1..80).prop_map(|all| {
        let mut now = 0;
        let mut fix = |(number, wait_s, tens, accuracy_m)| {
            now += wait_s;
            seen(number, now, f64::from(tens) * 10.0).accuracy(accuracy_m).fix
        };
        all.into_iter().map(&mut fix).collect()
    })
}

/// Jobs and events without their positions, in batches of `size`, all taken in at one instant each.
fn outputs(world: &World, fixes: &[Fix], size: usize, restarts: bool) -> Vec<Output> {
    let mut partition = restored(&world.partition);
    let mut out = Outputs::default();
    for some in fixes.chunks(size) {
        let received_at = fixes[fixes.len() - 1].fixed_at;
        let mut policy = *partition.policy();
        policy.max_push_age_s = u32::MAX;
        partition.step(&Input::Policy(&policy), None, &mut out);
        partition.step(&Input::Fixes(batch(received_at, some)), Some(world.view()), &mut out);
        if restarts {
            partition = restored(&partition);
        }
    }
    out.decisions.iter().map(|decision| decision.output).collect()
}

proptest! {
    #[test]
    fn batches_and_restarts_change_no_output(fixes in fixes(), size in 1usize..20) {
        let daily = |spec| CampaignSpec { frequency: Frequency::Resend { after_s: 600 }, ..spec };
        let campaigns =
            vec![daily(campaign(10, &[1])), daily(leaving(11, &[1, 2])), dwelling(12, &[2], 120)];
        let world = World::new(vec![fence(1, 0.0, 100.0), fence(2, 150.0, 100.0)], campaigns);
        let one_by_one = outputs(&world, &fixes, 1, false);
        prop_assert_eq!(&outputs(&world, &fixes, size, false), &one_by_one);
        prop_assert_eq!(&outputs(&world, &fixes, size, true), &one_by_one);
        prop_assert_eq!(&outputs(&world, &fixes, usize::MAX, false), &one_by_one);
    }
}

#[test]
fn a_forgotten_device_leaves_nothing_and_nobody_hears_of_it() {
    let mut world = furnished();
    let sealed = TurnedAround.seal(DeviceKey { account: ACCOUNT, device: device(1) });
    let is_in = |world: &World| {
        state_bytes(&world.partition).windows(SEALED_LEN).any(|window| window == sealed)
    };
    let (devices, open) = (world.partition.devices(), world.partition.open_triggers());
    assert!(is_in(&world) && open > 0);
    let forget = |world: &mut World, gone: &[u32]| {
        let erasure = |number: &u32| Erasure { device: device(*number) };
        let erasures: Vec<Erasure> = gone.iter().map(erasure).collect();
        world.step(&Input::Erasures(batch(at(80), &erasures)))
    };
    // One of them is not there.
    let got = forget(&mut world, &[1, 9]);
    assert_eq!((world.partition.devices(), is_in(&world)), (devices - 1, false));
    assert!(got.decisions.is_empty(), "{got:?}");
    assert!(!got.suppressed().is_empty(), "its triggers close");
    let got = forget(&mut world, &[1, 2, 3]);
    assert!(got.decisions.is_empty(), "{got:?}");
    assert_eq!((world.partition.devices(), world.partition.open_triggers()), (0, 0));
    // Whoever comes back is new.
    assert_eq!(world.see(seen(1, 90, 0.0)).moves().0, 1);
}
