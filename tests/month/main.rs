//! A month of three accounts and all kinds of campaigns, through the real daemon: its reports against a plain script.
//!
//! Devices walk by a seed; their pings go over QUIC in the order of time, jobs are read from the queue, outcomes go back by a
//! planted model, and so many more of those reached than of those held out visit a store afterwards. Then
//! `month.py`, which shares no code with the daemon, computes every figure of every report from the pings, the outcomes
//! and the definitions, and compares. The daemon is killed in the middle of the sending and at each change of its
//! day; a last time, and all reports are byte for byte the same.
//!
//! `GEOFENCED_MONTH_DEVICES` and `GEOFENCED_MONTH_SEED` make another month; `GEOFENCED_MONTH_FOLDER` keeps its papers.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test ends at the first surprise")]

#[path = "../campaign_story/customer.rs"]
#[expect(dead_code, reason = "the story uses the rest")]
mod customer;
#[path = "../support/mod.rs"]
mod support;

mod campaigns;
mod course;
mod days;
mod gateway;
mod ground;
mod lots;
mod papers;
mod reports;
mod shops;
mod walk;

use std::path::{Path, PathBuf};
use std::process::Command;

use course::Course;

/// Devices in `make test`; `make month` has 100,000.
const DEVICES: u64 = 1500;

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_figure_of_a_month_is_what_a_plain_script_computes() {
    let devices = number("GEOFENCED_MONTH_DEVICES", DEVICES);
    let seed = number("GEOFENCED_MONTH_SEED", 1);
    let folder = tempfile::tempdir().unwrap();
    let folder = match std::env::var("GEOFENCED_MONTH_FOLDER") {
        Ok(kept) => PathBuf::from(kept),
        Err(_not_kept) => folder.path().to_owned(),
    };
    std::fs::create_dir_all(&folder).unwrap();

    let mut course = Course::begin(&folder, seed, devices).await;
    course.half(0).await;
    course.go_on_to_the_middle().await;
    course.half(1).await;
    let before = course.end().await;
    assert_figures(&folder);
    course.restart().await;
    reports::assert_same(&before, &reports::of(&course.shops).await);
}

/// The script ends with 0 when no figure differs, and says how many there were.
fn assert_figures(folder: &Path) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/month/month.py");
    let status = Command::new("python3").arg("-B").arg(script).arg(folder).status().unwrap();
    assert!(status.success(), "the papers are in {}", folder.display());
}
