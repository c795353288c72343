//! What the outbox writes into its store, as it was released: `tests/golden/outbox-v3` lists keys and values of each
//! keyspace, which this release writes byte for byte; that of version 2, where each record had a row of its own, is still
//! read. The files below them are the store's own.
//!
//! Written anew, with all golden files, by `cargo test --lib write_golden_files -- --ignored`.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use tempfile::tempdir;

use super::config::OutboxConfig;
use super::orders::Release;
use super::record::{Content, OutboxRecord};
use super::samples::*;
use super::store::Outbox;
use super::tables::Tables;
use super::tallies::{Counted, TallyItem};
use crate::domain::decision::EventKind;
use crate::domain::ids::{AccountId, AppId, CampaignId, InputPosition, InputSeq, PartitionId};
use crate::domain::units::UtcMs;

const CACHE_BYTES: u64 = 1 << 20;

fn golden_dir(version: u8) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/outbox-v{version}"))
}

/// Jobs, events and visits, one of them for the daemon's own stores.
fn records() -> Vec<OutboxRecord> {
    let mut kept = visit(1, (3, 3, 1));
    let Content::Visit(content) = &mut kept.content else { panic!("a visit is a visit") };
    (content.is_exported, content.left_at, content.ended_by) = (false, None, None);
    let matched = event(1, (3, 1, 1), EventKind::Matched);
    vec![job(1, (3, 1, 0)), matched, job(1, (3, 2, 0)), visit(1, (3, 3, 0)), kept]
}

/// Records, a consumer that has read all and is done with some, and marks.
async fn fill(outbox: &Outbox) {
    create(outbox, &consumer_of(1, "reports")).await;
    let records = records();
    let newest = records.len() as u64;
    let marks = vec![(PartitionId(3), InputSeq(4)), (PartitionId(255), InputSeq(6))];
    let position = InputPosition { partition: PartitionId(3), seq: InputSeq(2) };
    let counted = Counted::Seen { app: AppId(2), member: 0x0102_0304_0506_0708, day: 20_717 };
    let tallies = vec![TallyItem { position, account: AccountId(1), counted }];
    outbox.release_through(Release { records, tallies, marks }).expect("it runs");
    visible(outbox, newest).await;
    read(outbox, &consumer_of(1, "reports")).await;
    outbox.ack(consumer_of(1, "reports"), 1).await.expect("seen");
    outbox.close().expect("written");
}

/// Name and lines of each keyspace: key and value in hexadecimal.
fn listed(dir: &Path) -> Vec<(&'static str, String)> {
    let tables = Tables::open(dir, CACHE_BYTES).expect("it opens");
    let hex = |bytes: &[u8]| {
        bytes.iter().fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").expect("a string takes all");
            text
        })
    };
    let listings = tables.keyspaces().into_iter().map(|(name, keyspace)| {
        let pairs = keyspace.iter().map(|pair| pair.into_inner().expect("readable"));
        (name, pairs.map(|(key, value)| format!("{} {}\n", hex(&key), hex(&value))).collect())
    });
    listings.collect()
}

async fn written() -> Vec<(&'static str, String)> {
    let dir = tempdir().expect("a folder");
    let outbox = World::new().open(dir.path(), OutboxConfig::default());
    fill(&outbox).await;
    drop(outbox);
    listed(dir.path())
}

#[tokio::test]
async fn version_3_is_what_is_written() {
    for (name, lines) in written().await {
        let golden = fs::read_to_string(golden_dir(3).join(name)).expect("a golden file");
        assert_eq!(lines, golden, "{name}: a change of format needs a new version");
    }
}

#[tokio::test]
async fn version_2_is_read() {
    is_read(2).await;
}

#[tokio::test]
async fn version_3_is_read() {
    is_read(3).await;
}

async fn is_read(version: u8) {
    let dir = tempdir().expect("a folder");
    let tables = Tables::open(dir.path(), CACHE_BYTES).expect("a new one");
    let bytes = |hex: &str| -> Vec<u8> {
        let pairs = hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).expect("ascii"));
        pairs.map(|pair| u8::from_str_radix(pair, 16).expect("hexadecimal")).collect()
    };
    for (name, keyspace) in tables.keyspaces() {
        let golden = fs::read_to_string(golden_dir(version).join(name)).expect("a golden file");
        for (key, value) in golden.lines().filter_map(|line| line.split_once(' ')) {
            keyspace.insert(bytes(key), bytes(value)).expect("it is written");
        }
    }
    drop(tables);
    let outbox = World::new().open(dir.path(), OutboxConfig::default());
    let records = records();
    assert_eq!(outbox.span(), (1, records.len() as u64));
    assert_eq!(outbox.durable(PartitionId(3)), InputSeq(4));
    assert_eq!(outbox.durable(PartitionId(255)), InputSeq(6));
    assert_eq!(outbox.instant_before(), NOON);
    let standing = outbox.consumers(None).remove(0);
    assert_eq!((standing.key, standing.consumer.acked), (consumer_of(1, "reports"), 1));
    assert_eq!(standing.consumer.decided_at(3), Some(UtcMs(NOON.0)));
    let reading = read(&outbox, &consumer_of(1, "reports")).await;
    let read: Vec<_> = reading.records.into_iter().map(|handed| handed.record).collect();
    let expected: Vec<_> =
        records.into_iter().skip(1).filter(OutboxRecord::is_for_consumers).collect();
    assert_eq!(read, expected);
    let Content::Job(content) = job(1, (3, 2, 0)).content else { panic!("a job is a job") };
    let made = outbox.job(content.id).expect("readable").expect("it was made");
    assert_eq!((made.account, made.campaign), (AccountId(1), CampaignId(11)));
    assert_eq!(outbox.shared.tables.tallies(0, u64::MAX).count(), 1);
    outbox.close().expect("closed");
}

#[tokio::test]
#[ignore = "writes the golden files of a new format version; run by hand, once"]
async fn write_golden_files() {
    fs::create_dir_all(golden_dir(3)).expect("a folder");
    for (name, lines) in written().await {
        fs::write(golden_dir(3).join(name), lines).expect("written");
    }
}
