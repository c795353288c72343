//! The state as it was released: `tests/golden/state-v5` is a partition that this release writes byte for byte.
//! `state-v4` is the same partition from before devices had their days, `state-v3` is the same partition as the format before had it, without nights, `state-v2` and `state-v1` as it was
//! when there were no visits to note; they are read, too. The journal's golden checkpoint holds the oldest.
//!
//! All golden files are written anew by `cargo test --lib write_golden_files -- --ignored`.

use std::fs;
use std::path::{Path, PathBuf};

use crate::domain::campaign::{CampaignSpec, WindowSpec};
use crate::domain::ids::{
    AppId, CampaignId, FrameSeq, InputSeq, InstanceId, Origin, PartitionId, StreamNo,
};
use crate::domain::input::{Batch, Input, LimitId};
use crate::domain::report::HintVerdict;
use crate::domain::target::PlaceArea;
use crate::snapshot::calendar::every_day;

use super::testkit::*;

fn golden_file(version: u8) -> PathBuf {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    dir.join(format!("state-v{version}/partition.state"))
}

/// The golden partition's number, its last input and its bytes as version 1 had them.
pub(crate) fn state() -> (PartitionId, InputSeq, Vec<u8>) {
    let world = world();
    (world.partition.id(), world.partition.seq(), fs::read(golden_file(1)).unwrap())
}

/// Something of everything that a state holds: stays, open and waiting triggers, a used bucket, a hint, a profile, an
/// anchor of a jump, a sender, a grant, a policy.
fn world() -> World {
    let windows = vec![WindowSpec { weekdays: every_day(), start_min: 0, end_min: 60 }];
    let campaigns = vec![
        campaign(10, &[1]),
        dwelling(11, &[1], 900),
        CampaignSpec { windows, ..campaign(12, &[1]) },
        CampaignSpec { total_limit: Some(5), ..campaign(13, &[2]) },
    ];
    let targets = vec![fence(1, 0.0, 100.0), store(2, 7, PlaceArea::Signal, 150.0, 40.0)];
    let mut world = World::new(targets, campaigns);
    world.policy(|policy| policy.gap_s = 1234);
    world.walk(&[(0, 0.0), (60, 5.0), (120, 10.0)]);
    world.hint(130, 7, HintVerdict::Enter);
    world.profile(|profile| profile.echo = [0xEC; 16]);
    world.see(seen(2, 140, 0.0));
    world.see(seen(2, 150, 90_000.0));
    let limit = LimitId::Campaign { account: ACCOUNT, campaign: CampaignId(13) };
    world.grant(limit, 3);
    let instance = InstanceId([9; 16]);
    let origin = Origin { account: ACCOUNT, instance, stream: StreamNo(3), seq: FrameSeq(8) };
    world.step(&Input::Fixes(Batch {
        account: ACCOUNT,
        app: AppId(1),
        origin: Some(origin),
        received_at: at(200),
        records: &[seen(3, 200, 20.0).fix],
    }));
    world
}

/// The same with a visit that is over and one that lasts.
fn world_with_visits() -> World {
    let mut world = world();
    world.publish(|source| {
        source.accounts[0].measure_visits = true;
        source.targets.push(store(3, 8, PlaceArea::Inside, 3000.0, 25.0));
    });
    for (number, leaves_m) in [(4, 9000.0), (5, 3000.0)] {
        for (time_s, north_m) in [(210, 3000.0), (400, 3005.0), (500, leaves_m)] {
            world.see(seen(number, time_s, north_m));
        }
    }
    world
}

/// The same with a device that has slept in two places.
fn world_with_nights() -> World {
    let mut world = world_with_visits();
    world.publish(|source| source.accounts[0].note_nights = true);
    for (day, north_m) in [(25, 0.0), (26, 0.0), (27, 9000.0)] {
        world.see(seen(4, local(day, 3, 0), north_m));
    }
    world
}

fn read(bytes: &[u8]) -> super::Partition {
    let key = crate::snapshot::samples::KEY;
    super::Partition::read_state(PARTITION, key, &mut TurnedAround, bytes).unwrap()
}

/// The same with its snapshot named as another state names it: what that is made of has changed since.
fn with_the_snapshot_of(other: &[u8], mut bytes: Vec<u8>) -> Vec<u8> {
    let hash = 17..49;
    bytes[hash.clone()].copy_from_slice(&other[hash]);
    bytes
}

#[test]
fn versions_1_and_2_are_read() {
    let fresh = world();
    for version in [1, 2] {
        let golden = fs::read(golden_file(version)).unwrap();
        assert_eq!(golden[0], version);
        let read = read(&golden);
        assert_eq!(read.seq(), fresh.partition.seq());
        assert_eq!(read.open_triggers(), fresh.partition.open_triggers());
        assert!(read.open_triggers() > 0 && read.next_deadline().is_some(), "it has all sorts");
        let expected = with_the_snapshot_of(&golden, state_bytes(&fresh.partition));
        assert!(state_bytes(&read) == expected, "what is read is written in the newest format");
    }
}

#[test]
fn version_3_is_read() {
    let golden = fs::read(golden_file(3)).unwrap();
    assert_eq!(golden[0], 3);
    let expected = with_the_snapshot_of(&golden, state_bytes(&world_with_visits().partition));
    assert!(
        state_bytes(&read(&golden)) == expected,
        "what is read is written in the newest format"
    );
}

#[test]
fn version_4_is_read() {
    let golden = fs::read(golden_file(4)).unwrap();
    assert_eq!(golden[0], 4);
    let expected = with_the_snapshot_of(&golden, state_bytes(&world_with_nights().partition));
    assert!(
        state_bytes(&read(&golden)) == expected,
        "what is read is written in the newest format"
    );
}

#[test]
fn version_5_is_what_is_written_and_read() {
    let bytes = state_bytes(&world_with_nights().partition);
    let golden = fs::read(golden_file(5)).unwrap();
    assert!(bytes == golden, "a change of format needs a new version");
    assert!(state_bytes(&read(&golden)) == golden);
}

#[test]
fn a_newer_state_is_called_newer() {
    let mut bytes = state_bytes(&world().partition);
    assert_eq!(super::state::newer_format(&bytes), None);
    bytes[0] += 1;
    assert_eq!(super::state::newer_format(&bytes), Some(bytes[0]));
}

#[test]
#[ignore = "writes the golden files of a new format version; run by hand, once"]
fn write_golden_files() {
    fs::create_dir_all(golden_file(5).parent().unwrap()).unwrap();
    fs::write(golden_file(5), state_bytes(&world_with_nights().partition)).unwrap();
}
