//! Backups: made beside a daemon, put back without one, and damaged ones refused.

use std::path::{Path, PathBuf};

use super::catalog::CatalogCommand;
use super::error::CommandError;
use crate::control::desk::{Actor, operator};
use crate::control::documents::{Account, Membership};
use crate::control::store::{
    CATALOG_FILE, INSTALLATION, Key, Kind, Query, SqliteStore, Store as _, thread,
};
use crate::domain::ids::AccountId;
use crate::domain::units::UtcMs;
use crate::identity::Keyring;

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn open(&self) -> SqliteStore {
        SqliteStore::open(&self.path(CATALOG_FILE)).unwrap()
    }

    fn restore(&self, from: &Path, replace: bool) -> Result<String, CommandError> {
        let dir = self.0.path().to_owned();
        run(&CatalogCommand::Restore { from: from.to_owned(), dir, replace })
    }
}

fn run(command: &CatalogCommand) -> Result<String, CommandError> {
    let mut out = Vec::new();
    command.run(&mut out)?;
    Ok(String::from_utf8(out).unwrap())
}

fn add(store: &mut SqliteStore, name: &str) {
    let (keyring, now) = (Keyring::from_seed([0; 32]), UtcMs(0));
    let actor = Actor { account: AccountId(0), by: "a test".into(), operator: true, now, keyring };
    let account = Account::named(name, Membership::Basic);
    thread::write(store, |tx| operator::create_account(tx, &actor, &account)).unwrap();
}

fn names(store: &mut SqliteStore) -> Vec<String> {
    let mut names = Vec::new();
    store
        .read(&mut |tx| {
            tx.scan(&Query::all(INSTALLATION, Kind::Account), &mut |record| {
                names.push(record.content.name);
                Ok(())
            })
        })
        .unwrap();
    names
}

#[test]
fn a_backup_made_beside_a_daemon_brings_back_what_it_had() {
    let (place, other) = (Place::new(), Place::new());
    let mut daemon = place.open();
    add(&mut daemon, "One");
    let to = other.path("backup.db");
    let backup = CatalogCommand::Backup { dir: place.0.path().to_owned(), to: to.clone() };
    let said = run(&backup).unwrap();
    assert!(said.ends_with("format 4, 1 account, 1 changes in the audit log\n"), "{said}");
    let again = run(&backup).unwrap_err().to_string();
    assert!(again.contains("is there already"), "{again}");
    add(&mut daemon, "Two");

    let running = place.restore(&to, true).unwrap_err().to_string();
    assert!(running.contains("in use by a daemon"), "{running}");
    drop(daemon);
    let standing = place.restore(&to, false).unwrap_err().to_string();
    assert!(standing.contains("--replace"), "{standing}");
    assert_eq!(names(&mut place.open()), ["One", "Two"]);
    let said = place.restore(&to, true).unwrap();
    assert!(said.contains("what was there is"), "{said}");
    assert_eq!(names(&mut place.open()), ["One"]);
    // Devices and figures remember what was under the number of the one that is gone.
    add(&mut place.open(), "Three");
    let three = thread::read(&mut place.open(), |tx| Ok(tx.get(Key::of_account(AccountId(3)))?));
    assert_eq!(three.unwrap().unwrap().content.name, "Three");
    let aside = place.path("catalog.db.replaced");
    assert_eq!(names(&mut SqliteStore::open(&aside).unwrap()), ["One", "Two"]);

    let fresh = Place::new();
    fresh.restore(&to, false).unwrap();
    assert_eq!(names(&mut fresh.open()), ["One"]);
}

#[test]
fn what_is_no_sound_catalog_is_not_restored() {
    let place = Place::new();
    add(&mut place.open(), "One");
    let check = |path: &Path| run(&CatalogCommand::Check { path: path.to_owned() });
    assert!(check(place.0.path()).unwrap().contains("sound, format 4, 1 account"));

    let text = place.path("text.db");
    std::fs::write(&text, "this is no database, though it is a file of some length".repeat(20))
        .unwrap();
    let empty = place.path("empty.db");
    std::fs::write(&empty, "").unwrap();
    let damaged = place.path("damaged.db");
    let backup = CatalogCommand::Backup { dir: place.0.path().to_owned(), to: damaged.clone() };
    run(&backup).unwrap();
    let mut bytes = std::fs::read(&damaged).unwrap();
    bytes[4096..3 * 4096].fill(0xA5);
    std::fs::write(&damaged, bytes).unwrap();
    for bad in [text, empty, damaged, place.path("absent.db")] {
        assert!(check(&bad).is_err(), "{}", bad.display());
        assert!(place.restore(&bad, true).is_err(), "{}", bad.display());
    }
    assert_eq!(names(&mut place.open()), ["One"]);
}

/// A daemon can't begin on a catalog that is being put there.
#[test]
fn nobody_opens_a_catalog_that_is_held_alone() {
    let place = Place::new();
    drop(place.open());
    let lock = std::fs::File::options().write(true).open(place.path("catalog.lock")).unwrap();
    lock.lock().unwrap();
    let refused = SqliteStore::open(&place.path(CATALOG_FILE)).err().unwrap().to_string();
    assert!(refused.contains("in use"), "{refused}");
}
