//! Rendered records: a sample in full, ids, extremes, and that `docs/asyncapi.yaml` documents just what is produced.

use serde_json::{Value, json};

use super::cloudevents::{to_value, type_of, write_line};
use crate::domain::campaign::RunMode;
use crate::domain::ids::AccountId;
use crate::domain::units::UtcMs;
use crate::identity::Keyring;
use crate::outbox::RecordKind;
use crate::outbox::read::Handed;
use crate::outbox::record::{Content, OutboxRecord};
use crate::outbox::samples::{event, job, keyring, visit};

fn handed(record: OutboxRecord) -> Handed {
    Handed { offset: 41, kind: record.kind(), record }
}

fn rendered(handed: &Handed) -> Value {
    to_value(handed, &mut keyring().sealer()).expect("the key is there")
}

#[test]
fn a_job_has_all_that_a_sender_needs() {
    let expected = json!({
        "specversion": "1.0",
        "id": "00000000-0000-0009-8080-8080808080c9",
        "source": "/geofenced/accounts/4",
        "type": "geofenced.push_job.v1",
        "subject": "campaigns/11",
        "time": "2026-09-21T14:13:20.000Z",
        "datacontenttype": "application/json",
        "geofencedoffset": "41",
        "data": {
            "account": 4,
            "device_id": "09090909-0909-0909-0909-090909090909",
            "mode": "running",
            "variant": "b",
            "campaign": {"id": 11, "name": "가을 할인", "client_code": "FALL-26"},
            "target": {"id": 5, "key": "seongsu-1", "name": "성수점"},
            "at": "2026-09-21T14:13:20.000Z",
            "time_zone": "Asia/Seoul",
            "epoch": 3,
            "snapshot": "ab".repeat(32),
            "position": {"partition": 200, "seq": 9, "ordinal": 1},
            "job_id": "00000000-0000-0009-8080-8080808080c9",
            "app": {"id": 2, "package": "com.example.app", "platform": "ios"},
            "place": 77,
            "transition": "enter",
            "bucket": 20717,
            "expires_at": "2026-09-21T14:18:20.000Z",
            "message": {
                "title": "성수점 20% 할인",
                "body": "지금 들어오세요 🎁",
                "image_url": "https://img.example/1.png",
                "landing_url": "https://shop.example/"
            }
        }
    });
    assert_eq!(rendered(&handed(job(4, (200, 9, 1)))), expected);
}

#[test]
fn ids_tell_jobs_events_and_late_jobs_apart() {
    let job_record = job(4, (200, 9, 1));
    let late = Handed { kind: RecordKind::Expired, ..handed(job_record.clone()) };
    let late = rendered(&late);
    assert_eq!(late["id"], "00000000-0000-0009-8080-8080808080c9.expired");
    assert_eq!(late["type"], "geofenced.expired.v1");
    assert_eq!(late["data"], rendered(&handed(job_record))["data"]);
    let mut testing = event(4, (200, 9, 2), crate::domain::decision::EventKind::Clicked);
    testing.mode = RunMode::Testing;
    testing.campaign = None;
    let testing = rendered(&handed(testing));
    assert_eq!((&testing["id"], &testing["subject"]), (&json!("200.9.2"), &json!("targets/5")));
    assert_eq!(testing["data"]["mode"], "testing");
    assert_eq!(testing["data"]["cell"], "8830e1d8adffff");
}

#[test]
fn a_visit_is_named_by_id_and_revision() {
    let visit = rendered(&handed(visit(4, (200, 9, 1))));
    assert_eq!(visit["id"], "8e8e8e8e-8e8e-8e8e-8e8e-8e8e8e8e8e8e.2");
    assert_eq!(
        (&visit["type"], &visit["subject"]),
        (&json!("geofenced.visited.v1"), &json!("targets/5"))
    );
    let expected = json!({
        "account": 4,
        "device_id": "09090909-0909-0909-0909-090909090909",
        "target": {"id": 5, "key": "seongsu-1", "name": "성수점"},
        "at": "2026-09-21T14:13:20.000Z",
        "time_zone": "Asia/Seoul",
        "epoch": 3,
        "snapshot": "ab".repeat(32),
        "position": {"partition": 200, "seq": 9, "ordinal": 1},
        "visit_id": "8e8e8e8e-8e8e-8e8e-8e8e-8e8e8e8e8e8e",
        "revision": 2,
        "place": 77,
        "entered_at": "2026-09-21T14:13:20.000Z",
        "left_at": "2026-09-21T14:23:20.000Z",
        "dwell_s": 600,
        "ended_by": "silence",
        "hinted": true,
        "confidence_pct": 100,
        "cell": "8830e1d8adffff"
    });
    assert_eq!(visit["data"], expected);
}

#[test]
fn a_line_is_one_line_and_the_ends_of_time_are_shown() {
    let mut record = job(4, (1, 1, 0));
    record.at = UtcMs::MIN;
    record.time_zone = "a\nb".to_owned();
    if let Content::Job(job) = &mut record.content {
        job.expires_at = UtcMs::MAX;
    }
    let mut line = Vec::new();
    write_line(&handed(record), &mut keyring().sealer(), &mut line).expect("the key is there");
    assert_eq!(line.iter().filter(|&&byte| byte == b'\n').count(), 1);
    let value: Value = serde_json::from_slice(&line).expect("JSON");
    assert_eq!(value["data"]["expires_at"], "9999-12-30T22:00:00.000Z");
    assert_eq!(value["time"], "1800-01-01T00:00:00.000Z");
}

#[test]
fn a_missing_key_is_an_error_and_writes_nothing() {
    let mut record = job(4, (1, 1, 0));
    record.device.key_version = 9;
    let mut line = Vec::new();
    let error =
        write_line(&handed(record), &mut keyring().sealer(), &mut line).expect_err("no key");
    assert!(error.to_string().contains("master key 9"), "{error}");
    assert!(line.is_empty());
}

#[test]
fn another_installation_s_keys_open_other_devices() {
    let mut other = Keyring::from_seed([8; 32]).sealer();
    let value = to_value(&handed(job(4, (1, 1, 0))), &mut other).expect("a key of that number");
    assert_ne!(value["data"]["device_id"], "09090909-0909-0909-0909-090909090909");
}

fn document() -> Value {
    serde_yaml_ng::from_str(include_str!("../../docs/asyncapi.yaml")).expect("YAML")
}

/// The schema that a `$ref` leads to.
fn resolve<'d>(document: &'d Value, schema: &'d Value) -> &'d Value {
    let Some(reference) = schema.get("$ref") else { return schema };
    let pointer = reference.as_str().and_then(|text| text.strip_prefix('#')).expect("a local $ref");
    document.pointer(pointer).unwrap_or_else(|| panic!("{pointer} leads nowhere"))
}

/// Holds a value against a schema, and collects which documented properties it has.
fn check(document: &Value, schema: &Value, value: &Value, path: &str, seen: &mut Vec<String>) {
    let schema = resolve(document, schema);
    seen.push(path.to_owned());
    let of_type = match schema["type"].as_str().expect("each schema has a type") {
        "object" => value.is_object(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        other => panic!("{path}: the test knows no type {other}"),
    };
    assert!(of_type, "{path}: {value} is no {}", schema["type"]);
    if let Some(allowed) = schema["enum"].as_array() {
        assert!(allowed.contains(value), "{path}: {value} is not documented");
    }
    let Some(properties) = value.as_object() else { return };
    for name in schema["required"].as_array().expect("objects say what is required") {
        let name = name.as_str().expect("a name");
        assert!(properties.contains_key(name), "{path}: {name} is required and missing");
    }
    for (name, value) in properties {
        let documented = &schema["properties"][name];
        assert!(!documented.is_null(), "{path}.{name} is produced and not documented");
        check(document, documented, value, &format!("{path}.{name}"), seen);
    }
}

/// Every property that a schema documents, as a path.
fn documented(document: &Value, schema: &Value, path: &str, paths: &mut Vec<String>) {
    let schema = resolve(document, schema);
    paths.push(path.to_owned());
    for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
        documented(document, schema, &format!("{path}.{name}"), paths);
    }
}

#[test]
fn what_is_produced_is_documented_and_the_other_way_round() {
    let document = document();
    for kind in RecordKind::ALL {
        let full = match (kind, kind.event()) {
            (RecordKind::Visited, _) => visit(4, (200, 9, 1)),
            (_, None) => job(4, (200, 9, 1)),
            (_, Some(event_kind)) => event(4, (200, 9, 1), event_kind),
        };
        let mut samples = vec![handed(full.clone())];
        if kind == RecordKind::Expired {
            samples = vec![Handed { kind, ..handed(job(4, (200, 9, 1))) }];
        }
        samples.extend(samples.first().cloned().map(bare));
        let message = &document["components"]["messages"][kind.label()];
        assert_eq!(message["name"], type_of(kind), "{kind:?} has a message of its type");
        let (mut seen, mut known) = (Vec::new(), Vec::new());
        for sample in &samples {
            check(&document, &message["payload"], &rendered(sample), "", &mut seen);
        }
        documented(&document, &message["payload"], "", &mut known);
        seen.sort();
        seen.dedup();
        known.sort();
        assert_eq!(seen, known, "{kind:?}: every documented property is produced");
        let channel = &document["channels"]["records"]["messages"][kind.label()];
        assert_eq!(resolve(&document, channel), message);
    }
    let count = document["components"]["messages"].as_object().map(serde_json::Map::len);
    assert_eq!(count, Some(RecordKind::ALL.len()));
}

/// The same record with everything left out that may be.
fn bare(mut handed: Handed) -> Handed {
    handed.record.account = AccountId(u32::MAX);
    match &mut handed.record.content {
        Content::Job(job) => {
            job.place = None;
            job.message = None;
        }
        Content::Event(event) => {
            event.job = None;
            event.cell = 0;
            handed.record.campaign = None;
            handed.record.target = None;
        }
        Content::Visit(visit) => {
            (visit.left_at, visit.ended_by, visit.cell) = (None, None, 0);
        }
    }
    handed
}
