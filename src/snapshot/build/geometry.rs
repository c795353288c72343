//! The exact shapes of all accounts: rows in pages, polygons in buckets, each polygon once.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use rkyv::rend::unaligned::u32_ule;

use super::built::Encoded;
use super::error::BuildError;
use super::keep::{keep, keep_all, keep_upon};
use crate::domain::ids::TargetId;
use crate::domain::target::Shape;
use crate::snapshot::block::Verified;
use crate::snapshot::index::book::{
    ArchivedGeometryBlock, ArchivedShapesBlock, GeometryBlock, GeometryKey, ShapeRow, ShapesBlock,
    bucket_of,
};
use crate::snapshot::index::shapes::{POLYGON, TooWide};
use crate::snapshot::pages::{Pages, paged};

/// The polygons gathered so far.
#[derive(Debug, Default)]
pub(in crate::snapshot) struct Geometry {
    polygons: HashMap<GeometryKey, Polygon>,
}

#[derive(Debug)]
struct Polygon {
    record: Vec<u32>,
    uses: u32,
}

/// A bucket has about so many words, 256 KiB: what an edit of one polygon rewrites.
const BUCKET_WORDS: usize = 1 << 16;

/// How many buckets there are for so many words: a power of two, or none.
fn bucket_count(words: usize) -> usize {
    if words == 0 { 0 } else { words.div_ceil(BUCKET_WORDS).next_power_of_two() }
}

impl Geometry {
    /// The buckets: their number follows from how much there is.
    pub(in crate::snapshot) fn buckets(self) -> Vec<GeometryBlock> {
        let count = bucket_count(self.polygons.values().map(|polygon| polygon.record.len()).sum());
        let mut buckets = vec![empty(); count];
        for (key, polygon) in self.ascending() {
            buckets[bucket_of(key, count)].push(key, polygon);
        }
        buckets
    }

    fn ascending(self) -> Vec<(GeometryKey, Polygon)> {
        let mut polygons: Vec<(GeometryKey, Polygon)> = self.polygons.into_iter().collect();
        polygons.sort_unstable_by_key(|(key, _)| *key);
        polygons
    }

    /// Gathers what a bucket holds.
    fn take(&mut self, bucket: &ArchivedGeometryBlock) {
        for (row, (key, uses)) in bucket.keys.iter().zip(bucket.uses.iter()).enumerate() {
            let record = bucket.record(row).unwrap_or_default();
            let record = record.iter().map(|word| word.to_native()).collect();
            let polygon = Polygon { record, uses: uses.to_native() };
            self.polygons.insert(key.map(|word| word.to_native()), polygon);
        }
    }

    fn change(&mut self, key: GeometryKey, change: Change) {
        let Change { uses, record } = change;
        let (mut entry, uses) = match self.polygons.entry(key) {
            Entry::Occupied(entry) => {
                let uses = after(entry.get().uses, uses);
                (entry, uses)
            }
            Entry::Vacant(entry) => {
                let uses = after(0, uses);
                (entry.insert_entry(Polygon { record, uses }), uses)
            }
        };
        entry.get_mut().uses = uses;
        if uses == 0 {
            entry.remove();
        }
    }
}

fn empty() -> GeometryBlock {
    GeometryBlock { first: vec![0], ..GeometryBlock::default() }
}

impl GeometryBlock {
    fn push(&mut self, key: GeometryKey, Polygon { record, uses }: Polygon) {
        self.keys.push(key);
        self.uses.push(uses);
        self.words.extend(record);
        self.first.push(u32::try_from(self.words.len()).unwrap_or(u32::MAX));
    }
}

/// How many targets more have a polygon, or fewer, and its record where one of them came.
#[derive(Debug, Default)]
struct Change {
    uses: i64,
    record: Vec<u32>,
}

/// So many targets have a polygon after a change.
fn after(uses: u32, change: i64) -> u32 {
    u32::try_from((i64::from(uses) + change).max(0)).unwrap_or(u32::MAX)
}

/// The polygons that come and go.
#[derive(Debug, Default)]
pub(in crate::snapshot) struct GeometryEdit {
    changes: HashMap<GeometryKey, Change>,
}

impl GeometryEdit {
    /// A target loses its shape.
    pub(super) fn goes(&mut self, row: &ShapeRow) {
        if row.kind == POLYGON {
            self.changes.entry(row.shape).or_default().uses -= 1;
        }
    }

    /// A target gets a shape.
    ///
    /// # Errors
    /// [`TooWide`]
    pub(in crate::snapshot) fn comes(
        &mut self,
        target: TargetId,
        shape: &Shape,
    ) -> Result<ShapeRow, TooWide> {
        let (row, record) = ShapeRow::of(target, shape)?;
        if !record.is_empty() {
            let change = self.changes.entry(row.shape).or_default();
            change.uses += 1;
            change.record = record;
        }
        Ok(row)
    }

    /// The names of the buckets after it, where `old` are those before. Buckets that it touches are made anew; all
    /// of them where their number changes.
    ///
    /// # Errors
    /// When a bucket is too large.
    pub(super) fn buckets(
        self,
        old: &[Arc<Verified<GeometryBlock>>],
        made: &mut Vec<Encoded>,
    ) -> Result<Vec<[u8; 32]>, BuildError> {
        let count = bucket_count(self.words_after(old));
        if count != old.len() {
            return keep_all(self.all(old).buckets(), made);
        }
        let mut names: Vec<[u8; 32]> = old.iter().map(|bucket| bucket.hash().0).collect();
        let mut changes = self.ascending().into_iter().peekable();
        while let Some((key, change)) = changes.next() {
            let at = bucket_of(key, count);
            let mut bucket = Geometry::default();
            bucket.take(old[at].get());
            bucket.change(key, change);
            while let Some((key, change)) = changes.next_if(|(key, _)| bucket_of(*key, count) == at)
            {
                bucket.change(key, change);
            }
            let mut block = empty();
            bucket.ascending().into_iter().for_each(|(key, polygon)| block.push(key, polygon));
            names[at] = keep(&block, made)?;
        }
        Ok(names)
    }

    /// All polygons after it.
    pub(in crate::snapshot) fn all(self, old: &[Arc<Verified<GeometryBlock>>]) -> Geometry {
        let mut all = Geometry::default();
        old.iter().for_each(|bucket| all.take(bucket.get()));
        self.changes.into_iter().for_each(|(key, change)| all.change(key, change));
        all
    }

    /// Those that change anything.
    fn ascending(self) -> Vec<(GeometryKey, Change)> {
        let mut changes: Vec<(GeometryKey, Change)> =
            self.changes.into_iter().filter(|(_, change)| change.uses != 0).collect();
        changes.sort_unstable_by_key(|(key, _)| *key);
        changes
    }

    fn words_after(&self, old: &[Arc<Verified<GeometryBlock>>]) -> usize {
        let before: usize = old.iter().map(|bucket| bucket.get().words.len()).sum();
        self.changes.iter().fold(before, |words, (key, change)| {
            let bucket = old.get(bucket_of(*key, old.len())).map(|bucket| bucket.get());
            let row = bucket.and_then(|bucket| Some((bucket, bucket.row(*key)?)));
            let (len, uses) = row.map_or((0, 0), |(bucket, row)| {
                let len = bucket.record(row).map_or(0, <[_]>::len);
                (len, bucket.uses.get(row).map_or(0, |uses| uses.to_native()))
            });
            let stays = after(uses, change.uses) > 0;
            match (uses > 0, stays) {
                (true, false) => words - len,
                (false, true) => words + change.record.len(),
                (true, true) | (false, false) => words,
            }
        })
    }
}

/// The names of the pages of rows.
///
/// # Errors
/// When a page is too large.
pub(super) fn shapes(
    rows: &[(TargetId, ShapeRow)],
    before: Option<&Pages<ShapesBlock>>,
    made: &mut Vec<Encoded>,
) -> Result<Vec<[u8; 32]>, BuildError> {
    let page = |rows: &[(TargetId, ShapeRow)]| {
        let before = before.zip(rows.first()).and_then(|(pages, (id, _))| pages.block(id.0));
        let same = before.filter(|before| is_page(before.get(), rows));
        keep_upon(same, || Ok(page_of_rows(rows)), made)
    };
    paged(rows, |(id, _)| id.0).map(page).collect()
}

/// Rows in pages.
pub(in crate::snapshot) fn pages(
    rows: &[(TargetId, ShapeRow)],
) -> impl Iterator<Item = ShapesBlock> {
    paged(rows, |(id, _)| id.0).map(page_of_rows)
}

fn is_page(archived: &ArchivedShapesBlock, rows: &[(TargetId, ShapeRow)]) -> bool {
    let row = |(at, id): (usize, &u32_ule)| {
        archived.shape_row(at).map(|row| (TargetId(id.to_native()), row))
    };
    archived.ids.iter().enumerate().map(row).eq(rows.iter().cloned().map(Some))
}

fn page_of_rows(rows: &[(TargetId, ShapeRow)]) -> ShapesBlock {
    ShapesBlock {
        ids: rows.iter().map(|(id, _)| id.0).collect(),
        kinds: rows.iter().map(|(_, row)| row.kind).collect(),
        shapes: rows.iter().map(|(_, row)| row.shape).collect(),
        sizes: rows.iter().map(|(_, row)| row.size).collect(),
    }
}
