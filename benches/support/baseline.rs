//! The plain way: an R-tree of boxes, `geo`'s exact test (haversine for circles), a hash map of state.
//!
//! One thread, no batches, good libraries: what a careful programmer has after an afternoon.

use std::collections::HashMap;

use geo::{Contains, Coord, LineString, MultiPolygon, Point, Polygon};
use geofenced::domain::ids::{DeviceId, TargetId};
use geofenced::domain::target::{Ring, Shape};
use geofenced::domain::units::PointE7;
use geofenced::geo::circle;
use rstar::primitives::{GeomWithData, Rectangle};
use rstar::{AABB, RTree};

/// Exact geometry as `geo` has it.
enum Exact {
    Circle(PointE7, f64),
    Polygon(Box<MultiPolygon<f64>>),
    Everywhere,
}

type Boxed = GeomWithData<Rectangle<[f64; 2]>, usize>;

/// The matcher.
pub(crate) struct Baseline {
    tree: RTree<Boxed>,
    shapes: Vec<(TargetId, Exact)>,
    inside: HashMap<DeviceId, Vec<TargetId>>,
}

/// Hits, enters, exits.
pub(crate) type Counts = [u64; 3];

impl Baseline {
    pub(crate) fn new(targets: &[(TargetId, Shape)]) -> Self {
        let mut boxes = Vec::new();
        let mut shapes = Vec::new();
        for (nth, (id, shape)) in targets.iter().enumerate() {
            let (exact, bounds) = exact(shape);
            boxes.push(GeomWithData::new(bounds, nth));
            shapes.push((*id, exact));
        }
        Self { tree: RTree::bulk_load(boxes), shapes, inside: HashMap::new() }
    }

    /// Gives a target another shape, in the tree that is there.
    pub(crate) fn reshape(&mut self, nth: usize, before: &Shape, now: &Shape) {
        self.tree.remove(&GeomWithData::new(exact(before).1, nth));
        let (exact, bounds) = exact(now);
        self.tree.insert(GeomWithData::new(bounds, nth));
        self.shapes[nth].1 = exact;
    }

    /// From now on no device is known, and the table begins small again.
    pub(crate) fn forget(&mut self) {
        self.inside = HashMap::new();
    }

    /// How many boxes hold the point.
    pub(crate) fn candidates(&self, at: PointE7) -> usize {
        self.tree.locate_all_at_point(&[at.lon_deg(), at.lat_deg()]).count()
    }

    /// The targets that contain the point, ascending.
    pub(crate) fn contains(&self, at: PointE7, into: &mut Vec<TargetId>) {
        into.clear();
        let point = Point::new(at.lon_deg(), at.lat_deg());
        for found in self.tree.locate_all_at_point(&[point.x(), point.y()]) {
            let (id, exact) = &self.shapes[found.data];
            let held = match exact {
                Exact::Circle(center, radius_m) => circle::distance_m(*center, at) <= *radius_m,
                Exact::Polygon(polygon) => polygon.contains(&point),
                Exact::Everywhere => true,
            };
            if held {
                into.push(*id);
            }
        }
        into.sort_unstable();
    }

    /// One ping: its hits and what changed.
    pub(crate) fn step(
        &mut self,
        device: DeviceId,
        at: PointE7,
        changes: &mut Vec<(TargetId, bool)>,
        counts: &mut Counts,
    ) {
        let mut now = Vec::new();
        self.contains(at, &mut now);
        let before = self.inside.entry(device).or_default();
        changes.clear();
        changes.extend(
            now.iter().filter(|id| before.binary_search(id).is_err()).map(|&id| (id, true)),
        );
        let entered = changes.len();
        changes.extend(
            before.iter().filter(|id| now.binary_search(id).is_err()).map(|&id| (id, false)),
        );
        counts[0] += now.len() as u64;
        counts[1] += entered as u64;
        counts[2] += (changes.len() - entered) as u64;
        *before = now;
    }
}

fn exact(shape: &Shape) -> (Exact, Rectangle<[f64; 2]>) {
    match shape {
        Shape::Circle { center, radius_m } => {
            let reach = (radius_m / 6_371_008.8).to_degrees() * 1.000_001;
            let wide = reach / center.lat_deg().to_radians().cos().max(0.001);
            let (lon, lat) = (center.lon_deg(), center.lat_deg());
            let bounds = AABB::from_corners([lon - wide, lat - reach], [lon + wide, lat + reach]);
            (Exact::Circle(*center, *radius_m), bounds.into())
        }
        Shape::Polygon { rings } => {
            let lines: Vec<LineString<f64>> = rings.iter().map(line).collect();
            let corners = lines.iter().flat_map(|line| line.coords()).map(|c| [c.x, c.y]);
            let bounds = AABB::from_points(corners.collect::<Vec<_>>().iter());
            (Exact::Polygon(Box::new(parts(lines))), bounds.into())
        }
        Shape::Everywhere => {
            (Exact::Everywhere, AABB::from_corners([-180.0, -90.0], [180.0, 90.0]).into())
        }
    }
}

/// Rings as parts with holes: a ring that starts inside an earlier one is its hole.
fn parts(lines: Vec<LineString<f64>>) -> MultiPolygon<f64> {
    let mut parts: Vec<Polygon<f64>> = Vec::new();
    for line in lines {
        let start = line.0.first().copied().map(Point::from);
        let holder = parts.iter_mut().find(|part| start.is_some_and(|start| part.contains(&start)));
        match holder {
            Some(part) => part.interiors_push(line),
            None => parts.push(Polygon::new(line, vec![])),
        }
    }
    MultiPolygon(parts)
}

fn line(Ring(vertices): &Ring) -> LineString<f64> {
    #[expect(clippy::cast_precision_loss, reason = "coordinates are far below 2^53")]
    let degrees = |e7: i64| e7 as f64 / 1e7;
    let coords = vertices.iter().map(|v| Coord { x: degrees(v.lon), y: degrees(v.lat) });
    let mut line: LineString<f64> = coords.collect();
    line.close();
    line
}
