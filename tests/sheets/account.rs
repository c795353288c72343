//! An account with something to report: campaigns of many days, and months of many pushes.

use geofenced::domain::ids::AccountId;
use hyper::Method;
use jiff::ToSpan as _;
use jiff::civil::Date;
use serde_json::json;

use crate::customer::{Customer, now_ms};
use crate::support::Daemon;

/// The local day of the accounts of these tests.
pub(crate) fn today() -> Date {
    let now = jiff::Timestamp::from_millisecond(now_ms()).unwrap();
    jiff::tz::TimeZone::get("Etc/GMT+12").unwrap().to_datetime(now).date()
}

/// Makes a campaign whose report has so many rows, two messages a day; gives its number.
pub(crate) async fn campaign(customer: &Customer, name: &str, rows: usize) -> u64 {
    let apps = customer.get("/v1/apps").await.body;
    let app = if let Some(app) = apps["items"][0]["id"].as_u64() {
        app
    } else {
        let shop = json!({"name": "Shop", "package": "kr.example.shop", "platform": "android"});
        customer.make("/v1/apps", &shop).await
    };
    let start = today().checked_sub(i64::try_from(rows / 2).unwrap().days()).unwrap();
    let messages = ["Coffee?", "Tea?"].map(|title| json!({"title": title, "body": "Here"}));
    let campaign = json!({
        "name": name, "apps": [app], "locations": [{"general": {"nationwide": true}}],
        "trigger": {"on": "enter"}, "start": start.to_string(), "end": today().to_string(),
        "windows": [{"days": ["mon"], "start": "09:00", "end": "18:00"}],
        "frequency": "once_per_day", "message_type": "text", "messages": messages,
    });
    customer.make("/v1/campaigns", &campaign).await
}

/// So that a million rows are made on any machine.
pub(crate) const LONG_REQUESTS: (&str, &str) = ("GEOFENCED__ADMIN__REQUEST_S", "600");

/// Rows of a long report: a million in the long run.
pub(crate) fn many() -> usize {
    std::env::var("GEOFENCED_SHEET_ROWS").map_or(200_000, |rows| rows.parse().unwrap())
}

/// The number of an account.
pub(crate) async fn account(customer: &Customer) -> AccountId {
    let id = customer.get("/v1/account").await.body["id"].as_u64().unwrap();
    AccountId(u32::try_from(id).unwrap())
}

/// Writes at least so many days of the month before this into the figures of a daemon that has ended: 7 pushes to each of
/// many campaigns on each of 28 days. As many jobs would take hours to come about. Gives how many days there are.
pub(crate) fn pushes(daemon: &Daemon, account: AccountId, rows: usize) -> u64 {
    let campaigns = u32::try_from(rows.div_ceil(28)).unwrap();
    let figures = fjall::Database::builder(daemon.data_dir.join("figures")).open().unwrap();
    let days = figures.keyspace("days", fjall::KeyspaceCreateOptions::default).unwrap();
    let row: Vec<u8> = [7_u64, 0, 0, 0, 0, 0, 0, 0, 0, 0].map(u64::to_le_bytes).concat();
    let first = today().first_of_month().yesterday().unwrap().first_of_month();
    let first = first.since(Date::constant(1970, 1, 1)).unwrap().get_days();
    for campaign in 1..=campaigns {
        for day in first..first + 28 {
            let day = day.cast_unsigned() ^ (1 << 31);
            let key = [account.0, campaign, day].map(u32::to_be_bytes).concat();
            days.insert([&key[..], &[0]].concat(), &row).unwrap();
        }
    }
    figures.persist(fjall::PersistMode::SyncAll).unwrap();
    u64::from(campaigns) * 28
}

/// The month of [`pushes`].
pub(crate) fn month() -> String {
    today().first_of_month().yesterday().unwrap().strftime("%Y-%m").to_string()
}

/// A file that is made.
pub(crate) async fn file(customer: &Customer, path: &str) -> Vec<u8> {
    let answer = customer.raw(Method::GET, path, &[], Vec::new()).await;
    assert_eq!(answer.status, 200, "{path}: {}", String::from_utf8_lossy(&answer.body));
    answer.body.to_vec()
}

/// The cells of a CSV, line by line.
pub(crate) fn cells(csv: &[u8]) -> Vec<Vec<String>> {
    let csv = csv.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(csv);
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(csv);
    let rows = reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect());
    rows.collect()
}
