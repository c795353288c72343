//! Triggers: opened by a condition, waiting while the stay lasts, closed and counted once.

use super::testkit::{
    NONE, World, at, campaign, device, dwelling, fence, leaving, local, seen, testing,
};
use crate::domain::campaign::{CampaignSpec, Condition, Frequency};
use crate::domain::decision::Transition;
use crate::domain::ids::TargetId;
use crate::domain::reasons::SuppressReason;

/// Open from 09:00 to 18:00.
fn by_day(spec: CampaignSpec) -> CampaignSpec {
    let mut spec = spec;
    (spec.windows[0].start_min, spec.windows[0].end_min) = (9 * 60, 18 * 60);
    spec
}

fn two_fences(campaigns: Vec<CampaignSpec>) -> World {
    World::new(vec![fence(1, 0.0, 100.0), fence(2, 80.0, 100.0)], campaigns)
}

#[test]
fn a_trigger_waits_for_the_window_while_the_stay_lasts() {
    let mut world = two_fences(vec![by_day(campaign(10, &[1]))]);
    let got = world.walk(&[(local(24, 8, 58), 0.0)]);
    assert_eq!((got.pushed(), got.counts.triggers, world.open()), (vec![], 1, 1));
    assert_eq!(world.see(seen(1, local(24, 9, 0), 0.0).millis(-1)).pushed(), NONE);
    let job = world.walk(&[(local(24, 9, 0), 0.0)]).job();
    assert_eq!((job.at, job.transition), (at(local(24, 9, 0)), Transition::Enter));
    assert_eq!((job.target, job.expires_at), (TargetId(1), at(local(24, 9, 10))));
    assert_eq!(world.open(), 0);
    assert_eq!(world.walk(&[(local(24, 9, 5), 0.0)]).pushed(), NONE, "it closed with its job");
}

#[test]
fn a_window_ends_before_its_last_instant() {
    let mut world = two_fences(vec![by_day(campaign(10, &[1]))]);
    assert_eq!(world.see(seen(1, local(24, 18, 0), 0.0).millis(-1)).pushed(), [10]);
    assert_eq!(world.see(seen(2, local(24, 18, 0), 0.0)).pushed(), NONE);
}

#[test]
fn a_waiting_trigger_is_not_tried_by_a_fix_outside() {
    let mut world = two_fences(vec![by_day(campaign(10, &[1]))]);
    world.walk(&[(local(24, 8, 58), 0.0)]);
    assert_eq!(world.walk(&[(local(24, 9, 0), -110.0)]).pushed(), NONE, "maybe it left");
    assert_eq!(world.walk(&[(local(24, 9, 1), -90.0)]).pushed(), [10]);
}

#[test]
fn a_trigger_ends_with_its_stay_under_its_last_reason() {
    let mut coarse = by_day(campaign(10, &[1]));
    coarse.max_accuracy_m = Some(20);
    let mut world = World::new(vec![fence(1, 0.0, 10.0)], vec![coarse]);
    world.walk(&[(local(24, 8, 50), 0.0)]);
    let got = world.see(seen(1, local(24, 9, 10), 0.0).accuracy(50));
    assert_eq!((got.suppressed(), world.open()), (vec![], 1));
    let got = world.walk(&[(local(24, 9, 20), 300.0)]);
    assert_eq!(got.suppressed(), [SuppressReason::Accuracy], "once, and not for the window");
    assert_eq!((got.counts.exits, world.open()), (1, 0));
}

#[test]
fn silence_ends_the_triggers_of_a_stay() {
    let mut world = two_fences(vec![by_day(campaign(10, &[1]))]);
    world.walk(&[(local(24, 8, 20), 0.0)]);
    let got = world.walk(&[(local(24, 9, 0), 0.0)]);
    assert_eq!(got.suppressed(), [SuppressReason::Window]);
    assert_eq!(got.pushed(), [10], "the new stay has a trigger of its own");
}

#[test]
fn an_exit_trigger_closes_at_once_whatever_stops_it() {
    let mut world = two_fences(vec![by_day(leaving(10, &[1]))]);
    let got = world.walk(&[(local(24, 8, 50), -50.0), (local(24, 8, 59), -300.0)]);
    assert_eq!(got.suppressed(), [SuppressReason::Window], "though this gate leaves others open");
    assert_eq!(world.open(), 0);
    assert_eq!(world.walk(&[(local(24, 9, 0), -300.0)]).pushed(), NONE);
}

#[test]
fn an_exit_of_several_targets_is_one_trigger() {
    let mut world = two_fences(vec![leaving(10, &[1, 2])]);
    let got = world.walk(&[(0, 40.0), (60, 900.0)]);
    assert_eq!((got.counts.exits, got.counts.triggers, got.pushed()), (2, 1, vec![10]));
}

#[test]
fn a_trigger_goes_on_at_another_target_of_its_campaign() {
    let mut world = two_fences(vec![by_day(campaign(10, &[1, 2]))]);
    let got = world.walk(&[(local(24, 8, 50), 40.0)]);
    assert_eq!((got.counts.enters, got.counts.triggers), (2, 1));
    let got = world.walk(&[(local(24, 8, 55), 150.0)]);
    assert_eq!((got.counts.exits, got.suppressed(), world.open()), (1, vec![], 1));
    assert_eq!(world.walk(&[(local(24, 9, 0), 150.0)]).job().target, TargetId(2));
}

#[test]
fn gates_that_cannot_change_in_a_stay_close_it() {
    let mut world = two_fences(vec![campaign(10, &[1])]);
    world.source.campaigns[0].audience =
        crate::domain::campaign::AudienceSpec::Devices(vec![super::testkit::device(9)]);
    world.publish(|_| {});
    let got = world.walk(&[(0, 0.0)]);
    assert_eq!((got.suppressed(), world.open()), (vec![SuppressReason::Audience], 0));
    assert_eq!(world.walk(&[(60, 0.0)]).counts.triggers, 0, "once a stay");
}

#[test]
fn which_gates_leave_open_is_what_the_design_says() {
    use SuppressReason::{Accuracy, Age, App, Arbitration, DailyCap, Night, Period, Quota, Window};
    let open: Vec<_> =
        SuppressReason::ALL.iter().copied().filter(|reason| reason.leaves_open()).collect();
    assert_eq!(open, [App, Period, Window, Night, Accuracy, Age, DailyCap, Quota, Arbitration]);
}

#[test]
fn with_resend_it_opens_again_while_the_stay_lasts() {
    let resending =
        CampaignSpec { frequency: Frequency::Resend { after_s: 600 }, ..campaign(10, &[1]) };
    let mut world = two_fences(vec![resending]);
    assert_eq!(world.walk(&[(0, 0.0)]).pushed(), [10]);
    assert_eq!(world.see(seen(1, 600, 0.0).millis(-1)).pushed(), NONE);
    let got = world.walk(&[(600, 0.0)]);
    assert_eq!((got.pushed(), got.counts.triggers), (vec![10], 1));
    assert_eq!(world.walk(&[(1100, 900.0)]).counts.suppressed.iter().sum::<u64>(), 0);
    assert_eq!(world.walk(&[(1300, 900.0)]).pushed(), NONE, "it left");
}

#[test]
fn a_resent_trigger_waits_for_the_window_like_any_other() {
    let resending =
        CampaignSpec { frequency: Frequency::Resend { after_s: 3600 }, ..campaign(10, &[1]) };
    let mut world = two_fences(vec![by_day(resending)]);
    assert_eq!(world.walk(&[(local(24, 17, 30), 0.0)]).pushed(), [10]);
    let got = world.walk(&[(local(24, 18, 0), 0.0), (local(24, 18, 30), 0.0)]);
    assert_eq!((got.pushed(), world.open()), (vec![], 1));
}

#[test]
fn one_campaign_has_one_trigger_at_a_time() {
    let mut world = two_fences(vec![by_day(campaign(10, &[1, 2]))]);
    world.walk(&[(local(24, 8, 40), -50.0)]);
    let got = world.walk(&[(local(24, 8, 50), 40.0)]);
    assert_eq!((got.counts.enters, got.counts.triggers, world.open()), (1, 0, 1));
}

#[test]
fn campaigns_with_the_three_conditions_go_their_own_ways() {
    let mut world = two_fences(vec![campaign(10, &[1]), dwelling(11, &[1], 60), leaving(12, &[1])]);
    assert_eq!(world.walk(&[(0, 0.0)]).job().transition, Transition::Enter);
    assert_eq!(world.walk(&[(60, 0.0)]).job().transition, Transition::Dwell);
    assert_eq!(world.walk(&[(120, 600.0)]).job().transition, Transition::Exit);
    assert_eq!(world.source.campaigns[2].condition, Condition::Exit);
}

#[test]
fn a_test_triggers_anew_with_each_stay() {
    let mut world = two_fences(vec![testing(10, &[1], &[super::testkit::device(1)])]);
    let first = world.walk(&[(0, 0.0)]).job();
    assert_eq!(world.walk(&[(60, 0.0), (120, -500.0)]).pushed(), NONE);
    let second = world.walk(&[(180, 0.0)]).job();
    assert_ne!(first.id, second.id);
    let of_target_1 = |time_s| at(time_s).0 ^ (1 << 32);
    assert_eq!((first.bucket.span, second.bucket.span), (of_target_1(0), of_target_1(180)));
}

#[test]
fn a_test_pushes_for_each_of_two_exits_from_one_enter() {
    let spec = leaving(10, &[1, 2]);
    let test = CampaignSpec { condition: spec.condition, ..testing(10, &[1, 2], &[device(1)]) };
    let mut world = two_fences(vec![test]);
    world.walk(&[(0, 40.0)]);
    let first = world.walk(&[(60, 150.0)]).job();
    let second = world.walk(&[(120, 600.0)]).job();
    assert_eq!((first.target, second.target), (TargetId(1), TargetId(2)));
    assert_ne!(first.id, second.id, "each stay has its bucket");
}

#[test]
fn a_trigger_goes_to_where_the_device_is_before_its_stay_ends() {
    let mut world = two_fences(vec![by_day(campaign(10, &[1, 2]))]);
    world.walk(&[(local(24, 8, 50), 40.0)]);
    let opens = local(24, 9, 0);
    let got = world.walk(&[(opens, 110.0)]);
    assert_eq!(world.stays(1), [1, 2], "10 m outside the first, once");
    assert_eq!(got.job().target, TargetId(2));
}

#[test]
fn a_resend_comes_true_where_the_device_is() {
    let frequency = Frequency::Resend { after_s: 600 };
    let mut world = two_fences(vec![CampaignSpec { frequency, ..campaign(10, &[1, 2]) }]);
    assert_eq!(world.walk(&[(0, 40.0)]).job().target, TargetId(1));
    assert_eq!(world.walk(&[(500, 110.0)]).pushed(), NONE);
    assert_eq!(world.tick(600).job().target, TargetId(2));
}

#[test]
fn an_exit_under_quota_is_lost_and_asks_for_the_next() {
    let spec = CampaignSpec { total_limit: Some(5), ..leaving(10, &[1]) };
    let mut world = two_fences(vec![spec]);
    let got = world.walk(&[(0, 0.0), (60, 900.0)]);
    assert_eq!(got.suppressed(), [SuppressReason::Quota]);
    assert_eq!(world.out.wants.len(), 1);
}
