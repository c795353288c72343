//! What is removed is what is too old, and nothing that is kept changes by it: not over restarts, and not half done.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::Ordering;

use proptest::prelude::*;
use tempfile::tempdir;

use super::classes::{Class, KeptFrom, RetentionConfig};
use super::figures_tests::{CAMPAIGN, Step, id_of, records, seen, withheld};
use super::read::Uniques;
use super::rows::{Count, DayFigures, QuarterFigures, Row, Side, day_in, quarter_in};
use super::store::Figures;
use super::tables::Sheet;
use crate::domain::decision::EventKind;
use crate::domain::ids::{AccountId, AppId, InputSeq, PartitionId, PlaceId};
use crate::domain::reasons::SuppressReason;
use crate::domain::units::{DAY_MS, UtcMs};
use crate::outbox::record::Content;
use crate::outbox::samples::*;
use crate::outbox::tallies::Quarter;
use crate::outbox::{Outbox, OutboxConfig, OutboxRecord, Release};

/// Much shorter than a config may say, so that a test's days are enough.
pub(super) const SHORT: RetentionConfig = RetentionConfig {
    visits_days: 20,
    devices_days: 10,
    campaigns_days: 15,
    hours_days: 5,
    seen_days: 6,
    outcomes_days: 8,
};

/// Longer than any test.
const LONG: RetentionConfig = RetentionConfig {
    visits_days: 3650,
    devices_days: 3650,
    campaigns_days: 3650,
    hours_days: 3650,
    seen_days: 3650,
    outcomes_days: 3650,
};

const MINUTES_A_DAY: u32 = 24 * 60;
const PLACE: PlaceId = PlaceId(77);
const APP: AppId = AppId(5);

#[test]
fn knobs_have_edges() {
    let bad = |change: fn(&mut RetentionConfig)| {
        let mut config = RetentionConfig::default();
        change(&mut config);
        let keys: Vec<_> = config.check().into_iter().map(|bad| bad.key).collect();
        keys
    };
    assert_eq!(bad(|_| ()), [""; 0]);
    assert_eq!(bad(|c| c.visits_days = 210), [""; 0]);
    assert_eq!(bad(|c| c.visits_days = 209), ["visits_days"]);
    assert_eq!(bad(|c| c.visits_days = 3651), ["visits_days"]);
    assert_eq!(bad(|c| c.devices_days = 120), [""; 0]);
    assert_eq!(bad(|c| c.devices_days = 119), ["devices_days"]);
    assert_eq!(bad(|c| c.campaigns_days = c.devices_days), [""; 0]);
    assert_eq!(bad(|c| c.campaigns_days = c.devices_days - 1), ["campaigns_days"]);
    assert_eq!(bad(|c| (c.hours_days, c.seen_days) = (31, 31)), [""; 0]);
    assert_eq!(bad(|c| (c.hours_days, c.seen_days) = (30, 30)), ["hours_days", "seen_days"]);
    assert_eq!(bad(|c| c.outcomes_days = c.devices_days), [""; 0]);
    assert_eq!(bad(|c| c.outcomes_days = c.devices_days + 1), ["outcomes_days"]);
    assert_eq!(bad(|c| c.outcomes_days = 30), ["outcomes_days"]);
}

#[test]
fn the_first_day_kept_only_goes_forward_and_leaves_whole_days_in_every_zone() {
    let at = |day: i64, ms: i64| UtcMs(day * DAY_MS + ms);
    let kept = KeptFrom::EVER.gone_on(at(20_000, 0), &SHORT);
    assert_eq!(kept.day(Class::Visits), 20_000 - 21);
    assert_eq!(kept.instant(Class::Visits), at(20_000 - 21, 0));
    assert_eq!(kept.gone_on(at(20_000, DAY_MS - 1), &SHORT), kept, "the same day");
    assert_eq!(kept.gone_on(at(20_001, 0), &SHORT).day(Class::Seen), 20_001 - 7);
    assert_eq!(kept.gone_on(at(19_000, 0), &SHORT), kept, "time never goes back");
    assert_eq!(kept.gone_on(at(20_000, 0), &LONG), kept, "what was removed does not come back");
    assert_eq!(KeptFrom::EVER.gone_on(UtcMs::MIN, &SHORT), KeptFrom::EVER);
    // Where the day is behind that of UTC and where it is ahead: the last 20 days before today, from their first moment.
    for (offset_h, today) in [(-12, 19_999), (14, 20_001)] {
        let now = at(20_000, if offset_h < 0 { 0 } else { DAY_MS - 1 });
        let first_ms = (today - 20) * DAY_MS - offset_h * 3_600_000;
        let kept = KeptFrom::EVER.gone_on(now, &SHORT);
        assert!(kept.instant(Class::Visits).0 <= first_ms, "UTC{offset_h:+}");
        assert!(i64::from(kept.day(Class::Visits)) <= today - 20);
    }
}

/// A store of figures on an outbox of its own.
struct Counted {
    dir: tempfile::TempDir,
    world: World,
    retention: RetentionConfig,
}

impl Counted {
    fn new(retention: RetentionConfig) -> Self {
        Self { dir: tempdir().expect("a folder"), world: World::new(), retention }
    }

    fn open(&self) -> (Outbox, Figures) {
        let path = |name: &str| self.dir.path().join(name);
        let outbox = self.world.open(&path("outbox"), OutboxConfig::default());
        (outbox.clone(), follow(&path("figures"), &outbox, self.retention))
    }

    /// Counts what happened at these steps, from the first number on.
    fn count(&self, first: u64, steps: &[Step]) -> Figures {
        let (outbox, figures) = self.open();
        for (seq, step) in (first..).zip(steps) {
            outbox.release_through(release(seq, step)).expect("it runs");
        }
        outbox.close().expect("written");
        figures.close();
        assert!(!figures.shown().failed.load(Ordering::Relaxed), "all was counted");
        figures
    }
}

fn follow(dir: &Path, outbox: &Outbox, retention: RetentionConfig) -> Figures {
    Figures::follow(dir, 1 << 20, outbox, keyring().sealer(), retention).expect("a sound store")
}

/// All that a step leaves: a job or what became of it, a visit, a device seen, and a trigger without a job.
fn release(seq: u64, step: &Step) -> Release {
    let at = NOON + i64::from(step.minute) * 60_000;
    let mut came = records(seq, step);
    let mut stay: OutboxRecord = visit(1, (3, seq, 9));
    stay.at = at;
    let Content::Visit(content) = &mut stay.content else { panic!("a visit is a visit") };
    (content.first_entered_at, content.entered_at) = (at, at);
    content.left_at = Some(at.plus_s(600));
    came.push(stay);
    let quarter = Quarter::of(at);
    let day = u32::try_from(at.utc_day()).expect("these years");
    Release {
        records: came,
        tallies: vec![withheld(seq, quarter.0), seen(seq, APP.0, step.device.into(), day)],
        marks: vec![(PartitionId(9), InputSeq(seq))],
    }
}

/// Every figure from the days on from which it is kept.
#[derive(PartialEq, Debug)]
struct Kept {
    days: BTreeMap<i32, [DayFigures; 2]>,
    uniques: [Uniques; 2],
    quarters: BTreeMap<Quarter, [QuarterFigures; 2]>,
    withheld: Vec<(Quarter, SuppressReason, u64)>,
    visits: Vec<(u64, UtcMs)>,
    seen: u64,
}

fn kept(figures: &Figures, from: KeptFrom) -> Kept {
    let days = |class| from.day(class)..=i32::MAX;
    let quarters = (Quarter::of(from.instant(Class::Hours)), Quarter(u32::MAX));
    let mut visits = Vec::new();
    let since = (from.instant(Class::Visits), UtcMs(i64::MAX));
    let note = |device: u64, visit: &super::rows::Visit| visits.push((device, visit.entered_at));
    figures.visits((AccountId(1), PLACE), since, note).expect("readable");
    let seen = u32::try_from(from.day(Class::Seen)).unwrap_or(0);
    Kept {
        days: figures.days(CAMPAIGN, days(Class::Campaigns)).expect("readable"),
        uniques: figures.uniques(CAMPAIGN, days(Class::Devices)).expect("readable"),
        quarters: figures.quarters(CAMPAIGN, quarters).expect("readable"),
        withheld: figures.withheld_in(CAMPAIGN, quarters).expect("readable"),
        visits,
        seen: figures.seen_since(AccountId(1), &[APP], seen).expect("readable"),
    }
}

/// Rows that are older than they are kept.
fn too_old(figures: &Figures) -> usize {
    let (tables, from) = (&figures.tables, figures.kept_from());
    let old = |sheet, is_old: &dyn Fn(&[u8], &[u8]) -> bool| {
        let rows = tables.from(sheet, Vec::new()).map(|pair| pair.expect("readable"));
        rows.filter(|(key, row)| is_old(key, row)).count()
    };
    let by_day =
        |class: Class| move |key: &[u8], _: &[u8]| day_in(key).expect("a day").0 < from.day(class);
    let by_quarter = move |key: &[u8], _: &[u8]| {
        quarter_in(key).expect("a quarter").0 < Quarter::of(from.instant(Class::Hours))
    };
    let entered = |key: &[u8], _: &[u8]| {
        let first_ms = key[8..16].try_into().map(i64::from_be_bytes).expect("an instant");
        first_ms < from.instant(Class::Visits).0
    };
    let was_seen = |_: &[u8], row: &[u8]| {
        let day = Count::from_bytes(row).expect("a day").count;
        i64::try_from(day).expect("these years") < i64::from(from.day(Class::Seen))
    };
    old(Sheet::DeviceDays, &by_day(Class::Devices))
        + old(Sheet::Days, &by_day(Class::Campaigns))
        + old(Sheet::Quarters, &by_quarter)
        + old(Sheet::Withheld, &by_quarter)
        + old(Sheet::Visits, &entered)
        + old(Sheet::Seen, &was_seen)
}

/// Jobs each with an outcome or two, days later at most, in the order of time.
fn steps() -> impl Strategy<Value = Vec<Step>> {
    let minutes = (0..35 * MINUTES_A_DAY, 0..6 * MINUTES_A_DAY, 0..6 * MINUTES_A_DAY);
    let told = (0..5u8, 0..200u8, minutes, any::<bool>());
    prop::collection::vec(told, 1..40).prop_map(|all| {
        let mut made = std::collections::BTreeSet::new();
        let of = |(device, job, (minute, delay, more), clicks): (u8, u8, (u32, u32, u32), bool)| {
            if !made.insert((device, job)) {
                return Vec::new();
            }
            let step = |what, minute| Step { device, job, what, minute, is_test: false };
            let mut steps =
                vec![step(EventKind::Matched, minute), step(EventKind::Delivered, minute + delay)];
            steps.extend(clicks.then(|| step(EventKind::Clicked, minute + more)));
            steps
        };
        let mut steps: Vec<Step> = all.into_iter().flat_map(of).collect();
        steps.sort_by_key(|step| (step.minute, step.what as u8));
        steps
    })
}

/// Whether a campaign was silent for so long that it began anew.
fn begins_anew(figures: &Figures) -> bool {
    let days = figures.days(CAMPAIGN, i32::MIN..=i32::MAX).expect("readable");
    let days: Vec<i32> = days.into_keys().collect();
    days.windows(2).any(|two| two[1] - two[0] > i32::from(SHORT.campaigns_days))
}

fn without_firsts(mut kept: Kept) -> Kept {
    for day in kept.days.values_mut().flatten() {
        (day.first_reached, day.first_responded, day.first_held_out) = (0, 0, 0);
    }
    kept
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

    #[test]
    fn figures_that_are_kept_are_those_of_a_store_that_removes_nothing(
        steps in steps(),
        cut in any::<prop::sample::Index>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (short, long) = (Counted::new(SHORT), Counted::new(LONG));
            for counted in [&short, &long] {
                counted.world.step_s(50 * 86_400);
            }
            let (early, late) = steps.split_at(cut.index(steps.len() + 1));
            let mut before = 1;
            for part in [early, late] {
                let (swept, all) = (short.count(before, part), long.count(before, part));
                before += part.len() as u64;
                // However far the sweep has come: the store was closed in the midst of it.
                let from = swept.kept_from();
                let (swept, whole) = (kept(&swept, from), kept(&all, from));
                if begins_anew(&all) {
                    assert_eq!(without_firsts(swept), without_firsts(whole));
                } else {
                    assert_eq!(swept, whole);
                }
                drop(all);
            }
            let (outbox, swept) = short.open();
            until("all that is too old is gone", || too_old(&swept) == 0).await;
            outbox.close().unwrap();
            swept.close();
            assert!(!swept.shown().failed.load(Ordering::Relaxed));
            let all = long.count(before, &[]);
            let from = swept.kept_from();
            assert_eq!(without_firsts(kept(&swept, from)), without_firsts(kept(&all, from)));
        });
    }
}

fn step(device: u8, what: EventKind, day: u32) -> Step {
    Step { device, job: 0, what, minute: day * MINUTES_A_DAY, is_test: false }
}

fn reached(figures: &Figures) -> usize {
    let mut reached = 0;
    figures.devices(CAMPAIGN, Side::Reached, |_, _| reached += 1).expect("readable");
    reached
}

#[tokio::test]
async fn devices_of_a_campaign_stay_until_its_last_day_has_gone() {
    let counted = Counted::new(SHORT);
    counted.world.step_s(100 * 86_400);
    // 2, then 4 long after; a day more, and 2 is still known.
    counted.count(1, &[step(2, EventKind::Matched, 0), step(4, EventKind::Matched, 14)]);
    let (outbox, figures) = counted.open();
    outbox.release_through(release(9, &step(6, EventKind::Matched, 29))).expect("it runs");
    until("the first day is gone", || figures.shown().removed(Class::Campaigns) > 0).await;
    until("all that is too old is gone", || too_old(&figures) == 0).await;
    assert_eq!(reached(&figures), 3, "a day of the campaign is kept");
    outbox.close().expect("written");
    figures.close();
    drop((outbox, figures));
    // Another campaign goes on, and time with it.
    let (outbox, figures) = counted.open();
    let mut last = release(10, &step(8, EventKind::Matched, 60));
    last.records.iter_mut().for_each(|record| record.campaign = None);
    outbox.release_through(last).expect("it runs");
    until("its devices are gone", || reached(&figures) == 0).await;
    outbox.close().expect("written");
    figures.close();
}

#[tokio::test]
async fn an_outcome_counts_for_as_long_as_its_job_is_kept() {
    for (late_days, counts) in [(SHORT.outcomes_days.into(), 1), (60, 0)] {
        let counted = Counted::new(SHORT);
        counted.world.step_s(100 * 86_400);
        let matched = step(2, EventKind::Matched, 0);
        let id = id_of(&matched);
        let (outbox, figures) = counted.open();
        outbox.release_through(release(1, &matched)).expect("it runs");
        outbox.close().expect("written");
        figures.close();
        let made = outbox.job(id).expect("readable").expect("it was made");
        drop((outbox, figures));
        // Another device tells the time.
        counted.count(2, &[step(4, EventKind::Matched, late_days)]);
        let (outbox, figures) = counted.open();
        if counts == 0 {
            until("its job is gone", || outbox.job(id).expect("readable").is_none()).await;
            // As a crash may bring it back, without what was heard of it.
            let mut batch = outbox.shared.tables.batch();
            batch.put_job(id, made);
            batch.commit().expect("written");
        }
        outbox.close().expect("written");
        figures.close();
        drop((outbox, figures));
        let figures = counted.count(3, &[step(2, EventKind::Clicked, late_days)]);
        let days = figures.days(CAMPAIGN, i32::MIN..=i32::MAX).expect("readable");
        let clicked: u64 = days.values().flatten().map(|day| day.clicked).sum();
        assert_eq!(clicked, counts, "{late_days} days later");
    }
}

#[tokio::test]
async fn a_fix_from_the_future_removes_nothing() {
    let counted = Counted::new(SHORT);
    counted.world.step_s(86_400);
    counted.count(1, &[step(2, EventKind::Matched, 0)]);
    let figures = counted.count(2, &[step(4, EventKind::Matched, 400)]);
    assert!(figures.kept_from().instant(Class::Visits) < NOON);
    assert_eq!(reached(&figures), 2);
}
