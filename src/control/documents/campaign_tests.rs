//! The rules of campaigns, each at its edge.

use serde_json::{Value, json};

use super::account::Account;
use super::campaign::{Audience, Campaign, Nearness};
use super::document::{Document, parse};
use crate::control::refusal::Refusal;
use crate::control::samples::{PHONE, campaign, campaign_at, parsed, set};

/// The pointers of what is wrong with a campaign.
fn faults(body: Value) -> Vec<String> {
    let account = parsed::<Account>(json!({ "name": "Mart", "membership": "basic" }));
    parsed::<Campaign>(body).faults(&account).into_iter().map(|fault| fault.pointer).collect()
}

/// A value that is fine at a pointer, and one that is not.
fn edge(pointer: &str, fine: &Value, wrong: &Value, at_fault: &str) {
    let found = faults(set(campaign(), pointer, fine.clone()));
    assert_eq!(found, Vec::<String>::new(), "{pointer} {fine}");
    let found = faults(set(campaign(), pointer, wrong.clone()));
    assert_eq!(found, [at_fault], "{pointer} {wrong}");
}

/// So many advertising ids, each another.
fn ids(count: u32) -> Value {
    (0..count)
        .map(|at| {
            format!("{at:08x}-8cf0-11bd-b23e-10b96e40000d").replacen("00000000", "10000000", 1)
        })
        .collect()
}

#[test]
fn a_plain_one_is_fine_and_has_its_defaults() {
    assert_eq!(faults(campaign()), Vec::<String>::new());
    let plain = parsed::<Campaign>(campaign());
    assert_eq!((plain.audience, plain.blacklist, plain.push_ttl_s), (Audience::All, true, 600));
    assert_eq!((plain.priority, plain.holdout_pct, plain.total_limit), (0, 0, None));
    assert_eq!(Nearness::default(), Nearness::SignalRange);
}

#[test]
fn each_field_at_its_edge() {
    let long = |count: usize| json!("가".repeat(count));
    edge("/name", &long(100), &long(101), "/name");
    edge("/name", &json!("a"), &json!(" "), "/name");
    edge("/name", &json!("a"), &json!(""), "/name");
    edge("/client_code", &long(100), &long(101), "/client_code");
    edge("/apps", &json!([1, 2]), &json!([]), "/apps");
    edge("/end", &json!("2026-11-24"), &json!("2026-11-23"), "/end");
    edge("/start", &json!("2026-11-30"), &json!("2026-13-01"), "/start");
    edge("/end", &json!("2027-02-28"), &json!("2027-02-29"), "/end");
    edge(
        "/windows",
        &json!([{ "days": ["mon"], "start": "23:00", "end": "24:00" }]),
        &json!([]),
        "/windows",
    );
    edge("/windows/0/start", &json!("23:00"), &json!("23:10"), "/windows/0/start");
    edge("/windows/0/start", &json!("08:50"), &json!("08:55"), "/windows/0/start");
    edge("/windows/0/end", &json!("01:00"), &json!("00:50"), "/windows/0/end");
    edge("/windows/0/end", &json!("24:00"), &json!("24:10"), "/windows/0/end");
    edge("/windows/0/end", &json!("12:00"), &json!("noon"), "/windows/0/end");
    edge("/windows/0/days", &json!(["sun"]), &json!([]), "/windows/0/days");
    edge("/windows/0/days", &json!(["sun", "sat"]), &json!(["sun", "sun"]), "/windows/0/days");
    edge("/trigger", &json!({ "on": "exit" }), &json!({ "on": "dwell" }), "/trigger/dwell_s");
    let dwell = |s: u32| json!({ "on": "dwell", "dwell_s": s });
    edge("/trigger", &dwell(1), &dwell(0), "/trigger/dwell_s");
    edge("/trigger", &dwell(86_400), &dwell(86_401), "/trigger/dwell_s");
    edge(
        "/trigger",
        &json!({ "on": "enter" }),
        &json!({ "on": "enter", "dwell_s": 5 }),
        "/trigger/dwell_s",
    );
    let resend = |s: u32| json!({ "resend_after_s": s });
    edge("/frequency", &resend(600), &resend(599), "/frequency/resend_after_s");
    edge("/frequency", &resend(2_592_000), &resend(2_592_001), "/frequency/resend_after_s");
    edge("/holdout_pct", &json!(50), &json!(51), "/holdout_pct");
    edge("/total_limit", &json!(1), &json!(0), "/total_limit");
    edge("/max_accuracy_m", &json!(65535), &json!(0), "/max_accuracy_m");
    edge("/push_ttl_s", &json!(1), &json!(0), "/push_ttl_s");
    edge("/push_ttl_s", &json!(2_592_000), &json!(2_592_001), "/push_ttl_s");
    edge("/test_devices", &ids(20), &ids(21), "/test_devices");
    edge("/test_devices", &json!([]), &json!(["phone"]), "/test_devices/0");
    let own = |ids: Value| json!({ "devices": ids });
    edge("/audience", &own(ids(20)), &own(ids(21)), "/audience/devices");
    edge("/audience", &own(json!([PHONE.to_uppercase()])), &own(json!([])), "/audience/devices");
    edge("/audience", &own(json!([PHONE])), &own(json!([PHONE, "x"])), "/audience/devices/1");
}

#[test]
fn a_weekday_is_in_one_row() {
    let row = |days: Value| json!({ "days": days, "start": "09:00", "end": "18:00" });
    let rows =
        |first: Value, second: Value| set(campaign(), "/windows", json!([row(first), row(second)]));
    assert_eq!(faults(rows(json!(["mon", "tue"]), json!(["wed"]))), Vec::<String>::new());
    assert_eq!(faults(rows(json!(["mon", "tue"]), json!(["wed", "mon"]))), ["/windows/1/days"]);
}

#[test]
fn a_nil_id_is_nobody() {
    let nil = json!(["00000000-0000-0000-0000-000000000000"]);
    assert_eq!(faults(set(campaign(), "/test_devices", nil.clone())), ["/test_devices"]);
    let own = set(campaign(), "/audience", json!({ "devices": nil }));
    assert_eq!(faults(own), ["/audience/devices"]);
}

#[test]
fn ids_are_not_shown_where_they_are_wrong() {
    let account = parsed::<Account>(json!({ "name": "Mart", "membership": "basic" }));
    let cut = &PHONE[..30];
    let body = parsed::<Campaign>(set(campaign(), "/test_devices", json!([cut])));
    for fault in body.faults(&account) {
        assert!(!fault.detail.contains(cut), "{}", fault.detail);
    }
}

#[test]
fn blocks_of_places() {
    let block = json!({ "general": { "geofences": [1] } });
    let blocks = |count: usize| campaign_at(Value::Array(vec![block.clone(); count]));
    assert_eq!(faults(blocks(5)), Vec::<String>::new());
    assert_eq!(faults(blocks(6)), ["/locations"]);
    assert_eq!(faults(blocks(0)), ["/locations"]);
    let (general, nationwide) = ("/locations/0/general", "/locations/0/general/nationwide");
    for (block, expected) in [
        (json!({ "general": {} }), vec![general]),
        (json!({ "general": { "condition": "inside" } }), vec![general]),
        (json!({ "general": { "nationwide": true } }), vec![]),
        (json!({ "general": { "nationwide": true, "brands": [1] } }), vec![]),
        (json!({ "general": { "nationwide": true, "regions": [1] } }), vec![nationwide]),
        (json!({ "general": { "nationwide": true, "geofences": [1] } }), vec![nationwide]),
        (json!({ "general": { "nationwide": true, "groups": [1] } }), vec![nationwide]),
        (json!({ "general": { "regions": [1] } }), vec![]),
        (json!({ "general": { "groups": [1] } }), vec![]),
        (json!({ "general": { "brands": [1] } }), vec![]),
        (json!({ "general": { "categories": [1] } }), vec![]),
        (json!({ "general": { "places": [1] } }), vec![]),
        (json!({ "general": { "regions": [1], "places": [1] } }), vec![]),
        (json!({ "residential": { "regions": [1] } }), vec![]),
        (json!({ "residential": { "regions": [] } }), vec!["/locations/0/residential/regions"]),
    ] {
        assert_eq!(faults(campaign_at(json!([block.clone()]))), expected, "{block}");
    }
}

#[test]
fn what_is_misspelt_is_refused_where_it_is() {
    for (body, pointer) in [
        (campaign_at(json!([{ "general": { "geofence": [1] } }])), "/locations/0/general"),
        (campaign_at(json!([{ "homes": { "regions": [1] } }])), "/locations/0"),
        (set(campaign(), "/trigger/on", json!("pass")), "/trigger/on"),
        (set(campaign(), "/audience", json!("some")), "/audience"),
        (set(campaign(), "/windows/0/days", json!(["monday"])), "/windows/0/days/0"),
        (set(campaign(), "/frequency", json!("often")), "/frequency"),
        (set(campaign(), "/message_type", json!("video")), "/message_type"),
    ] {
        let outcome = parse::<Campaign>(body);
        let Err(Refusal::Faults(faults)) = outcome else { panic!("{pointer}") };
        assert!(faults[0].pointer.starts_with(pointer), "{}: {pointer}", faults[0].pointer);
    }
}

/// A campaign of a type with messages.
fn saying(kind: &str, messages: Value) -> Value {
    set(set(campaign(), "/message_type", json!(kind)), "/messages", messages)
}

fn message(title: &str, body: &str) -> Value {
    json!({ "title": title, "body": body })
}

#[test]
fn each_type_has_its_messages() {
    let (text, image) = (
        message("Hi", "there"),
        set(message("Hi", ""), "/image_url", json!("https://a.example/b.png")),
    );
    let listed = |one: &Value, count: usize| Value::Array(vec![one.clone(); count]);
    let none = Vec::<String>::new();
    for kind in ["none", "external"] {
        assert_eq!(faults(saying(kind, json!([]))), none);
        assert_eq!(faults(saying(kind, listed(&text, 1))), ["/messages"], "{kind}");
    }
    for (kind, one) in [("text", &text), ("text_image", &image)] {
        assert!(faults(saying(kind, json!([]))).contains(&"/messages".to_owned()));
        assert_eq!(faults(saying(kind, listed(one, 1))), none, "{kind}");
        assert_eq!(faults(saying(kind, listed(one, 2))), none, "A/B of {kind}");
        assert!(faults(saying(kind, listed(one, 3))).contains(&"/messages".to_owned()), "{kind}");
    }
    assert_eq!(faults(saying("text", json!([text, image]))), ["/messages/1/image_url"]);
    assert_eq!(faults(saying("text_image", json!([image, text]))), ["/messages/1/image_url"]);
    let blank = json!([message(" ", "")]);
    assert_eq!(faults(saying("text", blank)), ["/messages/0/title"]);
}

#[test]
fn characters_are_counted_as_people_see_them() {
    let title = |title: &str| faults(saying("text", json!([message(title, "b")])));
    let body = |body: &str| faults(saying("text", json!([message("t", body)])));
    let none = Vec::<String>::new();
    // An emoji of several code points is one, and counts 2; a code counts nothing.
    let family = "👨‍👩‍👧‍👦";
    for (fine, long) in [
        ("가".repeat(26), "가".repeat(27)),
        ("e\u{301}".repeat(26), "e\u{301}".repeat(27)),
        ("🎉".repeat(13), format!("{}a", "🎉".repeat(13))),
        (family.repeat(13), family.repeat(14)),
        (format!("{}❤️", "a".repeat(24)), format!("{}❤️", "a".repeat(25))),
        (
            format!("${{store}}{}${{brand}}", "a".repeat(26)),
            format!("${{store}}{}", "a".repeat(27)),
        ),
    ] {
        assert_eq!(title(&fine), none, "{fine}");
        assert_eq!(title(&long), ["/messages/0/title"], "{long}");
    }
    for (fine, long) in [
        ("나".repeat(112), "나".repeat(113)),
        ("🎉".repeat(56), "🎉".repeat(57)),
        (
            format!("{}${{district_street}}", "a".repeat(112)),
            format!("{}${{district_city}}", "a".repeat(113)),
        ),
    ] {
        assert_eq!(body(&fine), none, "{fine}");
        assert_eq!(body(&long), ["/messages/0/body"], "{long}");
    }
}

#[test]
fn codes_are_those_that_there_are_and_of_one_block() {
    let codes =
        ["brand", "store", "geofence", "district_state", "district_city", "district_street"];
    let two = json!([{ "general": { "geofences": [1] } }, { "general": { "brands": [1] } }]);
    for code in codes {
        let said =
            saying("text", json!([message(&format!("at ${{{code}}}"), &format!("${{{code}}}"))]));
        assert_eq!(faults(said.clone()), Vec::<String>::new(), "{code}");
        let many = set(said, "/locations", two.clone());
        assert_eq!(faults(many), ["/messages/0/title", "/messages/0/body"], "{code}");
    }
    for unknown in ["${shop}", "${store", "${}", "${Store}"] {
        assert_eq!(
            faults(saying("text", json!([message("t", unknown)]))),
            ["/messages/0/body"],
            "{unknown}"
        );
    }
    let plain = saying("text", json!([message("$5 {off}", "")]));
    assert_eq!(faults(set(plain, "/locations", two)), Vec::<String>::new());
}

#[test]
fn addresses_are_plain_and_one_for_each_app() {
    let long = |len: usize| format!("https://{}", "a".repeat(len - 8));
    let texting = || set(saying("text", json!([{"title": "t"}])), "/apps", json!([1, 2]));
    let landing = |urls: Value| faults(set(texting(), "/landing_urls", urls));
    let url = |app: u32, url: &str| json!({ "app": app, "url": url });
    assert_eq!(landing(json!([url(1, &long(2048)), url(2, "app://x")])), Vec::<String>::new());
    assert_eq!(landing(json!([url(1, &long(2049))])), ["/landing_urls/0/url"]);
    assert_eq!(landing(json!([url(1, "")])), ["/landing_urls/0/url"]);
    assert_eq!(landing(json!([url(1, "a b")])), ["/landing_urls/0/url"]);
    assert_eq!(landing(json!([url(3, "a")])), ["/landing_urls/0/app"]);
    let silent = set(saying("none", json!([])), "/landing_urls", json!([url(1, "a")]));
    assert_eq!(faults(silent), ["/landing_urls"]);
    assert_eq!(landing(json!([url(1, "a"), url(1, "b")])), ["/landing_urls/1/app"]);
    let image = |url: &str| {
        faults(saying("text_image", json!([set(message("t", ""), "/image_url", json!(url))])))
    };
    assert_eq!(image(&long(2048)), Vec::<String>::new());
    assert_eq!(image(&long(2049)), ["/messages/0/image_url"]);
    assert_eq!(image(""), ["/messages/0/image_url"]);
}

#[test]
fn many_faults_are_told_at_once() {
    let body = set(
        set(set(campaign(), "/name", json!("")), "/holdout_pct", json!(51)),
        "/locations",
        json!([]),
    );
    assert_eq!(faults(body), ["/name", "/holdout_pct", "/locations"]);
}
