//! Counts what is read, and stops a reader that asks for more than one record may take.

use std::cell::Cell;
use std::io::{self, Read, Seek, SeekFrom};
use std::rc::Rc;

/// What a [`Meter`] has counted; whoever reads through it holds another end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    total: Rc<Cell<u64>>,
    /// The total up to which reading may go on.
    until: Rc<Cell<u64>>,
}

impl Tally {
    /// Bytes read so far.
    pub(crate) fn total(&self) -> u64 {
        self.total.get()
    }

    /// Allows so many more bytes from here on.
    pub(crate) fn allow(&self, bytes: u64) {
        self.until.set(self.total.get().saturating_add(bytes));
    }

    /// Whether a reader wanted more than it was allowed.
    pub(crate) fn is_spent(&self) -> bool {
        self.total.get() >= self.until.get()
    }

    /// How much of `length` bytes is read, 0 to 100.
    pub(crate) fn per_cent(&self, length: u64) -> Option<u8> {
        let parts = self.total().min(length).saturating_mul(100).checked_div(length)?;
        u8::try_from(parts).ok()
    }
}

/// A reader that is counted.
#[derive(Debug)]
pub(crate) struct Meter<R> {
    inner: R,
    tally: Tally,
}

impl<R> Meter<R> {
    /// Nothing may be read before [`Tally::allow`].
    pub(crate) fn new(inner: R) -> (Self, Tally) {
        let tally = Tally::default();
        (Self { inner, tally: tally.clone() }, tally)
    }
}

impl<R: Read> Read for Meter<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let Tally { total, until } = &self.tally;
        let left = usize::try_from(until.get().saturating_sub(total.get())).unwrap_or(usize::MAX);
        let most = into.len().min(left);
        if most == 0 && !into.is_empty() {
            return Err(io::Error::other("more than one record may take"));
        }
        let read = self.inner.read(&mut into[..most])?;
        total.set(total.get() + read as u64);
        Ok(read)
    }
}

impl<R: Seek> Seek for Meter<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.inner.seek(to)
    }
}
