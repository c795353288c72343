//! The state as it was released: `tests/golden/state-v1` is a partition that every later release must read, and
//! that this one writes byte for byte. The journal's golden checkpoint holds the same.
//!
//! All golden files are written anew by `cargo test --lib write_golden_files -- --ignored`.

use std::fs;
use std::path::{Path, PathBuf};

use crate::domain::campaign::{CampaignSpec, WindowSpec};
use crate::domain::ids::{AppId, CampaignId, FrameSeq, InstanceId, Origin, StreamNo};
use crate::domain::input::{Batch, Input, LimitId};
use crate::domain::report::HintVerdict;
use crate::domain::target::PlaceArea;
use crate::snapshot::calendar::every_day;

use super::testkit::*;

fn golden_file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/state-v1/partition.state")
}

/// The golden partition's number, its last input and its bytes.
pub(crate) fn state() -> (crate::domain::ids::PartitionId, crate::domain::ids::InputSeq, Vec<u8>) {
    let world = world();
    (world.partition.id(), world.partition.seq(), state_bytes(&world.partition))
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

#[test]
fn version_1_is_read() {
    let golden = fs::read(golden_file()).unwrap();
    let fresh = world();
    let read = super::Partition::read_state(
        PARTITION,
        crate::snapshot::samples::KEY,
        &mut TurnedAround,
        &golden,
    )
    .unwrap();
    assert_eq!(read.seq(), fresh.partition.seq());
    assert_eq!(read.open_triggers(), fresh.partition.open_triggers());
    assert!(read.open_triggers() > 0 && read.next_deadline().is_some(), "it has something of all");
    assert!(state_bytes(&read) == golden, "what is read is written alike");
}

#[test]
fn version_1_is_what_is_written() {
    let (.., bytes) = state();
    assert!(bytes == fs::read(golden_file()).unwrap(), "a change of format needs a new version");
}

#[test]
fn a_newer_state_is_called_newer() {
    let (.., mut bytes) = state();
    assert_eq!(super::state::newer_format(&bytes), None);
    bytes[0] += 1;
    assert_eq!(super::state::newer_format(&bytes), Some(bytes[0]));
}

#[test]
#[ignore = "writes the golden files of a new format version; run by hand, once"]
fn write_golden_files() {
    let (.., bytes) = state();
    fs::create_dir_all(golden_file().parent().unwrap()).unwrap();
    fs::write(golden_file(), bytes).unwrap();
}
