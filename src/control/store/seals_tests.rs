//! A catalog goes with the keys that its devices are sealed under, and with no others.

use std::path::Path;

use rusqlite::Connection;

use super::conformance::{OURS, named, write};
use super::{CATALOG_FILE, DeviceList, Kind, SqliteStore, Store as _, StoreError, copies};
use crate::domain::ids::{DeviceId, DeviceKey};
use crate::domain::units::UtcMs;
use crate::identity::{KeyError, Keyring};

/// A data directory with keys, and a catalog that a daemon was started on.
fn started() -> (tempfile::TempDir, SqliteStore) {
    let dir = tempfile::tempdir().unwrap();
    let mut store = SqliteStore::open(&dir.path().join(CATALOG_FILE)).unwrap();
    store.note_keys(&Keyring::open(dir.path()).unwrap()).unwrap();
    (dir, store)
}

/// A list of one device, sealed under the keys of a directory.
fn list_one(store: &mut SqliteStore, dir: &Path) {
    let device = DeviceKey { account: OURS, device: DeviceId([7; 16]) };
    let sealed = Keyring::existing(dir).unwrap().seal(device);
    write(store, |tx| {
        let kept = tx.insert((OURS, Kind::Segment), named("some"), UtcMs(1))?;
        tx.add_devices((kept.key, DeviceList::Segment), &[sealed])
    });
}

fn noted(path: &Path) -> Vec<u16> {
    let connection = Connection::open(path).unwrap();
    let mut asked = connection.prepare("SELECT key_version FROM seals ORDER BY 1").unwrap();
    asked.query_map((), |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

fn others(keyring: &Keyring, version: u16, refused: &StoreError) {
    let StoreError::OtherKeys { version: named, check, .. } = refused else {
        unreachable!("{refused}")
    };
    assert_eq!((*named, *check), (version, keyring.check(version).unwrap()));
    let said = refused.to_string();
    assert!(said.contains(&format!("master key {version} with check {check}")), "{said}");
}

#[test]
fn a_catalog_with_devices_goes_with_its_keys_alone() {
    let (dir, mut store) = started();
    list_one(&mut store, dir.path());
    let ours = Keyring::existing(dir.path()).unwrap();
    let seals = copies::seals(&dir.path().join(CATALOG_FILE)).unwrap();
    assert_eq!(
        seals.keyring(dir.path()).unwrap().unwrap().check(1).unwrap(),
        ours.check(1).unwrap()
    );

    let elsewhere = tempfile::tempdir().unwrap();
    let refused = seals.keyring(elsewhere.path()).unwrap_err();
    assert!(matches!(&refused, StoreError::Keys(KeyError::Missing { .. })), "{refused}");
    assert!(refused.to_string().contains("catalog.db holds data sealed under its keys"));
    assert_eq!(std::fs::read_dir(elsewhere.path()).unwrap().count(), 0, "none were made");

    let theirs = Keyring::open(elsewhere.path()).unwrap();
    others(&ours, 1, &seals.keyring(elsewhere.path()).unwrap_err());
    others(&ours, 1, &store.note_keys(&theirs).unwrap_err());
    store.note_keys(&ours).unwrap();
}

#[test]
fn a_rotation_adds_to_it_and_the_file_from_before_is_refused() {
    let (dir, mut store) = started();
    let path = dir.path().join(CATALOG_FILE);
    list_one(&mut store, dir.path());
    let old = std::fs::read(dir.path().join("keys.json")).unwrap();
    let both = Keyring::rotate(dir.path()).unwrap();
    assert_eq!(noted(&path), [1]);
    copies::seals(&path).unwrap().keyring(dir.path()).unwrap();
    store.note_keys(&both).unwrap();
    assert_eq!(noted(&path), [1, 2]);
    std::fs::write(dir.path().join("keys.json"), old).unwrap();
    others(&both, 2, &copies::seals(&path).unwrap().keyring(dir.path()).unwrap_err());
}

#[test]
fn one_without_devices_goes_with_any_keys() {
    let (dir, mut store) = started();
    let path = dir.path().join(CATALOG_FILE);
    let elsewhere = tempfile::tempdir().unwrap();
    assert!(copies::seals(&path).unwrap().keyring(elsewhere.path()).unwrap().is_none());
    Keyring::open(elsewhere.path()).unwrap();
    let theirs = Keyring::rotate(elsewhere.path()).unwrap();
    store.note_keys(&theirs).unwrap();
    assert_eq!(noted(&path), [1, 2]);
    list_one(&mut store, elsewhere.path());
    others(&theirs, 1, &copies::seals(&path).unwrap().keyring(dir.path()).unwrap_err());
}

/// From before there was a note, it takes that of the keys it meets first, and none are made beside it.
#[test]
fn one_of_an_older_format_takes_the_keys_of_its_next_start() {
    for format in 1..=3 {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(CATALOG_FILE);
        let root = env!("CARGO_MANIFEST_DIR");
        std::fs::copy(format!("{root}/tests/golden/catalog-v{format}/catalog.db"), &path).unwrap();
        assert!(copies::seals(&path).unwrap().keyring(dir.path()).unwrap().is_none());
        let old = Connection::open(&path).unwrap();
        old.execute("INSERT INTO devices VALUES (0, 1, 1, 1, x'0100')", ()).unwrap();
        drop(old);
        let refused = copies::seals(&path).unwrap().keyring(dir.path()).unwrap_err();
        assert!(matches!(refused, StoreError::Keys(KeyError::Missing { .. })), "{refused}");
        let keyring = Keyring::open(dir.path()).unwrap();
        copies::seals(&path).unwrap().keyring(dir.path()).unwrap();
        let mut store = SqliteStore::open(&path).unwrap();
        store.note_keys(&keyring).unwrap();
        others(&keyring, 1, &store.note_keys(&Keyring::from_seed([9; 32])).unwrap_err());
    }
}

#[test]
fn a_backup_has_the_note_and_is_put_where_its_keys_are() {
    let (dir, mut store) = started();
    list_one(&mut store, dir.path());
    let elsewhere = tempfile::tempdir().unwrap();
    let (backup, new) = (elsewhere.path().join("backup.db"), elsewhere.path().join("new"));
    store.back_up(&backup).unwrap();
    let refused = copies::restore(&backup, &new, false).unwrap_err().to_string();
    assert!(refused.contains("new/keys.json is missing, but"), "{refused}");
    assert!(!new.exists());

    let (theirs, mut catalog) = started();
    list_one(&mut catalog, theirs.path());
    drop(catalog);
    let before = std::fs::read(theirs.path().join(CATALOG_FILE)).unwrap();
    let ours = Keyring::existing(dir.path()).unwrap();
    others(&ours, 1, &copies::restore(&backup, theirs.path(), true).unwrap_err());
    assert_eq!(std::fs::read(theirs.path().join(CATALOG_FILE)).unwrap(), before);

    std::fs::create_dir(&new).unwrap();
    std::fs::copy(dir.path().join("keys.json"), new.join("keys.json")).unwrap();
    copies::restore(&backup, &new, false).unwrap();
    assert_eq!(noted(&new.join(CATALOG_FILE)), [1]);
}
