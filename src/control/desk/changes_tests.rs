//! Making, replacing and removing documents: what is in the way, and what is noted.

use serde_json::{Value, json};

use super::Ruled;
use super::audit::AuditRequest;
use super::blacklist::{BlacklistEdit, BlacklistRequest};
use super::changes::{Once, Seen};
use super::states::State;
use crate::control::documents::account::Membership;
use crate::control::documents::{
    Account, App, Brand, Campaign, Category, Geofence, Group, Place, Region, Segment,
};
use crate::control::refusal::Refusal;
use crate::control::samples::{
    Installation, NOON, PHONE, app, campaign, campaign_at, geofence, parsed, place, refused,
    region, set,
};
use crate::control::store::{Content, Kind, Link};
use crate::domain::ids::{AccountId, DeviceId};
use crate::domain::problem::Kind as Problems;
use crate::domain::units::UtcMs;

fn basic() -> (Installation, AccountId) {
    Installation::with(Membership::Basic)
}

fn create<D: Ruled>(
    installation: &mut Installation,
    account: AccountId,
    body: Value,
) -> Option<Problems> {
    refused(installation.at(account, |desk| desk.create::<D>(parsed(body), None)))
}

fn replace<D: Ruled>(
    installation: &mut Installation,
    (account, id): (AccountId, u32),
    body: Value,
) -> Option<Problems> {
    refused(installation.at(account, |desk| desk.replace::<D>(id, &Seen::Any, parsed(body))))
}

#[test]
fn a_change_names_the_revision_that_it_is_of() {
    let (mut installation, account) = basic();
    let id = installation.make::<Brand>(account, json!({ "name": "Cafe" }));
    let told = |text: &str| Seen::Revision(text.to_owned());
    for (seen, expected) in [
        (Seen::Nothing, Some(Problems::RevisionMissing)),
        (told("2"), Some(Problems::Stale)),
        (told(""), Some(Problems::Stale)),
        (told("1"), None),
        (told("1"), Some(Problems::Stale)),
        (told("2"), None),
        (Seen::Any, None),
    ] {
        let body = parsed::<Brand>(json!({ "name": "Cafe" }));
        let outcome = installation.at(account, |desk| desk.replace(id, &seen, body));
        assert_eq!(refused(outcome), expected, "replace {seen:?}");
    }
    for (seen, expected) in [
        (Seen::Nothing, Some(Problems::RevisionMissing)),
        (told("1"), Some(Problems::Stale)),
        (told("4"), None),
        (told("4"), Some(Problems::NotFound)),
    ] {
        let outcome = installation.at(account, |desk| desk.delete::<Brand>(id, &seen));
        assert_eq!(refused(outcome), expected, "delete {seen:?}");
    }
}

#[test]
fn an_idempotency_key_makes_it_once_and_for_a_day() {
    let (mut installation, account) = basic();
    let once = |request: u8| Once { key: "k".to_owned(), request: [request; 32] };
    let mut make = |now: i64, request: u8| {
        installation.now = UtcMs(NOON.0 + now);
        installation
            .at(account, |desk| desk.create::<Geofence>(parsed(geofence()), Some(&once(request))))
    };
    let first = make(0, 1).unwrap();
    assert_eq!(make(5, 1).unwrap(), first);
    assert_eq!(refused(make(6, 2)), Some(Problems::KeyReused));
    let day = 86_400_000;
    assert_eq!(make(day, 1).unwrap(), first);
    assert_eq!(make(day + 1, 2).unwrap().id, 2, "after a day it is another");
    // For another kind it is another request, whatever its body.
    let other = installation.at(account, |desk| {
        desk.create::<Brand>(parsed(json!({ "name": "Cafe" })), Some(&once(2)))
    });
    assert_eq!(refused(other), Some(Problems::KeyReused));
    let theirs = installation.account(Membership::Lite);
    let made =
        installation.at(theirs, |desk| desk.create::<Geofence>(parsed(geofence()), Some(&once(9))));
    assert_eq!(made.unwrap().id, 1, "keys are an account's own");
}

#[test]
fn what_is_named_has_to_be_there() {
    let (mut installation, account) = basic();
    let body = campaign_at(json!([{ "general": {
        "regions": [1], "geofences": [2], "groups": [3], "brands": [4], "categories": [5], "places": [6]
    } }]));
    let body = set(set(body, "/apps", json!([1, 9])), "/audience", json!({ "segment": 8 }));
    let outcome = installation.at(account, |desk| desk.create::<Campaign>(parsed(body), None));
    let Err(Refusal::Faults(faults)) = outcome else { panic!("{outcome:?}") };
    let pointers: Vec<_> = faults.iter().map(|fault| &*fault.pointer).collect();
    let general = |field: &str| format!("/locations/0/general/{field}/0");
    assert_eq!(pointers[..2], ["/apps/1", "/audience/segment"]);
    let blocks = ["regions", "geofences", "groups", "brands", "categories", "places"].map(general);
    assert_eq!(pointers[2..], blocks);
    let place = set(place("p", (37.5, 127.0)), "/brand", json!(3));
    assert_eq!(create::<Place>(&mut installation, account, place), Some(Problems::BadField));
}

/// Whom the refusal to delete one names.
fn users_of<D: Ruled>(installation: &mut Installation, account: AccountId, id: u32) -> String {
    let outcome = installation.at(account, |desk| desk.delete::<D>(id, &Seen::Any));
    let Err(Refusal::InUse { by, .. }) = outcome else { panic!("{:?}", outcome.err()) };
    by
}

#[test]
fn what_others_need_stays_and_the_refusal_names_them() {
    let (mut installation, account) = basic();
    let brand = installation.make::<Brand>(account, json!({ "name": "Cafe" }));
    for number in 1..=7 {
        let body = set(place(&number.to_string(), (37.5, 127.0)), "/brand", json!(brand));
        installation.make::<Place>(account, body);
    }
    let outcome = installation.at(account, |desk| desk.delete::<Brand>(brand, &Seen::Any));
    let refusal = outcome.unwrap_err();
    assert_eq!(refusal.kind(), Problems::InUse);
    let used = "brand 1 is used by place 1, place 2, place 3, place 4, place 5 and 2 more; take it out there first";
    assert_eq!(refusal.to_string(), used);

    installation.make::<Geofence>(account, geofence());
    installation.make::<Segment>(account, json!({ "name": "Regulars" }));
    installation.make::<Region>(account, region("state", None));
    installation.make::<Region>(account, region("city", Some(1)));
    installation.make::<Category>(account, json!({ "name": "Food" }));
    installation.make::<Category>(account, json!({ "name": "Cake", "parent": 1 }));
    let body = campaign_at(json!([
        { "general": { "geofences": [1], "places": [1] } },
        { "general": { "regions": [2], "categories": [2] } },
    ]));
    installation.make::<Campaign>(account, set(body, "/audience", json!({ "segment": 1 })));
    assert_eq!(users_of::<App>(&mut installation, account, 1), "campaign 1");
    assert_eq!(users_of::<Geofence>(&mut installation, account, 1), "campaign 1");
    assert_eq!(users_of::<Place>(&mut installation, account, 1), "campaign 1");
    assert_eq!(users_of::<Region>(&mut installation, account, 1), "region 2");
    assert_eq!(users_of::<Region>(&mut installation, account, 2), "campaign 1");
    assert_eq!(users_of::<Category>(&mut installation, account, 1), "category 2");
    assert_eq!(users_of::<Category>(&mut installation, account, 2), "campaign 1");
    assert_eq!(users_of::<Segment>(&mut installation, account, 1), "campaign 1");
    installation.at(account, |desk| desk.delete::<Campaign>(1, &Seen::Any)).unwrap();
    installation.at(account, |desk| desk.delete::<Region>(2, &Seen::Any)).unwrap();
    installation.at(account, |desk| desk.delete::<Region>(1, &Seen::Any)).unwrap();
}

/// A usable group with two members, geofences 1 and 2.
fn grouped() -> (Installation, AccountId) {
    let (mut installation, account) = basic();
    installation.make::<Group>(account, json!({ "name": "Gates" }));
    installation.accept(account, Kind::Group, 1);
    let kept = installation.at(account, |desk| {
        for _member in 0..2 {
            let body = set(geofence(), "/group", json!(1)).to_string();
            let content = Content { name: "Gate".to_owned(), body, ..Content::default() };
            let made = desk.tx.insert((account, Kind::Geofence), content, desk.actor.now)?;
            desk.tx.link(made.key, &[Link { kind: Kind::Group, id: 1 }])?;
        }
        Ok(())
    });
    kept.unwrap();
    (installation, account)
}

#[test]
fn what_a_running_campaign_uses_is_locked() {
    let (mut installation, account) = grouped();
    installation.make::<Geofence>(account, geofence());
    let general = json!([{ "general": { "geofences": [3], "groups": [1] } }]);
    let id = installation.make::<Campaign>(account, campaign_at(general));
    let (active, free) = (Some(Problems::Active), None);
    for (state, expected) in
        [(State::Waiting, free), (State::Testing, free), (State::Running, active)]
    {
        installation.at(account, |desk| desk.set_state(id, &Seen::Any, state)).unwrap();
        let member = set(geofence(), "/group", json!(1));
        assert_eq!(replace::<Geofence>(&mut installation, (account, 3), geofence()), expected);
        assert_eq!(replace::<Geofence>(&mut installation, (account, 1), member), expected);
        let group = json!({ "name": "Doors" });
        assert_eq!(replace::<Group>(&mut installation, (account, 1), group), expected);
    }
    for outcome in [
        installation.at(account, |desk| desk.delete::<Geofence>(3, &Seen::Any)),
        installation.at(account, |desk| desk.delete::<Geofence>(2, &Seen::Any)),
        installation.at(account, |desk| desk.delete::<Group>(1, &Seen::Any)),
    ] {
        assert_eq!(refused(outcome), active);
    }
}

#[test]
fn geofences_of_a_group_come_and_go_with_it() {
    let (mut installation, account) = grouped();
    let member = set(geofence(), "/group", json!(1));
    let mut fields = |id, body| replace::<Geofence>(&mut installation, (account, id), body);
    assert_eq!(fields(1, member.clone()), None);
    assert_eq!(fields(1, geofence()), Some(Problems::BadField), "it does not leave");
    assert_eq!(create::<Geofence>(&mut installation, account, member), Some(Problems::BadField));
    // A campaign that names a member by itself keeps the group, as it would the geofence.
    let body = campaign_at(json!([{ "general": { "geofences": [2] } }]));
    installation.make::<Campaign>(account, body);
    let outcome = installation.at(account, |desk| desk.delete::<Group>(1, &Seen::Any));
    let Err(Refusal::InUse { kind: Kind::Geofence, id: 2, by }) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(by, "campaign 1");
    installation.at(account, |desk| desk.delete::<Campaign>(1, &Seen::Any)).unwrap();
    installation.at(account, |desk| desk.delete::<Group>(1, &Seen::Any)).unwrap();
    for id in 1..=2 {
        let outcome = installation.at(account, |desk| desk.get::<Geofence>(id));
        assert_eq!(refused(outcome), Some(Problems::NotFound));
    }
}

#[test]
fn districts_lie_in_the_level_above() {
    let (mut installation, account) = basic();
    let (fine, refusal) = (None, Some(Problems::BadField));
    for level in ["state", "city", "street", "trade_area"] {
        assert_eq!(create::<Region>(&mut installation, account, region(level, None)), fine);
    }
    // Under region 1, a state; 2, a city; 3, a street; 4, a trade area; 99, nothing.
    for (level, row) in [
        ("state", [refusal; 5]),
        ("city", [fine, refusal, refusal, refusal, refusal]),
        ("street", [refusal, fine, refusal, refusal, refusal]),
        ("trade_area", [refusal; 5]),
    ] {
        for (parent, expected) in [1, 2, 3, 4, 99].into_iter().zip(row) {
            let made = create::<Region>(&mut installation, account, region(level, Some(parent)));
            assert_eq!(made, expected, "a {level} in {parent}");
        }
    }
}

#[test]
fn districts_never_lie_in_each_other() {
    let (mut installation, account) = basic();
    installation.make::<Region>(account, region("state", None));
    installation.make::<Region>(account, region("city", Some(1)));
    // As a street of the city that lies in it, the state would be in a ring.
    let ring = replace::<Region>(&mut installation, (account, 1), region("street", Some(2)));
    assert_eq!(ring, Some(Problems::BadField));
    let leaf = replace::<Region>(&mut installation, (account, 2), region("trade_area", None));
    assert_eq!(leaf, None);
    let free = replace::<Region>(&mut installation, (account, 1), region("street", None));
    assert_eq!(free, None, "nothing lies in it any more");
}

#[test]
fn homes_are_in_districts() {
    let (mut installation, account) = basic();
    installation.make::<Region>(account, region("street", None));
    installation.make::<Region>(account, region("trade_area", None));
    let home = |regions: Value| campaign_at(json!([{ "residential": { "regions": regions } }]));
    assert_eq!(create::<Campaign>(&mut installation, account, home(json!([1]))), None);
    let outcome =
        installation.at(account, |desk| desk.create::<Campaign>(parsed(home(json!([1, 2]))), None));
    let Err(Refusal::Faults(faults)) = outcome else { panic!("{outcome:?}") };
    assert_eq!(&*faults[0].pointer, "/locations/0/residential/regions/1");
}

#[test]
fn categories_are_a_tree_four_deep() {
    let (mut installation, account) = basic();
    let category = |name: &str, parent: Option<u32>| json!({ "name": name, "parent": parent });
    for (name, parent) in [("1", None), ("2", Some(1)), ("3", Some(2)), ("4", Some(3))] {
        installation.make::<Category>(account, category(name, parent));
    }
    let (refusal, duplicate) = (Some(Problems::BadField), Some(Problems::Duplicate));
    assert_eq!(create::<Category>(&mut installation, account, category("5", Some(4))), refusal);
    assert_eq!(create::<Category>(&mut installation, account, category("4", Some(3))), duplicate);
    assert_eq!(create::<Category>(&mut installation, account, category("4", Some(2))), None);
    let other = installation.make::<Category>(account, category("other", None));
    let mut moved = |id, parent| {
        let body = category(&format!("moved {id}"), parent);
        replace::<Category>(&mut installation, (account, id), body)
    };
    for below in [1, 2, 3, 4] {
        assert_eq!(moved(1, Some(below)), refusal, "1 under {below}, which is itself or below it");
    }
    assert_eq!(moved(1, Some(other)), refusal, "five deep");
    assert_eq!(moved(2, Some(other)), None);
    assert_eq!(moved(3, Some(other)), None);
    assert_eq!(moved(other, Some(1)), None);
    assert_eq!(moved(other, Some(2)), refusal);
    assert_eq!(moved(2, Some(3)), refusal, "what is below it comes along");
    assert_eq!(moved(4, Some(2)), None);
}

#[test]
fn what_an_account_pays_for_is_the_operators() {
    let (mut installation, account) = basic();
    let own = json!({ "name": "Mart", "membership": "basic" });
    let limits = json!({ "requests_per_min": 7, "uploads_per_day": 7 });
    let mut replaced = |operator, body| {
        installation.operator = operator;
        replace::<Account>(&mut installation, (account, account.0), body)
    };
    let refusal = Some(Problems::BadField);
    assert_eq!(replaced(false, set(own.clone(), "/membership", json!("premium"))), refusal);
    assert_eq!(replaced(false, set(own.clone(), "/limits", limits.clone())), refusal);
    assert_eq!(replaced(false, set(own.clone(), "/night_rule", json!(true))), None);
    let better = set(set(own, "/membership", json!("premium")), "/limits", limits);
    assert_eq!(replaced(true, better.clone()), None);
    assert_eq!(replaced(false, set(better, "/daily_cap", json!(3))), None);
}

/// Whether the engine hears of it that the account is replaced.
fn reaches(installation: &mut Installation, account: AccountId, body: Value) -> bool {
    let outcome = installation.at(account, |desk| {
        desk.replace::<Account>(account.0, &Seen::Any, parsed(body))?;
        Ok(desk.reaches_engine())
    });
    outcome.unwrap()
}

#[test]
fn the_engine_hears_of_what_it_has_to_do() {
    let (mut installation, account) = basic();
    let own = json!({ "name": "Mart", "membership": "basic" });
    let measuring = set(own.clone(), "/measure_visits", json!(true));
    assert!(!reaches(&mut installation, account, own.clone()), "nothing runs");
    assert!(reaches(&mut installation, account, measuring.clone()), "it begins to measure");
    assert!(reaches(&mut installation, account, measuring));
    assert!(reaches(&mut installation, account, own.clone()), "it ends measuring");
    assert!(!reaches(&mut installation, account, own.clone()));
    let id = installation.make::<Campaign>(account, campaign());
    installation.at(account, |desk| desk.set_state(id, &Seen::Any, State::Testing)).unwrap();
    assert!(reaches(&mut installation, account, own), "a campaign is tried");
}

#[test]
fn changes_are_noted_with_before_and_after() {
    let (mut installation, account) = basic();
    let id = installation.make::<Brand>(account, json!({ "name": "Cafe" }));
    replace::<Brand>(&mut installation, (account, id), json!({ "name": "Café" }));
    installation.at(account, |desk| desk.delete::<Brand>(id, &Seen::Any)).unwrap();
    let page = |installation: &mut Installation, cursor, limit| {
        let asked = AuditRequest { cursor, limit, wait_epoch: None };
        installation.at(account, |desk| desk.audit(&asked))
    };
    let all = page(&mut installation, None, None).unwrap();
    let told: Vec<_> = all
        .items
        .iter()
        .map(|item| (&*item.action, &*item.kind, &item.before["name"], &item.after["name"]))
        .collect();
    let (none, cafe, new) = (Value::Null, json!("Cafe"), json!("Café"));
    assert_eq!(
        told[..3],
        [
            ("delete", "brand", &new, &none),
            ("update", "brand", &cafe, &new),
            ("create", "brand", &none, &cafe),
        ]
    );
    assert!(all.items.iter().all(|item| &*item.by == "tests"));
    assert_eq!((all.items.len(), all.next), (5, None), "the account and its app are there too");
    let first = page(&mut installation, None, Some(2)).unwrap();
    let second = page(&mut installation, first.next, Some(3)).unwrap();
    assert_eq!([first.items, second.items].concat(), all.items);
    assert_eq!(second.next, None);
    for limit in [0, 1001] {
        let refusal = refused(page(&mut installation, None, Some(limit)));
        assert_eq!(refusal, Some(Problems::BadField));
    }
}

#[test]
fn numbers_of_another_account_name_nothing() {
    let (mut installation, theirs) = basic();
    installation.make::<Campaign>(theirs, campaign());
    installation.make::<Geofence>(theirs, geofence());
    let ours = installation.account(Membership::Premium);
    let not_found = Some(Problems::NotFound);
    let any = Seen::Any;
    for outcome in [
        installation.at(ours, |desk| desk.get::<Campaign>(1).map(drop)),
        installation
            .at(ours, |desk| desk.replace::<Campaign>(1, &any, parsed(campaign())).map(drop)),
        installation.at(ours, |desk| {
            desk.replace::<Campaign>(1, &Seen::Nothing, parsed(campaign())).map(drop)
        }),
        installation.at(ours, |desk| desk.delete::<Campaign>(1, &any)),
        installation.at(ours, |desk| desk.set_state(1, &any, State::Running).map(drop)),
        installation.at(ours, |desk| desk.get::<Geofence>(1).map(drop)),
        installation.at(ours, |desk| desk.delete::<Geofence>(1, &Seen::Nothing)),
    ] {
        let Err(Refusal::NoSuch(key)) = &outcome else { panic!("{outcome:?}") };
        assert_eq!((key.account, key.id), (ours, 1));
        assert_eq!(refused(outcome), not_found);
    }
    let named = campaign_at(json!([{ "general": { "geofences": [1] } }]));
    assert_eq!(create::<Campaign>(&mut installation, ours, named), Some(Problems::BadField));
    // Its natural keys are nobody else's either.
    let again = set(app(), "/package", json!("com.example.mart"));
    assert_eq!(create::<App>(&mut installation, ours, again), Some(Problems::Duplicate), "our own");
    let nobody = installation.at(AccountId(77), |_desk| Ok(()));
    assert!(matches!(nobody, Err(Refusal::NoAccount(AccountId(77)))));
}

#[test]
fn devices_are_sealed_on_the_disk_and_open_for_their_account() {
    let (mut installation, account) = basic();
    let body = set(campaign(), "/audience", json!({ "devices": [PHONE.to_uppercase(), PHONE] }));
    let id = installation.make::<Campaign>(account, body);
    let edit = BlacklistEdit {
        advertising_ids: vec![PHONE.to_owned()],
        echo_codes: vec!["a1".repeat(16)],
    };
    let mut blacklist =
        |add| installation.at(account, |desk| desk.edit_blacklist(&edit, add)).unwrap().changed;
    assert_eq!((blacklist(true), blacklist(true), blacklist(false), blacklist(true)), (2, 0, 2, 2));
    let shown = installation.at(account, |desk| desk.get::<Campaign>(id)).unwrap();
    let audience = serde_json::to_value(&shown.document.audience).unwrap();
    assert_eq!(audience, json!({ "devices": [PHONE] }), "repeats collapse");
    for (by, expected) in [("", PHONE.to_owned()), ("echo_code", "a1".repeat(16))] {
        let asked = BlacklistRequest { by: by.to_owned(), ..BlacklistRequest::default() };
        let page = installation.at(account, |desk| desk.blacklist(&asked)).unwrap();
        assert_eq!((page.items, page.total, page.next), (vec![expected], 1, None));
    }
    let plain = DeviceId::parse(PHONE).unwrap().0;
    let bare = PHONE.replace('-', "");
    for file in std::fs::read_dir(installation.dir.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        let holds =
            |part: &[u8]| bytes.windows(part.len()).any(|window| window.eq_ignore_ascii_case(part));
        assert!(!holds(&plain) && !holds(PHONE.as_bytes()) && !holds(bare.as_bytes()));
    }
}
