//! The thread that looks up the users of segments by visit history: when one is made or changed, and each local day.

use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;

use super::lookup::Lookup;
use crate::clock::Clock;
use crate::control::compiler::Publications;
use crate::control::desk::desk::local_day;
use crate::control::desk::{Actor, Desk};
use crate::control::documents::{Account, Segment, document};
use crate::control::refusal::Refusal;
use crate::control::reports::subject::day_number;
use crate::control::store::{
    Catalog, INSTALLATION, Key, Kind, Query, Record, Store, StoreError, thread,
};
use crate::domain::ids::AccountId;
use crate::identity::Keyring;
use crate::outbox::derived::members::LookedUp;
use crate::outbox::derived::{Figures, FiguresError};
use crate::shutdown::Member;

/// How often it is looked for segments that are due.
const LOOK_EVERY: Duration = Duration::from_millis(500);

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
enum KeeperError {
    /// The catalog can't be read or written.
    #[error(transparent)]
    Catalog(#[from] StoreError),
    /// The desk says no.
    #[error(transparent)]
    Desk(#[from] Refusal),
    /// The visits can't be read, or the users not kept.
    #[error(transparent)]
    Figures(#[from] FiguresError),
}

impl SegmentKeeper {
    /// Starts the thread, which ends when the member is asked to.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn spawn(mut self, member: Member) -> std::io::Result<()> {
        std::thread::Builder::new().name("segments".to_owned()).spawn(move || {
            while !member.is_asked() {
                if let Err(error) = self.look(&member) {
                    tracing::error!(%error, "the users of segments can't be looked up");
                }
                std::thread::park_timeout(LOOK_EVERY);
            }
            drop(self);
            drop(member);
        })?;
        Ok(())
    }

    /// Looks up what is due.
    fn look(&mut self, member: &Member) -> Result<(), KeeperError> {
        let mut accounts = Vec::new();
        self.reader.read(&mut |tx| {
            tx.scan(&Query::all(INSTALLATION, Kind::Account), &mut |record| {
                let account: Account = document::read(&record)?;
                if account.measure_visits {
                    accounts.push((AccountId(record.key.id), account));
                }
                Ok(())
            })
        })?;
        for (id, account) in accounts {
            let due = self.due(id, &account)?;
            // A day is over once its visits are counted, also those that a restart has brought back.
            if !due.is_empty() && !self.figures.catch_up(&|| member.is_asked()) {
                return Ok(());
            }
            for due in due {
                if member.is_asked() {
                    return Ok(());
                }
                self.refresh(&due)?;
            }
        }
        Ok(())
    }

    /// The segments of an account whose users are not those of today and of their history.
    fn due(&mut self, id: AccountId, account: &Account) -> Result<Vec<Due>, KeeperError> {
        let zone = TimeZone::get(&account.time_zone).unwrap_or(TimeZone::UTC);
        let today = local_day(account, self.clock.now());
        let mut records: Vec<(Record, Segment)> = Vec::new();
        self.reader.read(&mut |tx| {
            tx.scan(&Query::all(id, Kind::Segment), &mut |record| {
                let segment: Segment = document::read(&record)?;
                if segment.history.is_some() {
                    records.push((record, segment));
                }
                Ok(())
            })
        })?;
        let kept = records.iter().map(|(record, _)| record.key.id).collect();
        self.figures.forget_members_but(id, &kept)?;
        let mut due = Vec::new();
        for (record, segment) in records {
            let known = self.figures.looked_up((id, record.key.id))?;
            let is_of_today = known.is_some_and(|known| known.day == day_number(today));
            let Some(history) = segment.history else { continue };
            if is_of_today && record.content.state == "usable" {
                continue;
            }
            let mut lookup = None;
            self.reader.read(&mut |tx| {
                lookup = Some(Lookup::of(&history, (id, &zone, today), tx));
                Ok(())
            })?;
            let (key, revision, day) = (record.key, record.revision, day_number(today));
            match lookup {
                Some(Ok(lookup)) => due.push(Due { key, revision, day, lookup }),
                // A record that it names went meanwhile: the next look finds how it is then.
                Some(Err(error)) => {
                    tracing::warn!(%error, segment = record.key.id, "a segment waits")
                }
                None => {}
            }
        }
        Ok(due)
    }

    fn refresh(&self, due: &Due) -> Result<(), KeeperError> {
        let Key { account, id, .. } = due.key;
        let since = self.figures.erasures();
        let devices = due.lookup.devices(&self.figures)?;
        let by = "the segments".into();
        let (now, keyring) = (self.clock.now(), self.keyring.clone());
        let actor = Actor { account, by, operator: true, now, keyring };
        let (used, by_us) = (due.lookup.used(Some(id)), actor.clone());
        let noted = self.catalog.ask_and_wait(move |store| {
            thread::write(store, |tx| Desk::open(tx, &by_us)?.note_use(&used))
        });
        if let Err(refusal) = noted {
            return gone_meanwhile(refusal);
        }
        let what = LookedUp { size: devices.len() as u64, day: due.day };
        if !self.figures.keep_members((account, id), (what, since), &devices)? {
            // The next look finds who is left.
            return Ok(());
        }
        let (publications, revision) = (Arc::clone(&self.publications), due.revision);
        let told = self.catalog.ask_and_wait(move |store| {
            let reaches = thread::write(store, |tx| {
                Desk::open(tx, &actor)?.segment_was_looked_up(id, revision)
            })?;
            if reaches {
                publications.changed(account);
            }
            Ok(())
        });
        told.or_else(gone_meanwhile)
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
    /// A segment's users are known, as of this revision; gives whether a campaign under way addresses it.
    fn segment_was_looked_up(&mut self, id: u32, revision: u64) -> Result<bool, Refusal> {
        let record = self.record(Kind::Segment, id)?;
        // One that was changed meanwhile is looked up anew.
        if record.revision == revision && record.content.state != "usable" {
            self.set_file_state::<Segment>(id, "usable")?;
        }
        let users = self.campaigns(&["testing", "running"])?;
        let audience = crate::control::documents::campaign::Audience::Segment(id);
        Ok(users.iter().any(|campaign| campaign.document.audience == audience))
    }
}
