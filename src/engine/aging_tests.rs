//! Devices that are heard of no more go after their days, each within a day, and what must outlive them does.

use proptest::prelude::*;

use super::device::Row;
use super::testkit::*;
use crate::domain::campaign::{AccountSpec, CampaignSpec, Frequency};
use crate::domain::decision::{Output, VisitEnd};
use crate::domain::ids::DeviceKey;
use crate::domain::input::Input;
use crate::domain::policy::{ClockMode, Policy};
use crate::domain::report::HintVerdict;
use crate::domain::target::PlaceArea;

const DAY_S: i64 = 86_400;

/// The least that is allowed.
const DAYS: i64 = 31;

fn with_days(mut world: World) -> World {
    world.policy(|policy| policy.state_days = u16::try_from(DAYS).expect("a month"));
    world
}

/// A fence in which nobody is, and a campaign of it.
fn quiet() -> World {
    with_days(World::new(vec![fence(1, 50_000.0, 100.0)], vec![campaign(10, &[1])]))
}

/// A fence around the origin, with a campaign that pushes once in its period.
fn busy() -> World {
    with_days(World::new(vec![fence(1, 0.0, 100.0)], vec![campaign(10, &[1])]))
}

fn row(world: &World, number: u32) -> Option<&Row> {
    let table = &world.partition.table;
    let id = table.find(DeviceKey { account: ACCOUNT, device: device(number) })?;
    Some(table.row(id))
}

/// Whether it is known where a device was.
fn is_placed(world: &World, number: u32) -> bool {
    row(world, number).is_some_and(Row::placed)
}

#[test]
fn a_device_goes_once_its_last_word_is_older_than_its_days() {
    let mut world = quiet();
    world.see(seen(1, 0, 0.0));
    // A pause of more than a day gives each row its turn.
    assert_eq!(world.tick(DAYS * DAY_S).counts.forgotten, 0);
    assert!(is_placed(&world, 1), "to the second");
    let mut world = quiet();
    world.see(seen(1, 0, 0.0));
    assert_eq!(world.tick(DAYS * DAY_S + 1).counts.forgotten, 1);
    assert!(row(&world, 1).is_none());
    assert!(world.see(seen(1, DAYS * DAY_S + 2, 0.0)).rejected().is_empty(), "it is a new one");
}

#[test]
fn devices_are_known_for_no_less_than_homes_are_looked_back_on() {
    for (state_days, is_wrong) in [(30, true), (31, false), (3660, false), (3661, true)] {
        let policy = Policy { state_days, ..Policy::default() };
        assert_eq!(policy.check().has("state_days"), is_wrong, "{state_days}");
    }
}

#[test]
fn any_word_counts_of_where_it_is_or_what_it_is() {
    let store = store(2, 7, PlaceArea::Signal, 50_000.0, 40.0);
    let mut world = with_days(World::new(vec![store], vec![campaign(10, &[2])]));
    world.see(seen(1, 0, 0.0));
    world.tick(20 * DAY_S);
    world.profile(|_| {});
    world.tick(40 * DAY_S);
    assert!(is_placed(&world, 1), "its profile came on the twentieth day");
    world.hint(50 * DAY_S, 7, HintVerdict::Leave);
    world.tick(70 * DAY_S);
    assert!(row(&world, 1).is_some(), "and a hint on the fiftieth");
    assert_eq!(world.tick(83 * DAY_S).counts.forgotten, 1);
}

#[test]
fn a_bucket_that_lives_on_is_kept_without_the_place() {
    let mut world = busy();
    assert_eq!(world.see(seen(1, 0, 0.0)).pushed(), [10]);
    let gone = world.tick(32 * DAY_S);
    assert_eq!((gone.counts.forgotten, gone.counts.exits), (0, 1));
    assert!(row(&world, 1).is_some() && !is_placed(&world, 1));
    // The period lasts until the end of the year, five weeks from the first day.
    let back = world.see(seen(1, 33 * DAY_S, 0.0));
    assert_eq!((back.pushed(), back.moves().0), (vec![], 1), "it enters anew and has had its job");
    assert!(is_placed(&world, 1));
    assert_eq!(world.tick(65 * DAY_S).counts.forgotten, 1, "the bucket is over");
}

#[test]
fn whoever_wants_no_advertising_is_not_forgotten_to_want_none() {
    let listed = AccountSpec { blacklist_echo: vec![[0xEC; 16]], ..account(1) };
    for (ads_consent, echo, stays) in
        [(false, 0, true), (true, 0, false), (true, 0xEC, true), (true, 0xED, false)]
    {
        let target = fence(1, 0.0, 100.0);
        let world = World::with(listed.clone(), vec![target], vec![campaign(10, &[1])]);
        let mut world = with_days(world);
        world.see(seen(1, 0, 5000.0));
        world.profile(|profile| (profile.ads_consent, profile.echo) = (ads_consent, [echo; 16]));
        world.tick(32 * DAY_S);
        assert_eq!(row(&world, 1).is_some(), stays, "{ads_consent} {echo}");
        assert!(!is_placed(&world, 1));
        let back = world.see(seen(1, 33 * DAY_S, 0.0));
        assert_eq!(back.pushed().is_empty(), stays, "{ads_consent} {echo}");
    }
}

#[test]
fn the_visit_of_a_device_that_went_has_ended_in_silence() {
    let measuring = AccountSpec { measure_visits: true, ..account(1) };
    let store = store(2, 7, PlaceArea::Inside, 0.0, 25.0);
    let mut world = with_days(World::with(measuring, vec![store], vec![]));
    world.see(seen(1, 0, 0.0));
    assert_eq!(world.see(seen(1, 300, 0.0)).counts.visits, 1);
    let gone = world.tick(32 * DAY_S);
    let ends: Vec<Option<VisitEnd>> = gone
        .decisions
        .iter()
        .filter_map(|decision| match decision.output {
            Output::Visit(visit) => Some(visit.ended_by),
            Output::Job(_) | Output::Event(_) => None,
        })
        .collect();
    assert_eq!((ends, gone.counts.forgotten), (vec![Some(VisitEnd::Silence)], 1));
}

#[test]
fn cells_without_a_night_left_go_from_a_device_that_stays() {
    let noting = AccountSpec { note_nights: true, ..account(1) };
    let mut world = with_days(World::with(noting, vec![fence(1, 90_000.0, 100.0)], vec![]));
    let cells = |world: &World| {
        let table = &world.partition.table;
        let annex = row(world, 1).map(|row| table.annex_of(row)).expect("it is heard of");
        table.nights.get(annex.nights).len()
    };
    world.see(seen(1, local(25, 3, 0), 0.0));
    world.see(seen(1, local(26, 3, 0), 5000.0));
    for (day, left) in [(54, 2), (55, 1), (56, 0)] {
        // By day, when no night is noted.
        world.see(seen(1, local(day, 12, 0), 0.0));
        world.tick(local(day + 1, 12, 0));
        assert_eq!(cells(&world), left, "{day}");
    }
}

#[test]
fn under_the_clock_of_the_fixes_nobody_goes() {
    let mut world = quiet();
    world.policy(|policy| policy.clock = ClockMode::Fixes);
    world.see(seen(1, 0, 0.0));
    world.see(seen(2, 4000 * DAY_S, 0.0));
    assert_eq!(world.tick(8000 * DAY_S).counts.forgotten, 0);
    assert!(is_placed(&world, 1) && is_placed(&world, 2));
    assert!(!world.partition.has_work_at(at(9000 * DAY_S)));
}

#[test]
fn a_table_of_the_silent_empties_by_the_day_and_no_input_takes_many() {
    const MANY: usize = 1500;
    let mut world = quiet();
    for number in (0..).take(MANY) {
        world.step_alone(&Input::Fixes(batch(at(0), &[seen(number, 0, 0.0).fix])));
    }
    let first = DAYS * DAY_S + 1;
    // The clock is moved to where they are old without a snapshot, which gives nobody a turn.
    world.partition.step(&Input::Tick { now: at(first) }, None, &mut world.out);
    assert_eq!(world.partition.devices(), MANY);
    for (day, most_left) in [(0, MANY / 8), (1, 0)] {
        let (begins, mut turns) = (first + day * DAY_S, 0);
        for time_s in (begins..begins + DAY_S).step_by(60) {
            let (before, due) =
                (world.partition.devices(), world.partition.has_work_at(at(time_s)));
            world.step_alone(&Input::Tick { now: at(time_s) });
            let went = before - world.partition.devices();
            assert!(went <= 2 * (before / 24 + 8), "{went} at once");
            assert!(due || went == 0, "a tick that is not due does nothing");
            turns += i64::from(due);
        }
        assert!(world.partition.devices() <= most_left, "{}", world.partition.devices());
        assert!(turns <= 24, "{turns}: one an hour, while there is anybody");
    }
    assert_eq!(world.out.counts.forgotten, MANY as u64);
}

/// One thing that happens, some hours after the one before.
#[derive(Clone, Copy, Debug)]
struct Happening {
    hours: i64,
    device: u32,
    what: u8,
    north_m: f64,
}

fn happenings() -> impl Strategy<Value = Vec<Happening>> {
    let hours = prop_oneof![4 => 0..3i64, 2 => 3..80i64, 1 => 600..900i64];
    let one = (hours, 0..5u32, 0..6u8, 0..4u8).prop_map(|(hours, device, what, spot)| Happening {
        hours,
        device,
        what,
        north_m: f64::from(spot) * 2000.0,
    });
    prop::collection::vec(one, 1..60)
}

/// A world in which everything is kept that hangs on a device.
fn full() -> World {
    let spec = AccountSpec { note_nights: true, measure_visits: true, ..account(1) };
    let targets = vec![
        fence(1, 0.0, 300.0),
        store(2, 7, PlaceArea::Signal, 2000.0, 100.0),
        crate::domain::target::TargetSpec { at_home: true, ..fence(3, 4000.0, 900.0) },
    ];
    let daily = CampaignSpec { frequency: Frequency::OncePerDay, ..campaign(11, &[2, 3]) };
    let campaigns = vec![campaign(10, &[1]), daily, dwelling(12, &[1, 2], 900)];
    with_days(World::with(spec, targets, campaigns))
}

/// Devices whose position is known though their last word is too old.
fn places_too_old(world: &World) -> usize {
    let oldest = world.partition.clock() - DAYS * DAY_S * 1000;
    let table = &world.partition.table;
    let is_too_old = |row: &&Row| {
        let annex = table.annex_of(row);
        let heard =
            annex.profile.map_or(row.fixed_at, |profile| profile.heard_at.max(row.fixed_at));
        let hints = table.hints.get(annex.hints).iter().map(|hint| hint.fixed_at);
        row.placed() && hints.fold(heard, |latest, hint| latest.max(hint)) < oldest
    };
    table.rows().filter(is_too_old).count()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]
    /// Every step is made by a restored one, too, which has to do the same. A job of the period comes once, whoever has
    /// been forgotten in between.
    #[test]
    fn whenever_a_device_goes_the_same_comes_out(all in happenings()) {
        let mut world = full();
        let (mut time_s, mut pushed) = (0, std::collections::BTreeSet::new());
        for (number, one) in (0..).zip(all) {
            time_s += one.hours * 3600 + 1;
            let got = match one.what {
                0 => world.tick(time_s),
                1 => world.hint(time_s, 7, HintVerdict::Enter),
                2 => world.profile(|profile| profile.night_consent = number % 2 == 0),
                _ => world.see(seen(one.device, time_s, one.north_m)),
            };
            for job in got.jobs().iter().filter(|job| job.campaign.0 == 10) {
                prop_assert!(pushed.insert(job.device), "once in the period");
            }
            // After a pause of a day each row has had its turn.
            if one.what == 0 && one.hours > 25 {
                prop_assert_eq!(places_too_old(&world), 0);
            }
        }
    }
}
