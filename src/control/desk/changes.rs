//! Making, reading, replacing and removing documents, whatever their kind.

use super::desk::Desk;
use super::devices::take_devices;
use super::rules::Ruled;
use crate::control::documents::{Segment, Shown};
use crate::control::refusal::Refusal;
use crate::control::store::{Content, Key, Kind, Link, Record, Remembered, Tx};
use crate::domain::ids::AccountId;
use crate::domain::problem::Fault;
use crate::domain::units::UtcMs;

/// So long an idempotency key is remembered, ms: a day, as payment services do.
const REMEMBERED_MS: i64 = 24 * 3600 * 1000;

/// The longest idempotency key.
pub const MAX_KEY_CHARS: usize = 255;

/// Which revision a change is of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Seen {
    /// Whatever it is.
    Any,
    /// This one, as the caller wrote it.
    Revision(String),
    /// The caller does not say.
    Nothing,
}

/// A request to make something that can be sent again without making it twice.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Once {
    /// The caller's key.
    pub key: String,
    /// The hash of all that was asked for.
    pub request: [u8; 32],
}

impl Desk<'_> {
    /// Keeps a new document.
    ///
    /// # Errors
    /// The rule that is in the way.
    pub fn create<D: Ruled>(
        &mut self,
        document: D,
        once: Option<&Once>,
    ) -> Result<Shown<D>, Refusal> {
        self.once(once, |desk| {
            document.may_be_made(desk)?;
            let state = document.first_state();
            let record = desk.insert(document, state)?;
            desk.shown(&record)
        })
    }

    /// Makes something, or gives what an earlier request with the same key has made.
    pub(in crate::control) fn once<D: Ruled>(
        &mut self,
        once: Option<&Once>,
        make: impl FnOnce(&mut Self) -> Result<Shown<D>, Refusal>,
    ) -> Result<Shown<D>, Refusal> {
        if let Some(made) = self.made_before::<D>(once)? {
            return Ok(made);
        }
        let made = make(self)?;
        let (whose, now, key) = (self.actor.account, self.actor.now, self.key(D::KIND, made.id));
        remember(self.tx, (whose, once), key, now)?;
        Ok(made)
    }

    /// Keeps a new document in a state, without asking whether the account may have it.
    pub(in crate::control) fn insert<D: Ruled>(
        &mut self,
        mut document: D,
        state: &str,
    ) -> Result<Record, Refusal> {
        document.complete(self)?;
        let links = self.checked(&document)?;
        document.fits(self, None)?;
        let reaches = document.reaches_engine(self)?;
        let lists = take_devices(&mut document)?;
        let content = content(&document, state);
        let record = self.tx.insert((self.account_id(), D::KIND), content, self.actor.now)?;
        self.tx.link(record.key, &links)?;
        self.keep_devices(record.key, &lists)?;
        self.note("create", record.key, "", &record.content.body)?;
        document.tell_of_making(self, record.key.id)?;
        if reaches {
            self.touch_engine();
        }
        Ok(record)
    }

    /// What an earlier request with the same key made.
    fn made_before<D: Ruled>(&mut self, once: Option<&Once>) -> Result<Option<Shown<D>>, Refusal> {
        let (whose, now) = (self.actor.account, self.actor.now);
        let made = recall(self.tx, (whose, once), D::KIND, now)?;
        made.map(|record| self.shown(&record)).transpose()
    }

    /// A segment that could be made, with nothing kept.
    ///
    /// # Errors
    /// The rule that is in the way.
    pub fn may_be_segment(&mut self, segment: Segment) -> Result<Segment, Refusal> {
        segment.may_be_made(self)?;
        self.checked(&segment)?;
        segment.fits(self, None)?;
        Ok(segment)
    }

    /// Reads a document.
    ///
    /// # Errors
    /// [`Refusal::NoSuch`].
    pub fn get<D: Ruled>(&mut self, id: u32) -> Result<Shown<D>, Refusal> {
        let record = self.record(D::KIND, id)?;
        self.shown(&record)
    }

    /// Puts another document in the place of one.
    ///
    /// # Errors
    /// The rule that is in the way; also where it was changed since the caller saw it.
    pub fn replace<D: Ruled>(
        &mut self,
        id: u32,
        seen: &Seen,
        mut document: D,
    ) -> Result<Shown<D>, Refusal> {
        let before = self.record(D::KIND, id)?;
        require(&before, seen)?;
        let mut old = self.shown::<D>(&before)?;
        document.complete(self)?;
        document.may_replace(&old, self)?;
        let links = self.checked(&document)?;
        document.fits(self, Some(id))?;
        let lists = take_devices(&mut document)?;
        let state = document.state_after(&old.document, &before.content.state);
        let content = content(&document, &state);
        let key = before.key;
        let record = self.tx.update(key, content, self.actor.now)?;
        self.tx.link(key, &links)?;
        // The new document may have fewer lists; nobody's id stays behind.
        for (list, ..) in old.document.devices() {
            self.tx.clear_devices((key, list))?;
        }
        self.keep_devices(key, &lists)?;
        self.note("update", key, &before.content.body, &record.content.body)?;
        if document.reaches_engine(self)? {
            self.touch_engine();
        }
        self.shown(&record)
    }

    /// Takes a document away.
    ///
    /// # Errors
    /// The rule that is in the way; [`Refusal::InUse`] where others need it.
    pub fn delete<D: Ruled>(&mut self, id: u32, seen: &Seen) -> Result<(), Refusal> {
        let record = self.record(D::KIND, id)?;
        require(&record, seen)?;
        let shown = Shown::<D>::of(&record)?;
        shown.document.may_be_deleted(&shown, self)?;
        self.refuse_used(record.key, D::PARTS)?;
        let reaches = shown.document.reaches_engine(self)?;
        self.delete_parts(record.key, D::PARTS)?;
        self.tx.delete(record.key)?;
        self.note("delete", record.key, &record.content.body, "")?;
        if reaches {
            self.touch_engine();
        }
        Ok(())
    }

    /// What the document needs, all of it there.
    pub(super) fn checked<D: Ruled>(&mut self, document: &D) -> Result<Vec<Link>, Refusal> {
        let mut faults = document.faults(self.account());
        let mut links = Vec::new();
        for need in document.needs() {
            let key = self.key(need.link.kind, need.link.id);
            if self.tx.get(key)?.is_none() {
                let detail = format!(
                    "there is no {} {}; allowed: numbers of the account's {}",
                    key.kind,
                    key.id,
                    key.kind.path()
                );
                faults.push(Fault::new(need.pointer, detail));
            }
            links.push(need.link);
        }
        links.sort_unstable();
        links.dedup();
        if faults.is_empty() { Ok(links) } else { Err(Refusal::Faults(faults)) }
    }

    /// Whoever needs it and does not go with it.
    pub(super) fn refuse_used(&mut self, key: Key, parts: Option<Kind>) -> Result<(), Refusal> {
        const NAMED: u32 = 5;
        let users = self.tx.linked_to(key, u32::MAX)?;
        let mut users = users.into_iter().filter(|user| Some(user.kind) != parts);
        let named: Vec<String> = users
            .by_ref()
            .take(NAMED as usize)
            .map(|user| format!("{} {}", user.kind, user.id))
            .collect();
        if named.is_empty() {
            return Ok(());
        }
        let more = users.count();
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        let by = format!("{}{more}", named.join(", "));
        Err(Refusal::InUse { kind: key.kind, id: key.id, by })
    }

    /// What goes with it.
    pub(super) fn delete_parts(&mut self, key: Key, parts: Option<Kind>) -> Result<(), Refusal> {
        let Some(parts) = parts else { return Ok(()) };
        for part in self.tx.linked_to(key, u32::MAX)? {
            if part.kind == parts {
                // Others may need a part by itself.
                self.refuse_used(part, None)?;
                self.tx.delete(part)?;
            }
        }
        Ok(())
    }
}

/// The record that an earlier request of an account's with the same key has made.
pub(super) fn recall(
    tx: &mut dyn Tx,
    (whose, once): (AccountId, Option<&Once>),
    kind: Kind,
    now: UtcMs,
) -> Result<Option<Record>, Refusal> {
    let Some(once) = once else { return Ok(None) };
    let answer = tx.recall(whose, &once.key)?;
    // The store forgets old ones only when it is given a new one.
    let Some(answer) = answer.filter(|answer| now.since(answer.at) <= REMEMBERED_MS) else {
        return Ok(None);
    };
    if answer.request != once.request || answer.made.kind != kind {
        return Err(Refusal::KeyReused(once.key.clone()));
    }
    tx.get(answer.made)?.ok_or(Refusal::NoSuch(answer.made)).map(Some)
}

/// Keeps what was made under a request's key, if it has one.
pub(super) fn remember(
    tx: &mut dyn Tx,
    (whose, once): (AccountId, Option<&Once>),
    made: Key,
    now: UtcMs,
) -> Result<(), Refusal> {
    let Some(Once { key, request }) = once else { return Ok(()) };
    let answer = Remembered { request: *request, made, at: now };
    Ok(tx.remember((whose, key), &answer, UtcMs(now.0 - REMEMBERED_MS))?)
}

/// The record of a document whose lists were taken out.
pub(in crate::control) fn content<D: Ruled>(document: &D, state: &str) -> Content {
    Content {
        name: document.name().to_owned(),
        code: document.code().to_owned(),
        natural: document.natural(),
        state: state.to_owned(),
        body: serde_json::to_string(document).expect("documents have text for keys"),
    }
}

/// That the record is still as the caller saw it.
pub(super) fn require(record: &Record, seen: &Seen) -> Result<(), Refusal> {
    match seen {
        Seen::Any => Ok(()),
        Seen::Nothing => Err(Refusal::RevisionMissing(record.key)),
        Seen::Revision(text) if *text == record.revision.to_string() => Ok(()),
        Seen::Revision(text) => {
            Err(Refusal::Stale { key: record.key, found: record.revision, seen: text.clone() })
        }
    }
}
