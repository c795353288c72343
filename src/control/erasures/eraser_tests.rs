//! Erasures wait until every keeper has forgotten, whatever comes between.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use serde_json::json;

use super::eraser::{Eraser, MAX_WAITING};
use super::keeper::Keeper;
use crate::clock::Clock;
use crate::control::desk::{Actor, Desk};
use crate::control::documents::{Erasure, Shown, document};
use crate::control::samples::{NOON, keyring};
use crate::control::store::{Catalog, SqliteStore, Store as _, thread};
use crate::domain::ids::AccountId;
use crate::shutdown::{Shutdown, Stage};

const ADID: &str = "38400000-8cf0-11bd-b23e-10b96e40000d";

/// What a keeper does at its next turns; then it forgets.
type Turns = Arc<Mutex<Vec<anyhow::Result<Option<u64>>>>>;

struct Office {
    eraser: Eraser,
    turns: Turns,
    _dir: tempfile::TempDir,
}

impl Office {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut store = SqliteStore::open(&dir.path().join("catalog.db")).unwrap();
        let account = json!({"name": "Mart", "membership": "basic"});
        thread::write(&mut store, |tx| {
            crate::control::desk::operator::create_account(
                tx,
                &operator(AccountId(0)),
                &document::parse(account)?,
            )
        })
        .unwrap();
        let reader = store.reader().unwrap();
        let member = Shutdown::new().join(Stage::Admin, "catalog");
        let catalog = Catalog::spawn(Box::new(store), member).unwrap();
        let turns = Turns::default();
        let of_keeper = Arc::clone(&turns);
        let first = Keeper::new("first", move |gone, _ends| {
            assert_eq!(gone.devices().len(), 1);
            of_keeper.lock().unwrap().pop().unwrap_or(Ok(Some(7)))
        });
        let second = Keeper::new("second", |_gone, _ends| Ok(Some(0)));
        let (clock, _hands) = Clock::manual(NOON);
        let keepers = vec![first, second];
        let eraser = Eraser { catalog, reader, keepers, keyring: keyring(), clock };
        Self { eraser, turns, _dir: dir }
    }

    fn desk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Desk<'_>) -> Result<T, crate::control::refusal::Refusal> + Send + 'static,
    ) -> T {
        let done = self.eraser.catalog.ask_and_wait(move |store| {
            thread::write(store, |tx| work(&mut Desk::open(tx, &operator(AccountId(1)))?))
        });
        done.unwrap()
    }

    fn ask(&self) -> u32 {
        let body = json!({ "advertising_id": ADID });
        self.desk(|desk| desk.create::<Erasure>(document::parse(body)?, None)).id
    }

    fn shown(&self, id: u32) -> Shown<Erasure> {
        self.desk(move |desk| desk.get::<Erasure>(id))
    }

    fn pass(&mut self) -> anyhow::Result<bool> {
        self.eraser.pass(&BTreeSet::from([AccountId(1)]), &|| false)
    }
}

fn operator(account: AccountId) -> Actor {
    Actor { account, by: "operator".into(), operator: true, now: NOON, keyring: keyring() }
}

#[test]
fn the_receipt_comes_when_all_have_forgotten_and_the_id_goes() {
    let mut office = Office::new();
    assert!(office.pass().unwrap(), "nothing waits");
    let id = office.ask();
    assert_eq!(office.shown(id).document.advertising_id, [ADID]);
    office.turns.lock().unwrap().extend([Err(anyhow::anyhow!("the disk is full")), Ok(None)]);
    assert!(!office.pass().unwrap(), "cut short");
    let error = format!("{:#}", office.pass().unwrap_err());
    assert_eq!(error, "erasing from the first: the disk is full");
    let shown = office.shown(id);
    assert_eq!((&*shown.state, shown.document.receipt), ("waiting", vec![]));
    assert!(office.pass().unwrap());
    let shown = office.shown(id);
    assert_eq!(shown.state, "erased");
    assert_eq!(shown.document.receipt, ["first", "second"]);
    assert_eq!(shown.document.before, "2026-11-23T03:00:00Z");
    assert_eq!(shown.document.advertising_id, Vec::<String>::new());
    assert!(office.pass().unwrap(), "once");
    assert_eq!(office.shown(id).revision, shown.revision);
}

#[test]
fn a_pass_that_ends_between_receipt_and_purge_is_finished() {
    let mut office = Office::new();
    let id = office.ask();
    // As a kill in between leaves it: the receipt is written, the device is gone, the state is not told yet.
    office.desk(move |desk| {
        let erasure = Erasure {
            advertising_id: vec![],
            before: "then".to_owned(),
            receipt: vec!["first".to_owned()],
        };
        desk.was_erased(id, &erasure)
    });
    assert_eq!(office.shown(id).state, "waiting");
    office.turns.lock().unwrap().push(Err(anyhow::anyhow!("nobody is asked again")));
    assert!(office.pass().unwrap());
    assert_eq!((&*office.shown(id).state, &*office.shown(id).document.before), ("erased", "then"));
}

#[test]
fn so_many_may_wait() {
    let office = Office::new();
    let body = json!({ "advertising_id": ADID });
    let found = office.desk(move |desk| {
        for _ in 1..MAX_WAITING {
            desk.create::<Erasure>(document::parse(body.clone())?, None)?;
        }
        desk.create::<Erasure>(document::parse(body.clone())?, None)?;
        Ok(desk.create::<Erasure>(document::parse(body)?, None))
    });
    let refused = found.unwrap_err().to_string();
    assert!(refused.contains("erasures that wait") && refused.contains("10000"), "{refused}");
    let _not_gone_through = office.turns.lock().unwrap().pop();
}
