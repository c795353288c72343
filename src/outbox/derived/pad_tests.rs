//! Rows that are looked up ahead, and what is written of them.

use tempfile::tempdir;

use super::pad::Pad;
use super::rows::Count;
use super::tables::{Sheet, Tables};

const SEEN: Sheet = Sheet::Seen;

fn key(name: &str) -> Vec<u8> {
    name.as_bytes().to_vec()
}

#[test]
fn what_is_looked_up_ahead_is_what_the_tables_have_until_it_is_changed() {
    let dir = tempdir().unwrap();
    let tables = Tables::open(dir.path(), 1 << 20).unwrap();
    let mut pad = Pad::new(&tables);
    pad.put(SEEN, key("known"), &Count { count: 7 });
    pad.put(SEEN, key("other"), &Count { count: 9 });
    pad.commit().unwrap();

    let mut pad = Pad::new(&tables);
    pad.put(SEEN, key("new"), &Count { count: 1 });
    let names = ["none", "known", "new", "other", "known"];
    pad.look_up(names.iter().map(|name| (SEEN, key(name))).collect()).unwrap();
    assert_eq!(pad.len(), 1, "looking up changes nothing");
    let find = |pad: &Pad<'_>, name| pad.find::<Count>(SEEN, &key(name)).unwrap();
    assert_eq!(find(&pad, "none"), None);
    assert_eq!(find(&pad, "known"), Some(Count { count: 7 }));
    assert_eq!(find(&pad, "new"), Some(Count { count: 1 }), "a change stands");
    for name in ["none", "known", "known"] {
        pad.change(SEEN, key(name), |row: &mut Count| row.count += 1).unwrap();
    }
    assert_eq!(pad.len(), 3, "a row changed twice is one");
    pad.commit().unwrap();

    let pad = Pad::new(&tables);
    let counts =
        ["none", "known", "new", "other"].map(|name| find(&pad, name).map(|row| row.count));
    assert_eq!(counts, [Some(1), Some(9), Some(1), Some(9)]);
    assert_eq!(tables.prefix(SEEN, b"").count(), 4);
}

#[test]
fn the_config_says_what_rows_on_their_way_to_the_disk_take() {
    let mib = Sheet::ALL.iter().map(|(.., memtable_bytes)| memtable_bytes >> 20).sum::<u64>();
    let said = format!("rows on their way to the disk: {mib} MiB");
    assert!(include_str!("../../../configs/geofenced.toml").contains(&said), "{said}");
}
