//! Joining fences and campaigns, and the numbers that fences keep.

use serde_json::{Value, json};

use super::{FileNames, TargetDirectory, compose, fences_alone, parse_campaigns, parse_fences};
use crate::domain::ids::{AccountId, TargetId};
use crate::snapshot::build::{Source, build};
use crate::snapshot::load::Loaded;
use crate::snapshot::samples::options;
use crate::snapshot::view::SnapshotView;

const NAMES: FileNames<'_> = FileNames { fences: "F", campaigns: "C" };

fn fences(keys: &[&str]) -> Vec<u8> {
    let feature = |key: &&str| {
        let campaigns = if key.starts_with("six") { json!([6]) } else { json!([]) };
        json!({"type": "Feature", "id": key, "properties": {"radius_m": 50, "campaigns": campaigns},
            "geometry": {"type": "Point", "coordinates": [127, 37]}})
    };
    let features: Vec<Value> = keys.iter().map(feature).collect();
    json!({"type": "FeatureCollection", "features": features}).to_string().into_bytes()
}

fn campaigns(targets: Value) -> Vec<u8> {
    let campaign = |id: u32, targets: &Value| {
        json!({"id": id, "mode": "running", "targets": targets, "trigger": {"on": "enter"},
            "start": "2026-11-23", "end": "2026-12-31", "frequency": "once_per_day",
            "windows": [{"days": ["mon"], "start": "09:00", "end": "18:00"}]})
    };
    json!({
        "accounts": [{"id": 3, "apps": [{"id": 1, "package": "p", "platform": "ios"}]}],
        "campaigns": [campaign(5, &targets), campaign(6, &Value::Null)],
    })
    .to_string()
    .into_bytes()
}

fn source(
    keys: &[&str],
    targets: Value,
    before: Option<SnapshotView<'_>>,
) -> Result<Source, String> {
    let file = parse_campaigns("C", &campaigns(targets)).map_err(|errors| errors.to_string())?;
    let fences = parse_fences("F", &fences(keys), file.sole_account())
        .map_err(|errors| errors.to_string())?;
    compose(NAMES, fences, file, TargetDirectory::of(before)).map_err(|errors| errors.to_string())
}

fn watched(source: &Source) -> Vec<u32> {
    source.campaigns[0].targets.iter().map(|target| target.0).collect()
}

fn snapshot(source: &Source, epoch: u64, before: Option<SnapshotView<'_>>) -> Loaded {
    build(source, options(epoch, before)).unwrap().load_in_memory().unwrap()
}

#[test]
fn targets_are_found_by_key_prefix_and_name() {
    let keys = ["a1", "a2", "b", "six"];
    let watched = |targets| watched(&source(&keys, targets, None).unwrap());
    assert_eq!(watched(json!(["b", "a1", "b"])), [1, 3]);
    assert_eq!(watched(json!({"prefix": "a"})), [1, 2]);
    assert_eq!(watched(json!("all")), [1, 2, 3, 4]);
    assert_eq!(watched(json!("nationwide")), [TargetId::NATIONWIDE.0]);
    let named = source(&keys, json!("all"), None).unwrap();
    assert_eq!(named.campaigns[1].targets, [TargetId(4)]);
}

#[test]
fn what_does_not_fit_is_named() {
    let refused = |keys: &[&str], targets| source(keys, targets, None).unwrap_err();
    let unknown = refused(&["a", "six"], json!(["x"]));
    assert_eq!(
        unknown,
        "C: campaigns[0] (id 5): targets[0] is \"x\"; allowed: ids of features of account 3 in F"
    );
    let nothing = refused(&["a", "six"], json!({"prefix": "z"}));
    assert!(
        nothing.contains("campaigns[0] (id 5): targets is no fence of the account"),
        "{nothing}"
    );
    let twice = refused(&["a", "six", "a"], json!("all"));
    assert!(twice.contains("F: feature 2 (id \"a\"): feature 0 has the same id"), "{twice}");
}

#[test]
fn a_fence_keeps_its_number_and_no_number_is_dealt_twice() {
    let first = source(&["a", "b", "six"], json!("all"), None).unwrap();
    let one = snapshot(&first, 1, None);
    // b goes, c comes, the order changes.
    let second = source(&["c", "six", "a"], json!("all"), Some(one.view())).unwrap();
    let ids = |source: &Source| -> Vec<(String, u32)> {
        source.targets.iter().map(|target| (target.key.clone(), target.id.0)).collect()
    };
    let pair = |key: &str, id| (key.to_owned(), id);
    assert_eq!(ids(&second), [pair("c", 4), pair("six", 3), pair("a", 1)]);
    let two = snapshot(&second, 2, Some(one.view()));
    // b comes back, as somebody new; the account's numbers go on even after everything was gone.
    let third = source(&["b", "six"], json!("all"), Some(two.view())).unwrap();
    assert_eq!(ids(&third), [pair("b", 5), pair("six", 3)]);
}

#[test]
fn numbers_go_on_after_an_account_was_away() {
    let full = source(&["a", "b", "six"], json!("all"), None).unwrap();
    let one = snapshot(&full, 1, None);
    let two = snapshot(&Source::default(), 2, Some(one.view()));
    assert!(two.view().account(AccountId(3)).is_none());
    let back = source(&["a", "six"], json!("all"), Some(two.view())).unwrap();
    assert_eq!(back.targets[0].id, TargetId(4));
}

#[test]
fn fences_alone_are_all_watched() {
    let fences = parse_fences("F", &fences(&["a", "b"]), Some(AccountId(1))).unwrap();
    let source = fences_alone("F", fences, TargetDirectory::of(None)).unwrap();
    let loaded = snapshot(&source, 1, None);
    let account = loaded.view().account(AccountId(1)).unwrap();
    assert_eq!(account.targets().count(), 2);
}
