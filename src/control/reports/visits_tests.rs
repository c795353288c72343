//! The visit report against a plain look at the same records, and the interval against published ones.

use jiff::civil::date;
use jiff::tz::TimeZone;
use tempfile::tempdir;

use super::interval::{Share, difference};
use super::kept::ReportError;
use super::live::Reports;
use super::subject::{Addressed, Subject};
use super::visit_request::{After, VisitQuestion};
use super::visits::VisitReport;
use crate::control::documents::account::Measured;
use crate::control::documents::document::instant;
use crate::domain::decision::EventKind;
use crate::domain::ids::{AccountId, CampaignId, DeviceId, DeviceKey, PlaceId};
use crate::domain::units::UtcMs;
use crate::outbox::OutboxConfig;
use crate::outbox::derived::{Figures, RetentionConfig};
use crate::outbox::record::{Content, OutboxRecord};
use crate::outbox::samples::*;

const HOUR_MS: i64 = 3_600_000;
/// The place that is asked for, and one that is not.
const HERE: PlaceId = PlaceId(77);
const ELSEWHERE: PlaceId = PlaceId(78);

fn of(number: u8, at: UtcMs, record: OutboxRecord) -> OutboxRecord {
    let device = DeviceKey { account: AccountId(1), device: DeviceId([number; 16]) };
    OutboxRecord { device: keyring().seal(device), at, ..record }
}

fn campaign_event(number: u8, seq: u64, at: UtcMs, kind: EventKind) -> OutboxRecord {
    of(number, at, event(1, (3, seq, 0), kind))
}

fn visited(number: u8, seq: u64, place: PlaceId, entered_at: UtcMs) -> OutboxRecord {
    let mut record = of(number, entered_at, visit(1, (3, seq, 0)));
    let Content::Visit(content) = &mut record.content else { panic!("a visit is a visit") };
    content.place = place;
    (content.first_entered_at, content.entered_at) = (entered_at + HOUR_MS, entered_at);
    content.left_at = Some(entered_at + 2 * HOUR_MS);
    record
}

/// Of three days, around the evening in Seoul that NOON is: 2026-09-21 22:13.
pub(super) fn subject() -> Subject {
    Subject {
        campaign: CampaignId(11),
        account: AccountId(1),
        name: "가을 할인".to_owned(),
        state: "running".to_owned(),
        days: (date(2026, 9, 20), date(2026, 9, 22)),
        zone: TimeZone::get("Asia/Seoul").expect("a zone"),
        today: date(2026, 10, 20),
        has_ab: false,
        addressed: Addressed::Devices(9),
    }
}

fn question(after: After) -> VisitQuestion {
    VisitQuestion {
        subject: subject(),
        regions: vec![5],
        brands: Vec::new(),
        places: vec![HERE],
        extra_days: 15,
        last_day: date(2026, 9, 30),
        after,
        measured: Vec::new(),
    }
}

async fn asked(records: Vec<OutboxRecord>, question: VisitQuestion) -> VisitReport {
    told(records, question).await.expect("readable")
}

async fn told(
    records: Vec<OutboxRecord>,
    question: VisitQuestion,
) -> Result<VisitReport, ReportError> {
    let (dir, counts) = (tempdir().expect("a folder"), tempdir().expect("a folder"));
    let outbox = World::new().open(dir.path(), OutboxConfig::default());
    let figures = Figures::follow(
        counts.path(),
        1 << 20,
        &outbox,
        keyring().sealer(),
        RetentionConfig::default(),
    );
    let figures = figures.expect("a new store");
    outbox.release(records).expect("it runs");
    outbox.close().expect("written");
    figures.close();
    Reports::new(figures).visits(&question)
}

#[tokio::test]
async fn who_came_after_a_match_is_counted_once_and_beside_those_held_out() {
    let day_ms = 24 * HOUR_MS;
    let late = NOON + 12 * day_ms;
    let records = vec![
        campaign_event(1, 1, NOON, EventKind::Matched),
        campaign_event(2, 2, NOON, EventKind::Matched),
        campaign_event(3, 3, NOON, EventKind::Matched),
        campaign_event(4, 4, NOON, EventKind::Matched),
        campaign_event(8, 5, NOON, EventKind::HeldOut),
        campaign_event(9, 6, NOON, EventKind::HeldOut),
        // Twice, an hour and a day later.
        visited(1, 7, HERE, NOON + HOUR_MS),
        visited(1, 8, HERE, NOON + day_ms),
        // It had begun by then.
        visited(2, 9, HERE, NOON),
        visited(3, 10, ELSEWHERE, NOON + HOUR_MS),
        // After the last day that counts.
        visited(4, 11, HERE, late),
        visited(8, 12, HERE, NOON + HOUR_MS),
        // Nobody whom the campaign concerns.
        visited(5, 13, HERE, NOON + HOUR_MS),
    ];
    let report = asked(records, question(After::Match)).await;
    assert_eq!((report.reached, report.visitors, report.visits), (4, 1, 2));
    assert_eq!(report.visit_rate_pct, Some(25.0));
    let lift = report.lift.expect("there are devices held out");
    assert_eq!((lift.held_out, lift.visitors, lift.visit_rate_pct), (2, 1, Some(50.0)));
    assert!((lift.points + 25.0).abs() < 1e-9, "{lift:?}");
    assert!(lift.points_from < lift.points && lift.points < lift.points_to, "{lift:?}");
}

#[tokio::test]
async fn no_more_come_than_are_reached_whatever_the_first_day_is() {
    // Reached before it: a campaign that was begun and put off under a release that let it be.
    let day_ms = 24 * HOUR_MS;
    let records = vec![
        campaign_event(1, 1, NOON, EventKind::Matched),
        campaign_event(2, 2, NOON, EventKind::Matched),
        campaign_event(8, 3, NOON, EventKind::HeldOut),
        campaign_event(9, 4, NOON + day_ms, EventKind::HeldOut),
        campaign_event(3, 5, NOON + day_ms, EventKind::Matched),
        visited(1, 6, HERE, NOON + day_ms + HOUR_MS),
        visited(2, 7, HERE, NOON + day_ms + HOUR_MS),
        visited(3, 8, HERE, NOON + day_ms + HOUR_MS),
        visited(8, 9, HERE, NOON + day_ms + HOUR_MS),
    ];
    let mut later = question(After::Match);
    later.subject.days.0 = date(2026, 9, 22);
    let report = asked(records, later).await;
    assert_eq!((report.reached, report.visitors, report.visit_rate_pct), (1, 1, Some(100.0)));
    let lift = report.lift.expect("one is held out");
    assert_eq!((lift.held_out, lift.visitors, lift.points), (1, 0, 100.0));
    assert!(lift.points_from < lift.points_to, "{lift:?}");
}

/// As if visits had been measured then, of one who was held out at noon and one who was reached an hour later and clicked
/// after another.
async fn told_if_measured(
    after: After,
    spans: &[(UtcMs, Option<UtcMs>)],
) -> Result<VisitReport, String> {
    let made = job(1, (3, 2, 0));
    let Content::Job(content) = &made.content else { panic!("a job is a job") };
    let mut clicked = campaign_event(9, 3, NOON + 2 * HOUR_MS, EventKind::Clicked);
    let Content::Event(click) = &mut clicked.content else { panic!("an event is an event") };
    click.job = Some(content.id);
    let records = vec![
        campaign_event(8, 1, NOON, EventKind::HeldOut),
        OutboxRecord { at: NOON + HOUR_MS, ..made },
        campaign_event(9, 2, NOON + HOUR_MS, EventKind::Matched),
        clicked,
        visited(9, 4, HERE, NOON + 3 * HOUR_MS),
    ];
    let span = |(from, until): &(_, Option<_>)| Measured {
        from: instant(*from),
        until: until.map(instant),
    };
    let measured = spans.iter().map(span).collect();
    let question = VisitQuestion { measured, ..question(after) };
    told(records, question).await.map_err(|error| error.to_string())
}

/// The report's last day, 2026-09-30 in Seoul, is over then.
const OVER: UtcMs = UtcMs(1_790_780_400_000);

#[tokio::test]
async fn who_nobody_watched_is_not_told_as_who_did_not_come() {
    let told = |spans: &'static [(UtcMs, Option<UtcMs>)]| told_if_measured(After::Match, spans);
    let whole = told(&[(NOON, Some(OVER))]).await.expect("measured all the while");
    assert_eq!((whole.reached, whole.visitors), (1, 1));
    assert_eq!(told(&[(NOON, None)]).await, Ok(whole.clone()));
    const LATE: UtcMs = UtcMs(NOON.0 + 1);
    let late = told(&[(LATE, None)]).await.expect_err("one was held out before");
    assert_eq!(
        late,
        "visits after the matches of campaign 11 count from 2026-09-21T14:13:20Z on, and visits of the account were \
         measured from 2026-09-21T14:13:20.001Z; ask about a campaign and days within that (measure_visits of the \
         account turns it on and off)"
    );
    const EARLY: UtcMs = UtcMs(OVER.0 - 1);
    let early = told(&[(NOON, Some(EARLY))]).await.expect_err("not to the end");
    assert!(early.starts_with("the visits of campaign 11 are asked for to the end of 2026-09-30"));
    assert!(early.contains("from 2026-09-21T14:13:20Z to 2026-09-30T14:59:59.999Z"), "{early}");
    // What was turned off and on again later leaves it as it is; a gap in between does not.
    assert_eq!(told(&[(NOON, Some(OVER)), (UtcMs(OVER.0 + 60_000), None)]).await, Ok(whole));
    let cut = told(&[(NOON, Some(LATE)), (UtcMs(NOON.0 + 2), None)]).await.expect_err("a gap");
    assert!(cut.starts_with("the visits of campaign 11 are asked for to the end of"), "{cut}");
    let both = "measured from 2026-09-21T14:13:20Z to 2026-09-21T14:13:20.001Z, from 2026-09-21T14:13:20.002Z;";
    assert!(cut.contains(both), "{cut}");
}

#[tokio::test]
async fn after_clicks_it_is_enough_that_visits_are_measured_from_the_first_click_on() {
    let clicked_at = NOON + 2 * HOUR_MS;
    let report = told_if_measured(After::Click, &[(clicked_at, None)]).await.expect("measured");
    assert_eq!((report.responded, report.visitors), (1, 1));
    let late = told_if_measured(After::Click, &[(clicked_at + 1, None)]).await.expect_err("late");
    let says = "visits after the clicks of campaign 11 count from 2026-09-21T16:13:20Z on";
    assert!(late.starts_with(says), "{late}");
}

/// A device is reached, clicks then, is there before and after, and beside it one that is reached and one that is held out.
async fn asked_of_who_clicked(clicked_at: UtcMs) -> VisitReport {
    let made = job(1, (3, 1, 0));
    let records = vec![
        OutboxRecord { at: NOON, ..made },
        campaign_event(9, 1, NOON, EventKind::Matched),
        campaign_event(9, 2, clicked_at, EventKind::Clicked),
        campaign_event(2, 3, NOON, EventKind::Matched),
        campaign_event(8, 4, NOON, EventKind::HeldOut),
        visited(9, 5, HERE, clicked_at - HOUR_MS / 2),
        visited(9, 6, HERE, clicked_at + HOUR_MS),
        visited(2, 7, HERE, NOON + 2 * HOUR_MS),
        visited(8, 8, HERE, NOON + 2 * HOUR_MS),
    ];
    // The click names the job of the record before it, which has the same place in the input.
    let mut records = records;
    let Content::Job(content) = &records[0].content else { panic!("a job is a job") };
    let id = content.id;
    let Content::Event(click) = &mut records[2].content else { panic!("an event is an event") };
    click.job = Some(id);
    asked(records, question(After::Click)).await
}

#[tokio::test]
async fn files_are_called_by_what_was_asked() {
    let called = |after, regions: &[u32], brands: &[u32]| {
        let (regions, brands) = (regions.to_vec(), brands.to_vec());
        asked(Vec::new(), VisitQuestion { regions, brands, ..question(after) })
    };
    let of_match = called(After::Match, &[5], &[]).await.called();
    assert_eq!(of_match, "visits-11-2026-09-20-2026-09-30-regions-5-after-match-extra-15");
    let of_click = called(After::Click, &[5], &[3, 4]).await.called();
    assert_eq!(
        of_click,
        "visits-11-2026-09-20-2026-09-30-regions-5-brands-3-4-after-click-extra-15"
    );
    let many = called(After::Match, &[], &[1, 2, 3, 4, 5, 6, 7]).await.called();
    assert!(many.contains("-brands-1-2-3-4-5-and-2-after-match"), "{many}");
}

#[tokio::test]
async fn after_clicks_only_who_clicked_counts_and_there_is_no_lift() {
    let report = asked_of_who_clicked(NOON + HOUR_MS).await;
    assert_eq!((report.responded, report.visitors, report.visits), (1, 1, 1));
    assert_eq!(report.lift, None);
}

#[tokio::test]
async fn clicks_count_to_the_campaigns_last_moment() {
    // 2026-09-23T00:00 in Seoul.
    let over = UtcMs(1_790_089_200_000);
    let last = asked_of_who_clicked(over - 1).await;
    assert_eq!((last.responded, last.visitors), (1, 1));
    let late = asked_of_who_clicked(over).await;
    assert_eq!((late.responded, late.visitors, late.visits), (0, 0, 0));
}

#[test]
fn intervals_are_those_of_the_paper() {
    // Newcombe 1998, table II, method 10: the contrasts a, b, d and h.
    let published = [
        ((56, 70), (48, 80), (0.0524, 0.3339)),
        ((9, 10), (3, 10), (0.1705, 0.8090)),
        ((5, 56), (0, 29), (-0.0381, 0.1926)),
        ((10, 10), (0, 10), (0.6075, 1.0000)),
    ];
    for ((a, m), (b, n), (low, high)) in published {
        let (_, (from, to)) =
            difference(Share { part: a, whole: m }, Share { part: b, whole: n }).expect("counts");
        assert!(
            (from - low).abs() < 5e-5 && (to - high).abs() < 5e-5,
            "{a}/{m} {b}/{n}: {from} {to}"
        );
    }
    assert_eq!(difference(Share { part: 0, whole: 0 }, Share { part: 1, whole: 2 }), None);
}

#[test]
fn an_interval_covers_a_planted_difference_as_often_as_it_says() {
    // A plain generator; 300 of 1,000 against 250 of 1,000, 400 times.
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut draw = |below: u64| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % 1000 < below
    };
    let mut covered = 0;
    for _ in 0..400 {
        let part = |below, draw: &mut dyn FnMut(u64) -> bool| {
            u64::try_from((0..1000).filter(|_| draw(below)).count()).expect("a thousand")
        };
        let one = Share { part: part(300, &mut draw), whole: 1000 };
        let other = Share { part: part(250, &mut draw), whole: 1000 };
        let (_, (from, to)) = difference(one, other).expect("counts");
        covered += u32::from((from..=to).contains(&0.05));
    }
    assert!((364..=396).contains(&covered), "{covered} of 400");
}
