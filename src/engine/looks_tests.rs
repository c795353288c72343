//! What is looked at agrees with what the engine does, and looking changes nothing of it: every step of a
//! [`World`] is also made by a shadow that nobody looks at.

use proptest::prelude::*;

use super::outputs::Outputs;
use super::testkit::{
    ACCOUNT, Got, World, account, at, batch, campaign, device, dwelling, fence, leaving, local,
    seen, store, testing,
};
use super::trace::{CaseLook, Look, LookBasis, Made, Phase, Seen};
use crate::domain::campaign::{
    AccountSpec, AudienceSpec, CampaignSpec, Condition, Frequency, RunMode,
};
use crate::domain::decision::{EventKind, Transition};
use crate::domain::ids::{AppId, CampaignId, DeviceKey, JobId, PlaceId};
use crate::domain::input::Input;
use crate::domain::ping::PingFlags;
use crate::domain::reasons::{RejectReason, SuppressReason};
use crate::domain::report::{HintVerdict, PlaceHint};
use crate::domain::target::PlaceArea;
use crate::snapshot::build::Source;

const LOOKED_AT: CampaignId = CampaignId(10);

/// A world whose device 1 and campaign 10 are looked at.
fn looking(mut world: World) -> World {
    let key = DeviceKey { account: ACCOUNT, device: device(1) };
    let out = std::mem::take(&mut world.out);
    world.out = Outputs::tracing(out, key, LOOKED_AT);
    world
}

fn looks(world: &mut World) -> Vec<Look> {
    world.out.trace.as_mut().unwrap().take()
}

fn case(look: &Look) -> &CaseLook {
    let Seen::Case(case) = &look.seen else { panic!("no case: {look:?}") };
    case
}

/// The only look that a step left.
fn one(world: &mut World) -> Look {
    let mut looks = looks(world);
    assert_eq!(looks.len(), 1, "{looks:?}");
    looks.remove(0)
}

fn world_of(spec: CampaignSpec) -> World {
    looking(World::new(vec![fence(1, 0.0, 100.0)], vec![spec]))
}

#[test]
fn a_push_is_seen_with_its_job_and_its_bucket() {
    let mut world = world_of(campaign(10, &[1]));
    let job = world.see(seen(1, 0, 0.0)).job();
    let look = one(&mut world);
    let seen_case = case(&look);
    assert_eq!((look.basis, look.at, seen_case.tried), (LookBasis::Fix, at(0), true));
    assert_eq!(seen_case.fate.job, Some((job.id, Made::Pushed)));
    assert_eq!(seen_case.used.iter().map(|used| used.job).collect::<Vec<_>>(), [job.id]);
    assert!(seen_case.gates.iter().all(|gate| gate.passed));
    assert_eq!((seen_case.stays.len(), seen_case.then), (1, None));
}

#[test]
fn every_gate_is_seen_behind_the_one_that_stops_it() {
    let mut spec = campaign(10, &[1]);
    spec.apps = vec![AppId(2)];
    spec.audience = AudienceSpec::Devices(vec![device(9)]);
    let mut world = world_of(spec);
    world.see(seen(1, 0, 0.0));
    let look = one(&mut world);
    let failed: Vec<_> =
        case(&look).gates.iter().filter(|gate| !gate.passed).map(|gate| gate.gate).collect();
    assert_eq!(failed, [SuppressReason::App, SuppressReason::Audience]);
    let then = case(&look).then.unwrap();
    assert_eq!((then.phase, then.stopped_by), (Phase::Open, Some(SuppressReason::App)));
    world.see(seen(1, 60, 1200.0));
    assert_eq!(case(&one(&mut world)).fate.closed, Some(SuppressReason::App));
}

#[test]
fn outside_nothing_is_tried_and_every_gate_is_shown() {
    let mut world = world_of(campaign(10, &[1]));
    world.see(seen(1, 0, 500.0));
    let look = one(&mut world);
    assert!(!case(&look).tried && case(&look).trigger.is_none() && case(&look).stays.is_empty());
    assert_eq!(case(&look).gates.len(), super::gates::GATES.len());
}

#[test]
fn fixes_that_are_not_followed_are_seen_too() {
    let mut world = world_of(campaign(10, &[1]));
    world.see(seen(1, 0, 500.0));
    looks(&mut world);
    world.see(seen(1, 0, 500.0));
    assert_eq!(one(&mut world).seen, Seen::Refused(RejectReason::Duplicate));
    world.see(seen(1, -60, 500.0));
    assert_eq!(one(&mut world).seen, Seen::Late);
    world.see(seen(1, 1, 90_000.0));
    assert_eq!(one(&mut world).seen, Seen::Refused(RejectReason::Jump));
}

#[test]
fn another_device_and_a_campaign_that_is_not_in_force_leave_no_case() {
    let mut world = world_of(campaign(11, &[1]));
    world.see(seen(2, 0, 0.0));
    assert_eq!(looks(&mut world), []);
    world.see(seen(1, 0, 0.0));
    assert_eq!(one(&mut world).seen, Seen::NotInForce);
}

#[test]
fn a_dwell_is_seen_on_its_way_and_by_its_timer() {
    let mut world = world_of(dwelling(10, &[1], 120));
    world.see(seen(1, 0, 0.0));
    let look = one(&mut world);
    assert_eq!((case(&look).trigger, case(&look).stays[0].entered_at), (None, at(0)));
    let job = world.tick(120).job();
    let look = one(&mut world);
    assert_eq!(look.basis, LookBasis::Timer);
    assert_eq!(case(&look).fate.job, Some((job.id, Made::Pushed)));
}

#[test]
fn the_winner_of_a_moment_is_named() {
    let better = CampaignSpec { priority: 1, ..campaign(11, &[1]) };
    let specs = vec![campaign(10, &[1]), better];
    let mut world = looking(World::new(vec![fence(1, 0.0, 100.0)], specs));
    world.see(seen(1, 0, 0.0));
    let look = one(&mut world);
    assert_eq!(case(&look).fate.outranked_by, Some(CampaignId(11)));
}

#[test]
fn the_device_is_seen_as_it_was_last_known() {
    let mut world = world_of(leaving(10, &[1]));
    world.see(seen(1, 0, 0.0));
    looks(&mut world);
    let before = super::testkit::state_bytes(&world.partition);
    let (mut out, mut partition) = (std::mem::take(&mut world.out), world.partition.clone());
    partition.look_now(world.view(), &mut out);
    world.out = out;
    let look = one(&mut world);
    assert_eq!((look.basis, look.at), (LookBasis::LastKnown, at(0)));
    assert_eq!(case(&look).stays.len(), 1);
    assert_eq!(super::testkit::state_bytes(&partition), before, "looking leaves it as it is");
}

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
        flags: u16,
    },
    Hint {
        wait_s: i64,
        verdict: HintVerdict,
    },
    Tick {
        wait_s: i64,
    },
    Toggle {
        campaign: usize,
    },
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let wait = || prop::sample::select(vec![20i64, 60, 60, 120, 300, 601, 1801, 40_000]);
    let place = prop::sample::select(vec![3.0, 53.0, 93.0, 123.0, 143.0, 303.0, 1403.0]);
    let accuracy = prop::sample::select(vec![5u16, 5, 5, 40, 101, 150]);
    let delay = prop::sample::select(vec![0i64, 0, 0, 0, 90, 301]);
    let flags = prop::sample::select(vec![0, 0, 0, PingFlags::NO_ADS_CONSENT]);
    let fix = (1u32..3, wait(), place, accuracy, delay, 1u32..9, flags);
    let fix = fix.prop_map(|(device, wait_s, north_m, accuracy_m, delay_s, app, flags)| Act::Fix {
        device,
        wait_s,
        north_m,
        accuracy_m,
        delay_s,
        app: if app == 8 { 2 } else { 1 },
        flags,
    });
    let verdicts = vec![HintVerdict::Enter, HintVerdict::Nearby, HintVerdict::Leave];
    let hint = (wait(), prop::sample::select(verdicts))
        .prop_map(|(wait_s, verdict)| Act::Hint { wait_s, verdict });
    let tick = wait().prop_map(|wait_s| Act::Tick { wait_s });
    let toggle = (0usize..3).prop_map(|campaign| Act::Toggle { campaign });
    let act = prop_oneof![20 => fix, 5 => hint, 6 => tick, 1 => toggle];
    prop::collection::vec(act, 1..40)
}

fn campaigns() -> impl Strategy<Value = Vec<CampaignSpec>> {
    let condition = prop::sample::select(vec![
        Condition::Enter,
        Condition::Enter,
        Condition::Dwell { dwell_s: 180 },
        Condition::Exit,
    ]);
    let frequency = prop::sample::select(vec![
        Frequency::OncePerPeriod,
        Frequency::OncePerDay,
        Frequency::Resend { after_s: 600 },
    ]);
    let window = prop::sample::select(vec![0u16, 0, 12 * 60 + 10, 20 * 60]);
    let audience = prop::sample::select(vec![0u32, 0, 0, 1, 9]);
    let one = (condition, frequency, window, audience, -1i32..2, 0u8..6, 0u8..2);
    prop::collection::vec(one, 1..4).prop_map(|all| {
        let build = |(at, one): (usize, _)| {
            let (condition, frequency, start_min, audience, priority, test, holdout): (
                Condition,
                Frequency,
                u16,
                u32,
                i32,
                u8,
                u8,
            ) = one;
            let id = 10 + u32::try_from(at).unwrap();
            let spec = if test == 0 {
                testing(id, &[1, 2], &[device(if audience == 9 { 9 } else { 1 })])
            } else {
                campaign(id, &[1, 2])
            };
            let mut spec =
                CampaignSpec { condition, frequency, priority, holdout_pct: holdout * 50, ..spec };
            spec.windows[0].start_min = start_min;
            if audience != 0 {
                spec.audience = AudienceSpec::Devices(vec![device(audience)]);
            }
            spec
        };
        all.into_iter().enumerate().map(build).collect()
    })
}

fn play(world: &mut World, specs: &[CampaignSpec], now: &mut i64, act: Act) -> Got {
    match act {
        Act::Fix { device, wait_s, north_m, accuracy_m, delay_s, app, flags } => {
            *now += wait_s;
            let fix = seen(device, *now - delay_s, north_m).accuracy(accuracy_m);
            world.see(fix.app(app).late_by(delay_s).flags(flags))
        }
        Act::Hint { wait_s, verdict } => {
            *now += wait_s;
            let (place, fixed_at) = (PlaceId(7), at(*now));
            let hint = PlaceHint { device: device(1), place, fixed_at, verdict };
            world.step(&Input::Hints(batch(fixed_at, &[hint])))
        }
        Act::Tick { wait_s } => {
            *now += wait_s;
            world.tick(*now)
        }
        Act::Toggle { campaign } => {
            let Some(spec) = specs.get(campaign).cloned() else { return Got::default() };
            world.publish(|source: &mut Source| {
                match source.campaigns.iter().position(|one| one.id == spec.id) {
                    Some(at) => drop(source.campaigns.remove(at)),
                    None => source.campaigns.push(spec),
                }
                source.campaigns.sort_by_key(|one| one.id);
            })
        }
    }
}

/// Each look by itself: the first gate in the way is what stopped it, and there is a job if and only if none was
/// and nobody better came.
fn agrees(look: &Look) {
    let Seen::Case(case) = &look.seen else { return };
    let fate = case.fate;
    let stopped = case.stopped_by().map(|gate| gate.gate);
    if !case.tried {
        assert_eq!((fate.job, fate.outranked_by), (None, None), "{look:?}");
        return;
    }
    match stopped {
        Some(gate) => {
            assert_eq!((fate.job, fate.outranked_by), (None, None), "{look:?}");
            let is_exit = case.trigger.unwrap().transition == Transition::Exit;
            if gate.leaves_open() && !is_exit {
                assert_eq!(case.then.unwrap().stopped_by, Some(gate), "{look:?}");
            } else {
                assert_eq!(fate.closed, Some(gate), "{look:?}");
            }
        }
        None if case.mode == RunMode::Testing => {
            assert!(matches!(fate.job, Some((_, Made::Pushed))), "{look:?}");
        }
        None => {
            let made = if case.held_out { Made::HeldOut } else { Made::Pushed };
            let job = fate.job.map(|(_, made)| made);
            let is_one = job.is_some() != fate.outranked_by.is_some();
            assert!(is_one && job.is_none_or(|job| job == made), "{look:?}");
        }
    }
}

proptest! {
    #[test]
    fn what_is_seen_is_what_is_done(
        specs in campaigns(),
        cap in prop::sample::select(vec![None, Some(1u16)]),
        night_rule in any::<bool>(),
        acts in acts(),
    ) {
        let account = AccountSpec { daily_cap: cap, night_rule, ..account(1) };
        let fences = vec![fence(1, 0.0, 100.0), store(2, 7, PlaceArea::Signal, 100.0, 60.0)];
        let mut world = looking(World::with(account, fences, specs.clone()));
        let key = DeviceKey { account: ACCOUNT, device: device(1) };
        let is_alone = specs.len() == 1;
        let mut now = local(24, 12, 0);
        for act in acts {
            let got = play(&mut world, &specs, &mut now, act);
            let looks = looks(&mut world);
            looks.iter().for_each(agrees);
            let of = |wanted: Made| -> Vec<JobId> {
                let jobs = looks.iter().filter_map(|look| match &look.seen {
                    Seen::Case(case) => case.fate.job,
                    Seen::Refused(_) | Seen::Late | Seen::NotInForce => None,
                });
                jobs.filter(|(_, made)| *made == wanted).map(|(job, _)| job).collect()
            };
            let jobs: Vec<JobId> = got.jobs().iter()
                .filter(|job| job.device == key && job.campaign == LOOKED_AT)
                .map(|job| job.id).collect();
            prop_assert_eq!(of(Made::Pushed), jobs);
            let held_out: Vec<JobId> = got.events().iter()
                .filter(|event| event.kind == EventKind::HeldOut && event.device == key)
                .filter(|event| event.campaign == Some(LOOKED_AT))
                .filter_map(|event| event.job).collect();
            prop_assert_eq!(of(Made::HeldOut), held_out);
            let others = matches!(act, Act::Fix { device: 2, .. } | Act::Tick { .. });
            // One that was stopped takes its trigger along, and is looked at no more.
            let is_gone = looks.iter().any(|look| look.seen == Seen::NotInForce);
            let acts_alone = is_alone && !others && !is_gone;
            if acts_alone {
                let mut closed: Vec<SuppressReason> = looks.iter().filter_map(|look| match &look.seen {
                    Seen::Case(case) => case.fate.closed,
                    Seen::Refused(_) | Seen::Late | Seen::NotInForce => None,
                }).collect();
                closed.sort_unstable();
                let mut suppressed = got.suppressed();
                // A held-out job is counted there as well; a stopped campaign has no case any more.
                suppressed.retain(|reason| {
                    *reason != SuppressReason::HeldOut && *reason != SuppressReason::State
                });
                closed.retain(|reason| *reason != SuppressReason::State);
                prop_assert_eq!(closed, suppressed);
            }
        }
    }
}
