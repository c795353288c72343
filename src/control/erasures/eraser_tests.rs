//! Erasures wait until every keeper has forgotten, whatever comes between.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use serde_json::json;

use super::eraser::Eraser;
use super::keeper::Keeper;
use crate::clock::Clock;
use crate::control::desk::{Actor, Desk};
use crate::control::documents::erasure::Erased;
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

    fn pass(&mut self) -> anyhow::Result<BTreeSet<AccountId>> {
        self.eraser.pass(&BTreeSet::from([AccountId(1)]), &|| false)
    }
}

fn operator(account: AccountId) -> Actor {
    Actor { account, by: "operator".into(), operator: true, now: NOON, keyring: keyring() }
}

#[test]
fn the_receipt_comes_when_all_have_forgotten_and_the_id_goes() {
    let mut office = Office::new();
    assert_eq!(office.pass().unwrap(), BTreeSet::new(), "nothing waits");
    let id = office.ask();
    assert_eq!(office.shown(id).document.advertising_id, [ADID]);
    office.turns.lock().unwrap().extend([Err(anyhow::anyhow!("the disk is full")), Ok(None)]);
    assert_eq!(office.pass().unwrap(), BTreeSet::from([AccountId(1)]), "cut short");
    let error = format!("{:#}", office.pass().unwrap_err());
    assert_eq!(error, "erasing from the first: the disk is full");
    let shown = office.shown(id);
    assert_eq!((&*shown.state, shown.document.receipt), ("waiting", vec![]));
    assert_eq!(office.pass().unwrap(), BTreeSet::new());
    let shown = office.shown(id);
    let erased = |from: &str, records| Erased { from: from.to_owned(), records };
    assert_eq!(shown.state, "erased");
    assert_eq!(shown.document.receipt, [erased("first", 7), erased("second", 0)]);
    assert_eq!(shown.document.advertising_id, Vec::<String>::new());
    assert_eq!(office.pass().unwrap(), BTreeSet::new(), "once");
    assert_eq!(office.shown(id).revision, shown.revision);
}
