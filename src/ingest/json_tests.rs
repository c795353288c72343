//! Bodies that are odd, broken or made to cost much.

use std::fmt::Write as _;

use super::json::body;
use crate::domain::ids::AppId;
use crate::domain::ping::Ping;
use crate::domain::report::Profile;
use crate::domain::units::UtcMs;

const NOW: UtcMs = UtcMs(1_767_225_600_000);
const DEVICE: &str = r#""device": "00112233-4455-6677-8899-aabbccddeeff""#;

fn pings(text: &str) -> Result<(AppId, Vec<Ping>), (u16, String, String)> {
    body(text.as_bytes(), NOW).map_err(|problem| {
        let said = serde_json::to_value(&problem).expect("a document");
        let word = |field: &str| said[field].as_str().unwrap_or_default().to_owned();
        (problem.status(), word("pointer"), word("detail"))
    })
}

/// A body with these fields in its one ping, besides the three that it must have.
fn ping(fields: &str) -> String {
    format!(r#"{{"app": 1, "pings": [{{{DEVICE}, "lat": 1, "lon": 2{fields}}}]}}"#)
}

fn fixed_at(at: &str) -> Option<i64> {
    let (_, pings) = pings(&ping(&format!(r#", "at": {at}"#))).ok()?;
    Some(pings[0].fixed_at.0)
}

#[test]
fn fields_come_in_any_order_and_with_escapes() {
    let text = format!(
        r#" {{"pings": [{{"lon": 2.5, "l\u0061t": -1e0, "platform": "\u0069os", {DEVICE}}}], "app": 7}} "#
    );
    let (app, pings) = pings(&text).expect("well");
    assert_eq!((app, pings[0].lat_e7, pings[0].lon_e7), (AppId(7), -10_000_000, 25_000_000));
    assert_eq!((pings[0].fixed_at, pings[0].flags.0), (NOW, 32));
}

#[test]
fn what_is_wrong_is_named_where_it_stands() {
    let twice = ping(r#", "lat": 2"#);
    let nested = ping(r#", "at": {"deep": [1, {"er": []}]}"#);
    for (text, pointer, says) in [
        (twice.as_str(), "/pings/0/lat", "twice"),
        (nested.as_str(), "/pings/0/at", "no instant"),
        (r#"{"app": 1, "app": 1, "pings": []}"#, "/app", "twice"),
        (r#"{"app": 1, "pings": [], "pings": []}"#, "/pings", "twice"),
        (r#"{"app": 1, "pings": [], "a~/": []}"#, "/a~0~1", "not a field"),
        (r#"{"app": 1, "pings": {}}"#, "/pings", "not a list"),
        (r#"{"app": 1, "pings": 3}"#, "/pings", "not a list"),
        (r#"{"app": 1, "pings": [[]]}"#, "/pings/0", "not an object"),
        (r#"{"app": 1.5, "pings": []}"#, "/app", "whole number"),
        (r#"{"app": 4294967296, "pings": []}"#, "/app", "whole number"),
        (r#"{"pings": []}"#, "/app", "missing"),
        (r#"{"app": 1, "pings": [{}]}"#, "/pings/0/device", "missing"),
        ("[]", "", "not an object"),
        ("null", "", "not an object"),
    ] {
        let (status, at, detail) = pings(text).expect_err(text);
        assert_eq!((status, at.as_str()), (422, pointer), "{text}: {detail}");
        assert!(detail.contains(says), "{text}: {detail}");
    }
    for text in ["", "{", r#"{"app": 1, "pings": [{"#, r#"{"app": 1, "pings": []} x"#, "\u{1}"] {
        assert_eq!(pings(text).expect_err(text).0, 400, "{text}");
    }
    let (status, at, _) = pings(r#"{"app": 1, "pings": [{"device": 7}, x]}"#).expect_err("wrong");
    assert_eq!((status, at.as_str()), (422, "/pings/0/device"), "the first mistake is told");
}

#[test]
fn the_number_of_records_is_bounded_before_they_are_kept() {
    let list = |count: usize| {
        let one = format!(r#"{{{DEVICE}, "lat": 1, "lon": 2}}"#);
        format!(r#"{{"app": 1, "pings": [{}]}}"#, vec![one; count].join(","))
    };
    assert_eq!(pings(&list(4096)).expect("as many as may be").1.len(), 4096);
    for count in [0, 4097] {
        let (status, at, detail) = pings(&list(count)).expect_err("too few or many");
        assert_eq!((status, at.as_str()), (422, "/pings"), "{detail}");
    }
}

#[test]
fn an_instant_is_read_in_every_year_of_four_digits() {
    assert_eq!(fixed_at("1767225600001"), Some(1_767_225_600_001));
    assert_eq!(fixed_at(r#""2026-01-01T09:00:00.5+09:00""#), Some(1_767_225_600_500));
    assert_eq!(fixed_at(r#""9999-12-31T23:59:59Z""#), Some(253_402_300_799_000));
    assert_eq!(fixed_at(r#""9999-12-31T23:59:59-23:59""#), Some(253_402_387_139_000));
    assert_eq!(fixed_at(r#""0001-01-01T00:00:00Z""#), Some(-62_135_596_800_000));
    for no_instant in [
        r#""2026-01-01""#,
        r#""2026-01-01T09:00:00""#,
        r#""2026-02-30T09:00:00Z""#,
        r#""10000-01-01T00:00:00Z""#,
        r#""yesterday""#,
        "1.5",
        "99999999999999999999",
        "null",
    ] {
        assert_eq!(fixed_at(no_instant), None, "{no_instant}");
    }
}

#[test]
fn depth_and_length_cost_an_error_and_no_more() {
    let deep = ping(&format!(r#", "at": {}"#, "[".repeat(1_000_000)));
    assert_eq!(pings(&deep).expect_err("too deep").0, 400);
    let name = "x".repeat(1_000_000);
    let (_, at, _) = pings(&ping(&format!(r#", "{name}": 1"#))).expect_err("unknown");
    assert!(at.len() < 2000, "an answer quotes {} characters of a name", at.len());
    let mut text = String::from(r#"{"app": 1, "profiles": ["#);
    for _ in 0..4096 {
        write!(text, r#"{{{DEVICE}}},"#).expect("a string");
    }
    text.pop();
    let read = body::<Profile>((text + "]}").as_bytes(), NOW).expect("well");
    assert_eq!(read.1.len(), 4096);
}
