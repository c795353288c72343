//! Limits over partitions and two shards: kept whatever happens, used up while somebody wants them.

use crate::domain::campaign::{CampaignSpec, Condition, Frequency, WindowSpec};
use crate::domain::decision::Output;
use crate::domain::fix::Fix;
use crate::domain::ids::{AccountId, AppId, CampaignId, DeviceKey, PARTITIONS, PartitionId};
use crate::domain::input::{Batch, Grant, Input, LimitId};
use crate::domain::ping::PingFlags;
use crate::domain::policy::Policy;
use crate::domain::units::{PointE7, UtcMs};
use crate::engine::{Outputs, Partition};
use crate::snapshot::build::Source;
use crate::snapshot::calendar::every_day;
use crate::snapshot::load::Loaded;
use crate::snapshot::samples::{self, KEY, device};

use super::leases::{Planned, Review, serve};
use super::ledger::Ledger;

/// 2026-11-24T12:00 in Seoul.
const NOON: UtcMs = UtcMs(1_795_489_200_000);
const ACCOUNT: AccountId = AccountId(1);
const TOTAL: LimitId = LimitId::Campaign { account: ACCOUNT, campaign: CampaignId(10) };
const DAY_S: i64 = 86_400;

/// All partitions as two shards have them, and what they lease.
struct Fleet {
    source: Source,
    loaded: Loaded,
    epoch: u64,
    partitions: Vec<Partition>,
    ledger: Ledger,
    out: Outputs,
    planned: Planned,
}

fn limited(total: u64, condition: Condition) -> CampaignSpec {
    CampaignSpec {
        condition,
        total_limit: Some(total),
        frequency: Frequency::OncePerPeriod,
        end: jiff::civil::date(2027, 12, 31),
        windows: vec![WindowSpec { weekdays: every_day(), start_min: 0, end_min: 24 * 60 }],
        ..samples::campaign(1, 10, &[1])
    }
}

impl Fleet {
    fn new(spec: CampaignSpec, monthly_limit: Option<u64>) -> Self {
        let mut account = samples::account(1);
        (account.monthly_limit, account.night_rule, account.daily_cap) =
            (monthly_limit, false, None);
        let targets = vec![samples::circle(1, 1), samples::circle(1, 2)];
        let idle = CampaignSpec { total_limit: None, id: CampaignId(11), ..spec.clone() };
        let mut idle = CampaignSpec { targets: vec![targets[1].id], ..idle };
        idle.apps = vec![AppId(2)];
        let source = Source { accounts: vec![account], targets, campaigns: vec![spec, idle] };
        let loaded = samples::loaded(&source, 1, None);
        let fresh = |id| Partition::new(id, KEY, Policy::default());
        let mut fleet = Self {
            source,
            loaded,
            epoch: 1,
            partitions: PartitionId::all().map(fresh).collect(),
            ledger: Ledger::default(),
            out: Outputs::default(),
            planned: Planned::new(),
        };
        fleet.announce();
        fleet
    }

    fn publish(&mut self, change: impl FnOnce(&mut Source)) {
        change(&mut self.source);
        self.epoch += 1;
        self.loaded = samples::loaded(&self.source, self.epoch, Some(self.loaded.view()));
        self.announce();
    }

    fn announce(&mut self) {
        let view = self.loaded.view();
        let input = Input::Publication { epoch: view.epoch(), hash: view.hash() };
        for partition in &mut self.partitions {
            partition.step(&input, Some(view), &mut self.out);
        }
    }

    /// A fix inside or outside of target 1; whether it pushed.
    fn see(&mut self, number: u32, time_s: i64, inside: bool) -> bool {
        let lat = if inside { 375_675_000 } else { 375_375_000 };
        let fix = Fix {
            device: device(number),
            at: PointE7::new(lat, 1_269_780_000).unwrap(),
            fixed_at: NOON + time_s * 1000,
            accuracy_m: 10,
            flags: PingFlags(0),
        };
        let partition = &mut self.partitions[place(number)];
        let input = Input::Fixes(Batch {
            account: ACCOUNT,
            app: AppId(1),
            origin: None,
            received_at: fix.fixed_at,
            records: &[fix],
        });
        partition.step(&input, Some(self.loaded.view()), &mut self.out);
        let is_job = |output| matches!(output, Output::Job(_));
        let pushed = self.out.decisions.drain(..).any(|decision| is_job(decision.output));
        let now = (self.loaded.view(), fix.fixed_at);
        serve(self.out.wants.drain(..), now, &mut self.ledger, &mut self.planned);
        self.apply();
        pushed
    }

    /// Both shards review.
    fn review(&mut self, time_s: i64) {
        for shard in 0..2 {
            let partitions = &self.partitions[shard * PARTITIONS / 2..][..PARTITIONS / 2];
            let now = NOON + time_s * 1000;
            let review = Review { partitions, view: self.loaded.view(), now };
            let _whole = review.all(&mut self.ledger, &mut self.planned);
            self.apply();
        }
    }

    fn apply(&mut self) {
        let view = self.loaded.view();
        for (partition, grant) in std::mem::take(&mut self.planned) {
            let Grant { limit, pushes } = grant;
            let state = self.partitions[partition.index()].grant(limit).copied();
            let kept = state.map_or(0, |state| state.left) + pushes;
            let closes = state.is_some_and(|state| state.granted == -pushes);
            assert!(kept >= 0 || closes, "nobody gives back what was pushed");
            self.partitions[partition.index()].step(
                &Input::Grant(grant),
                Some(view),
                &mut self.out,
            );
            if pushes < 0 {
                self.ledger.give_back(limit, -pushes);
            }
        }
    }

    /// The daemon starts again.
    fn restart(&mut self) {
        self.ledger = Ledger::default();
        self.partitions.iter().for_each(|one| self.ledger.restore(one.grants()));
    }

    fn held(&self, limit: LimitId) -> (i64, i64) {
        let states = self.partitions.iter().filter_map(|one| one.grant(limit));
        states.fold((0, 0), |sum, state| (sum.0 + state.granted, sum.1 + state.left))
    }
}

fn place(number: u32) -> usize {
    DeviceKey { account: ACCOUNT, device: device(number) }.partition().index()
}

/// Device numbers of as many different partitions.
fn apart(count: usize) -> Vec<u32> {
    let mut seen = std::collections::BTreeSet::new();
    (0..).filter(|number| seen.insert(place(*number))).take(count).collect()
}

#[test]
fn a_limit_larger_than_the_demand_suppresses_nothing_exits_included() {
    let mut fleet = Fleet::new(limited(1000, Condition::Exit), None);
    fleet.review(0);
    for (nth, number) in (0..400).enumerate() {
        let time_s = i64::try_from(nth).unwrap();
        fleet.see(number, time_s, true);
        assert!(fleet.see(number, time_s + 60, false), "exit of device {number}");
    }
}

#[test]
fn a_review_stops_at_what_a_batch_may_hold_and_comes_to_the_rest() {
    const LIMITS: u32 = 60;
    let mut fleet = Fleet::new(limited(1_000_000, Condition::Enter), None);
    fleet.publish(|source| {
        let another = |number| CampaignSpec {
            id: CampaignId(100 + number),
            ..limited(1_000_000, Condition::Enter)
        };
        source.campaigns.extend((1..LIMITS).map(another));
    });
    // What is leased now is not idle yet.
    let (view, now) = (Some(fleet.loaded.view()), NOON);
    for partition in &mut fleet.partitions {
        partition.step(&Input::Tick { now }, view, &mut fleet.out);
    }
    let mut rounds = Vec::new();
    loop {
        let review = Review { partitions: &fleet.partitions, view: fleet.loaded.view(), now };
        let is_whole = review.all(&mut fleet.ledger, &mut fleet.planned);
        rounds.push(fleet.planned.len());
        fleet.apply();
        if is_whole {
            break;
        }
    }
    // 256 partitions hold 16 limits each after a full round.
    assert_eq!(rounds, [4096, 4096, 4096, 3072]);
    assert!(fleet.partitions.iter().all(|one| one.grants().len() == LIMITS as usize));
}

#[test]
fn a_limit_is_used_up_and_never_exceeded() {
    for total in [3, 100, 700] {
        let mut fleet = Fleet::new(limited(total, Condition::Enter), None);
        let mut jobs = 0;
        for round in 0..40 {
            let time_s = round * 400;
            fleet.review(time_s);
            for number in 0..900 {
                jobs += u64::from(fleet.see(number, time_s, true));
            }
            if round == 7 {
                fleet.restart();
            }
        }
        assert_eq!(jobs, total);
        assert_eq!(fleet.held(TOTAL), (i64::try_from(total).unwrap(), 0));
    }
}

#[test]
fn a_push_that_nobody_takes_goes_to_who_waits_for_it() {
    let mut fleet = Fleet::new(limited(2, Condition::Enter), None);
    let numbers = apart(3);
    assert!(!fleet.see(numbers[0], 0, true) && !fleet.see(numbers[1], 0, true), "both ask");
    assert_eq!(fleet.held(TOTAL), (2, 2));
    assert!(!fleet.see(numbers[2], 10, true), "all is leased");
    fleet.review(300);
    assert!(!fleet.see(numbers[2], 310, true), "those who asked may still come back");
    fleet.review(311);
    fleet.review(312);
    assert!(fleet.see(numbers[2], 320, true));
    assert_eq!(fleet.held(TOTAL), (2, 1), "one was enough");
}

#[test]
fn a_smaller_limit_takes_back_what_is_leased() {
    let mut fleet = Fleet::new(limited(50_000, Condition::Enter), None);
    fleet.review(0);
    let mut jobs = (0..300).filter(|number| fleet.see(*number, 0, true)).count();
    assert_eq!(jobs, 300);
    fleet.publish(|source| source.campaigns[0].total_limit = Some(310));
    fleet.review(10);
    assert_eq!(fleet.held(TOTAL), (310, 10));
    fleet.review(20);
    for round in 1..9 {
        fleet.review(round * 400);
        jobs += (300..500).filter(|number| fleet.see(*number, round * 400, true)).count();
    }
    assert_eq!(jobs, 310);
    fleet.publish(|source| source.campaigns[0].total_limit = Some(320));
    fleet.review(9 * 400);
    jobs += (300..500).filter(|number| fleet.see(*number, 9 * 400, true)).count();
    jobs += (300..500).filter(|number| fleet.see(*number, 9 * 400 + 60, true)).count();
    assert_eq!(jobs, 320, "who waited is served when there is more");
}

#[test]
fn what_is_not_used_comes_back_down_to_a_piece() {
    let mut fleet = Fleet::new(limited(102_400, Condition::Enter), None);
    fleet.review(0);
    let ahead = fleet.held(TOTAL).0;
    assert!(ahead > 20_000, "{ahead}");
    fleet.publish(|source| source.campaigns[0].total_limit = Some(50_000));
    fleet.review(400);
    let kept = fleet.held(TOTAL).0;
    assert!((256..10_000).contains(&kept), "{kept}");
}

#[test]
fn the_next_month_is_leased_before_it_begins() {
    let mut fleet = Fleet::new(limited(1, Condition::Enter), Some(100_000));
    let november = LimitId::Month { account: ACCOUNT, month: (2026 - 1970) * 12 + 10 };
    let december = LimitId::Month { account: ACCOUNT, month: (2026 - 1970) * 12 + 11 };
    fleet.review(0);
    assert!(fleet.held(november).0 > 0);
    let midnight = 6 * DAY_S + DAY_S / 2;
    fleet.review(midnight - 3601);
    assert_eq!(fleet.held(december).0, 0);
    fleet.review(midnight - 3600);
    assert!(fleet.partitions.iter().all(|one| one.grant(december).is_some()));
}

#[test]
fn books_of_what_is_over_are_closed() {
    let mut fleet = Fleet::new(limited(1000, Condition::Enter), Some(100_000));
    fleet.review(0);
    fleet.see(1, 0, true);
    let november = LimitId::Month { account: ACCOUNT, month: (2026 - 1970) * 12 + 10 };
    fleet.publish(|source| drop(source.campaigns.remove(0)));
    fleet.review(61 * DAY_S);
    assert!(fleet.held(november).0 > 0);
    fleet.review(63 * DAY_S);
    assert_eq!(fleet.held(november).0, 0);
    fleet.review(399 * DAY_S);
    assert!(fleet.held(TOTAL).0 > 0, "it may be waiting, and come back with its count");
    fleet.review(401 * DAY_S);
    assert_eq!((fleet.held(TOTAL), fleet.ledger.leased(TOTAL)), ((0, 0), 0));
    assert!(fleet.partitions.iter().all(|one| one.grants().len() <= 2), "a month and the next");
}
