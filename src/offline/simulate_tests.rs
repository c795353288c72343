//! The whole engine over recorded fixes: the same bytes whatever the shards and batches, limits included.

use std::time::Duration;

use super::simulate::{Simulated, Simulation, simulate};
use crate::domain::campaign::{CampaignSpec, Condition, Frequency};
use crate::domain::decision::Output;
use crate::domain::fix::Fix;
use crate::domain::ids::{AccountId, AppId};
use crate::domain::ping::PingFlags;
use crate::domain::policy::Policy;
use crate::domain::units::{PointE7, UtcMs};
use crate::snapshot::build::Source;
use crate::snapshot::samples::{self, KEY, device};

/// 2026-11-24T12:00 in Seoul.
const NOON: UtcMs = UtcMs(1_795_489_200_000);

/// Who wanders about three fences, some minutes between two fixes, now and then long away.
pub(super) fn fixes() -> Vec<Fix> {
    let mut state = 1u64;
    let mut lot = |below: u64| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i64::try_from((state >> 33) % below).unwrap()
    };
    let mut fixes: Vec<Fix> = (0..12_000)
        .map(|nth| Fix {
            device: device(u32::try_from(lot(500)).unwrap()),
            at: PointE7::new(
                375_660_000 + i32::try_from(lot(60_000)).unwrap(),
                1_269_770_000 + i32::try_from(lot(20_000)).unwrap(),
            )
            .unwrap(),
            fixed_at: NOON + nth * 1500 + lot(1500) - 900_000 * i64::from(lot(300) == 0),
            accuracy_m: u16::try_from(5 + lot(200)).unwrap(),
            flags: PingFlags(0),
        })
        .collect();
    fixes.truncate(11_999);
    fixes
}

pub(super) fn source(total: Option<u64>, monthly: Option<u64>) -> Source {
    let campaign = |id, targets: &[u32], condition| CampaignSpec {
        condition,
        total_limit: total,
        ..samples::campaign(1, id, targets)
    };
    let resend = Frequency::Resend { after_s: 600 };
    let campaigns = vec![
        CampaignSpec { frequency: resend, ..campaign(10, &[1, 3], Condition::Enter) },
        campaign(11, &[2], Condition::Dwell { dwell_s: 120 }),
        CampaignSpec { holdout_pct: 20, ..campaign(12, &[1, 2], Condition::Exit) },
    ];
    let mut account = samples::account(1);
    (account.monthly_limit, account.daily_cap) = (monthly, None);
    let targets = vec![samples::circle(1, 1), samples::circle(1, 2), samples::circle(1, 3)];
    Source { accounts: vec![account], targets, campaigns }
}

fn run(source: &Source, fixes: &[Fix], shards: usize, batch: usize) -> Simulated {
    let loaded = samples::loaded(source, 1, None);
    let simulation = Simulation {
        view: loaded.view(),
        key: KEY,
        policy: Policy::default(),
        account: AccountId(1),
        app: AppId(1),
        shards,
        batch,
        keep: true,
    };
    simulate(simulation, fixes, || Duration::ZERO, |_| {})
}

fn jobs(simulated: &Simulated) -> usize {
    let is_job = |output: &Output| matches!(output, Output::Job(_));
    simulated.decisions.iter().filter(|(_, decision)| is_job(&decision.output)).count()
}

#[test]
fn the_output_is_the_same_bytes_whatever_the_shards_and_batches() {
    let fixes = fixes();
    for (total, monthly) in [(None, None), (Some(5), None), (None, Some(100)), (Some(60), Some(99))]
    {
        let source = source(total, monthly);
        let first = run(&source, &fixes, 1, 1);
        assert!(first.counts.triggers_add_up() && jobs(&first) > 10, "{:?}", first.counts);
        let bytes = format!("{:?}", first.decisions);
        for shards in [1, 2, 7] {
            for batch in [1, 64, 1000] {
                let other = run(&source, &fixes, shards, batch);
                assert_eq!(other.counts, first.counts, "{shards} shards, batches of {batch}");
                let same = format!("{:?}", other.decisions) == bytes;
                assert!(same, "{shards} shards, batches of {batch}, limits {total:?} {monthly:?}");
            }
        }
    }
}

#[test]
fn a_limit_is_used_up_and_one_larger_than_the_demand_changes_nothing() {
    let fixes = fixes();
    let free = run(&source(None, None), &fixes, 1, 1000);
    let demand = jobs(&free);
    assert!(demand > 500, "{demand}");
    let roomy = run(&source(Some(50_000), Some(50_000)), &fixes, 2, 1000);
    // Not even the order; only the snapshot is another.
    let outputs = |all: &Simulated| -> Vec<_> {
        all.decisions.iter().map(|(fix, decision)| (*fix, decision.output)).collect()
    };
    assert_eq!((roomy.counts, outputs(&roomy) == outputs(&free)), (free.counts, true));
    let exact = u64::try_from(demand).unwrap();
    let exact = run(&source(None, Some(exact)), &fixes, 7, 64);
    assert_eq!(exact.counts, free.counts, "to the last push");
    assert_eq!(jobs(&run(&source(None, Some(77)), &fixes, 2, 64)), 77);
    assert_eq!(jobs(&run(&source(Some(5), None), &fixes, 7, 64)), 15, "5 of each campaign");
}

#[test]
#[should_panic(expected = "the screen is gone")]
fn a_panic_of_a_thread_is_not_swallowed() {
    let loaded = samples::loaded(&source(None, None), 1, None);
    let simulation = Simulation {
        view: loaded.view(),
        key: KEY,
        policy: Policy::default(),
        account: AccountId(1),
        app: AppId(1),
        shards: 2,
        batch: 1,
        keep: true,
    };
    simulate(simulation, &fixes(), || Duration::ZERO, |_| panic!("the screen is gone"));
}
