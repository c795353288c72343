//! Where an account's areas are: which of them contain a point.

use std::cell::Cell;

use rstar::primitives::{GeomWithData, Rectangle};
use rstar::{AABB, RTree};

use crate::domain::target::{Ring, Shape};
use crate::domain::units::{E7, HALF_TURN_E7, PointE7};
use crate::geo::polygon::Edge;
use crate::geo::{circle, cover, polygon};

/// Areas by where they are.
#[derive(Default, Debug)]
pub(in crate::control) struct Atlas {
    areas: Vec<Area>,
    boxes: RTree<Boxed>,
    /// Edges that were looked at so far.
    looked_at: Cell<u64>,
}

/// An area as it is asked.
#[derive(Debug)]
enum Area {
    Plain(Shape),
    Banded(Bands),
}

/// The edges of a polygon by the rows that they span, in bands of equal height: of a district with a hundred thousand
/// vertices a point is held against some hundred.
#[derive(Debug)]
struct Bands {
    south: i64,
    height: i64,
    /// Where the edges of each band begin; one more ends the last.
    first: Vec<usize>,
    edges: Vec<Edge>,
}

/// The box of an area, in degrees, and its position among the shapes.
type Boxed = GeomWithData<Rectangle<[f64; 2]>, usize>;

impl Atlas {
    /// Over these areas, each known by its position.
    pub(in crate::control) fn of(shapes: Vec<Shape>) -> Self {
        let boxed = |(at, shape): (usize, &Shape)| {
            let boxes = boxes(shape).into_iter();
            boxes.map(move |(low, high)| GeomWithData::new(Rectangle::from_corners(low, high), at))
        };
        let boxes = RTree::bulk_load(shapes.iter().enumerate().flat_map(boxed).collect());
        Self { areas: shapes.into_iter().map(Area::of).collect(), boxes, looked_at: Cell::new(0) }
    }

    /// Edges that were looked at so far: what the answers have cost.
    pub(in crate::control) fn looked_at(&self) -> u64 {
        self.looked_at.get()
    }

    /// Whether another area than the one at this position comes near the box.
    pub(in crate::control) fn has_near(&self, (low, high): Corners, but: usize) -> bool {
        let mut near = self.boxes.locate_in_envelope_intersecting(&AABB::from_corners(low, high));
        near.any(|found| found.data != but)
    }

    /// The areas that contain a point, ascending, each once.
    pub(in crate::control) fn containing(&self, point: PointE7) -> Vec<usize> {
        let at = AABB::from_point([point.lon_deg(), point.lat_deg()]);
        let near = self.boxes.locate_in_envelope_intersecting(&at).map(|found| found.data);
        let contains = |at: &usize| {
            let (edges, contains) = self.areas[*at].contains(point);
            self.looked_at.set(self.looked_at.get() + edges);
            contains
        };
        let mut found: Vec<usize> = near.filter(contains).collect();
        found.sort_unstable();
        found.dedup();
        found
    }
}

/// With fewer edges a polygon needs no bands.
const BANDED_FROM: usize = 64;

/// Bands of a polygon at most, and so many of its edges to each.
const BANDS: i64 = 4096;
const EDGES_A_BAND: usize = 32;

/// An edge stands in so many bands on average at most: high ones would fill the memory.
const COPIES: usize = 8;

impl Area {
    fn of(shape: Shape) -> Self {
        match &shape {
            Shape::Polygon { rings }
                if rings.iter().map(|ring| ring.0.len()).sum::<usize>() >= BANDED_FROM =>
            {
                Self::Banded(Bands::of(rings))
            }
            Shape::Polygon { .. } | Shape::Circle { .. } | Shape::Everywhere => Self::Plain(shape),
        }
    }

    /// How many edges are looked at, and whether it contains the point.
    fn contains(&self, point: PointE7) -> (u64, bool) {
        match self {
            Self::Plain(shape) => (BANDED_FROM as u64, contains(shape, point)),
            Self::Banded(bands) => {
                let edges = bands.of_row(i64::from(point.lat));
                (edges.len() as u64, polygon::contains_by(|| edges.iter().copied(), point))
            }
        }
    }
}

impl Bands {
    fn of(rings: &[Ring]) -> Self {
        let edges: Vec<Edge> = rings.iter().flat_map(polygon::edges).collect();
        let lats = || rings.iter().flat_map(|ring| &ring.0).map(|vertex| vertex.lat);
        let south = lats().min().unwrap_or(0);
        let rows = lats().max().unwrap_or(0) - south + 1;
        let wanted = i64::try_from(edges.len() / EDGES_A_BAND).unwrap_or(BANDS).clamp(1, BANDS);
        let mut bands =
            Self { south, height: rows / wanted + 1, first: Vec::new(), edges: Vec::new() };
        let copies =
            |bands: &Self| edges.iter().map(|edge| bands.spanned(edge).count()).sum::<usize>();
        while bands.height < rows && copies(&bands) > COPIES * edges.len() {
            bands.height *= 2;
        }
        let mut placed: Vec<(usize, Edge)> = Vec::with_capacity(copies(&bands));
        for edge in edges {
            placed.extend(bands.spanned(&edge).map(|band| (band, edge)));
        }
        placed.sort_by_key(|(band, _)| *band);
        let last = placed.last().map_or(0, |(band, _)| *band);
        bands.first =
            (0..=last + 1).map(|band| placed.partition_point(|(at, _)| *at < band)).collect();
        bands.edges = placed.into_iter().map(|(_, edge)| edge).collect();
        bands
    }

    /// The bands that an edge reaches.
    fn spanned(&self, (a, b): &Edge) -> std::ops::RangeInclusive<usize> {
        self.band(a.lat.min(b.lat))..=self.band(a.lat.max(b.lat))
    }

    fn band(&self, lat: i64) -> usize {
        usize::try_from((lat - self.south) / self.height).unwrap_or(usize::MAX)
    }

    /// The edges that may span a row.
    fn of_row(&self, lat: i64) -> &[Edge] {
        if lat < self.south {
            return &[];
        }
        let band = self.band(lat);
        let bounds = self.first.get(band).zip(self.first.get(band + 1));
        bounds.map_or(&[], |(from, to)| &self.edges[*from..*to])
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

/// The south-west and the north-east corner of a box: longitude and latitude, degrees.
pub(in crate::control) type Corners = ([f64; 2], [f64; 2]);

/// Boxes around a shape, longitudes of -180 to 180 degrees: one beyond them is there again a turn away.
fn boxes(shape: &Shape) -> Vec<Corners> {
    let (low, high) = corners(shape);
    let half = f64::from(HALF_TURN_E7) / E7;
    let turned = [-TURN_DEG, 0.0, TURN_DEG].into_iter();
    let boxes = turned.map(|by| ([low[0] + by, low[1]], [high[0] + by, high[1]]));
    boxes.filter(|(low, high)| high[0] >= -half && low[0] <= half).collect()
}

/// The box around a shape; its longitudes may go beyond 180 degrees.
pub(in crate::control) fn corners(shape: &Shape) -> Corners {
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
    (low, high)
}

#[expect(clippy::cast_precision_loss, reason = "coordinates are far below 2^53")]
fn degrees(e7: i64) -> f64 {
    e7 as f64 / E7
}
