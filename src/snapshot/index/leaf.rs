//! The tests of a leaf as words: circles in local plane coordinates, polygons by their cut edges.
//!
//! **Circle**: centre x and y from the cell's corner and the lower limit (each an `f32`), and a word that is k as
//! an `f32` but for its last [`LAST_BITS`]: the mask bit (6 bits) and how wide the doubtful band is (5 bits). With s =
//! dy² + k · dx², s ≤ lower is inside, s > upper outside, and between them the exact test decides; upper lies
//! 2^band `f32` steps above lower.
//!
//! Four times the haversine, in units², lies between dy²(1 − Δφ²/12) + k₋ dx²(1 − Δλ²/12) and dy² + k₊ dx²,
//! where k₋ and k₊ bound cos φ₁ · cos φ₂ over the cell. Dividing the limit by the worst ratio of either to s
//! gives the two limits, and [`ROUNDING`] widens them by more than `f32` can lose.
//!
//! **Polygon**: a [`PolygonHead`], the flips as rows from the corner, the edges as x₁ y₁ x₂ y₂ from it (`i32`).

use super::block::{CIRCLE_WORDS, EDGE_WORDS, PolygonHead};
use super::clip::{GridEdge, Piece};
use super::grid::{Cell, WIDTH};
use crate::domain::units::{E7, HALF_TURN_E7, PointE7, QUARTER_TURN_E7};
use crate::geo::cover::CircleCover;

/// A circle test. `bit` is the target's place in the mask.
pub(super) fn circle_test(
    center: PointE7,
    cover: &CircleCover,
    cell: Cell,
    bit: u32,
) -> [u32; CIRCLE_WORDS] {
    let fast = fast_circle(center, cover, cell).unwrap_or(FastCircle::UNSURE);
    let [x, y, lower] = fast.floats.map(f32::to_bits);
    [x, y, lower, fast.k | bit | fast.band << 6]
}

/// The bits of k's word that are not of k.
pub(super) const LAST_BITS: u32 = (1 << 11) - 1;

/// Whether the circle can be tested in the plane within this cell.
pub(super) fn is_fast(center: PointE7, cover: &CircleCover, cell: Cell) -> bool {
    fast_circle(center, cover, cell).is_some()
}

struct FastCircle {
    /// x, y and the lower limit.
    floats: [f32; 3],
    /// k, its last bits cut off.
    k: u32,
    band: u32,
}

impl FastCircle {
    /// Compares false with everything, so the exact test decides.
    const UNSURE: Self = Self { floats: [f32::NAN, 0.0, 0.0], k: 0, band: 0 };
}

/// `f32` keeps 2⁻²⁴ a step; two differences, three products and a sum lose less than 2⁻²¹ of s, rounding the
/// limits 2⁻²⁴ more.
const ROUNDING: f64 = 1.0 / 1_048_576.0;

/// Offsets from the corner up to here are whole numbers in `f32`.
const F32_WHOLE: i64 = 1 << 24;

/// Below this (10 m, in rad²) the exact test's own rounding is no longer small beside [`ROUNDING`].
const SMALLEST: f64 = 2.5e-12;

/// Differences up to 0.1 rad keep the series behind the limits tight.
const FARTHEST: f64 = 0.01;

#[expect(clippy::cast_possible_truncation, reason = "ROUNDING covers the loss")]
#[expect(clippy::cast_precision_loss, reason = "offsets are below 2^24")]
fn fast_circle(center: PointE7, cover: &CircleCover, cell: Cell) -> Option<FastCircle> {
    let terms = cover.terms(cell.rect(), cell.cosines());
    let x = (i64::from(center.lon) + i64::from(HALF_TURN_E7) - cell.x + WIDTH / 2)
        .rem_euclid(WIDTH)
        - WIDTH / 2;
    let y = i64::from(center.lat) + i64::from(QUARTER_TURN_E7) - cell.y;
    let far = x.abs().max(y.abs()).max(cell.size()) > F32_WHOLE;
    let small = cover.limit < SMALLEST;
    if far || small || terms.a.1 > FARTHEST || terms.b.1 > FARTHEST || terms.k.0 <= 0.0 {
        return None;
    }
    let word = (f64::midpoint(terms.k.0, terms.k.1) as f32).to_bits() & !LAST_BITS;
    let k = f32::from_bits(word);
    let most = (terms.k.1 / f64::from(k)).max(1.0);
    let flat = 1.0 - terms.a.1 / 12.0;
    let least = flat.min(terms.k.0 / f64::from(k) * (1.0 - terms.b.1 / 12.0));
    let unit = (1.0 / E7).to_radians();
    let limit = cover.limit / (unit * unit);
    let lower = (limit / most * (1.0 - ROUNDING)) as f32;
    let upper = (limit / least * (1.0 + ROUNDING)) as f32;
    let steps = upper.to_bits().checked_sub(lower.to_bits())?;
    let band = steps.max(1).next_power_of_two().trailing_zeros();
    (band < WIDEST_BAND).then_some(FastCircle {
        floats: [x as f32, y as f32, lower],
        k: word,
        band,
    })
}

/// A band of 2^26 steps doubles the limit eight times over; no cell is that unsure.
const WIDEST_BAND: u32 = 26;

/// Appends a polygon test.
pub(super) fn push_polygon_test(piece: &Piece, cell: Cell, bit: u32, words: &mut Vec<u32>) {
    let start = words.len();
    words.push(0);
    let head = push_tail(piece, cell, bit, words).unwrap_or_else(|| {
        words.truncate(start + 1);
        PolygonHead { bit, corner: false, flips: 0, edges: PolygonHead::WHOLE }
    });
    words[start] = head.pack();
}

/// Appends flips and edges; `None` when they do not fit.
fn push_tail(piece: &Piece, cell: Cell, bit: u32, words: &mut Vec<u32>) -> Option<PolygonHead> {
    let flips = u32::try_from(piece.flips.len()).ok()?;
    let edges = u32::try_from(piece.edges.len()).ok()?;
    if flips >= PolygonHead::FLIPS_LIMIT || edges >= PolygonHead::WHOLE {
        return None;
    }
    for flip in &piece.flips {
        words.push(u32::try_from(flip - cell.y).ok()?);
    }
    for edge in &piece.edges {
        words.extend(edge_words(*edge, cell)?);
    }
    Some(PolygonHead { bit, corner: piece.corner, flips, edges })
}

/// Edges longer than this (107°) could overflow the test's 64 bits.
const LONGEST: i64 = 1 << 30;

fn edge_words(edge: GridEdge, cell: Cell) -> Option<[u32; EDGE_WORDS]> {
    if (edge.x2 - edge.x1).abs() > LONGEST || edge.y2 - edge.y1 > LONGEST {
        return None;
    }
    let word = |offset: i64| i32::try_from(offset).ok().map(i32::cast_unsigned);
    Some([
        word(edge.x1 - cell.x)?,
        word(edge.y1 - cell.y)?,
        word(edge.x2 - cell.x)?,
        word(edge.y2 - cell.y)?,
    ])
}
