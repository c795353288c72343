//! Place hints: what decides, for which targets, how long.

use super::testkit::{NONE, World, at, campaign, fence, leaving, seen, store};
use crate::domain::campaign::CampaignSpec;
use crate::domain::ids::PlaceId;
use crate::domain::report::HintVerdict::{Enter, Leave, Nearby};
use crate::domain::target::PlaceArea::{Inside, Signal};

/// Store 7: its signal range is target 1, its inside target 2, at the origin. Target 3 is a plain fence there.
fn shop(campaigns: Vec<CampaignSpec>) -> World {
    let targets =
        vec![store(1, 7, Signal, 0.0, 100.0), store(2, 7, Inside, 0.0, 25.0), fence(3, 0.0, 100.0)];
    World::new(targets, campaigns)
}

fn watched() -> World {
    shop(vec![campaign(10, &[1, 2, 3])])
}

#[test]
fn enter_is_inside_and_in_range_and_nearby_is_in_range() {
    let mut world = watched();
    assert_eq!(world.hint(0, 7, Enter).moves(), (2, 0, 0));
    assert_eq!(world.stays(1), [1, 2]);
    let mut world = watched();
    world.hint(0, 7, Nearby);
    assert_eq!(world.stays(1), [1]);
    assert_eq!(world.hint(10, 7, Enter).moves(), (1, 0, 0));
    assert_eq!(world.hint(20, 7, Nearby).moves(), (0, 1, 0));
    assert_eq!(world.hint(30, 7, Leave).moves(), (0, 1, 0));
    assert_eq!(world.stays(1), NONE);
}

#[test]
fn a_hint_pushes_by_itself_with_the_store_in_the_job() {
    let mut world = shop(vec![campaign(10, &[2])]);
    let job = world.hint(5, 7, Enter).job();
    assert_eq!((job.place, job.at), (Some(PlaceId(7)), at(5)));
}

#[test]
fn a_hint_overrules_the_coordinates_of_its_place_alone() {
    let mut world = watched();
    world.hint(0, 7, Leave);
    let got = world.walk(&[(10, 0.0)]);
    assert_eq!((world.stays(1), got.counts.hits), (vec![3], 3), "it is on another floor");
    let mut world = watched();
    world.hint(0, 7, Enter);
    world.walk(&[(60, 400.0), (120, 400.0), (180, 400.0)]);
    assert_eq!(world.stays(1), [1, 2]);
}

#[test]
fn a_leave_ends_a_stay_at_once() {
    let mut world = shop(vec![leaving(10, &[1])]);
    world.walk(&[(0, 0.0)]);
    assert_eq!(world.hint(5, 7, Leave).pushed(), [10]);
}

#[test]
fn after_gap_s_coordinates_decide_again() {
    let mut world = watched();
    world.hint(0, 7, Leave);
    world.walk(&[(900, 0.0)]);
    world.see(seen(1, 1800, 0.0));
    assert_eq!(world.stays(1), [3]);
    world.see(seen(1, 1800, 0.0).millis(1));
    assert_eq!(world.stays(1), [1, 2, 3]);
}

#[test]
fn a_stay_held_by_a_hint_is_left_by_coordinates_after_gap_s() {
    let mut world = shop(vec![campaign(10, &[2])]);
    world.hint(0, 7, Enter);
    world.walk(&[(900, 300.0), (1700, 300.0)]);
    assert_eq!(world.stays(1), [2]);
    assert_eq!(world.walk(&[(1801, 300.0)]).counts.exits, 1);
}

#[test]
fn a_hint_in_force_holds_its_stay_over_a_gap_of_fixes() {
    let mut world = watched();
    world.walk(&[(0, 0.0)]);
    world.hint(1500, 7, Enter);
    let got = world.walk(&[(2000, 400.0)]);
    assert_eq!((world.stays(1), got.counts.exits), (vec![1, 2], 1), "only the fence is left");
}

#[test]
fn a_hint_after_a_gap_ends_what_was_before() {
    let mut world = watched();
    world.walk(&[(0, 0.0)]);
    let got = world.hint(1801, 7, Nearby);
    assert_eq!((got.moves(), world.stays(1)), ((1, 3, 0), vec![1]));
    let mut world = World::new(
        vec![store(1, 7, Signal, 0.0, 100.0), store(2, 8, Signal, 5000.0, 100.0)],
        vec![campaign(10, &[1, 2])],
    );
    world.hint(0, 7, Enter);
    world.hint(1801, 8, Enter);
    assert_eq!(world.stays(1), [2], "without any fix too");
}

#[test]
fn an_older_hint_does_not_overrule_a_newer_one() {
    let mut world = watched();
    world.hint(100, 7, Enter);
    let got = world.hint(50, 7, Leave);
    assert_eq!((got.counts.late, world.stays(1)), (1, vec![1, 2]));
}

#[test]
fn a_hint_behind_the_last_fix_speaks_of_now_up_to_max_push_age_s() {
    let mut world = watched();
    world.walk(&[(1000, 5000.0)]);
    assert_eq!(world.hint(699, 7, Enter).counts.late, 1);
    let got = world.hint(700, 7, Enter);
    assert_eq!((got.counts.late, got.moves()), (0, (2, 0, 0)));
    assert_eq!(got.job().at, at(1000));
}

#[test]
fn a_hint_of_a_store_that_nobody_watches_leaves_no_trace() {
    let mut world = watched();
    let got = world.hint(0, 99, Enter);
    assert_eq!((got.counts.evaluated, world.partition.devices()), (1, 0));
}

#[test]
fn hints_of_many_places_are_bounded() {
    let targets: Vec<_> = (1..=100).map(|id| store(id, id, Signal, 0.0, 50.0)).collect();
    let all: Vec<u32> = (1..=100).collect();
    let mut world = World::new(targets, vec![campaign(10, &all)]);
    for place in 1..=100 {
        world.hint(i64::from(place), place, Leave);
    }
    world.walk(&[(200, 0.0)]);
    assert_eq!(world.stays(1).len(), 68, "the 32 newest hints hold");
}

#[test]
fn the_first_fix_after_a_hint_need_not_be_near() {
    let mut world = watched();
    world.hint(0, 7, Enter);
    assert_eq!(world.walk(&[(1, 200_000.0)]).rejected(), []);
}
