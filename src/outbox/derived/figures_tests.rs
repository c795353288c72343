//! Figures follow the outbox: each record and tally is counted once, over restarts and over an outbox that is filled
//! again, and every figure is what a plain count over the same records gives.

#![expect(clippy::wildcard_enum_match_arm, reason = "steps are of the few kinds that are drawn")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::Ordering;

use proptest::prelude::*;
use tempfile::tempdir;

use super::classes::RetentionConfig;
use super::read::Uniques;
use super::rows::DayFigures;
use super::store::Figures;
use crate::domain::campaign::{RunMode, Variant};
use crate::domain::decision::EventKind;
use crate::domain::ids::{
    AccountId, AppId, CampaignId, DeviceKey, InputPosition, InputSeq, JobId, PartitionId,
};
use crate::domain::reasons::SuppressReason;
use crate::domain::units::{DAY_MS, UtcMs};
use crate::outbox::record::{Content, EventContent, JobContent};
use crate::outbox::samples::*;
use crate::outbox::tallies::{Counted, Quarter, TallyItem};
use crate::outbox::{Outbox, OutboxConfig, OutboxRecord, Release};

const CACHE_BYTES: u64 = 1 << 20;
pub(super) const CAMPAIGN: (AccountId, CampaignId) = (AccountId(1), CampaignId(11));
pub(super) fn follow(dir: &Path, outbox: &Outbox) -> Figures {
    Figures::follow(dir, CACHE_BYTES, outbox, keyring().sealer(), RetentionConfig::default())
        .expect("a new or sound store")
}

/// Something that becomes of one device's job.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) device: u8,
    pub(super) job: u8,
    pub(super) what: EventKind,
    pub(super) minute: u32,
    pub(super) is_test: bool,
}

fn at(step: &Step) -> UtcMs {
    NOON + i64::from(step.minute) * 60_000
}

pub(super) fn id_of(step: &Step) -> JobId {
    let mut id = [step.device; 16];
    (id[0], id[1]) = (step.job, u8::from(step.is_test));
    JobId(id)
}

/// The records that a step leaves in the outbox: a job and its event, or an event.
pub(super) fn records(seq: u64, step: &Step) -> Vec<OutboxRecord> {
    let base = job(1, (3, seq, 0));
    let device = DeviceKey { account: AccountId(1), device: device(step.device) };
    let variant = if step.device.is_multiple_of(2) { Variant::A } else { Variant::B };
    let mode = if step.is_test { RunMode::Testing } else { RunMode::Running };
    let base = OutboxRecord { device: keyring().seal(device), variant, mode, at: at(step), ..base };
    let Content::Job(content) = &base.content else { unreachable!("a job is a job") };
    let content = Content::Job(JobContent { id: id_of(step), ..content.clone() });
    let event = EventContent { kind: step.what, job: Some(id_of(step)), cell: 0 };
    let is_outcome =
        matches!(step.what, EventKind::Delivered | EventKind::Clicked | EventKind::Dismissed);
    // What a device reports names no campaign, and no variant.
    let campaign = if is_outcome { None } else { base.campaign.clone() };
    let variant = if is_outcome { Variant::A } else { variant };
    let ordinal = u32::from(step.what == EventKind::Matched);
    let event =
        OutboxRecord { content: Content::Event(event), campaign, variant, ordinal, ..base.clone() };
    match step.what {
        EventKind::Matched => vec![OutboxRecord { content, ..base }, event],
        _ => vec![event],
    }
}

/// The same figures, counted from the steps alone.
#[derive(Default, PartialEq, Debug)]
pub(super) struct Plain {
    pub(super) days: BTreeMap<i32, [DayFigures; 2]>,
    pub(super) uniques: [Uniques; 2],
}

fn local_day(at: UtcMs) -> i32 {
    // Seoul is nine hours ahead, always in these years.
    i32::try_from((at.0 + 9 * 3_600_000).div_euclid(DAY_MS)).expect("these years")
}

pub(super) fn plain(steps: &[Step]) -> Plain {
    let mut made: BTreeMap<JobId, UtcMs> = BTreeMap::new();
    let mut heard = BTreeSet::new();
    let mut plain = Plain::default();
    let mut firsts: BTreeMap<(&str, u8), UtcMs> = BTreeMap::new();
    let mut on_days = BTreeSet::new();
    for step in steps.iter().filter(|step| !step.is_test) {
        let variant = usize::from(step.device % 2);
        let mut when = at(step);
        let mut note = |what: &'static str, when: UtcMs, plain: &mut Plain| {
            let day = plain.days.entry(local_day(when)).or_default();
            let is_new = on_days.insert((what, local_day(when), step.device));
            let counts = &mut day[variant];
            match what {
                "reached" => counts.reached += u64::from(is_new),
                "responded" => counts.responded += u64::from(is_new),
                _ => {}
            }
            let first = firsts.entry((what, step.device)).or_insert(when);
            *first = (*first).min(when);
        };
        match step.what {
            EventKind::Matched => {
                made.insert(id_of(step), when);
                note("reached", when, &mut plain);
                plain.days.entry(local_day(when)).or_default()[variant].jobs += 1;
            }
            EventKind::HeldOut => {
                note("held_out", when, &mut plain);
                plain.days.entry(local_day(when)).or_default()[variant].held_out += 1;
            }
            kind => {
                let Some(made_at) = made.get(&id_of(step)) else { continue };
                if !heard.insert((id_of(step), kind)) {
                    continue;
                }
                when = when.max(*made_at);
                if kind == EventKind::Clicked {
                    note("responded", when, &mut plain);
                }
                let day = &mut plain.days.entry(local_day(when)).or_default()[variant];
                match kind {
                    EventKind::Delivered => day.delivered += 1,
                    EventKind::Clicked => day.clicked += 1,
                    _ => day.dismissed += 1,
                }
            }
        }
    }
    for ((what, device), when) in firsts {
        let variant = usize::from(device % 2);
        let day = &mut plain.days.entry(local_day(when)).or_default()[variant];
        match what {
            "reached" => {
                day.first_reached += 1;
                plain.uniques[variant].reached += 1;
            }
            "responded" => {
                day.first_responded += 1;
                plain.uniques[variant].responded += 1;
            }
            _ => {
                day.first_held_out += 1;
                plain.uniques[variant].held_out += 1;
            }
        }
    }
    plain
}

pub(super) fn counted(figures: &Figures) -> Plain {
    let span = i32::MIN..=i32::MAX;
    Plain {
        days: figures.days(CAMPAIGN, span.clone()).expect("readable"),
        uniques: figures.uniques(CAMPAIGN, span).expect("readable"),
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let what = prop_oneof![
        4 => Just(EventKind::Matched),
        1 => Just(EventKind::HeldOut),
        3 => Just(EventKind::Delivered),
        3 => Just(EventKind::Clicked),
        1 => Just(EventKind::Dismissed),
    ];
    let step = (0..6u8, 0..3u8, what, 0..6000u32, prop::bool::weighted(0.1));
    let step = step.prop_map(|(device, job, what, minute, is_test)| Step {
        // Those with high numbers are held out.
        device: if what == EventKind::HeldOut { device + 100 } else { device },
        job,
        what,
        minute,
        is_test,
    });
    prop::collection::vec(step, 1..80).prop_map(|steps| {
        let is_matched = |step: &Step| step.what == EventKind::Matched;
        let ever: BTreeSet<_> =
            steps.iter().filter(|step| is_matched(step)).map(|step| id_of(step).0).collect();
        let mut made = BTreeSet::new();
        // A job is made once, and nobody hears of one before it is made: intake sees to that.
        let mut happens = |step: &Step| match step.what {
            EventKind::Matched => made.insert(id_of(step).0),
            EventKind::HeldOut => true,
            _ => made.contains(&id_of(step).0) || !ever.contains(&id_of(step).0),
        };
        steps.into_iter().filter(|step| happens(step)).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn figures_are_those_of_a_plain_count_over_restarts_and_a_refilled_outbox(
        steps in steps(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 2),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (dir, counts) = (tempdir().unwrap(), tempdir().unwrap());
            let world = World::new();
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(steps.len() + 1)).collect();
            cuts.sort_unstable();
            let numbered: Vec<_> = (1u64..).zip(&steps).collect();
            // First a part, then a restart with some of it repeated, then all of it into an outbox made anew.
            for (round, upto) in [cuts[0], cuts[1], steps.len()].into_iter().enumerate() {
                let path = dir.path().join(if round < 2 { "first" } else { "second" });
                world.pass_s(60);
                let outbox = world.open(&path, OutboxConfig::default());
                let figures = follow(counts.path(), &outbox);
                for (seq, step) in &numbered[..upto] {
                    outbox.release(records(*seq, step)).unwrap();
                }
                outbox.close().unwrap();
                figures.close();
                let so_far = plain(&steps[..upto]);
                assert_eq!(counted(&figures), so_far, "round {round}");
            }
        });
    }
}

#[tokio::test]
async fn of_a_log_that_begins_anew_all_is_counted() {
    let (dir, counts) = (tempdir().unwrap(), tempdir().unwrap());
    let world = World::new();
    let matched =
        |device| Step { device, job: 1, what: EventKind::Matched, minute: 5, is_test: false };
    for (path, device) in [("first", 2), ("second", 4)] {
        world.pass_s(60);
        let outbox = world.open(&dir.path().join(path), OutboxConfig::default());
        // Its inputs have the numbers of those before.
        outbox.begins_with_its_log();
        let figures = follow(counts.path(), &outbox);
        outbox.release(records(1, &matched(device))).unwrap();
        outbox.close().unwrap();
        figures.close();
        let jobs: u64 = counted(&figures).days.values().flatten().map(|day| day.jobs).sum();
        assert_eq!(jobs, u64::from(device) / 2, "{path}");
    }
}

pub(super) fn withheld(seq: u64, quarter: u32) -> TallyItem {
    TallyItem {
        position: InputPosition { partition: PartitionId(9), seq: InputSeq(seq) },
        account: AccountId(1),
        counted: Counted::Withheld {
            campaign: CampaignId(11),
            reason: SuppressReason::Window,
            quarter: Quarter(quarter),
        },
    }
}

pub(super) fn seen(seq: u64, app: u32, member: u64, day: u32) -> TallyItem {
    TallyItem {
        position: InputPosition { partition: PartitionId(9), seq: InputSeq(seq) },
        account: AccountId(1),
        counted: Counted::Seen { app: AppId(app), member, day },
    }
}

#[tokio::test]
async fn tallies_are_counted_once_and_then_removed() {
    let (dir, counts) = (tempdir().expect("a folder"), tempdir().expect("a folder"));
    let world = World::new();
    let batches = [
        vec![withheld(1, 100), withheld(1, 100), seen(2, 5, 77, 20)],
        vec![withheld(3, 101), seen(3, 5, 78, 21), seen(3, 6, 77, 22)],
    ];
    for round in 0..2 {
        let outbox = world.open(dir.path(), OutboxConfig::default());
        let figures = follow(counts.path(), &outbox);
        for (seq, tallies) in (2u64..).zip(&batches) {
            // The second round's were written in the first.
            let marks = vec![(PartitionId(9), InputSeq(seq))];
            let release = Release { tallies: tallies.clone(), marks, ..Release::default() };
            outbox.release_through(release).expect("it runs");
        }
        outbox.close().expect("written");
        figures.close();
        assert!(!figures.shown().failed.load(Ordering::Relaxed));
        let of_reason = figures.withheld(CAMPAIGN).expect("readable");
        assert_eq!(of_reason, BTreeMap::from([(SuppressReason::Window, 3)]), "round {round}");
        let span = (Quarter(100), Quarter(101));
        let in_quarter = figures.withheld_in(CAMPAIGN, span).expect("readable");
        assert_eq!(in_quarter, [(Quarter(100), SuppressReason::Window, 2)]);
        let users = |apps: &[u32], day| {
            let apps: Vec<AppId> = apps.iter().copied().map(AppId).collect();
            figures.seen_since(AccountId(1), &apps, day).expect("readable")
        };
        assert_eq!((users(&[5], 20), users(&[5], 21), users(&[5, 6], 0)), (2, 1, 2));
        assert_eq!(outbox.shared.tables.tallies(0, u64::MAX).count(), 0, "all are removed");
    }
}

#[tokio::test]
async fn what_is_not_counted_is_not_removed_from_the_outbox() {
    let (dir, counts) = (tempdir().expect("a folder"), tempdir().expect("a folder"));
    let world = World::new();
    let config = OutboxConfig { retain_min_s: 0, ..OutboxConfig::default() };
    let outbox = Outbox::open(dir.path(), config, world.clocks()).expect("a new one");
    let step = Step { device: 2, job: 0, what: EventKind::Matched, minute: 0, is_test: false };
    outbox.release(records(1, &step)).expect("it runs");
    visible(&outbox, 2).await;
    world.pass_s(3600);
    tokio::time::sleep(std::time::Duration::from_millis(700)).await;
    assert_eq!(outbox.span(), (1, 2), "nobody has counted it");
    let figures = follow(counts.path(), &outbox);
    until("it is removed", || {
        world.pass_s(60);
        outbox.span().0 == 3
    })
    .await;
    assert_eq!(counted(&figures).uniques[0].reached, 1);
    outbox.close().expect("written");
    figures.close();
}

#[tokio::test]
async fn an_outcome_of_somebody_elses_job_counts_nothing() {
    let (dir, counts) = (tempdir().expect("a folder"), tempdir().expect("a folder"));
    let outbox = World::new().open(dir.path(), OutboxConfig::default());
    let figures = follow(counts.path(), &outbox);
    let step = Step { device: 2, job: 0, what: EventKind::Matched, minute: 0, is_test: false };
    outbox.release(records(1, &step)).expect("it runs");
    let of_other = |seq: u64, owner: u32, who: u8| {
        let mut record = event(owner, (3, seq, 0), EventKind::Clicked);
        let device = DeviceKey { account: AccountId(owner), device: device(who) };
        record.device = keyring().seal(device);
        record.campaign = None;
        let Content::Event(content) = &mut record.content else { unreachable!("an event") };
        content.job = Some(id_of(&step));
        record
    };
    outbox.release(vec![of_other(2, 2, 2)]).expect("it runs");
    outbox.release(vec![of_other(3, 1, 4)]).expect("it runs");
    outbox.close().expect("written");
    figures.close();
    assert_eq!(counted(&figures), plain(&[step]));
}

#[tokio::test]
async fn an_earlier_first_moves_from_where_the_later_one_was_counted() {
    let (dir, counts) = (tempdir().expect("a folder"), tempdir().expect("a folder"));
    let outbox = World::new().open(dir.path(), OutboxConfig::default());
    let figures = follow(counts.path(), &outbox);
    let step =
        |minute| Step { device: 2, job: 0, what: EventKind::Matched, minute, is_test: false };
    outbox.release(records(1, &step(600))).expect("it runs");
    // It came late, and meanwhile the account moved and the campaign got a second message.
    let mut earlier = records(2, &step(0));
    for record in &mut earlier {
        record.time_zone = "Pacific/Kiritimati".to_owned();
        record.variant = Variant::B;
    }
    outbox.release(earlier).expect("it runs");
    outbox.close().expect("written");
    figures.close();
    assert!(!figures.shown().failed.load(Ordering::Relaxed));
    let days = figures.days(CAMPAIGN, i32::MIN..=i32::MAX).expect("readable");
    let firsts: Vec<[u64; 2]> =
        days.values().map(|both| both.each_ref().map(|one| one.first_reached)).collect();
    assert_eq!(firsts, [[0, 1]], "one device, once, where its first is: {days:?}");
}

#[tokio::test]
async fn nothing_is_removed_before_figures_follow() {
    let dir = tempdir().expect("a folder");
    let config = OutboxConfig { retain_min_s: 0, ..OutboxConfig::default() };
    let world = World::new();
    let outbox = Outbox::open(dir.path(), config, world.clocks()).expect("a new one");
    let step = Step { device: 2, job: 0, what: EventKind::Matched, minute: 0, is_test: false };
    outbox.release(records(1, &step)).expect("it runs");
    visible(&outbox, 2).await;
    world.pass_s(3600);
    tokio::time::sleep(std::time::Duration::from_millis(700)).await;
    assert_eq!(outbox.span(), (1, 2), "no consumer wants it, and nobody has counted it");
    outbox.close().expect("written");
}
