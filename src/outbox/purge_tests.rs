//! What was removed is in no file any more.

use std::path::Path;

use fjall::{Database, KeyspaceCreateOptions};

use super::purge::purge;

fn is_in_a_file(dir: &Path, needle: &[u8]) -> bool {
    std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).any(|path| {
        if path.is_dir() {
            return is_in_a_file(&path, needle);
        }
        let bytes = std::fs::read(&path).unwrap_or_default();
        bytes.windows(needle.len()).any(|window| window == needle)
    })
}

#[test]
fn what_was_removed_is_in_no_file_any_more_and_the_rest_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let gone: [u8; 16] = *blake3::hash(b"gone").as_bytes().first_chunk().unwrap();
    let stays: [u8; 16] = *blake3::hash(b"stays").as_bytes().first_chunk().unwrap();
    let open = || Database::builder(dir.path()).worker_threads(1).open().unwrap();
    let database = open();
    let keyspaces = ["a", "b", "quiet"]
        .map(|name| database.keyspace(name, KeyspaceCreateOptions::default).unwrap());
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
    let database = open();
    let keyspace = database.keyspace("a", KeyspaceCreateOptions::default).unwrap();
    assert_eq!(keyspace.get([1, 1]).unwrap().as_deref(), Some(&stays[..]));
    assert_eq!(keyspace.get([1]).unwrap(), None);
    assert!(!is_in_a_file(dir.path(), &gone));
}
