//! Dwells and resends by timer: when, in which order, and when not.

use super::testkit::{NONE, World, at, campaign, device, dwelling, fence, seen, store};
use crate::domain::campaign::Frequency;
use crate::domain::decision::Transition;
use crate::domain::ids::AppId;
use crate::domain::policy::ClockMode;
use crate::domain::report::HintVerdict;
use crate::domain::target::PlaceArea;

fn dwell_of(dwell_s: u32) -> World {
    World::new(vec![fence(1, 0.0, 100.0)], vec![dwelling(10, &[1], dwell_s)])
}

#[test]
fn a_dwell_comes_true_by_timer_at_its_deadline() {
    let mut world = dwell_of(180);
    world.see(seen(1, 0, 0.0).app(1));
    assert_eq!(world.partition.next_deadline(), Some(at(180)));
    assert_eq!(world.tick(179).moves(), (0, 0, 0));
    let got = world.tick(185);
    let job = got.job();
    assert_eq!((got.moves(), job.at, job.app), ((0, 0, 1), at(180), AppId(1)));
    assert_eq!((job.transition, job.expires_at), (Transition::Dwell, at(780)));
    assert_eq!(world.tick(186).moves(), (0, 0, 0));
    assert_eq!(world.partition.next_deadline(), None);
}

#[test]
fn a_timer_needs_a_fix_younger_than_stale_after_s() {
    let mut world = dwell_of(299);
    world.walk(&[(0, 0.0)]);
    assert_eq!(world.tick(299).pushed(), [10]);
    let mut world = dwell_of(300);
    world.walk(&[(0, 0.0)]);
    assert_eq!(world.tick(300).moves(), (0, 0, 0), "300 s old is not younger than 300 s");
    assert_eq!(world.walk(&[(400, 0.0)]).pushed(), [10], "the next inside fix does it");
}

#[test]
fn a_fix_that_comes_late_but_in_time_brings_the_timer_back() {
    let mut world = dwell_of(400);
    world.walk(&[(0, 0.0)]);
    assert_eq!(world.tick(410).moves(), (0, 0, 0), "stale");
    world.see(seen(1, 350, 0.0).late_by(70));
    let got = world.tick(421);
    assert_eq!((got.moves(), got.pushed()), ((0, 0, 1), vec![10]), "50 s before the deadline");
}

#[test]
fn no_timer_pushes_from_a_fix_older_than_max_push_age_s() {
    let mut world = dwell_of(200);
    world.walk(&[(0, 0.0)]);
    let got = world.tick(301);
    assert_eq!((got.moves(), got.pushed()), ((0, 0, 1), vec![]), "true, but 301 s old");
    assert_eq!(world.open(), 1);
    assert_eq!(world.walk(&[(310, 0.0)]).pushed(), [10]);
    let mut world = dwell_of(200);
    world.walk(&[(0, 0.0)]);
    assert_eq!(world.tick(300).pushed(), [10], "300 s is not older");
}

#[test]
fn a_timer_finds_nothing_once_the_device_may_have_left() {
    let mut world = dwell_of(180);
    world.walk(&[(0, 0.0), (120, 110.0)]);
    assert_eq!(world.tick(180).moves(), (0, 0, 0));
    world.walk(&[(200, 110.0)]);
    assert_eq!(world.tick(600).moves(), (0, 0, 0), "gone");
}

#[test]
fn timers_run_in_the_order_of_deadline_then_device() {
    let targets = vec![fence(1, 0.0, 100.0), fence(2, 1000.0, 100.0)];
    let mut world = World::new(targets, vec![dwelling(10, &[1], 180), dwelling(11, &[2], 120)]);
    world.see(seen(3, 0, 0.0));
    world.see(seen(1, 0, 0.0));
    world.see(seen(2, 10, 1000.0));
    let got = world.tick(200);
    let order: Vec<_> = got.jobs().iter().map(|job| job.device.device).collect();
    assert_eq!(order, [device(2), device(1), device(3)]);
}

#[test]
fn a_timer_pushes_through_the_app_of_the_last_fix() {
    let mut world = dwell_of(180);
    world.see(seen(1, 0, 0.0));
    world.see(seen(1, 60, 0.0).app(2));
    let got = world.tick(180);
    assert_eq!((got.moves(), got.pushed()), ((0, 0, 1), vec![]), "app 2 is not the campaign's");
    assert_eq!(world.walk(&[(200, 0.0)]).pushed(), [10]);
}

#[test]
fn a_resend_comes_by_timer_while_the_device_stays() {
    let resending = crate::domain::campaign::CampaignSpec {
        frequency: Frequency::Resend { after_s: 600 },
        ..campaign(10, &[1])
    };
    let mut world = World::new(vec![fence(1, 0.0, 100.0)], vec![resending]);
    world.walk(&[(0, 0.0), (400, 0.0)]);
    assert_eq!(world.tick(599).pushed(), NONE);
    let job = world.tick(600).job();
    assert_eq!((job.at, job.bucket.span), (at(600), at(600).0));
    assert_eq!(world.walk(&[(900, 0.0)]).pushed(), NONE);
    assert_eq!(world.walk(&[(1300, 0.0)]).job().at, at(1300), "or at a fix, if that is sooner");
}

#[test]
fn several_timers_of_one_device_at_one_instant_are_one_moment() {
    let mut second = dwelling(11, &[2], 180);
    second.priority = 5;
    let targets = vec![fence(1, 0.0, 100.0), fence(2, 0.0, 200.0)];
    let mut world = World::new(targets, vec![dwelling(10, &[1], 180), second]);
    world.walk(&[(0, 0.0)]);
    let got = world.tick(180);
    assert_eq!((got.moves(), got.pushed()), ((0, 0, 2), vec![11]), "one wins the moment");
    assert_eq!(world.open(), 1);
}

#[test]
fn a_timer_does_not_try_what_waits_for_a_fix() {
    let mut waiting = campaign(10, &[1]);
    waiting.windows[0].start_min = 13 * 60;
    let mut world = World::new(vec![fence(1, 0.0, 100.0)], vec![waiting, dwelling(11, &[1], 3600)]);
    world.walk(&[(0, 0.0), (1700, 0.0), (3500, 0.0)]);
    let got = world.tick(3600);
    assert_eq!(got.pushed(), [11], "13:00 has come, but the other waits for its next fix");
    assert_eq!(world.walk(&[(3601, 0.0)]).pushed(), [10]);
}

#[test]
fn a_dwell_after_a_hint_runs_by_timer_too() {
    let shop = store(2, 7, PlaceArea::Inside, 5000.0, 25.0);
    let mut world = World::new(vec![shop], vec![dwelling(10, &[2], 120)]);
    assert_eq!(world.hint(0, 7, HintVerdict::Enter).moves(), (1, 0, 0));
    assert_eq!(world.tick(120).pushed(), [10]);
}

#[test]
fn under_the_fixes_clock_there_are_no_timers() {
    let mut world = dwell_of(180);
    world.policy(|policy| policy.clock = ClockMode::Fixes);
    world.walk(&[(0, 0.0)]);
    assert_eq!(world.partition.next_deadline(), None);
    assert_eq!(world.walk(&[(200, 0.0)]).pushed(), [10]);
}

#[test]
fn a_change_of_the_clock_takes_timers_along() {
    let mut world = dwell_of(180);
    world.policy(|policy| policy.clock = ClockMode::Fixes);
    world.walk(&[(0, 0.0)]);
    world.policy(|policy| policy.clock = ClockMode::System);
    assert_eq!(world.partition.next_deadline(), Some(at(180)));
    assert_eq!(world.tick(180).pushed(), [10]);
}

#[test]
fn another_policy_looks_at_passed_over_deadlines_anew() {
    let mut world = dwell_of(300);
    world.walk(&[(0, 0.0)]);
    assert!(world.tick(300).pushed().is_empty(), "the last fix is stale");
    assert_eq!(world.partition.next_deadline(), None);
    world.policy(|policy| (policy.stale_after_s, policy.max_push_age_s) = (900, 900));
    assert_eq!(world.partition.next_deadline(), Some(at(300)));
    assert_eq!(world.tick(310).pushed(), [10]);
}

#[test]
fn a_timer_of_an_account_that_has_left_ends_its_stays() {
    let mut world = dwell_of(180);
    world.walk(&[(0, 0.0)]);
    world.publish(|source| {
        source.targets.clear();
        source.campaigns.clear();
        source.accounts.clear();
    });
    let got = world.tick(180);
    assert_eq!((got.moves(), got.pushed()), ((0, 1, 0), vec![]));
    assert_eq!(world.stays(1), NONE);
}

#[test]
fn a_tick_without_a_snapshot_leaves_all_that_is_due() {
    let mut world = dwell_of(100);
    world.walk(&[(0, 0.0)]);
    let mut out = super::outputs::Outputs::default();
    let input = crate::domain::input::Input::Tick { now: at(100) };
    world.partition.step(&input, None, &mut out);
    assert_eq!((out.counts.exits, out.decisions.len()), (0, 0));
    assert_eq!(world.partition.next_deadline(), Some(at(100)));
}

#[test]
fn timers_that_lost_their_reason_are_swept_out() {
    let mut world = dwell_of(86_400);
    for round in 0..3000 {
        let north_m = if round % 2 == 0 { 0.0 } else { 500.0 };
        world.walk(&[(round * 60, north_m)]);
    }
    let waiting = world.partition.timers.len();
    assert!(waiting <= 1024, "{waiting} timers for one device");
}
