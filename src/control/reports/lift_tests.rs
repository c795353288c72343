//! The lift of the visit report where the truth is known: its 95 % interval covers it in at least nine seeds of ten.
//!
//! Each seed is 5,000 devices through the engine, the records and the figures as in the daemon. Everybody enters the
//! campaign's fence; the engine holds some out by its own lots; of those who got a job more visit the store
//! afterwards than of those who did not, by a difference that the test plants. `GEOFENCED_LIFT_SEEDS` is how many
//! seeds there are.

use jiff::civil::date;
use jiff::tz::TimeZone;
use tempfile::tempdir;

use super::live::Reports;
use super::subject::{Addressed, Subject};
use super::visit_request::{After, VisitQuestion};
use super::visits::{Lift, VisitReport};
use crate::domain::campaign::{AccountSpec, CampaignSpec};
use crate::domain::decision::{EventKind, Output};
use crate::domain::fix::Fix;
use crate::domain::ids::{AppId, DeviceId, PartitionId, PlaceId};
use crate::domain::input::{Batch, Input};
use crate::domain::ping::PingFlags;
use crate::domain::policy::{ClockMode, Policy};
use crate::domain::target::PlaceArea;
use crate::engine::testkit::{self, ACCOUNT, at, campaign, fence, north, store};
use crate::engine::{Outputs, Partition};
use crate::journal::sim_disk::Random;
use crate::outbox::derived::{Figures, RetentionConfig};
use crate::outbox::record::OutboxRecord;
use crate::outbox::samples::{World, keyring};
use crate::outbox::{OutboxConfig, encode};
use crate::snapshot::build::Source;
use crate::snapshot::load::Loaded;
use crate::snapshot::samples::{self, KEY};

const DEVICES: u64 = 5000;
const HOLDOUT_PCT: u8 = 30;

/// Of a thousand devices, those that visit the store after a push, and those that would have anyway.
const VISIT_PER_MILLE: (u64, u64) = (350, 200);

/// What the interval should cover, points of per cent.
const TRUE_POINTS: f64 = 15.0;

/// So many of a thousand are at the store before they come to the fence: that is no visit that a push has brought.
const EARLIER_PER_MILLE: u64 = 150;

const FENCE_M: f64 = 0.0;
const STORE: PlaceId = PlaceId(77);
const STORE_M: f64 = 2000.0;
const HOUR_S: i64 = 3600;

/// A seed's devices on their way.
struct Town {
    lots: Random,
    loaded: Loaded,
    partition: Partition,
    out: Outputs,
    records: Vec<OutboxRecord>,
}

impl Town {
    fn new(seed: u64) -> Self {
        let source = Source {
            accounts: vec![AccountSpec { measure_visits: true, ..testkit::account(ACCOUNT.0) }],
            targets: vec![
                fence(1, FENCE_M, 300.0),
                store(2, STORE.0, PlaceArea::Inside, STORE_M, 25.0),
            ],
            campaigns: vec![CampaignSpec { holdout_pct: HOLDOUT_PCT, ..campaign(11, &[1]) }],
        };
        let loaded = samples::loaded(&source, 1, None);
        let policy = Policy { clock: ClockMode::Fixes, ..Policy::default() };
        let mut partition = Partition::new(PartitionId(0), KEY, policy);
        let mut out = Outputs::default();
        let view = loaded.view();
        let publication = Input::Publication { epoch: view.epoch(), hash: view.hash() };
        partition.step(&publication, Some(view), &mut out);
        // Never 0, and far from its neighbours.
        let lots = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        Self { lots, loaded, partition, out, records: Vec::new() }
    }

    fn chance(&mut self, per_mille: u64) -> bool {
        self.lots.below(1000) < per_mille
    }

    /// Fixes of one device, some minutes apart; gives what became of it at the fence, if it came there.
    fn fixes(&mut self, device: DeviceId, from_s: i64, north_m: &[f64]) -> Option<EventKind> {
        let minutes = (0..).step_by(180);
        let fixes: Vec<Fix> = minutes
            .zip(north_m)
            .map(|(after_s, north_m)| Fix {
                device,
                at: north(*north_m),
                fixed_at: at(from_s + after_s),
                accuracy_m: 10,
                flags: PingFlags(0),
            })
            .collect();
        let records = &fixes[..];
        let batch =
            Batch { account: ACCOUNT, app: AppId(1), origin: None, received_at: at(0), records };
        let view = self.loaded.view();
        self.partition.step(&Input::Fixes(batch), Some(view), &mut self.out);
        let mut came_to = None;
        let mut sealer = keyring().sealer();
        for decision in self.out.decisions.drain(..) {
            if let Output::Event(event) = &decision.output {
                came_to = Some(event.kind);
            }
            self.records.push(encode::record(&decision, view, &mut sealer));
        }
        came_to
    }

    /// Maybe to the store, then to the fence, then maybe to the store.
    fn walk(&mut self, device: DeviceId) {
        const OUT_M: f64 = 9000.0;
        if self.chance(EARLIER_PER_MILLE) {
            self.fixes(device, 0, &[STORE_M, STORE_M, OUT_M]);
        }
        let fate = self.fixes(device, 2 * HOUR_S, &[FENCE_M, OUT_M]).expect("it is at the fence");
        let chance = if fate == EventKind::Matched {
            VISIT_PER_MILLE.0
        } else {
            assert_eq!(fate, EventKind::HeldOut);
            VISIT_PER_MILLE.1
        };
        if self.chance(chance) {
            self.fixes(device, 26 * HOUR_S, &[STORE_M, STORE_M, OUT_M]);
        }
    }
}

/// The report of a seed.
fn reported(seed: u64) -> VisitReport {
    let mut town = Town::new(seed);
    for _ in 0..DEVICES {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&town.lots.next().to_be_bytes());
        id[8..].copy_from_slice(&town.lots.next().to_be_bytes());
        town.walk(DeviceId(id));
    }
    let (dir, counts) = (tempdir().expect("a folder"), tempdir().expect("a folder"));
    let outbox = World::new().open(dir.path(), OutboxConfig::default());
    let retention = RetentionConfig::default();
    let sealer = keyring().sealer();
    let figures = Figures::follow(counts.path(), 1 << 20, &outbox, sealer, retention);
    let figures = figures.expect("a new store");
    outbox.release(town.records).expect("it runs");
    outbox.close().expect("written");
    figures.close();
    Reports::new(figures).visits(&question()).expect("readable")
}

fn question() -> VisitQuestion {
    let subject = Subject {
        campaign: crate::domain::ids::CampaignId(11),
        account: ACCOUNT,
        name: "Lift".to_owned(),
        state: "ended".to_owned(),
        days: (date(2026, 11, 23), date(2026, 12, 31)),
        zone: TimeZone::get("Asia/Seoul").expect("a zone"),
        today: date(2027, 2, 1),
        has_ab: false,
        addressed: Addressed::Devices(DEVICES),
    };
    let last_day = date(2027, 1, 15);
    VisitQuestion {
        subject,
        regions: Vec::new(),
        brands: Vec::new(),
        places: vec![STORE],
        extra_days: 0,
        last_day,
        after: After::Match,
        measured: Vec::new(),
    }
}

fn covers(lift: &Lift, points: f64) -> bool {
    (lift.points_from..=lift.points_to).contains(&points)
}

#[tokio::test]
async fn the_interval_covers_a_planted_lift_in_nine_seeds_of_ten() {
    let seeds = std::env::var("GEOFENCED_LIFT_SEEDS");
    let seeds = seeds.map_or(10, |seeds| seeds.parse().expect("a number of seeds"));
    let (mut covered, mut mistaken, mut sum) = (0, 0, 0.0);
    for seed in 1..=seeds {
        let report = reported(seed);
        let lift = report.lift.expect("some are held out");
        assert_eq!(report.reached + lift.held_out, DEVICES, "seed {seed}");
        covered += u32::from(covers(&lift, TRUE_POINTS));
        // An interval so wide that it covers anything would say nothing.
        mistaken += u32::from(covers(&lift, TRUE_POINTS + 5.0) || covers(&lift, TRUE_POINTS - 5.0));
        sum += lift.points;
    }
    let mean = sum / f64::from(u32::try_from(seeds).expect("some"));
    println!("{covered} of {seeds} intervals cover {TRUE_POINTS} points; mean {mean:.2}");
    assert!(u64::from(covered) * 10 >= seeds * 9, "{covered} of {seeds} seeds");
    assert!(u64::from(mistaken) * 10 <= seeds * 2, "{mistaken} of {seeds} cover what is not so");
}
