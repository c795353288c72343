//! Campaign files, right and wrong.

use serde_json::{Value, json};

use super::{TargetChoice, parse_campaigns};
use crate::domain::campaign::{AudienceSpec, Condition, Frequency, RunMode};
use crate::domain::ids::{AccountId, AppId};

fn file() -> Value {
    json!({
        "accounts": [{
            "id": 1, "name": "Shop", "time_zone": "Asia/Seoul", "night_rule": true, "daily_cap": 2,
            "apps": [{"id": 1, "package": "kr.example", "platform": "android"}],
            "blacklist": ["00000000-0000-4000-8000-000000000001"],
            "blacklist_echo": ["00112233445566778899aabbccddeeff"]
        }],
        "campaigns": [{
            "id": 5, "name": "Lunch", "mode": "running",
            "audience": {"devices": ["00000000-0000-4000-8000-000000000002"]},
            "targets": ["a", 7],
            "trigger": {"on": "dwell", "dwell_s": 60},
            "start": "2026-11-23", "end": "2026-12-31",
            "windows": [{"days": ["mon", "fri"], "start": "09:00", "end": "24:00"}],
            "frequency": {"resend_after_s": 600},
            "messages": [{"title": "점심", "body": "${store} 할인"}]
        }]
    })
}

fn parse(file: &Value) -> Result<super::CampaignFile, String> {
    parse_campaigns("C.json", file.to_string().as_bytes()).map_err(|errors| errors.to_string())
}

/// The errors after a field of the one campaign is set.
fn refused(pointer: &str, value: Value) -> String {
    let mut file = file();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = file.pointer_mut(parent).unwrap();
    match name.parse::<usize>() {
        Ok(at) => parent[at] = value,
        Err(_) => parent[name] = value,
    }
    parse(&file).unwrap_err()
}

#[test]
fn a_file_reads_as_it_was_written() {
    let read = parse(&file()).unwrap();
    assert_eq!(read.sole_account(), Some(AccountId(1)));
    assert_eq!((read.accounts[0].blacklist.len(), read.accounts[0].blacklist_echo.len()), (1, 1));
    let (spec, choice) = &read.campaigns[0];
    assert_eq!(*choice, TargetChoice::Keys(vec!["a".to_owned(), "7".to_owned()]));
    assert_eq!((spec.mode, spec.condition), (RunMode::Running, Condition::Dwell { dwell_s: 60 }));
    assert_eq!(spec.frequency, Frequency::Resend { after_s: 600 });
    assert_eq!((spec.windows[0].start_min, spec.windows[0].end_min), (540, 1440));
    assert!(matches!(&spec.audience, AudienceSpec::Devices(devices) if devices.len() == 1));
    assert_eq!(spec.apps, [AppId(1)], "all apps of the account where none are named");
    assert!(spec.blacklist && spec.push_ttl_s == 600);
}

#[test]
fn target_choices() {
    for (written, choice) in [
        (json!("all"), TargetChoice::All),
        (json!("nationwide"), TargetChoice::Nationwide),
        (json!({"prefix": "store-"}), TargetChoice::Prefix("store-".to_owned())),
        (Value::Null, TargetChoice::Named),
    ] {
        let mut file = file();
        file["campaigns"][0]["targets"] = written;
        assert_eq!(parse(&file).unwrap().campaigns[0].1, choice);
    }
}

#[test]
fn findings_name_campaign_field_value_and_what_is_allowed() {
    let text = refused("/campaigns/0/holdout_pct", json!(60));
    assert_eq!(text, "C.json: campaigns[0] (id 5): holdout_pct is 60; allowed: 0 to 50 per cent");
    let cases = [
        (
            "mode",
            json!("waiting"),
            "mode: unknown variant `waiting`, expected `testing` or `running`",
        ),
        ("dayly_cap", json!(1), "unknown field `dayly_cap`"),
        ("apps", json!([9]), "apps is 9; allowed: the numbers of the account's apps"),
        ("apps", json!([]), "apps is empty"),
        ("account", json!(3), "account is 3; allowed: the id of an account"),
        ("audience", json!({"devices": ["x"]}), "audience.devices[0] is no advertising id"),
        ("audience", json!({"devices": []}), "audience.devices is 0 ids"),
        ("audience", json!({"devices": ["00000000-0000-0000-0000-000000000000"]}), "all zeros"),
        ("mode", json!("testing"), "test_devices is empty; allowed: 1 to 20"),
        ("targets", json!("some"), "targets: invalid value: string \"some\", expected \"all\""),
        ("targets", json!([1.5]), "targets"),
        ("trigger", json!({"on": "dwell"}), "trigger.dwell_s is missing"),
        ("trigger", json!({"on": "enter", "dwell_s": 3}), "trigger.dwell_s is 3; allowed: nothing"),
        ("trigger", json!({"on": "stay"}), "trigger.on: unknown variant `stay`"),
        ("start", json!("2026-13-01"), "start is \"2026-13-01\"; allowed: a day such as"),
        ("end", json!("2026-11-01"), "end is 2026-11-01; allowed: the day of start or a later one"),
    ];
    each_is_named(&cases);
    let zone = refused("/accounts/0/time_zone", json!("Asia/Seul"));
    assert!(zone.contains("accounts[0] (id 1): time_zone is \"Asia/Seul\""), "{zone}");
    let platform = refused("/accounts/0/apps/0/platform", json!("symbian"));
    assert!(platform.contains("apps[0].platform"), "{platform}");
}

#[test]
fn findings_in_windows_limits_and_messages_are_named_too() {
    let long = "가".repeat(27);
    let cases = [
        ("windows", json!([]), "windows is empty"),
        (
            "windows",
            json!([{"days": ["mon"], "start": "09:05", "end": "18:00"}]),
            "windows[0].start is 09:05; allowed: 00:00 to 23:00 in steps of 10 minutes",
        ),
        (
            "windows",
            json!([{"days": ["mon"], "start": "9:00", "end": "18:00"}]),
            "windows[0].start is \"9:00\"",
        ),
        (
            "windows",
            json!([{"days": ["mon"], "start": "10:00", "end": "10:00"}]),
            "later than start",
        ),
        (
            "windows",
            json!([{"days": ["mon", "mon"], "start": "10:00", "end": "11:00"}]),
            "windows[0].days is mon; allowed: each weekday once",
        ),
        (
            "frequency",
            json!({"resend_after_s": 599}),
            "frequency.resend_after_s is 599; allowed: 600 s",
        ),
        ("max_accuracy_m", json!(0), "max_accuracy_m is 0"),
        ("total_limit", json!(0), "total_limit is 0"),
        ("push_ttl_s", json!(0), "push_ttl_s is 0"),
        ("messages", json!([{"title": long, "body": ""}]), "messages[0].title"),
        (
            "messages",
            json!([{"title": "${shop}", "body": ""}]),
            "messages[0].title is \"${shop}\"; allowed: ${brand}",
        ),
        (
            "messages",
            json!([{"title": "a"}, {"title": "b"}, {"title": "c"}]),
            "messages is 3; allowed: none, one, or two",
        ),
    ];
    each_is_named(&cases);
}

/// Each field, set to its value, gives a finding with this text.
fn each_is_named(cases: &[(&str, Value, &str)]) {
    for (field, value, expected) in cases {
        let text = refused(&format!("/campaigns/0/{field}"), value.clone());
        assert!(
            text.contains(expected) && text.starts_with("C.json: campaigns[0] (id 5): "),
            "{text}\nlacks {expected}"
        );
    }
}

#[test]
fn everything_that_is_wrong_with_a_campaign_is_told_at_once() {
    let mut file = file();
    let campaign = &mut file["campaigns"][0];
    campaign["trigger"] = json!({"on": "stay"});
    campaign["frequency"] = json!("often");
    campaign["holdout_pct"] = json!(300);
    campaign["dayly_cap"] = json!(1);
    campaign["priority"] = json!("high");
    campaign["apps"] = json!("all");
    campaign["start"] = json!("soon");
    campaign["total_limit"] = json!(0);
    campaign["windows"] = json!([{"days": ["mon"], "start": "9", "end": "18:00"}]);
    campaign.as_object_mut().unwrap().remove("mode");
    let text = parse(&file).unwrap_err();
    for expected in [
        "trigger.on: unknown variant `stay`",
        "frequency",
        "holdout_pct",
        "unknown field `dayly_cap`",
        "priority",
        "apps: invalid type",
        "start is \"soon\"",
        "total_limit is 0",
        "windows[0].start is \"9\"",
        "missing field `mode`",
    ] {
        assert!(text.contains(expected), "{text}\nlacks {expected}");
    }
    assert_eq!(text.lines().count(), 10, "{text}");
}

#[test]
fn a_broken_account_is_no_fault_of_its_campaigns() {
    let mut file = file();
    file["accounts"][0]["nigth_rule"] = json!(true);
    let named = file["campaigns"][0].clone();
    file["campaigns"].as_array_mut().unwrap().push(named);
    file["campaigns"][1]["id"] = json!(6);
    file["campaigns"][1]["account"] = json!(1);
    let text = parse(&file).unwrap_err();
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.contains("accounts[0] (id 1): ") && text.contains("nigth_rule"), "{text}");
}

#[test]
fn twice_the_same_id_is_refused() {
    let mut twice = file();
    let campaign = twice["campaigns"][0].clone();
    twice["campaigns"].as_array_mut().unwrap().push(campaign);
    assert!(
        parse(&twice)
            .unwrap_err()
            .contains("5 of account 1; allowed: an id that is there only once")
    );
    assert!(parse(&json!([])).unwrap_err().contains("no JSON object"));
    assert!(parse(&json!({"accounts": [], "x": 1})).unwrap_err().contains("x is unknown"));
    assert!(parse(&json!({})).unwrap_err().contains("accounts is missing"));
    assert!(parse_campaigns("C", b"{").unwrap_err().to_string().contains("it is not JSON"));
}

#[test]
fn findings_never_show_an_advertising_id() {
    let id = "00000000-0000-4000-8000-00000000000g";
    let text = refused("/campaigns/0/test_devices", json!([id]));
    assert!(!text.contains("8000"), "{text}");
}
