//! Devices of segments, as they were last looked up: their keyed hashes, in parts of some kilobytes.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use crate::domain::ids::AccountId;
use crate::identity::Gone;
use crate::outbox::refused::StoreError;

use super::rows::Row;
use super::store::Figures;
use super::tables::Sheet;

/// Devices of a part: 64 KiB.
const PART: usize = 8192;

/// The number of the row that says what was looked up.
const HEAD: u32 = u32::MAX;

/// A segment of an account.
pub type SegmentKey = (AccountId, u32);

/// A count of erasures, to be compared with a later one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Erasures(u64);

/// What was looked up, and when.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LookedUp {
    /// How many devices there are.
    pub size: u64,
    /// The local day, counted from 1970-01-01.
    pub day: i32,
}

impl Row for LookedUp {
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (size, rest) = bytes.split_first_chunk()?;
        Some(Self {
            size: u64::from_le_bytes(*size),
            day: i32::from_le_bytes(rest.try_into().ok()?),
        })
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut out = self.size.to_le_bytes().to_vec();
        out.extend(self.day.to_le_bytes());
        out
    }
}

impl Figures {
    /// Puts the devices of a segment, ascending, in the place of those that were there, all at once and durably. `false`,
    /// and nothing is kept, if devices were [erased](Self::erasures) since they were looked up.
    ///
    /// # Errors
    /// [`StoreError`] if the store can't be written.
    pub fn keep_members(
        &self,
        segment: SegmentKey,
        (what, since): (LookedUp, Erasures),
        members: &[u64],
    ) -> Result<bool, StoreError> {
        let _turn = self.tables.turn();
        if self.erasures() != since {
            return Ok(false);
        }
        let sheet = self.tables.keyspace(Sheet::Members);
        let mut batch = self.tables.batch();
        for pair in self.tables.prefix(Sheet::Members, &of_segment(segment)) {
            batch.remove(sheet, pair?.0);
        }
        for (number, part) in (0u32..).zip(members.chunks(PART)) {
            let bytes: Vec<u8> = part.iter().flat_map(|member| member.to_le_bytes()).collect();
            batch.insert(sheet, of_part(segment, number), bytes);
        }
        batch.insert(sheet, of_part(segment, HEAD), what.to_bytes());
        batch.commit().map_err(|error| self.tables.refused("written", error))?;
        Ok(true)
    }

    /// How often devices were erased by now: what was read before a further time may still have them.
    #[must_use]
    pub fn erasures(&self) -> Erasures {
        Erasures(self.tables.erasures.load(Ordering::Acquire))
    }

    /// Forgets the devices of an account's segments that are not among these.
    ///
    /// # Errors
    /// [`StoreError`] if the store can't be read or written.
    pub fn forget_members_but(
        &self,
        account: AccountId,
        kept: &BTreeSet<u32>,
    ) -> Result<(), StoreError> {
        // An erasure would put parts back that it has read.
        let _turn = self.tables.turn();
        let sheet = self.tables.keyspace(Sheet::Members);
        let mut batch = self.tables.batch();
        let mut from = of_segment((account, 0));
        let until = of_segment((AccountId(account.0.saturating_add(1)), 0));
        // Each look finds the first part of the next segment.
        while let Some(pair) = self.tables.range(Sheet::Members, from, until.clone()).next() {
            let (key, _) = pair?;
            let number = key.get(4..8).and_then(|number| number.try_into().ok());
            let malformed = || self.tables.damaged("the key of a segment is malformed");
            let segment = u32::from_be_bytes(number.ok_or_else(malformed)?);
            if !kept.contains(&segment) {
                for part in self.tables.prefix(Sheet::Members, &of_segment((account, segment))) {
                    batch.remove(sheet, part?.0);
                }
            }
            let Some(next) = segment.checked_add(1) else { break };
            from = of_segment((account, next));
        }
        if batch.is_empty() {
            return Ok(());
        }
        batch.commit().map_err(|error| self.tables.refused("written", error))
    }

    /// Takes devices out of the segments of an account, and gives how often there was one.
    ///
    /// # Errors
    /// [`StoreError`] if the store can't be read or written.
    pub(super) fn erase_members(&self, account: AccountId, gone: &Gone) -> Result<u64, StoreError> {
        let _turn = self.tables.turn();
        let sheet = self.tables.keyspace(Sheet::Members);
        let (mut erased, mut of_segment) = (0, 0);
        let mut batch = self.tables.batch();
        // The row that says how many there are is behind the parts that have them.
        for pair in self.tables.prefix(Sheet::Members, &account.0.to_be_bytes()) {
            let (key, row) = pair?;
            if key.ends_with(&HEAD.to_be_bytes()) {
                let mut what = LookedUp::from_bytes(&row).ok_or_else(|| self.malformed())?;
                let fewer = std::mem::take(&mut of_segment);
                if fewer > 0 {
                    what.size = what.size.saturating_sub(fewer);
                    batch.insert(sheet, key, what.to_bytes());
                }
                continue;
            }
            let (words, _) = row.as_chunks::<8>();
            let stays = |word: &&[u8; 8]| !gone.has_member(account, u64::from_le_bytes(**word));
            let left: Vec<[u8; 8]> = words.iter().filter(stays).copied().collect();
            let fewer = (words.len() - left.len()) as u64;
            if fewer > 0 {
                batch.insert(sheet, key, left.as_flattened());
            }
            (erased, of_segment) = (erased + fewer, of_segment + fewer);
        }
        if erased > 0 {
            batch.commit().map_err(|error| self.tables.refused("written", error))?;
        }
        Ok(erased)
    }

    /// What was looked up of a segment last, if it ever was.
    ///
    /// # Errors
    /// [`StoreError`] if the store can't be read.
    pub fn looked_up(&self, segment: SegmentKey) -> Result<Option<LookedUp>, StoreError> {
        let row = self.tables.get(Sheet::Members, &of_part(segment, HEAD))?;
        let malformed = || self.tables.damaged("what a segment was looked up for is malformed");
        row.map(|row| LookedUp::from_bytes(&row).ok_or_else(malformed)).transpose()
    }

    /// The devices of a segment, ascending.
    ///
    /// # Errors
    /// [`StoreError`] if the store can't be read.
    pub fn members(&self, segment: SegmentKey) -> Result<Vec<u64>, StoreError> {
        let mut members = Vec::new();
        for pair in self.tables.range(Sheet::Members, of_part(segment, 0), of_part(segment, HEAD)) {
            let (_, row) = pair?;
            let (words, []) = row.as_chunks::<8>() else {
                return Err(self.tables.damaged("a part of a segment is malformed"));
            };
            members.extend(words.iter().map(|word| u64::from_le_bytes(*word)));
        }
        Ok(members)
    }
}

fn of_segment((account, segment): SegmentKey) -> Vec<u8> {
    [account.0.to_be_bytes(), segment.to_be_bytes()].concat()
}

fn of_part(segment: SegmentKey, number: u32) -> Vec<u8> {
    [&of_segment(segment)[..], &number.to_be_bytes()].concat()
}
