//! The outline of a polygon: its parts as the index takes them, and what geometry says about them.
//!
//! Rings are quantised and unwrapped first ([`rings`](crate::snapshot::source::rings)), so that what is checked is what
//! will be watched. Validity is decided on coordinate units, which are whole numbers far below 2^53: the predicates of
//! the `geo` crate are exact there, and no part of a fence is cut by the antimeridian.

use ::geo::algorithm::validation::InvalidPolygon;
use ::geo::coordinate_position::CoordPos;
use ::geo::dimensions::Dimensions;
use ::geo::{
    BoundingRect, Coord, GeodesicArea, Intersects, LineString, Polygon, Relate, Validation,
};

use super::fault::Fault;
use super::simple::is_surely_sound;
use crate::domain::target::{Ring, Vertex};
use crate::domain::units::E7;
use crate::geo::area;
use crate::snapshot::source::rings::{
    ALLOWED_EDGE, ALLOWED_HOLE, ALLOWED_POSITION, BadRing, beside, ring,
};

/// The parts of a polygon or multi-polygon, each an outer ring and its holes.
#[derive(Debug)]
pub(super) struct Outline {
    parts: Vec<Vec<Ring>>,
    /// The field that each part was written in, for faults.
    pointers: Vec<String>,
}

impl Outline {
    /// Reads parts as GeoJSON writes them, each with the pointer to its rings.
    pub(super) fn read(parts: &[(String, &[Vec<[f64; 2]>])]) -> Result<Self, Vec<Fault>> {
        let mut outline = Self { parts: Vec::new(), pointers: Vec::new() };
        let mut faults = Vec::new();
        for (pointer, rings) in parts {
            if rings.is_empty() {
                faults.push(Fault::new(
                    pointer,
                    "there is no ring; allowed: an outer ring, then holes",
                ));
            }
            let mut part: Vec<Ring> = Vec::with_capacity(rings.len());
            for (at, positions) in rings.iter().enumerate() {
                // A hole lies at its outer ring's longitudes, a further part at those of the first.
                let anchor = part.first().or(outline.parts.first().and_then(|first| first.first()));
                let read = ring(positions).and_then(|ring| match anchor {
                    Some(anchor) => beside(anchor, ring),
                    None => Ok(ring),
                });
                match read {
                    Ok(ring) => part.push(ring),
                    Err(bad) => faults.push(bad_ring(format!("{pointer}/{at}"), bad)),
                }
            }
            outline.parts.push(part);
            outline.pointers.push(pointer.clone());
        }
        if faults.is_empty() { Ok(outline) } else { Err(faults) }
    }

    /// All rings, the parts' in order.
    pub(super) fn into_rings(self) -> Vec<Ring> {
        self.parts.into_iter().flatten().collect()
    }

    /// Whether nothing can be inside of any ring.
    pub(super) fn is_flat(&self) -> bool {
        self.parts.iter().flatten().all(|ring| twice_the_area(ring) == 0)
    }

    /// Rings without an area: nothing can be inside of them.
    pub(super) fn flat(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        for (pointer, part) in self.pointers.iter().zip(&self.parts) {
            let flat = part.iter().enumerate().filter(|(_, ring)| twice_the_area(ring) == 0);
            faults.extend(flat.map(|(at, _)| {
                Fault::new(format!("{pointer}/{at}"), "the ring encloses nothing; allowed: 3 or more vertices that are not on one line")
            }));
        }
        faults
    }

    /// What keeps the outline from being simple: rings that cross or touch themselves, spikes, holes outside of their
    /// outer ring, parts that overlap.
    pub(super) fn tangles(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let polygons: Vec<Polygon> = self.parts.iter().map(|part| polygon(part, |at| at)).collect();
        for ((pointer, part), polygon) in self.pointers.iter().zip(&self.parts).zip(&polygons) {
            let rings: Vec<Vec<Vertex>> = part.iter().map(distinct).collect();
            let spikes = rings.iter().enumerate().filter_map(|(at, ring)| {
                let tip = spike(ring)?;
                Some(Fault::new(format!("{pointer}/{at}"), format!("the ring turns back on itself at [{}, {}]; allowed: edges that do not lie on each other", degrees(tip.lon), degrees(tip.lat))))
            });
            let before = faults.len();
            faults.extend(spikes);
            if faults.len() > before {
                continue;
            }
            // The full check takes a time that grows with the square of the vertices.
            if is_surely_sound(&rings) {
                continue;
            }
            if let Err(invalid) = polygon.check_validation() {
                faults.push(Fault::new(pointer, tangle(&invalid)));
            }
        }
        if faults.is_empty() {
            faults.extend(self.clashes(&polygons));
        }
        faults
    }

    /// Parts that overlap, or touch along a line.
    fn clashes(&self, polygons: &[Polygon]) -> Vec<Fault> {
        let boxes: Vec<_> = polygons.iter().map(BoundingRect::bounding_rect).collect();
        let mut faults = Vec::new();
        for (at, part) in polygons.iter().enumerate() {
            for (other, earlier) in polygons.iter().enumerate().take(at) {
                // A relation costs far more than a look at two boxes, and islands rarely meet.
                let near = boxes[at].zip(boxes[other]).is_some_and(|(a, b)| a.intersects(&b));
                if !near {
                    continue;
                }
                faults.extend(clash(part, earlier).map(|what| {
                    let allowed =
                        "allowed: parts that touch in points at most; make one of the two";
                    Fault::new(
                        &self.pointers[at],
                        format!("the part {what} part {other}; {allowed}"),
                    )
                }));
            }
        }
        faults
    }

    /// The geodesic area on the WGS 84 ellipsoid, m²: all parts, less their holes. Of a part whose edges go so far that the
    /// shortest way between their ends is another than the straight one on the map, by which is tested who is inside, the larger
    /// of both areas.
    pub(super) fn area_m2(&self) -> f64 {
        let ring_m2 = |ring: &Ring| {
            // Each ring alone and by its size, since people draw rings in either direction.
            polygon(std::slice::from_ref(ring), degrees_of).geodesic_area_signed().abs()
        };
        let part_m2 = |part: &Vec<Ring>| match part.split_first() {
            Some((outer, holes)) => {
                let on_map_m2 = area::area_m2(std::slice::from_ref(outer));
                // The sphere and the ellipsoid differ by less than a hundredth.
                let is_other = on_map_m2 > 1.01 * ring_m2(outer);
                let outer_m2 = if is_other { on_map_m2 } else { ring_m2(outer) };
                outer_m2 - holes.iter().map(ring_m2).sum::<f64>()
            }
            None => 0.0,
        };
        self.parts.iter().map(part_m2).sum()
    }

    /// A point inside: of the largest part's middle, longitude and latitude in degrees.
    pub(super) fn inner_point(&self) -> Option<[f64; 2]> {
        use ::geo::{Area, InteriorPoint};
        let polygons = self.parts.iter().map(|part| polygon(part, |at| at));
        let largest = polygons.max_by(|a, b| a.unsigned_area().total_cmp(&b.unsigned_area()))?;
        let point = largest.interior_point()?;
        let lon = point.x() / E7;
        Some([lon - 360.0 * ((lon + 180.0) / 360.0).floor(), point.y() / E7])
    }
}

/// What two parts do with each other that they may not.
fn clash(part: &Polygon, earlier: &Polygon) -> Option<&'static str> {
    let relation = part.relate(earlier);
    let inside = relation.get(CoordPos::Inside, CoordPos::Inside);
    let border = relation.get(CoordPos::OnBoundary, CoordPos::OnBoundary);
    if inside == Dimensions::TwoDimensional {
        Some("overlaps")
    } else if border == Dimensions::OneDimensional {
        Some("shares an edge with")
    } else {
        None
    }
}

/// Why a ring cannot be read.
fn bad_ring(pointer: String, bad: BadRing) -> Fault {
    let detail = match bad {
        BadRing::Position([lon, lat]) if lat.abs() > 90.0 && lon.abs() <= 90.0 => format!(
            "a position is [{lon}, {lat}]; allowed: {ALLOWED_POSITION}; are the two swapped?"
        ),
        BadRing::Position([lon, lat]) => {
            format!("a position is [{lon}, {lat}]; allowed: {ALLOWED_POSITION}")
        }
        BadRing::Short(len) => {
            format!("it has {len} vertices; allowed: 3 or more, the closing one not counted")
        }
        BadRing::Edge(from, to) => {
            format!("an edge goes from longitude {from} to {to}; allowed: {ALLOWED_EDGE}")
        }
        BadRing::OverSeam(from, to) => {
            format!("a hole goes from longitude {from} to {to}; allowed: {ALLOWED_HOLE}")
        }
    };
    Fault::new(pointer, detail)
}

/// What the validation found, as a sentence to a person.
fn tangle(invalid: &InvalidPolygon) -> String {
    let allowed = "allowed: rings that neither cross nor touch themselves, holes inside of their outer ring and apart from each other";
    format!("{invalid}; {allowed}")
}

/// The rings of one part as the `geo` crate takes them.
fn polygon(part: &[Ring], place: impl Fn(Coord) -> Coord) -> Polygon {
    let line = |ring: &Ring| {
        let at = |vertex: &Vertex| place(Coord { x: units(vertex.lon), y: units(vertex.lat) });
        let mut line: Vec<Coord> = distinct(ring).iter().map(at).collect();
        line.extend(line.first().copied());
        LineString::new(line)
    };
    let mut lines = part.iter().map(line);
    let outer = lines.next().unwrap_or_else(|| LineString::new(Vec::new()));
    Polygon::new(outer, lines.collect())
}

/// The vertices without those that quantising has put onto the one before.
fn distinct(ring: &Ring) -> Vec<Vertex> {
    let mut vertices = ring.0.clone();
    vertices.dedup();
    while vertices.len() > 1 && vertices.first() == vertices.last() {
        vertices.pop();
    }
    vertices
}

/// The tip of a spike: a vertex whose two edges lie on each other. The validation passes over neighbouring edges.
fn spike(vertices: &[Vertex]) -> Option<Vertex> {
    let len = vertices.len();
    (0..len)
        .map(|at| (vertices[(at + len - 1) % len], vertices[at], vertices[(at + 1) % len]))
        .find_map(|(before, tip, after)| {
            let back = (i128::from(before.lon - tip.lon), i128::from(before.lat - tip.lat));
            let on = (i128::from(after.lon - tip.lon), i128::from(after.lat - tip.lat));
            let straight = back.0 * on.1 == back.1 * on.0;
            (straight && back.0 * on.0 + back.1 * on.1 > 0).then_some(tip)
        })
}

fn twice_the_area(Ring(vertices): &Ring) -> i128 {
    let next = vertices.iter().cycle().skip(1);
    let cross = |(from, to): (&Vertex, &Vertex)| {
        i128::from(from.lon) * i128::from(to.lat) - i128::from(to.lon) * i128::from(from.lat)
    };
    vertices.iter().zip(next).map(cross).sum()
}

fn degrees_of(at: Coord) -> Coord {
    Coord { x: at.x / E7, y: at.y / E7 }
}

fn degrees(e7: i64) -> f64 {
    units(e7) / E7
}

#[expect(clippy::cast_precision_loss, reason = "coordinates are far below 2^53")]
fn units(e7: i64) -> f64 {
    e7 as f64
}
