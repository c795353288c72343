//! What is not kept any more is refused, at the day, and never left out of a sum in silence.

use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use tempfile::tempdir;

use super::kept::{ReportError, first_kept};
use super::live::Reports;
use super::period::{PeriodReport, PeriodRequest};
use super::subject::{Subject, day_of};
use super::visit_request::{After, VisitQuestion};
use super::visits_tests;
use crate::domain::decision::EventKind;
use crate::domain::ids::{AccountId, DeviceId, DeviceKey, PlaceId};
use crate::domain::problem::Problem;
use crate::domain::units::{DAY_MS, UtcMs};
use crate::outbox::derived::{Class, Figures, RetentionConfig};
use crate::outbox::samples::*;
use crate::outbox::{OutboxConfig, OutboxRecord};

/// Days after the first job that time has come to, and what is kept of them.
const LATER: i64 = 300;
const RETENTION: RetentionConfig = RetentionConfig {
    visits_days: 210,
    devices_days: 120,
    campaigns_days: 150,
    hours_days: 31,
    seen_days: 31,
    outcomes_days: 31,
};

/// Figures of campaign 11 with a job at [`NOON`] (2026-09-21 in Seoul), and one of another device long after.
async fn figures() -> Reports {
    let (dir, counts) = (tempdir().expect("a folder"), tempdir().expect("a folder"));
    let world = World::new();
    world.step_s((LATER + 1) * 86_400);
    let outbox = world.open(dir.path(), OutboxConfig::default());
    let sealer = keyring().sealer();
    let figures = Figures::follow(counts.path(), 1 << 20, &outbox, sealer, RETENTION);
    let figures = figures.expect("a new store");
    let matched = |number: u8, at: UtcMs| {
        let device = DeviceKey { account: AccountId(1), device: DeviceId([number; 16]) };
        let event = event(1, (3, number.into(), 0), EventKind::Matched);
        OutboxRecord { device: keyring().seal(device), at, ..event }
    };
    let later = UtcMs(NOON.0 + LATER * DAY_MS);
    outbox.release(vec![matched(1, NOON), matched(2, later)]).expect("it runs");
    outbox.close().expect("written");
    figures.close();
    Reports::new(figures)
}

fn subject(begins: Date, zone: &str) -> Subject {
    Subject {
        days: (begins, date(2027, 12, 31)),
        zone: TimeZone::get(zone).expect("a zone"),
        today: date(2027, 7, 19),
        ..visits_tests::subject()
    }
}

/// The problem that a refusal becomes.
fn refused<T>(told: Result<T, ReportError>) -> Option<(u16, String)> {
    match told {
        Ok(_) => None,
        Err(ReportError::Refused(refusal)) => {
            let problem = Problem::from(refusal);
            Some((problem.status(), problem.detail().to_owned()))
        }
        Err(ReportError::Unread(error)) => panic!("{error}"),
    }
}

#[tokio::test]
async fn a_period_begins_with_the_first_day_that_is_kept_or_is_refused() {
    let reports = figures().await;
    let kept = reports.figures.kept_from();
    let first = day_of(kept.day(Class::Devices));
    let of = subject(date(2026, 9, 20), "Asia/Seoul");
    let asked = |from: Option<Date>| {
        let from = from.map(|day| day.to_string());
        reports.period(&of, &PeriodRequest { from, to: None }).map(PeriodReport::from)
    };
    let whole = asked(None).expect("what is kept");
    assert_eq!(
        (whole.from.clone(), whole.kept_from.clone()),
        (first.to_string(), Some(first.to_string()))
    );
    assert_eq!(whole.total.jobs, 1, "the later one");
    assert_eq!(asked(Some(first)).expect("kept"), whole);
    let (status, detail) = refused(asked(first.yesterday().ok())).expect("a day too early");
    assert_eq!(status, 422);
    let says = format!("kept from {first} on");
    assert!(detail.contains(&says) && detail.contains("retention.devices_days"), "{detail}");
    // A campaign that was over before has no report at all.
    let over = Subject { days: (date(2026, 9, 20), date(2026, 9, 30)), ..of.clone() };
    let gone = refused(reports.period(&over, &PeriodRequest::default()));
    assert!(gone.expect("nothing is kept").1.contains(&says));
    let young = reports.period(&subject(first, "Asia/Seoul"), &PeriodRequest::default());
    assert_eq!(PeriodReport::from(young.expect("all is kept")).kept_from, None);
}

#[tokio::test]
async fn live_figures_say_from_when_on_they_tell() {
    let reports = figures().await;
    let first = day_of(reports.figures.kept_from().day(Class::Campaigns));
    let live = |begins| reports.live(&subject(begins, "Asia/Seoul"), NOON).expect("readable");
    let cut = live(first.yesterday().expect("a day"));
    assert_eq!((cut.kept_from, cut.total.jobs), (Some(first.to_string()), 1));
    assert_eq!(live(first).kept_from, None);
}

#[tokio::test]
async fn hours_and_visits_go_by_the_first_whole_day_of_the_zone() {
    let reports = figures().await;
    let kept = reports.figures.kept_from();
    for (zone, later) in [("Asia/Seoul", 1), ("UTC", 0), ("Etc/GMT+12", 0)] {
        let tz = TimeZone::get(zone).expect("a zone");
        let whole = |class: Class| {
            let first = first_kept(kept, class, &tz);
            assert_eq!(first, day_of(kept.day(class) + later), "{zone}");
            first
        };
        let hours = whole(Class::Hours);
        let of = subject(date(2026, 9, 20), zone);
        assert_eq!(reports.hours(&of, hours).expect("kept").len(), 24);
        let (status, detail) =
            refused(reports.hours(&of, hours.yesterday().expect("a day"))).expect("too early");
        assert!(status == 422 && detail.contains("retention.hours_days"), "{detail}");
        // Its devices are kept for a shorter time than visits are.
        whole(Class::Visits);
        let devices = first_kept(kept, Class::Devices, &tz);
        let report = |begins: Date| {
            let (subject, places) = (subject(begins, zone), vec![PlaceId(77)]);
            let last_day = date(2027, 7, 18);
            let (regions, brands) = (Vec::new(), Vec::new());
            reports.visits(&VisitQuestion {
                subject,
                regions,
                brands,
                places,
                extra_days: 0,
                last_day,
                after: After::Match,
                measured: Vec::new(),
            })
        };
        assert_eq!(report(devices).expect("kept").reached, 1);
        let (_, detail) = refused(report(devices.yesterday().expect("a day"))).expect("too early");
        assert!(detail.contains("campaign 11 began on"), "{detail}");
    }
}
