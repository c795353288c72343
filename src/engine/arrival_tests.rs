//! How a fix relates to its device's past: gaps, lateness, repeats, jumps.

use super::testkit::{World, at, batch, campaign, device, fence, leaving, seen};
use crate::domain::ids::AccountId;
use crate::domain::input::Input;
use crate::domain::policy::ClockMode;
use crate::domain::reasons::{RejectReason, SuppressReason};

fn one_fence() -> World {
    World::new(vec![fence(1, 0.0, 100.0)], vec![campaign(10, &[1])])
}

#[test]
fn silence_of_up_to_gap_s_keeps_a_stay() {
    let mut world = one_fence();
    world.walk(&[(0, 0.0)]);
    assert_eq!(world.walk(&[(1800, 0.0)]).moves(), (0, 0, 0));
    let got = world.see(seen(1, 3600, 0.0).millis(1));
    assert_eq!(got.moves(), (1, 1, 0), "1 ms more ends it and begins another");
}

#[test]
fn an_exit_found_by_silence_is_too_old_to_push() {
    let mut world = World::new(vec![fence(1, 0.0, 100.0)], vec![leaving(10, &[1])]);
    world.walk(&[(0, 0.0)]);
    let got = world.walk(&[(1801, 0.0)]);
    assert_eq!((got.pushed(), got.suppressed()), (vec![], vec![SuppressReason::Age]));
}

#[test]
fn the_same_instant_again_changes_nothing() {
    let mut world = one_fence();
    world.walk(&[(0, 0.0)]);
    let got = world.walk(&[(0, 5000.0)]);
    assert_eq!((got.rejected(), got.moves()), (vec![RejectReason::Duplicate], (0, 0, 0)));
    assert_eq!(got.counts.evaluated, 0);
    assert_eq!(world.stays(1), [1]);
}

#[test]
fn a_late_fix_moves_nothing_and_never_pushes() {
    let mut world = one_fence();
    world.walk(&[(0, 500.0)]);
    let got = world.walk(&[(-10, 0.0)]);
    assert_eq!((got.moves(), got.pushed(), got.rejected()), ((0, 0, 0), vec![], vec![]));
    assert_eq!((got.counts.late, got.counts.evaluated, got.counts.hits), (1, 1, 0));
}

#[test]
fn lateness_ends_at_its_limit() {
    let mut world = one_fence();
    world.walk(&[(0, 0.0)]);
    assert_eq!(world.walk(&[(-86_400, 0.0)]).counts.late, 1);
    let got = world.see(seen(1, -86_400, 0.0).millis(-1));
    assert_eq!(got.rejected(), [RejectReason::TooLate]);
}

#[test]
fn faster_than_1000_km_an_hour_is_a_jump() {
    // 1,000 km/h are 16,666.7 m a minute; both fixes may be 10 m off.
    let mut world = one_fence();
    world.walk(&[(0, 0.0)]);
    assert_eq!(world.walk(&[(60, 16_690.0)]).rejected(), [RejectReason::Jump]);
    let mut world = one_fence();
    world.walk(&[(0, 0.0)]);
    assert_eq!(world.walk(&[(60, 16_685.0)]).rejected(), []);
}

#[test]
fn a_rejected_jump_leaves_the_stay_alone() {
    let mut world = one_fence();
    world.walk(&[(0, 0.0), (60, 200_000.0)]);
    assert_eq!(world.stays(1), [1]);
    assert_eq!(world.walk(&[(120, 0.0)]).moves(), (0, 0, 0));
}

#[test]
fn two_jumps_that_agree_re_anchor_the_device() {
    let targets = vec![fence(1, 0.0, 100.0), fence(2, 200_000.0, 500.0)];
    let mut world = World::new(targets, vec![campaign(10, &[1]), campaign(11, &[2])]);
    world.walk(&[(0, 0.0)]);
    assert_eq!(world.walk(&[(60, 200_000.0)]).rejected(), [RejectReason::Jump]);
    let got = world.walk(&[(70, 200_100.0)]);
    assert_eq!((got.rejected(), got.moves(), got.pushed()), (vec![], (1, 1, 0), vec![11]));
}

#[test]
fn jumps_that_disagree_re_anchor_nothing() {
    let mut world = one_fence();
    world.walk(&[(0, 0.0)]);
    for (time_s, north_m) in [(60, 200_000.0), (70, -200_000.0), (80, 200_000.0)] {
        assert_eq!(world.walk(&[(time_s, north_m)]).rejected(), [RejectReason::Jump]);
    }
    assert_eq!(world.walk(&[(90, 200_000.0)]).rejected(), [], "this one agrees with the last");
}

#[test]
fn a_good_fix_forgets_the_jump_before_it() {
    let mut world = one_fence();
    world.walk(&[(0, 0.0), (60, 200_000.0), (120, 0.0)]);
    assert_eq!(world.walk(&[(130, 200_000.0)]).rejected(), [RejectReason::Jump]);
}

#[test]
fn after_a_gap_any_distance_is_believed() {
    let mut world = one_fence();
    world.walk(&[(0, 0.0)]);
    assert_eq!(world.walk(&[(1801, 5_000_000.0)]).rejected(), []);
}

#[test]
fn batches_of_an_unknown_account_are_refused_record_by_record() {
    let mut world = one_fence();
    let (one, two) = (seen(1, 0, 0.0).fix, seen(2, 0, 0.0).fix);
    let fixes = [one, two];
    let stranger = batch(at(0), &fixes[..]);
    let stranger = crate::domain::input::Batch { account: AccountId(9), ..stranger };
    let got = world.step(&Input::Fixes(stranger));
    assert_eq!(got.rejected(), [RejectReason::UnknownAccount; 2]);
    assert_eq!(world.partition.devices(), 0);
}

#[test]
fn the_clock_of_the_fixes_makes_every_fix_fresh() {
    let mut world = one_fence();
    world.policy(|policy| policy.clock = ClockMode::Fixes);
    assert_eq!(world.see(seen(1, 0, 0.0).late_by(86_400)).pushed(), [10]);
    assert_eq!(world.partition.clock(), at(0), "the newest fix is the clock");
}

#[test]
fn records_of_one_batch_are_taken_in_order() {
    let mut world = one_fence();
    let fixes = [seen(1, 0, 500.0).fix, seen(2, 0, 0.0).fix, seen(1, 60, 0.0).fix];
    let got = world.step(&Input::Fixes(batch(at(60), &fixes)));
    let devices: Vec<_> = got.jobs().iter().map(|job| job.device.device).collect();
    assert_eq!(devices, [device(2), device(1)]);
    let ordinals: Vec<_> = got.decisions.iter().map(|decision| decision.ordinal).collect();
    assert_eq!(ordinals, [0, 1, 2, 3], "a job and its matched event each");
}
