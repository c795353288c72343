//! The numbers of the rules, and which days and months may be asked for.

use jiff::civil::{Date, date};
use jiff::tz::TimeZone;

use super::hours::bounds;
use super::parts::per_cent;
use super::period::PeriodRequest;
use super::subject::{Addressed, Subject, day_number, day_of};
use super::usage::{UsageRequest, overage};
use crate::control::documents::Membership;
use crate::control::refusal::Refusal;
use crate::domain::ids::{AccountId, CampaignId};

#[test]
fn rates_are_rounded_to_two_places() {
    assert_eq!(per_cent(16_940, 421_870), Some(4.02));
    assert_eq!(per_cent(148_875, 421_870), Some(35.29));
    assert_eq!(per_cent(1, 8), Some(12.5));
    assert_eq!((per_cent(0, 0), per_cent(0, 3), per_cent(3, 3)), (None, Some(0.0), Some(100.0)));
    assert_eq!(per_cent(u64::MAX, u64::MAX), Some(100.0));
}

#[test]
fn pushes_beyond_those_included_are_billed_and_never_refused() {
    assert_eq!(overage(Membership::Lite, 150_000), (50_000, 250_000));
    assert_eq!(overage(Membership::Lite, 100_000), (0, 0));
    assert_eq!(overage(Membership::Lite, 100_001), (1, 5));
    assert_eq!(overage(Membership::Basic, 10_000_000), (0, 0));
    assert_eq!(overage(Membership::Premium, 10_000_000), (0, 0));
}

#[test]
fn days_are_numbered_from_1970() {
    assert_eq!((day_number(date(1970, 1, 1)), day_number(date(1969, 12, 31))), (0, -1));
    assert_eq!(day_number(date(2026, 11, 29)), 20_786);
    assert_eq!(day_of(20_786), date(2026, 11, 29));
}

fn subject(today: Date) -> Subject {
    Subject {
        campaign: CampaignId(7),
        account: AccountId(1),
        name: "Coffee".to_owned(),
        state: "running".to_owned(),
        days: (date(2026, 11, 10), date(2026, 11, 20)),
        zone: TimeZone::UTC,
        today,
        has_ab: false,
        addressed: Addressed::Devices(1),
    }
}

fn asked(from: Option<&str>, to: Option<&str>, today: Date) -> Result<(Date, Date), String> {
    let request = PeriodRequest { from: from.map(str::to_owned), to: to.map(str::to_owned) };
    let days = request
        .days_of(&subject(today), Date::MIN)
        .map_err(|refusal: Refusal| refusal.to_string())?;
    Ok((*days.start(), *days.end()))
}

#[test]
fn a_report_is_of_whole_days_of_the_campaign_to_yesterday() {
    let while_running = date(2026, 11, 15);
    assert_eq!(asked(None, None, while_running), Ok((date(2026, 11, 10), date(2026, 11, 14))));
    let after = date(2027, 1, 1);
    assert_eq!(asked(None, None, after), Ok((date(2026, 11, 10), date(2026, 11, 20))));
    let one = asked(Some("2026-11-14"), Some("2026-11-14"), while_running);
    assert_eq!(one, Ok((date(2026, 11, 14), date(2026, 11, 14))));
    for (from, to, words) in [
        (None, Some("2026-11-15"), "allowed: 2026-11-10 to 2026-11-14"),
        (Some("2026-11-09"), None, "allowed: 2026-11-10 to 2026-11-14"),
        (Some("2026-11-14"), Some("2026-11-13"), "swap them"),
        (Some("14.11.2026"), None, "a day, as 2026-11-23"),
    ] {
        let refused = asked(from, to, while_running).expect_err("no such days");
        assert!(refused.contains(words), "{refused}");
    }
    let first_day = asked(None, None, date(2026, 11, 10)).expect_err("nothing is over");
    assert!(first_day.contains("begins on 2026-11-10"), "{first_day}");
}

#[test]
fn usage_is_of_this_month_or_the_last() {
    let today = date(2026, 1, 31);
    let month = |text: Option<&str>| {
        UsageRequest { month: text.map(str::to_owned) }.month_of(today).map_err(|r| r.to_string())
    };
    assert_eq!(month(None), Ok(date(2026, 1, 1)));
    assert_eq!(month(Some("2025-12")), Ok(date(2025, 12, 1)));
    for other in ["2025-11", "2026-02", "January"] {
        let refused = month(Some(other)).expect_err("no such month");
        assert!(refused.contains("allowed: 2026-01 and 2025-12"), "{refused}");
    }
}

#[test]
fn days_have_the_hours_that_the_zone_gives_them() {
    let quarters = |zone: &str, day| {
        let (from, until) = bounds(day, &TimeZone::get(zone).expect("a zone"));
        until.0 - from.0
    };
    assert_eq!(quarters("Asia/Seoul", date(2026, 3, 29)), 96);
    assert_eq!(quarters("Europe/Berlin", date(2026, 3, 29)), 92);
    assert_eq!(quarters("Europe/Berlin", date(2026, 10, 25)), 100);
    assert_eq!(quarters("Asia/Kathmandu", date(2026, 3, 29)), 96);
}
