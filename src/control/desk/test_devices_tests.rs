//! Test devices: kept sealed under their names, and chosen by them.

use serde_json::json;

use super::changes::Seen;
use crate::control::documents::account::Membership;
use crate::control::documents::test_device::MAX_TEST_DEVICES;
use crate::control::documents::{Campaign, TestDevice};
use crate::control::samples::{Installation, PHONE, campaign, parsed, refused, set};
use crate::domain::problem::Kind as Problems;

const TABLET: &str = "3f2504e0-4f89-41d3-9a0c-0305e82c3301";

fn device(name: &str, id: &str) -> serde_json::Value {
    json!({ "name": name, "advertising_id": id })
}

#[test]
fn a_campaign_takes_them_by_name_as_they_are_then() {
    let (mut installation, account) = Installation::with(Membership::Lite);
    let id = installation.make::<TestDevice>(account, device("Kim's phone", &PHONE.to_uppercase()));
    let shown = installation.at(account, |desk| desk.get::<TestDevice>(id)).unwrap();
    assert_eq!(shown.document.advertising_id, [PHONE]);
    let chosen = set(campaign(), "/test_devices", json!(["Kim's phone", TABLET]));
    let number = installation.make::<Campaign>(account, chosen);
    let devices = |installation: &mut Installation| {
        let shown = installation.at(account, |desk| desk.get::<Campaign>(number)).unwrap();
        shown.document.test_devices
    };
    assert_eq!(devices(&mut installation), [PHONE, TABLET]);
    // Neither another id nor the end of the device changes the campaign.
    let other = parsed::<TestDevice>(device("Kim's phone", "00000000-0000-0000-0000-000000000001"));
    installation.at(account, |desk| desk.replace(id, &Seen::Any, other)).unwrap();
    installation.at(account, |desk| desk.delete::<TestDevice>(id, &Seen::Any)).unwrap();
    assert_eq!(devices(&mut installation), [PHONE, TABLET]);
    let gone = set(campaign(), "/test_devices", json!(["Kim's phone"]));
    let outcome = installation.at(account, |desk| desk.create::<Campaign>(parsed(gone), None));
    assert_eq!(refused(outcome), Some(Problems::BadField));
}

#[test]
fn ids_lie_sealed_and_are_nobody_elses() {
    let (mut installation, account) = Installation::with(Membership::Basic);
    installation.make::<TestDevice>(account, device("Phone", PHONE));
    let other = installation.account(Membership::Basic);
    let named = set(campaign(), "/test_devices", json!(["Phone"]));
    let outcome = installation.at(other, |desk| desk.create::<Campaign>(parsed(named), None));
    assert_eq!(refused(outcome), Some(Problems::BadField));
    let hex = PHONE.replace('-', "");
    for entry in std::fs::read_dir(installation.dir.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains(PHONE) && !text.contains(&hex));
    }
}

#[test]
fn names_and_ids_are_held_against_the_rules() {
    let (mut installation, account) = Installation::with(Membership::Basic);
    installation.make::<TestDevice>(account, device("Phone", PHONE));
    for (body, problem) in [
        (device("Phone", TABLET), Problems::Duplicate),
        (device("", TABLET), Problems::BadField),
        (device(TABLET, TABLET), Problems::BadField),
        (device("Tablet", ""), Problems::BadField),
        (device("Tablet", "x"), Problems::BadField),
        (device("Tablet", "00000000-0000-0000-0000-000000000000"), Problems::BadField),
    ] {
        let outcome =
            installation.at(account, |desk| desk.create::<TestDevice>(parsed(body), None));
        assert_eq!(refused(outcome), Some(problem));
    }
}

#[test]
fn so_many_and_no_more() {
    let (mut installation, account) = Installation::with(Membership::Basic);
    let made = installation.at(account, |desk| {
        for number in 0..MAX_TEST_DEVICES {
            desk.create::<TestDevice>(parsed(device(&format!("Phone {number}"), PHONE)), None)?;
        }
        Ok(())
    });
    made.unwrap();
    let one_more = parsed(device("One more", PHONE));
    let outcome = installation.at(account, |desk| desk.create::<TestDevice>(one_more, None));
    assert_eq!(refused(outcome), Some(Problems::LimitReached));
}
