//! Every report of every account, as it is answered: fetched into a folder, with a list of what was asked.

use std::path::Path;

use futures_util::future::join_all;
use hyper::Method;
use serde_json::{Value, json};

use crate::shops::Shop;

/// A report that was fetched.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Fetched {
    account: usize,
    path: String,
    status: u16,
    body: Vec<u8>,
}

/// All reports of all accounts.
pub(crate) async fn of(shops: &[Shop]) -> Vec<Fetched> {
    let each = shops.iter().enumerate().map(|(account, shop)| of_account(account, shop));
    join_all(each).await.into_iter().flatten().collect()
}

async fn of_account(account: usize, shop: &Shop) -> Vec<Fetched> {
    let mut paths = Vec::new();
    for campaign in &shop.made.campaigns {
        paths.extend(of_campaign(shop, *campaign));
    }
    for segment in &shop.made.segments {
        paths.push(format!("/v1/segments/{segment}/size"));
    }
    for month in ["2026-10", "2026-11"] {
        paths.push(format!("/v1/usage?month={month}"));
        paths.push(format!("/v1/usage.csv?month={month}"));
        paths.push(format!("/v1/usage.xlsx?month={month}"));
    }
    paths.push("/v1/reports?limit=1000".to_owned());
    let mut fetched = Vec::new();
    for path in paths {
        let answer = shop.customer.raw(Method::GET, &path, &[], Vec::new()).await;
        let (status, body) = (answer.status.as_u16(), answer.body.to_vec());
        fetched.push(Fetched { account, path, status, body });
    }
    fetched
}

fn of_campaign(shop: &Shop, campaign: u64) -> Vec<String> {
    let path = format!("/v1/campaigns/{campaign}");
    let mut paths = vec![format!("{path}/figures")];
    let october = (5..32).map(|day| format!("2026-10-{day:02}"));
    for day in october.chain(["2026-11-01".to_owned(), "2026-11-02".to_owned()]) {
        paths.push(format!("{path}/figures/hours?day={day}"));
    }
    let campaigns = shop.documents["campaigns"].as_array().unwrap();
    let document = campaigns.iter().find(|one| one["id"] == campaign).unwrap();
    let (start, end) = (document["start"].as_str().unwrap(), document["end"].as_str().unwrap());
    // One that still runs is told to yesterday.
    let end = end.min("2026-11-19");
    let within = if start < "2026-10-19" {
        ("2026-10-13", "2026-10-17")
    } else {
        ("2026-10-24", "2026-10-26")
    };
    for format in ["", ".csv", ".xlsx"] {
        paths.push(format!("{path}/report{format}?from={start}&to={end}"));
        paths.push(format!("{path}/report{format}?from={}&to={}", within.0, within.1));
    }
    paths.extend(visit_reports(shop, &path));
    paths
}

fn visit_reports(shop: &Shop, path: &str) -> Vec<String> {
    if shop.membership == "lite" {
        return Vec::new();
    }
    let (brands, regions) = (&shop.made.brands, &shop.made.regions);
    let asked = [
        format!("brands={}", brands[2]),
        format!("brands={}&after=click", brands[2]),
        format!("brands={},{}&regions={}&extra_days=0", brands[0], brands[1], regions[2]),
        format!("regions={},{}&extra_days=30", regions[0], regions[2]),
        format!("brands={}&as_of=2026-10-20", brands[0]),
        format!("brands={},{}&after=click&extra_days=3", brands[0], brands[1]),
    ];
    let told = asked.iter().map(|asked| format!("{path}/visit-report?{asked}"));
    let files = [("csv", 0), ("xlsx", 0), ("csv", 1), ("xlsx", 3)];
    let files = files.map(|(format, nth)| format!("{path}/visit-report.{format}?{}", asked[nth]));
    told.chain(files).collect()
}

/// Puts reports into a folder, with `reports.json` as their list.
pub(crate) fn keep(folder: &Path, fetched: &[Fetched]) {
    let folder = folder.join("reports");
    std::fs::create_dir_all(&folder).unwrap();
    let mut list = Vec::new();
    for (number, Fetched { account, path, status, body }) in fetched.iter().enumerate() {
        let file = format!("{number:05}");
        std::fs::write(folder.join(&file), body).unwrap();
        list.push(json!({"account": account, "path": path, "status": status, "file": file}));
    }
    std::fs::write(folder.join("reports.json"), Value::from(list).to_string()).unwrap();
}

/// Holds reports against those of before: byte for byte, but for when files were made last, for they were made again.
pub(crate) fn assert_same(before: &[Fetched], after: &[Fetched]) {
    assert_eq!(before.len(), after.len());
    for (one, other) in before.iter().zip(after) {
        let text =
            |body: &[u8]| String::from_utf8_lossy(body).chars().take(2000).collect::<String>();
        let (first, second) = (text(&one.body), text(&other.body));
        assert!(made_first(one) == made_first(other), "{}: {first}\n{second}", one.path);
    }
}

/// What was fetched, as it was before any file was made again.
fn made_first(fetched: &Fetched) -> Fetched {
    let mut first = fetched.clone();
    if fetched.path.starts_with("/v1/reports?") {
        let mut list: Value = serde_json::from_slice(&fetched.body).unwrap();
        for file in list["items"].as_array_mut().unwrap() {
            (file["updated_at"], file["revision"]) = (file["created_at"].clone(), json!(1));
        }
        first.body = serde_json::to_vec(&list).unwrap();
    }
    first
}
