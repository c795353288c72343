//! Accounts by hand: what is told, what is refused, and that a daemon would hear of it.

use std::path::Path;

use clap::Parser;

use super::account::AccountCommand;
use super::error::CommandError;
use crate::control::store::{CATALOG_FILE, SqliteStore, Store as _, thread};
use crate::domain::ids::AccountId;
use crate::domain::units::UtcMs;

const NOW: UtcMs = UtcMs(1_795_000_000_000);

#[derive(Parser)]
struct Program {
    #[command(flatten)]
    account: AccountCommand,
}

fn run(dir: &Path, words: &[&str]) -> Result<String, CommandError> {
    let dir = dir.to_str().unwrap();
    let line = [&["geofenced", "--data-dir", dir], words].concat();
    let mut out = Vec::new();
    Program::try_parse_from(line).unwrap().account.run(NOW, &mut out)?;
    Ok(String::from_utf8(out).unwrap())
}

fn json(dir: &Path, words: &[&str]) -> serde_json::Value {
    serde_json::from_str(&run(dir, &[words, &["--json"]].concat()).unwrap()).unwrap()
}

#[test]
fn an_account_is_made_listed_shown_and_changed() {
    let home = tempfile::tempdir().unwrap();
    let dir = &home.path().join("data");
    let make = ["create", "--name", "Coffee Seoul", "--membership", "premium", "--night-rule"];
    assert_eq!(run(dir, &make).unwrap(), "account 1 was made\n");
    let other = json(dir, &["create", "--name", "Bakery", "--membership", "lite"]);
    assert_eq!((&other["id"], &other["limits"]["requests_per_min"]), (&2.into(), &6000.into()));

    let listed = run(dir, &["list"]).unwrap();
    assert_eq!(listed, "1  Premium  Asia/Seoul  Coffee Seoul\n2  Lite  Asia/Seoul  Bakery\n");
    assert_eq!(run(dir, &["list", "--search", "BAK"]).unwrap().lines().count(), 1);

    let set = ["set", "1", "--time-zone", "Asia/Tokyo", "--daily-cap", "3", "--night-rule=false"];
    assert_eq!(run(dir, &set).unwrap(), "account 1 was changed\n");
    let shown = json(dir, &["show", "1"]);
    assert_eq!((&shown["name"], &shown["revision"]), (&"Coffee Seoul".into(), &2.into()));
    assert_eq!((&shown["daily_cap"], &shown["night_rule"]), (&3.into(), &false.into()));
    assert_eq!(
        json(dir, &["set", "1", "--daily-cap", "none"])["daily_cap"],
        serde_json::Value::Null
    );
    assert!(run(dir, &["show", "1"]).unwrap().contains("time zone         Asia/Tokyo\n"));
}

#[test]
fn what_is_not_allowed_is_told_and_changes_nothing() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path();
    let nowhere = run(dir, &["list"]).unwrap_err();
    assert!(nowhere.to_string().contains("catalog.db is not there"), "{nowhere}");
    assert!(!dir.join(CATALOG_FILE).exists(), "looking makes nothing");
    let make = ["create", "--name", "One", "--membership", "lite", "--time-zone", "Mars/Olympus"];
    let zone = run(dir, &make).unwrap_err();
    assert!(zone.is_mistake() && zone.to_string().contains("Mars/Olympus"), "{zone}");
    run(dir, &["create", "--name", "One", "--membership", "lite"]).unwrap();
    let visits = run(dir, &["set", "1", "--measure-visits"]).unwrap_err();
    assert!(visits.to_string().contains("Lite has no visit report"), "{visits}");
    let nothing = run(dir, &["set", "1"]).unwrap_err();
    assert!(nothing.is_mistake(), "{nothing}");
    let absent = run(dir, &["show", "9"]).unwrap_err();
    assert!(!absent.is_mistake() && absent.to_string().contains("account 9"), "{absent}");
    assert_eq!(json(dir, &["show", "1"])["revision"], 1);
}

/// What a daemon that runs beside the command finds, in the way that it looks.
#[test]
fn a_change_is_noted_and_found_by_who_has_the_catalog_open() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path();
    run(dir, &["create", "--name", "One", "--membership", "basic"]).unwrap();
    run(dir, &["create", "--name", "Two", "--membership", "basic"]).unwrap();
    let mut daemon = SqliteStore::open(&dir.join(CATALOG_FILE)).unwrap();
    assert_eq!(daemon.changed_elsewhere().unwrap(), []);
    run(dir, &["set", "2", "--daily-cap", "3"]).unwrap();
    run(dir, &["set", "2", "--daily-cap", "4"]).unwrap();
    assert_eq!(daemon.changed_elsewhere().unwrap(), [AccountId(2)]);
    assert_eq!(daemon.changed_elsewhere().unwrap(), []);
    let notes = thread::read(&mut daemon, |tx| Ok(tx.notes(AccountId(2), u64::MAX, 10)?)).unwrap();
    let last = &notes[0];
    assert_eq!((notes.len(), last.by.as_str()), (3, "geofenced account set"));
    assert!(last.before.contains("\"daily_cap\":3") && last.after.contains("\"daily_cap\":4"));
}
