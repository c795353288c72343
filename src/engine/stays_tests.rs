//! Enter, exit and dwell, each number at its edge.

use super::device::Stay;
use super::slab::Run;
use super::testkit::{NONE, World, at, batch, campaign, dwelling, fence, leaving, seen, store};
use crate::domain::campaign::CampaignSpec;
use crate::domain::ids::TargetId;
use crate::domain::input::Input;
use crate::domain::target::PlaceArea;

/// A fence of 100 m at the origin, and nobody interested but in enters.
fn one_fence() -> World {
    World::new(vec![fence(1, 0.0, 100.0)], vec![campaign(10, &[1])])
}

#[test]
fn a_first_fix_inside_is_an_enter() {
    let mut world = one_fence();
    let got = world.see(seen(1, 0, 99.9));
    assert_eq!(got.moves(), (1, 0, 0));
    assert_eq!(got.pushed(), [10]);
    assert_eq!(got.counts.hits, 1);
}

#[test]
fn a_first_fix_outside_is_nothing() {
    let got = one_fence().see(seen(1, 0, 100.1));
    assert_eq!((got.moves(), got.counts.hits, got.counts.evaluated), ((0, 0, 0), 0, 1));
}

#[test]
fn an_enter_needs_accuracy_within_the_limit_or_the_targets_size() {
    let enters = |radius_m: f64, accuracy_m: u16| {
        let mut world = World::new(vec![fence(1, 0.0, radius_m)], vec![campaign(10, &[1])]);
        world.see(seen(1, 0, 0.0).accuracy(accuracy_m)).counts.enters
    };
    assert_eq!((enters(50.0, 100), enters(50.0, 101)), (1, 0), "the policy's limit");
    assert_eq!((enters(150.0, 150), enters(150.0, 151)), (1, 0), "the target's size");
    assert_eq!(enters(50.0, 0), 1, "0 is unknown but good");
}

#[test]
fn a_campaign_content_with_coarser_fixes_lets_them_enter_and_pushes_alone() {
    let coarse = CampaignSpec { max_accuracy_m: Some(300), ..campaign(10, &[1]) };
    let mut world = World::new(vec![fence(1, 0.0, 50.0)], vec![coarse, campaign(11, &[1])]);
    assert_eq!(world.see(seen(1, 0, 0.0).accuracy(301)).moves(), (0, 0, 0));
    let got = world.see(seen(1, 60, 0.0).accuracy(300));
    assert_eq!((got.moves(), got.pushed()), ((1, 0, 0), vec![10]));
    assert_eq!(world.open(), 1, "the other waits for a finer fix");
    assert_eq!(world.see(seen(1, 120, 0.0)).pushed(), [11]);
}

#[test]
fn an_exit_needs_more_than_the_margin() {
    let mut world = one_fence();
    world.see(seen(1, 0, 0.0));
    assert_eq!(world.see(seen(1, 60, 124.9)).counts.exits, 0);
    let mut world = one_fence();
    world.see(seen(1, 0, 0.0));
    assert_eq!(world.see(seen(1, 60, 125.1)).counts.exits, 1);
}

#[test]
fn an_exit_needs_more_than_the_accuracy_of_the_fix() {
    let mut world = one_fence();
    world.see(seen(1, 0, 0.0));
    assert_eq!(world.see(seen(1, 60, 159.9).accuracy(60)).counts.exits, 0);
    let mut world = one_fence();
    world.see(seen(1, 0, 0.0));
    assert_eq!(world.see(seen(1, 60, 160.1).accuracy(60)).counts.exits, 1);
}

#[test]
fn two_fixes_outside_in_a_row_are_an_exit() {
    let mut world = one_fence();
    world.see(seen(1, 0, 0.0));
    assert_eq!(world.walk(&[(60, 110.0)]).counts.exits, 0);
    assert_eq!(world.walk(&[(120, 90.0), (180, 110.0)]).counts.exits, 0, "the inside one restarts");
    assert_eq!(world.walk(&[(240, 101.0)]).counts.exits, 1);
    assert_eq!(world.stays(1), NONE);
}

#[test]
fn a_coarse_fix_outside_neither_ends_a_stay_nor_confirms() {
    let mut world = one_fence();
    world.see(seen(1, 0, 0.0));
    world.see(seen(1, 60, 110.0));
    assert_eq!(world.see(seen(1, 120, 800.0).accuracy(500)).counts.exits, 0);
    assert_eq!(world.see(seen(1, 180, 110.0)).counts.exits, 1, "the second fine one does");
}

#[test]
fn a_fix_beyond_1000_m_and_its_accuracy_settles_the_exit() {
    let mut world = one_fence();
    world.see(seen(1, 0, 0.0));
    assert_eq!(world.see(seen(1, 60, 1599.0).accuracy(500)).counts.exits, 0);
    assert_eq!(world.see(seen(1, 120, 1601.0).accuracy(500)).counts.exits, 1);
}

#[test]
fn a_coarse_fix_inside_goes_on_with_a_stay_but_begins_none() {
    let mut world = one_fence();
    assert_eq!(world.see(seen(1, 0, 0.0).accuracy(300)).moves(), (0, 0, 0));
    world.see(seen(1, 60, 0.0));
    world.see(seen(1, 120, 110.0));
    world.see(seen(1, 180, 0.0).accuracy(300));
    assert_eq!(world.see(seen(1, 240, 110.0)).counts.exits, 0, "the row was broken");
}

#[test]
fn a_dwell_comes_true_at_the_first_inside_fix_at_its_deadline() {
    let mut world = World::new(vec![fence(1, 0.0, 100.0)], vec![dwelling(10, &[1], 180)]);
    assert_eq!(world.walk(&[(0, 0.0)]).moves(), (1, 0, 0));
    assert_eq!(world.see(seen(1, 179, 0.0).millis(999)).moves(), (0, 0, 0));
    let got = world.see(seen(1, 180, 0.0));
    assert_eq!((got.moves(), got.pushed()), ((0, 0, 1), vec![10]));
    assert_eq!(world.walk(&[(240, 0.0), (600, 0.0)]).moves(), (0, 0, 0), "once a stay");
}

#[test]
fn a_dwell_waits_while_the_device_may_have_left() {
    let mut world = World::new(vec![fence(1, 0.0, 100.0)], vec![dwelling(10, &[1], 180)]);
    world.walk(&[(0, 0.0)]);
    assert_eq!(world.walk(&[(190, 110.0)]).moves(), (0, 0, 0), "the fix is outside");
    assert_eq!(world.walk(&[(200, 0.0)]).moves(), (0, 0, 1));
}

#[test]
fn a_coarse_fix_outside_is_no_inside_fix_for_a_dwell() {
    let mut world = World::new(vec![fence(1, 0.0, 100.0)], vec![dwelling(10, &[1], 180)]);
    world.walk(&[(0, 0.0)]);
    let got = world.see(seen(1, 190, 800.0).accuracy(500));
    assert_eq!((got.moves(), got.counts.triggers), ((0, 0, 0), 0));
    assert_eq!(world.walk(&[(250, 0.0)]).moves(), (0, 0, 1));
}

#[test]
fn each_distinct_dwell_time_comes_true_once() {
    let campaigns = vec![
        dwelling(10, &[1], 60),
        dwelling(11, &[1], 60),
        dwelling(12, &[1], 120),
        dwelling(13, &[1], 86_400),
    ];
    let mut world = World::new(vec![fence(1, 0.0, 100.0)], campaigns);
    world.walk(&[(0, 0.0)]);
    let got = world.walk(&[(130, 0.0)]);
    assert_eq!((got.moves(), got.counts.triggers), ((0, 0, 2), 3), "60 s for two, 120 s for one");
}

#[test]
fn stays_at_several_targets_are_independent() {
    let targets = vec![fence(1, 0.0, 100.0), fence(2, 150.0, 100.0), fence(3, 0.0, 5000.0)];
    let mut world = World::new(targets, vec![campaign(10, &[1, 2, 3])]);
    assert_eq!(world.walk(&[(0, 0.0)]).moves(), (2, 0, 0));
    assert_eq!(world.stays(1), [1, 3]);
    assert_eq!(world.walk(&[(60, 75.0)]).moves(), (1, 0, 0));
    assert_eq!(world.stays(1), [1, 2, 3]);
    assert_eq!(world.walk(&[(120, 200.0)]).moves(), (0, 1, 0));
    assert_eq!(world.stays(1), [2, 3]);
}

#[test]
fn nationwide_contains_every_fix_however_coarse() {
    let nationwide = campaign(10, &[TargetId::NATIONWIDE.0]);
    let mut world = World::new(vec![], vec![nationwide]);
    let got = world.see(seen(1, 0, 500_000.0).accuracy(90));
    assert_eq!((got.moves(), got.pushed()), ((1, 0, 0), vec![10]));
    let got = world.see(seen(2, 0, -500_000.0).accuracy(u16::MAX));
    assert_eq!((got.moves(), got.pushed()), ((1, 0, 0), vec![10]));
}

#[test]
fn an_exit_pushes_from_the_fix_that_shows_it() {
    let mut world = World::new(vec![fence(1, 0.0, 100.0)], vec![leaving(10, &[1])]);
    world.walk(&[(0, 0.0)]);
    let job = world.walk(&[(60, 300.0)]).job();
    assert_eq!((job.at, job.target), (at(60), TargetId(1)));
}

#[test]
fn a_target_that_only_visits_are_measured_at_has_stays_too() {
    let mut account = super::testkit::account(1);
    account.measure_visits = true;
    let shop = store(2, 7, PlaceArea::Signal, 0.0, 100.0);
    let mut world = World::with(account, vec![shop], vec![]);
    assert_eq!(world.walk(&[(0, 0.0)]).moves(), (1, 0, 0));
    assert_eq!(world.walk(&[(60, 400.0)]).moves(), (0, 1, 0));
}

#[test]
#[ignore = "builds an index of 32,770 fences at one point, which takes 12 s unoptimised"]
fn a_device_has_as_many_stays_as_a_run_can_hold() {
    let most = u32::try_from(Run::<Stay>::MAX_LEN).unwrap();
    let targets = (1..=most + 2).map(|id| fence(id, 0.0, 100.0)).collect();
    let mut world = World::new(targets, vec![campaign(10, &(1..=most + 2).collect::<Vec<_>>())]);
    let mut stays_after = |time_s, north_m| {
        let fixes = [seen(1, time_s, north_m).fix];
        world.step_alone(&Input::Fixes(batch(at(time_s), &fixes)));
        (world.out.counts.enters, world.out.counts.exits)
    };
    let most = u64::from(most);
    assert_eq!(stays_after(0, 0.0), (most, 0));
    assert_eq!(stays_after(60, 0.0), (most, 0), "the others wait for room");
    assert_eq!(stays_after(120, 900.0), (most, most));
}
