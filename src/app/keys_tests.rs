//! `geofenced keys`: one key more, or nothing changed and a reason; and no digit of a key in what is printed.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use clap::Parser;

use super::keys::{KeysCommand, of_start};
use crate::control::store::{
    CATALOG_FILE, DeviceList, INSTALLATION, Key, Kind, SqliteStore, hold, thread,
};
use crate::domain::ids::{AccountId, DeviceId, DeviceKey};
use crate::identity::Keyring;
use crate::journal::Journal;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    command: KeysCommand,
}

/// What the command prints, or why it did nothing.
fn keys(data: &Path, args: &[&str]) -> Result<String, String> {
    let data = data.to_str().expect("a path of a test");
    let mut said = Vec::new();
    let ran =
        Line::parse_from([&["keys", "--data-dir", data], args].concat()).command.run(&mut said);
    let said = String::from_utf8(said).expect("text");
    ran.map(|()| said).map_err(|error| super::failure::text(&error))
}

/// A data directory with keys.
fn made() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    Keyring::open(dir.path()).expect("new keys");
    dir
}

fn file(dir: &Path) -> String {
    fs::read_to_string(dir.join("keys.json")).expect("keys")
}

/// That a rotation is refused for a reason, and leaves the keys as they were.
fn refuses(dir: &Path, args: &[&str], reason: &str) {
    let before = fs::read(dir.join("keys.json")).ok();
    let refused = keys(dir, args).expect_err("it may not");
    assert!(refused.contains(reason), "{refused}");
    assert_eq!(fs::read(dir.join("keys.json")).ok(), before);
}

#[test]
fn a_rotation_adds_a_key_and_shows_none() {
    let dir = made();
    let first = file(dir.path());
    let said = keys(dir.path(), &["rotate"]).expect("nobody is there");
    assert!(said.starts_with("master key 2 seals from the next start on"), "{said}");
    let listed = keys(dir.path(), &["list"]).expect("two keys");
    let columns: Vec<Vec<&str>> = listed.lines().map(|line| line.split('\t').collect()).collect();
    let [one, two] = &columns[..] else { unreachable!("{listed}") };
    assert_eq!((one[0], one[2]), ("1", "opens what it has sealed"));
    assert_eq!((two[0], two[2]), ("2", "seals"));
    assert_ne!(one[1], two[1]);
    let now: serde_json::Value = serde_json::from_str(&file(dir.path())).expect("JSON");
    let before: serde_json::Value = serde_json::from_str(&first).expect("JSON");
    assert_eq!(now["installation_key"], before["installation_key"]);
    assert_eq!(now["master_keys"][0], before["master_keys"][0]);
    let secrets = now["master_keys"].as_array().expect("a list").iter().map(|key| &key["key"]);
    for secret in secrets.chain([&now["installation_key"]]) {
        let secret = secret.as_str().expect("digits");
        for part in [&secret[..8], &secret[56..]] {
            assert!(!said.contains(part) && !listed.contains(part));
        }
    }
    let mode = fs::metadata(dir.path().join("keys.json")).expect("keys").permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
}

#[test]
fn the_files_stay_their_owners() {
    let dir = made();
    const OTHER: u32 = 10_001;
    let give = |name| std::os::unix::fs::chown(dir.path().join(name), Some(OTHER), Some(OTHER));
    if give("keys.json").is_err() {
        eprintln!("only root can give a file away: nothing to test");
        return;
    }
    // As in a copy that was made without the locks.
    fs::remove_file(dir.path().join(".keys.lock")).expect("there");
    fs::create_dir(dir.path().join("log")).expect("a new folder");
    give("log").expect("root may");
    keys(dir.path(), &["rotate"]).expect("root may");
    for name in ["keys.json", ".keys.lock", "catalog.lock", "log/lock"] {
        let about = fs::metadata(dir.path().join(name)).expect(name);
        let whose = (about.uid(), about.gid(), about.mode() & 0o7777);
        assert_eq!(whose, (OTHER, OTHER, 0o600), "{name}");
    }
}

#[test]
fn a_link_stays_and_the_file_that_it_leads_to_gets_the_key() {
    let (dir, elsewhere) = (made(), tempfile::tempdir().expect("a folder"));
    let (link, target) = (dir.path().join("keys.json"), elsewhere.path().join("secret.json"));
    fs::rename(&link, &target).expect("on one disk");
    std::os::unix::fs::symlink(&target, &link).expect("a link");
    keys(dir.path(), &["rotate"]).expect("nobody is there");
    assert!(link.is_symlink());
    assert!(!target.is_symlink());
    assert_eq!(keys(dir.path(), &["list"]).expect("two keys").lines().count(), 2);
    assert_eq!(fs::read_dir(elsewhere.path()).expect("a folder").count(), 1);

    // One that leads to nothing is a mistake, also where there is no data yet.
    fs::remove_file(&target).expect("there");
    refuses(dir.path(), &["rotate"], "keys.json is not there");
    let refused = Keyring::open(dir.path()).expect_err("a loose link").to_string();
    assert!(refused.contains("can't follow"), "{refused}");
    assert!(link.is_symlink());
}

#[test]
fn what_a_crash_has_left_of_a_rotation_is_no_hindrance() {
    let dir = made();
    let half = dir.path().join("keys.json.new");
    fs::write(&half, &file(dir.path())[..40]).expect("written");
    fs::set_permissions(&half, fs::Permissions::from_mode(0o644)).expect("ours");
    assert_eq!(keys(dir.path(), &["list"]).expect("the old file").lines().count(), 1);
    keys(dir.path(), &["rotate"]).expect("it begins anew");
    assert_eq!(keys(dir.path(), &["list"]).expect("the new file").lines().count(), 2);
    assert!(!half.exists());
    let mode = fs::metadata(dir.path().join("keys.json")).expect("keys").permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
}

#[test]
fn nothing_is_made_where_there_are_no_keys() {
    let dir = tempfile::tempdir().expect("a folder");
    refuses(dir.path(), &["rotate"], "name the data directory of a daemon that has run");
    assert!(keys(dir.path(), &["list"]).is_err());
    assert_eq!(fs::read_dir(dir.path()).expect("a folder").count(), 0);
    refuses(&dir.path().join("typo"), &["rotate"], "name the data directory");
    assert!(!dir.path().join("typo").exists());
}

#[test]
fn a_file_that_is_not_as_it_should_be_is_left_alone() {
    let dir = made();
    let path = dir.path().join("keys.json");
    let sound = file(dir.path());
    fs::write(&path, &sound[..sound.len() / 2]).expect("written");
    refuses(dir.path(), &["rotate"], "is not a key file");
    fs::write(&path, sound.replace("\"format\": 1", "\"format\": 2")).expect("written");
    refuses(dir.path(), &["rotate"], "run a newer release");
    fs::write(&path, sound.replace("\"version\": 1", "\"version\": 65535")).expect("written");
    refuses(dir.path(), &["rotate"], "master key 65535, the last there can be");
    fs::write(&path, sound.replace("\"version\": 1", "\"version\": 65534")).expect("written");
    keys(dir.path(), &["rotate"]).expect("one is left");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("ours");
    refuses(dir.path(), &["rotate"], "chmod 600");
}

#[test]
fn whoever_is_at_work_on_the_data_keeps_the_keys_as_they_are() {
    let dir = made();
    let elsewhere = tempfile::tempdir().expect("a folder");
    let log = |dir: &Path| fs::create_dir(dir.join("log")).expect("a new folder");
    log(dir.path());
    log(elsewhere.path());
    let at_work = Journal::hold(dir.path()).expect("nobody is there").expect("a log");
    refuses(dir.path(), &["rotate"], "another geofenced is running on this data; stop it first");
    drop(at_work);
    let at_work = Journal::hold(elsewhere.path()).expect("nobody is there").expect("a log");
    let there = elsewhere.path().to_str().expect("a path of a test");
    refuses(dir.path(), &["rotate", "--journal-dir", there], "another geofenced is running");
    drop(at_work);
    let catalog = SqliteStore::open(&dir.path().join(CATALOG_FILE)).expect("a new catalog");
    refuses(dir.path(), &["rotate"], "in use by a daemon or another command; stop it first");
    drop(catalog);
    assert_eq!(keys(dir.path(), &["list"]).expect("as before").lines().count(), 1);
    keys(dir.path(), &["rotate"]).expect("nobody is there any more");
}

/// A daemon that reads its keys is not to go on with them while another is added.
#[test]
fn a_start_keeps_a_rotation_off_before_it_reads_the_keys() {
    let dir = made();
    // The start comes to the keys, and no further.
    let keys_lock = fs::File::options().append(true).open(dir.path().join(".keys.lock"));
    let keys_lock = keys_lock.expect("the lock of the keys");
    keys_lock.lock().expect("nobody is there");
    std::thread::scope(|scope| {
        let starting = scope.spawn(|| {
            loop {
                match of_start(dir.path()) {
                    Ok(started) => return started,
                    // The look below was in the way.
                    Err(error) => assert!(error.to_string().contains("in use"), "{error}"),
                }
            }
        });
        while hold::alone(&dir.path().join(CATALOG_FILE)).is_ok() {
            assert!(!starting.is_finished(), "it has read the keys, and a rotation could begin");
            std::thread::yield_now();
        }
        refuses(dir.path(), &["rotate"], "in use by a daemon or another command; stop it first");
        keys_lock.unlock().expect("ours");
        let (held, keyring) = starting.join().expect("it starts");
        assert_eq!(keyring.key_version(), 1);
        refuses(dir.path(), &["rotate"], "in use by a daemon or another command; stop it first");
        drop(held);
    });
    keys(dir.path(), &["rotate"]).expect("nobody is there any more");
}

#[test]
fn no_key_is_made_or_added_beside_a_catalog_of_other_keys() {
    let dir = made();
    let keyring = Keyring::existing(dir.path()).expect("keys");
    let mut catalog = SqliteStore::open(&dir.path().join(CATALOG_FILE)).expect("a new catalog");
    catalog.note_keys(&keyring).expect("its first");
    let key = Key::new(INSTALLATION, Kind::Account, 1);
    let device = keyring.seal(DeviceKey { account: AccountId(1), device: DeviceId([7; 16]) });
    let listed = thread::write(&mut catalog, |tx| {
        Ok(tx.add_devices((key, DeviceList::Blacklist), &[device])?)
    });
    assert_eq!(listed.expect("a blacklist of one"), 1);
    drop(catalog);
    let ours = fs::read(dir.path().join("keys.json")).expect("keys");

    fs::remove_file(dir.path().join("keys.json")).expect("there");
    let refused = of_start(dir.path()).expect_err("without keys").to_string();
    assert!(refused.contains("catalog.db holds data sealed under its keys; restore"), "{refused}");
    assert!(!dir.path().join("keys.json").exists());
    fs::copy(made().path().join("keys.json"), dir.path().join("keys.json")).expect("other keys");
    let refused = of_start(dir.path()).expect_err("with other keys").to_string();
    assert!(refused.contains("under master key 1 with check"), "{refused}");
    refuses(dir.path(), &["rotate"], "under master key 1 with check");
    fs::write(dir.path().join("keys.json"), ours).expect("written");
    keys(dir.path(), &["rotate"]).expect("they are back");
    of_start(dir.path()).expect("with one more key");
}
