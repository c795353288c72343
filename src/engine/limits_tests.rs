//! What several campaigns and partitions share: caps, quotas, moments; lots; and room for devices.

use super::testkit::{
    ACCOUNT, NONE, World, account, campaign, device, dwelling, fence, local, seen, store,
};
use crate::domain::campaign::{AccountSpec, CampaignSpec, Frequency, MessageSpec, Variant};
use crate::domain::decision::EventKind;
use crate::domain::ids::{CampaignId, DeviceKey};
use crate::domain::input::LimitId;
use crate::domain::reasons::{RejectReason, SuppressReason};
use crate::domain::report::HintVerdict;
use crate::domain::target::PlaceArea;
use crate::snapshot::samples::KEY;

fn two(account: AccountSpec, one: CampaignSpec, other: CampaignSpec) -> World {
    World::with(account, vec![fence(1, 0.0, 100.0), fence(2, 1000.0, 100.0)], vec![one, other])
}

#[test]
fn the_daily_cap_counts_all_campaigns_of_a_local_day() {
    let capped = AccountSpec { daily_cap: Some(1), ..account(1) };
    let daily =
        |id, target| CampaignSpec { frequency: Frequency::OncePerDay, ..campaign(id, &[target]) };
    let mut world = two(capped, daily(10, 1), daily(11, 2));
    assert_eq!(world.walk(&[(local(24, 23, 40), 0.0)]).pushed(), [10]);
    assert_eq!(world.walk(&[(local(24, 23, 50), 1000.0)]).pushed(), NONE);
    assert_eq!(world.open(), 1, "it waits for the next day");
    assert_eq!(world.walk(&[(local(25, 0, 0), 1000.0)]).pushed(), [11]);
    assert_eq!(world.walk(&[(local(25, 0, 10), 0.0)]).pushed(), NONE);
    let got = world.walk(&[(local(25, 0, 20), 500.0)]);
    assert_eq!(got.suppressed(), [SuppressReason::DailyCap]);
}

#[test]
fn the_daily_cap_remembers_both_days_around_midnight() {
    let capped = AccountSpec { daily_cap: Some(1), ..account(1) };
    let daily =
        |id, target| CampaignSpec { frequency: Frequency::OncePerDay, ..campaign(id, &[target]) };
    let targets = vec![
        store(1, 7, PlaceArea::Signal, 5000.0, 100.0),
        fence(2, 0.0, 100.0),
        fence(3, 1000.0, 100.0),
    ];
    let mut world = World::with(capped, targets, vec![daily(10, 1), daily(11, 2), daily(12, 3)]);
    let midnight = local(25, 0, 0);
    world.walk(&[(midnight - 60, 500.0)]);
    assert_eq!(world.hint(midnight + 10, 7, HintVerdict::Enter).pushed(), [10], "of the 25th");
    assert_eq!(world.walk(&[(midnight - 1, 0.0)]).pushed(), [11], "of the 24th");
    assert_eq!(world.walk(&[(midnight + 60, 1000.0)]).pushed(), NONE, "the 25th had its push");
}

#[test]
fn a_device_pushed_once_gets_rid_of_its_annex() {
    let capped = AccountSpec { daily_cap: Some(9), ..account(1) };
    let spec = CampaignSpec { frequency: Frequency::OncePerDay, ..campaign(10, &[1]) };
    let mut world = two(capped, spec, campaign(11, &[2]));
    let has_annex = |world: &World| {
        let key = DeviceKey { account: ACCOUNT, device: device(1) };
        let id = world.partition.table.find(key).unwrap();
        world.partition.table.row(id).annex.is_some()
    };
    assert_eq!(world.walk(&[(0, 0.0)]).pushed(), [10]);
    world.walk(&[(60, 500.0)]);
    assert!(has_annex(&world));
    world.publish(|source| source.accounts.push(super::testkit::account(2)));
    world.walk(&[(local(27, 12, 0), 500.0)]);
    assert!(!has_annex(&world), "bucket and count are over");
}

#[test]
fn taking_the_last_push_asks_for_the_next() {
    let total = LimitId::Campaign { account: ACCOUNT, campaign: CampaignId(10) };
    let limited = CampaignSpec { total_limit: Some(5), ..campaign(10, &[1]) };
    let mut world = two(account(1), limited, campaign(11, &[2]));
    world.grant(total, 2);
    assert_eq!(world.see(seen(1, 0, 0.0)).pushed(), [10]);
    assert_eq!(world.out.wants, []);
    assert_eq!(world.see(seen(2, 0, 0.0)).pushed(), [10]);
    assert_eq!(world.out.wants, [(super::testkit::PARTITION, total)]);
}

#[test]
fn giving_back_all_that_was_granted_closes_the_books() {
    let total = LimitId::Campaign { account: ACCOUNT, campaign: CampaignId(10) };
    let limited = CampaignSpec { total_limit: Some(5), ..campaign(10, &[1]) };
    let mut world = two(account(1), limited, campaign(11, &[2]));
    world.grant(total, 2);
    world.walk(&[(0, 0.0)]);
    world.grant(total, -1);
    assert_eq!(world.partition.grants().len(), 1, "a push is on them");
    world.grant(total, -1);
    assert_eq!(world.partition.grants(), []);
}

#[test]
fn who_said_what_it_is_just_now_is_not_evicted_first() {
    let mut world = World::new(vec![fence(1, 0.0, 100.0)], vec![campaign(10, &[1])]);
    world.policy(|policy| policy.devices_per_partition = 2);
    world.see(seen(2, 0, 5000.0));
    world.tick(100);
    world.profile(|profile| profile.ads_consent = false);
    world.see(seen(3, 200, 5000.0));
    let got = world.walk(&[(210, 0.0)]);
    assert_eq!(got.suppressed(), [SuppressReason::Consent], "what it said is still known");
}

#[test]
fn a_monthly_limit_pushes_on_grants_alone() {
    let limited = AccountSpec { monthly_limit: Some(5), ..account(1) };
    let mut world = two(limited, campaign(10, &[1]), campaign(11, &[2]));
    let november = LimitId::Month { account: ACCOUNT, month: (2026 - 1970) * 12 + 10 };
    assert_eq!(world.walk(&[(0, 0.0)]).pushed(), NONE);
    assert_eq!(world.out.wants, [(super::testkit::PARTITION, november)]);
    assert_eq!(world.open(), 1, "a quota leaves it open");
    world.grant(november, 1);
    assert_eq!(world.walk(&[(60, 0.0)]).pushed(), [10]);
    assert_eq!(world.walk(&[(120, 1000.0)]).pushed(), NONE, "the grant is used");
    assert_eq!((world.partition.grants()[0].granted, world.partition.grants()[0].left), (1, 0));
    world.grant(november, 1);
    assert_eq!(world.walk(&[(180, 1000.0)]).pushed(), [11]);
}

#[test]
fn a_month_is_local() {
    let limited = AccountSpec { monthly_limit: Some(5), ..account(1) };
    let mut world = two(limited, campaign(10, &[1]), campaign(11, &[2]));
    let november = LimitId::Month { account: ACCOUNT, month: (2026 - 1970) * 12 + 10 };
    world.grant(november, 9);
    let midnight = local(31, 0, 0);
    assert_eq!(world.see(seen(1, midnight, 0.0).millis(-1)).pushed(), [10]);
    assert_eq!(world.see(seen(2, midnight, 0.0)).pushed(), NONE, "1 December in Seoul");
}

#[test]
fn grants_can_be_given_back() {
    let total = LimitId::Campaign { account: ACCOUNT, campaign: CampaignId(10) };
    let limited = CampaignSpec { total_limit: Some(5), ..campaign(10, &[1]) };
    let mut world = two(account(1), limited, campaign(11, &[2]));
    world.grant(total, 3);
    world.grant(total, -3);
    assert_eq!(world.walk(&[(0, 0.0)]).pushed(), NONE);
    assert_eq!(world.partition.grants(), []);
    world.walk(&[(60, 1000.0)]);
    let quota = world.out.counts.suppressed[usize::from(SuppressReason::Quota.number())];
    assert_eq!(quota, 1, "the first campaign's, when its stay ended");
    assert_eq!(world.out.counts.jobs, 1, "the other campaign has no limit");
}

#[test]
fn a_push_needs_a_grant_of_both_limits_and_takes_one_of_each() {
    let limited = AccountSpec { monthly_limit: Some(5), ..account(1) };
    let spec = CampaignSpec { total_limit: Some(5), ..campaign(10, &[1]) };
    let mut world = two(limited, spec, campaign(11, &[2]));
    let month = LimitId::Month { account: ACCOUNT, month: 682 };
    let total = LimitId::Campaign { account: ACCOUNT, campaign: CampaignId(10) };
    world.grant(month, 2);
    assert_eq!(world.walk(&[(0, 0.0)]).pushed(), NONE);
    world.grant(total, 2);
    assert_eq!(world.walk(&[(60, 0.0)]).pushed(), [10]);
    let left: Vec<_> = world.partition.grants().iter().map(|state| state.left).collect();
    assert_eq!(left, [1, 1]);
}

#[test]
fn of_one_moment_the_higher_priority_wins_and_then_the_newest() {
    let ranked = |id, priority| CampaignSpec { priority, ..campaign(id, &[1]) };
    let campaigns = vec![ranked(10, 5), ranked(11, 5), ranked(12, 4), ranked(13, -1)];
    let mut world = World::new(vec![fence(1, 0.0, 100.0)], campaigns);
    let got = world.walk(&[(0, 0.0)]);
    assert_eq!((got.pushed(), world.open()), (vec![11], 3));
    assert_eq!(world.walk(&[(60, 0.0)]).pushed(), [10], "losers wait for the next fix");
    assert_eq!(world.walk(&[(120, 0.0)]).pushed(), [12]);
    assert_eq!(world.walk(&[(180, 900.0)]).suppressed(), [SuppressReason::Arbitration]);
}

#[test]
fn only_the_winner_is_charged() {
    let capped = AccountSpec { daily_cap: Some(2), ..account(1) };
    let ranked = |id, priority| CampaignSpec { priority, ..campaign(id, &[1]) };
    let campaigns = vec![ranked(10, 1), ranked(11, 2), ranked(12, 3)];
    let mut world = World::with(capped, vec![fence(1, 0.0, 100.0)], campaigns);
    assert_eq!(world.walk(&[(0, 0.0)]).pushed(), [12]);
    assert_eq!(world.walk(&[(60, 0.0)]).pushed(), [11]);
    assert_eq!(world.walk(&[(120, 0.0)]).pushed(), NONE, "two of a cap of two");
}

/// The first device, from 1, that is held out of campaign 10 at 50 %, or is not.
fn lot(held_out: bool) -> u32 {
    let key = |number| DeviceKey { account: ACCOUNT, device: device(number) };
    (1..).find(|number| KEY.held_out(CampaignId(10), key(*number), 50) == held_out).unwrap()
}

fn holding_out(priority: i32) -> CampaignSpec {
    CampaignSpec { holdout_pct: 50, priority, ..campaign(10, &[1]) }
}

#[test]
fn a_held_out_winner_gets_an_event_for_a_job_and_keeps_the_losers_out() {
    let number = lot(true);
    let mut world = World::new(vec![fence(1, 0.0, 100.0)], vec![holding_out(1), campaign(9, &[1])]);
    let got = world.see(seen(number, 0, 0.0));
    assert_eq!((got.pushed(), got.event_kinds()), (vec![], vec![EventKind::HeldOut]));
    assert_eq!((got.suppressed(), world.open()), (vec![SuppressReason::HeldOut], 1));
    assert_eq!(got.events()[0].campaign, Some(CampaignId(10)));
    assert!(got.events()[0].job.is_some(), "the job there would have been");
    assert_eq!(world.see(seen(number, 60, 0.0)).pushed(), [9], "at its own next moment");
}

#[test]
fn a_holdout_charges_bucket_and_cap_but_no_grant() {
    let number = lot(true);
    let rules = AccountSpec { daily_cap: Some(1), monthly_limit: Some(9), ..account(1) };
    let mut world = two(rules, holding_out(0), campaign(11, &[2]));
    world.grant(LimitId::Month { account: ACCOUNT, month: 682 }, 1);
    world.see(seen(number, 0, 0.0));
    assert_eq!(world.partition.grants()[0].left, 1);
    world.see(seen(number, 60, 500.0));
    let again = world.see(seen(number, 120, 0.0));
    assert_eq!(again.suppressed(), [SuppressReason::Frequency], "the bucket is used");
    let other = world.see(seen(number, 180, 1000.0));
    assert_eq!((other.pushed(), world.open()), (vec![], 1), "and so is the cap");
}

#[test]
fn who_is_not_held_out_gets_a_job_and_a_matched_event() {
    let mut world = World::new(vec![fence(1, 0.0, 100.0)], vec![holding_out(0)]);
    let got = world.see(seen(lot(false), 0, 0.0));
    assert_eq!((got.pushed(), got.event_kinds()), (vec![10], vec![EventKind::Matched]));
    assert_eq!(got.events()[0].job, Some(got.job().id));
    assert_ne!(got.events()[0].cell, 0, "the cell of the fix");
}

#[test]
fn the_two_messages_go_evenly_and_whatever_the_holdout() {
    let message = |title: &str| MessageSpec { title: title.to_owned(), ..MessageSpec::default() };
    let mut spec = holding_out(0);
    spec.messages = vec![message("A"), message("B")];
    let mut world = World::new(vec![fence(1, 0.0, 100.0)], vec![spec]);
    // [held out][variant B]
    let mut tally = [[0u32; 2]; 2];
    for number in 1..=400 {
        let got = world.see(seen(number, 0, 0.0));
        let event = got.events()[0];
        let held_out = event.kind == EventKind::HeldOut;
        tally[usize::from(held_out)][usize::from(event.variant == Variant::B)] += 1;
    }
    // 100 of each are expected; five standard deviations are 44.
    let fair = tally.iter().flatten().all(|count| (56..=144).contains(count));
    assert!(fair, "{tally:?}");
}

#[test]
fn without_a_second_message_everybody_gets_the_first() {
    let mut world = World::new(vec![fence(1, 0.0, 100.0)], vec![campaign(10, &[1])]);
    for number in 1..50 {
        assert_eq!(world.see(seen(number, 0, 0.0)).job().variant, Variant::A);
    }
}

#[test]
fn a_full_table_refuses_new_devices_and_serves_the_known() {
    let mut world = World::new(vec![fence(1, 0.0, 100.0)], vec![campaign(10, &[1])]);
    world.policy(|policy| policy.devices_per_partition = 2);
    world.see(seen(1, 0, 0.0));
    world.see(seen(2, 0, 0.0));
    let got = world.see(seen(3, 10, 0.0));
    assert_eq!(got.rejected(), [RejectReason::DeviceTableFull]);
    assert_eq!(got.counts.evaluated, 0);
    assert_eq!(world.see(seen(1, 60, 0.0)).rejected(), []);
    assert_eq!(world.partition.devices(), 2);
}

#[test]
fn the_oldest_idle_device_makes_room() {
    let mut world = World::new(vec![fence(1, 0.0, 100.0)], vec![campaign(10, &[1])]);
    world.policy(|policy| policy.devices_per_partition = 2);
    world.see(seen(1, 0, 5000.0));
    world.see(seen(2, 10, 5000.0));
    let got = world.see(seen(3, 20, 0.0));
    assert_eq!((got.counts.evicted, got.pushed()), (1, vec![10]));
    assert_eq!(world.see(seen(2, 30, 5000.0)).counts.evicted, 0, "the younger one is still there");
}

#[test]
fn silence_beyond_a_gap_frees_the_room_of_a_device_inside() {
    let spec = CampaignSpec { frequency: Frequency::Resend { after_s: 600 }, ..campaign(10, &[1]) };
    let mut waiting = campaign(11, &[1]);
    waiting.windows[0].start_min = 23 * 60;
    let mut world = World::new(vec![fence(1, 0.0, 100.0)], vec![spec, waiting]);
    world.policy(|policy| policy.devices_per_partition = 1);
    world.see(seen(1, 0, 0.0));
    assert_eq!(world.see(seen(2, 1800, 0.0)).rejected(), [RejectReason::DeviceTableFull]);
    let got = world.see(seen(2, 1802, 0.0));
    assert_eq!((got.counts.evicted, got.counts.exits), (1, 1));
    assert_eq!(got.suppressed(), [SuppressReason::Window], "its waiting trigger is accounted for");
}

#[test]
fn a_live_bucket_outlasts_any_silence() {
    let mut world = World::new(vec![fence(1, 0.0, 100.0)], vec![campaign(10, &[1])]);
    world.policy(|policy| policy.devices_per_partition = 1);
    world.see(seen(1, 0, 0.0));
    let next_week = local(31, 12, 0);
    assert_eq!(world.see(seen(2, next_week, 0.0)).rejected(), [RejectReason::DeviceTableFull]);
}

#[test]
fn a_bucket_is_kept_for_its_span_and_the_longer_of_age_and_staleness() {
    let spec = CampaignSpec { frequency: Frequency::Resend { after_s: 600 }, ..campaign(10, &[1]) };
    let evicted_at = |time_s: i64| {
        let mut world = World::new(vec![fence(1, 0.0, 100.0)], vec![spec.clone()]);
        world.policy(|policy| {
            policy.devices_per_partition = 1;
            policy.stale_after_s = 500;
        });
        world.walk(&[(0, 0.0), (60, 900.0)]);
        world.see(seen(2, time_s, 5000.0)).counts.evicted
    };
    assert_eq!((evicted_at(1100), evicted_at(1101)), (0, 1), "600 s and 500 s more");
}

#[test]
fn the_days_count_of_pushes_holds_its_device() {
    let capped = AccountSpec { daily_cap: Some(1), ..account(1) };
    let spec = CampaignSpec { frequency: Frequency::Resend { after_s: 600 }, ..campaign(10, &[1]) };
    let mut world = two(capped, spec, campaign(11, &[2]));
    world.policy(|policy| policy.devices_per_partition = 1);
    world.walk(&[(0, 0.0), (60, 500.0)]);
    let late = local(24, 23, 59);
    assert_eq!(world.see(seen(2, late, 500.0)).rejected(), [RejectReason::DeviceTableFull]);
    assert_eq!(world.see(seen(2, local(25, 14, 0), 500.0)).counts.evicted, 1);
}

#[test]
fn a_prolonged_period_holds_its_device() {
    let mut world = World::new(vec![fence(1, 0.0, 100.0)], vec![campaign(10, &[1])]);
    world.policy(|policy| policy.devices_per_partition = 1);
    world.publish(|source| source.campaigns[0].end = jiff::civil::date(2026, 11, 24));
    world.walk(&[(0, 0.0), (60, 900.0)]);
    world.publish(|source| source.campaigns[0].end = jiff::civil::date(2026, 12, 31));
    let got = world.see(seen(2, local(27, 12, 0), 5000.0));
    assert_eq!(got.rejected(), [RejectReason::DeviceTableFull]);
}

#[test]
fn a_dwell_that_loses_a_moment_by_timer_waits_for_a_fix() {
    let campaigns = vec![dwelling(10, &[1], 60), dwelling(11, &[1], 60)];
    let mut world = World::new(vec![fence(1, 0.0, 100.0)], campaigns);
    world.walk(&[(0, 0.0)]);
    assert_eq!(world.tick(60).pushed(), [11]);
    assert_eq!(world.tick(61).pushed(), NONE);
    assert_eq!(world.walk(&[(90, 0.0)]).pushed(), [10]);
}
