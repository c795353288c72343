//! The fences of an account, looked at: what is counted, since when, and what is left out.

use std::collections::BTreeMap;
use std::sync::Arc;

use tempfile::{TempDir, tempdir};

use super::fences::Running;
use super::findings::Finding;
use super::health::{CutShort, FenceHealth, Looked, MOST_CAMPAIGNS};
use crate::domain::campaign::RunMode;
use crate::domain::footfall::{Footfall, FootfallAt};
use crate::domain::ids::{AccountId, CampaignId, Epoch, TargetId};
use crate::domain::target::{PlaceArea, TargetSpec};
use crate::domain::units::{DAY_MS, PointE7, UtcMs};
use crate::outbox::OutboxConfig;
use crate::outbox::derived::footfalls::FootfallBatch;
use crate::outbox::derived::{Figures, RetentionConfig};
use crate::outbox::samples::{World, keyring};
use crate::snapshot::build::Source;
use crate::snapshot::samples;
use crate::snapshot::slot::Slot;

const ACCOUNT: AccountId = AccountId(1);
/// The first whole day of the sample campaigns, UTC: they begin on 2026-11-23 in Seoul.
const FIRST: i32 = 20_780;

/// Noon of a day, by its distance from the first.
fn noon(day: i32) -> UtcMs {
    UtcMs(i64::from(FIRST + day) * DAY_MS + DAY_MS / 2)
}

fn fence(id: u32) -> TargetSpec {
    TargetSpec { key: format!("geofence:{id}"), place: None, ..samples::circle(1, id) }
}

/// A kilometre apart, so that none overlaps.
fn apart(id: u32) -> TargetSpec {
    let lat = 375_000_000 + i32::try_from(id).unwrap() * 100_000;
    let center = PointE7::new(lat, 1_270_000_000).unwrap();
    let shape = crate::domain::target::Shape::Circle { center, radius_m: 150.0 };
    TargetSpec { shape, ..fence(id) }
}

struct Bench {
    health: FenceHealth,
    figures: Figures,
    slot: Arc<Slot>,
    running: Running,
    _dir: TempDir,
}

impl Bench {
    /// One whose campaign 1 watches these since the campaign began, with what was counted before.
    fn new(targets: Vec<TargetSpec>, batches: Vec<FootfallBatch>) -> Self {
        let ids: Vec<u32> = targets.iter().map(|target| target.id.0).collect();
        let campaigns = vec![samples::campaign(1, 1, &ids)];
        Self::of(Source { accounts: vec![samples::account(1)], targets, campaigns }, batches)
    }

    fn of(source: Source, batches: Vec<FootfallBatch>) -> Self {
        let dir = tempdir().unwrap();
        let outbox = World::new().open(&dir.path().join("outbox"), OutboxConfig::default());
        let path = dir.path().join("figures");
        let figures = Figures::follow(
            &path,
            1 << 20,
            &outbox,
            keyring().sealer(),
            RetentionConfig::default(),
        )
        .unwrap();
        for batch in batches {
            while figures.post().hand_in(batch.clone()).is_err() {
                std::thread::yield_now();
            }
        }
        outbox.close().unwrap();
        figures.close();
        let slot = Arc::new(Slot::new());
        slot.publish(Arc::new(samples::loaded(&source, 1, None))).unwrap();
        let health = FenceHealth::new(figures.clone(), Arc::clone(&slot));
        let running = BTreeMap::from([(CampaignId(1), UtcMs(0))]);
        Self { health, figures, slot, running, _dir: dir }
    }

    fn look(&self, now: UtcMs) -> Arc<Looked> {
        let leave = self.health.leave(ACCOUNT).unwrap();
        self.health.look(ACCOUNT, &self.running, now, &leave).unwrap()
    }

    fn told(&self, day: i32) -> Vec<(u32, Finding)> {
        told(&self.look(noon(day)))
    }
}

fn told(looked: &Looked) -> Vec<(u32, Finding)> {
    looked.found.iter().map(|(_, found)| (found.fence.id, found.finding)).collect()
}

fn counted(day: i32, counts: &[(u32, Footfall)]) -> FootfallBatch {
    let at = |(target, footfall): &(u32, Footfall)| -> FootfallAt {
        ((ACCOUNT, TargetId(*target)), *footfall)
    };
    FootfallBatch { day: FIRST + day, counts: counts.iter().map(at).collect(), overlooked: 0 }
}

/// Days on which nobody came.
fn quiet(days: std::ops::Range<i32>) -> Vec<FootfallBatch> {
    days.map(|day| counted(day, &[])).collect()
}

fn enters(enters: u32) -> Footfall {
    Footfall { enters, ..Footfall::default() }
}

/// So many fences, all equal, that nobody has entered.
pub(super) fn found(fences: u32) -> Arc<Looked> {
    let equal = |id| TargetSpec { shape: fence(1).shape, ..fence(id) };
    Bench::new((1..=fences).map(equal).collect(), quiet(0..8)).look(noon(8))
}

#[test]
fn a_fence_never_matches_after_seven_whole_days_of_counting() {
    // The day on which the campaign begins, in the middle of a day of UTC, is no whole one, nor is today.
    let bench = Bench::new(vec![apart(1), apart(2)], quiet(-1..13));
    assert_eq!(bench.told(6), []);
    assert_eq!(bench.told(7), [(1, Finding::NeverMatches), (2, Finding::NeverMatches)]);
    let looked = bench.look(noon(7));
    let (_, first) = &looked.found[0];
    assert_eq!((first.since.as_str(), &first.campaigns[..]), ("2026-11-22", &[1][..]));
    assert_eq!((first.figures.size_m, first.figures.enters), (150, 0));
    assert!(looked.cut_short.is_empty());
}

#[test]
fn days_on_which_nothing_was_counted_do_not_count() {
    let mut batches = quiet(0..3);
    batches.extend(quiet(10..14));
    let bench = Bench::new(vec![apart(1)], batches);
    assert_eq!((bench.told(13), bench.told(14)), (vec![], vec![(1, Finding::NeverMatches)]));
}

#[test]
fn only_what_happened_since_a_campaign_runs_counts() {
    let mut batches = quiet(0..14);
    batches.extend([counted(0, &[(1, enters(1))]), counted(6, &[(2, enters(1))])]);
    let mut bench = Bench::new(vec![apart(1), apart(2)], batches);
    assert_eq!(bench.told(13), [], "each was entered");
    bench.running.insert(CampaignId(1), noon(5));
    assert_eq!(bench.told(12), []);
    assert_eq!(bench.told(13), [(1, Finding::NeverMatches)]);
    assert_eq!(bench.look(noon(13)).found[0].1.since, "2026-11-28");
}

#[test]
fn the_first_of_its_campaigns_says_since_when_and_tests_say_nothing() {
    let mut testing = samples::campaign(1, 2, &[1, 2]);
    testing.mode = RunMode::Testing;
    let campaigns = vec![samples::campaign(1, 1, &[1]), testing, samples::campaign(1, 3, &[1, 3])];
    let targets = vec![apart(1), apart(2), apart(3)];
    let source = Source { accounts: vec![samples::account(1)], targets, campaigns };
    let mut bench = Bench::of(source, quiet(0..14));
    bench.running.extend([(CampaignId(2), UtcMs(0)), (CampaignId(3), noon(9))]);
    let looked = bench.look(noon(13));
    assert_eq!(told(&looked), [(1, Finding::NeverMatches)]);
    assert_eq!(looked.found[0].1.campaigns, [1, 3]);
    // What the catalog no longer runs is not looked at, though the snapshot still has it.
    bench.running.clear();
    assert_eq!(bench.told(13), []);
}

#[test]
fn a_day_that_was_not_counted_in_full_is_no_whole_one() {
    let mut batches = quiet(0..14);
    batches.push(FootfallBatch { day: FIRST + 3, overlooked: 1, ..FootfallBatch::default() });
    let bench = Bench::new(vec![apart(1)], batches);
    assert_eq!((bench.told(7), bench.told(8)), (vec![], vec![(1, Finding::NeverMatches)]));
    let looked = bench.look(noon(8));
    assert_eq!(looked.cut_short, [CutShort::Counts]);
    assert!(looked.found[0].1.advice.contains("in 7 whole days"), "{}", looked.found[0].1.advice);
}

#[test]
fn stores_are_told_by_area_after_geofences_and_regions_never() {
    let keyed = |id, key: &str| TargetSpec { key: key.to_owned(), ..apart(id) };
    let place = Some((crate::domain::ids::PlaceId(7), PlaceArea::Signal));
    let signal = TargetSpec { place, ..keyed(1, "place:7:signal") };
    let targets = vec![signal, keyed(2, "geofence:9"), keyed(3, "region:4"), keyed(4, "a-file-s")];
    let looked = Bench::new(targets, quiet(0..8)).look(noon(8));
    assert_eq!(told(&looked), [(9, Finding::NeverMatches), (7, Finding::NeverMatches)]);
    let shown = serde_json::to_value(&looked.found[1].1).unwrap();
    assert_eq!((&shown["kind"], &shown["condition"]), (&"place".into(), &"signal_range".into()));
    assert_eq!(serde_json::to_value(&looked.found[0].1).unwrap().get("condition"), None);
}

#[test]
fn what_is_found_rests_on_the_sum_of_the_days() {
    let mut coarse = Footfall { enters: 10, exits: 10, returns: 3, too_coarse: 6, ..enters(0) };
    (0..16).for_each(|_| coarse.note_accuracy(200));
    let days = (0..4).map(|day| counted(day, &[(1, coarse)])).collect();
    let looked = Bench::new(vec![apart(1)], days).look(noon(4));
    assert_eq!(told(&looked), [(1, Finding::Flaps), (1, Finding::SmallForAccuracy)]);
    let figures = &looked.found[0].1.figures;
    assert_eq!((figures.enters, figures.exits, figures.returns), (40, 40, 12));
    assert_eq!((figures.returns_pct, figures.too_coarse), (Some(30), 24));
    assert_eq!((figures.median_accuracy_m, figures.tenth_accuracy_m), (Some(150), Some(150)));
    let days = looked.counted_days.iter().map(String::as_str).collect::<Vec<_>>();
    assert_eq!(days, ["2026-11-23", "2026-11-24", "2026-11-25", "2026-11-26"]);
}

#[test]
fn an_overlap_is_told_with_the_other_and_its_share() {
    let small = TargetSpec {
        shape: crate::domain::target::Shape::Circle {
            center: PointE7::new(375_665_000 + 10_000, 1_269_780_000).unwrap(),
            radius_m: 50.0,
        },
        ..fence(2)
    };
    let looked = Bench::new(vec![fence(1), small], Vec::new()).look(noon(0));
    assert_eq!(told(&looked), [(2, Finding::Overlaps)]);
    let overlaps = looked.found[0].1.figures.overlaps.as_ref().unwrap();
    assert_eq!((overlaps.with.id, overlaps.share_pct), (1, 100));
}

#[test]
fn another_account_sees_nothing_and_neither_does_one_without_a_snapshot() {
    let bench = Bench::new(vec![apart(1)], quiet(0..8));
    let other = AccountId(2);
    let leave = bench.health.leave(other).unwrap();
    let looked = bench.health.look(other, &bench.running, noon(8), &leave).unwrap();
    assert_eq!(told(&looked), []);
    let empty = FenceHealth::new(bench.figures.clone(), Arc::default());
    let leave = empty.leave(ACCOUNT).unwrap();
    let looked = empty.look(ACCOUNT, &bench.running, noon(8), &leave).unwrap();
    assert_eq!(told(&looked), []);
    assert_eq!(empty.known(ACCOUNT, noon(8)), None);
}

#[test]
fn what_was_found_is_told_again_for_a_moment_unless_something_changed() {
    let bench = Bench::new(vec![apart(1)], quiet(0..8));
    let now = noon(8);
    assert_eq!(bench.health.known(ACCOUNT, now), None);
    let looked = bench.look(now);
    assert_eq!(bench.health.known(ACCOUNT, now + 19_999), Some(looked));
    assert_eq!(bench.health.known(ACCOUNT, now + 20_000), None);
    assert_eq!(bench.health.known(AccountId(2), now), None);
    let source = Source {
        accounts: vec![samples::account(1)],
        targets: vec![apart(1), apart(2)],
        campaigns: vec![samples::campaign(1, 1, &[1, 2])],
    };
    let before = bench.slot.current().unwrap();
    let next = samples::loaded(&source, 2, Some(before.view()));
    assert_eq!(next.view().account(ACCOUNT).unwrap().changed_in(), Epoch(2));
    bench.slot.publish(Arc::new(next)).unwrap();
    assert_eq!(bench.health.known(ACCOUNT, now), None);
}

#[test]
fn one_look_of_an_account_at_a_time() {
    let bench = Bench::new(vec![apart(1)], Vec::new());
    let leave = bench.health.leave(ACCOUNT).unwrap();
    assert!(bench.health.leave(ACCOUNT).is_err());
    let _other = bench.health.leave(AccountId(2)).unwrap();
    assert!(bench.health.leave(AccountId(3)).is_err(), "two of all");
    drop(leave);
    assert!(bench.health.leave(AccountId(3)).is_ok());
}

#[test]
fn the_first_hundred_campaigns_are_named() {
    let most = u32::try_from(MOST_CAMPAIGNS).unwrap();
    let campaigns = (1..=most + 1).map(|id| samples::campaign(1, id, &[1])).collect();
    let source = Source { accounts: vec![samples::account(1)], targets: vec![apart(1)], campaigns };
    let mut bench = Bench::of(source, quiet(0..8));
    bench.running.extend((1..=most + 1).map(|id| (CampaignId(id), UtcMs(0))));
    let looked = bench.look(noon(8));
    assert_eq!(looked.found[0].1.campaigns, (1..=most).collect::<Vec<_>>());
}
