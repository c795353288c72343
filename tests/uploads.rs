//! Files through the API: nothing of a partly bad one is in use before its good rows are accepted, bad rows say why, and
//! a file that was being read when the daemon was killed is read again.
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

#[path = "campaign_story/customer.rs"]
#[expect(dead_code, reason = "the story uses the rest")]
mod customer;
mod support;

use customer::Customer;
use hyper::Method;
use serde_json::{Value, json};
use support::Daemon;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Three stores, one of them on no earth and one a repeat.
const PLACES: &str = "매장코드,매장명,브랜드,카테고리,위도,경도\n\
    a,하나,커피,식음료>카페,37.5,127.0\n\
    b,둘,커피,식음료>카페,137.5,127.0\n\
    a,셋,커피,식음료>카페,37.6,127.0\n\
    c,=넷,책,소매,37.7,127.1\n";

async fn total(customer: &Customer, kind: &str) -> u64 {
    let listed = customer.get(&format!("/v1/{kind}?count=true&limit=1")).await;
    listed.body["total"].as_u64().unwrap()
}

async fn text(customer: &Customer, path: &str) -> String {
    let answer = customer.raw(Method::GET, path, &[], Vec::new()).await;
    assert_eq!(answer.status.as_u16(), 200);
    String::from_utf8(answer.body.to_vec()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partly_bad_file_waits_for_its_good_rows_to_be_accepted() {
    let daemon = Daemon::start(&[]);
    let customer = Customer::new(&daemon, "basic").await;
    let import = customer.upload("of=places&file=p.csv", PLACES.into()).await;
    let counts = [&import["good"], &import["bad"]];
    assert_eq!((&import["state"], counts), (&json!("partly_failed"), [&json!(2), &json!(2)]));
    assert_eq!((total(&customer, "places").await, total(&customer, "brands").await), (0, 0));
    let id = import["id"].as_u64().unwrap();
    let bad = text(&customer, &format!("/v1/imports/{id}/bad-rows?language=english")).await;
    let rows: Vec<&str> = bad.lines().collect();
    assert!(rows[1].starts_with("3,위도,137.5,") && rows[1].contains("-90 to 90"), "{bad}");
    assert!(rows[2].starts_with("4,") && rows[2].contains("an earlier row has it"), "{bad}");
    assert_eq!(rows.len(), 3, "{bad}");

    let accept = format!("/v1/imports/{id}/accept");
    let accepted = customer.ask(Method::POST, &accept, &[], Vec::new()).await;
    assert_eq!((accepted.status, &accepted.body["state"]), (200, &json!("checking")));
    assert_eq!(customer.concluded(id).await["state"], "usable");
    assert_eq!((total(&customer, "places").await, total(&customer, "brands").await), (2, 2));
    let again = customer.ask(Method::POST, &accept, &[], Vec::new()).await;
    assert_eq!(again.body["type"], "urn:geofenced:problem:not-usable");
    // The same file once more replaces what it made.
    let import =
        customer.upload("of=places&file=p.csv", PLACES.replace("137.5", "37.55").into()).await;
    let id = import["id"].as_u64().unwrap();
    customer.ask(Method::POST, &format!("/v1/imports/{id}/accept"), &[], Vec::new()).await;
    assert_eq!(customer.concluded(id).await["state"], "usable");
    assert_eq!(total(&customer, "places").await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_by_address_are_put_where_the_table_has_them() {
    let daemon = Daemon::start(&[]);
    let customer = Customer::new(&daemon, "basic").await;
    let other = Customer::new(&daemon, "premium").await;
    let rows = "이름,반경(m),도로명주소,지번주소\n\
        시청,100,서울특별시 중구 세종대로 110 (태평로1가),\n\
        궁,150,없는 길 1,서울 종로구 세종로 1-1\n";
    let group = |name: &'static str| format!("of=group&name={name}&file=g.csv");
    let before = customer.upload(&group("A"), rows.into()).await;
    assert_eq!((&before["state"], &before["bad"]), (&json!("failed"), &json!(2)), "{before}");
    let bad = text(&customer, &format!("/v1/imports/{}/bad-rows", before["id"])).await;
    assert!(bad.contains("address table") && bad.contains("latitude and longitude"), "{bad}");
    let table = "road address,lot address,latitude,longitude\n\
        서울 중구 세종대로 110,,37.5663,126.9779\n,서울 종로구 세종로 1-1,37.5796,126.9770\n";
    let table = customer.upload("of=addresses&file=a.csv", table.into()).await;
    assert_eq!((&table["state"], &table["good"]), (&json!("usable"), &json!(2)), "{table}");
    let after = customer.upload(&group("B"), rows.into()).await;
    assert_eq!((&after["state"], &after["good"]), (&json!("usable"), &json!(2)), "{after}");
    let fences = customer.get("/v1/geofences").await.body;
    let shape = |at: usize| fences["items"][at]["shape"].clone();
    let circle = |lat: f64, lon: f64, radius_m: u32| json!({"type": "circle", "lat": lat, "lon": lon, "radius_m": radius_m});
    assert_eq!(shape(0), circle(37.5663, 126.9779, 100));
    assert_eq!(shape(1), circle(37.5796, 126.977, 150));
    let stores = "매장코드,매장명,도로명주소\na,하나,서울 중구 세종대로 110\n";
    assert_eq!(customer.upload("of=places&file=p.csv", stores.into()).await["state"], "usable");
    assert_eq!(customer.get("/v1/places/1").await.body["lat"], 37.5663);
    // The table is the account's own.
    assert_eq!(other.upload(&group("A"), rows.into()).await["state"], "failed");
    assert_eq!(total(&other, "addresses").await, 0);
}

/// A service that knows one address, and gives nonsense for another. Answers each request on a connection of its own.
async fn geocoding_service() -> std::net::SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4096];
            let read = stream.read(&mut request).await.unwrap();
            let line = String::from_utf8_lossy(&request[..read]).lines().next().unwrap().to_owned();
            assert!(line.starts_with("GET /search?format=jsonv2&q="), "{line}");
            // 종로 and 달 in UTF-8, as a URL has them.
            let body = if line.contains("%EC%A2%85%EB%A1%9C") {
                r#"[{"lat": "37.5796", "lon": "126.9770"}, {"lat": "1", "lon": "1"}]"#
            } else if line.contains("%EB%8B%AC") {
                r#"[{"lat": 137, "lon": 0}]"#
            } else {
                "[]"
            };
            let answer = format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    addr
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_that_no_table_has_are_asked_of_the_service() {
    let service = geocoding_service().await;
    let url = format!("http://{service}/search?format=jsonv2&q={{address}}");
    let daemon = Daemon::start(&[("GEOFENCED__GEOCODER__URL", &url)]);
    let customer = Customer::new(&daemon, "basic").await;
    let rows = "이름,반경(m),도로명주소,지번주소\n\
        궁,150,없는 길 1,서울 종로구 세종로 1-1\n달,100,달 뒷면 1,\n길,100,없는 길 2,\n";
    let import = customer.upload("of=group&name=A&file=g.csv", rows.into()).await;
    let counts = (&import["state"], &import["good"], &import["bad"]);
    assert_eq!(counts, (&json!("partly_failed"), &json!(1), &json!(2)), "{import}");
    let accepted = customer.post(&format!("/v1/imports/{}/accept", import["id"]), &json!({})).await;
    assert_eq!(accepted.status, 200, "{}", accepted.body);
    assert_eq!(customer.concluded(import["id"].as_u64().unwrap()).await["state"], "usable");
    let fence = customer.get("/v1/geofences/1").await.body;
    assert_eq!(
        (&fence["shape"]["lat"], &fence["shape"]["lon"]),
        (&json!(37.5796), &json!(126.977))
    );
    // What it answered is the account's from now on.
    assert_eq!(total(&customer, "addresses").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_does_not_answer_fails_the_file_and_says_so() {
    // Nobody listens there any more.
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{gone}/search?q={{address}}");
    let daemon = Daemon::start(&[("GEOFENCED__GEOCODER__URL", &url)]);
    let customer = Customer::new(&daemon, "basic").await;
    let rows = "이름,반경(m),도로명주소\n궁,150,없는 길 1\n";
    let import = customer.upload("of=group&name=A&file=g.csv", rows.into()).await;
    assert_eq!(import["state"], "check_error", "{import}");
    let reason = import["reason"].as_str().unwrap();
    assert!(reason.contains("geocoding service") && reason.contains(&gone.to_string()), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_is_followed_to_the_end_and_told_as_a_notice() {
    let daemon = Daemon::start(&[]);
    let customer = Customer::new(&daemon, "basic").await;
    let rows = (0..6000).map(|row| format!("{row},매장,,,37.5,127.0\n"));
    let header = "매장코드,매장명,브랜드,카테고리,위도,경도\n".to_owned();
    let file: String = std::iter::once(header).chain(rows).collect();
    let path = "/v1/imports?of=places&file=p.csv";
    let sent = customer.ask(Method::POST, path, &[], file.into()).await;
    let path = format!("/v1/imports/{}/stream", sent.body["id"]);
    let events = text(&customer, &path).await;
    let all: Vec<&str> = events.split("\n\n").filter(|event| event.starts_with("id: ")).collect();
    let (last, earlier) = all.split_last().unwrap();
    assert!(earlier.iter().all(|event| event.contains("event: progress")), "{events}");
    assert!(last.contains("event: ended") && last.contains("\"state\":\"usable\""), "{events}");
    let id = last.strip_prefix("id: ").unwrap().lines().next().unwrap();
    let again = customer.raw(Method::GET, &path, &[("last-event-id", id)], Vec::new()).await;
    assert_eq!(again.status.as_u16(), 204, "whoever comes again is told that there is no more");
    let notices = customer.get("/v1/notices").await.body;
    let notice = &notices["items"][0];
    let told = [&notice["of"], &notice["subject"], &notice["name"], &notice["detail"]];
    assert_eq!(told, [&json!("import_ended"), &json!(1), &json!("p.csv"), &json!("usable")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_none_fails_and_says_why() {
    let daemon = Daemon::start(&[]);
    let customer = Customer::new(&daemon, "premium").await;
    for (query, file, why) in [
        ("of=places", "가,나\n1,2\n", "header"),
        ("of=segment&name=S", "no id\nno id either\n", ""),
        ("of=group&name=G", "\u{0}\u{1}\u{2}", ""),
    ] {
        let import = customer.upload(query, file.into()).await;
        assert_eq!(import["state"], "failed", "{import}");
        assert!(import["reason"].as_str().unwrap().contains(why), "{import}");
    }
    let unknown = customer.ask(Method::POST, "/v1/imports?of=nothing", &[], b"x".to_vec()).await;
    assert_eq!((unknown.status, &unknown.body["pointer"]), (422, &json!("of")));
    // A segment whose file failed addresses nobody.
    let segments = customer.get("/v1/segments").await.body;
    assert_eq!(segments["items"][0]["state"], "failed", "{segments}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_was_being_read_is_read_again() {
    let mut daemon = Daemon::start(&[]);
    let customer = Customer::new(&daemon, "basic").await;
    let rows =
        (0..3000).map(|row| format!("1,,37.{:04},127.0,60,g-{row},펜스 {row},\n", row + 1000));
    let header = "구분,다각형,위도,경도,반경(m),고객코드,이름,설명\n";
    let file: String = std::iter::once(header.to_owned()).chain(rows).collect();
    let path = "/v1/imports?of=group&name=Many&file=many.csv";
    let sent = customer.ask(Method::POST, path, &[], file.into()).await;
    assert_eq!(sent.status, 202, "{}", sent.body);
    while total(&customer, "geofences").await == 0 {}
    daemon.kill9();
    daemon.restart();
    let import = customer.concluded(sent.body["id"].as_u64().unwrap()).await;
    assert_eq!((&import["state"], &import["good"]), (&json!("usable"), &json!(3000)));
    assert_eq!(total(&customer, "geofences").await, 3000);
    let group: Value = customer.get(&format!("/v1/groups/{}", import["into"])).await.body;
    assert_eq!(group["state"], "usable");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_ends_though_its_group_is_gone() {
    let daemon = Daemon::start(&[]);
    let customer = Customer::new(&daemon, "basic").await;
    let rows = "구분,위도,경도,반경(m),이름\n1,37.0,127.0,100,하나\n1,137,127.0,100,둘\n";
    let import = customer.upload("of=group&name=G&file=g.csv", rows.into()).await;
    assert_eq!(import["state"], "partly_failed", "{import}");
    let deleted = customer.delete(&format!("/v1/groups/{}", import["into"])).await;
    assert_eq!(deleted.status, 204, "{}", deleted.body);
    let id = import["id"].as_u64().unwrap();
    let accept = format!("/v1/imports/{id}/accept");
    assert_eq!(customer.ask(Method::POST, &accept, &[], Vec::new()).await.status, 200);
    let import = customer.concluded(id).await;
    assert_eq!(import["state"], "check_error", "{import}");
    assert!(import["reason"].as_str().unwrap().contains("there is no group"), "{import}");
    assert_eq!(total(&customer, "geofences").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_upload_leaves_nothing_behind() {
    let daemon = Daemon::start(&[]);
    let customer = Customer::new(&daemon, "lite").await;
    let path = "/v1/imports?of=group&name=G&file=g.csv";
    let refused = customer.ask(Method::POST, path, &[], PLACES.into()).await;
    assert_eq!(refused.status, 403, "{}", refused.body);
    let left = std::fs::read_dir(daemon.data_dir.join("uploads")).unwrap().count();
    assert_eq!(left, 0);
    // It is refused by its head, before any of a file that is said to be long has come.
    let mut stream = tokio::net::TcpStream::connect(daemon.http).await.unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-length: 60000000\r\n\r\n",
        customer.campaigns
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 403");
}

/// A group of so many circles, the last of them on no earth where `spoilt`.
fn circles(count: u32, spoilt: bool) -> Vec<u8> {
    let lat = |at: u32| {
        if spoilt && at + 1 == count { 137.0 } else { 37.0 + f64::from(at) / 1000.0 }
    };
    let rows = (0..count).map(|at| format!("1,{},127.0,100,펜스 {at}\n", lat(at)));
    let header = "구분,위도,경도,반경(m),이름\n".to_owned();
    std::iter::once(header).chain(rows).collect::<String>().into()
}

async fn state_of(customer: &Customer, group: &Value) -> Value {
    customer.get(&format!("/v1/groups/{group}")).await.body["state"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_file_of_a_group_is_the_one_that_counts() {
    let daemon = Daemon::start(&[]);
    let customer = Customer::new(&daemon, "basic").await;
    let first = customer.upload("of=group&name=G&file=1.csv", circles(9, true)).await;
    assert_eq!(first["state"], "partly_failed", "{first}");
    let (group, into) = (&first["into"], format!("of=group&into={}&file=2.csv", first["into"]));
    let second = customer.upload(&into, circles(3, false)).await;
    assert_eq!(
        (&second["state"], state_of(&customer, group).await),
        (&json!("usable"), json!("usable"))
    );
    // The first is done with, and has no hold on the group any more.
    let path = format!("/v1/imports/{}", first["id"]);
    let left = customer.get(&path).await.body;
    assert_eq!(
        (&left["state"], &left["reason"]),
        (&json!("failed"), &json!("a later file was sent in its place"))
    );
    let accepted = customer.ask(Method::POST, &format!("{path}/accept"), &[], Vec::new()).await;
    assert_eq!(accepted.status, 409, "{}", accepted.body);
    let files = std::fs::read_dir(daemon.data_dir.join("uploads")).unwrap();
    let kept = |name: &str| name.ends_with(".upload");
    let kept = files.filter(|file| kept(file.as_ref().unwrap().file_name().to_str().unwrap()));
    assert_eq!(kept.count(), 0, "no file of either is kept");
    assert_eq!(customer.delete(&path).await.status, 204);
    assert_eq!(
        (state_of(&customer, group).await, total(&customer, "geofences").await),
        (json!("usable"), 3)
    );
    // One that waits is given up: what the file before has brought is as it was.
    let third = customer.upload(&into, circles(5, true)).await;
    assert_eq!(state_of(&customer, group).await, "partly_failed");
    assert_eq!(customer.delete(&format!("/v1/imports/{}", third["id"])).await.status, 204);
    assert_eq!(
        (state_of(&customer, group).await, total(&customer, "geofences").await),
        (json!("usable"), 3)
    );
    // Nothing that others need by itself is taken away with it.
    let app = json!({"name": "A", "package": "kr.example", "platform": "android"});
    let app = customer.make("/v1/apps", &app).await;
    let fences = customer.get("/v1/geofences").await.body;
    let campaign = json!({"name": "C", "apps": [app], "trigger": {"on": "enter"}, "frequency": "once_per_day",
        "locations": [{"general": {"geofences": [fences["items"][1]["id"]]}}], "start": "2026-01-01", "end": "2099-12-31",
        "windows": [{"days": ["mon"], "start": "00:00", "end": "24:00"}], "message_type": "none"});
    customer.make("/v1/campaigns", &campaign).await;
    let refused =
        customer.ask(Method::POST, &format!("/v1/imports?{into}"), &[], circles(2, false)).await;
    assert_eq!(
        (refused.status, &refused.body["type"]),
        (409, &json!("urn:geofenced:problem:in-use"))
    );
    assert_eq!(
        (state_of(&customer, group).await, total(&customer, "geofences").await),
        (json!("usable"), 3)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_for_a_segment_takes_the_place_of_the_one_before() {
    let daemon = Daemon::start(&[]);
    let customer = Customer::new(&daemon, "basic").await;
    let ids = |from: u32, to: u32| -> Vec<u8> {
        let rows = (from..to).map(|id| format!("{id:08x}-0000-4000-8000-000000000001\n"));
        std::iter::once("advertising id\n".to_owned()).chain(rows).collect::<String>().into()
    };
    let size = async || customer.get("/v1/segments/1/size").await.body["size"].clone();
    assert_eq!(
        customer.upload("of=segment&name=S&file=1.csv", ids(1, 1201)).await["state"],
        "usable"
    );
    assert_eq!(size().await, 1200);
    assert_eq!(
        customer.upload("of=segment&into=1&file=2.csv", ids(1001, 1501)).await["state"],
        "usable"
    );
    assert_eq!(size().await, 500, "none of the first file is left");
    let bad =
        customer.upload("of=segment&into=1&file=3.csv", b"advertising id\nnone\n".to_vec()).await;
    assert_eq!((&bad["state"], size().await), (&json!("failed"), json!(500)));
}

#[tokio::test(flavor = "multi_thread")]
async fn so_many_wrong_cells_are_kept_and_the_upload_is_not() {
    let daemon = Daemon::start(&[]);
    let customer = Customer::new(&daemon, "basic").await;
    let rows = (0..100_010).map(|row| format!("{row},매장,137.5,127.0\n"));
    let file: String =
        std::iter::once("매장코드,매장명,위도,경도\n".to_owned()).chain(rows).collect();
    let import = customer.upload("of=places&file=p.csv", file.into()).await;
    assert_eq!((&import["state"], &import["bad"]), (&json!("failed"), &json!(100_010)));
    let bad =
        text(&customer, &format!("/v1/imports/{}/bad-rows?language=english", import["id"])).await;
    assert_eq!(bad.lines().count(), 100_001);
    assert!(bad.lines().last().unwrap().contains("mend these first"));
    let left: Vec<_> = std::fs::read_dir(daemon.data_dir.join("uploads")).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}
