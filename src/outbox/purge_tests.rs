//! What was removed is in no file any more.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use fjall::{Database, Keyspace, KeyspaceCreateOptions};
use tempfile::TempDir;

use super::purge::purge;

const NAMES: [&str; 3] = ["a", "b", "quiet"];

fn open(dir: &Path) -> (Database, [Keyspace; 3]) {
    let database = Database::builder(dir).worker_threads(1).open().unwrap();
    let keyspaces =
        NAMES.map(|name| database.keyspace(name, KeyspaceCreateOptions::default).unwrap());
    (database, keyspaces)
}

fn marker(of: &str) -> [u8; 16] {
    *blake3::hash(of.as_bytes()).as_bytes().first_chunk().unwrap()
}

/// Every file below a folder, relative to it, with what is in it.
fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let (mut files, mut folders) = (BTreeMap::new(), vec![dir.to_owned()]);
    while let Some(folder) = folders.pop() {
        // Merging removes files and folders meanwhile.
        let Ok(entries) = std::fs::read_dir(folder) else { continue };
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(bytes) = std::fs::read(&path) {
                files.insert(path.strip_prefix(dir).unwrap().to_owned(), bytes);
            }
        }
    }
    files
}

fn is_in_a_file(dir: &Path, needle: &[u8]) -> bool {
    files(dir).values().any(|bytes| bytes.windows(needle.len()).any(|window| window == needle))
}

/// What kill -9 would leave at this moment; nothing if files changed while they were read.
fn crashed(dir: &Path) -> Option<TempDir> {
    let found = files(dir);
    if found != files(dir) {
        return None;
    }
    let copy = tempfile::tempdir().unwrap();
    for (path, bytes) in found {
        let path = copy.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    Some(copy)
}

#[test]
fn what_was_removed_is_in_no_file_any_more_and_the_rest_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let (gone, stays) = (marker("gone"), marker("stays"));
    let (database, keyspaces) = open(dir.path());
    for round in 0..3u8 {
        for keyspace in &keyspaces[..2] {
            keyspace.insert([&gone[..], &[round]].concat(), b"x").unwrap();
            keyspace.insert([round], gone).unwrap();
            keyspace.insert([round, 1], stays).unwrap();
        }
        keyspaces[0].rotate_memtable_and_wait().unwrap();
    }
    for round in 0..3u8 {
        for keyspace in &keyspaces[..2] {
            keyspace.remove([&gone[..], &[round]].concat()).unwrap();
            keyspace.remove([round]).unwrap();
        }
    }
    database.persist(fjall::PersistMode::SyncAll).unwrap();
    assert!(!purge(&database, &keyspaces, &|| true).unwrap());
    assert!(is_in_a_file(dir.path(), &gone), "removal alone leaves it there");
    assert!(purge(&database, &keyspaces, &|| false).unwrap());
    assert!(!is_in_a_file(dir.path(), &gone));
    assert!(is_in_a_file(dir.path(), &stays));
    // A second time, with the noise of the first, and after a restart.
    keyspaces[1].insert(b"again", gone).unwrap();
    keyspaces[1].remove(b"again").unwrap();
    assert!(purge(&database, &keyspaces, &|| false).unwrap());
    drop((keyspaces, database));
    let (_database, [keyspace, ..]) = open(dir.path());
    assert_eq!(keyspace.get([1, 1]).unwrap().as_deref(), Some(&stays[..]));
    assert_eq!(keyspace.get([1]).unwrap(), None);
    assert!(!is_in_a_file(dir.path(), &gone));
}

/// A removal is the newest that a keyspace has, and merging drops it: what is in the log seems to be in no table.
#[test]
fn removals_that_were_merged_away_do_not_keep_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let gone = marker("gone");
    let (database, keyspaces) = open(dir.path());
    for keyspace in &keyspaces {
        keyspace.insert(b"row", gone).unwrap();
        keyspace.rotate_memtable_and_wait().unwrap();
        keyspace.remove(b"row").unwrap();
        keyspace.rotate_memtable_and_wait().unwrap();
        keyspace.major_compact().unwrap();
    }
    database.persist(fjall::PersistMode::SyncAll).unwrap();
    drop((keyspaces, database));
    let (database, keyspaces) = open(dir.path());
    assert!(is_in_a_file(dir.path(), &gone), "the log has it");
    assert!(purge(&database, &keyspaces, &|| false).unwrap());
    assert!(!is_in_a_file(dir.path(), &gone));
}

/// A panic on the way must end the others too.
struct Sets<'a>(&'a AtomicBool);

impl Drop for Sets<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Others write and remove all the while.
#[test]
fn writers_do_not_keep_what_was_removed_before() {
    let dir = tempfile::tempdir().unwrap();
    let (database, keyspaces) = open(dir.path());
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _at_the_end = Sets(&is_over);
        scope.spawn(|| {
            for number in 0_u64.. {
                if is_over.load(Ordering::Relaxed) {
                    break;
                }
                for keyspace in &keyspaces {
                    keyspace.insert(number.to_be_bytes(), [0; 100]).unwrap();
                    keyspace.remove(number.to_be_bytes()).unwrap();
                }
                std::thread::yield_now();
            }
        });
        for round in 0..3 {
            let gone = marker(&format!("gone {round}"));
            keyspaces[0].insert(b"row", gone).unwrap();
            keyspaces[0].remove(b"row").unwrap();
            database.persist(fjall::PersistMode::SyncAll).unwrap();
            assert!(purge(&database, &keyspaces, &|| false).unwrap());
            assert!(!is_in_a_file(dir.path(), &gone), "round {round}");
        }
    });
}

/// The files as a crash leaves them, whenever the purge looks whether it should end.
#[test]
fn one_that_a_crash_ended_is_done_by_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let gone = marker("gone");
    let (database, keyspaces) = open(dir.path());
    for keyspace in &keyspaces {
        keyspace.insert(b"row", gone).unwrap();
        keyspace.remove(b"row").unwrap();
    }
    database.persist(fjall::PersistMode::SyncAll).unwrap();
    let copies = RefCell::new(Vec::new());
    let looked = || {
        let mut copies = copies.borrow_mut();
        if copies.len() < 4 {
            copies.extend(crashed(dir.path()));
        }
        false
    };
    assert!(purge(&database, &keyspaces, &looked).unwrap());
    let copies = copies.into_inner();
    assert!(copies.iter().any(|dir| is_in_a_file(dir.path(), &gone)), "a crash before it is gone");
    for (number, dir) in copies.iter().enumerate() {
        let (database, keyspaces) = open(dir.path());
        assert!(purge(&database, &keyspaces, &|| false).unwrap());
        assert!(!is_in_a_file(dir.path(), &gone), "crash {number}");
    }
}

/// Whoever began to read before sees what was there, and it goes once they are done.
#[test]
fn readers_are_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let gone = marker("gone");
    let (database, keyspaces) = open(dir.path());
    keyspaces[0].insert(b"row", gone).unwrap();
    let reader = RefCell::new(Some(keyspaces[0].iter()));
    keyspaces[0].remove(b"row").unwrap();
    database.persist(fjall::PersistMode::SyncAll).unwrap();
    let looks = RefCell::new(0);
    let looked = || {
        *looks.borrow_mut() += 1;
        if *looks.borrow() == 5 {
            let rows: Vec<_> =
                reader.take().into_iter().flatten().map(|row| row.value().unwrap()).collect();
            assert_eq!(rows, [&gone[..]]);
        }
        false
    };
    assert!(purge(&database, &keyspaces, &looked).unwrap());
    assert!(*looks.borrow() > 5, "{looks:?}");
    assert!(!is_in_a_file(dir.path(), &gone));
}
