//! Removes what is older than its class is kept: a few rows at a time, by the thread that counts.
//!
//! What must be removed is found by key where the keys have the time in them: a look for each campaign, or place, and the
//! rows themselves. Devices that were seen, and jobs, stand by a hash: all of them are gone through, once a week.
//!
//! Nothing that is promised hangs on a removal. It need not be on stable storage, may be half done, and what is removed
//! may come back after a crash: who reads goes by [`KeptFrom`], which was written down before.

use std::sync::Arc;

use fjall::{OwnedWriteBatch, PersistMode};

use crate::domain::ids::JobId;
use crate::domain::units::UtcMs;
use crate::outbox::refused::StoreError;
use crate::outbox::shared::Shared;

use super::classes::{Class, KeptFrom};
use super::rows::{Count, Row, from_day, from_first_instant, from_quarter_of_day};
use super::tables::{Sheet, Tables};

/// Rows looked at, or removed, in one go: some milliseconds.
pub(super) const AT_ONCE: usize = 1024;

/// Days between two times that all rows are gone through: rows stay for up to so much longer.
const THROUGH_EVERY_DAYS: i32 = 7;

/// The bytes of an account and a campaign, or a place, that keys begin with.
const GROUP: usize = 8;

/// How rows that are too old are found.
#[derive(Clone, Copy)]
enum Found {
    /// Behind the group their keys have the time, which this makes of a day.
    ByKey(Sheet, fn(i32) -> Vec<u8>),
    /// Devices of campaigns of which no day is kept any more.
    WithoutDays,
    /// Devices by the day they were seen last.
    Seen,
    /// Jobs by when they were made, and what was heard of them.
    Jobs,
}

const SWEPT: [(Class, Found); 8] = [
    (Class::Visits, Found::ByKey(Sheet::Visits, from_first_instant)),
    (Class::Devices, Found::ByKey(Sheet::DeviceDays, from_day)),
    (Class::Campaigns, Found::ByKey(Sheet::Days, from_day)),
    (Class::Campaigns, Found::WithoutDays),
    (Class::Hours, Found::ByKey(Sheet::Quarters, from_quarter_of_day)),
    (Class::Hours, Found::ByKey(Sheet::Withheld, from_quarter_of_day)),
    (Class::Seen, Found::Seen),
    (Class::Outcomes, Found::Jobs),
];

/// How far one of [`SWEPT`] is.
#[derive(Clone)]
enum Pass {
    /// What lies before this day is gone; it is not known at the start.
    Rests(Option<i32>),
    /// Goes through the keys from here on.
    Goes { until: KeptFrom, at: Vec<u8> },
}

/// What a step has done.
pub(super) struct Swept {
    pub(super) class: Class,
    pub(super) rows: u64,
}

/// Where the removals are.
pub(super) struct Sweep {
    tables: Tables,
    outbox: Arc<Shared>,
    /// In the order of [`SWEPT`].
    passes: [Pass; SWEPT.len()],
}

/// Where a pass goes on; none when it is through.
type GoesOn = Option<Vec<u8>>;

impl Sweep {
    pub(super) fn new(tables: Tables, outbox: Arc<Shared>) -> Self {
        Self { tables, outbox, passes: [const { Pass::Rests(None) }; SWEPT.len()] }
    }

    /// Looks at some rows of the first class that has any to remove; `None` where nothing is due.
    pub(super) fn step(&mut self, kept: KeptFrom) -> Result<Option<Swept>, StoreError> {
        for (index, (class, found)) in SWEPT.into_iter().enumerate() {
            let (until, at) = match &self.passes[index] {
                Pass::Goes { until, at } => (*until, at.clone()),
                Pass::Rests(done) if is_due(found, *done, kept.day(class)) => (kept, Vec::new()),
                Pass::Rests(_) => continue,
            };
            let mut step = Step::new(&self.tables, &self.outbox);
            let goes_on = step.look((class, found), until, at)?;
            let rows = step.remove()?;
            self.passes[index] = match goes_on {
                Some(at) => Pass::Goes { until, at },
                None => Pass::Rests(Some(until.day(class))),
            };
            return Ok(Some(Swept { class, rows }));
        }
        Ok(None)
    }
}

fn is_due(found: Found, done: Option<i32>, kept: i32) -> bool {
    let every = match found {
        Found::ByKey(..) | Found::WithoutDays => 1,
        Found::Seen | Found::Jobs => THROUGH_EVERY_DAYS,
    };
    kept != i32::MIN && done.is_none_or(|done| kept >= done.saturating_add(every))
}

/// One go.
struct Step<'s> {
    tables: &'s Tables,
    outbox: &'s Shared,
    batch: OwnedWriteBatch,
    /// Removed after the batch: jobs are in the outbox's own store.
    jobs: Vec<JobId>,
    rows: u64,
    looks: usize,
}

impl<'s> Step<'s> {
    fn new(tables: &'s Tables, outbox: &'s Shared) -> Self {
        let batch = tables.removals();
        Self { tables, outbox, batch, jobs: Vec::new(), rows: 0, looks: 0 }
    }

    fn look(
        &mut self,
        (class, found): (Class, Found),
        until: KeptFrom,
        at: Vec<u8>,
    ) -> Result<GoesOn, StoreError> {
        match found {
            Found::ByKey(sheet, bound) => {
                let first_kept = bound(until.day(class));
                self.groups(sheet, at, |_step, group| Ok(Some([group, &first_kept].concat())))
            }
            Found::WithoutDays => {
                let first_kept = from_day(until.day(class));
                self.groups(Sheet::Reach, at, |step, group| {
                    let (from, end) = ([group, &first_kept].concat(), behind(group));
                    let kept = step.tables.range(Sheet::Days, from, end.clone()).next();
                    Ok(kept.transpose()?.is_none().then_some(end))
                })
            }
            Found::Seen => self.seen(until.day(class), at),
            Found::Jobs => self.jobs(until.instant(class), &at),
        }
    }

    /// Goes from group to group, and removes of each what lies before the key that `bound` gives for it, if it does.
    fn groups(
        &mut self,
        sheet: Sheet,
        mut at: Vec<u8>,
        bound: impl Fn(&Self, &[u8]) -> Result<Option<Vec<u8>>, StoreError>,
    ) -> Result<GoesOn, StoreError> {
        // Of each group that is looked at, a row at least can be removed.
        while self.looks + 1 < AT_ONCE {
            self.looks += 1;
            let Some(first) = self.tables.from(sheet, at).next().transpose()? else {
                return Ok(None);
            };
            let Some(group) = first.0.get(..GROUP) else {
                return Err(self.tables.damaged(format!("a key of {sheet:?} is too short")));
            };
            let (from, end) = (first.0.to_vec(), bound(self, group)?);
            at = behind(group);
            let Some(end) = end.filter(|end| *end > from) else { continue };
            for pair in self.tables.range(sheet, from, end).take(AT_ONCE - self.looks) {
                let (key, _) = pair?;
                // Where this go ends with it, there may be more of the group.
                at = [&key[..], &[0]].concat();
                self.batch.remove(self.tables.keyspace(sheet), key);
                (self.rows, self.looks) = (self.rows + 1, self.looks + 1);
            }
        }
        Ok(Some(at))
    }

    fn seen(&mut self, first_kept: i32, at: Vec<u8>) -> Result<GoesOn, StoreError> {
        let first_kept = u64::try_from(first_kept).unwrap_or(0);
        let mut last = None;
        for pair in self.tables.from(Sheet::Seen, at).take(AT_ONCE) {
            let (key, row) = pair?;
            let day = Count::from_bytes(&row)
                .ok_or_else(|| self.tables.damaged("the day of a device that was seen"))?;
            if day.count < first_kept {
                self.batch.remove(self.tables.keyspace(Sheet::Seen), key.clone());
                self.rows += 1;
            }
            (last, self.looks) = (Some(key), self.looks + 1);
        }
        let goes_on = last.filter(|_| self.looks == AT_ONCE);
        Ok(goes_on.map(|last| [&last[..], &[0]].concat()))
    }

    fn jobs(&mut self, first_kept: UtcMs, at: &[u8]) -> Result<GoesOn, StoreError> {
        let mut last = None;
        let begins = JobId(at.try_into().unwrap_or_default());
        for job in self.outbox.tables.jobs_from(begins).take(AT_ONCE) {
            let (id, made) = job?;
            if made.at < first_kept {
                self.batch.remove(self.tables.keyspace(Sheet::Heard), id.0);
                self.jobs.push(id);
                self.rows += 1;
            }
            (last, self.looks) = (Some(id), self.looks + 1);
        }
        let next = last.filter(|_| self.looks == AT_ONCE);
        let next = next.and_then(|last| u128::from_be_bytes(last.0).checked_add(1));
        Ok(next.map(|next| next.to_be_bytes().to_vec()))
    }

    /// Removes what was found; gives how many rows that was.
    fn remove(self) -> Result<u64, StoreError> {
        // What was heard of a job is found by the job alone: it goes first, for good.
        let mode = (!self.jobs.is_empty()).then_some(PersistMode::SyncData);
        let batch = self.batch.durability(mode);
        if !batch.is_empty() {
            batch.commit().map_err(|error| self.tables.refused("written", error))?;
        }
        self.jobs.into_iter().try_for_each(|job| self.outbox.tables.remove_job(job))?;
        Ok(self.rows)
    }
}

/// The first key behind those of a group.
fn behind(group: &[u8]) -> Vec<u8> {
    [group, &[u8::MAX; 17]].concat()
}
