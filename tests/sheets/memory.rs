//! What a file takes of the daemon's memory does not hang on its rows.

use serde_json::json;

use crate::account::{LONG_REQUESTS, account, campaign, file, many, month, pushes, today};
use crate::customer::{Customer, now_ms};
use crate::support::Daemon;

/// What a file may take at most, however many rows it has: twice what was seen, up to 7 MiB, and half of what 200,000 rows
/// of usage take that are held in memory.
const MOST: u64 = 16 << 20;

/// Few rows.
const FEW: usize = 20_000;

/// Rows of a campaign that began in 1800, the earliest that there may be, end here.
const LONGEST: usize = 160_000;

/// The figures' cache is a bound of its own, and would hide the files'.
const SMALL_CACHE: (&str, &str) = ("GEOFENCED__OUTBOX__FIGURES_CACHE_BYTES", "1048576");

/// Makes a file, and says what that took of the daemon's memory.
async fn made(daemon: &Daemon, customer: &Customer, path: &str) -> (Vec<u8>, u64) {
    let (before, from) = (daemon.forget_peak_memory(), now_ms());
    let bytes = file(customer, path).await;
    let took_ms = now_ms() - from;
    let grown = daemon.peak_memory_bytes().saturating_sub(before);
    eprintln!("{path}: {} bytes in {took_ms} ms, {} KiB of memory", bytes.len(), grown >> 10);
    (bytes, grown)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_of_many_days_takes_no_more_memory() {
    let daemon = Daemon::start(&[SMALL_CACHE, LONG_REQUESTS]);
    let customer = Customer::new(&daemon, "basic").await;
    let few = campaign(&customer, "=SUM(A1)", FEW).await;
    let many_rows = many().min(LONGEST);
    let many = campaign(&customer, "@many", many_rows).await;
    // What the first of a kind takes stays.
    for ending in ["csv", "xlsx"] {
        file(&customer, &format!("/v1/campaigns/{few}/report.{ending}")).await;
    }
    for ending in ["csv", "xlsx"] {
        for (campaign, rows) in [(few, FEW), (many, many_rows)] {
            let path = format!("/v1/campaigns/{campaign}/report.{ending}");
            let (bytes, grown) = made(&daemon, &customer, &path).await;
            assert!(bytes.len() > rows, "{} bytes of {rows} rows", bytes.len());
            assert!(grown <= MOST, "{path}: {grown} bytes of memory for {rows} rows");
            // One that was made before is listed where it was.
            let listed = customer.get("/v1/reports?sort=-id&limit=9").await.body;
            let items = listed["items"].as_array().unwrap();
            let of_it = items.iter().find(|one| one["campaign"] == campaign).unwrap();
            assert_eq!(of_it["rows"], rows + 1, "its days and the total");
        }
    }
    let shown = customer.get(&format!("/v1/campaigns/{many}/report")).await.body;
    assert_eq!(shown["rows"].as_array().unwrap().len(), 10_000);
    assert_eq!(shown["rows_left_out"], many_rows - 10_000);
    let yesterday = today().yesterday().unwrap();
    let path = format!("/v1/campaigns/{many}/report?from={yesterday}");
    let shown = customer.get(&path).await.body;
    assert_eq!(
        (shown["rows"].as_array().unwrap().len(), &shown["rows_left_out"]),
        (2, &json!(null))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pushes_of_many_campaigns_take_no_more_memory() {
    let mut daemon = Daemon::start(&[SMALL_CACHE, LONG_REQUESTS]);
    let mut few = Customer::new(&daemon, "lite").await;
    let mut many_of = Customer::new(&daemon, "basic").await;
    let accounts = [account(&few).await, account(&many_of).await];
    assert!(daemon.sigterm().success());
    let rows = [pushes(&daemon, accounts[0], FEW), pushes(&daemon, accounts[1], many())];
    daemon.restart();
    [&mut few, &mut many_of].into_iter().for_each(|customer| customer.follow(&daemon));
    let month = month();
    for ending in ["csv", "xlsx"] {
        file(&few, &format!("/v1/usage.{ending}?month={month}")).await;
    }
    for ending in ["csv", "xlsx"] {
        for (customer, rows) in [&few, &many_of].into_iter().zip(rows) {
            let path = format!("/v1/usage.{ending}?month={month}");
            let (_, grown) = made(&daemon, customer, &path).await;
            assert!(grown <= MOST, "{path}: {grown} bytes of memory for {rows} rows");
            let listed = customer.get("/v1/reports?sort=-id&limit=1").await.body;
            assert_eq!(listed["items"][0]["rows"], rows + 1, "its days and the month");
        }
    }
    let usage = many_of.get(&format!("/v1/usage?month={month}")).await.body;
    assert_eq!(usage["pushes"], rows[1] * 7);
    assert_eq!(usage["rows"].as_array().unwrap().len(), 10_000);
    assert_eq!(usage["rows_left_out"], rows[1] - 10_000);
    assert_eq!(usage["rows"][28]["campaign"], 2, "the first has 28 days");
}
