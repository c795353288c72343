//! Memory that only this process can change, and that nobody changes once it is filled.
//!
//! Small blocks lie on the heap, aligned to cache lines. Large ones are anonymous mappings, for which the
//! kernel is asked for huge pages: a random look-up in a large index then misses the TLB less often. Small ones
//! that come many together, as the tiles of an index do, are put into such mappings side by side.

use std::io::{self, Read};
use std::ops::{Deref, Range};
use std::sync::Arc;

use memmap2::{Mmap, MmapMut, MmapOptions};
use rkyv::util::AlignedVec;

/// From this size on a block gets a mapping of its own: a huge page is 2 MiB on x86-64 and arm64.
const MAP_FROM_BYTES: usize = 2 << 20;

/// Blocks are put together once they have so many bytes: while that is done they are in memory twice. The memory
/// is given back with the last block of the mapping.
pub const PACK_BYTES: usize = 32 << 20;

/// Where a block may begin: a cache line.
const LINE_BYTES: usize = 64;

/// Filled once, then read only.
#[derive(Debug)]
pub struct PrivateBytes(Place);

#[derive(Debug)]
enum Place {
    Heap(AlignedVec<LINE_BYTES>),
    Mapped(Mmap),
    Packed(Arc<Mmap>, Range<usize>),
}

impl PrivateBytes {
    /// Takes over bytes that are already ours.
    #[must_use]
    pub fn from_heap(bytes: AlignedVec<LINE_BYTES>) -> Self {
        Self(Place::Heap(bytes))
    }

    /// Copies what `source` yields, `len` bytes, no more and no less.
    ///
    /// # Errors
    /// When the source fails, ends early or goes on, or when memory is refused.
    pub fn read_from(source: &mut impl Read, len: usize) -> io::Result<Self> {
        let place = if len < MAP_FROM_BYTES {
            let mut bytes = AlignedVec::<LINE_BYTES>::with_capacity(len);
            bytes.resize(len, 0);
            source.read_exact(&mut bytes)?;
            Place::Heap(bytes)
        } else {
            let mut map = MmapOptions::new().len(len).map_anon()?;
            ask_for_huge_pages(&map);
            source.read_exact(&mut map)?;
            Place::Mapped(map.make_read_only()?)
        };
        if source.read(&mut [0])? != 0 {
            return Err(io::Error::other("it grew while it was read"));
        }
        Ok(Self(place))
    }

    /// The same blocks side by side in one mapping, where together they are large enough for one.
    ///
    /// # Errors
    /// When memory is refused.
    pub fn packed(blocks: Vec<Self>) -> io::Result<Vec<Self>> {
        let total: usize =
            blocks.iter().map(|block| block.len().next_multiple_of(LINE_BYTES)).sum();
        if total < MAP_FROM_BYTES {
            return Ok(blocks);
        }
        let mut map = MmapOptions::new().len(total).map_anon()?;
        ask_for_huge_pages(&map);
        let mut ranges = Vec::with_capacity(blocks.len());
        let mut at = 0;
        for block in blocks {
            let range = at..at + block.len();
            map[range.clone()].copy_from_slice(&block);
            at = range.end.next_multiple_of(LINE_BYTES);
            ranges.push(range);
        }
        let map = Arc::new(map.make_read_only()?);
        Ok(ranges.into_iter().map(|range| Self(Place::Packed(Arc::clone(&map), range))).collect())
    }
}

impl Deref for PrivateBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Place::Heap(bytes) => bytes,
            Place::Mapped(map) => map,
            Place::Packed(map, range) => &map[range.clone()],
        }
    }
}

/// Without them everything works, a little slower; so a kernel that says no is not an error.
fn ask_for_huge_pages(map: &MmapMut) {
    #[cfg(target_os = "linux")]
    let _ = map.advise(memmap2::Advice::HugePage);
    #[cfg(not(target_os = "linux"))]
    let _ = map;
}
