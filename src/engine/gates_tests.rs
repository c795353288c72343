//! Each gate alone, both sides of its edge, and the order of all.

use super::gates::GATES;
use super::testkit::{
    ACCOUNT, NONE, World, account, at, batch, campaign, device, fence, local, seen, testing,
};
use crate::domain::campaign::{AudienceSpec, CampaignSpec};
use crate::domain::ids::AppId;
use crate::domain::input::{Batch, Input};
use crate::domain::ping::PingFlags;
use crate::domain::reasons::SuppressReason;
use crate::domain::report::Platform;

fn world_of(spec: CampaignSpec) -> World {
    World::new(vec![fence(1, 0.0, 100.0)], vec![spec])
}

fn one() -> CampaignSpec {
    campaign(10, &[1])
}

#[test]
fn the_order_is_the_designs() {
    use SuppressReason::{
        Accuracy, Age, App, Audience, Blacklist, Consent, DailyCap, Frequency, Night, Period,
        Quota, TestDevice, Window,
    };
    let order: Vec<_> = GATES.iter().map(|(reason, ..)| *reason).collect();
    let stated = [
        App, Period, Window, Audience, Blacklist, Consent, Night, TestDevice, Accuracy, Age,
        Frequency, DailyCap, Quota,
    ];
    assert_eq!(order, stated);
    assert!(order.is_sorted_by_key(|reason| reason.number()), "numbers tell the order too");
}

#[test]
fn the_first_gate_that_stops_is_the_reason() {
    let mut spec = one();
    spec.apps = vec![AppId(2)];
    spec.audience = AudienceSpec::Devices(vec![device(9)]);
    let mut world = world_of(spec);
    world.walk(&[(0, 0.0)]);
    assert_eq!(world.walk(&[(60, 500.0)]).suppressed(), [SuppressReason::App]);
}

#[test]
fn app_waits_for_a_ping_of_one_of_the_campaigns_apps() {
    let mut world = world_of(one());
    assert_eq!(world.see(seen(1, 0, 0.0).app(2)).pushed(), NONE);
    let got = world.see(seen(1, 60, 0.0).app(1));
    assert_eq!((got.pushed(), got.job().app), (vec![10], AppId(1)));
}

#[test]
fn the_period_is_whole_local_days_and_waits() {
    let mut spec = one();
    spec.start = jiff::civil::date(2026, 11, 25);
    spec.end = jiff::civil::date(2026, 11, 25);
    let mut world = world_of(spec);
    world.see(seen(1, local(25, 0, 0), 0.0).millis(-1));
    assert_eq!(world.open(), 1);
    assert_eq!(world.see(seen(1, local(25, 0, 0), 0.0)).pushed(), [10]);
    assert_eq!(world.see(seen(2, local(26, 0, 0), 0.0).millis(-1)).pushed(), [10]);
    world.see(seen(3, local(26, 0, 0), 0.0));
    let got = world.see(seen(3, local(26, 0, 1), 900.0));
    assert_eq!(got.suppressed(), [SuppressReason::Period]);
}

#[test]
fn the_audience_is_a_list_of_devices() {
    let spec = CampaignSpec { audience: AudienceSpec::Devices(vec![device(2)]), ..one() };
    let mut world = world_of(spec);
    assert_eq!(world.see(seen(1, 0, 0.0)).suppressed(), [SuppressReason::Audience]);
    assert_eq!(world.see(seen(2, 0, 0.0)).pushed(), [10]);
}

#[test]
fn the_blacklist_holds_by_id_where_the_campaign_honours_it() {
    let mut deaf = campaign(11, &[1]);
    deaf.blacklist = false;
    let mut account = account(1);
    account.blacklist = vec![device(1)];
    let mut world = World::with(account, vec![fence(1, 0.0, 100.0)], vec![one(), deaf]);
    let got = world.walk(&[(0, 0.0)]);
    assert_eq!((got.suppressed(), got.pushed()), (vec![SuppressReason::Blacklist], vec![11]));
}

#[test]
fn the_blacklist_holds_by_echo_code_once_a_profile_tells_it() {
    let mut account = account(1);
    account.blacklist_echo = vec![[9; 16]];
    let mut world = World::with(account, vec![fence(1, 0.0, 100.0)], vec![one()]);
    world.profile(|profile| profile.echo = [9; 16]);
    assert_eq!(world.walk(&[(0, 0.0)]).suppressed(), [SuppressReason::Blacklist]);
    assert_eq!(world.see(seen(2, 0, 0.0)).pushed(), [10], "another device has no echo code");
}

#[test]
fn consent_is_refused_by_flag_or_by_profile() {
    let mut world = world_of(one());
    let got = world.see(seen(1, 0, 0.0).flags(PingFlags::NO_ADS_CONSENT));
    assert_eq!((got.suppressed(), world.open()), (vec![SuppressReason::Consent], 0));
    let mut world = world_of(one());
    world.profile(|profile| profile.ads_consent = false);
    assert_eq!(world.walk(&[(0, 0.0)]).suppressed(), [SuppressReason::Consent]);
}

fn by_night() -> World {
    let mut account = account(1);
    account.night_rule = true;
    World::with(account, vec![fence(1, 0.0, 100.0)], vec![one()])
}

#[test]
fn night_is_21_to_08_local_and_waits_for_the_morning() {
    assert_eq!(by_night().see(seen(1, local(24, 21, 0), 0.0).millis(-1)).pushed(), [10]);
    let mut world = by_night();
    assert_eq!(world.see(seen(1, local(24, 21, 0), 0.0)).pushed(), NONE);
    let mut world = by_night();
    assert_eq!(world.see(seen(1, local(25, 8, 0), 0.0).millis(-1)).pushed(), NONE);
    assert_eq!(world.open(), 1);
    assert_eq!(world.see(seen(1, local(25, 8, 0), 0.0)).pushed(), [10]);
}

#[test]
fn night_lets_through_who_agreed_by_flag_or_profile() {
    let midnight = local(25, 0, 0);
    let mut world = by_night();
    assert_eq!(world.see(seen(1, midnight, 0.0).flags(PingFlags::NIGHT_CONSENT)).pushed(), [10]);
    let mut world = by_night();
    world.profile(|profile| profile.night_consent = true);
    assert_eq!(world.see(seen(1, midnight, 0.0)).pushed(), [10]);
    let got = World::new(vec![fence(1, 0.0, 100.0)], vec![one()]).see(seen(1, midnight, 0.0));
    assert_eq!(got.pushed(), [10], "the account has not turned the rule on");
}

/// An account in New York, where clocks go forward on 14 March 2027 at 02:00.
fn new_york(spec: CampaignSpec) -> World {
    let mut account = account(1);
    account.time_zone = "America/New_York".to_owned();
    account.night_rule = true;
    let spec = CampaignSpec { end: jiff::civil::date(2027, 12, 31), ..spec };
    World::with(account, vec![fence(1, 0.0, 100.0)], vec![spec])
}

fn new_york_time(day: jiff::civil::DateTime) -> i64 {
    let instant = day.in_tz("America/New_York").unwrap().timestamp().as_millisecond();
    (instant - super::testkit::NOON) / 1000
}

#[test]
fn night_ends_by_the_wall_clock_when_the_clocks_change() {
    let eight = new_york_time(jiff::civil::date(2027, 3, 14).at(8, 0, 0, 0));
    assert_eq!(new_york(one()).see(seen(1, eight, 0.0).millis(-1)).pushed(), NONE);
    assert_eq!(new_york(one()).see(seen(1, eight, 0.0)).pushed(), [10]);
    let day_before = new_york_time(jiff::civil::date(2027, 3, 13).at(8, 0, 0, 0));
    assert_eq!(eight - day_before, 23 * 3600, "that day is short");
}

#[test]
fn windows_follow_the_wall_clock_when_the_clocks_change() {
    let mut spec = one();
    spec.windows[0].start_min = 9 * 60;
    let nine = new_york_time(jiff::civil::date(2027, 3, 14).at(9, 0, 0, 0));
    assert_eq!(new_york(spec.clone()).see(seen(1, nine, 0.0).millis(-1)).pushed(), NONE);
    assert_eq!(new_york(spec).see(seen(1, nine, 0.0)).pushed(), [10]);
}

#[test]
fn a_test_reaches_its_test_devices_alone() {
    let mut world = world_of(testing(10, &[1], &[device(2)]));
    assert_eq!(world.see(seen(1, 0, 0.0)).suppressed(), [SuppressReason::TestDevice]);
    assert_eq!(world.see(seen(2, 0, 0.0)).pushed(), [10]);
}

#[test]
fn accuracy_is_the_policys_the_campaigns_or_the_targets() {
    let waiting = |change: fn(&mut CampaignSpec), accuracy_m: u16| {
        let mut spec = one();
        spec.windows[0].start_min = 13 * 60;
        change(&mut spec);
        let mut world = World::new(vec![fence(1, 0.0, 50.0)], vec![spec]);
        world.walk(&[(local(24, 12, 59), 0.0)]);
        world.see(seen(1, local(24, 13, 0), 0.0).accuracy(accuracy_m)).pushed().len()
    };
    assert_eq!((waiting(|_| {}, 100), waiting(|_| {}, 101)), (1, 0), "the policy's");
    let finer = |spec: &mut CampaignSpec| spec.max_accuracy_m = Some(60);
    assert_eq!((waiting(finer, 60), waiting(finer, 61)), (1, 0), "the campaign's");
    let coarser = |spec: &mut CampaignSpec| spec.max_accuracy_m = Some(500);
    assert_eq!((waiting(coarser, 500), waiting(coarser, 501)), (1, 0));
    let finest = |spec: &mut CampaignSpec| spec.max_accuracy_m = Some(10);
    assert_eq!((waiting(finest, 50), waiting(finest, 51)), (1, 0), "or the target's size");
}

#[test]
fn a_fix_older_than_max_push_age_s_waits_for_a_fresh_one() {
    let mut world = world_of(one());
    assert_eq!(world.see(seen(1, 0, 0.0).late_by(301)).pushed(), NONE);
    assert_eq!(world.open(), 1);
    assert_eq!(world.see(seen(1, 60, 0.0).late_by(300)).pushed(), [10]);
}

#[test]
fn a_test_skips_what_the_design_says_and_nothing_else() {
    let mut spec = testing(10, &[1], &[device(1)]);
    spec.start = jiff::civil::date(2026, 12, 20);
    spec.audience = AudienceSpec::Devices(vec![device(9)]);
    spec.holdout_pct = 50;
    spec.total_limit = Some(1);
    let mut rules = account(1);
    rules.blacklist = vec![device(1)];
    rules.daily_cap = Some(1);
    rules.monthly_limit = Some(1);
    let mut world = World::with(rules, vec![fence(1, 0.0, 100.0)], vec![spec.clone()]);
    for round in 0..5 {
        assert_eq!(world.walk(&[(round * 600, 0.0)]).pushed(), [10], "round {round}");
        world.walk(&[(round * 600 + 300, 500.0)]);
    }
    assert_eq!(world.out.wants, [], "tests take no grants");

    spec.windows[0].end_min = 12 * 60;
    let mut closed = world_of(spec.clone());
    closed.walk(&[(0, 0.0)]);
    assert_eq!(closed.open(), 1, "hours hold");
    spec.windows[0].end_min = 24 * 60;
    let mut world = world_of(spec);
    let got = world.see(seen(1, 0, 0.0).flags(PingFlags::NO_ADS_CONSENT));
    assert_eq!(got.suppressed(), [SuppressReason::Consent], "consent holds");
    assert_eq!(world.see(seen(1, 60, 0.0).app(2)).pushed(), NONE, "and so does the app");
}

#[test]
fn a_test_may_precede_the_period_but_not_outlast_it() {
    let mut spec = testing(10, &[1], &[device(1)]);
    spec.start = jiff::civil::date(2026, 11, 25);
    spec.end = jiff::civil::date(2026, 11, 25);
    let pushed_at = |time_s| world_of(spec.clone()).walk(&[(time_s, 0.0)]).pushed().len();
    assert_eq!((pushed_at(local(24, 12, 0)), pushed_at(local(26, 0, 0) - 1)), (1, 1));
    assert_eq!(pushed_at(local(26, 0, 0)), 0);
}

#[test]
fn of_two_gates_that_stop_the_earlier_is_the_reason() {
    let mut spec = one();
    spec.total_limit = Some(1);
    spec.windows[0].start_min = 13 * 60;
    let why = |change: fn(&mut CampaignSpec), fix: super::testkit::Seen| {
        let mut spec = spec.clone();
        change(&mut spec);
        let mut world = world_of(spec);
        world.see(fix);
        world.walk(&[(60, 900.0)]).suppressed()
    };
    let open = |spec: &mut CampaignSpec| spec.windows[0].start_min = 0;
    let old = seen(1, 0, 0.0).late_by(301);
    assert_eq!(why(|_| {}, seen(1, 0, 0.0).app(2)), [SuppressReason::App], "before the window");
    assert_eq!(why(|_| {}, old), [SuppressReason::Window], "before the age");
    assert_eq!(why(open, old), [SuppressReason::Age], "before the quota");
    assert_eq!(why(open, seen(1, 0, 0.0)), [SuppressReason::Quota]);
}

#[test]
fn the_platform_comes_from_the_fix_or_else_the_profile() {
    let mut world = world_of(one());
    assert_eq!(world.walk(&[(0, 0.0)]).job().platform, Platform::Unknown);
    let mut world = world_of(one());
    world.profile(|profile| profile.platform = Platform::Ios);
    assert_eq!(world.walk(&[(0, 0.0)]).job().platform, Platform::Ios);
    let mut world = world_of(one());
    let got = world.see(seen(1, 0, 0.0).flags(PingFlags::ANDROID));
    assert_eq!(got.job().platform, Platform::Android);
}

#[test]
fn an_app_of_nobody_is_stopped_by_the_app_gate() {
    let mut world = world_of(one());
    let fixes = [seen(1, 0, 0.0).fix];
    let got = world.step(&Input::Fixes(Batch { app: AppId(99), ..batch(at(0), &fixes) }));
    assert_eq!((got.pushed(), world.open()), (vec![], 1));
    assert_eq!(ACCOUNT, world.source.accounts[0].id);
}
