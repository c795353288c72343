//! What each membership may have: a row for each cell of the table, and its limits at their edge.

use serde_json::{Value, json};

use super::actor::Actor;
use super::membership::{Feature, LITE_FEE_KRW, OVERAGE_KRW};
use super::operator::create_account;
use super::states::State;
use super::{Ruled, changes::Seen};
use crate::control::documents::account::Measured;
use crate::control::documents::account::Membership::{self, Basic, Lite, Premium};
use crate::control::documents::{Account, Campaign, Geofence, Group, Segment};
use crate::control::refusal::Refusal;
use crate::control::samples::{
    Installation, campaign, campaign_at, geofence, parsed, refused, set,
};
use crate::control::store::{Content, Kind, Link, thread};
use crate::domain::ids::AccountId;
use crate::domain::problem::Kind as Problems;
use crate::domain::units::UtcMs;

#[test]
fn the_table_is_what_the_memberships_say() {
    let has =
        |feature| [Lite, Basic, Premium].map(|membership: Membership| membership.has(feature));
    assert_eq!(has(Feature::Groups), [false, true, true]);
    assert_eq!(has(Feature::Segments), [false, true, true]);
    assert_eq!(has(Feature::VisitReport), [false, true, true]);
    assert_eq!(has(Feature::ServerToServer), [false, false, true]);
    let terms = [Lite, Basic, Premium].map(Membership::terms);
    assert_eq!(terms.map(|one| one.geofences), [Some(100), None, None]);
    assert_eq!(terms.map(|one| one.active_geofences), [None, Some(2000), Some(2000)]);
    assert_eq!(terms.map(|one| one.included_pushes), [Some(100_000), None, None]);
    assert_eq!((OVERAGE_KRW, LITE_FEE_KRW), (5, 1_000_000));
}

#[test]
fn what_a_membership_lacks_is_refused_and_says_who_has_it() {
    for membership in [Lite, Basic, Premium] {
        for feature in Feature::ALL {
            let outcome = membership.must_have(feature);
            assert_eq!(outcome.is_ok(), membership.has(feature));
            if let Err(refusal) = outcome {
                assert_eq!(refusal.kind(), Problems::MembershipLacks);
                let text = refusal.to_string();
                assert!(text.starts_with(&format!("{membership} has no ")), "{text}");
                assert!(text.contains("Premium ha"), "{text}");
            }
        }
    }
}

/// Tries to make one under a membership.
fn making<D: Ruled>(membership: Membership, body: Value) -> Option<Problems> {
    let (mut installation, account) = Installation::with(membership);
    // Made as if the account had had a better membership once.
    let made = installation.at(account, |desk| {
        for (kind, state) in [(Kind::Group, "usable"), (Kind::Segment, "usable")] {
            let body = json!({ "name": "Old" }).to_string();
            let content = Content { state: state.to_owned(), body, ..Content::default() };
            desk.tx.insert((desk.account_id(), kind), content, desk.actor.now)?;
        }
        desk.create::<D>(parsed(body), None)
    });
    refused(made)
}

#[test]
fn each_feature_is_held_against_the_membership() {
    let lacks = Some(Problems::MembershipLacks);
    let grouped = campaign_at(json!([{ "general": { "groups": [1] } }]));
    let addressed = set(campaign(), "/audience", json!({ "segment": 1 }));
    let own = set(campaign(), "/audience", json!({ "devices": [crate::control::samples::PHONE] }));
    for (membership, expected) in [(Lite, lacks), (Basic, None), (Premium, None)] {
        let named = json!({ "name": "One" });
        assert_eq!(making::<Group>(membership, named.clone()), expected, "{membership}: group");
        assert_eq!(making::<Segment>(membership, named), expected, "{membership}: segment");
        assert_eq!(making::<Campaign>(membership, grouped.clone()), expected, "{membership}");
        assert_eq!(making::<Campaign>(membership, addressed.clone()), expected, "{membership}");
        assert_eq!(making::<Campaign>(membership, own.clone()), None, "own ids are for all");
        assert_eq!(making::<Geofence>(membership, geofence()), None, "single geofences are too");
        let (mut installation, account) = Installation::with(membership);
        let visits = json!({ "name": "Mart", "membership": membership, "measure_visits": true });
        let outcome = installation
            .at(account, |desk| desk.replace::<Account>(account.0, &Seen::Any, parsed(visits)));
        assert_eq!(refused(outcome), expected, "{membership}: visits");
    }
}

#[test]
fn a_campaign_of_better_days_does_not_start() {
    let (mut installation, account) = Installation::with(Basic);
    installation.make::<Group>(account, json!({ "name": "One" }));
    let grouped = campaign_at(json!([{ "general": { "groups": [1] } }]));
    let id = installation.make::<Campaign>(account, grouped.clone());
    installation.operator = true;
    let lite = json!({ "name": "Mart", "membership": "lite" });
    installation
        .at(account, |desk| desk.replace::<Account>(account.0, &Seen::Any, parsed(lite)))
        .unwrap();
    let started = installation.at(account, |desk| desk.set_state(id, &Seen::Any, State::Running));
    assert_eq!(refused(started), Some(Problems::MembershipLacks));
    let edited =
        installation.at(account, |desk| desk.replace::<Campaign>(id, &Seen::Any, parsed(grouped)));
    assert_eq!(refused(edited), Some(Problems::MembershipLacks));
}

/// Puts geofences into the store itself, which is faster than over the desk.
fn geofences(
    installation: &mut Installation,
    account: AccountId,
    (count, group): (u32, Option<u32>),
) {
    let now = installation.now;
    thread::write(&mut installation.store, |tx| {
        let body = set(geofence(), "/group", json!(group)).to_string();
        for _ in 0..count {
            let content =
                Content { name: "Gate".to_owned(), body: body.clone(), ..Content::default() };
            let made = tx.insert((account, Kind::Geofence), content, now)?;
            let links: Vec<Link> =
                group.into_iter().map(|id| Link { kind: Kind::Group, id }).collect();
            tx.link(made.key, &links)?;
        }
        Ok(())
    })
    .unwrap();
}

#[test]
fn lite_has_a_hundred_geofences_and_others_any_number() {
    for (membership, there, expected) in [
        (Lite, 99, None),
        (Lite, 100, Some(Problems::LimitReached)),
        (Basic, 2500, None),
        (Premium, 2500, None),
    ] {
        let (mut installation, account) = Installation::with(membership);
        geofences(&mut installation, account, (there, None));
        let made =
            installation.at(account, |desk| desk.create::<Geofence>(parsed(geofence()), None));
        if let Err(Refusal::Limit { found, allowed, .. }) = &made {
            assert_eq!((*found, *allowed), (101, 100));
        }
        assert_eq!(refused(made), expected, "{membership} with {there}");
    }
    let (mut installation, account) = Installation::with(Lite);
    geofences(&mut installation, account, (100, None));
    installation.at(account, |desk| desk.delete::<Geofence>(7, &Seen::Any)).unwrap();
    installation.make::<Geofence>(account, geofence());
}

#[test]
fn two_thousand_distinct_geofences_are_active_and_no_more() {
    let (mut installation, account) = Installation::with(Basic);
    for name in ["One", "Two"] {
        let group = installation.make::<Group>(account, json!({ "name": name }));
        installation.accept(account, Kind::Group, group);
    }
    geofences(&mut installation, account, (1500, Some(1)));
    geofences(&mut installation, account, (499, Some(2)));
    geofences(&mut installation, account, (2, None));
    // 1 to 1500 are the first group's, to 1999 the second's; two are by themselves.
    let mut start = |general: Value, to| {
        let id =
            installation.make::<Campaign>(account, campaign_at(json!([{ "general": general }])));
        let started = installation.at(account, |desk| desk.set_state(id, &Seen::Any, to));
        (id, started)
    };
    start(json!({ "groups": [1] }), State::Running).1.unwrap();
    start(json!({ "groups": [2], "geofences": [3, 1500, 2000] }), State::Running).1.unwrap();
    start(json!({ "geofences": [1, 1501, 2000] }), State::Running).1.unwrap();
    start(json!({ "geofences": [2001] }), State::Testing).1.unwrap();
    let (id, refusal) = start(json!({ "geofences": [1, 2001] }), State::Running);
    let Err(Refusal::Limit { found: 2001, allowed: 2000, .. }) = refusal else {
        panic!("{refusal:?}")
    };
    let mut set = |id, to| installation.at(account, |desk| desk.set_state(id, &Seen::Any, to));
    set(2, State::Waiting).unwrap();
    set(id, State::Running).unwrap();
    // 1500 and 2000 and 2001 and 1501 are active now; the second group would make it more.
    assert_eq!(refused(set(2, State::Running)), Some(Problems::LimitReached));
}

/// When visits were measured, once an account is replaced at an instant.
fn measured(
    installation: &mut Installation,
    account: AccountId,
    (now, body): (i64, Value),
) -> Vec<(i64, Option<i64>)> {
    installation.now = UtcMs(now);
    let outcome = installation
        .at(account, |desk| desk.replace::<Account>(account.0, &Seen::Any, parsed(body)));
    spans(&outcome.unwrap().document)
}

fn spans(account: &Account) -> Vec<(i64, Option<i64>)> {
    let span = |when: &Measured| {
        (when.from.as_millisecond(), when.until.map(|until| until.as_millisecond()))
    };
    account.visits_measured.iter().map(span).collect()
}

#[test]
fn the_service_notes_when_visits_were_measured() {
    let (mut installation, account) = Installation::with(Basic);
    let of =
        |measured| json!({ "name": "Mart", "membership": "basic", "measure_visits": measured });
    let invented = json!([{ "from": "2020-01-01T00:00:00Z", "until": "2030-01-01T00:00:00Z" }]);
    let lying = |measured| set(of(measured), "/visits_measured", invented.clone());
    for ((now, body), expected) in [
        ((1, lying(false)), &[][..]),
        ((2, lying(true)), &[(2, None)]),
        ((3, of(true)), &[(2, None)]),
        ((4, of(false)), &[(2, Some(4))]),
        ((5, lying(false)), &[(2, Some(4))]),
        ((6, of(true)), &[(2, Some(4)), (6, None)]),
    ] {
        assert_eq!(measured(&mut installation, account, (now, body)), expected, "at {now}");
    }
    let made = Account { measure_visits: true, ..Account::named("Mart", Basic) };
    assert_eq!(made_by_operator(&mut installation, &made), [(6, None)]);
    // By a clock, the oldest go.
    for now in 7..=80 {
        measured(&mut installation, account, (now, of(now % 2 == 0)));
    }
    let last = measured(&mut installation, account, (81, of(false)));
    assert_eq!((last.len(), last[0], last[31]), (32, (18, Some(19)), (80, Some(81))));
}

fn made_by_operator(installation: &mut Installation, account: &Account) -> Vec<(i64, Option<i64>)> {
    let actor = Actor { operator: true, ..installation.actor(AccountId(0)) };
    let made = thread::write(&mut installation.store, |tx| create_account(tx, &actor, account));
    spans(&made.unwrap().document)
}

#[test]
fn an_account_that_was_kept_with_one_span_is_read() {
    let span = json!({ "from": "1970-01-01T00:00:00.002Z", "until": "1970-01-01T00:00:00.004Z" });
    let kept = json!({ "name": "Mart", "membership": "basic", "visits_measured": span });
    assert_eq!(spans(&serde_json::from_value(kept).unwrap()), [(2, Some(4))]);
}
