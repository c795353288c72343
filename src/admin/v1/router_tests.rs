//! The campaign API as callers see it: documents, headers, problems, bounds.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use super::served::Served;
use crate::control::samples::{PHONE, campaign, geofence, set};

const ANY: (&str, &str) = ("if-match", "*");

#[tokio::test]
async fn a_document_is_made_read_replaced_and_removed() {
    let served = Served::new().await;
    let made = served.ask(1, "POST /v1/geofences", &[], geofence()).await;
    assert_eq!(made.status, 201);
    assert_eq!(made.header("location"), Some("/v1/geofences/1"));
    assert_eq!((made.header("etag"), made.header("geofenced-epoch")), (Some("\"1\""), Some("0")));
    assert_eq!(
        (&made.body["id"], &made.body["revision"], &made.body["epoch"]),
        (&json!(1), &json!(1), &json!(0))
    );
    assert_eq!(made.body["created_at"], "2026-11-23T03:00:00Z");

    let read = served.get(1, "/v1/geofences/1").await;
    assert_eq!((read.status.as_u16(), read.header("etag")), (200, Some("\"1\"")));
    let known =
        served.ask(1, "GET /v1/geofences/1", &[("if-none-match", "\"1\"")], Value::Null).await;
    assert_eq!(
        (known.status.as_u16(), known.header("etag"), &known.body),
        (304, Some("\"1\""), &Value::Null)
    );

    // What was read can be sent back.
    let renamed = set(read.body, "/name", json!("Door"));
    let replaced =
        served.ask(1, "PUT /v1/geofences/1", &[("if-match", "\"1\"")], renamed.clone()).await;
    assert_eq!((replaced.status.as_u16(), replaced.header("etag")), (200, Some("\"2\"")));
    assert_eq!(replaced.body["name"], "Door");
    let put = |headers: &'static [(&'static str, &'static str)]| {
        served.ask(1, "PUT /v1/geofences/1", headers, renamed.clone())
    };
    assert_eq!(put(&[("if-match", "\"1\"")]).await.problem(412), "revision-stale");
    assert_eq!(put(&[]).await.problem(428), "revision-missing");
    assert_eq!(put(&[ANY]).await.status, 200);
    let old =
        served.ask(1, "GET /v1/geofences/1", &[("if-none-match", "\"1\"")], Value::Null).await;
    assert_eq!(old.status, 200);

    let listed = served.get(1, "/v1/geofences?search=DOOR&count=true").await;
    assert_eq!((&listed.body["total"], &listed.body["items"][0]["id"]), (&json!(1), &json!(1)));
    let gone = served.ask(1, "DELETE /v1/geofences/1", &[], Value::Null).await;
    assert_eq!(gone.problem(428), "revision-missing");
    let gone = served.ask(1, "DELETE /v1/geofences/1", &[("if-match", "\"3\"")], Value::Null).await;
    assert_eq!((gone.status.as_u16(), gone.header("geofenced-epoch")), (204, Some("0")));
    assert_eq!(served.get(1, "/v1/geofences/1").await.problem(404), "not-found");
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let served = Served::new().await;
    let wrong = set(set(geofence(), "/name", json!("")), "/shape/radius_m", json!(49));
    let answer = served.ask(1, "POST /v1/geofences", &[], wrong).await;
    assert_eq!(answer.problem(422), "bad-field");
    assert_eq!(answer.pointers(), ["/name", "/shape/radius_m"]);
    assert_eq!(answer.body["pointer"], "/name");
    let answer =
        served.ask(1, "POST /v1/geofences", &[], set(geofence(), "/colour", json!(1))).await;
    assert_eq!((answer.problem(422), answer.pointers()), ("bad-field", vec!["/colour"]));
    for body in ["", "{", "{\"name\":}", "nonsense"] {
        let answer = served.send(1, "POST /v1/geofences", &[], body.to_owned()).await;
        assert_eq!(answer.problem(400), "bad-json", "{body}");
    }
    assert_eq!(served.ask(1, "POST /v1/geofences", &[], json!([])).await.problem(422), "bad-field");
    for query in [
        "limit=0",
        "limit=1001",
        "limit=x",
        "sort=colour",
        "cursor=%20",
        "colour=red",
        "brand=1",
        "group=x",
        "count=maybe",
    ] {
        let answer = served.get(1, &format!("/v1/geofences?{query}")).await;
        assert_eq!(answer.problem(422), "bad-field", "{query}");
    }
    for path in
        ["/v1/geofences/x", "/v1/geofences/-1", "/v1/geofences/4294967296", "/v1/geofences/0"]
    {
        assert_eq!(served.get(1, path).await.problem(404), "not-found", "{path}");
    }
    assert_eq!(served.ask(1, "PATCH /v1/geofences/1", &[], json!({})).await.status, 405);
}

#[tokio::test]
async fn numbers_of_another_account_are_not_found() {
    let served = Served::new().await;
    assert_eq!(served.ask(1, "POST /v1/campaigns", &[], campaign()).await.status, 201);
    for (line, body) in [
        ("GET /v1/campaigns/1", Value::Null),
        ("PUT /v1/campaigns/1", campaign()),
        ("DELETE /v1/campaigns/1", Value::Null),
        ("PUT /v1/campaigns/1/state", json!({ "state": "running" })),
        (
            "POST /v1/campaigns/1/copy",
            json!({ "name": "b", "start": "2026-12-01", "end": "2026-12-01" }),
        ),
    ] {
        assert_eq!(served.ask(2, line, &[ANY], body).await.problem(404), "not-found", "{line}");
    }
    assert_eq!(served.get(2, "/v1/campaigns").await.body["items"], json!([]));
    assert_eq!(served.get(1, "/v1/campaigns/1").await.status, 200);
    assert_eq!(
        served.get(0, "/v1/campaigns").await.problem(404),
        "not-found",
        "no account of its own"
    );
}

#[tokio::test]
async fn a_creation_can_be_sent_again() {
    let served = Served::new().await;
    let key = ("idempotency-key", "order 7");
    let first = served.ask(1, "POST /v1/geofences", &[key], geofence()).await;
    let again = served.ask(1, "POST /v1/geofences", &[key], geofence()).await;
    assert_eq!(
        (again.status.as_u16(), &again.body, again.header("location")),
        (201, &first.body, Some("/v1/geofences/1"))
    );
    let other =
        served.ask(1, "POST /v1/geofences", &[key], set(geofence(), "/name", json!("b"))).await;
    assert_eq!(other.problem(422), "idempotency-key-reused");
    assert_eq!(
        served.ask(1, "POST /v1/brands", &[key], json!({ "name": "b" })).await.problem(422),
        "idempotency-key-reused"
    );
    let (fine, long) = ("k".repeat(255), "k".repeat(256));
    assert_eq!(
        served.ask(1, "POST /v1/geofences", &[("idempotency-key", &fine)], geofence()).await.status,
        201
    );
    let answer =
        served.ask(1, "POST /v1/geofences", &[("idempotency-key", &long)], geofence()).await;
    assert_eq!(
        (answer.problem(422), &answer.body["pointer"]),
        ("bad-field", &json!("Idempotency-Key"))
    );
}

#[tokio::test]
async fn an_account_is_made_once_under_a_key() {
    let served = Served::new().await;
    let key = [("idempotency-key", "contract 12")];
    let body = json!({ "name": "Deli", "membership": "lite" });
    let mut ids = Vec::new();
    for _ in 0..2 {
        let made = served.ask(0, "POST /v1/accounts", &key, body.clone()).await;
        assert_eq!(made.status, 201, "{made:?}");
        ids.push(made.body["id"].clone());
    }
    assert_eq!(ids, [json!(3), json!(3)]);
    let other = json!({ "name": "Other", "membership": "lite" });
    let refused = served.ask(0, "POST /v1/accounts", &key, other).await;
    assert_eq!(refused.problem(422), "idempotency-key-reused");
    // The key of an account's own request is another one.
    let brand = served.ask(1, "POST /v1/brands", &key, json!({ "name": "b" })).await;
    assert_eq!(brand.status, 201, "{brand:?}");
}

#[tokio::test]
async fn a_copy_and_a_file_can_be_sent_again_too() {
    let served = Served::new().await;
    served.ask(1, "POST /v1/campaigns", &[], campaign()).await;
    let copy = json!({ "name": "C", "start": "2026-12-01", "end": "2026-12-02" });
    let twice = async |path: &str, key: &'static str, body: &serde_json::Value| {
        let key = [("idempotency-key", key)];
        let first = served.ask(1, path, &key, body.clone()).await;
        let again = served.ask(1, path, &key, body.clone()).await;
        assert_eq!((first.status, &first.body["id"]), (again.status, &again.body["id"]));
        (first.body["id"].clone(), served.ask(1, path, &key, json!({ "other": 1 })).await)
    };
    let (made, other) = twice("POST /v1/campaigns/1/copy", "copy", &copy).await;
    assert_eq!((made, other.status.as_u16()), (json!(2), 422));
    let (made, other) = twice("POST /v1/imports?of=places&file=p.csv", "file", &json!([])).await;
    assert_eq!((made, other.problem(422)), (json!(1), "idempotency-key-reused"));
    let other =
        served.ask(1, "POST /v1/imports?of=regions", &[("idempotency-key", "file")], json!([]));
    assert_eq!(other.await.problem(422), "idempotency-key-reused");
    let listed = served.get(1, "/v1/imports?count=true").await;
    assert_eq!(listed.body["total"], 1, "{listed:?}");
}

#[tokio::test]
async fn campaigns_change_their_state_and_are_copied() {
    let served = Served::new().await;
    served.ask(1, "POST /v1/campaigns", &[], campaign()).await;
    let state = |to: &'static str, headers: &'static [(&'static str, &'static str)]| {
        served.ask(1, "PUT /v1/campaigns/1/state", headers, json!({ "state": to }))
    };
    let testing = state("testing", &[]).await;
    assert_eq!((testing.status.as_u16(), &testing.body["state"]), (200, &json!("testing")));
    assert_eq!(
        (testing.header("etag"), testing.header("geofenced-epoch")),
        (Some("\"2\""), Some("1"))
    );
    assert_eq!(testing.body["test_devices"], json!([PHONE]));
    assert_eq!(state("running", &[("if-match", "\"1\"")]).await.problem(412), "revision-stale");
    assert_eq!(state("ended", &[]).await.problem(409), "state-change-refused");
    let unknown = state("paused", &[]).await;
    assert_eq!((unknown.problem(422), &unknown.body["pointer"]), ("bad-field", &json!("/state")));
    let edit = served.ask(1, "PUT /v1/campaigns/1", &[ANY], campaign()).await;
    assert_eq!(edit.problem(409), "campaign-read-only");
    let copy = json!({ "name": "Again", "start": "2027-01-01", "end": "2027-01-02" });
    let copied = served.ask(1, "POST /v1/campaigns/1/copy", &[], copy).await;
    assert_eq!((copied.status.as_u16(), copied.header("location")), (201, Some("/v1/campaigns/2")));
    assert_eq!((&copied.body["state"], &copied.body["name"]), (&json!("waiting"), &json!("Again")));
}

#[tokio::test(start_paused = true)]
async fn a_request_can_wait_for_an_epoch() {
    let served = Served::new().await;
    served.publications.changed(crate::domain::ids::AccountId(1));
    let late = served.get(1, "/v1/geofences?wait_epoch=1").await;
    assert_eq!(late.problem(504), "timed-out");
    served.in_force.store(1, Ordering::Relaxed);
    assert_eq!(served.get(1, "/v1/geofences?wait_epoch=1").await.status, 200);
    assert_eq!(served.get(1, "/v1/account?wait_epoch=1").await.status, 200);
    assert_eq!(served.get(1, "/v1/geofences?wait_epoch=soon").await.problem(422), "bad-field");
    // No change was told this one: nobody waits for what does not come.
    assert_eq!(served.get(1, "/v1/geofences?wait_epoch=2").await.problem(422), "bad-field");
    served.publications.skip_past(crate::domain::ids::Epoch(8));
    let (waiting, _done) = tokio::join!(served.get(1, "/v1/blacklist?wait_epoch=2"), async {
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        served.in_force.store(2, Ordering::Relaxed);
    });
    assert_eq!(waiting.status, 200);
    let reason = "campaign 3 is broken".to_owned();
    let failure = crate::control::compiler::Failure { campaign: None, reason };
    let (ours, ninth) = (crate::domain::ids::AccountId(1), crate::domain::ids::Epoch(9));
    served.publications.note(ours, ninth, Err(failure));
    served.in_force.store(9, Ordering::Relaxed);
    // The epoch has come, without what the account changed.
    let why = served.get(1, "/v1/audit?wait_epoch=9").await;
    assert_eq!(why.problem(422), "failed");
    assert!(why.body["detail"].as_str().unwrap().contains("campaign 3 is broken"), "{why:?}");
    assert_eq!(
        served.get(1, "/v1/audit?wait_epoch=8").await.status,
        200,
        "before that all is well"
    );
    assert_eq!(served.get(2, "/v1/audit?wait_epoch=9").await.status, 200, "it is nobody else's");
    served.publications.note(ours, ninth, Ok(()));
    assert_eq!(served.get(1, "/v1/audit?wait_epoch=9").await.status, 200);
}

#[tokio::test]
async fn an_account_asks_so_often_and_no_more() {
    let served = Served::new().await;
    let limits = json!({ "requests_per_min": 3, "uploads_per_day": 5 });
    let limited = json!({ "name": "Mart", "membership": "basic", "limits": limits });
    assert_eq!(served.ask(0, "PUT /v1/accounts/1", &[ANY], limited).await.status, 200);
    served.hands.advance_ms(60_000);
    for _request in 0..3 {
        assert_eq!(served.get(1, "/v1/apps").await.status, 200);
    }
    served.hands.advance_ms(30_000);
    let refused = served.get(1, "/v1/apps").await;
    assert_eq!(
        (refused.problem(429), refused.header("retry-after")),
        ("too-many-requests", Some("30"))
    );
    assert_eq!(served.get(2, "/v1/apps").await.status, 200, "others have their own");
    assert_eq!(served.get(0, "/v1/accounts/1").await.status, 200, "so has the operator");
    served.hands.advance_ms(30_000);
    assert_eq!(served.get(1, "/v1/apps").await.status, 200);
}

#[tokio::test]
async fn an_account_sees_itself_and_the_operator_all() {
    let served = Served::new().await;
    let own = served.get(1, "/v1/account").await;
    assert_eq!((&own.body["id"], &own.body["membership"]), (&json!(1), &json!("basic")));
    let tag = own.header("etag").unwrap().to_owned();
    let better = set(own.body.clone(), "/membership", json!("premium"));
    let refused = served.ask(1, "PUT /v1/account", &[("if-match", &tag)], better.clone()).await;
    assert_eq!((refused.problem(422), refused.pointers()), ("bad-field", vec!["/membership"]));
    assert_eq!(
        served.ask(0, "PUT /v1/accounts/1", &[("if-match", &tag)], better).await.status,
        200
    );
    let listed = served.get(0, "/v1/accounts?sort=-id&limit=1&count=true").await;
    assert_eq!((&listed.body["total"], &listed.body["items"][0]["id"]), (&json!(2), &json!(2)));
    let next = listed.body["next"].as_str().unwrap();
    let last = served.get(0, &format!("/v1/accounts?sort=-id&limit=1&cursor={next}")).await;
    assert_eq!((&last.body["items"][0]["id"], &last.body["next"]), (&json!(1), &Value::Null));
    assert_eq!(served.get(0, "/v1/accounts/9").await.problem(404), "not-found");
    let wrong =
        served.ask(0, "POST /v1/accounts", &[], json!({ "name": "", "membership": "lite" })).await;
    assert_eq!(wrong.pointers(), ["/name"]);
    let notes = served.get(1, "/v1/audit?limit=1").await;
    let note = &notes.body["items"][0];
    assert_eq!(served.get(1, "/v1/audit?cursor=9223372036854775807").await.status, 200);
    let beyond = served.get(1, "/v1/audit?cursor=9223372036854775808").await;
    assert_eq!((beyond.problem(422), beyond.pointers()), ("bad-field", vec!["cursor"]));
    assert_eq!(
        (&note["by"], &note["action"], &note["kind"]),
        (&json!("token 0"), &json!("update"), &json!("account"))
    );
}

#[tokio::test]
async fn devices_are_put_on_the_blacklist_and_taken_off() {
    let served = Served::new().await;
    let edit = json!({ "advertising_ids": [PHONE], "echo_codes": ["ab".repeat(16)] });
    let added = served.ask(1, "POST /v1/blacklist/add", &[], edit.clone()).await;
    assert_eq!((added.status.as_u16(), &added.body["changed"]), (200, &json!(2)));
    assert_eq!(added.header("geofenced-epoch"), Some("0"));
    assert_eq!(served.get(1, "/v1/blacklist").await.body, json!({ "items": [PHONE], "total": 1 }));
    let echoes = served.get(1, "/v1/blacklist?by=echo_code").await;
    assert_eq!(echoes.body["items"], json!(["ab".repeat(16)]));
    assert_eq!(served.get(2, "/v1/blacklist").await.body["total"], 0);
    assert_eq!(served.ask(1, "POST /v1/blacklist/remove", &[], edit).await.body["changed"], 2);
    let wrong = json!({ "advertising_ids": [PHONE, "x", "00000000000000000000000000000000"] });
    let refused = served.ask(1, "POST /v1/blacklist/add", &[], wrong).await;
    assert_eq!(refused.problem(422), "bad-field");
    assert_eq!(refused.pointers(), ["/advertising_ids/1", "/advertising_ids/2"]);
    assert_eq!(served.get(1, "/v1/blacklist").await.body["total"], 0, "nothing was changed");
    for query in ["by=name", "limit=0", "cursor=zz"] {
        let answer = served.get(1, &format!("/v1/blacklist?{query}")).await;
        assert_eq!(answer.problem(422), "bad-field", "{query}");
    }
}
