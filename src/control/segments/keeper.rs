//! The thread that looks up the users of segments by visit history: when one is made or changed, and each local day.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::lookup::Lookup;
use crate::clock::Clock;
use crate::control::compiler::{CompileError, Publications};
use crate::control::desk::changes::content;
use crate::control::desk::desk::local_day;
use crate::control::desk::{Actor, Desk};
use crate::control::documents::campaign::Audience;
use crate::control::documents::segment::{FAILED, History};
use crate::control::documents::{Account, Document, Segment, document};
use crate::control::refusal::Refusal;
use crate::control::reports::subject::day_number;
use crate::control::store::{
    Catalog, INSTALLATION, Key, Kind, Moment, Query, Record, Store, StoreError, thread,
};
use crate::domain::ids::AccountId;
use crate::domain::units::UtcMs;
use crate::identity::Keyring;
use crate::outbox::derived::members::LookedUp;
use crate::outbox::derived::{Figures, FiguresError};
use crate::shutdown::Member;

/// How often it is looked whether the catalog was changed.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How soon all segments are looked at where it was not: a day may have begun, and what could not be read may be again.
const ROUND_MS: i64 = 30_000;

/// How soon one is tried again whose users can't be looked up: its stores and regions may have been edited, and it may
/// take seconds to see that they were not.
pub(super) const RETRY_MS: u32 = 600_000;

/// Why there are no users of a segment where visits were measured once.
pub(super) const NOT_MEASURED: &str =
    "visits are not measured any more; set measure_visits of the account to true again";

/// What the thread works with.
pub struct SegmentKeeper {
    /// Where segments are.
    pub catalog: Catalog,
    /// By which they are read, beside the catalog's own thread.
    pub reader: Box<dyn Store>,
    /// Where visits are, and the users that were found go.
    pub figures: Figures,
    /// What is told of changes.
    pub publications: Arc<Publications>,
    /// What desks are opened with.
    pub keyring: Keyring,
    /// Whose day it is.
    pub clock: Clock,
}

/// A segment that is due.
struct Due {
    key: Key,
    /// The one that it is looked up for.
    revision: u64,
    day: i32,
    lookup: Lookup,
}

/// Why users could not be looked up.
#[derive(Debug, thiserror::Error)]
pub(super) enum KeeperError {
    /// The catalog can't be read or written.
    #[error(transparent)]
    Catalog(#[from] StoreError),
    /// The desk says no.
    #[error(transparent)]
    Desk(#[from] Refusal),
    /// The visits can't be read, or the users not kept.
    #[error(transparent)]
    Figures(#[from] FiguresError),
    /// What a history means can't be read.
    #[error(transparent)]
    Compile(#[from] CompileError),
}

/// Where the thread stands.
#[derive(Default)]
pub(super) struct Rounds {
    /// The catalog when all segments were looked at last, and when that was.
    last: Option<(Moment, UtcMs)>,
    /// When those are tried again whose users can't be looked up.
    retry_at: BTreeMap<Key, UtcMs>,
}

impl Rounds {
    fn is_due(&self, moment: Moment, now: UtcMs) -> bool {
        self.last.is_none_or(|(seen, at)| seen != moment || now.since(at).abs() >= ROUND_MS)
    }
}

impl SegmentKeeper {
    /// Starts the thread, which ends when the member is asked to.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn spawn(mut self, member: Member) -> std::io::Result<()> {
        std::thread::Builder::new().name("segments".to_owned()).spawn(move || {
            let mut rounds = Rounds::default();
            while !member.is_asked() {
                if let Err(error) = self.look(&mut rounds, &member) {
                    tracing::error!(%error, "segments can't be looked at");
                }
                std::thread::park_timeout(LOOK_EVERY);
            }
            drop(self);
            drop(member);
        })?;
        Ok(())
    }

    /// Looks at all segments, where that is due, and looks up who belongs to those that are. What is wrong with one
    /// account's, or with one of them, is no reason to leave out the others.
    pub(super) fn look(&mut self, rounds: &mut Rounds, member: &Member) -> Result<(), KeeperError> {
        let (now, mut moment) = (self.clock.now(), None);
        self.reader.read(&mut |tx| {
            moment = Some(tx.moment()?);
            Ok(())
        })?;
        let Some(moment) = moment.filter(|moment| rounds.is_due(*moment, now)) else {
            return Ok(());
        };
        for (record, account) in self.all::<Account>((INSTALLATION, Kind::Account))? {
            if member.is_asked() {
                return Ok(());
            }
            let id = AccountId(record.key.id);
            if let Err(error) = self.look_at(id, &account, rounds, member) {
                tracing::error!(%error, account = id.0, "the segments of an account can't be looked at");
            }
        }
        rounds.last = Some((moment, now));
        Ok(())
    }

    fn look_at(
        &mut self,
        id: AccountId,
        account: &Account,
        rounds: &mut Rounds,
        member: &Member,
    ) -> Result<(), KeeperError> {
        let segments = self.all::<Segment>((id, Kind::Segment))?;
        if !account.measure_visits {
            return self.stop(id, segments);
        }
        let kept = segments.iter().map(|(record, _)| record.key.id).collect();
        self.figures.forget_members_but(id, &kept)?;
        let today = local_day(account, self.clock.now());
        let mut is_caught_up = false;
        for (record, segment) in segments {
            let Some(history) = segment.history else { continue };
            let key = record.key;
            if member.is_asked() || !self.is_due(&record, today, rounds)? {
                continue;
            }
            // A day is over once its visits are counted, also those that a restart has brought back.
            is_caught_up = is_caught_up || self.figures.catch_up(&|| member.is_asked());
            if !is_caught_up {
                return Ok(());
            }
            rounds.retry_at.remove(&key);
            let outcome = self.look_up(&record, &history, (account, today));
            let Err(error) = outcome else { continue };
            tracing::warn!(%error, account = id.0, segment = key.id, "the users of a segment can't be looked up");
            rounds.retry_at.insert(key, self.clock.now() + i64::from(RETRY_MS));
        }
        Ok(())
    }

    /// All records of a kind that can be read. One that can't is told, and waits for whoever mends it.
    fn all<D: Document>(
        &mut self,
        (account, kind): (AccountId, Kind),
    ) -> Result<Vec<(Record, D)>, KeeperError> {
        let mut found = Vec::new();
        self.reader.read(&mut |tx| {
            tx.scan(&Query::all(account, kind), &mut |record| {
                match document::read(&record) {
                    Ok(document) => found.push((record, document)),
                    Err(error) => tracing::error!(%error, "a record can't be read"),
                }
                Ok(())
            })
        })?;
        Ok(found)
    }

    /// Whether the users of a segment are not those of today and of its history.
    fn is_due(&self, record: &Record, today: Date, rounds: &Rounds) -> Result<bool, KeeperError> {
        let Key { account, id, .. } = record.key;
        if record.content.state == FAILED {
            let retry_at = rounds.retry_at.get(&record.key);
            return Ok(retry_at.is_none_or(|at| self.clock.now() >= *at));
        }
        let known = self.figures.looked_up((account, id))?;
        let is_of_today = known.is_some_and(|known| known.day == day_number(today));
        Ok(!is_of_today || record.content.state != "usable")
    }

    /// Looks up who belongs to a segment; where its history can't be followed, it says so from then on.
    fn look_up(
        &mut self,
        record: &Record,
        history: &History,
        (account, today): (&Account, Date),
    ) -> Result<(), KeeperError> {
        let zone = TimeZone::get(&account.time_zone).unwrap_or(TimeZone::UTC);
        let (key, revision, day) = (record.key, record.revision, day_number(today));
        let mut lookup = None;
        self.reader.read(&mut |tx| {
            lookup = Some(Lookup::of(history, (key.account, &zone, today), tx));
            Ok(())
        })?;
        match lookup {
            Some(Ok(lookup)) => self.refresh(&Due { key, revision, day, lookup }),
            Some(Err(error)) if error.is_passing() => Err(error.into()),
            Some(Err(error)) => {
                self.settle(key, revision, (FAILED, error.to_string()))?;
                Err(error.into())
            }
            None => Ok(()),
        }
    }

    /// Without visits of today nobody is a visitor any more: what was found goes, and whoever sees a segment sees why.
    fn stop(&self, id: AccountId, segments: Vec<(Record, Segment)>) -> Result<(), KeeperError> {
        self.figures.forget_members_but(id, &BTreeSet::new())?;
        for (record, segment) in segments {
            let is_told = record.content.state == FAILED && segment.reason == NOT_MEASURED;
            if segment.history.is_some() && !is_told {
                self.settle(record.key, record.revision, (FAILED, NOT_MEASURED.to_owned()))?;
            }
        }
        Ok(())
    }

    /// Says at the segment how it stands, and tells the engine where a campaign under way addresses it.
    fn settle(
        &self,
        key: Key,
        revision: u64,
        (state, reason): (&'static str, String),
    ) -> Result<(), KeeperError> {
        let (actor, publications) = (self.actor(key.account), Arc::clone(&self.publications));
        let told = self.catalog.ask_and_wait(move |store| {
            let reaches = thread::write(store, |tx| {
                Desk::open(tx, &actor)?.settle_segment(key.id, revision, (state, &reason))
            })?;
            if reaches {
                publications.changed(key.account);
            }
            Ok(())
        });
        told.or_else(gone_meanwhile)
    }

    pub(super) fn actor(&self, account: AccountId) -> Actor {
        let (now, keyring) = (self.clock.now(), self.keyring.clone());
        Actor { account, by: "the segments".into(), operator: true, now, keyring }
    }

    fn refresh(&self, due: &Due) -> Result<(), KeeperError> {
        let Key { account, id, .. } = due.key;
        let since = self.figures.erasures();
        let devices = due.lookup.devices(&self.figures)?;
        let (used, actor) = (due.lookup.used(Some(id)), self.actor(account));
        let noted = self.catalog.ask_and_wait(move |store| {
            thread::write(store, |tx| Desk::open(tx, &actor)?.note_use(&used))
        });
        if let Err(refusal) = noted {
            return gone_meanwhile(refusal);
        }
        let what = LookedUp { size: devices.len() as u64, day: due.day };
        if !self.figures.keep_members((account, id), (what, since), &devices)? {
            // The next look finds who is left.
            return Ok(());
        }
        self.settle(due.key, due.revision, ("usable", String::new()))
    }
}

/// It was deleted meanwhile; or the daemon ends, and looks again when it is back.
fn gone_meanwhile(refusal: Refusal) -> Result<(), KeeperError> {
    if matches!(refusal, Refusal::NoSuch(_) | Refusal::NoAccount(_) | Refusal::Ending) {
        return Ok(());
    }
    Err(refusal.into())
}

impl Desk<'_> {
    /// How a segment stands, as of this revision; gives whether a campaign under way addresses it.
    fn settle_segment(
        &mut self,
        id: u32,
        revision: u64,
        (state, reason): (&str, &str),
    ) -> Result<bool, Refusal> {
        let shown = self.document::<Segment>(id)?;
        let is_so = shown.state == state && shown.document.reason == reason;
        if is_so && state == FAILED {
            return Ok(false);
        }
        // One that was changed meanwhile is looked up anew.
        if !is_so && shown.revision == revision {
            let settled = Segment { reason: reason.to_owned(), ..shown.document };
            self.update(self.key(Kind::Segment, id), content(&settled, state))?;
        }
        let users = self.campaigns(&["testing", "running"])?;
        Ok(users.iter().any(|campaign| campaign.document.audience == Audience::Segment(id)))
    }
}
