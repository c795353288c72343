//! The SQLite store: held against every store's rules, and what its file is like.

use std::cell::Cell;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::Connection;

use super::conformance::{OURS, every_rule, named, read, write};
use super::{INSTALLATION, Key, Kind, Query, Record, SqliteStore, Store, StoreError};
use crate::control::refusal::Refusal;
use crate::domain::problem::Kind as Problems;
use crate::domain::units::UtcMs;

#[test]
fn it_keeps_every_rule_of_stores() {
    let dir = tempfile::tempdir().unwrap();
    let count = Cell::new(0);
    every_rule(|| {
        count.set(count.get() + 1);
        let path = dir.path().join(format!("{}.db", count.get()));
        Box::new(SqliteStore::open(&path).unwrap())
    });
}

#[test]
fn a_file_is_private_and_opens_again_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("catalog.db");
    let mut store = SqliteStore::open(&path).unwrap();
    let kept = write(&mut store, |tx| tx.insert((OURS, Kind::Brand), named("Café"), UtcMs(1)));
    for entry in std::fs::read_dir(dir.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", entry.file_name());
    }
    drop(store);
    let mut store = SqliteStore::open(&path).unwrap();
    assert_eq!(read(&mut store, |tx| tx.get(kept.key)), Some(kept.clone()));
    write(&mut store, |tx| tx.delete(kept.key));
    drop(store);
    let mut store = SqliteStore::open(&path).unwrap();
    let next = write(&mut store, |tx| tx.insert((OURS, Kind::Brand), named("next"), UtcMs(1)));
    assert_eq!(next.key.id, 2);
}

#[test]
fn what_is_gone_is_forgotten_at_a_start() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = SqliteStore::open(&dir.path().join("catalog.db")).unwrap();
    let empty = read(&mut store, |tx| tx.moment());
    let [gone, kept] = ["a", "b"].map(|name| {
        write(&mut store, |tx| tx.insert((OURS, Kind::Brand), named(name), UtcMs(1))).key
    });
    write(&mut store, |tx| tx.delete(gone));
    assert_eq!(read(&mut store, |tx| tx.changed_after(OURS, empty)), [gone, kept]);
    store.forget_gone().unwrap();
    assert_eq!(read(&mut store, |tx| tx.changed_after(OURS, empty)), [kept]);
}

#[test]
fn a_newer_format_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("catalog.db");
    drop(SqliteStore::open(&path).unwrap());
    let newer = Connection::open(&path).unwrap();
    newer.pragma_update(None, "user_version", 99).unwrap();
    drop(newer);
    let refused = SqliteStore::open(&path).err().unwrap();
    assert!(matches!(refused, StoreError::TooNew { found: 99, known: 4 }), "{refused}");
    assert!(refused.to_string().contains("use the release that wrote it"));
    let format: u32 = Connection::open(&path)
        .unwrap()
        .query_row("PRAGMA user_version", (), |row| row.get(0))
        .unwrap();
    assert_eq!(format, 99);
}

#[test]
fn what_is_no_catalog_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("catalog.db");
    std::fs::write(&path, "this is a letter, not a database".repeat(200)).unwrap();
    assert!(matches!(SqliteStore::open(&path), Err(StoreError::Database(_))));
    let nowhere = dir.path().join("nowhere").join("catalog.db");
    assert!(matches!(SqliteStore::open(&nowhere), Err(StoreError::Io { .. })));
}

#[test]
fn a_reader_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&dir.path().join("catalog.db")).unwrap();
    let mut reader = store.reader().unwrap();
    let outcome = super::thread::write(reader.as_mut(), |tx| {
        Ok(tx.insert((OURS, Kind::Brand), named("x"), UtcMs(1))?)
    });
    assert!(outcome.is_err());
}

fn all(path: &Path) -> Vec<Record> {
    let mut store = SqliteStore::open(path).unwrap();
    read(&mut store, |tx| {
        let mut all = Vec::new();
        tx.scan(&Query::all(OURS, Kind::Brand), &mut |record| {
            all.push(record);
            Ok(())
        })?;
        Ok(all)
    })
}

#[test]
fn a_backup_is_one_state_while_others_write_and_overwrites_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (path, copy) = (dir.path().join("catalog.db"), dir.path().join("copy.db"));
    let mut store = SqliteStore::open(&path).unwrap();
    let pair = |store: &mut SqliteStore, at| {
        write(store, |tx| {
            for _half in 0..2 {
                tx.insert((OURS, Kind::Brand), named(&"x".repeat(2000)), UtcMs(at))?;
            }
            Ok(())
        });
    };
    for at in 0..500 {
        pair(&mut store, at);
    }
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut other = SqliteStore::open(&path).unwrap();
            let mut at = 1000;
            while !done.load(Ordering::Relaxed) {
                pair(&mut other, at);
                at += 1;
            }
        });
        store.back_up(&copy).unwrap();
        done.store(true, Ordering::Relaxed);
    });
    let (copied, there) = (all(&copy), all(&path));
    assert!(copied.len() >= 1000 && copied.len().is_multiple_of(2), "{}", copied.len());
    assert_eq!(copied, there[..copied.len()], "it is what there was at some moment");
    assert_eq!(std::fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    let refused = store.back_up(&copy).unwrap_err();
    assert!(matches!(&refused, StoreError::InTheWay(path) if *path == copy), "{refused}");
    assert_eq!(all(&copy), copied);
    // The copy is a catalog of its own.
    let mut copy = SqliteStore::open(&copy).unwrap();
    write(&mut copy, |tx| tx.delete(Key::new(OURS, Kind::Brand, 1)));
}

#[test]
fn catalogs_of_older_formats_are_taken_up_and_their_changes_are_told_from_then_on() {
    for format in 1..=3 {
        taken_up(format);
    }
}

fn taken_up(format: u32) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("catalog.db");
    let root = env!("CARGO_MANIFEST_DIR");
    let golden = format!("{root}/tests/golden/catalog-v{format}/catalog.db");
    std::fs::copy(golden, &path).unwrap();
    let mut store = SqliteStore::open(&path).unwrap();
    let mut names = Vec::new();
    let accounts = Query::all(INSTALLATION, Kind::Account);
    read(&mut store, |tx| {
        tx.scan(&accounts, &mut |record| {
            names.push(record.content.name);
            Ok(())
        })
    });
    assert_eq!(names, ["Mart", "Lite"]);
    let before = read(&mut store, |tx| tx.moment());
    assert_eq!(read(&mut store, |tx| tx.changed_after(INSTALLATION, before)), []);
    let lite = Key::new(INSTALLATION, Kind::Account, 2);
    write(&mut store, |tx| tx.update(lite, named("Light"), UtcMs(5)));
    assert_eq!(read(&mut store, |tx| tx.changed_after(INSTALLATION, before)), [lite]);
    assert_eq!(read(&mut store, |tx| tx.count_uses(OURS, UtcMs::MIN)), 0);
}

#[test]
fn a_full_disk_is_nobody_s_fault_and_passes() {
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch("CREATE TABLE rows (body BLOB); PRAGMA max_page_count = 3").unwrap();
    let full = connection.execute("INSERT INTO rows VALUES (zeroblob(100000))", ()).unwrap_err();
    let refusal = Refusal::from(StoreError::from(full));
    assert_eq!(refusal.kind(), Problems::Unavailable, "{refusal}");
    assert!(refusal.to_string().contains("make some, then ask again"), "{refusal}");
}
