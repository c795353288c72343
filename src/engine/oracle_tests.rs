//! Random small worlds, stepped by the engine and by the plain [`model`](super::model): both must come to
//! the same transitions, triggers, jobs and reasons after every step.

use proptest::prelude::*;

use super::model::{Brought, Line, Model, Run, Spot, Visited};
use super::testkit::{Got, NOON, World, account, at, batch, campaign, device, fence, seen, store};
use super::visits_tests::visits_of;
use crate::domain::campaign::{AccountSpec, CampaignSpec, Condition, Frequency, RunMode};
use crate::domain::decision::Visit;
use crate::domain::ids::{AppId, PlaceId, TargetId};
use crate::domain::input::Input;
use crate::domain::report::{HintVerdict, PlaceHint};
use crate::domain::target::PlaceArea;
use crate::snapshot::build::Source;

/// Something that happens.
#[derive(Clone, Copy, Debug)]
enum Act {
    Fix {
        device: u32,
        wait_s: i64,
        north_m: f64,
        accuracy_m: u16,
        delay_s: i64,
        app: u32,
    },
    /// The device found out whether it is in or near store 7.
    Hint {
        device: u32,
        wait_s: i64,
        delay_s: i64,
        verdict: HintVerdict,
    },
    Tick {
        wait_s: i64,
    },
    /// The campaign stops, or starts again.
    Toggle {
        campaign: usize,
    },
    /// Visits are measured from now on, or no more.
    Measure {
        visits: bool,
    },
}

/// Edges of fences lie on full tens, positions beside them: no rounding can tell the two apart.
fn acts() -> impl Strategy<Value = Vec<Act>> {
    let wait =
        || prop::sample::select(vec![20i64, 60, 60, 120, 180, 299, 301, 600, 1800, 1801, 9000]);
    let place = (-40i32..40).prop_map(|tens| f64::from(tens) * 10.0 + 3.0);
    let far = prop::sample::select(vec![1403.0, -1503.0, 300_003.0]);
    let accuracy = prop::sample::select(vec![5u16, 5, 5, 40, 100, 101, 150, 500]);
    let delay =
        || prop::sample::select(vec![0i64, 0, 0, 0, 0, 0, 30, 90, 200, 299, 301, 900, 4000]);
    let fix = (1u32..3, wait(), prop_oneof![9 => place, 1 => far], accuracy, delay(), 1u32..12);
    let fix = fix.prop_map(|(device, wait_s, north_m, accuracy_m, delay_s, app)| Act::Fix {
        device,
        wait_s,
        north_m,
        accuracy_m,
        delay_s,
        app: if app == 11 { 2 } else { 1 },
    });
    let verdict = prop::sample::select(vec![
        HintVerdict::Enter,
        HintVerdict::Enter,
        HintVerdict::Nearby,
        HintVerdict::Leave,
    ]);
    let hint = (1u32..3, wait(), delay(), verdict);
    let hint = hint.prop_map(|(device, wait_s, delay_s, verdict)| Act::Hint {
        device,
        wait_s,
        delay_s,
        verdict,
    });
    let tick = wait().prop_map(|wait_s| Act::Tick { wait_s });
    let toggle = (0usize..5).prop_map(|campaign| Act::Toggle { campaign });
    let measure = prop::bool::weighted(0.7).prop_map(|visits| Act::Measure { visits });
    let act = prop_oneof![30 => fix, 12 => tick, 8 => hint, 2 => toggle, 1 => measure];
    prop::collection::vec(act, 1..60)
}

fn campaigns() -> impl Strategy<Value = Vec<CampaignSpec>> {
    let condition = prop_oneof![
        Just(Condition::Enter),
        prop::sample::select(vec![60u32, 180, 400])
            .prop_map(|dwell_s| Condition::Dwell { dwell_s }),
        Just(Condition::Exit),
    ];
    let frequency = prop_oneof![
        Just(Frequency::OncePerPeriod),
        Just(Frequency::OncePerDay),
        Just(Frequency::Resend { after_s: 600 }),
    ];
    let window = prop::sample::select(vec![0u16, 0, 0, 12 * 60 + 10, 13 * 60]);
    let one = (condition, frequency, 1u8..32, window, -1i32..2, 0u8..5);
    prop::collection::vec(one, 1..6).prop_map(|all| {
        let build = |(at, (condition, frequency, mask, start_min, priority, test))| {
            let targets = [1, 2, 3, TargetId::NATIONWIDE.0, 4].into_iter().enumerate();
            let targets: Vec<u32> =
                targets.filter(|(bit, _)| mask >> bit & 1 == 1).map(|(_, id)| id).collect();
            let mode = if test == 0 { RunMode::Testing } else { RunMode::Running };
            let mut spec = campaign(10 + u32::try_from(at).unwrap(), &targets);
            spec.windows[0].start_min = start_min;
            spec.test_devices = vec![device(1)];
            CampaignSpec { condition, frequency, priority, mode, apps: vec![AppId(1)], ..spec }
        };
        all.into_iter().enumerate().map(build).collect()
    })
}

const FENCES: [(u32, f64, f64); 4] =
    [(1, 0.0, 100.0), (2, 150.0, 100.0), (3, 0.0, 300.0), (4, 0.0, 60.0)];

/// The store of the last two fences.
const STORE: u32 = 7;

/// Which of the store's areas a fence is.
fn area(fence: u32) -> Option<PlaceArea> {
    match fence {
        3 => Some(PlaceArea::Signal),
        4 => Some(PlaceArea::Inside),
        _ => None,
    }
}

fn lines() -> Vec<Line> {
    let line = |(id, center_m, radius_m)| {
        let store = area(id).map(|area| (STORE, area));
        Line { id, center_m, radius_m, store }
    };
    let everywhere = (TargetId::NATIONWIDE.0, 0.0, f64::INFINITY);
    FENCES.into_iter().chain([everywhere]).map(line).collect()
}

/// What the engine did, in the model's words.
fn told(got: &Got) -> Brought {
    let number = |job: &crate::domain::decision::PushJob| {
        u32::from_be_bytes(job.device.device.0[..4].try_into().unwrap())
    };
    let visit = |visit: &Visit| Visited {
        device: u32::from_be_bytes(visit.device.device.0[..4].try_into().unwrap()),
        fence: visit.target.0,
        first_entered_at: visit.first_entered_at.0 - NOON,
        revision: visit.revision,
        entered_at: visit.entered_at.0 - NOON,
        left_at: visit.left_at.map(|at| at.0 - NOON),
        ended_by: visit.ended_by,
        hinted: visit.hinted,
        confidence_pct: visit.confidence_pct,
    };
    let job = |job: &crate::domain::decision::PushJob| {
        let instant = job.bucket.span;
        let is_instant = job.bucket.mode == RunMode::Running && instant > 1_000_000_000_000;
        let span = if is_instant { instant - NOON } else { instant };
        (number(job), job.campaign.0, job.target.0, job.at.0 - NOON, span)
    };
    Brought {
        jobs: got.jobs().iter().map(job).collect(),
        enters: got.counts.enters,
        exits: got.counts.exits,
        dwells: got.counts.dwells,
        triggers: got.counts.triggers,
        suppressed: got.suppressed(),
        rejected: got.counts.rejected.iter().sum(),
        late: got.counts.late,
        visits: visits_of(got).iter().map(visit).collect(),
    }
}

fn act(world: &mut World, model: &mut Model, specs: &[CampaignSpec], now: &mut i64, act: Act) {
    let (got, mut brought): (Got, Brought) = match act {
        Act::Fix { device, wait_s, north_m, accuracy_m, delay_s, app } => {
            *now += wait_s;
            let at = *now - delay_s;
            let fix = seen(device, at, north_m).accuracy(accuracy_m).app(app).late_by(delay_s);
            let spot = Spot { at: at * 1000, north_m, accuracy_m, app };
            (world.see(fix), model.fix(device, spot, *now * 1000))
        }
        Act::Hint { device: number, wait_s, delay_s, verdict } => {
            *now += wait_s;
            let made_at = *now - delay_s;
            let hint = PlaceHint {
                device: device(number),
                place: PlaceId(STORE),
                fixed_at: at(made_at),
                verdict,
            };
            let brought = model.hint(number, (STORE, verdict), made_at * 1000, *now * 1000);
            (world.step(&Input::Hints(batch(at(*now), &[hint]))), brought)
        }
        Act::Tick { wait_s } => {
            *now += wait_s;
            (world.tick(*now), model.tick(*now * 1000))
        }
        Act::Toggle { campaign } => {
            let Some(spec) = specs.get(campaign) else { return };
            model.epoch += 1;
            model.changed = model.epoch;
            let running = model.runs.iter().position(|run| run.spec.id == spec.id);
            match running {
                Some(at) => drop(model.runs.remove(at)),
                None => model.runs.push(Run { spec: spec.clone(), since: model.epoch }),
            }
            model.runs.sort_by_key(|run| run.spec.id);
            let campaigns: Vec<_> = model.runs.iter().map(|run| run.spec.clone()).collect();
            (world.publish(|source| source.campaigns = campaigns), Brought::default())
        }
        Act::Measure { visits } => {
            model.epoch += 1;
            if visits != model.measures {
                (model.measures, model.changed) = (visits, model.epoch);
            }
            let publish = |source: &mut Source| source.accounts[0].measure_visits = visits;
            (world.publish(publish), Brought::default())
        }
    };
    brought.suppressed.sort_unstable();
    let mut told = told(&got);
    told.visits.sort_unstable();
    assert_eq!(told, brought, "{act:?}");
    assert_eq!(world.open(), model.open_triggers(), "{act:?}");
}

fn run(specs: &[CampaignSpec], cap: Option<u16>, acts: &[Act]) -> usize {
    let account = AccountSpec { daily_cap: cap, measure_visits: true, ..account(1) };
    let fences = FENCES.map(|(id, center_m, radius_m)| match area(id) {
        Some(area) => store(id, STORE, area, center_m, radius_m),
        None => fence(id, center_m, radius_m),
    });
    let mut world = World::with(account, fences.to_vec(), specs.to_vec());
    let runs = specs.iter().map(|spec| Run { spec: spec.clone(), since: 1 }).collect();
    let mut model = Model::new(lines(), runs, cap);
    model.measures = true;
    let mut now = 0;
    for one in acts {
        act(&mut world, &mut model, specs, &mut now, *one);
    }
    usize::try_from(world.out.counts.jobs).unwrap()
}

proptest! {
    #[test]
    fn the_engine_does_what_the_plain_model_does(
        specs in campaigns(),
        cap in prop::sample::select(vec![None, None, Some(1u16), Some(3)]),
        acts in acts(),
    ) {
        run(&specs, cap, &acts);
    }
}
