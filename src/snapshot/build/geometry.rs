//! The exact shapes of all accounts: rows in pages, polygons in buckets, each polygon once.

use std::collections::HashMap;

use crate::domain::ids::TargetId;
use crate::domain::target::Shape;
use crate::snapshot::index::book::{GeometryKey, ShapeRow, bucket_of};
use crate::snapshot::index::shapes::TooWide;
use crate::snapshot::index::{GeometryBlock, ShapesBlock};
use crate::snapshot::pages::paged;

/// The polygons gathered so far.
#[derive(Debug, Default)]
pub(in crate::snapshot) struct Geometry {
    polygons: HashMap<GeometryKey, Polygon>,
    words: usize,
}

#[derive(Debug)]
struct Polygon {
    record: Vec<u32>,
    uses: u32,
}

/// A bucket has about so many words, 256 KiB: what an edit of one polygon rewrites.
const BUCKET_WORDS: usize = 1 << 16;

impl Geometry {
    /// The row of a target; its polygon is gathered.
    ///
    /// # Errors
    /// [`TooWide`]
    pub(in crate::snapshot) fn row(
        &mut self,
        target: TargetId,
        shape: &Shape,
    ) -> Result<ShapeRow, TooWide> {
        let (row, record) = ShapeRow::of(target, shape)?;
        if !record.is_empty() {
            let words = &mut self.words;
            let polygon = self.polygons.entry(row.shape).or_insert_with(|| {
                *words += record.len();
                Polygon { record, uses: 0 }
            });
            polygon.uses = polygon.uses.saturating_add(1);
        }
        Ok(row)
    }

    /// The buckets: their number follows from how much there is.
    pub(in crate::snapshot) fn buckets(self) -> Vec<GeometryBlock> {
        if self.polygons.is_empty() {
            return Vec::new();
        }
        let count = self.words.div_ceil(BUCKET_WORDS).next_power_of_two();
        let empty = GeometryBlock { first: vec![0], ..GeometryBlock::default() };
        let mut buckets = vec![empty; count];
        let mut polygons: Vec<(GeometryKey, Polygon)> = self.polygons.into_iter().collect();
        polygons.sort_unstable_by_key(|(key, _)| *key);
        for (key, Polygon { record, uses }) in polygons {
            let bucket = &mut buckets[bucket_of(key, count)];
            bucket.keys.push(key);
            bucket.uses.push(uses);
            bucket.words.extend(record);
            bucket.first.push(u32::try_from(bucket.words.len()).unwrap_or(u32::MAX));
        }
        buckets
    }
}

/// Rows in pages.
pub(in crate::snapshot) fn pages(
    rows: &[(TargetId, ShapeRow)],
) -> impl Iterator<Item = ShapesBlock> {
    paged(rows, |(id, _)| id.0).map(|rows| ShapesBlock {
        ids: rows.iter().map(|(id, _)| id.0).collect(),
        kinds: rows.iter().map(|(_, row)| row.kind).collect(),
        shapes: rows.iter().map(|(_, row)| row.shape).collect(),
        sizes: rows.iter().map(|(_, row)| row.size).collect(),
    })
}
