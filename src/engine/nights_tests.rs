//! Homes: which cell is one, against a plain count, and what that does to targets that are for those at home.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::nights::cell_of;
use super::testkit::{
    ACCOUNT, World, account, at, campaign, device, fence, local, north, restored, seen, state_bytes,
};
use crate::domain::campaign::AccountSpec;
use crate::domain::ids::DeviceKey;
use crate::domain::report::HintVerdict;
use crate::domain::target::TargetSpec;
use crate::snapshot::build::Source;

/// Two kilometres lie in another cell of resolution 8, which is about a kilometre wide.
const ELSEWHERE_M: f64 = 2000.0;

fn noting() -> AccountSpec {
    AccountSpec { note_nights: true, ..account(1) }
}

/// A district of 10 km for those at home there.
fn home() -> TargetSpec {
    TargetSpec { at_home: true, ..fence(1, 0.0, 10_000.0) }
}

fn world() -> World {
    World::with(noting(), vec![home()], vec![campaign(10, &[1])])
}

/// Device 1 spends nights of these days at a place, at three o'clock.
fn sleep(world: &mut World, days: impl IntoIterator<Item = i64>, north_m: f64) {
    for day in days {
        world.see(seen(1, night(day, 3, 0), north_m));
    }
}

/// The home of device 1.
fn home_of(world: &World, time_s: i64) -> Option<u64> {
    let table = &world.partition.table;
    let row = table.find(DeviceKey { account: ACCOUNT, device: device(1) })?;
    let day = world.view().account(ACCOUNT)?.local_day(at(time_s))?;
    super::nights::home(table.nights.get(table.annex(row).nights), i32::try_from(day).ok()?)
}

/// Hours and minutes of a day from the first one on.
fn night(day: i64, hour: i64, minute: i64) -> i64 {
    local(24 + day, hour, minute)
}

#[test]
fn a_residential_campaign_reaches_a_device_in_its_home_cell_alone() {
    let mut world = world();
    sleep(&mut world, 0..2, 0.0);
    assert!(world.stays(1).is_empty(), "two nights make no home");
    let third = world.see(seen(1, night(2, 5, 59), 0.0));
    assert_eq!((third.pushed(), world.stays(1)), (vec![10], vec![1]), "the third does");
    let mut away = world;
    away.publish(|source| source.campaigns.push(campaign(11, &[1])));
    // At work, in the district, it is not at home: two fixes in a row end the stay.
    away.walk(&[(night(2, 9, 0), ELSEWHERE_M), (night(2, 9, 10), ELSEWHERE_M)]);
    assert!(away.stays(1).is_empty());
    assert!(away.see(seen(1, night(2, 12, 0), ELSEWHERE_M)).pushed().is_empty());
    assert_eq!(away.see(seen(1, night(2, 19, 0), 0.0)).pushed(), [11], "back home");
    for minute in [10, 11, 12] {
        let coarse = away.see(seen(1, night(2, 19, minute), 0.0).accuracy(485));
        assert!(coarse.rejected().is_empty());
        assert_eq!(away.stays(1), [1], "a fix that does not tell ends nothing, nor do several");
    }
    away.walk(&[(night(2, 19, 20), ELSEWHERE_M), (night(2, 19, 21), ELSEWHERE_M)]);
    assert!(away.stays(1).is_empty(), "two that tell do");
}

#[test]
fn only_fine_fixes_from_midnight_to_six_count() {
    for (hour, minute, accuracy_m, counts) in [
        (0, 0, 10, true),
        (5, 59, 484, true),
        (6, 0, 10, false),
        (23, 59, 10, false),
        (3, 0, 485, false),
    ] {
        let mut world = world();
        for day in 0..3 {
            world.see(seen(1, night(day, hour, minute), 0.0).accuracy(accuracy_m));
        }
        let found = home_of(&world, night(3, 12, 0)).is_some();
        assert_eq!(found, counts, "{hour}:{minute} ± {accuracy_m} m");
    }
}

#[test]
fn nights_are_noted_where_an_account_asks_for_it() {
    let quiet = AccountSpec { note_nights: false, ..noting() };
    let measuring = AccountSpec { measure_visits: true, ..quiet.clone() };
    for (spec, noted) in [(quiet, false), (measuring, true), (noting(), true)] {
        let mut world = World::with(spec, vec![home()], vec![campaign(10, &[1])]);
        sleep(&mut world, 0..3, 0.0);
        assert_eq!(home_of(&world, night(2, 4, 0)).is_some(), noted);
        assert_eq!(world.stays(1).is_empty(), !noted);
    }
}

#[test]
fn a_home_lasts_thirty_nights_and_moves_with_its_device() {
    let mut world = world();
    sleep(&mut world, 0..3, 0.0);
    let first = home_of(&world, night(3, 12, 0));
    assert_eq!(home_of(&world, night(29, 12, 0)), first, "the first of three is 29 days ago");
    assert_eq!(home_of(&world, night(30, 12, 0)), None);
    sleep(&mut world, 3..6, ELSEWHERE_M);
    let second = home_of(&world, night(6, 12, 0));
    assert!(second.is_some() && second != first, "of as many nights, the latest");
    sleep(&mut world, [6], 0.0);
    assert_eq!(home_of(&world, night(6, 12, 0)), first);
}

#[test]
fn nights_are_part_of_the_state() {
    let mut world = world();
    sleep(&mut world, 0..2, 0.0);
    let mut again = restored(&world.partition);
    assert_eq!(state_bytes(&again), state_bytes(&world.partition));
    std::mem::swap(&mut world.partition, &mut again);
    sleep(&mut world, 2..3, 0.0);
    assert_eq!(world.stays(1), [1]);
}

#[test]
fn a_hint_on_no_store_decides_no_home() {
    let mut world = world();
    world.see(seen(1, night(0, 12, 0), 0.0));
    assert!(world.hint(night(0, 12, 1), 0, HintVerdict::Enter).pushed().is_empty());
    assert!(world.stays(1).is_empty());
}

#[test]
fn a_target_comes_to_be_for_those_at_home_and_back() {
    let mut world = world();
    world.see(seen(1, night(0, 12, 0), 0.0));
    let make = |at_home: bool| move |source: &mut Source| source.targets[0].at_home = at_home;
    world.publish(make(false));
    world.see(seen(1, night(0, 12, 1), 0.0));
    assert_eq!(world.stays(1), [1]);
    world.publish(make(true));
    world.walk(&[(night(0, 12, 2), 0.0), (night(0, 12, 3), 0.0)]);
    assert!(world.stays(1).is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]
    /// With at most eight cells nothing is forgotten, so the home is the plain maximum.
    #[test]
    fn the_home_is_the_cell_of_the_most_nights(
        steps in prop::collection::vec((0..8_u8, 0..5_i64), 1..70),
    ) {
        let mut world = World::with(noting(), vec![home()], vec![]);
        let (mut diary, mut today) = (BTreeMap::<u64, BTreeSet<i64>>::new(), 0);
        for (number, (spot, days)) in (0_i64..).zip(steps) {
            today = (today + days).min(36);
            let north_m = f64::from(spot) * ELSEWHERE_M;
            // A jump of kilometres takes its time.
            world.see(seen(1, night(today, 0, 0) + number * 300, north_m));
            diary.entry(cell_of(north(north_m)).unwrap()).or_default().insert(today);
            let recent = |days: &BTreeSet<i64>| days.iter().filter(|day| today - **day < 30).count();
            let counted = diary.iter().map(|(cell, days)| (recent(days), days.last(), *cell));
            let expected = counted.max().filter(|(nights, ..)| *nights >= 3).map(|(.., cell)| cell);
            prop_assert_eq!(home_of(&world, night(today, 7, 0)), expected);
        }
    }
}
