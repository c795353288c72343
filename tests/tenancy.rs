//! Two accounts against each other: whatever one of them asks for, by whatever numbers, names, cursors and epochs, nothing
//! of the other's comes out, and nothing of the other's changes.
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

#[path = "campaign_story/customer.rs"]
#[expect(dead_code, reason = "the story uses the rest")]
mod customer;
mod support;

use customer::Customer;
use hyper::Method;
use serde_json::{Value, json};
use support::Daemon;

/// In every text that an account has.
const SECRETS: [&str; 2] = ["zebra-9f31", "lynx-77c2"];

const KINDS: [&str; 15] = [
    "apps",
    "regions",
    "brands",
    "categories",
    "places",
    "geofences",
    "groups",
    "segments",
    "campaigns",
    "imports",
    "addresses",
    "test-devices",
    "erasures",
    "notices",
    "reports",
];

/// Requests that are made up, in each direction.
const REQUESTS: u64 = 500;

/// What is asked of a campaign, besides.
const OF_CAMPAIGN: [&str; 7] = [
    "figures",
    "figures/hours",
    "report",
    "report.csv",
    "visit-report?brands=1",
    "visit-report.csv?brands=1",
    "copy",
];

/// What has no number of a record.
const SINGLE: [&str; 15] = [
    "account",
    "accounts",
    "accounts/1",
    "tokens",
    "blacklist",
    "snapshots",
    "audit?limit=1000",
    "location-uses?limit=1000",
    "usage",
    "usage.csv",
    "usage.xlsx",
    "fence-health",
    "notices?limit=1000",
    "explain?device=38400000-8cf0-11bd-b23e-10b96e40000d&campaign=1",
    "backtests",
];

/// A small generator of even numbers (Marsaglia's xorshift64).
struct Lots(u64);

impl Lots {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }

    fn of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[usize::try_from(self.below(all.len() as u64)).unwrap()]
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_one_account_reaches_another() {
    let daemon = Daemon::start(&[]);
    let (owner, stranger) =
        (Customer::new(&daemon, "basic").await, Customer::new(&daemon, "premium").await);
    fill(&owner, SECRETS[0]).await;
    attacked(&owner, SECRETS[0], &stranger).await;
    // The other way round, where both have records of the same numbers.
    fill(&stranger, SECRETS[1]).await;
    attacked(&stranger, SECRETS[1], &owner).await;
}

/// Somebody asks for what another has.
async fn attacked(owner: &Customer, secret: &str, stranger: &Customer) {
    let before = everything(owner).await;
    assert!(before.matches(secret).count() > 15, "{before}");
    let mut lots = Lots(0x5EED);
    let mut answers = [0_u32; 6];
    for number in 0..REQUESTS {
        let (method, path, body) = request(&mut lots, secret);
        let headers = [("if-match", "*"), ("idempotency-key", "the-same")];
        let headers = if lots.below(3) == 0 { &headers[..] } else { &headers[..1] };
        let answer = stranger.raw(method.clone(), &path, headers, body.into()).await;
        let said = format!("{:?} {}", answer.headers, String::from_utf8_lossy(&answer.body));
        assert!(!said.contains(secret), "{number}: {method} {path} gave {said}");
        assert!(!answer.status.is_server_error(), "{number}: {method} {path} gave {said}");
        answers[usize::from(answer.status.as_u16() / 100)] += 1;
    }
    assert!(answers[2] > 20 && answers[4] > 100, "the requests show nothing: {answers:?}");
    assert_eq!(everything(owner).await, before);
}

/// That there is such a record is not told either: it is as if there were none.
#[tokio::test(flavor = "multi_thread")]
async fn what_another_has_is_not_there() {
    let daemon = Daemon::start(&[]);
    let (owner, stranger) =
        (Customer::new(&daemon, "basic").await, Customer::new(&daemon, "premium").await);
    fill(&owner, SECRETS[0]).await;
    let app = json!({"name": "n", "package": "p", "platform": "ios"});
    let key = [("idempotency-key", "the-same")];
    let ours = owner.ask(Method::POST, "/v1/brands", &key, r#"{"name": "ours"}"#.into()).await;
    assert_eq!(ours.status, 201, "{}", ours.body);
    let theirs = stranger.ask(Method::POST, "/v1/apps", &key, app.to_string().into()).await;
    assert_eq!((theirs.status, &theirs.body["id"]), (201, &json!(1)), "{}", theirs.body);
    for kind in KINDS.into_iter().filter(|kind| {
        !["apps", "addresses", "test-devices", "notices", "reports", "erasures"].contains(kind)
    }) {
        for path in [format!("/v1/{kind}/1"), format!("/v1/{kind}/99")] {
            assert_eq!(stranger.get(&path).await.status, 404, "{path}");
            assert_eq!(stranger.delete(&path).await.status, 404, "{path}");
        }
        assert_eq!(owner.get(&format!("/v1/{kind}/1")).await.status, 200, "{kind}");
    }
    for path in OF_CAMPAIGN.iter().filter(|path| **path != "copy") {
        let path = format!("/v1/campaigns/1/{path}");
        assert_eq!(stranger.get(&path).await.status, 404, "{path}");
    }
}

/// One document of each kind, and a list of devices.
async fn fill(owner: &Customer, secret: &str) {
    let app = json!({"name": secret, "package": format!("kr.{secret}"), "platform": "ios"});
    let app = owner.make("/v1/apps", &app).await;
    let square = json!({"type": "polygon", "coordinates":
        [[[127.0, 37.0], [127.1, 37.0], [127.1, 37.1], [127.0, 37.1], [127.0, 37.0]]]});
    let region = json!({"name": secret, "level": "state", "code": secret, "shape": square});
    owner.make("/v1/regions", &region).await;
    let brand = owner.make("/v1/brands", &json!({"name": secret})).await;
    let category = owner.make("/v1/categories", &json!({"name": secret})).await;
    let place = json!({"name": secret, "code": secret, "brand": brand, "category": category,
        "lat": 37.0, "lon": 127.0});
    owner.make("/v1/places", &place).await;
    let circle = json!({"name": secret, "description": secret, "client_code": secret,
        "shape": {"type": "circle", "lat": 37.0, "lon": 127.0, "radius_m": 100}});
    let fence = owner.make("/v1/geofences", &circle).await;
    let rows = format!(
        "구분,위도,경도,반경(m),이름\n1,37.0,127.0,100,{secret}\n1,137,127.0,100,{secret}\n"
    );
    owner.upload(&format!("of=group&name={secret}&file={secret}.csv"), rows.into()).await;
    let list = "38400000-8cf0-11bd-b23e-10b96e40000d\n";
    owner.upload(&format!("of=segment&name={secret}&file={secret}.csv"), list.into()).await;
    let campaign = json!({"name": secret, "client_code": secret, "apps": [app],
        "locations": [{"general": {"geofences": [fence]}}], "trigger": {"on": "enter"},
        "start": "2099-01-01", "end": "2099-01-02",
        "windows": [{"days": ["mon"], "start": "09:00", "end": "18:00"}],
        "frequency": "once_per_day", "message_type": "text",
        "messages": [{"title": secret, "body": secret}]});
    owner.make("/v1/campaigns", &campaign).await;
    let usage = owner.raw(Method::GET, "/v1/usage.csv", &[], Vec::new()).await;
    assert_eq!(usage.status, 200);
}

/// All that an account sees of its own, as text.
async fn everything(owner: &Customer) -> String {
    let mut seen = String::new();
    for path in KINDS
        .map(|kind| format!("/v1/{kind}"))
        .iter()
        .map(String::as_str)
        .chain(["/v1/account", "/v1/blacklist"])
    {
        seen.push_str(&owner.get(path).await.body.to_string());
    }
    seen
}

/// Something that a stranger may try.
fn request(lots: &mut Lots, secret: &str) -> (Method, String, String) {
    let kind = lots.of(&KINDS);
    let id = lots.below(6);
    let path = match lots.below(10) {
        0 => format!("/v1/{kind}?search={secret}&count=true"),
        1 => format!("/v1/{kind}?cursor={id}-&limit=1000"),
        2 => format!("/v1/{kind}?parent={id}&brand={id}&category={id}&group={id}"),
        3 => format!("/v1/campaigns/{id}/{}", lots.of(&OF_CAMPAIGN)),
        7 => format!("/v1/segments/{id}/size"),
        4 => format!("/v1/imports/{id}/{}", lots.of(&["bad-rows", "accept"])),
        5 => format!("/v1/campaigns/{id}/{}", lots.of(&["state", "copy"])),
        6 => format!("/v1/{}", lots.of(&SINGLE)),
        8 => format!("/v1/reports/{id}/file"),
        _ => format!("/v1/{kind}/{id}"),
    };
    let method = match lots.below(5) {
        0 => Method::POST,
        1 => Method::PUT,
        2 => Method::DELETE,
        _ => Method::GET,
    };
    (method, path, body(lots).to_string())
}

/// Documents that name numbers which may be the other's.
fn body(lots: &mut Lots) -> Value {
    let id = lots.below(6);
    match lots.below(6) {
        0 => json!({"name": "n", "package": "p", "platform": "ios"}),
        1 => {
            json!({"name": format!("n{id}"), "code": format!("c{id}"), "brand": id, "category": id,
            "lat": 1.0, "lon": 2.0})
        }
        2 => json!({"name": format!("n{id}"), "parent": id}),
        3 => json!({"state": lots.of(&["running", "testing", "waiting"])}),
        4 => json!({"name": "copy", "start": "2099-01-01", "end": "2099-01-02"}),
        _ => json!({"name": "n", "apps": [id], "audience": {"segment": id},
            "locations": [{"general": {"geofences": [id], "groups": [id], "brands": [id], "regions": [id]}}],
            "trigger": {"on": "enter"}, "start": "2099-01-01", "end": "2099-01-02",
            "windows": [{"days": ["mon"], "start": "09:00", "end": "18:00"}],
            "frequency": "once_per_day", "message_type": "none"}),
    }
}
