//! Where the exact geometry is: by target in pages, polygons in buckets that all accounts of a snapshot share.
//!
//! A circle is as short as a name would be, so it stands in its target's row. A polygon stands once, whoever watches
//! it, under the name of its content ([`GeometryKey`]), in the bucket that the name's first bits give.

use std::sync::Arc;

use rkyv::primitive::ArchivedU32;

use super::prefetch::prefetch;
use super::shapes::{self, CIRCLE, EVERYWHERE, POLYGON, ShapeView, TooWide};
use crate::domain::ids::TargetId;
use crate::domain::target::Shape;
use crate::domain::units::PointE7;
use crate::geo::area;
use crate::snapshot::block::Verified;
use crate::snapshot::pages::Pages;

/// The first half of the BLAKE3 digest of a polygon's record.
pub type GeometryKey = [u32; 4];

/// A page of watched targets with their shapes.
#[derive(Clone, PartialEq, Eq, Debug, Default, rkyv::Archive, rkyv::Serialize)]
#[rkyv(derive(Debug))]
pub struct ShapesBlock {
    /// Their ids, ascending.
    pub ids: Vec<u32>,
    /// What each is: [`CIRCLE`], [`POLYGON`] or [`EVERYWHERE`].
    pub kinds: Vec<u8>,
    /// A circle's latitude, longitude and radius (an `f64`, low word first); a polygon's [`GeometryKey`].
    pub shapes: Vec<[u32; 4]>,
    /// The size of each, m, as the bits of an `f32`.
    pub sizes: Vec<u32>,
}

/// A bucket of polygons.
#[derive(Clone, PartialEq, Eq, Debug, Default, rkyv::Archive, rkyv::Serialize)]
#[rkyv(derive(Debug))]
pub struct GeometryBlock {
    /// Their names, ascending.
    pub keys: Vec<GeometryKey>,
    /// Where the record of each starts in `words`; one more entry ends the last.
    pub first: Vec<u32>,
    /// How many targets of the snapshot have each.
    pub uses: Vec<u32>,
    /// The records, as [`shapes`] has them.
    pub words: Vec<u32>,
}

/// A target's shape as its row has it, and the polygon's record where it is one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ShapeRow {
    /// The kind.
    pub kind: u8,
    /// As in [`ShapesBlock::shapes`].
    pub shape: [u32; 4],
    /// As in [`ShapesBlock::sizes`].
    pub size: u32,
}

impl ShapeRow {
    /// The row of a shape, and a polygon's record.
    ///
    /// # Errors
    /// [`TooWide`]
    pub fn of(target: TargetId, shape: &Shape) -> Result<(Self, Vec<u32>), TooWide> {
        #[expect(clippy::cast_possible_truncation, reason = "a size is wanted to a metre")]
        let size = (area::size_m(shape) as f32).to_bits();
        let row = |kind, shape| Self { kind, shape, size };
        match shape {
            Shape::Circle { center, radius_m } => {
                Ok((row(CIRCLE, circle_words(*center, *radius_m)), Vec::new()))
            }
            Shape::Polygon { rings } => {
                let record = shapes::encode(target, rings)?;
                Ok((row(POLYGON, key_of(record.iter().copied())), record))
            }
            Shape::Everywhere => Ok((row(EVERYWHERE, [0; 4]), Vec::new())),
        }
    }
}

fn circle_words(center: PointE7, radius_m: f64) -> [u32; 4] {
    let [low, high] = shapes::halves(radius_m.to_bits());
    [center.lat.cast_unsigned(), center.lon.cast_unsigned(), low, high]
}

/// The name of a polygon's record.
#[must_use]
pub fn key_of(record: impl Iterator<Item = u32>) -> GeometryKey {
    let bytes: Vec<u8> = record.flat_map(u32::to_le_bytes).collect();
    let digest = blake3::hash(&bytes);
    let word = |at: usize| {
        let mut word = [0; 4];
        word.copy_from_slice(&digest.as_bytes()[4 * at..4 * at + 4]);
        u32::from_le_bytes(word)
    };
    [word(0), word(1), word(2), word(3)]
}

/// The bucket of a name among `buckets`, a power of two.
#[must_use]
pub fn bucket_of(key: GeometryKey, buckets: usize) -> usize {
    let bits = buckets.max(1).ilog2();
    key[0].checked_shr(32 - bits).unwrap_or(0) as usize
}

/// Finds the exact geometry of an account's targets.
#[derive(Clone, Copy, Debug)]
pub struct ShapeBook<'s> {
    pages: &'s Pages<ShapesBlock>,
    geometry: &'s [Arc<Verified<GeometryBlock>>],
}

impl<'s> ShapeBook<'s> {
    /// Over the account's pages and the snapshot's polygons.
    #[must_use]
    pub fn new(
        pages: &'s Pages<ShapesBlock>,
        geometry: &'s [Arc<Verified<GeometryBlock>>],
    ) -> Self {
        Self { pages, geometry }
    }

    /// The exact geometry of a target; `None` for one that is not watched.
    #[must_use]
    pub fn shape(self, target: TargetId) -> Option<ShapeView<'s>> {
        let (page, row) = self.row(target)?;
        let shape = page.shapes.get(row)?.map(|word| word.to_native());
        match *page.kinds.get(row)? {
            CIRCLE => shapes::circle_of(shape),
            POLYGON => self.polygon(shape).and_then(ShapeView::polygon),
            EVERYWHERE => Some(ShapeView::Everywhere),
            _ => None,
        }
    }

    /// Whether the target contains the point.
    #[must_use]
    pub fn contains(self, target: TargetId, p: PointE7) -> bool {
        self.shape(target).is_some_and(|shape| shape.contains(p))
    }

    /// How large it is, m; `None` for a target that is not watched.
    #[must_use]
    pub fn size_m(self, target: TargetId) -> Option<f32> {
        let (page, row) = self.row(target)?;
        page.sizes.get(row).map(|size| f32::from_bits(size.to_native()))
    }

    /// The row of a target as it stands.
    #[must_use]
    pub fn shape_row(self, target: TargetId) -> Option<ShapeRow> {
        let (page, row) = self.row(target)?;
        page.shape_row(row)
    }

    /// Whether a row of the book, and the polygon that it names, are what this shape would give.
    #[must_use]
    pub fn shows(self, row: &ShapeRow, shape: &Shape) -> bool {
        match shape {
            Shape::Circle { center, radius_m } => {
                row.kind == CIRCLE && row.shape == circle_words(*center, *radius_m)
            }
            Shape::Polygon { rings } => {
                let record = (row.kind == POLYGON).then(|| self.polygon(row.shape)).flatten();
                record.is_some_and(|record| shapes::is_record_of(record, rings))
            }
            Shape::Everywhere => row.kind == EVERYWHERE,
        }
    }

    /// Starts loading what [`shape`](Self::shape) reads of the target's row.
    #[inline]
    pub(crate) fn prefetch(self, target: TargetId) {
        if let Some((page, row)) = self.row(target) {
            prefetch(&page.shapes, row);
            prefetch(&page.kinds, row);
        }
    }

    /// The record of a polygon.
    #[must_use]
    pub fn polygon(self, key: GeometryKey) -> Option<&'s [ArchivedU32]> {
        let bucket = self.geometry.get(bucket_of(key, self.geometry.len()))?.get();
        bucket.record(bucket.row(key)?)
    }

    #[inline]
    fn row(self, target: TargetId) -> Option<(&'s ArchivedShapesBlock, usize)> {
        self.pages.row(target.0)
    }
}

impl ArchivedShapesBlock {
    /// The row at a place.
    #[must_use]
    pub fn shape_row(&self, at: usize) -> Option<ShapeRow> {
        Some(ShapeRow {
            kind: *self.kinds.get(at)?,
            shape: self.shapes.get(at)?.map(|word| word.to_native()),
            size: self.sizes.get(at)?.to_native(),
        })
    }
}

impl ArchivedGeometryBlock {
    /// Where a polygon is.
    #[must_use]
    pub fn row(&self, key: GeometryKey) -> Option<usize> {
        let keys = &self.keys;
        let key_at = |at: usize| keys[at].map(|word| word.to_native());
        let mut at = self.guess(key[0])?;
        let mut reach = 2;
        // Farther and farther from the guess until the name lies between.
        let (from, to) = if key_at(at) <= key {
            let mut to = at + reach;
            while to < keys.len() && key_at(to) <= key {
                reach *= 2;
                (at, to) = (to, to + reach);
            }
            (at, to.min(keys.len()))
        } else {
            let mut from = at.saturating_sub(reach);
            while from > 0 && key_at(from) > key {
                reach *= 2;
                (at, from) = (from, from.saturating_sub(reach));
            }
            (from, at)
        };
        let found =
            keys[from..to].binary_search_by_key(&key, |key| key.map(|word| word.to_native()));
        found.ok().map(|at| from + at)
    }

    /// About where a name that starts so is. Names are digests, so they are spread evenly: by proportion among all,
    /// then by what is amiss there; halving would touch a line of memory for every bit of their number.
    fn guess(&self, start: u32) -> Option<usize> {
        let start_at = |at: usize| self.keys.get(at).map(|key| i64::from(key[0].to_native()));
        let most = self.keys.len().checked_sub(1)?;
        let (first, last) = (start_at(0)?, start_at(most)?);
        let most_of = i64::try_from(most).unwrap_or(i64::MAX);
        let share = |part: i64| part.saturating_mul(most_of) / (last - first).max(1);
        let within = |at: i64| usize::try_from(at.clamp(0, most_of)).unwrap_or(0);
        let near = share(i64::from(start) - first).clamp(0, most_of);
        let amiss = share(i64::from(start) - start_at(within(near))?);
        Some(within(near + amiss))
    }

    /// The record in a row.
    #[must_use]
    pub fn record(&self, row: usize) -> Option<&[ArchivedU32]> {
        let from = self.first.get(row)?.to_native() as usize;
        let to = self.first.get(row + 1)?.to_native() as usize;
        self.words.get(from..to)
    }
}
