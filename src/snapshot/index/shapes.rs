//! The exact geometry beside the cells: for the rare point on a circle's line, for distances, for tests of a single
//! target.
//!
//! A polygon's record is the longitude all others are counted from (an `i64`, low word first), the number of rings,
//! where each ring ends in vertices, and the vertices as (longitude east of the anchor, latitude).

use std::cell::OnceCell;

use rkyv::primitive::ArchivedU32;

use crate::domain::ids::TargetId;
use crate::domain::target::{Ring, Shape, Vertex};
use crate::domain::units::PointE7;
use crate::geo::polygon::Edge;
use crate::geo::{boundary, circle, polygon};

/// The kind of a circle.
pub const CIRCLE: u8 = 1;
/// The kind of a polygon.
pub const POLYGON: u8 = 2;
/// The kind of everywhere.
pub const EVERYWHERE: u8 = 3;

/// Words of a polygon's record before the ring ends.
pub const POLYGON_HEAD_WORDS: usize = 3;

/// A shape that the block has no words for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("target {target} has a ring {degrees}° wide; unwrapped rings may be up to 400° wide")]
pub struct TooWide {
    /// The target.
    pub target: TargetId,
    /// Its width, whole degrees.
    pub degrees: i64,
}

/// The record of a polygon.
///
/// # Errors
/// [`TooWide`] for one over 400° wide; nothing on earth is.
pub fn encode(target: TargetId, rings: &[Ring]) -> Result<Vec<u32>, TooWide> {
    let (anchor, width) = extent(rings);
    if width > MAX_WIDTH_E7 {
        return Err(TooWide { target, degrees: width / 10_000_000 });
    }
    let vertices: usize = rings.iter().map(|Ring(vertices)| vertices.len()).sum();
    let mut record = Vec::with_capacity(POLYGON_HEAD_WORDS + rings.len() + 2 * vertices);
    record.extend(words(anchor, rings));
    Ok(record)
}

/// Whether [`encode`] would give this record.
#[must_use]
pub fn is_record_of(record: &[ArchivedU32], rings: &[Ring]) -> bool {
    let (anchor, width) = extent(rings);
    let record = record.iter().map(|word| word.to_native());
    width <= MAX_WIDTH_E7 && words(anchor, rings).eq(record)
}

/// The least longitude and how far the greatest is from it, 1e-7 degrees.
fn extent(rings: &[Ring]) -> (i64, i64) {
    let longitudes = || rings.iter().flat_map(|Ring(vertices)| vertices).map(|vertex| vertex.lon);
    let anchor = longitudes().min().unwrap_or(0);
    (anchor, longitudes().max().unwrap_or(0) - anchor)
}

/// The words of a record of at most [`MAX_WIDTH_E7`].
fn words(anchor: i64, rings: &[Ring]) -> impl Iterator<Item = u32> {
    let [low, high] = halves(anchor.cast_unsigned());
    let ends = rings.iter().scan(0, |end, Ring(vertices)| {
        *end += count(vertices.len());
        Some(*end)
    });
    let vertices = rings.iter().flat_map(|Ring(vertices)| vertices).flat_map(move |vertex| {
        let east = u32::try_from(vertex.lon - anchor).unwrap_or(u32::MAX);
        [east, latitude(vertex.lat).cast_unsigned()]
    });
    [low, high, count(rings.len())].into_iter().chain(ends).chain(vertices)
}

/// The widest polygon: 400°, which leaves room in 32 bits.
pub const MAX_WIDTH_E7: i64 = 4_000_000_000;

/// Latitudes beyond a pole, which no spec may have, are cut to the range of an `i32`.
fn latitude(e7: i64) -> i32 {
    i32::try_from(e7).unwrap_or(if e7 < 0 { i32::MIN } else { i32::MAX })
}

fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

#[expect(clippy::cast_possible_truncation, reason = "the word is cut in its halves")]
pub(super) fn halves(word: u64) -> [u32; 2] {
    [word as u32, (word >> 32) as u32]
}

/// A shape read in place.
#[derive(Clone, Copy, Debug)]
pub enum ShapeView<'s> {
    /// A circle.
    Circle {
        /// Its centre.
        center: PointE7,
        /// Its radius, m.
        radius_m: f64,
    },
    /// A polygon.
    Polygon(PolygonView<'s>),
    /// Every point on earth.
    Everywhere,
}

/// A circle from a target's row; `None` when its centre is nowhere.
#[must_use]
pub fn circle_of([lat, lon, low, high]: [u32; 4]) -> Option<ShapeView<'static>> {
    let center = PointE7::new(lat.cast_signed(), lon.cast_signed())?;
    let radius_m = f64::from_bits(u64::from(low) | u64::from(high) << 32);
    Some(ShapeView::Circle { center, radius_m })
}

/// A polygon's rings read in place.
#[derive(Clone, Copy, Debug)]
pub struct PolygonView<'s> {
    anchor: i64,
    ends: &'s [ArchivedU32],
    vertices: &'s [ArchivedU32],
}

impl<'s> ShapeView<'s> {
    /// A polygon from its record; `None` when the words are no record.
    #[must_use]
    pub fn polygon(words: &'s [ArchivedU32]) -> Option<Self> {
        let word = |at: usize| words.get(at).map(|word| word.to_native());
        let anchor = (u64::from(word(0)?) | u64::from(word(1)?) << 32).cast_signed();
        let rings = usize::try_from(word(2)?).ok()?;
        let (ends, vertices) = words.get(POLYGON_HEAD_WORDS..)?.split_at_checked(rings)?;
        let total = ends.last().map_or(0, |end| end.to_native());
        let whole = usize::try_from(total).ok()?.checked_mul(2) == Some(vertices.len());
        whole.then_some(Self::Polygon(PolygonView { anchor, ends, vertices }))
    }

    /// The shape as an owner would write it.
    #[must_use]
    pub fn to_shape(&self) -> Shape {
        match self {
            Self::Circle { center, radius_m } => {
                Shape::Circle { center: *center, radius_m: *radius_m }
            }
            Self::Polygon(polygon) => Shape::Polygon { rings: polygon.rings() },
            Self::Everywhere => Shape::Everywhere,
        }
    }

    /// Exact containment.
    #[must_use]
    pub fn contains(&self, p: PointE7) -> bool {
        match self {
            Self::Circle { center, radius_m } => circle::contains(*center, *radius_m, p),
            Self::Polygon(rings) => polygon::contains_by(|| rings.edges(), p),
            Self::Everywhere => true,
        }
    }

    /// 0 inside, else the distance to the shape, m; infinite for a polygon without edges.
    #[must_use]
    pub fn distance_m(&self, p: PointE7) -> f64 {
        if self.contains(p) { 0.0 } else { self.distance_from_outside_m(p) }
    }

    /// The same for a point that it is known not to contain.
    #[must_use]
    pub fn distance_from_outside_m(&self, p: PointE7) -> f64 {
        match self {
            Self::Circle { center, radius_m } => boundary::to_circle_m(*center, *radius_m, p),
            Self::Polygon(rings) => boundary::to_edges_m(|| rings.edges(), p),
            Self::Everywhere => 0.0,
        }
    }
}

impl ShapeView<'_> {
    /// Tells of limits, each 0 or more, whether the shape is farther than that from a point that it is known not to
    /// contain: [`distance_m`](Self::distance_m) held against them, and cheaper.
    pub fn is_beyond_m(&self, p: PointE7) -> impl Fn(f64) -> bool {
        let distance_m = OnceCell::new();
        move |limit_m| match self {
            Self::Circle { center, radius_m } => {
                circle::is_beyond_m(*center, radius_m + limit_m, p)
            }
            Self::Polygon(_) | Self::Everywhere => {
                *distance_m.get_or_init(|| self.distance_from_outside_m(p)) > limit_m
            }
        }
    }
}

impl<'s> PolygonView<'s> {
    /// Every edge of every ring, the closing ones included.
    pub fn edges(self) -> impl Iterator<Item = Edge> + 's {
        let mut start = 0;
        self.ends.iter().flat_map(move |end| {
            let first = std::mem::replace(&mut start, end.to_native());
            let last = end.to_native();
            (first..last).map(move |at| {
                let next = if at + 1 == last { first } else { at + 1 };
                (self.vertex(at), self.vertex(next))
            })
        })
    }

    fn rings(self) -> Vec<Ring> {
        let mut start = 0;
        let ring = |end: &ArchivedU32| {
            let first = std::mem::replace(&mut start, end.to_native());
            Ring((first..end.to_native()).map(|at| self.vertex(at)).collect())
        };
        self.ends.iter().map(ring).collect()
    }

    /// Whether the anchor and the ring ends are those of a polygon that [`encode`] could have written.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let bounded = self.anchor.unsigned_abs() <= MAX_WIDTH_E7.unsigned_abs() * 4;
        bounded && self.ends.is_sorted_by_key(|end| end.to_native())
    }

    fn vertex(&self, at: u32) -> Vertex {
        let word = |at: usize| self.vertices.get(at).map_or(0, |word| word.to_native());
        let at = 2 * at as usize;
        Vertex {
            lon: self.anchor + i64::from(word(at)),
            lat: i64::from(word(at + 1).cast_signed()),
        }
    }
}
