//! Streams: what they send, from where they go on, when they end, and how many there may be.

use axum::body::Body;
use axum::response::Response;
use http_body_util::BodyExt as _;
use serde_json::Value;

use super::served::Served;
use crate::auth::book::Book;
use crate::control::samples::campaign;

/// The next event of a body: its lines; none where the stream ends.
async fn next(body: &mut Body) -> Option<Vec<String>> {
    loop {
        let frame = body.frame().await?.unwrap();
        let text = String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap();
        // Comments keep the connection alive.
        if !text.starts_with(':') {
            return Some(text.trim_end().lines().map(str::to_owned).collect());
        }
    }
}

async fn open(served: &Served, account: u32, path: &str, after: Option<&str>) -> Response {
    let headers: Vec<(&str, &str)> = after.map(|id| ("last-event-id", id)).into_iter().collect();
    served.begin(account, &format!("GET {path}"), &headers, String::new()).await
}

const NOTICES: &str = "/v1/notices/stream";

#[tokio::test]
async fn notices_come_as_they_happen_and_go_on_where_they_were_left() {
    let served = Served::new().await;
    let make = || served.ask(1, "POST /v1/campaigns", &[], campaign());
    make().await;
    let answer = open(&served, 1, NOTICES, None).await;
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let mut body = answer.into_body();
    make().await;
    let event = next(&mut body).await.unwrap();
    assert_eq!(event[..2], ["id: 2", "event: campaign_created"], "what was before is not told");
    let told: Value = serde_json::from_str(event[2].strip_prefix("data: ").unwrap()).unwrap();
    assert_eq!(
        (&told["id"], &told["subject"], &told["of"]),
        (&2.into(), &2.into(), &"campaign_created".into())
    );
    drop(body);
    make().await;
    let mut again = open(&served, 1, NOTICES, Some("1")).await.into_body();
    assert_eq!(next(&mut again).await.unwrap()[0], "id: 2");
    assert_eq!(next(&mut again).await.unwrap()[0], "id: 3");
    assert_eq!(served.get(1, "/v1/notices?sort=-id&limit=1").await.body["items"][0]["id"], 3);
    assert_eq!(served.get(1, "/v1/notices/3").await.body["name"], "Lunch");
    // They are the account's alone.
    assert_eq!(served.get(2, "/v1/notices").await.body["items"], serde_json::json!([]));
    for wrong in ["x", "-1", ""] {
        let refused = served
            .ask(1, &format!("GET {NOTICES}"), &[("last-event-id", wrong)], Value::Null)
            .await;
        assert_eq!(refused.problem(422), "bad-field", "{wrong}");
    }
}

#[tokio::test]
async fn an_import_is_followed_to_its_end() {
    let served = Served::new().await;
    let sent = served.send(1, "POST /v1/imports?of=places", &[], "nothing".to_owned()).await;
    assert_eq!(sent.status, 202);
    let path = "/v1/imports/1/stream";
    let mut body = open(&served, 1, path, None).await.into_body();
    // Nobody reads it here, so it waits; then it is given up.
    let event = next(&mut body).await.unwrap();
    assert_eq!(event[..2], ["id: 1", "event: progress"]);
    let gone = served.ask(1, "DELETE /v1/imports/1", &[], Value::Null).await;
    assert_eq!(gone.status, 204);
    assert_eq!(next(&mut body).await, None, "nothing is left to follow");
    assert_eq!(served.get(1, path).await.problem(404), "not-found");
    assert_eq!(served.get(2, path).await.problem(404), "not-found");
}

#[tokio::test]
async fn so_many_streams_are_open_and_no_more() {
    let served = Served::new().await;
    let first = open(&served, 1, NOTICES, None).await;
    let second = open(&served, 1, NOTICES, None).await;
    assert_eq!((first.status().as_u16(), second.status().as_u16()), (200, 200));
    let refused = served.get(1, NOTICES).await;
    assert_eq!(refused.problem(429), "too-many-requests");
    assert_eq!(refused.header("retry-after"), Some("10"));
    assert!(
        refused.body["detail"].as_str().unwrap().starts_with("streams beyond 2"),
        "{refused:?}"
    );
    let others = open(&served, 2, NOTICES, None).await;
    assert_eq!(others.status(), 200);
    let refused = served.get(2, NOTICES).await;
    let detail = refused.body["detail"].as_str().unwrap();
    assert!(detail.starts_with("streams beyond 3 of all accounts at a time"), "{detail}");
    drop(first);
    assert_eq!(open(&served, 2, NOTICES, None).await.status(), 200, "one has left");
}

#[tokio::test]
async fn a_stream_ends_with_its_token_and_with_the_daemon() {
    let served = Served::new().await;
    let mut ours = open(&served, 1, NOTICES, None).await.into_body();
    served.shutdown.request("a test");
    assert_eq!(next(&mut ours).await, None);
    let served = Served::new().await;
    let mut ours = open(&served, 1, NOTICES, None).await.into_body();
    served.authority.replace(Book::default());
    assert_eq!(next(&mut ours).await, None);
}
