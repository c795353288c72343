//! What the outbox writes into its store, as it was released: `tests/golden/outbox-v1` lists keys and values of each
//! keyspace, which every later release must read, and which this one writes byte for byte. The files below them
//! are the store's own.
//!
//! Written anew, with all golden files, by `cargo test --lib write_golden_files -- --ignored`.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use tempfile::tempdir;

use super::config::OutboxConfig;
use super::orders::Release;
use super::samples::*;
use super::store::Outbox;
use super::tables::Tables;
use crate::domain::decision::EventKind;
use crate::domain::ids::{InputSeq, PartitionId};
use crate::domain::units::UtcMs;

const CACHE_BYTES: u64 = 1 << 20;

fn golden_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/outbox-v1")
}

/// Jobs and events, a consumer that has read all and is done with some, and marks.
async fn fill(outbox: &Outbox) {
    create(outbox, &consumer_of(1, "reports")).await;
    let records =
        vec![job(1, (3, 1, 0)), event(1, (3, 1, 1), EventKind::Matched), job(1, (3, 2, 0))];
    let marks = vec![(PartitionId(3), InputSeq(4)), (PartitionId(255), InputSeq(6))];
    outbox.release_through(Release { records, marks }).expect("it runs");
    visible(outbox, 3).await;
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
    let listings = tables.keyspaces().map(|(name, keyspace)| {
        let pairs = keyspace.iter().map(|pair| pair.into_inner().expect("readable"));
        (name, pairs.map(|(key, value)| format!("{} {}\n", hex(&key), hex(&value))).collect())
    });
    listings.into()
}

async fn written() -> Vec<(&'static str, String)> {
    let dir = tempdir().expect("a folder");
    let outbox = World::new().open(dir.path(), OutboxConfig::default());
    fill(&outbox).await;
    drop(outbox);
    listed(dir.path())
}

#[tokio::test]
async fn version_1_is_what_is_written() {
    for (name, lines) in written().await {
        let golden = fs::read_to_string(golden_dir().join(name)).expect("a golden file");
        assert_eq!(lines, golden, "{name}: a change of format needs a new version");
    }
}

#[tokio::test]
async fn version_1_is_read() {
    let dir = tempdir().expect("a folder");
    let tables = Tables::open(dir.path(), CACHE_BYTES).expect("a new one");
    let bytes = |hex: &str| -> Vec<u8> {
        let pairs = hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).expect("ascii"));
        pairs.map(|pair| u8::from_str_radix(pair, 16).expect("hexadecimal")).collect()
    };
    for (name, keyspace) in tables.keyspaces() {
        let golden = fs::read_to_string(golden_dir().join(name)).expect("a golden file");
        for (key, value) in golden.lines().filter_map(|line| line.split_once(' ')) {
            keyspace.insert(bytes(key), bytes(value)).expect("it is written");
        }
    }
    drop(tables);
    let outbox = World::new().open(dir.path(), OutboxConfig::default());
    assert_eq!(outbox.span(), (1, 3));
    assert_eq!(outbox.durable(PartitionId(3)), InputSeq(4));
    assert_eq!(outbox.durable(PartitionId(255)), InputSeq(6));
    assert_eq!(outbox.instant_before(), NOON);
    let standing = outbox.consumers(None).remove(0);
    assert_eq!((standing.key, standing.consumer.acked), (consumer_of(1, "reports"), 1));
    assert_eq!(standing.consumer.decided_at(3), Some(UtcMs(NOON.0)));
    let reading = read(&outbox, &consumer_of(1, "reports")).await;
    assert_eq!(offsets(&reading), [2, 3]);
    assert_eq!(reading.records[1].record, job(1, (3, 2, 0)));
    outbox.close().expect("closed");
}

#[tokio::test]
#[ignore = "writes the golden files of a new format version; run by hand, once"]
async fn write_golden_files() {
    fs::create_dir_all(golden_dir()).expect("a folder");
    for (name, lines) in written().await {
        fs::write(golden_dir().join(name), lines).expect("written");
    }
}
