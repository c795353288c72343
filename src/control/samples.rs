//! An installation with accounts and documents, for the tests of this part and of the routes over it.

use serde_json::{Value, json};

use super::config::CampaignsConfig;
use super::desk::{Actor, Desk, operator};
use super::documents::account::Membership;
use super::documents::{Account, Document, document};
use super::refusal::Refusal;
use super::reports::ReportShelf;
use super::store::{Content, Key, Kind, SqliteStore, thread};
use crate::domain::ids::AccountId;
use crate::domain::problem::Kind as Problems;
use crate::domain::units::UtcMs;
use crate::identity::Keyring;

/// Noon of 2026-11-23 in Seoul.
pub(crate) const NOON: UtcMs = UtcMs(1_795_402_800_000);

/// An advertising id.
pub(crate) const PHONE: &str = "38400000-8cf0-11bd-b23e-10b96e40000d";

/// A catalog in a directory of its own.
pub(crate) struct Installation {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) store: SqliteStore,
    pub(crate) now: UtcMs,
    /// Whether changes are the operator's.
    pub(crate) operator: bool,
}

impl Installation {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&dir.path().join("catalog.db")).unwrap();
        Self { dir, store, now: NOON, operator: false }
    }

    /// With one account, its number, and an app.
    pub(crate) fn with(membership: Membership) -> (Self, AccountId) {
        let mut installation = Self::new();
        let account = installation.account(membership);
        (installation, account)
    }

    /// Where its report files would be.
    pub(crate) fn shelf(&self) -> ReportShelf {
        ReportShelf::open(&self.dir.path().join("reports"), &CampaignsConfig::default()).unwrap()
    }

    /// Makes an account with one app.
    pub(crate) fn account(&mut self, membership: Membership) -> AccountId {
        let account: Account = parsed(json!({ "name": "Mart", "membership": membership }));
        let actor = self.actor(AccountId(0));
        let made =
            thread::write(&mut self.store, |tx| operator::create_account(tx, &actor, &account));
        let account = AccountId(made.unwrap().id);
        let made =
            self.at(account, |desk| desk.create::<super::documents::App>(parsed(app()), None));
        made.unwrap();
        account
    }

    pub(crate) fn actor(&self, account: AccountId) -> Actor {
        let (operator, now) = (self.operator, self.now);
        Actor { account, by: "tests".into(), operator, now, keyring: keyring() }
    }

    /// Works at the desk of an account, in one transaction.
    pub(crate) fn at<T>(
        &mut self,
        account: AccountId,
        work: impl FnOnce(&mut Desk<'_>) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let actor = self.actor(account);
        thread::write(&mut self.store, |tx| work(&mut Desk::open(tx, &actor)?))
    }

    /// Makes a document and gives its number.
    pub(crate) fn make<D: super::desk::Ruled>(&mut self, account: AccountId, body: Value) -> u32 {
        self.at(account, |desk| desk.create::<D>(document::parse(body)?, None)).unwrap().id
    }

    /// Says that the file of a group or segment was read and is fine.
    pub(crate) fn accept(&mut self, account: AccountId, kind: Kind, id: u32) {
        let (key, now) = (Key::new(account, kind, id), self.now);
        let outcome = thread::write(&mut self.store, |tx| {
            let content = tx.get(key)?.ok_or(Refusal::NoSuch(key))?.content;
            Ok(tx.update(key, Content { state: "usable".to_owned(), ..content }, now)?)
        });
        outcome.unwrap();
    }
}

pub(crate) fn keyring() -> Keyring {
    Keyring::from_seed([7; 32])
}

/// A body that reads.
pub(crate) fn parsed<D: Document>(body: Value) -> D {
    document::parse(body).unwrap()
}

/// What kind of refusal it is; `None` for none.
pub(crate) fn refused<T>(outcome: Result<T, Refusal>) -> Option<Problems> {
    outcome.err().map(|refusal| refusal.kind())
}

/// The body with another value at a pointer; the members above it are there.
pub(crate) fn set(mut body: Value, pointer: &str, value: Value) -> Value {
    let (above, member) = pointer.rsplit_once('/').unwrap();
    let place = body.pointer_mut(above).unwrap();
    match place.as_array_mut() {
        Some(list) => list[member.parse::<usize>().unwrap()] = value,
        None => place[member] = value,
    }
    body
}

pub(crate) fn app() -> Value {
    json!({ "name": "Mart", "package": "com.example.mart", "platform": "android" })
}

/// A sound campaign that waits, begins tomorrow, watches everything and says nothing.
pub(crate) fn campaign() -> Value {
    json!({
        "name": "Lunch",
        "apps": [1],
        "locations": [{ "general": { "nationwide": true } }],
        "trigger": { "on": "enter" },
        "start": "2026-11-24",
        "end": "2026-11-30",
        "windows": [{ "days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "start": "00:00", "end": "24:00" }],
        "frequency": "once_per_day",
        "message_type": "none",
        "test_devices": [PHONE],
    })
}

/// The same with other blocks.
pub(crate) fn campaign_at(locations: Value) -> Value {
    set(campaign(), "/locations", locations)
}

pub(crate) fn geofence() -> Value {
    json!({ "name": "Gate", "shape": { "type": "circle", "lat": 37.5, "lon": 127.0, "radius_m": 100 } })
}

pub(crate) fn place(code: &str, (lat, lon): (f64, f64)) -> Value {
    json!({ "name": format!("Store {code}"), "code": code, "lat": lat, "lon": lon })
}

pub(crate) fn region(level: &str, parent: Option<u32>) -> Value {
    json!({ "name": format!("A {level}"), "level": level, "parent": parent, "shape": square((37.0, 127.0), 1.0) })
}

/// A square of so many degrees from its south-west corner.
pub(crate) fn square((lat, lon): (f64, f64), side: f64) -> Value {
    let (north, east) = (lat + side, lon + side);
    json!({ "type": "polygon", "coordinates": [[[lon, lat], [east, lat], [east, north], [lon, north]]] })
}
