//! Records lie in blocks: some of one batch are one row of the store, which costs little more than one record would.
//!
//! The key of a row is the offset of its first record and a tag; its value has of each record how far behind that it lies
//! (one byte), its length (four, little-endian) and its bytes. A block never reaches over the beginning of a stretch, so
//! that it is removed with it. An erasure takes records out of a block; the others keep their offsets.
//! Until format 3 a row was one record, and its key the offset alone: that is read as a block of one.

use std::ops::{Deref, Range};

use fjall::Slice;

/// Records of a block, gaps among them: whoever looks for one has to look at rows so far before it.
pub(super) const BLOCK_RECORDS: u64 = 64;

/// A block is full with so many bytes, if not with so many records.
const BLOCK_BYTES: usize = 32 << 10;

/// The last byte of a key. It is larger than none, where a row is one record.
const TAG: u8 = 1;

/// A key with an offset and its tag.
const KEY_BYTES: usize = 8 + 1;

/// A block that is being filled.
#[derive(Debug)]
pub(super) struct OpenBlock {
    first: u64,
    next: u64,
    bytes: Vec<u8>,
}

impl OpenBlock {
    /// An empty one, whose first record will have this offset or a little more.
    pub(super) fn at(first: u64) -> Self {
        Self { first, next: first, bytes: Vec::new() }
    }

    /// Says where an empty one begins.
    pub(super) fn begin(&mut self, first: u64) {
        (self.first, self.next) = (first, first);
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.next = self.first;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.next - self.first >= BLOCK_RECORDS || self.bytes.len() >= BLOCK_BYTES
    }

    /// Adds the record at an offset, as `write` appends it, and gives its length.
    pub(super) fn push(&mut self, offset: u64, write: impl FnOnce(&mut Vec<u8>)) -> usize {
        let place = offset.checked_sub(self.first).filter(|place| *place < BLOCK_RECORDS);
        let place = place.and_then(|place| u8::try_from(place).ok());
        self.bytes.push(place.expect("whoever fills it asks whether it is full"));
        let length_at = self.bytes.len();
        self.bytes.extend([0; 4]);
        let begin = self.bytes.len();
        write(&mut self.bytes);
        let len = self.bytes.len() - begin;
        let length = u32::try_from(len).expect("a record has some kilobytes at most");
        self.bytes[length_at..begin].copy_from_slice(&length.to_le_bytes());
        self.next = offset + 1;
        len
    }

    /// Its row.
    pub(super) fn row(&self) -> ([u8; KEY_BYTES], &[u8]) {
        (key_of(self.first), &self.bytes)
    }
}

/// The key of the block that begins with this offset; of all rows with it, the last.
pub(super) fn key_of(first: u64) -> [u8; KEY_BYTES] {
    let [a, b, c, d, e, f, g, h] = first.to_be_bytes();
    [a, b, c, d, e, f, g, h, TAG]
}

/// A row that is none of ours.
#[derive(Debug)]
pub(super) struct Malformed;

/// The records of one row, ascending.
#[derive(Debug)]
pub(super) struct Block {
    first: u64,
    records: Vec<(u64, RecordBytes)>,
}

impl Block {
    pub(super) fn read(key: &[u8], value: &Slice) -> Result<Self, Malformed> {
        let (first, tag) = key.split_first_chunk().ok_or(Malformed)?;
        let first = u64::from_be_bytes(*first);
        let records = match tag {
            [] => vec![(first, RecordBytes { row: value.clone(), at: 0..value.len() })],
            [TAG] => entries(first, value).collect::<Result<_, _>>()?,
            _ => return Err(Malformed),
        };
        Ok(Self { first, records })
    }

    /// What is left of it without some of its records; nothing where none is left.
    pub(super) fn without(&self, gone: &[u64]) -> Option<OpenBlock> {
        let mut left = OpenBlock::at(self.first);
        for (offset, record) in self.records.iter().filter(|(offset, _)| !gone.contains(offset)) {
            left.push(*offset, |out| out.extend_from_slice(record));
        }
        (!left.is_empty()).then_some(left)
    }

    pub(super) fn records(&self) -> &[(u64, RecordBytes)] {
        &self.records
    }

    pub(super) fn into_records(self) -> Vec<(u64, RecordBytes)> {
        self.records
    }
}

fn entries(
    first: u64,
    row: &Slice,
) -> impl Iterator<Item = Result<(u64, RecordBytes), Malformed>> + '_ {
    let (mut begin, mut least) = (0, 0);
    std::iter::from_fn(move || {
        let rest = row.get(begin..).filter(|rest| !rest.is_empty())?;
        let mut entry = || {
            let (place, rest) = rest.split_first()?;
            let length = u32::from_le_bytes(*rest.first_chunk()?);
            let at = begin + 5..begin + 5 + usize::try_from(length).ok()?;
            let is_ours = at.end <= row.len() && u64::from(*place) >= least;
            (begin, least) = (at.end, u64::from(*place) + 1);
            is_ours.then(|| (first + u64::from(*place), RecordBytes { row: row.clone(), at }))
        };
        let entry = entry().ok_or(Malformed);
        if entry.is_err() {
            begin = row.len();
        }
        Some(entry)
    })
}

/// The bytes of one record. Whoever keeps it keeps its whole block in memory.
#[derive(Clone, Debug)]
pub(super) struct RecordBytes {
    row: Slice,
    at: Range<usize>,
}

impl Deref for RecordBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.row[self.at.clone()]
    }
}
