//! What becomes of a campaign: a row for each cell of states × actions, and the calendar.

use serde_json::{Value, json};

use super::calendar;
use super::changes::Seen;
use super::states::{CopyRequest, State};
use crate::control::config::CampaignsConfig;
use crate::control::documents::account::Membership;
use crate::control::documents::{Account, Campaign, Geofence, Group, Region, Segment};
use crate::control::refusal::Refusal;
use crate::control::samples::{
    Installation, NOON, PHONE, campaign, campaign_at, geofence, keyring, parsed, refused, region,
    set,
};
use crate::control::store::{Kind, thread};
use crate::domain::ids::AccountId;
use crate::domain::problem::Kind as Problems;
use crate::domain::units::UtcMs;

const ALL: [State; 4] = State::ALL;

/// An installation with a campaign in a state.
fn with_campaign(state: State) -> (Installation, AccountId, u32) {
    let (mut installation, account) = Installation::with(Membership::Basic);
    let id = installation.make::<Campaign>(account, campaign());
    put(&mut installation, (account, id), state);
    (installation, account, id)
}

/// Puts a campaign into a state, by whatever way leads there.
fn put(installation: &mut Installation, (account, id): (AccountId, u32), state: State) {
    let outcome = installation.at(account, |desk| match state {
        State::Ended => desk.end(id),
        State::Waiting | State::Testing | State::Running => {
            desk.set_state(id, &Seen::Any, state).map(drop)
        }
    });
    outcome.unwrap();
}

#[test]
fn every_state_leads_where_it_may_and_nowhere_else() {
    let refusal = Some(Problems::StateChange);
    // From waiting, testing, running, ended; to each of the same.
    let table = [
        [None, None, None, refusal],
        [None, None, None, refusal],
        [None, None, None, refusal],
        [refusal, refusal, refusal, None],
    ];
    for (from, row) in ALL.into_iter().zip(table) {
        for (to, expected) in ALL.into_iter().zip(row) {
            let (mut installation, account, id) = with_campaign(from);
            let outcome = installation.at(account, |desk| {
                let shown = desk.set_state(id, &Seen::Any, to)?;
                assert_eq!(desk.reaches_engine(), from != to, "{from} to {to}");
                Ok(shown)
            });
            match &outcome {
                Ok(shown) => assert_eq!(shown.state, to.name()),
                Err(refusal) => assert!(refusal.to_string().contains(from.name()), "{refusal}"),
            }
            assert_eq!(refused(outcome), expected, "{from} to {to}");
            let kept = installation.at(account, |desk| desk.get::<Campaign>(id)).unwrap();
            let expected = if expected.is_none() { to } else { from };
            assert_eq!(kept.state, expected.name());
            assert_eq!(kept.document.test_devices, [PHONE], "the ids come along");
        }
    }
}

#[test]
fn edits_deletions_and_copies_by_state() {
    let (read_only, none) = (Some(Problems::ReadOnly), None);
    for (state, edited, deleted) in [
        (State::Waiting, none, none),
        (State::Testing, read_only, read_only),
        (State::Running, read_only, read_only),
        (State::Ended, read_only, none),
    ] {
        let (mut installation, account, id) = with_campaign(state);
        let copied = installation.at(account, |desk| {
            let (name, start, end) =
                ("Again".to_owned(), "2027-01-01".to_owned(), "2027-01-02".to_owned());
            desk.copy(id, CopyRequest { name, start, end }, None)
        });
        let copied = copied.unwrap();
        assert_eq!((&*copied.state, &*copied.document.name), ("waiting", "Again"), "{state}");
        let like = parsed::<Campaign>(campaign());
        let own = Campaign {
            name: like.name.clone(),
            start: like.start.clone(),
            end: like.end.clone(),
            ..copied.document
        };
        assert_eq!(own, like, "all else is the same");
        let outcome = installation.at(account, |desk| {
            desk.replace::<Campaign>(id, &Seen::Any, parsed(set(campaign(), "/name", json!("New"))))
        });
        assert_eq!(refused(outcome), edited, "{state}");
        let outcome = installation.at(account, |desk| desk.delete::<Campaign>(id, &Seen::Any));
        assert_eq!(refused(outcome), deleted, "{state}");
    }
}

/// Edits one field of a waiting campaign of 2026-11-24 at noon of a day.
fn edit_on(day: i64, field: &str, value: Value) -> Result<(), Refusal> {
    let (mut installation, account) = Installation::with(Membership::Basic);
    installation.make::<Geofence>(account, geofence());
    installation.make::<Segment>(account, json!({ "name": "Regulars" }));
    installation.at(account, |desk| {
        let second = json!({ "name": "B", "package": "com.example.b", "platform": "ios" });
        desk.create::<crate::control::documents::App>(parsed(second), None)
    })?;
    let before = campaign();
    let id = installation.make::<Campaign>(account, before.clone());
    installation.now = UtcMs(NOON.0 + (day - 23) * 86_400_000);
    let after = parsed(set(before, field, value));
    installation.at(account, |desk| desk.replace::<Campaign>(id, &Seen::Any, after)).map(drop)
}

#[test]
fn what_is_locked_is_locked_from_the_first_day_on() {
    let locked = [
        ("/apps", json!([1, 2])),
        ("/audience", json!({ "segment": 1 })),
        ("/audience", json!({ "devices": [PHONE] })),
        ("/locations", json!([{ "general": { "geofences": [1] } }])),
        ("/holdout_pct", json!(20)),
        ("/start", json!("2026-11-25")),
        ("/start", json!("2026-11-23")),
    ];
    for (field, value) in locked {
        for day in [22, 23] {
            edit_on(day, field, value.clone()).unwrap();
        }
        for day in [24, 25] {
            let refusal = edit_on(day, field, value.clone()).unwrap_err();
            assert_eq!(refusal.kind(), Problems::Begun, "{field} on {day}");
            assert!(
                refusal.to_string().contains(&format!("its {} can't", &field[1..])),
                "{refusal}"
            );
        }
    }
    for (field, value) in [
        ("/apps", json!([1, 1])),
        ("/audience", json!("all")),
        ("/name", json!("New")),
        ("/end", json!("2026-12-24")),
        ("/frequency", json!("once_per_period")),
        ("/priority", json!(5)),
        ("/blacklist", json!(false)),
        ("/test_devices", json!([])),
    ] {
        for day in [23, 24, 25] {
            edit_on(day, field, value.clone()).unwrap();
        }
    }
}

#[test]
fn the_same_ids_written_otherwise_are_the_same_audience() {
    let (mut installation, account) = Installation::with(Membership::Lite);
    let own = |ids: Value| set(campaign(), "/audience", json!({ "devices": ids }));
    let id = installation.make::<Campaign>(account, own(json!([PHONE])));
    installation.now = UtcMs(NOON.0 + 2 * 86_400_000);
    let mut edit = |ids| {
        let after = parsed(own(ids));
        refused(installation.at(account, |desk| desk.replace::<Campaign>(id, &Seen::Any, after)))
    };
    assert_eq!(edit(json!([PHONE.to_uppercase(), PHONE.replace('-', "")])), None);
    assert_eq!(edit(json!([PHONE.replace('3', "4")])), Some(Problems::Begun));
}

#[test]
fn what_keeps_a_campaign_from_starting() {
    let (mut installation, account) = Installation::with(Membership::Basic);
    installation.make::<Group>(account, json!({ "name": "Gates" }));
    installation.make::<Segment>(account, json!({ "name": "Regulars" }));
    installation.make::<Region>(account, region("state", None));
    let over = set(set(campaign(), "/start", json!("2026-11-01")), "/end", json!("2026-11-22"));
    let last = set(over.clone(), "/end", json!("2026-11-23"));
    let home = campaign_at(json!([{ "residential": { "regions": [1] } }]));
    let grouped = campaign_at(json!([{ "general": { "groups": [1] } }]));
    let segmented = set(campaign(), "/audience", json!({ "segment": 1 }));
    let untried = set(campaign(), "/test_devices", json!([]));
    let (change, unusable) = (Some(Problems::StateChange), Some(Problems::NotUsable));
    for (body, testing, running) in [
        (campaign(), None, None),
        (over, change, change),
        (last, None, None),
        (home, None, None),
        (grouped, unusable, unusable),
        (segmented, unusable, unusable),
        (untried, change, None),
    ] {
        for (to, expected) in [(State::Testing, testing), (State::Running, running)] {
            let id = installation.make::<Campaign>(account, body.clone());
            let outcome = installation.at(account, |desk| desk.set_state(id, &Seen::Any, to));
            assert_eq!(refused(outcome), expected, "{to}: {body}");
        }
    }
}

#[test]
fn a_change_of_state_is_noted_and_asks_for_the_revision_that_it_was_told() {
    let (mut installation, account, id) = with_campaign(State::Waiting);
    let mut set = |seen: &str, to| {
        installation.at(account, |desk| desk.set_state(id, &Seen::Revision(seen.to_owned()), to))
    };
    assert_eq!(refused(set("7", State::Testing)), Some(Problems::Stale));
    assert_eq!(set("1", State::Testing).unwrap().revision, 2);
    assert_eq!(set("2", State::Running).unwrap().revision, 3);
    let notes = installation.at(account, |desk| Ok(desk.tx.notes(account, u64::MAX, 2)?)).unwrap();
    let told: Vec<_> =
        notes.iter().map(|note| (&*note.action, &*note.before, &*note.after)).collect();
    assert_eq!(told, [("running", "testing", "running"), ("testing", "waiting", "testing")]);
}

/// Ends what is over at an instant; gives the states and the accounts that the engine has to be told of.
fn ended_at(zone: &str, now: i64) -> (Vec<String>, Vec<u32>) {
    let (mut installation, account) = Installation::with(Membership::Basic);
    let account_in = json!({ "name": "Mart", "membership": "basic", "time_zone": zone });
    installation
        .at(account, |desk| desk.replace::<Account>(account.0, &Seen::Any, parsed(account_in)))
        .unwrap();
    for state in [State::Waiting, State::Testing, State::Running] {
        let id = installation.make::<Campaign>(account, campaign());
        put(&mut installation, (account, id), state);
    }
    let shelf = installation.shelf();
    let looked = thread::write(&mut installation.store, |tx| {
        calendar::look(tx, UtcMs(now), &keyring(), &CampaignsConfig::default(), &shelf)
    });
    let states = installation.at(account, |desk| {
        (1..=3).map(|id| Ok(desk.record(Kind::Campaign, id)?.content.state)).collect()
    });
    (states.unwrap(), looked.unwrap().touched.into_iter().map(|account| account.0).collect())
}

#[test]
fn campaigns_end_with_their_last_local_day_to_the_millisecond() {
    // The first millisecond after 2026-11-30, in each zone.
    for (zone, over) in [
        ("Asia/Seoul", 1_796_050_800_000),
        ("UTC", 1_796_083_200_000),
        ("Pacific/Kiritimati", 1_796_032_800_000),
        ("America/Los_Angeles", 1_796_112_000_000),
    ] {
        let (states, touched) = ended_at(zone, over - 1);
        assert_eq!(states, ["waiting", "testing", "running"], "{zone}");
        assert!(touched.is_empty());
        let (states, touched) = ended_at(zone, over);
        assert_eq!(states, ["ended"; 3], "{zone}");
        assert_eq!(touched, [1]);
    }
}

#[test]
fn a_waiting_campaign_ends_without_the_engine() {
    let (mut installation, account, id) = with_campaign(State::Waiting);
    let later = UtcMs(NOON.0 + 30 * 86_400_000);
    let end = |installation: &mut Installation| {
        let shelf = installation.shelf();
        let looked = thread::write(&mut installation.store, |tx| {
            calendar::look(tx, later, &keyring(), &CampaignsConfig::default(), &shelf)
        });
        looked.unwrap().touched
    };
    assert!(end(&mut installation).is_empty());
    assert!(end(&mut installation).is_empty(), "and once");
    let notes = installation.at(account, |desk| Ok(desk.tx.notes(account, u64::MAX, 9)?)).unwrap();
    let ends: Vec<_> = notes.iter().filter(|note| note.action == "ended").collect();
    assert_eq!(ends.len(), 1);
    assert_eq!((ends[0].id, &*ends[0].by, &*ends[0].before), (id, "the calendar", "waiting"));
}
