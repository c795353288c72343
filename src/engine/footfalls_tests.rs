//! What devices do at targets is counted as a plain count has it, at the edges of its bounds too, and nothing is decided
//! by it.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::footfalls::Footfalls;
use super::testkit::*;
use crate::domain::footfall::{Footfall, RETURN_S};
use crate::domain::ids::{AccountId, DeviceId, DeviceKey, TargetId};
use crate::domain::report::HintVerdict;
use crate::domain::target::PlaceArea;

fn key(number: u32) -> DeviceKey {
    DeviceKey { account: ACCOUNT, device: device(number) }
}

/// Three fences in a row, 300 m apart, of 100 m each.
fn counting() -> World {
    let fences = (0..3).map(|number| fence(number + 1, f64::from(number) * 300.0, 100.0));
    let mut world = World::new(fences.collect(), vec![campaign(1, &[1, 2, 3])]);
    world.out = std::mem::take(&mut world.out).counting_footfalls();
    world
}

fn taken(world: &mut World) -> BTreeMap<u32, Footfall> {
    let footfalls = world.out.footfalls.as_mut().unwrap();
    let (counts, overlooked) = footfalls.take();
    assert_eq!(overlooked, 0);
    let all = counts.len();
    let by_target: BTreeMap<u32, Footfall> = counts
        .into_iter()
        .map(|((account, target), footfall)| {
            assert_eq!(account, ACCOUNT);
            (target.0, footfall)
        })
        .collect();
    assert_eq!(by_target.len(), all, "each target once");
    by_target
}

#[test]
fn a_return_is_an_enter_within_ten_minutes_of_an_exit() {
    let return_s = i64::from(RETURN_S);
    for (back_after_s, returns) in [(1, 1), (return_s, 1), (return_s + 1, 0)] {
        let mut world = counting();
        world.walk(&[(0, 0.0), (60, 150.0), (60 + back_after_s, 0.0)]);
        let one = taken(&mut world)[&1];
        assert_eq!((one.enters, one.exits, one.returns), (2, 1, returns), "{back_after_s} s");
        assert_eq!((one.too_coarse, one.fixes()), (0, 2));
    }
}

#[test]
fn silence_and_an_edit_are_no_exits() {
    let mut world = counting();
    world.walk(&[(0, 0.0), (2_000, 0.0)]);
    world.publish(|source| {
        source.targets.retain(|target| target.id != TargetId(1));
        source.campaigns[0].targets.retain(|target| *target != TargetId(1));
    });
    world.walk(&[(2_060, 0.0)]);
    let one = taken(&mut world)[&1];
    assert_eq!((one.enters, one.exits, one.returns), (2, 0, 0));
}

#[test]
fn a_device_that_stays_too_coarse_is_counted_once() {
    let mut world = counting();
    for time_s in [0, 60, 120, 660] {
        world.see(seen(1, time_s, 0.0).accuracy(101));
    }
    world.see(seen(2, 660, 0.0).accuracy(100));
    let one = taken(&mut world)[&1];
    assert_eq!((one.enters, one.too_coarse, one.fixes()), (1, 1, 2));
    // After a silence it comes anew.
    world.see(seen(1, 660 + i64::from(RETURN_S) + 1, 0.0).accuracy(150));
    assert_eq!(taken(&mut world)[&1].too_coarse, 1);
}

#[test]
fn a_hint_enters_and_says_nothing_of_accuracy() {
    let mut world = World::new(vec![store(1, 7, PlaceArea::Signal, 0.0, 100.0)], Vec::new());
    world.publish(|source| source.campaigns.push(campaign(1, &[1])));
    world.out = std::mem::take(&mut world.out).counting_footfalls();
    world.hint(0, 7, HintVerdict::Enter);
    world.hint(60, 7, HintVerdict::Leave);
    world.hint(90, 7, HintVerdict::Enter);
    let one = taken(&mut world)[&1];
    assert_eq!((one.enters, one.exits, one.returns, one.fixes()), (2, 1, 1, 0));
}

#[test]
fn a_full_table_says_what_it_overlooked() {
    let mut footfalls = Footfalls::default();
    let most = 32_768;
    for number in 0..most {
        footfalls.enter(key(1), TargetId(number), at(0), Some(10));
    }
    footfalls.enter(key(1), TargetId(most), at(0), Some(10));
    footfalls.enter(key(1), TargetId(0), at(0), Some(10));
    let (counts, overlooked) = footfalls.take();
    assert_eq!((counts.len(), overlooked), (most as usize, 1));
    assert_eq!(counts[0].1.enters, 2, "what has its place is counted on");
    assert_eq!(footfalls.take(), (Vec::new(), 0));
    footfalls.enter(key(1), TargetId(most), at(0), Some(10));
    assert_eq!(footfalls.take().0.len(), 1, "and there is room again");
}

#[test]
fn what_is_put_back_adds_up_with_what_came_meanwhile() {
    let mut footfalls = Footfalls::default();
    footfalls.enter(key(1), TargetId(1), at(0), Some(10));
    let (counts, overlooked) = footfalls.take();
    footfalls.enter(key(2), TargetId(1), at(1), Some(10));
    footfalls.put_back(counts, overlooked + 3);
    let (counts, overlooked) = footfalls.take();
    assert_eq!((counts.len(), counts[0].1.enters, overlooked), (1, 2, 3));
}

/// More come and go than can be remembered: exits and returns are of those that are, each of which does return.
#[test]
fn who_is_not_remembered_is_left_out_of_both() {
    let mut footfalls = Footfalls::default();
    let devices = || {
        (0u64..200_000).map(|number| {
            let mut id = [3; 16];
            id[..8].copy_from_slice(&number.to_le_bytes());
            DeviceKey { account: AccountId(1), device: DeviceId(id) }
        })
    };
    devices().for_each(|one| footfalls.exit(one, TargetId(1), at(0)));
    devices().for_each(|one| footfalls.enter(one, TargetId(1), at(60), None));
    let (counts, _) = footfalls.take();
    let count = counts[0].1;
    assert_eq!((count.enters, count.fixes()), (200_000, 0));
    assert_eq!(count.exits, count.returns);
    assert!((100_000..=131_072).contains(&count.exits), "{}", count.exits);
}

/// What happens to a device: how long after the last, where, and how exactly that is known. No place is on a border.
type Happening = (u32, i64, f64, u16);

fn happenings() -> impl Strategy<Value = Vec<Happening>> {
    let accuracy_m = prop_oneof![4 => Just(10), 1 => 90u16..110, 1 => 100u16..400];
    let north_m = (-20i32..90).prop_map(|tens| f64::from(tens * 10 + 5));
    let one = (1u32..4, 5i64..900, north_m, accuracy_m);
    prop::collection::vec(one, 1..120)
}

/// A plain count: of each device and target when it left, and when it was last too coarse there.
#[derive(Default)]
struct Plain {
    counts: BTreeMap<u32, Footfall>,
    left: BTreeMap<(u32, u32), i64>,
    coarse: BTreeMap<(u32, u32), i64>,
}

impl Plain {
    fn take(&mut self, (device, accuracy_m): (u32, u16), time_s: i64, was: &[u32], is: &[u32]) {
        let return_s = i64::from(RETURN_S);
        for target in was.iter().filter(|target| !is.contains(target)) {
            self.counts.entry(*target).or_default().exits += 1;
            self.left.insert((device, *target), time_s);
        }
        for target in is.iter().filter(|target| !was.contains(target)) {
            let count = self.counts.entry(*target).or_default();
            count.enters += 1;
            count.note_accuracy(accuracy_m);
            let left = self.left.remove(&(device, *target));
            count.returns += u32::from(left.is_some_and(|left| time_s - left <= return_s));
        }
    }

    fn too_coarse(&mut self, (device, accuracy_m): (u32, u16), time_s: i64, target: u32) {
        let last = self.coarse.insert((device, target), time_s);
        if last.is_none_or(|last| time_s - last > i64::from(RETURN_S)) {
            let count = self.counts.entry(target).or_default();
            count.too_coarse += 1;
            count.note_accuracy(accuracy_m);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn counts_are_those_of_a_plain_count(happenings in happenings()) {
        let (mut world, mut plain, mut without) = (counting(), Plain::default(), counting());
        without.out.footfalls = None;
        let (mut time_s, mut heard) = (0, BTreeMap::new());
        for (number, after_s, north_m, accuracy_m) in happenings {
            time_s += after_s;
            let was = world.stays(number);
            let fix = seen(number, time_s, north_m).accuracy(accuracy_m);
            let got = world.see(fix);
            let silent = without.see(fix);
            prop_assert_eq!(&got.decisions, &silent.decisions);
            // A gap ends stays without an exit.
            let last = heard.insert(number, time_s);
            let was = if last.is_some_and(|last| time_s - last > 1800) { Vec::new() } else { was };
            let is = world.stays(number);
            plain.take((number, accuracy_m), time_s, &was, &is);
            let inside = (1..=3).filter(|id| (north_m - f64::from(id - 1) * 300.0).abs() < 100.0);
            for target in inside.filter(|target| accuracy_m > 100 && !is.contains(target)) {
                plain.too_coarse((number, accuracy_m), time_s, target);
            }
        }
        prop_assert_eq!(taken(&mut world), plain.counts);
    }
}

/// More are met than can be remembered: half of them by fixes that are too coarse, and so it is told.
#[test]
fn fine_and_coarse_fixes_are_left_out_alike() {
    let mut footfalls = Footfalls::default();
    for number in 0u64..400_000 {
        let mut id = [3; 16];
        id[..8].copy_from_slice(&number.to_le_bytes());
        let one = DeviceKey { account: AccountId(1), device: DeviceId(id) };
        if number % 2 == 0 {
            footfalls.enter(one, TargetId(1), at(0), Some(10));
        } else {
            footfalls.turn_away(one, TargetId(1), at(0), 200);
        }
    }
    let count = footfalls.take().0[0].1;
    let coarse_pct = 100 * u64::from(count.too_coarse) / count.fixes();
    assert!((49..=50).contains(&coarse_pct), "{coarse_pct} % of {}", count.fixes());
}
