//! Rows in batches: so many in one transaction at the desk.

use crate::control::desk::{Actor, Desk};
use crate::control::refusal::Refusal;
use crate::control::store::{Catalog, thread};

/// Rows a transaction: its sync is shared by them, and others wait for some milliseconds at most.
const ROWS: usize = 500;

/// Puts rows into the catalog.
pub(in crate::control::uploads) trait Applies:
    Send + Clone + 'static
{
    /// What a row has come to.
    type Row: Send + 'static;

    /// Its number in the file.
    fn number(row: &Self::Row) -> u64;

    /// Puts one row in.
    fn apply(&mut self, desk: &mut Desk<'_>, row: Self::Row) -> Result<(), Refusal>;
}

/// Rows that wait for their transaction.
pub(in crate::control::uploads) struct Batch<'c, A: Applies> {
    catalog: &'c Catalog,
    actor: Actor,
    applies: A,
    rows: Vec<A::Row>,
}

impl<'c, A: Applies> Batch<'c, A> {
    pub(in crate::control::uploads) fn new(catalog: &'c Catalog, actor: Actor, applies: A) -> Self {
        Self { catalog, actor, applies, rows: Vec::with_capacity(ROWS) }
    }

    /// Adds a row; a full batch is put in.
    pub(in crate::control::uploads) fn add(&mut self, row: A::Row) -> Result<(), Refusal> {
        self.rows.push(row);
        if self.rows.len() < ROWS { Ok(()) } else { self.put_in() }
    }

    /// Puts in what is left.
    pub(in crate::control::uploads) fn finish(mut self) -> Result<A, Refusal> {
        self.put_in()?;
        Ok(self.applies)
    }

    fn put_in(&mut self) -> Result<(), Refusal> {
        let rows = std::mem::replace(&mut self.rows, Vec::with_capacity(ROWS));
        let (actor, mut applies) = (self.actor.clone(), self.applies.clone());
        // What it has learnt counts only if the transaction does.
        self.applies = self.catalog.ask_and_wait(move |store| {
            thread::write(store, |tx| {
                let mut desk = Desk::open(tx, &actor)?;
                for row in rows {
                    applies.apply(&mut desk, row)?;
                }
                Ok(applies)
            })
        })?;
        Ok(())
    }
}
