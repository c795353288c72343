//! A file some of whose bytes read as others: parts of an archive are hidden from its reader by another name.

use std::io::{self, Read, Seek, SeekFrom};

/// A file with some bytes covered.
#[derive(Debug)]
pub(super) struct Hidden<R> {
    inner: R,
    position: u64,
    /// Where, and what is read there; ascending.
    covers: Vec<(u64, u8)>,
}

impl<R: Read + Seek> Hidden<R> {
    /// The file from its start.
    pub(super) fn new(mut inner: R, mut covers: Vec<(u64, u8)>) -> io::Result<Self> {
        covers.sort_unstable();
        let position = inner.seek(SeekFrom::Start(0))?;
        Ok(Self { inner, position, covers })
    }
}

impl<R: Read> Read for Hidden<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let len = self.inner.read(into)?;
        let end = self.position + len as u64;
        let from = self.covers.partition_point(|(at, _)| *at < self.position);
        for (at, byte) in self.covers[from..].iter().take_while(|(at, _)| *at < end) {
            if let Some(covered) =
                usize::try_from(at - self.position).ok().and_then(|at| into.get_mut(at))
            {
                *covered = *byte;
            }
        }
        self.position = end;
        Ok(len)
    }
}

impl<R: Seek> Seek for Hidden<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.position = self.inner.seek(to)?;
        Ok(self.position)
    }
}
