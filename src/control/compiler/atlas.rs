//! Where an account's areas are: which of them contain a point.

use rstar::primitives::{GeomWithData, Rectangle};
use rstar::{AABB, RTree};

use crate::domain::target::Shape;
use crate::domain::units::{E7, HALF_TURN_E7, PointE7};
use crate::geo::{circle, cover, polygon};

/// Areas by where they are.
#[derive(Default, Debug)]
pub(super) struct Atlas {
    shapes: Vec<Shape>,
    boxes: RTree<Boxed>,
}

/// The box of an area, in degrees, and its position among the shapes.
type Boxed = GeomWithData<Rectangle<[f64; 2]>, usize>;

impl Atlas {
    /// Over these areas, each known by its position.
    pub(super) fn of(shapes: Vec<Shape>) -> Self {
        let boxed = |(at, shape): (usize, &Shape)| {
            let boxes = boxes(shape).into_iter();
            boxes.map(move |(low, high)| GeomWithData::new(Rectangle::from_corners(low, high), at))
        };
        let boxes = RTree::bulk_load(shapes.iter().enumerate().flat_map(boxed).collect());
        Self { shapes, boxes }
    }

    /// The areas that contain a point, ascending, each once.
    pub(super) fn containing(&self, point: PointE7) -> Vec<usize> {
        let at = AABB::from_point([point.lon_deg(), point.lat_deg()]);
        let near = self.boxes.locate_in_envelope_intersecting(&at).map(|found| found.data);
        let mut found: Vec<usize> = near.filter(|at| contains(&self.shapes[*at], point)).collect();
        found.sort_unstable();
        found.dedup();
        found
    }
}

/// Whether an area contains a point, exactly.
pub(super) fn contains(shape: &Shape, point: PointE7) -> bool {
    match shape {
        Shape::Circle { center, radius_m } => circle::contains(*center, *radius_m, point),
        Shape::Polygon { rings } => polygon::contains(rings, point),
        Shape::Everywhere => true,
    }
}

/// A hair wider than the shape: a box may only save work.
const MARGIN_DEG: f64 = 1e-6;

const TURN_DEG: f64 = 360.0;

type Corners = ([f64; 2], [f64; 2]);

/// Boxes around a shape, longitudes of -180 to 180 degrees: one beyond them is there again a turn away.
fn boxes(shape: &Shape) -> Vec<Corners> {
    let (low, high) = match shape {
        Shape::Everywhere => ([-180.0, -90.0], [180.0, 90.0]),
        Shape::Polygon { rings } => {
            let vertices = || rings.iter().flat_map(|ring| &ring.0);
            let lons = || vertices().map(|vertex| degrees(vertex.lon));
            let lats = || vertices().map(|vertex| degrees(vertex.lat));
            let low = [lons().fold(f64::MAX, f64::min), lats().fold(f64::MAX, f64::min)];
            (low, [lons().fold(f64::MIN, f64::max), lats().fold(f64::MIN, f64::max)])
        }
        Shape::Circle { center, radius_m } => match cover::CircleCover::new(*center, *radius_m) {
            Some(cover) => {
                let rect = cover.bounds();
                let (west, east) = (degrees(rect.west), degrees(rect.east));
                ([west, degrees(rect.south)], [east, degrees(rect.north)])
            }
            None => ([-180.0, -90.0], [180.0, 90.0]),
        },
    };
    let low = low.map(|value| value - MARGIN_DEG);
    let high = high.map(|value| value + MARGIN_DEG);
    let half = f64::from(HALF_TURN_E7) / E7;
    let turned = [-TURN_DEG, 0.0, TURN_DEG].into_iter();
    let boxes = turned.map(|by| ([low[0] + by, low[1]], [high[0] + by, high[1]]));
    boxes.filter(|(low, high)| high[0] >= -half && low[0] <= half).collect()
}

#[expect(clippy::cast_precision_loss, reason = "coordinates are far below 2^53")]
fn degrees(e7: i64) -> f64 {
    e7 as f64 / E7
}
