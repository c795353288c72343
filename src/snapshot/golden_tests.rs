//! A store of format version 1, as this release wrote it: later releases must still read it.
//!
//! `GEOFENCED_WRITE_GOLDEN=1 cargo test --lib writes_the_golden_store` writes it anew; before the first release
//! of a format that is how it follows the format, after it never.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use super::build::build;
use super::samples::{device, options, source};
use super::store::Store;
use crate::domain::campaign::{AudienceSpec, Condition, RunMode};
use crate::domain::ids::{AccountId, CampaignId, Epoch, TargetId};
use crate::domain::units::UtcMs;

/// 2026-11-23 12:00 in Seoul.
const NOON: UtcMs = UtcMs(1_795_402_800_000);

fn dir() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/snapshot-v1"))
}

#[test]
fn writes_the_golden_store() {
    if std::env::var_os("GEOFENCED_WRITE_GOLDEN").is_none() {
        return;
    }
    let store = Store::open(&dir()).unwrap();
    for file in ["blocks", "epochs"].iter().flat_map(|part| fs::read_dir(dir().join(part)).unwrap())
    {
        fs::remove_file(file.unwrap().path()).unwrap();
    }
    let mut specs = source();
    specs.campaigns[0].audience = AudienceSpec::Devices((0..100).map(device).collect());
    specs.campaigns[0].mode = RunMode::Testing;
    store.publish(&build(&specs, options(1, None)).unwrap()).unwrap();
    let first = store.load(Epoch(1), None).unwrap();
    specs.campaigns[0].mode = RunMode::Running;
    specs.campaigns[0].condition = Condition::Dwell { dwell_s: 60 };
    store.publish(&build(&specs, options(2, Some(first.view()))).unwrap()).unwrap();
    store.sweep(8, &BTreeSet::new()).unwrap();
    fs::remove_file(dir().join("lock")).unwrap();
}

#[test]
fn version_1_is_read() {
    // Loading takes no lock and writes nothing, so the golden files stay as they are.
    let store = Store::open(&dir()).unwrap();
    assert_eq!(store.epochs().unwrap(), [Epoch(1), Epoch(2)]);
    let loaded = store.load(Epoch(2), None).unwrap();
    let account = loaded.view().account(AccountId(1)).unwrap();
    let campaign = account.campaign(CampaignId(10)).unwrap();
    assert_eq!((campaign.mode(), campaign.run_since()), (RunMode::Running, Epoch(2)));
    assert_eq!(account.campaign(CampaignId(20)).unwrap().run_since(), Epoch(1));
    assert_eq!(campaign.condition(), Condition::Dwell { dwell_s: 60 });
    assert_eq!(campaign.audience_len(), Some(100));
    assert!(campaign.in_window(NOON) && account.local_day(NOON) == Some(20_780));
    let target = account.target(TargetId(1)).unwrap();
    assert_eq!((target.key(), target.name()), ("key-1", "펜스 1"));
    assert!(target.size_m() > 149.0 && target.size_m() < 151.0);
}
