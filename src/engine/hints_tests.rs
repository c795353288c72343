//! Place hints: what decides, for which targets, how long.

use super::testkit::{NONE, World, at, campaign, dwelling, fence, leaving, local, seen, store};
use crate::domain::campaign::CampaignSpec;
use crate::domain::ids::PlaceId;
use crate::domain::reasons::SuppressReason;
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

#[test]
fn a_hint_tries_nothing_that_hangs_on_another_target() {
    let mut waiting = campaign(10, &[3]);
    waiting.windows[0].start_min = 9 * 60;
    let mut world = shop(vec![waiting, campaign(11, &[1])]);
    world.walk(&[(local(25, 8, 40), 50.0)]);
    let opens = local(25, 9, 0);
    assert_eq!(world.hint(opens + 60, 7, Leave).pushed(), NONE, "the fix is 21 minutes old");
    assert_eq!(world.hint(opens + 120, 7, Enter).pushed(), NONE);
    assert_eq!(world.walk(&[(opens + 180, 50.0)]).pushed(), [10], "the first fix after 09:00");
}

#[test]
fn a_hint_lets_no_dwell_come_true_elsewhere() {
    let mut world = shop(vec![dwelling(10, &[3], 60), campaign(11, &[1])]);
    world.walk(&[(0, 0.0)]);
    assert_eq!(world.hint(90, 7, Nearby).moves(), (0, 0, 0));
    assert_eq!(world.walk(&[(100, 0.0)]).pushed(), [10]);
}

#[test]
fn a_hint_pushes_by_its_own_age() {
    let mut world = shop(vec![campaign(10, &[2])]);
    world.walk(&[(1000, 5000.0)]);
    let stale = |world: &mut World, time_s: i64| {
        let hint = crate::domain::report::PlaceHint {
            device: super::testkit::device(1),
            place: PlaceId(7),
            fixed_at: at(time_s),
            verdict: Enter,
        };
        let received_at = at(1001);
        world.step(&crate::domain::input::Input::Hints(super::testkit::batch(received_at, &[hint])))
    };
    assert_eq!(stale(&mut world, 700).pushed(), NONE, "taken at 1001, 301 s later");
    assert_eq!(world.open(), 1);
    assert_eq!(stale(&mut world, 701).pushed(), [10]);
}

#[test]
fn a_dwell_that_a_hint_began_comes_true_by_timer_after_an_old_fix_too() {
    for fixes in [vec![], vec![(0, 5000.0)]] {
        let mut world = shop(vec![dwelling(10, &[2], 120), dwelling(11, &[3], 700)]);
        world.walk(&fixes);
        world.hint(600, 7, Enter);
        assert_eq!(world.tick(719).pushed(), NONE);
        let job = world.tick(720).job();
        assert_eq!((job.campaign.0, job.at), (10, at(720)));
    }
    let mut world = shop(vec![dwelling(10, &[2], 301)]);
    world.walk(&[(0, 5000.0)]);
    world.hint(600, 7, Enter);
    assert_eq!(world.tick(901).moves(), (0, 0, 0), "the hint is stale by then");
}

#[test]
fn a_hint_keeps_no_other_dwell_fresh() {
    let mut world = shop(vec![dwelling(10, &[3], 400), dwelling(11, &[2], 350)]);
    world.walk(&[(0, 0.0)]);
    world.hint(300, 7, Enter);
    let got = world.tick(400);
    assert_eq!(got.pushed(), [11], "entered at 0, hinted at 300; the fence was last seen at 0");
}

#[test]
fn a_hinted_dwell_pushes_by_timer_whatever_the_accuracy_of_the_last_fix() {
    let mut world = shop(vec![dwelling(10, &[2], 120)]);
    world.see(seen(1, 0, 5000.0).accuracy(500));
    world.hint(600, 7, Enter);
    assert_eq!(world.tick(720).pushed(), [10]);
}

#[test]
fn a_dwell_that_came_true_by_a_hint_ahead_of_us_does_not_again_after_a_publication() {
    let mut world = shop(vec![dwelling(10, &[2], 120), dwelling(11, &[3], 60)]);
    world.hint(0, 7, Enter);
    assert_eq!(world.hint_ahead(50, 130, 7, Enter).moves(), (0, 0, 1));
    // The fix is behind that hint, and so is the publication, after which dwell times are looked up anew.
    world.walk(&[(80, 0.0)]);
    world.publish(|source| source.campaigns.push(leaving(12, &[3])));
    let got = world.tick(200);
    assert_eq!((got.pushed(), got.moves()), (vec![11], (0, 0, 1)), "that of the plain fence alone");
}

#[test]
fn the_first_fix_behind_a_hint_is_taken_and_later_ones_are_late() {
    let mut world = watched();
    world.hint(100, 7, Leave);
    let got = world.walk(&[(50, 0.0)]);
    assert_eq!((got.counts.late, world.stays(1)), (0, vec![3]));
    assert_eq!(world.walk(&[(40, 0.0)]).counts.late, 1);
    let mut world = watched();
    world.hint(2000, 7, Enter);
    assert_eq!(world.walk(&[(199, 0.0)]).counts.late, 1, "more than a gap behind");
}

#[test]
fn silence_tries_nothing_that_a_hint_holds() {
    let mut waiting = campaign(10, &[1]);
    waiting.windows[0].start_min = 12 * 60 + 20;
    let mut world = shop(vec![waiting, leaving(11, &[3])]);
    world.policy(|policy| policy.max_push_age_s = 7200);
    world.walk(&[(1300, 0.0)]);
    world.hint(3000, 7, Enter);
    let got = world.walk(&[(3200, 2000.0)]);
    assert_eq!(
        got.jobs().iter().map(|job| (job.campaign.0, job.at)).collect::<Vec<_>>(),
        [(11, at(1300)),]
    );
    assert_eq!(got.suppressed(), [SuppressReason::Window; 0]);
}
