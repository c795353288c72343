//! Lists over the desk: pages, filters, parameters that are wrong.

use serde_json::json;

use super::changes::Seen;
use super::listing::{ListRequest, Listed};
use crate::control::documents::account::Membership;
use crate::control::documents::{Brand, Campaign, Category, Geofence, Place};
use crate::control::refusal::Refusal;
use crate::control::samples::{Installation, PHONE, campaign, geofence, parsed, place, set};
use crate::control::store::{DeviceList, Kind};
use crate::domain::ids::AccountId;
use crate::domain::units::UtcMs;

fn ids<D>(page: &Listed<D>) -> Vec<u32> {
    page.items.iter().map(|shown| shown.id).collect()
}

/// Stores of two brands and categories; their changes are a second apart.
fn shops() -> (Installation, AccountId) {
    let (mut installation, account) = Installation::with(Membership::Basic);
    installation.make::<Brand>(account, json!({ "name": "Cafe" }));
    installation.make::<Brand>(account, json!({ "name": "Mart" }));
    installation.make::<Category>(account, json!({ "name": "Food" }));
    for (at, name) in ["다", "b", "a", "가", "b", "B", "a"].into_iter().enumerate() {
        installation.now = UtcMs(installation.now.0 + 1000);
        let body = set(place(&at.to_string(), (37.5, 127.0)), "/name", json!(name));
        let body = set(body, "/brand", json!(at % 2 + 1));
        let category = (at < 4).then_some(1);
        installation.make::<Place>(account, set(body, "/category", json!(category)));
    }
    (installation, account)
}

fn list(
    (installation, account): &mut (Installation, AccountId),
    asked: ListRequest,
) -> Result<Listed<Place>, Refusal> {
    installation.at(*account, |desk| desk.list::<Place>(&asked))
}

#[test]
fn pages_follow_each_other_in_every_order() {
    let mut shops = shops();
    let names = vec![6, 3, 7, 2, 5, 4, 1];
    for (sort, expected) in [
        ("", (1..=7).collect::<Vec<u32>>()),
        ("id", (1..=7).collect()),
        ("-id", (1..=7).rev().collect()),
        ("name", names.clone()),
        ("-name", names.into_iter().rev().collect()),
        ("updated_at", (1..=7).collect()),
        ("-updated_at", (1..=7).rev().collect()),
    ] {
        for limit in [1, 2, 3, 7, 100] {
            let (mut seen, mut cursor) = (Vec::new(), String::new());
            loop {
                let sort = sort.to_owned();
                let asked = ListRequest {
                    sort,
                    cursor,
                    limit: Some(limit),
                    count: true,
                    ..ListRequest::default()
                };
                let page = list(&mut shops, asked).unwrap();
                assert_eq!(page.total, Some(7));
                seen.extend(ids(&page));
                let Some(next) = page.next else { break };
                assert_eq!(page.items.len(), limit as usize, "only the last page is short");
                cursor = next;
            }
            assert_eq!(seen, expected, "{sort} by {limit}");
        }
    }
}

#[test]
fn filters_hold_together() {
    let mut shops = shops();
    let any = ListRequest::default;
    for (asked, expected) in [
        (ListRequest { brand: Some(1), ..any() }, vec![1, 3, 5, 7]),
        (ListRequest { brand: Some(2), category: Some(1), ..any() }, vec![2, 4]),
        (ListRequest { brand: Some(9), ..any() }, vec![]),
        (ListRequest { search: "B".to_owned(), ..any() }, vec![2, 5, 6]),
        (ListRequest { search: "b".to_owned(), brand: Some(1), ..any() }, vec![5]),
        (ListRequest { state: "usable".to_owned(), ..any() }, vec![]),
    ] {
        assert_eq!(ids(&list(&mut shops, asked.clone()).unwrap()), expected, "{asked:?}");
    }
}

#[test]
fn states_are_listed_and_devices_come_along() {
    let (mut installation, account) = Installation::with(Membership::Basic);
    installation.make::<Campaign>(account, campaign());
    installation.make::<Campaign>(account, campaign());
    installation.at(account, |desk| desk.end(2)).unwrap();
    let mut of = |state: &str| {
        let asked = ListRequest { state: state.to_owned(), ..ListRequest::default() };
        installation.at(account, |desk| desk.list::<Campaign>(&asked)).unwrap()
    };
    assert_eq!(ids(&of("waiting")), [1]);
    assert_eq!(ids(&of("ended,running")), [2]);
    assert_eq!(ids(&of("waiting,ended")), [1, 2]);
    assert_eq!(of("waiting").items[0].document.test_devices, [PHONE]);
}

#[test]
fn parameters_that_are_wrong_are_all_named() {
    let (mut installation, account) = Installation::with(Membership::Basic);
    installation.make::<Geofence>(account, geofence());
    let asked = ListRequest {
        sort: "size".to_owned(),
        cursor: "1".to_owned(),
        limit: Some(0),
        brand: Some(1),
        ..ListRequest::default()
    };
    let outcome = installation.at(account, |desk| desk.list::<Geofence>(&asked));
    let Err(Refusal::Faults(faults)) = outcome else { panic!("{outcome:?}") };
    let pointers: Vec<_> = faults.iter().map(|fault| &*fault.pointer).collect();
    assert_eq!(pointers, ["limit", "sort", "cursor", "brand"]);
    for (sort, cursor) in [
        ("name", "x-61"),
        ("id", "1-61"),
        ("updated_at", "1-61"),
        ("name", "1-zz"),
        ("name", "1-ff"),
    ] {
        let (sort, cursor) = (sort.to_owned(), cursor.to_owned());
        let asked = ListRequest { sort, cursor, ..ListRequest::default() };
        let outcome = installation.at(account, |desk| desk.list::<Geofence>(&asked));
        assert!(matches!(outcome, Err(Refusal::Faults(_))), "{asked:?}");
    }
}

#[test]
fn ids_that_a_campaign_names_no_more_are_kept_no_more() {
    let (mut installation, account) = Installation::with(Membership::Lite);
    let own = set(campaign(), "/audience", json!({ "devices": [PHONE] }));
    let id = installation.make::<Campaign>(account, own);
    let mut kept = |body: serde_json::Value| {
        let outcome = installation.at(account, |desk| {
            desk.replace::<Campaign>(id, &Seen::Any, parsed(body))?;
            let key = desk.key(Kind::Campaign, id);
            let mut count = |list| desk.tx.count_devices((key, list));
            Ok([count(DeviceList::Audience)?, count(DeviceList::Test)?])
        });
        outcome.unwrap()
    };
    assert_eq!(kept(campaign()), [0, 1]);
    assert_eq!(kept(set(campaign(), "/test_devices", json!([]))), [0, 0]);
    assert_eq!(kept(set(campaign(), "/audience", json!({ "devices": [PHONE] }))), [1, 1]);
}
