//! The shape of a geofence or region as the catalog keeps it and as requests and files write it.
//!
//! The catalog's limits are checked here and bind nothing else: `snapshot build` and `replay` take larger fences, and
//! [regions](FenceShape::check_region) are as large as countries are.

use super::fault::Fault;
use super::outline::Outline;
use crate::domain::target::Shape;
use crate::domain::units::PointE7;

/// The smallest circle, m: below this, fixes of phones cannot tell inside from outside.
pub const MIN_RADIUS_M: u32 = 50;

/// The largest circle, m: a metropolitan area; larger targets are regions.
pub const MAX_RADIUS_M: u32 = 100_000;

/// The largest polygon, km², geodesic: all parts, less their holes.
pub const MAX_AREA_KM2: u32 = 1_000;

/// The fewest vertices of a ring, the closing one not counted.
pub const MIN_VERTICES: usize = 3;

/// The most vertices of a polygon, all rings together and the closing ones not counted: what a person or a drawing
/// tool makes, and a bound on what a check of simplicity costs.
pub const MAX_VERTICES: usize = 2_000;

/// So many vertices of one region are read. Detailed coasts of a province have some hundred thousand.
pub const MAX_REGION_VERTICES: usize = 1_000_000;

/// A circle, polygon or multi-polygon. Positions are `[longitude, latitude]` in degrees, as in GeoJSON.
#[derive(Clone, PartialEq, Debug, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum FenceShape {
    /// All points within a distance.
    Circle {
        /// Latitude of the centre, degrees, -90 to 90.
        lat: f64,
        /// Longitude of the centre, degrees, -180 to 180.
        lon: f64,
        /// The radius, whole metres.
        radius_m: u32,
    },
    /// An outer ring, then its holes.
    Polygon {
        /// Rings of positions; the closing position may be there or not.
        coordinates: Vec<Vec<[f64; 2]>>,
    },
    /// Several polygons that are one fence.
    MultiPolygon {
        /// The polygons.
        coordinates: Vec<Vec<Vec<[f64; 2]>>>,
    },
}

impl FenceShape {
    /// Holds a geofence against the catalog's limits.
    ///
    /// Pointers are relative to the shape: `/radius_m`, `/coordinates/0`. An empty list means that it is sound.
    #[must_use]
    pub fn check(&self) -> Vec<Fault> {
        if let Self::Circle { lat, lon, radius_m } = *self {
            let mut faults = check_point(lat, lon);
            if !(MIN_RADIUS_M..=MAX_RADIUS_M).contains(&radius_m) {
                let detail =
                    format!("radius_m is {radius_m}; allowed: {MIN_RADIUS_M} to {MAX_RADIUS_M} m");
                faults.push(Fault::new("/radius_m", detail));
            }
            return faults;
        }
        if let Some(fault) = self.too_many_positions(MAX_VERTICES) {
            return vec![fault];
        }
        let outline = match self.outline() {
            Ok(outline) => outline,
            Err(faults) => return faults,
        };
        let mut faults = outline.flat();
        if faults.is_empty() {
            faults = outline.tangles();
        }
        if faults.is_empty() {
            let area_km2 = outline.area_m2() / 1e6;
            if area_km2 > f64::from(MAX_AREA_KM2) {
                let detail = format!(
                    "the area is {area_km2:.1} km²; allowed: at most {MAX_AREA_KM2} km², all parts less their holes"
                );
                faults.push(Fault::new("/coordinates", detail));
            }
        }
        faults
    }

    /// Holds a region against what any region must be: a polygon that encloses something. Real districts touch
    /// themselves here and there, have slivers of no width, and some are as large as a country; a region is even-odd over
    /// its rings, so that does no harm.
    #[must_use]
    pub fn check_region(&self) -> Vec<Fault> {
        if let Self::Circle { .. } = self {
            return vec![Fault::new("/type", "type is circle; allowed: polygon or multi_polygon")];
        }
        if let Some(fault) = self.too_many_positions(MAX_REGION_VERTICES) {
            return vec![fault];
        }
        match self.outline() {
            Ok(outline) if outline.is_flat() => outline.flat(),
            Ok(_) => Vec::new(),
            Err(faults) => faults,
        }
    }

    /// The shape as the engine's snapshot takes it: quantised to 1e-7 degrees, rings unwrapped.
    ///
    /// # Errors
    /// What keeps it from being one. A shape that was checked gives none.
    pub fn to_shape(&self) -> Result<Shape, Vec<Fault>> {
        match *self {
            Self::Circle { lat, lon, radius_m } => match PointE7::from_degrees(lat, lon) {
                Some(center) => Ok(Shape::Circle { center, radius_m: f64::from(radius_m) }),
                None => Err(check_point(lat, lon)),
            },
            Self::Polygon { .. } | Self::MultiPolygon { .. } => {
                self.outline().map(|outline| Shape::Polygon { rings: outline.into_rings() })
            }
        }
    }

    /// A point inside, `[longitude, latitude]`: the centre of a circle; `None` where rings are not sound.
    #[must_use]
    pub fn inner_point(&self) -> Option<[f64; 2]> {
        match *self {
            Self::Circle { lat, lon, .. } => Some([lon, lat]),
            Self::Polygon { .. } | Self::MultiPolygon { .. } => self.outline().ok()?.inner_point(),
        }
    }

    /// How many positions it is written with.
    #[must_use]
    pub fn vertices(&self) -> usize {
        self.parts().iter().flat_map(|(_, rings)| rings.iter()).map(Vec::len).sum()
    }

    /// Counted before anything is done with them, since what comes next may take the square of it.
    fn too_many_positions(&self, most: usize) -> Option<Fault> {
        let parts = self.parts();
        let rings = || parts.iter().flat_map(|(_, rings)| rings.iter());
        let closing = rings().filter(|ring| ring.len() > 1 && ring.first() == ring.last()).count();
        let vertices = rings().map(Vec::len).sum::<usize>() - closing;
        (vertices > most).then(|| {
            let detail =
                format!("there are {vertices} vertices; allowed: {MIN_VERTICES} to {most}, closing ones not counted");
            Fault::new("/coordinates", detail)
        })
    }

    fn outline(&self) -> Result<Outline, Vec<Fault>> {
        let parts = self.parts();
        if parts.is_empty() {
            let detail = "there is no polygon; allowed: at least one";
            return Err(vec![Fault::new("/coordinates", detail)]);
        }
        Outline::read(&parts)
    }

    /// The polygons, each with its pointer.
    fn parts(&self) -> Vec<(String, &[Vec<[f64; 2]>])> {
        match self {
            Self::Circle { .. } => Vec::new(),
            Self::Polygon { coordinates } => {
                vec![("/coordinates".to_owned(), coordinates.as_slice())]
            }
            Self::MultiPolygon { coordinates } => {
                let pointer = |at: usize| format!("/coordinates/{at}");
                let parts = coordinates.iter().enumerate();
                parts.map(|(at, rings)| (pointer(at), rings.as_slice())).collect()
            }
        }
    }
}

/// Holds a point against the ranges of latitude and longitude.
#[must_use]
pub fn check_point(lat: f64, lon: f64) -> Vec<Fault> {
    let mut faults = Vec::new();
    let lat_fits = lat.abs() <= 90.0;
    if !lat_fits {
        let hint = if lat.abs() <= 180.0 && lon.abs() <= 90.0 {
            "; are latitude and longitude swapped?"
        } else {
            ""
        };
        faults.push(Fault::new("/lat", format!("lat is {lat}; allowed: -90 to 90 degrees{hint}")));
    }
    // Written so that NaN fails too.
    let lon_fits = lon.abs() <= 180.0;
    if !lon_fits {
        faults.push(Fault::new("/lon", format!("lon is {lon}; allowed: -180 to 180 degrees")));
    }
    faults
}
