//! A story for each reason: what a device does, and the sentence that tells why it got a push or not.

use serde_json::Value;

use super::answer::{Explanation, Outcome};
use super::question::{ExplainError, Known};
use super::story::{DEVICE, Story};
use crate::domain::campaign::{AudienceSpec, CampaignSpec, Condition, Frequency, RunMode};
use crate::domain::ids::{AppId, DeviceId, TargetId};
use crate::domain::ping::PingFlags;
use crate::domain::target::{Ring, Shape, TargetSpec, Vertex};
use crate::engine::testkit::{campaign, fence};

fn one() -> CampaignSpec {
    campaign(10, &[1])
}

/// A sentence without the numbers of jobs, which hang on keys.
fn plain(told: &Explanation) -> String {
    let because = &told.because;
    match (because.find(" (job "), because.rfind(')')) {
        (Some(from), Some(to)) => format!("{}{}", &because[..from], &because[to + 1..]),
        _ => because.clone(),
    }
}

#[track_caller]
fn says(story: Story, outcome: Outcome, because: &str) {
    let told = story.tell();
    assert_eq!((told.outcome, plain(&told).as_str()), (outcome, because));
}

#[test]
fn outside_is_told_with_the_distance() {
    says(
        Story::of(one()).fix(0, 282.0),
        Outcome::Outside,
        "Outside: 182 m from the nearest target, Fence 1.",
    );
}

#[test]
fn a_push_is_told_with_its_job() {
    let told = Story::of(one()).fix(0, 0.0).tell();
    assert_eq!(
        (told.outcome, plain(&told).as_str()),
        (Outcome::Pushed, "Pushed at 12:00 for Fence 1.")
    );
    let job = told.moments[0].job.clone().unwrap();
    assert!(told.because.contains(&job), "{}", told.because);
    let bucket = told.bucket.unwrap();
    assert!(bucket.used && bucket.used_by[0].job == job, "{bucket:?}");
    assert_eq!(
        (bucket.frequency, bucket.span.as_str()),
        ("once_per_period", "the period from 2026-11-23")
    );
}

#[test]
fn a_window_is_told_by_when_it_opens() {
    let mut later = one();
    later.windows[0].start_min = 18 * 60;
    let stopped = Outcome::Stopped;
    says(
        Story::of(later).fix(0, 0.0),
        stopped,
        "No push at 12:00: the campaign's window opens at 18:00.",
    );
    let mut tomorrow = one();
    (tomorrow.windows[0].start_min, tomorrow.windows[0].end_min) = (9 * 60, 10 * 60);
    says(
        Story::of(tomorrow).fix(0, 0.0),
        stopped,
        "No push at 12:00: the campaign's window opens at 09:00 on 2026-11-25.",
    );
}

#[test]
fn each_gate_has_its_sentence() {
    let with = |change: fn(&mut CampaignSpec)| {
        let mut spec = one();
        change(&mut spec);
        Story::of(spec)
    };
    let others = || AudienceSpec::Devices(vec![DeviceId([9; 16])]);
    let flagged = |story: Story| {
        story.fix_with(0, 0.0, |fix, _, _| fix.flags = PingFlags(PingFlags::NO_ADS_CONSENT))
    };
    let mut listed = Story::of(one());
    listed.account.blacklist = vec![DEVICE];
    let mut night = Story::of(one());
    night.account.night_rule = true;
    let mut capped = Story::of(one());
    capped.account.daily_cap = Some(1);
    capped.campaigns.push(CampaignSpec { priority: 5, ..campaign(11, &[1]) });
    let mut limited = Story::of(one());
    limited.account.monthly_limit = Some(5);
    let stories = [
        (
            with(|spec| spec.apps = vec![AppId(2)]).fix(0, 0.0),
            "it came through app 1, and the campaign takes 2",
        ),
        (
            with(|spec| spec.start = jiff::civil::date(2026, 11, 25)).fix(0, 0.0),
            "the campaign begins on 2026-11-25",
        ),
        (
            with(|spec| spec.end = jiff::civil::date(2026, 11, 23)).fix(0, 0.0),
            "the campaign ended with 2026-11-23",
        ),
        (
            Story::of(CampaignSpec { audience: others(), ..one() }).fix(0, 0.0),
            "the device is not among the 1 of the campaign's audience",
        ),
        (listed.fix(0, 0.0), "the device is on the account's blacklist"),
        (flagged(Story::of(one())), "the user has not agreed to advertising"),
        (night.fix(36_000, 0.0), "it is night, and the user has not agreed to that"),
        (
            Story::of(CampaignSpec {
                mode: RunMode::Testing,
                test_devices: vec![DeviceId([9; 16])],
                ..one()
            })
            .fix(0, 0.0),
            "the campaign is in testing, and the device is none of its test devices",
        ),
        (
            Story::of(one()).fix_with(0, 0.0, |_, _, delay_s| *delay_s = 900),
            "what it rests on was 900 s old, and 300 s are allowed",
        ),
        (
            capped.fix(0, 0.0).fix(60, 0.0),
            "the device has had 1 pushes of its account today, and 1 are allowed",
        ),
        (limited.fix(0, 0.0), "nothing is left here of the account's or the campaign's limit"),
    ];
    for (story, why) in stories {
        let told = story.tell();
        assert_eq!(told.outcome, Outcome::Stopped, "{why}: {}", told.because);
        let (_, said) = told.because.split_once(": ").unwrap();
        assert_eq!(said, format!("{why}."));
    }
}

#[test]
fn coarse_fixes_are_told_apart() {
    let fine = || CampaignSpec { max_accuracy_m: Some(20), ..one() };
    let coarse = |accuracy_m: u16| {
        let mut story = Story::of(fine()).fix_with(0, 0.0, |fix, _, _| fix.accuracy_m = accuracy_m);
        story.targets = vec![fence(1, 0.0, 60.0)];
        story
    };
    says(
        coarse(90),
        Outcome::Stopped,
        "No push at 12:00: the fix is exact to 90 m only, and 20 m are wanted.",
    );
    says(
        coarse(101),
        Outcome::Outside,
        "Inside Fence 1 by coordinates, but the fix is exact to 101 m only, too coarse for an enter.",
    );
}

#[test]
fn without_a_moment_the_last_known_state_is_told() {
    let told = Story::of(one()).fix(0, 0.0).tell_from_state();
    let said = "Inside Fence 1 since 12:00: the push of the campaign's period was made before.";
    assert_eq!((told.outcome, plain(&told).as_str()), (Outcome::Decided, said));
    assert!(told.bucket.is_some_and(|bucket| bucket.used));
    assert_eq!((told.moments.len(), told.moments[0].basis), (1, "last_known"));
    let mut later = one();
    later.windows[0].start_min = 18 * 60;
    let told = Story::of(later).fix(0, 0.0).tell_from_state();
    let said = "No push at 12:00: the campaign's window opens at 18:00.";
    assert_eq!((told.outcome, told.because.as_str()), (Outcome::Stopped, said));
}

#[test]
fn a_used_bucket_is_told_inside_and_at_the_next_enter() {
    let story = || Story::of(one()).fix(0, 0.0);
    says(
        story().fix(60, 10.0),
        Outcome::Decided,
        "Inside Fence 1 since 12:00: the push of the campaign's period was made before.",
    );
    says(
        story().fix(300, 3000.0).fix(600, 10.0),
        Outcome::Stopped,
        "No push at 12:10: the device has had its push of the campaign's period.",
    );
    let daily = CampaignSpec { frequency: Frequency::OncePerDay, ..one() };
    says(
        Story::of(daily).fix(0, 0.0).fix(60, 10.0),
        Outcome::Decided,
        "Inside Fence 1 since 12:00: the push of the day was made before.",
    );
    let daily = CampaignSpec { frequency: Frequency::OncePerDay, ..one() };
    let overnight = (0..30).fold(Story::of(daily), |story, n| story.fix(n * 1500, 0.0));
    says(
        overnight,
        Outcome::Decided,
        "Inside Fence 1 since 12:00 on 2026-11-24: the condition was decided before, in this stay.",
    );
    let resend = CampaignSpec { frequency: Frequency::Resend { after_s: 600 }, ..one() };
    says(
        Story::of(resend).fix(0, 0.0).fix(60, 10.0),
        Outcome::Waiting,
        "Pushed before in this stay at Fence 1; the next push is due at 12:10.",
    );
}

#[test]
fn conditions_on_their_way_are_told_by_when_they_come_true() {
    let dwell = || CampaignSpec { condition: Condition::Dwell { dwell_s: 600 }, ..one() };
    says(
        Story::of(dwell()).fix(0, 0.0),
        Outcome::Waiting,
        "Inside Fence 1 since 12:00: the dwell time is over at 12:10.",
    );
    says(
        Story::of(dwell()).fix(0, 0.0).fix(540, 0.0).fix(600, 0.0),
        Outcome::Pushed,
        "Pushed at 12:10 for Fence 1.",
    );
    let leaving = || CampaignSpec { condition: Condition::Exit, ..one() };
    says(
        Story::of(leaving()).fix(0, 0.0),
        Outcome::Waiting,
        "Inside Fence 1 since 12:00: the campaign pushes when the device leaves.",
    );
    says(
        Story::of(leaving()).fix(0, 0.0).fix(60, 115.0),
        Outcome::Waiting,
        "The fix of 12:01 is outside Fence 1, not far or not often enough to be sure that the device left.",
    );
    says(
        Story::of(leaving()).fix(0, 0.0).fix(60, 500.0),
        Outcome::Pushed,
        "Pushed at 12:01 for Fence 1.",
    );
}

#[test]
fn a_chance_that_passed_is_told_by_what_was_in_its_way() {
    let mut later = one();
    later.windows[0].start_min = 18 * 60;
    says(
        Story::of(later).fix(0, 0.0).fix(60, 1500.0),
        Outcome::Closed,
        "No push: the stay ended at 12:01, and until then the campaign's window was closed.",
    );
}

#[test]
fn winners_tests_and_those_held_out_are_told() {
    let mut beaten = Story::of(one());
    beaten.campaigns.push(CampaignSpec { priority: 5, ..campaign(11, &[1]) });
    says(
        beaten.fix(0, 0.0),
        Outcome::Outranked,
        "No push at 12:00: campaign 11 won the moment, by its priority or as the newer one.",
    );
    let test = CampaignSpec { mode: RunMode::Testing, test_devices: vec![DEVICE], ..one() };
    says(Story::of(test).fix(0, 0.0), Outcome::Pushed, "Pushed as a test at 12:00 for Fence 1.");
    let half = CampaignSpec { holdout_pct: 50, ..one() };
    let told = Story::of(half).fix(0, 0.0).tell();
    let is_held_out = told.moments[0].stopped_by == Some("held_out");
    let expected = if is_held_out { Outcome::HeldOut } else { Outcome::Pushed };
    assert_eq!(told.outcome, expected, "{}", told.because);
}

#[test]
fn fixes_that_were_not_followed_are_told_and_the_last_that_was_is_the_answer() {
    let told = Story::of(one()).fix(0, 282.0).fix(0, 282.0).fix(-60, 0.0).fix(1, 90_000.0).tell();
    assert_eq!(told.because, "Outside: 182 m from the nearest target, Fence 1.");
    let said: Vec<(Outcome, &str)> =
        told.moments.iter().map(|moment| (moment.outcome, moment.because.as_str())).collect();
    let jumped = "The fix of 12:00 was refused: the device would have had to move faster than max_speed_kmh.";
    let late = "The fix of 11:59 came after a newer one: it may correct visits, and never pushes.";
    let twice = "The fix of 12:00 was refused: the device's last fix had the same instant.";
    assert_eq!(
        said[..3],
        [(Outcome::Refused, jumped), (Outcome::Late, late), (Outcome::Refused, twice)]
    );
}

#[test]
fn what_is_not_known_is_told_as_such() {
    let told = Story::of(one()).tell();
    assert_eq!(
        (told.outcome, told.because.as_str()),
        (Outcome::NeverSeen, "There are no records yet.")
    );
    let mut quiet = Story::of(one());
    quiet.ticks = vec![0, 60];
    says(
        quiet,
        Outcome::NeverSeen,
        "The device was not seen since 2026-11-24T12:00:00+09:00, when the records begin.",
    );
    let mut waiting = Story::of(campaign(11, &[1])).fix(0, 0.0);
    let known = Known { name: "Coffee".to_owned(), state: "waiting".to_owned() };
    waiting.question.known = Some(known);
    says(waiting, Outcome::NotInForce, "The campaign is waiting, so nothing is pushed.");
    let unknown = Story::of(campaign(11, &[1])).fix(0, 0.0).try_tell();
    assert!(matches!(unknown, Err(ExplainError::NoCampaign { .. })));
}

#[test]
fn the_nearest_border_is_told_from_either_side() {
    let mut story = Story::of(campaign(10, &[1, 2, 3]));
    let at_corner =
        |lat: i64, lon: i64| Vertex { lat: 375_000_000 + lat, lon: 1_270_000_000 + lon };
    // A square of about 222 m by 177 m, its southern edge 1 km to the north.
    let ring = [(89_932, -10_000), (89_932, 10_000), (109_932, 10_000), (109_932, -10_000)];
    let square =
        Shape::Polygon { rings: vec![Ring(ring.map(|(lat, lon)| at_corner(lat, lon)).to_vec())] };
    story.targets.push(TargetSpec { shape: square, ..fence(2, 0.0, 100.0) });
    story.targets.push(fence(3, 9000.0, 100.0));
    let told = story.fix(0, 30.0).fix(120, 900.0).fix(240, 1010.0).tell();
    let near: Vec<(u32, bool, f64)> = told
        .moments
        .iter()
        .rev()
        .map(|moment| {
            let near = moment.nearest.as_ref().unwrap();
            (near.target.id, near.inside, near.distance_m.unwrap())
        })
        .collect();
    let expected = [(1, true, 70.0), (2, false, 100.0), (2, true, 10.0)];
    for ((target, inside, distance_m), (of, is_in, about_m)) in near.into_iter().zip(expected) {
        assert_eq!((target, inside), (of, is_in));
        assert!((distance_m - about_m).abs() < 0.05, "{distance_m} for {about_m}");
    }
}

#[test]
fn a_nationwide_campaign_has_no_border() {
    let told = Story::of(campaign(10, &[TargetId::NATIONWIDE.0])).fix(0, 5000.0).tell();
    let near = told.moments[0].nearest.as_ref().unwrap();
    assert_eq!((near.inside, near.distance_m), (true, None));
    assert_eq!(plain(&told), "Pushed at 12:00 for nationwide.");
}

#[test]
fn as_many_moments_are_told_as_were_asked_for_the_newest_first() {
    let mut story = (0..30).fold(Story::of(one()), |story, n| story.fix(n * 60, 500.0));
    story.question.last = 3;
    let told = story.tell();
    let at: Vec<&str> = told.moments.iter().map(|moment| moment.at.as_str()).collect();
    assert_eq!(
        at,
        ["2026-11-24T12:29:00+09:00", "2026-11-24T12:28:00+09:00", "2026-11-24T12:27:00+09:00"]
    );
}

#[test]
fn every_gate_is_told_with_what_it_saw_and_the_page_has_it_too() {
    let told = Story::of(one()).fix(0, 0.0).tell();
    let json = serde_json::to_value(&told).unwrap();
    let gates = json["moments"][0]["gates"].as_array().unwrap();
    let names: Vec<&str> = gates.iter().map(|gate| gate["gate"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "app",
            "period",
            "window",
            "audience",
            "blacklist",
            "consent",
            "night",
            "test_device",
            "accuracy",
            "age",
            "frequency",
            "daily_cap",
            "quota",
            "arbitration",
            "held_out"
        ]
    );
    let all_saw =
        gates.iter().all(|gate| gate["inputs"].as_array().is_some_and(|all| !all.is_empty()));
    assert!(all_saw && gates.iter().all(|gate| gate["passed"] == Value::Bool(true)), "{gates:?}");
    let page = super::page(&told);
    assert!(page.starts_with(&told.because), "{page}");
    for name in names {
        assert!(page.contains(&format!("\n  {name} ")), "{name}: {page}");
    }
}

#[test]
fn a_district_is_no_home_without_its_nights() {
    let mut story = Story::of(one()).fix(0, 0.0);
    story.targets = vec![TargetSpec { at_home: true, ..fence(1, 0.0, 100.0) }];
    says(
        story,
        Outcome::Outside,
        "In Fence 1, and not at home there: home is the cell of the most nights of the last 30, and of at least 3.",
    );
}
