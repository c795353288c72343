//! A publication keeps stays by target id, and decides from the next input on.

use super::testkit::{
    NONE, World, at, campaign, device, dwelling, fence, leaving, local, seen, testing,
};
use crate::domain::campaign::{CampaignSpec, Condition, RunMode};
use crate::domain::ids::Epoch;
use crate::domain::reasons::SuppressReason;

fn world_of(campaigns: Vec<CampaignSpec>) -> World {
    World::new(vec![fence(1, 0.0, 100.0), fence(2, 3000.0, 100.0)], campaigns)
}

#[test]
fn a_decision_carries_the_snapshot_that_made_it() {
    let mut world = world_of(vec![campaign(10, &[1])]);
    let first = (Epoch(1), world.hash());
    let got = world.see(seen(1, 0, 0.0));
    assert!(got.decisions.iter().all(|one| (one.epoch, one.snapshot) == first));
    world.publish(|source| source.targets[0] = fence(1, 0.0, 120.0));
    let second = (Epoch(2), world.hash());
    assert_ne!(first.1, second.1);
    let got = world.see(seen(2, 0, 0.0));
    assert!(got.decisions.iter().all(|one| (one.epoch, one.snapshot) == second));
    assert_eq!(got.decisions.len(), 2);
}

#[test]
fn an_edited_fence_does_not_fire_again() {
    let mut world = world_of(vec![campaign(10, &[1])]);
    world.source.campaigns[0].frequency =
        crate::domain::campaign::Frequency::Resend { after_s: 600 };
    world.publish(|_| {});
    world.walk(&[(0, 0.0)]);
    world.publish(|source| source.targets[0] = fence(1, 20.0, 150.0));
    let got = world.walk(&[(60, 0.0)]);
    assert_eq!((got.moves(), got.counts.triggers), ((0, 0, 0), 0));
}

#[test]
fn a_fence_edited_away_from_a_device_is_left_by_the_usual_rules() {
    let mut world = world_of(vec![leaving(10, &[1])]);
    world.walk(&[(0, 0.0)]);
    world.publish(|source| source.targets[0] = fence(1, 110.0, 100.0));
    assert_eq!(world.walk(&[(60, 0.0)]).moves(), (0, 0, 0), "10 m outside, once");
    assert_eq!(world.walk(&[(120, 0.0)]).pushed(), [10]);
}

#[test]
fn a_removed_fence_ends_the_stay_with_no_exit_push() {
    let mut world = world_of(vec![leaving(10, &[1, 2])]);
    world.walk(&[(0, 0.0)]);
    world.publish(|source| {
        source.targets.remove(0);
        source.campaigns[0].targets.remove(0);
    });
    let got = world.walk(&[(60, 0.0)]);
    assert_eq!((got.moves(), got.pushed(), got.counts.triggers), ((0, 1, 0), vec![], 0));
}

#[test]
fn a_removed_fence_closes_its_triggers_under_their_last_reason() {
    let mut waiting = campaign(10, &[1, 2]);
    waiting.windows[0].start_min = 23 * 60;
    let mut world = world_of(vec![waiting]);
    world.walk(&[(0, 0.0)]);
    world.publish(|source| {
        source.targets.remove(0);
        source.campaigns[0].targets.remove(0);
    });
    assert_eq!(world.walk(&[(60, 0.0)]).suppressed(), [SuppressReason::Window]);
}

#[test]
fn a_campaign_that_stops_closes_its_triggers_under_state() {
    let mut waiting = campaign(10, &[1]);
    waiting.windows[0].start_min = 23 * 60;
    let mut world = world_of(vec![waiting, campaign(11, &[1])]);
    world.walk(&[(0, 0.0)]);
    world.publish(|source| {
        source.campaigns.remove(0);
    });
    let got = world.walk(&[(60, 0.0)]);
    assert_eq!((got.suppressed(), got.moves()), (vec![SuppressReason::State], (0, 0, 0)));
}

#[test]
fn a_campaign_that_starts_takes_open_stays_as_entered_at_the_next_inside_fix() {
    let mut world = world_of(vec![dwelling(9, &[1], 86_400)]);
    world.walk(&[(0, 0.0)]);
    world.publish(|source| source.campaigns.push(campaign(10, &[1])));
    assert_eq!(world.walk(&[(60, 110.0)]).pushed(), NONE, "this fix is outside");
    assert_eq!(world.tick(100).pushed(), NONE, "a tick is no fix");
    let got = world.walk(&[(120, 0.0)]);
    assert_eq!((got.job().at, got.moves()), (at(120), (0, 0, 0)), "the stay is untouched");
    assert_eq!(world.walk(&[(180, 0.0)]).pushed(), NONE);
}

#[test]
fn a_timer_of_another_campaign_is_no_inside_fix() {
    let mut world = world_of(vec![dwelling(9, &[1], 100)]);
    world.walk(&[(0, 0.0)]);
    world.publish(|source| source.campaigns.push(campaign(10, &[1])));
    assert_eq!(world.tick(100).pushed(), [9]);
    assert_eq!(world.walk(&[(120, 0.0)]).pushed(), [10]);
}

#[test]
fn a_dwell_campaign_that_starts_counts_from_its_first_inside_fix() {
    let mut world = world_of(vec![campaign(9, &[1])]);
    world.walk(&[(0, 0.0)]);
    world.publish(|source| source.campaigns.push(dwelling(10, &[1], 120)));
    world.walk(&[(300, 0.0)]);
    assert_eq!(world.tick(419).pushed(), NONE);
    let got = world.tick(420);
    assert_eq!(
        (got.job().at, got.counts.dwells),
        (at(420), 0),
        "a dwell of its own, not the stay's"
    );
}

#[test]
fn a_dwell_that_began_with_the_campaign_starts_over_at_another_old_stay() {
    let targets = vec![fence(1, 0.0, 100.0), fence(2, 150.0, 100.0)];
    let mut world = World::new(targets, vec![campaign(9, &[1, 2])]);
    world.walk(&[(0, 75.0)]);
    world.publish(|source| source.campaigns.push(dwelling(10, &[1, 2], 120)));
    world.walk(&[(60, 75.0), (120, 200.0)]);
    assert_eq!(world.walk(&[(180, 200.0)]).pushed(), NONE, "120 s, but not at one target");
    assert_eq!(world.walk(&[(240, 200.0)]).pushed(), [10], "120 s after 120");
}

#[test]
fn an_enter_elsewhere_does_not_wait_for_an_old_stay() {
    let targets = vec![fence(1, 0.0, 100.0), fence(2, 190.0, 100.0)];
    let mut world = World::new(targets, vec![campaign(9, &[1])]);
    world.walk(&[(0, 0.0)]);
    world.publish(|source| source.campaigns.push(campaign(10, &[1, 2])));
    let got = world.walk(&[(60, 110.0)]);
    assert_eq!((got.moves(), got.pushed()), ((1, 0, 0), vec![10]));
}

#[test]
fn an_exit_campaign_that_starts_sees_the_next_exit() {
    let mut world = world_of(vec![campaign(9, &[1])]);
    world.walk(&[(0, 0.0)]);
    world.publish(|source| source.campaigns.push(leaving(10, &[1])));
    assert_eq!(world.walk(&[(60, 0.0)]).pushed(), NONE);
    assert_eq!(world.walk(&[(120, 900.0)]).pushed(), [10]);
}

#[test]
fn switching_to_testing_starts_new_stays() {
    let spec = CampaignSpec { test_devices: vec![device(1)], ..campaign(10, &[1]) };
    let mut world = world_of(vec![spec]);
    assert_eq!(world.walk(&[(0, 0.0)]).pushed(), [10]);
    world.publish(|source| source.campaigns[0].mode = RunMode::Testing);
    let job = world.walk(&[(60, 0.0)]).job();
    let stay = at(60).0 ^ (1 << 32);
    assert_eq!((job.bucket.mode, job.bucket.span), (RunMode::Testing, stay), "of target 1");
    assert_eq!(world.walk(&[(120, 0.0)]).pushed(), NONE);
    world.publish(|source| source.campaigns[0].mode = RunMode::Running);
    let got = world.walk(&[(180, 0.0)]);
    assert_eq!(got.suppressed(), [SuppressReason::Frequency], "the real run's bucket is used");
}

#[test]
fn a_test_can_be_repeated_by_switching_it_off_and_on() {
    let mut world = world_of(vec![testing(10, &[1], &[device(1)]), campaign(9, &[2])]);
    let first = world.walk(&[(0, 0.0)]).job();
    world.publish(|source| {
        source.campaigns.remove(0);
    });
    world.publish(|source| {
        source.campaigns.push(testing(10, &[1], &[device(1)]));
        source.campaigns.push(campaign(8, &[1]));
    });
    let got = world.walk(&[(60, 0.0)]);
    assert!(got.pushed().contains(&10));
    assert!(got.jobs().iter().all(|job| job.id != first.id));
}

#[test]
fn a_publication_that_leaves_the_account_alone_changes_nothing() {
    let mut waiting = campaign(10, &[1]);
    waiting.windows[0].start_min = 13 * 60;
    let mut world = world_of(vec![waiting]);
    world.walk(&[(local(24, 12, 50), 0.0)]);
    world.publish(|source| source.accounts.push(super::testkit::account(2)));
    let got = world.walk(&[(local(24, 13, 0), 0.0)]);
    assert_eq!((got.moves(), got.pushed()), ((0, 0, 0), vec![10]));
}

#[test]
fn several_publications_at_once_are_taken_in_as_one() {
    let mut world = world_of(vec![campaign(10, &[1])]);
    world.walk(&[(0, 0.0)]);
    world.publish(|source| source.campaigns.push(campaign(11, &[1])));
    world.publish(|source| source.campaigns.push(campaign(12, &[2])));
    world.publish(|source| {
        source.campaigns.remove(2);
    });
    assert_eq!(world.walk(&[(60, 0.0)]).pushed(), [11]);
}

#[test]
fn an_edited_dwell_time_holds_for_open_stays() {
    let mut world = world_of(vec![dwelling(10, &[1], 3600)]);
    world.walk(&[(0, 0.0), (60, 0.0)]);
    world.publish(|source| source.campaigns[0].condition = Condition::Dwell { dwell_s: 120 });
    assert_eq!(world.walk(&[(90, 0.0), (209, 0.0)]).pushed(), NONE);
    let got = world.walk(&[(210, 0.0)]);
    assert_eq!((got.counts.dwells, got.pushed()), (0, vec![10]), "120 s after 90, a run anew");
}

#[test]
fn an_edited_condition_is_a_run_anew() {
    let mut waiting = campaign(10, &[1]);
    waiting.windows[0].start_min = 13 * 60;
    let mut world = world_of(vec![waiting]);
    world.walk(&[(0, 0.0)]);
    world.publish(|source| source.campaigns[0].condition = Condition::Exit);
    let got = world.walk(&[(60, 0.0)]);
    assert_eq!((got.suppressed(), world.open()), (vec![SuppressReason::State], 0));
    assert_eq!(world.walk(&[(120, 900.0)]).pushed(), NONE, "its window is still to come");
    let mut world = world_of(vec![leaving(10, &[1])]);
    world.walk(&[(0, 0.0)]);
    world.publish(|source| source.campaigns[0].condition = Condition::Enter);
    assert_eq!(world.walk(&[(60, 0.0)]).pushed(), [10], "taken as entered");
    let mut world = world_of(vec![campaign(10, &[1])]);
    world.walk(&[(0, 0.0)]);
    world.publish(|source| source.campaigns[0].targets.push(crate::domain::ids::TargetId(2)));
    assert_eq!(world.walk(&[(60, 0.0)]).counts.triggers, 0, "another target is no other run");
}

#[test]
fn an_exit_campaign_that_starts_needs_to_see_the_device_inside() {
    let mut world = world_of(vec![campaign(9, &[1])]);
    world.walk(&[(0, 0.0)]);
    world.publish(|source| source.campaigns.push(leaving(10, &[1])));
    let got = world.walk(&[(60, 900.0)]);
    assert_eq!((got.counts.exits, got.counts.triggers), (1, 0), "it started after the stay");
    let mut world = world_of(vec![campaign(9, &[1])]);
    world.walk(&[(0, 0.0)]);
    world.publish(|source| source.campaigns.push(leaving(10, &[1])));
    let got = world.walk(&[(60, 110.0), (120, 110.0)]);
    assert_eq!((got.counts.exits, got.counts.triggers), (1, 0), "two fixes, none of them inside");
}

#[test]
fn dwell_timers_go_on_over_a_publication() {
    let mut world = world_of(vec![dwelling(10, &[1], 180)]);
    world.walk(&[(0, 0.0)]);
    world.publish(|source| source.campaigns.push(campaign(11, &[2])));
    assert_eq!(world.tick(180).pushed(), [10]);
}

#[test]
fn an_account_that_leaves_and_returns_starts_over() {
    let mut waiting = campaign(10, &[1]);
    waiting.windows[0].start_min = 13 * 60;
    let mut world = world_of(vec![waiting]);
    world.walk(&[(0, 0.0)]);
    let source = world.source.clone();
    world.publish(|source| *source = crate::snapshot::build::Source::default());
    world.publish(|empty| *empty = source);
    let got = world.walk(&[(60, 0.0)]);
    assert_eq!(got.suppressed(), [SuppressReason::State]);
    assert_eq!(world.open(), 1, "taken as entered again, for the campaign started anew");
}
