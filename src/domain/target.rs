//! What a device can be inside of: a geofence, a place's signal range or inside, a region.
//!
//! Targets come from GeoJSON (later the catalog), are indexed by [`snapshot`](crate::snapshot) and tested
//! exactly by [`geo`](crate::geo).

use super::ids::{AccountId, PlaceId, TargetId};
use super::units::PointE7;

/// One position of a ring: latitude and longitude in 1e-7 degrees. Longitude is unwrapped, so that a ring
/// across the antimeridian has no cut; it may leave ±180° (hence i64).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Vertex {
    /// Latitude, 1e-7 degrees.
    pub lat: i64,
    /// Longitude, 1e-7 degrees, unwrapped: |Δlon| ≤ 180° along each edge.
    pub lon: i64,
}

/// A closed ring, its last edge implied: at least 3 vertices and the first is not repeated.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Ring(pub Vec<Vertex>);

/// The shape of a target.
#[derive(Clone, PartialEq, Debug)]
pub enum Shape {
    /// Haversine distance to `center` ≤ `radius_m` on the mean sphere.
    Circle {
        /// The centre.
        center: PointE7,
        /// The radius, m.
        radius_m: f64,
    },
    /// Even-odd over all rings, straight edges in longitude and latitude: outer rings, holes and the parts
    /// of a multi-polygon alike.
    Polygon {
        /// All rings.
        rings: Vec<Ring>,
    },
    /// Every point on earth.
    Everywhere,
}

/// Which of a place's two areas a target is, for place hints.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum PlaceArea {
    /// Within signal range: hints `nearby` and `enter` put a device in.
    Signal = 1,
    /// Inside: only the hint `enter` does.
    Inside = 2,
}

/// What messages may say of a target beside its name. An empty text is unknown.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Labels<T = String> {
    /// Whose store it is, for `${brand}`.
    pub brand: T,
    /// Where it lies, for `${district_state}`, `${district_city}` and `${district_street}`; a district is named as far
    /// down as it goes.
    pub districts: [T; 3],
    /// Whether it is a district or a trade area, whose name is no geofence's.
    pub is_region: bool,
}

impl Labels {
    /// The same, lent.
    #[must_use]
    pub fn lent(&self) -> Labels<&str> {
        let [state, city, street] = &self.districts;
        Labels { brand: &self.brand, districts: [state, city, street], is_region: self.is_region }
    }
}

/// A target as a campaign file or the catalog gives it.
#[derive(Clone, PartialEq, Debug)]
pub struct TargetSpec {
    /// Its stable number within the account.
    pub id: TargetId,
    /// The account that watches it.
    pub account: AccountId,
    /// The owner's own key for it: the feature id of a file.
    pub key: String,
    /// Its name, for messages: `${store}` where it has a place, nothing where it is a region, else `${geofence}`.
    pub name: String,
    /// What else messages may say of it.
    pub labels: Labels,
    /// The store it belongs to, if any, and which of its areas it is.
    pub place: Option<(PlaceId, PlaceArea)>,
    /// Whether it is for those alone who are at home there.
    pub at_home: bool,
    /// Where it is.
    pub shape: Shape,
}
