//! Visits: which stays become one, what is told of them and when, and what late fixes may change.

use super::testkit::{
    Got, World, account, at, batch, campaign, device, fence, leaving, restored, seen, state_bytes,
    store,
};
use super::visits::MAX_VISIT_NOTES;
use crate::domain::campaign::AccountSpec;
use crate::domain::decision::{Output, Visit, VisitEnd};
use crate::domain::ids::{DeviceId, DeviceKey, PlaceId, TargetId};
use crate::domain::input::Input;
use crate::domain::reasons::RejectReason;
use crate::domain::report::HintVerdict::{Enter, Leave, Nearby};
use crate::domain::target::PlaceArea::{Inside, Signal};
use crate::domain::target::TargetSpec;

/// The visits that a step told of.
pub(super) fn visits_of(got: &Got) -> Vec<Visit> {
    let visit = |decision: &crate::domain::decision::Decision| match decision.output {
        Output::Visit(visit) => Some(visit),
        Output::Job(_) | Output::Event(_) => None,
    };
    got.decisions.iter().filter_map(visit).collect()
}

/// What a test looks at: revision, enter, leave (s after noon), end.
type Told = (u32, i64, Option<i64>, Option<VisitEnd>);

fn told(got: &Got) -> Vec<Told> {
    let seconds = |instant: crate::domain::units::UtcMs| instant.since(at(0)) / 1000;
    let one = |visit: &Visit| {
        let Visit { revision, entered_at, left_at, ended_by, .. } = *visit;
        (revision, seconds(entered_at), left_at.map(seconds), ended_by)
    };
    visits_of(got).iter().map(one).collect()
}

const EXIT: Option<VisitEnd> = Some(VisitEnd::Exit);
const SILENCE: Option<VisitEnd> = Some(VisitEnd::Silence);
const REMOVED: Option<VisitEnd> = Some(VisitEnd::FenceRemoved);

fn measuring() -> AccountSpec {
    AccountSpec { measure_visits: true, ..account(1) }
}

/// Store 7 with its inside, target 2, at the origin.
fn shop() -> TargetSpec {
    store(2, 7, Inside, 0.0, 25.0)
}

fn world() -> World {
    World::with(measuring(), vec![shop(), store(1, 7, Signal, 0.0, 100.0)], vec![])
}

/// How many notes device 1 has.
fn notes(world: &World) -> usize {
    let key = DeviceKey { account: super::testkit::ACCOUNT, device: device(1) };
    let row = world.partition.table.find(key).unwrap();
    world.partition.table.annex(row).visits.len()
}

/// A fix of device 1 that comes when the device's last is much newer.
fn late(world: &mut World, time_s: i64, north_m: f64) -> Got {
    let got = world.see(seen(1, time_s, north_m).late_by(3600));
    assert_eq!((got.counts.late, got.moves()), (1, (0, 0, 0)), "it is late and moves nothing");
    assert!(got.jobs().is_empty() && got.counts.triggers == 0);
    got
}

#[test]
fn a_stay_long_enough_by_what_was_seen_is_a_visit_until_it_ends() {
    let mut world = world();
    assert_eq!(told(&world.walk(&[(0, 0.0), (60, 5.0), (119, 0.0)])), []);
    let got = world.walk(&[(120, 0.0)]);
    assert_eq!(told(&got), [(1, 0, None, None)]);
    let visit = visits_of(&got)[0];
    assert_eq!((visit.place, visit.target), (PlaceId(7), TargetId(2)));
    assert_eq!((visit.first_entered_at, visit.device.device), (at(0), device(1)));
    assert_eq!((visit.hinted, visit.confidence_pct, got.counts.visits), (false, 100, 1));
    assert_ne!(visit.cell, 0);
    assert_eq!(told(&world.walk(&[(180, 0.0), (240, 10.0)])), []);
    let got = world.walk(&[(300, 400.0)]);
    assert_eq!(told(&got), [(2, 0, Some(240), EXIT)]);
    assert_eq!(visits_of(&got)[0].id, visit.id);
    assert_eq!(got.counts.visits, 0, "it was counted");
}

#[test]
fn a_stay_that_is_too_short_or_not_inside_a_place_is_none() {
    let mut world = world();
    assert_eq!(told(&world.walk(&[(0, 0.0), (100, 400.0)])), []);
    assert_eq!(told(&world.walk(&[(200, 70.0), (400, 70.0), (500, 900.0)])), [], "in range only");
    let targets = vec![fence(1, 0.0, 100.0)];
    let mut world = World::with(measuring(), targets, vec![]);
    assert_eq!(told(&world.walk(&[(0, 0.0), (200, 0.0), (300, 900.0)])), [], "a fence is no place");
}

#[test]
fn an_account_that_measures_none_has_none_and_pays_nothing_for_it() {
    let mut world = World::new(vec![shop()], vec![leaving(10, &[2])]);
    assert_eq!(told(&world.walk(&[(0, 0.0), (200, 0.0)])), []);
    let key = DeviceKey { account: super::testkit::ACCOUNT, device: device(1) };
    let row = world.partition.table.find(key).unwrap();
    assert!(world.partition.table.row(row).annex.is_none());
    assert_eq!(told(&world.walk(&[(300, 900.0)])), []);
}

#[test]
fn time_that_nobody_saw_makes_no_visit() {
    let mut world = world();
    world.walk(&[(0, 0.0), (100, 0.0)]);
    assert_eq!(told(&world.tick(500)), []);
    assert_eq!(told(&world.walk(&[(2000, 0.0)])), [], "silent for longer than a gap");
    assert_eq!(told(&world.walk(&[(2100, 0.0)])), []);
    assert_eq!(told(&world.walk(&[(2120, 0.0)])), [(1, 2000, None, None)]);
    let got = world.walk(&[(2120 + 1801, 0.0)]);
    assert_eq!(told(&got), [(2, 2000, Some(2120), SILENCE)]);
}

#[test]
fn unsettled_fixes_outside_are_no_leave_and_no_part_of_it() {
    let mut world = world();
    world.walk(&[(0, 0.0), (120, 0.0), (180, 30.0)]);
    assert_eq!(told(&world.walk(&[(240, 0.0)])), [], "it was only at the door");
    let got = world.walk(&[(300, 30.0), (360, 30.0)]);
    assert_eq!(told(&got), [(2, 0, Some(240), EXIT)]);
}

#[test]
fn hints_make_visits_too_and_are_sure() {
    let mut world = world();
    world.see(seen(1, 0, 5000.0).accuracy(3000));
    assert_eq!(told(&world.hint(10, 7, Enter)), []);
    let got = world.hint(130, 7, Enter);
    assert_eq!(told(&got), [(1, 10, None, None)]);
    let visit = visits_of(&got)[0];
    assert_eq!((visit.hinted, visit.confidence_pct), (true, 100));
    assert_eq!(told(&world.hint(150, 7, Nearby)), [(2, 10, Some(130), EXIT)]);
}

#[test]
fn a_hint_before_any_fix_leaves_the_cell_open_and_one_during_a_visit_makes_it_sure() {
    let mut world = world();
    world.hint(0, 7, Enter);
    assert_eq!(visits_of(&world.hint(120, 7, Enter))[0].cell, 0);
    let mut world = super::visits_tests::world();
    let coarse = |time_s, north_m| seen(1, time_s, north_m).accuracy(40);
    world.see(coarse(0, 0.0));
    let got = world.see(coarse(120, 0.0));
    assert_eq!(visits_of(&got)[0].confidence_pct, 62, "25 m of 40 m, rounded down");
    assert_eq!(told(&world.hint(130, 7, Enter)), [], "the next revision says so");
    let visit = visits_of(&world.hint(140, 7, Leave))[0];
    assert_eq!((visit.revision, visit.hinted, visit.confidence_pct), (2, true, 100));
}

#[test]
fn a_removed_place_ends_its_visits_and_so_does_the_end_of_measuring() {
    let mut world = world();
    world.walk(&[(0, 0.0), (120, 0.0)]);
    world.publish(|source| source.targets.retain(|target| target.id != TargetId(2)));
    assert_eq!(told(&world.walk(&[(180, 0.0)])), [(2, 0, Some(120), REMOVED)]);
    assert_eq!(notes(&world), 0);
    let mut world = World::with(measuring(), vec![shop()], vec![leaving(10, &[2])]);
    world.walk(&[(0, 0.0), (120, 0.0)]);
    world.publish(|source| source.accounts[0].measure_visits = false);
    assert_eq!(told(&world.walk(&[(180, 0.0)])), [(2, 0, Some(120), REMOVED)]);
    assert_eq!(world.stays(1), [2], "its campaign goes on watching it");
    world.publish(|source| source.accounts[0].measure_visits = true);
    let got = world.walk(&[(240, 0.0), (400, 0.0)]);
    assert_eq!(told(&got), [], "a stay is measured from its enter on or not at all");
}

#[test]
fn late_fixes_inside_lengthen_a_visit_at_both_ends() {
    let mut world = world();
    world.walk(&[(0, 900.0), (600, 0.0), (720, 0.0), (1200, 900.0)]);
    assert_eq!(told(&late(&mut world, 300, 5.0)), [(3, 300, Some(720), EXIT)]);
    let got = late(&mut world, 1000, 5.0);
    assert_eq!(told(&got), [(4, 300, Some(1000), EXIT)]);
    assert_eq!(visits_of(&got)[0].first_entered_at, at(600), "its id is made of this");
    for (time_s, what) in [(300, "known"), (500, "within"), (1000, "known"), (1100, "outside")] {
        let north_m = if time_s == 1100 { 90.0 } else { 5.0 };
        assert_eq!(told(&late(&mut world, time_s, north_m)), [], "{what}");
    }
}

#[test]
fn late_fixes_outside_bound_what_later_ones_may_add() {
    let mut world = world();
    world.walk(&[(0, 900.0), (600, 0.0), (720, 0.0), (1200, 900.0)]);
    assert_eq!(told(&late(&mut world, 400, 300.0)), []);
    assert_eq!(told(&late(&mut world, 300, 0.0)), [], "it was outside in between");
    assert_eq!(told(&late(&mut world, 450, 0.0)), [(3, 450, Some(720), EXIT)]);
    assert_eq!(told(&late(&mut world, 900, 300.0)), []);
    assert_eq!(told(&late(&mut world, 1000, 0.0)), []);
    let coarse = |time_s, north_m| seen(1, time_s, north_m).accuracy(400).late_by(3600);
    assert_eq!(told(&world.see(coarse(800, 0.0))), [], "too coarse for an enter");
    assert_eq!(told(&world.see(coarse(780, 300.0))), [], "and to tell it is outside");
    assert_eq!(told(&late(&mut world, 790, 0.0)), [(4, 450, Some(790), EXIT)]);
}

#[test]
fn a_late_fix_may_make_a_short_stay_a_visit() {
    let mut world = world();
    world.walk(&[(0, 900.0), (600, 0.0), (660, 0.0), (1200, 900.0)]);
    assert_eq!(told(&late(&mut world, 700, 0.0)), []);
    let got = late(&mut world, 580, 0.0);
    assert_eq!((told(&got), got.counts.visits), (vec![(1, 580, Some(700), EXIT)], 1));
    world.walk(&[(1800, 0.0), (1860, 0.0)]);
    assert_eq!(told(&late(&mut world, 1700, 0.0)), [(1, 1700, None, None)], "while it lasts");
    assert_eq!(told(&late(&mut world, 1830, 0.0)), []);
}

#[test]
fn a_late_fix_beyond_a_gap_belongs_to_no_stay_and_one_between_two_to_the_earlier() {
    let mut world = world();
    world.walk(&[(0, 0.0), (120, 0.0), (4000, 0.0), (4120, 0.0)]);
    assert_eq!(told(&late(&mut world, 2000, 0.0)), [], "too far from both");
    assert_eq!(told(&late(&mut world, 1900, 0.0)), [(3, 0, Some(1900), SILENCE)]);
    assert_eq!(told(&late(&mut world, 3700, 0.0)), [(4, 0, Some(3700), SILENCE)], "of both");
    assert_eq!(told(&late(&mut world, 3600, 0.0)), []);
    assert_eq!(told(&late(&mut world, 3900, 0.0)), [(5, 0, Some(3900), SILENCE)]);
    let got = world.walk(&[(4200, 900.0)]);
    assert_eq!(told(&got), [(2, 4000, Some(4120), EXIT)], "the other one is as it was");
}

#[test]
fn what_hints_decided_late_coordinates_do_not() {
    let mut world = world();
    world.see(seen(1, 0, 900.0));
    world.hint(10, 7, Leave);
    world.walk(&[(60, 0.0)]);
    world.hint(400, 7, Enter);
    world.hint(520, 7, Enter);
    world.walk(&[(900, 900.0)]);
    assert_eq!(told(&world.hint(1000, 7, Leave)), [(2, 400, Some(900), EXIT)]);
    world.walk(&[(1200, 900.0)]);
    assert_eq!(told(&late(&mut world, 300, 0.0)), [], "it was on another floor");
    assert_eq!(told(&late(&mut world, 950, 900.0)), [(3, 400, Some(950), EXIT)], "by the hint");
}

#[test]
fn late_fixes_push_nothing_but_correct() {
    let mut world = World::with(measuring(), vec![shop()], vec![campaign(10, &[2])]);
    world.walk(&[(0, 900.0), (600, 0.0), (720, 0.0), (1200, 900.0)]);
    assert_eq!(told(&late(&mut world, 590, 0.0)), [(3, 590, Some(720), EXIT)]);
    let refused = world.see(seen(1, 1200 - 86_401, 0.0).late_by(90_000));
    assert_eq!(refused.rejected(), [RejectReason::TooLate]);
}

#[test]
fn notes_are_kept_while_a_late_fix_may_come_and_no_longer() {
    let mut world = world();
    world.walk(&[(0, 0.0), (120, 0.0), (200, 900.0)]);
    world.walk(&[(200 + 86_399, 900.0)]);
    assert_eq!(notes(&world), 1);
    assert_eq!(told(&late(&mut world, 199, 0.0)), [(3, 0, Some(199), EXIT)]);
    world.walk(&[(200 + 86_400, 900.0)]);
    assert_eq!(notes(&world), 0);
}

#[test]
fn so_many_notes_a_device_has_and_no_more() {
    let most = u32::try_from(MAX_VISIT_NOTES).unwrap();
    let stores = (1..=most + 1).map(|id| store(id, id, Inside, 0.0, 25.0)).collect();
    let mut world = World::with(measuring(), stores, vec![]);
    world.walk(&[(0, 0.0)]);
    assert_eq!(notes(&world), MAX_VISIT_NOTES);
    let got = world.walk(&[(120, 0.0)]);
    assert_eq!(visits_of(&got).len(), MAX_VISIT_NOTES, "the last stay gives none");
    world.walk(&[(200, 900.0)]);
    // The first of them was left first, as far as is known, and makes room for the next stay.
    world.walk(&[(260, 0.0)]);
    assert_eq!(notes(&world), MAX_VISIT_NOTES);
    let places: Vec<_> = visits_of(&world.walk(&[(400, 0.0)])).iter().map(|v| v.place.0).collect();
    assert_eq!(places, (1..=most).collect::<Vec<_>>());
}

#[test]
fn who_is_evicted_has_left_in_silence() {
    let mut world = world();
    world.policy(|policy| policy.devices_per_partition = 1);
    world.walk(&[(0, 0.0), (120, 0.0)]);
    assert_eq!(world.see(seen(2, 130, 900.0)).rejected(), [RejectReason::DeviceTableFull]);
    let got = world.see(seen(2, 130 + 1801, 0.0));
    assert_eq!((told(&got), got.counts.evicted), (vec![(2, 0, Some(120), SILENCE)], 1));
    world.see(seen(2, 2000, 900.0));
    let got = world.see(seen(1, 2010, 0.0));
    assert_eq!((told(&got), got.counts.evicted), (vec![], 1), "a closed note holds nobody");
}

#[test]
fn a_change_of_policy_counts_from_the_next_fix_on() {
    let mut world = world();
    world.walk(&[(0, 0.0), (60, 0.0)]);
    world.policy(|policy| policy.visit_dwell_s = 30);
    assert_eq!(told(&world.walk(&[(61, 0.0)])), [(1, 0, None, None)]);
}

#[test]
fn ids_hang_on_device_place_target_and_enter_alone() {
    let id_of = |target: TargetSpec, number, from_s| {
        let mut world = World::with(measuring(), vec![target], vec![]);
        world.see(seen(number, from_s, 0.0));
        visits_of(&world.see(seen(number, from_s + 500, 0.0)))[0].id
    };
    let id = id_of(shop(), 1, 0);
    assert_eq!(id, id_of(shop(), 1, 0));
    let others = [
        id_of(shop(), 2, 0),
        id_of(shop(), 1, 1),
        id_of(store(2, 8, Inside, 0.0, 25.0), 1, 0),
        id_of(store(3, 7, Inside, 0.0, 25.0), 1, 0),
    ];
    assert!(others.iter().all(|other| *other != id));
    assert_eq!((id.0[6] & 0xF0, id.0[8] & 0xC0), (0x80, 0x80), "a UUID of version 8");
}

#[test]
fn notes_are_part_of_the_state() {
    let mut world = world();
    world.walk(&[(0, 900.0), (600, 0.0), (720, 0.0), (1200, 900.0), (1300, 0.0)]);
    let bytes = state_bytes(&world.partition);
    assert_eq!(notes(&world), 2);
    assert_eq!(state_bytes(&restored(&world.partition)), bytes);
    // The world's shadow is written and read between any two steps: it corrects visits alike.
    assert_eq!(told(&late(&mut world, 500, 0.0)), [(3, 500, Some(720), EXIT)]);
}

#[test]
fn visits_are_the_same_in_any_batch() {
    let steps = [(0, 900.0), (600, 0.0), (700, 0.0), (760, 0.0), (1200, 900.0), (650, 0.0)];
    let fixes: Vec<_> = steps.iter().map(|(s, north_m)| seen(1, *s, *north_m).fix).collect();
    let mut more = fixes.clone();
    more.extend([seen(1, 550, 0.0).fix, seen(1, 800, 0.0).fix]);
    let all = |size: usize| -> Vec<Visit> {
        let mut world = world();
        let step = |some: &[crate::domain::fix::Fix]| {
            visits_of(&world.step(&Input::Fixes(batch(at(1200), some))))
        };
        more.chunks(size).flat_map(step).collect()
    };
    assert_eq!(all(1).len(), 4);
    assert!((2..8).all(|size| all(size) == all(1)));
}

#[test]
fn a_device_is_no_other() {
    let mut world = world();
    world.walk(&[(0, 0.0)]);
    world.see(seen(2, 60, 0.0));
    assert_eq!(told(&world.walk(&[(120, 0.0)])).len(), 1);
    let got = world.see(seen(2, 180, 0.0));
    assert_eq!(visits_of(&got)[0].device.device, device(2));
    assert_ne!(device(1), DeviceId([0; 16]));
}
