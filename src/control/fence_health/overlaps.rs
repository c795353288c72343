//! How much of a fence lies in another: exactly tested at the points of a grid over it.
//!
//! A grid takes circles, polygons with holes and shapes across the antimeridian alike, and its work is known beforehand.
//! Where one fence is within the other all of its points are; a border that passes through is off by a few per cent.

use std::collections::BTreeMap;

use super::fences::Fence;
use crate::control::compiler::atlas::{Atlas, Corners, corners};
use crate::domain::target::Shape;
use crate::domain::units::PointE7;

/// Points along each side of the grid.
const SIDE: u32 = 16;

/// Along each side, where the fence is so slim that few points of the first grid are in it.
const FINE_SIDE: u32 = 64;

/// With fewer points inside, shares say little.
const FEWEST_POINTS: u32 = 60;

/// Vertices of all fences that are looked at: 16 bytes each, and some times as much where a polygon has many.
const MOST_VERTICES: usize = 1_000_000;

/// Edges that are looked at for all fences of an account: about three seconds.
const MOST_EDGES: u64 = 3_000_000_000;

/// What of a fence lies in the other fence that has most of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Overlap {
    /// The position of the other.
    pub(super) other: usize,
    /// Whole per cent of the fence's area, rounded down.
    pub(super) share_pct: u8,
}

/// What of each fence lies in another, by position; and whether all of them were looked at in full. The shapes are those
/// of the fences, in their order, and asked for one by one.
pub(super) fn overlaps(
    fences: &[Fence],
    shapes: impl Iterator<Item = Shape>,
) -> (Vec<Option<Overlap>>, bool) {
    overlaps_within(fences, shapes, (MOST_VERTICES, MOST_EDGES))
}

/// The same with bounds of a test's own.
pub(super) fn overlaps_within(
    fences: &[Fence],
    shapes: impl Iterator<Item = Shape>,
    (most_vertices, most_edges): (usize, u64),
) -> (Vec<Option<Overlap>>, bool) {
    let mut found = vec![None; fences.len()];
    let mut room = most_vertices;
    let fitting = shapes.map_while(|shape| {
        room = room.checked_sub(vertices(&shape))?;
        Some(shape)
    });
    let fitting: Vec<Shape> = fitting.collect();
    let boxes: Vec<Corners> = fitting.iter().map(corners).collect();
    let atlas = Atlas::of(fitting);
    let is_all = boxes.len() == fences.len();
    for (at, corners) in boxes.into_iter().enumerate() {
        if atlas.looked_at() > most_edges {
            return (found, false);
        }
        if atlas.has_near(corners, at) {
            found[at] = overlap(&atlas, fences, (at, corners));
        }
    }
    (found, is_all)
}

fn vertices(shape: &Shape) -> usize {
    match shape {
        Shape::Polygon { rings } => rings.iter().map(|ring| ring.0.len()).sum(),
        Shape::Circle { .. } | Shape::Everywhere => 0,
    }
}

/// The other fence that has most of one. A store's two areas lie in each other as they should.
fn overlap(atlas: &Atlas, fences: &[Fence], (at, corners): (usize, Corners)) -> Option<Overlap> {
    let is_other = |other: usize| {
        let place = fences[at].place();
        other != at && (place.is_none() || fences[other].place() != place)
    };
    let counted = |side: u32| {
        let (mut inside, mut in_others) = (0_u32, BTreeMap::<usize, u32>::new());
        for point in grid(corners, side) {
            let found = atlas.containing(point);
            if found.binary_search(&at).is_ok() {
                inside += 1;
                let others = found.into_iter().filter(|other| is_other(*other));
                others.for_each(|other| *in_others.entry(other).or_default() += 1);
            }
        }
        (inside, in_others)
    };
    let mut counts = counted(SIDE);
    if counts.0 < FEWEST_POINTS {
        counts = counted(FINE_SIDE);
    }
    let (inside, in_others) = counts;
    if inside < FEWEST_POINTS {
        return None;
    }
    // Of those with as much, the first.
    let (other, most) = in_others.into_iter().rev().max_by_key(|(_, points)| *points)?;
    let share_pct = u8::try_from(u64::from(most) * 100 / u64::from(inside)).unwrap_or(100);
    Some(Overlap { other, share_pct })
}

/// The middles of so many by so many equal parts of a box.
fn grid((low, high): Corners, side: u32) -> impl Iterator<Item = PointE7> {
    let at = move |axis: usize, step: u32| {
        let share = (f64::from(step) + 0.5) / f64::from(side);
        low[axis] + (high[axis] - low[axis]) * share
    };
    let steps = (0..side).flat_map(move |row| (0..side).map(move |column| (column, row)));
    steps.filter_map(move |(column, row)| {
        let lon = at(0, column);
        let lon = lon - 360.0 * ((lon + 180.0) / 360.0).floor();
        PointE7::from_degrees(at(1, row).clamp(-90.0, 90.0), lon)
    })
}
