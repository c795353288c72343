//! Hostile bytes: whatever is done to a block, it is refused with a reason, and nothing panics.

use proptest::prelude::*;
use rkyv::Portable;
use rkyv::api::high::HighValidator;
use rkyv::bytecheck::CheckBytes;
use rkyv::rancor::Error as ArchiveError;
use rkyv::util::AlignedVec;

use super::block::{BlockError, Content, HEADER_LEN, Verified, encode};
use super::blocks::{
    AudienceBlock, BlockKind, CalendarBlock, CampaignRow, CampaignsBlock, ConditionRow,
    FrequencyRow, IdTable, Manifest, PlacesBlock, ScheduleBlock, Standing, StandingAccount,
    TargetRow, TargetsBlock, WatchBlock, WindowRow,
};
use super::build::{Encoded, build};
use super::index::{AtlasBlock, GeometryBlock, ShapesBlock, TileBlock};
use super::labels::{LabelRow, LabelTable};
use super::memory::PrivateBytes;
use super::samples::{device, options, source};
use crate::domain::campaign::AudienceSpec;

fn private(bytes: &[u8]) -> PrivateBytes {
    let mut copy = AlignedVec::new();
    copy.extend_from_slice(bytes);
    PrivateBytes::from_heap(copy)
}

/// Gives changed content a digest that fits, as a forger would.
fn forged(mut bytes: Vec<u8>) -> Vec<u8> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&bytes[..32]).update(&bytes[HEADER_LEN..]);
    bytes[32..HEADER_LEN].copy_from_slice(hasher.finalize().as_bytes());
    bytes
}

fn check<T>(bytes: &[u8]) -> Result<(), BlockError>
where
    T: Content,
    T::Archived: Portable + for<'a> CheckBytes<HighValidator<'a, ArchiveError>>,
{
    Verified::<T>::check(private(bytes)).map(drop)
}

fn check_kind(kind: BlockKind, bytes: &[u8]) -> Result<(), BlockError> {
    match kind {
        BlockKind::Manifest => check::<Manifest>(bytes),
        BlockKind::Standing => check::<Standing>(bytes),
        BlockKind::Tile => check::<TileBlock>(bytes),
        BlockKind::Atlas => check::<AtlasBlock>(bytes),
        BlockKind::Shapes => check::<ShapesBlock>(bytes),
        BlockKind::Geometry => check::<GeometryBlock>(bytes),
        BlockKind::Places => check::<PlacesBlock>(bytes),
        BlockKind::Targets => check::<TargetsBlock>(bytes),
        BlockKind::Watch => check::<WatchBlock>(bytes),
        BlockKind::Campaigns => check::<CampaignsBlock>(bytes),
        BlockKind::Calendar => check::<CalendarBlock>(bytes),
        BlockKind::Schedule => check::<ScheduleBlock>(bytes),
        BlockKind::Audience => check::<AudienceBlock>(bytes),
    }
}

/// One block of each kind.
fn blocks() -> Vec<(BlockKind, Vec<u8>)> {
    let mut specs = source();
    specs.campaigns[0].audience = AudienceSpec::Devices((0..70).map(device).collect());
    let built = build(&specs, options(1, None)).unwrap();
    let all = built.fresh().iter().chain([built.manifest(), built.standing()]);
    all.map(|block: &Encoded| (block.kind, block.bytes.to_vec())).collect()
}

#[test]
fn there_is_one_of_each_kind_and_each_is_sound() {
    let mut kinds: Vec<u16> = blocks().iter().map(|(kind, _)| *kind as u16).collect();
    kinds.sort_unstable();
    kinds.dedup();
    assert_eq!(kinds, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]);
    for (kind, bytes) in blocks() {
        assert_eq!(check_kind(kind, &bytes), Ok(()));
        assert_eq!(BlockKind::from_number(kind as u16), Some(kind));
    }
}

#[test]
fn every_flipped_byte_and_every_cut_is_refused() {
    for (kind, bytes) in blocks() {
        let step = (bytes.len() / 2000).max(1);
        for at in (0..bytes.len()).step_by(step).chain(0..HEADER_LEN) {
            let mut flipped = bytes.clone();
            flipped[at] ^= 0x55;
            assert!(check_kind(kind, &flipped).is_err(), "{kind} with byte {at} flipped");
            assert!(check_kind(kind, &bytes[..at]).is_err(), "{kind} cut at {at}");
        }
        let mut longer = bytes.clone();
        longer.push(0);
        assert_eq!(check_kind(kind, &longer), Err(BlockError::Long { extra: 1 }));
    }
}

#[test]
fn a_block_of_another_kind_is_refused() {
    let (_, bytes) = blocks().remove(0);
    let found = u16::from_le_bytes([bytes[10], bytes[11]]);
    let refused = check::<Manifest>(&bytes);
    assert_eq!(refused, Err(BlockError::Kind { found, expected: BlockKind::Manifest }));
    let mut newer = bytes;
    newer[8] = 2;
    let text = check::<Manifest>(&newer).unwrap_err().to_string();
    assert!(text.contains("format version is 2, this release reads 1"), "{text}");
}

/// A forger can make the digest fit, so archive and content must stand on their own: no change may panic, in
/// the check or in reading what passed it.
#[test]
fn forged_blocks_never_panic() {
    for (kind, bytes) in blocks() {
        let step = (bytes.len() / 1500).max(1);
        for at in (HEADER_LEN..bytes.len()).step_by(step) {
            for change in [0x01, 0x80, 0xFF] {
                let mut changed = bytes.clone();
                changed[at] ^= change;
                let _verdict = check_kind(kind, &forged(changed));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn noise_is_refused(noise in prop::collection::vec(any::<u8>(), 0..400), number in 1_u16..=9) {
        let kind = BlockKind::from_number(number).unwrap();
        prop_assert!(check_kind(kind, &noise).is_err());
    }
}

/// A campaigns block with one sound row, and the change made to it.
fn campaigns_with(change: impl FnOnce(&mut CampaignRow)) -> Result<(), BlockError> {
    let mut row = CampaignRow {
        id: 1,
        mode: 2,
        holdout_pct: 0,
        honours_blacklist: true,
        condition: ConditionRow::Enter,
        frequency: FrequencyRow::OncePerDay,
        priority: 0,
        push_ttl_s: 600,
        max_accuracy_m: None,
        total_limit: None,
        starts_at: 0,
        ends_at: 1,
        start_day: 0,
        end_day: 0,
        window_set: 0,
        windows: vec![WindowRow { weekdays: 1, start_min: 0, end_min: 1440 }],
        audience: None,
        test_devices: Vec::new(),
        apps: vec![1],
        targets: vec![1],
        name: String::new(),
        client_code: String::new(),
        messages: Vec::new(),
    };
    change(&mut row);
    let ids = IdTable { ids: vec![1], direct: Vec::new(), base: 0 };
    let block = CampaignsBlock { ids, rows: vec![row], ..CampaignsBlock::default() };
    check::<CampaignsBlock>(&encode(&block).unwrap().1)
}

#[test]
fn values_that_no_build_writes_are_refused() {
    assert_eq!(campaigns_with(|_| ()), Ok(()));
    let window = |start_min, end_min| WindowRow { weekdays: 1, start_min, end_min };
    let changes: [fn(&mut CampaignRow); 9] = [
        |row| row.frequency = FrequencyRow::Resend(0),
        |row| row.frequency = FrequencyRow::Resend(599),
        |row| row.condition = ConditionRow::Dwell(0),
        |row| row.condition = ConditionRow::Dwell(86_401),
        |row| row.push_ttl_s = 0,
        |row| row.total_limit = Some(0),
        |row| row.max_accuracy_m = Some(0),
        |row| row.holdout_pct = 51,
        |row| row.windows[0].weekdays = 0x80,
    ];
    for (at, change) in changes.into_iter().enumerate() {
        assert!(campaigns_with(change).is_err(), "change {at}");
    }
    for bad in [window(60, 60), window(0, 1441)] {
        assert!(campaigns_with(|row| row.windows[0] = bad).is_err(), "{bad:?}");
    }
    let standing = |epoch, changed_in| {
        let account =
            StandingAccount { id: 1, changed_in, next_target_id: 1, campaigns: Vec::new() };
        let block = Standing { epoch, snapshot: [0; 32], rollback_of: 0, accounts: vec![account] };
        check::<Standing>(&encode(&block).unwrap().1)
    };
    assert_eq!(standing(7, 7), Ok(()));
    for (epoch, changed_in) in [(u64::MAX, 1), (0, 0), (7, 8)] {
        assert!(standing(epoch, changed_in).is_err(), "epoch {epoch}");
    }
}

/// A page with one sound target, and the change made to it.
fn targets_with(change: impl FnOnce(&mut TargetsBlock)) -> Result<(), BlockError> {
    let row = TargetRow {
        id: 1,
        key_start: 0,
        name_start: 1,
        name_end: 2,
        place: 0,
        area: 0,
        labels: LabelRow { brand: 1, district: 1, is_region: false },
    };
    let labels = LabelTable {
        text: "별다방성동구".to_owned(),
        ends: vec![9, 18],
        districts: vec![[0, 2, 0]],
    };
    let mut block = TargetsBlock { rows: vec![row], text: "kn".to_owned(), labels };
    change(&mut block);
    check::<TargetsBlock>(&encode(&block).unwrap().1)
}

#[test]
fn labels_that_no_build_writes_are_refused() {
    assert_eq!(targets_with(|_| ()), Ok(()));
    let changes: [fn(&mut TargetsBlock); 9] = [
        |page| page.rows[0].labels.brand = 3,
        |page| page.rows[0].labels.district = 2,
        |page| page.labels.districts[0][1] = 3,
        |page| page.labels.ends[0] = 0,
        |page| page.labels.ends[0] = 10,
        |page| page.labels.ends[0] = 18,
        |page| page.labels.ends[1] = 15,
        |page| page.labels.ends[1] = u32::MAX,
        |page| page.labels.ends.clear(),
    ];
    for (at, change) in changes.into_iter().enumerate() {
        assert!(targets_with(change).is_err(), "change {at}");
    }
}

#[test]
fn blocks_packed_together_are_the_same_and_each_begins_a_line() {
    let block = |n: usize| private(&vec![u8::try_from(n % 251).unwrap(); 1_000 + n]);
    let few = PrivateBytes::packed((0..3).map(block).collect()).unwrap();
    let many = PrivateBytes::packed((0..3_000).map(block).collect()).unwrap();
    for packed in [few, many] {
        for (n, bytes) in packed.iter().enumerate() {
            assert_eq!(bytes[..], block(n)[..]);
            assert_eq!(bytes.as_ptr().addr() % 64, 0);
        }
    }
}
