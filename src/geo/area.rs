//! Areas on the mean sphere, from which a polygon's size follows.

use super::polygon::{Edge, edges};
use crate::domain::target::{Ring, Shape};
use crate::domain::units::{E7, EARTH_RADIUS_M};

/// How large a shape is as a radius, m: a circle's own, √(area/π) of a polygon, infinite for everywhere.
#[must_use]
pub fn size_m(shape: &Shape) -> f64 {
    match shape {
        Shape::Circle { radius_m, .. } => *radius_m,
        Shape::Polygon { rings } => libm::sqrt(area_m2(rings) / std::f64::consts::PI),
        Shape::Everywhere => f64::INFINITY,
    }
}

/// The area inside an odd number of rings: holes count against their outer ring, parts of a multi-polygon add
/// up. Rings are taken not to cross each other; they may touch.
#[must_use]
pub fn area_m2(rings: &[Ring]) -> f64 {
    let mut plots: Vec<Plot<'_>> = rings.iter().filter_map(Plot::of).collect();
    if let [only] = plots.as_slice() {
        return only.area_m2;
    }
    // Of two rings that share an inner point the larger surrounds the other; of equal ones the earlier does.
    plots.sort_by(|a, b| b.area_m2.total_cmp(&a.area_m2));
    let bands = Bands::of(&plots);
    let signed = plots.iter().enumerate().map(|(nth, plot)| {
        let larger = bands.at(plot.inside.0).take_while(|other| *other < nth);
        let around = larger.filter(|other| plots[*other].holds(plot.inside)).count();
        if around % 2 == 1 { -plot.area_m2 } else { plot.area_m2 }
    });
    signed.sum::<f64>().max(0.0)
}

/// A ring with its area and a point strictly inside it, so that it does not matter where rings touch.
struct Plot<'r> {
    ring: &'r Ring,
    area_m2: f64,
    /// (latitude, longitude) in coordinate units; on a row between two units, where no vertex lies.
    inside: (f64, f64),
    /// The least and the greatest latitude.
    rows: (i64, i64),
}

impl<'r> Plot<'r> {
    /// `None` for a ring without an inside.
    fn of(ring: &'r Ring) -> Option<Self> {
        let lats = || ring.0.iter().map(|vertex| vertex.lat);
        let rows = (lats().min()?, lats().max()?);
        if rows.0 == rows.1 {
            return None;
        }
        let lat = units(rows.0 + (rows.1 - rows.0 - 1) / 2) + 0.5;
        let mut crossings: Vec<f64> = edges(ring).filter_map(|edge| crossing(edge, lat)).collect();
        crossings.sort_unstable_by(f64::total_cmp);
        let width = |pair: &&[f64]| pair[1] - pair[0];
        let pairs = crossings.chunks_exact(2);
        let widest = pairs.max_by(|a, b| width(a).total_cmp(&width(b)))?;
        let inside = (lat, f64::midpoint(widest[0], widest[1]));
        Some(Self { ring, area_m2: ring_area_m2(ring), inside, rows })
    }

    fn holds(&self, (lat, lon): (f64, f64)) -> bool {
        if lat < units(self.rows.0) || lat > units(self.rows.1) {
            return false;
        }
        let east = edges(self.ring).filter_map(|edge| crossing(edge, lat)).filter(|at| *at > lon);
        east.count() % 2 == 1
    }
}

/// The longitude at which an edge crosses a row between two units.
fn crossing((a, b): Edge, lat: f64) -> Option<f64> {
    let ((lat_a, lat_b), (lon_a, lon_b)) =
        ((units(a.lat), units(b.lat)), (units(a.lon), units(b.lon)));
    let spans = (lat_a < lat) != (lat_b < lat);
    spans.then(|| lon_a + (lat - lat_a) / (lat_b - lat_a) * (lon_b - lon_a))
}

/// Plots by bands of latitude, so that thousands of islands are not all compared with each other.
struct Bands {
    south: f64,
    height: f64,
    /// The plots that reach into each band, ascending.
    plots: Vec<Vec<usize>>,
}

impl Bands {
    fn of(plots: &[Plot<'_>]) -> Self {
        let south = plots.iter().map(|plot| plot.rows.0).min().unwrap_or(0);
        let north = plots.iter().map(|plot| plot.rows.1).max().unwrap_or(0);
        let count = plots.len().isqrt() + 1;
        #[expect(clippy::cast_precision_loss, reason = "a count of bands")]
        let height = units(north - south).max(1.0) / count as f64;
        let mut bands = Self { south: units(south), height, plots: vec![Vec::new(); count] };
        for (nth, plot) in plots.iter().enumerate() {
            let (first, last) = (bands.band(units(plot.rows.0)), bands.band(units(plot.rows.1)));
            bands.plots[first..=last].iter_mut().for_each(|band| band.push(nth));
        }
        bands
    }

    fn at(&self, lat: f64) -> impl Iterator<Item = usize> + '_ {
        self.plots[self.band(lat)].iter().copied()
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a latitude of one of the plots is at or north of the south of all"
    )]
    fn band(&self, lat: f64) -> usize {
        (((lat - self.south) / self.height) as usize).min(self.plots.len() - 1)
    }
}

/// The area that one ring encloses: R² · |∮ sin φ dλ|, each edge integrated in closed form. Along an edge
/// straight in longitude and latitude the mean of sin φ is (cos φ₁ − cos φ₂) / (φ₂ − φ₁).
fn ring_area_m2(ring: &Ring) -> f64 {
    let sum: f64 = edges(ring)
        .map(|(a, b)| {
            let (lat_a, lat_b) = (radians(a.lat), radians(b.lat));
            let half = (lat_b - lat_a) / 2.0;
            let sinc = if half.abs() > 1e-9 { libm::sin(half) / half } else { 1.0 };
            radians(b.lon - a.lon) * libm::sin(f64::midpoint(lat_a, lat_b)) * sinc
        })
        .sum();
    sum.abs() * EARTH_RADIUS_M * EARTH_RADIUS_M
}

fn radians(e7: i64) -> f64 {
    (units(e7) / E7).to_radians()
}

#[expect(clippy::cast_precision_loss, reason = "coordinates are far below 2^53")]
fn units(e7: i64) -> f64 {
    e7 as f64
}
