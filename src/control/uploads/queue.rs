//! The thread that reads uploaded files, one after the other, in the order in which they came.

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::apply::addresses::Addresses;
use super::apply::batch::{Applies, Batch};
use super::apply::devices::Devices;
use super::apply::fences::Fences;
use super::apply::places::Places;
use super::apply::regions::{Joins, Regions};
use super::check::{Checked, Known, check};
use super::depot::{Depot, Parcel};
use super::geocoder::Geocoder;
use crate::clock::Clock;
use crate::control::compiler::Publications;
use crate::control::desk::{Actor, Desk};
use crate::control::documents::{Address, Document as _, Import, document};
use crate::control::imports::bounds::Bounds;
use crate::control::imports::columns::Kind as ImportOf;
use crate::control::imports::error::ImportError;
use crate::control::imports::read;
use crate::control::imports::rows::bad_cell::BadCell;
use crate::control::imports::watch::{Progress, Watch, within};
use crate::control::refusal::Refusal;
use crate::control::shape::check_point;
use crate::control::store::{Catalog, INSTALLATION, Kind, Query, Record, StoreError, Tx, thread};
use crate::domain::ids::AccountId;
use crate::identity::Keyring;
use crate::shutdown::Member;

/// How soon the thread notices that it should end, and that a file has come.
const NAP: Duration = Duration::from_millis(100);

/// Progress is told every so many rows.
const TELL_EVERY: u64 = 2000;

/// What the thread works with.
pub struct ImportQueue {
    /// Where imports are, and records go.
    pub catalog: Catalog,
    /// Where the files are.
    pub depot: Depot,
    /// What is told of changes.
    pub publications: Arc<Publications>,
    /// What advertising ids are sealed with.
    pub keyring: Keyring,
    /// By which imports are stamped and bounded.
    pub clock: Clock,
    /// Who is asked for addresses that the account's table does not have.
    pub geocoder: Option<Geocoder>,
}

/// A file whose turn it is.
struct Turn {
    account: AccountId,
    id: u32,
    import: Import,
}

/// Why a file did not come to its end.
enum Broken {
    /// It is refused.
    File(ImportError),
    /// A rule is in the way.
    Rule(Refusal),
}

impl From<ImportError> for Broken {
    fn from(error: ImportError) -> Self {
        Self::File(error)
    }
}

impl From<Refusal> for Broken {
    fn from(refusal: Refusal) -> Self {
        Self::Rule(refusal)
    }
}

impl From<std::io::Error> for Broken {
    fn from(error: std::io::Error) -> Self {
        Self::File(ImportError::Io(error))
    }
}

impl ImportQueue {
    /// Starts the thread, which ends when the member is asked to; a file that is being read is read again later.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn spawn(self, member: Member) -> std::io::Result<()> {
        std::thread::Builder::new().name("imports".to_owned()).spawn(move || {
            self.run(&member);
            drop(self);
            drop(member);
        })?;
        Ok(())
    }

    fn run(&self, member: &Member) {
        while !member.is_asked() {
            match self.next() {
                Ok(Some(turn)) => self.read(&turn, member),
                Ok(None) => std::thread::park_timeout(NAP),
                Err(Refusal::Ending) => return,
                Err(error) => {
                    tracing::error!(%error, "the catalog can't say which import is next");
                    std::thread::park_timeout(NAP);
                }
            }
        }
    }

    /// The import that has waited longest, of whichever account.
    fn next(&self) -> Result<Option<Turn>, Refusal> {
        self.catalog.ask_and_wait(|store| thread::read(store, |tx| Ok(longest_waiting(tx)?)))
    }

    fn read(&self, turn: &Turn, member: &Member) {
        let ends = &AtomicBool::new(false);
        let parcel = self.depot.parcel(turn.account, turn.id);
        let outcome = self.checked_and_applied(turn, &parcel, member, ends);
        if member.is_asked() {
            return;
        }
        let (state, reason, checked) = match outcome {
            Ok((state, checked)) => (state, String::new(), Some(checked)),
            Err(Broken::File(ImportError::Io(error))) => {
                tracing::error!(account = turn.account.0, import = turn.id, %error, "an import was given up");
                // What a disk says is the operator's; what was in the way besides is told.
                let told = error.get_ref().map(ToString::to_string);
                let reason = told.unwrap_or_else(|| ImportError::Io(error).to_string());
                ("check_error", reason, None)
            }
            Err(Broken::File(error)) => ("failed", error.to_string(), None),
            Err(Broken::Rule(refusal)) => ("check_error", refusal.to_string(), None),
        };
        let told = self.conclude(turn, state, reason, checked.as_ref());
        // Only now: a file that was not noted as read is read again after a crash. One with good and bad rows may yet be
        // accepted.
        let is_done_with = state != "partly_failed";
        let told =
            told.and_then(|()| if is_done_with { Ok(parcel.discard_upload()?) } else { Ok(()) });
        match told {
            // Its owner has deleted it, or sent another file in its place.
            Ok(()) | Err(Refusal::NoSuch(_)) => {}
            Err(error) => tracing::error!(%error, "what has come of an import could not be noted"),
        }
    }

    /// The state that the file has come to.
    fn checked_and_applied(
        &self,
        turn: &Turn,
        parcel: &Parcel,
        member: &Member,
        ends: &AtomicBool,
    ) -> Result<(&'static str, Checked), Broken> {
        let of = turn.import.of;
        let mut bad_rows = parcel.bad_rows()?;
        let told = |progress: Progress| self.tell(turn, member, ends, progress);
        let mut look = within(&self.clock, Bounds::of(of).seconds, ends, told);
        let mut watch = Watch::new(TELL_EVERY, &mut look);
        let account = turn.account;
        let known = Known {
            region: &mut |key| self.has_region(account, key),
            address: &mut |addresses| self.has_address(account, addresses),
        };
        let checked = check((parcel.open()?, of), &mut watch, &mut bad_rows, known)?;
        bad_rows.finish()?;
        match (checked.good(), checked.bad()) {
            (0, _) => return Ok(("failed", checked)),
            (_, 1..) if !turn.import.accepted => return Ok(("partly_failed", checked)),
            _ => {}
        }
        let told = |progress: Progress| self.tell(turn, member, ends, progress);
        let mut look = within(&self.clock, Bounds::of(of).seconds, ends, told);
        let applied = self.apply(turn, (parcel, &checked), &mut Watch::new(TELL_EVERY, &mut look));
        // Also of one that broke off: its first rows are there.
        self.publications.changed(account);
        applied?;
        Ok(("usable", checked))
    }

    fn apply(
        &self,
        turn: &Turn,
        (parcel, checked): (&Parcel, &Checked),
        watch: &mut Watch<'_>,
    ) -> Result<(), Broken> {
        let bounds = &Bounds::of(turn.import.of);
        let (file, into) = (parcel.open()?, turn.import.into.unwrap_or(0));
        let actor = self.actor(turn.account);
        self.clear(turn)?;
        match turn.import.of {
            ImportOf::Group => {
                let mut batch = Batch::new(&self.catalog, actor, Fences { group: into });
                each((&mut batch, checked), |put| read::fences(file, bounds, watch, put))?;
                batch.finish()?;
            }
            ImportOf::Places => {
                let mut batch = Batch::new(&self.catalog, actor, Places::default());
                each((&mut batch, checked), |put| read::places(file, bounds, watch, put))?;
                batch.finish()?;
            }
            ImportOf::Regions => {
                let mut batch = Batch::new(&self.catalog, actor.clone(), Regions::default());
                each((&mut batch, checked), |put| read::regions(file, bounds, watch, put))?;
                let mut joins = Batch::new(&self.catalog, actor, Joins);
                batch.finish()?.parents.into_iter().try_for_each(|join| joins.add(join))?;
                joins.finish()?;
            }
            ImportOf::Addresses => {
                let mut batch = Batch::new(&self.catalog, actor, Addresses);
                each((&mut batch, checked), |put| read::addresses(file, bounds, watch, put))?;
                batch.finish()?;
            }
            ImportOf::Segment | ImportOf::Blacklist => {
                let of = turn.import.of;
                let list = if of == ImportOf::Segment {
                    Devices::Segment(into)
                } else {
                    Devices::Blacklist
                };
                let mut batch = Batch::new(&self.catalog, actor, list);
                each((&mut batch, checked), |put| read::devices(file, (of, bounds), watch, put))?;
                batch.finish()?;
                self.put_in_place(turn)?;
            }
        }
        Ok(())
    }

    /// A campaign that addresses a segment never sees it half filled.
    fn put_in_place(&self, turn: &Turn) -> Result<(), Refusal> {
        let (actor, import) = (self.actor(turn.account), turn.import.clone());
        self.catalog.ask_and_wait(move |store| {
            thread::write(store, |tx| Desk::open(tx, &actor)?.put_in_place(&import))
        })
    }

    /// What an earlier file, or an earlier reading of this one, has filled a group or segment with.
    fn clear(&self, turn: &Turn) -> Result<(), Refusal> {
        let (actor, import) = (self.actor(turn.account), turn.import.clone());
        self.catalog.ask_and_wait(move |store| {
            thread::write(store, |tx| Desk::open(tx, &actor)?.clear_imported(&import))
        })
    }

    fn has_region(&self, account: AccountId, key: &str) -> io::Result<bool> {
        let key = key.to_owned();
        let found = self.catalog.ask_and_wait(move |store| {
            thread::read(store, |tx| Ok(tx.find(account, Kind::Region, &key)?.is_some()))
        });
        found.map_err(|refusal| io::Error::other(refusal.to_string()))
    }

    /// Whether the account's table has one of these addresses, or the geocoding service, whose answer the table then has.
    fn has_address(&self, account: AccountId, addresses: [Option<&str>; 2]) -> io::Result<bool> {
        let actor = self.actor(account);
        let asked = addresses.map(|address| address.map(str::to_owned));
        let found = self.catalog.ask_and_wait(move |store| {
            thread::read(store, |tx| {
                let [road, lot] = &asked;
                Desk::open(tx, &actor)?.locate([road.as_deref(), lot.as_deref()])
            })
        });
        let found = found.map_err(|refusal| io::Error::other(refusal.to_string()))?;
        if found.is_some() {
            return Ok(true);
        }
        let Some(geocoder) = &self.geocoder else { return Ok(false) };
        for address in addresses.into_iter().flatten() {
            let told = geocoder(address).map_err(|reason| {
                io::Error::other(format!("the geocoding service can't be asked: {reason}"))
            })?;
            if let Some((lat, lon)) = told {
                return self
                    .keep_address(account, Address { address: address.to_owned(), lat, lon });
            }
        }
        Ok(false)
    }

    /// Puts an address into the account's table, unless it is nowhere on earth.
    fn keep_address(&self, account: AccountId, address: Address) -> io::Result<bool> {
        if !check_point(address.lat, address.lon).is_empty() {
            return Ok(false);
        }
        let actor = self.actor(account);
        let kept = self.catalog.ask_and_wait(move |store| {
            thread::write(store, |tx| {
                let mut desk = Desk::open(tx, &actor)?;
                let natural = address.natural().unwrap_or_default();
                let there = desk.number_of(Kind::Address, &natural)?;
                desk.put_imported(there, &address)
            })
        });
        kept.map(|_number| true).map_err(|refusal| io::Error::other(refusal.to_string()))
    }

    fn actor(&self, account: AccountId) -> Actor {
        Actor {
            account,
            by: "an import".into(),
            operator: false,
            now: self.clock.now(),
            keyring: self.keyring.clone(),
        }
    }

    /// Tells how far it is, and hears whether to go on.
    fn tell(&self, turn: &Turn, member: &Member, ends: &AtomicBool, progress: Progress) {
        if member.is_asked() {
            // Nothing else is read because of it.
            ends.store(true, Ordering::Relaxed);
            return;
        }
        let (actor, id) = (self.actor(turn.account), turn.id);
        let told = self.catalog.ask_and_wait(move |store| {
            thread::write(store, |tx| {
                Desk::open(tx, &actor)?.follow_import(id, "checking", |import| {
                    import.rows_done = progress.rows;
                    import.per_cent = progress.per_cent.unwrap_or(import.per_cent);
                })
            })
        });
        if let Err(Refusal::NoSuch(_)) = told {
            // It was given up by its owner.
            ends.store(true, Ordering::Relaxed);
        }
    }

    fn conclude(
        &self,
        turn: &Turn,
        state: &'static str,
        reason: String,
        checked: Option<&Checked>,
    ) -> Result<(), Refusal> {
        let (actor, id) = (self.actor(turn.account), turn.id);
        let counts = checked.map(|checked| (checked.good(), checked.bad()));
        let change = move |import: &mut Import| {
            (import.reason, import.per_cent) = (reason, 100);
            if let Some((good, bad)) = counts {
                (import.good, import.bad, import.rows_done) = (good, bad, good + bad);
            }
        };
        self.catalog.ask_and_wait(move |store| {
            thread::write(store, |tx| Desk::open(tx, &actor)?.end_import(id, state, change))
        })
    }
}

fn longest_waiting(tx: &mut dyn Tx) -> Result<Option<Turn>, StoreError> {
    let mut accounts = Vec::new();
    tx.scan(&Query::all(INSTALLATION, Kind::Account), &mut |record| {
        accounts.push(AccountId(record.key.id));
        Ok(())
    })?;
    let mut oldest: Option<Record> = None;
    for account in accounts {
        let query = Query {
            states: vec!["checking".to_owned()],
            limit: 1,
            ..Query::all(account, Kind::Import)
        };
        tx.scan(&query, &mut |record| {
            let earlier = oldest.as_ref().is_none_or(|one| record.updated_at < one.updated_at);
            oldest = if earlier { Some(record) } else { oldest.take() };
            Ok(())
        })?;
    }
    let turn = |record: Record| {
        let import = document::read(&record)?;
        Ok(Turn { account: record.key.account, id: record.key.id, import })
    };
    oldest.map(turn).transpose()
}

/// Puts each good row into a batch; bad ones were told of at the first reading.
fn each<A: Applies>(
    (batch, checked): (&mut Batch<'_, A>, &Checked),
    read: impl FnOnce(read::Each<'_, A::Row>) -> Result<read::Totals, ImportError>,
) -> Result<(), Broken> {
    let mut refused = None;
    read(&mut |row: Result<A::Row, Vec<BadCell>>| {
        let Some(row) = row.ok().filter(|row| !checked.useless.contains(&A::number(row))) else {
            return ControlFlow::Continue(());
        };
        match batch.add(row) {
            Ok(()) => ControlFlow::Continue(()),
            Err(refusal) => {
                refused = Some(refusal);
                ControlFlow::Break(())
            }
        }
    })?;
    refused.map_or(Ok(()), |refusal| Err(Broken::Rule(refusal)))
}
