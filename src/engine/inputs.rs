//! What each gate looks at, by name, for `explain`: one function a row of the table of [`gates`](super::gates).

use super::gates::{Case, limits};
use super::trace::Value;
use crate::domain::campaign::Frequency;
use crate::domain::input::LimitId;

/// Names and values, in reading order.
pub(crate) type Inputs = Vec<(&'static str, Value)>;

pub(super) fn app(case: &Case<'_, '_>) -> Inputs {
    let apps = case.campaign.apps().map(|app| app.0).collect();
    vec![("app", number(case.moment.app.0)), ("campaign_apps", Value::Numbers(apps))]
}

pub(super) fn period(case: &Case<'_, '_>) -> Inputs {
    let (from, until) = case.campaign.period();
    vec![("at", Value::At(case.moment.at)), ("from", Value::At(from)), ("until", Value::At(until))]
}

pub(super) fn window(case: &Case<'_, '_>) -> Inputs {
    let at = case.moment.at;
    let next = case.campaign.window_opens_after(at).map_or(NONE, Value::At);
    vec![("at", Value::At(at)), ("next_opens_at", next)]
}

pub(super) fn audience(case: &Case<'_, '_>) -> Inputs {
    let size = case.campaign.audience_len();
    let is_member = case.campaign.audience_has(case.member());
    let size = size.map_or(Value::Word("everyone"), number);
    vec![("audience", size), ("in_audience", Value::Flag(is_member)), testing(case)]
}

pub(super) fn blacklist(case: &Case<'_, '_>) -> Inputs {
    let honoured = case.campaign.honours_blacklist();
    vec![
        ("honoured", Value::Flag(honoured)),
        ("listed", Value::Flag(case.is_blacklisted())),
        testing(case),
    ]
}

pub(super) fn consent(case: &Case<'_, '_>) -> Inputs {
    let by_profile = case.annex.profile.map(|profile| profile.ads_consent);
    let by_profile = by_profile.map_or(Value::Word("unknown"), Value::Flag);
    vec![("agreed", Value::Flag(case.has_ads_consent())), ("by_profile", by_profile)]
}

pub(super) fn night(case: &Case<'_, '_>) -> Inputs {
    let applies = case.account.night_rule_applies(case.moment.at);
    vec![
        ("rule_applies", Value::Flag(applies)),
        ("agreed_at_night", Value::Flag(case.has_night_consent())),
    ]
}

pub(super) fn test_device(case: &Case<'_, '_>) -> Inputs {
    let is_test = case.campaign.is_test_device(case.member());
    vec![testing(case), ("test_device", Value::Flag(is_test))]
}

pub(super) fn accuracy(case: &Case<'_, '_>) -> Inputs {
    let limit_m = case.campaign.max_accuracy_m().unwrap_or(case.policy.max_accuracy_m);
    let target = case.account.target(case.target);
    let size_m = target.map_or(0.0, |target| f64::from(target.size_m()));
    vec![
        ("accuracy", Value::Metres(f64::from(case.accuracy_m))),
        ("limit", Value::Metres(f64::from(limit_m))),
        ("target_size", Value::Metres(size_m)),
    ]
}

pub(super) fn age(case: &Case<'_, '_>) -> Inputs {
    let age_s = case.moment.now.since(case.seen_at).div_euclid(1000);
    vec![
        ("seen_at", Value::At(case.seen_at)),
        ("age", Value::Seconds(age_s)),
        ("limit", Value::Seconds(i64::from(case.policy.max_push_age_s))),
    ]
}

pub(super) fn frequency(case: &Case<'_, '_>) -> Inputs {
    let frequency = case.campaign.frequency();
    let label = match frequency {
        Frequency::OncePerPeriod => "once_per_period",
        Frequency::OncePerDay => "once_per_day",
        Frequency::Resend { .. } => "resend",
    };
    vec![
        ("frequency", Value::Word(label)),
        ("bucket", Value::Bucket(case.bucket, frequency)),
        ("used", Value::Flag(case.is_bucket_used())),
        testing(case),
    ]
}

pub(super) fn daily_cap(case: &Case<'_, '_>) -> Inputs {
    let today = case.day.map_or(0, |today| case.annex.pushes_on(today));
    vec![
        ("pushes_today", number(today)),
        ("cap", case.account.daily_cap().map_or(NONE, number)),
        testing(case),
    ]
}

pub(super) fn quota(case: &Case<'_, '_>) -> Inputs {
    let [month, total] = limits(case.account, &case.campaign, case.moment.at);
    let left = |limit: Option<LimitId>| {
        let left = |limit| case.grants.get(limit).map_or(0, |state| state.left);
        limit.map_or(Value::Word("unlimited"), |limit| Value::Number(left(limit)))
    };
    vec![("month_left_here", left(month)), ("campaign_left_here", left(total)), testing(case)]
}

const NONE: Value = Value::Word("none");

/// A test passes many gates unasked.
fn testing(case: &Case<'_, '_>) -> (&'static str, Value) {
    ("testing", Value::Flag(case.is_test()))
}

fn number(number: impl TryInto<i64>) -> Value {
    Value::Number(number.try_into().unwrap_or(i64::MAX))
}
