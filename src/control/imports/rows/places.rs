//! Stores.

use super::bad_cell::BadCell;
use super::cells::Cells;
use super::fences::{ADDRESS, PHONE};
use super::record::{Geometry, Record};
use crate::control::documents::place::{CATEGORY_DEPTH, MAX_SIGNAL_RADIUS_M};
use crate::control::imports::columns::Column;
use crate::control::shape::{FenceShape, check_point};

/// The longest key, name, brand or category, characters.
pub const TEXT: usize = 100;

/// How far a store's signals reach where a row does not say, m.
pub const DEFAULT_SIGNAL_RADIUS_M: u32 = 100;

/// A store as a row gives it.
#[derive(Clone, PartialEq, Debug)]
pub struct PlaceRow {
    /// The row, from 1.
    pub row: u64,
    /// The store's own code, 1 to 100 characters.
    pub key: String,
    /// Its name, 1 to 100 characters.
    pub name: String,
    /// Its brand.
    pub brand: Option<String>,
    /// Its category, from the root of the tree: up to 4 names.
    pub category: Vec<String>,
    /// Where it is.
    pub site: PlaceSite,
    /// How far its signals reach, m.
    pub signal_radius_m: u32,
    /// Its floor plan, within the limits of a geofence.
    pub footprint: Option<FenceShape>,
    /// The address by lot.
    pub lot_address: Option<String>,
    /// The address by road.
    pub road_address: Option<String>,
    /// The telephone number.
    pub phone: Option<String>,
}

/// Where a store is.
#[derive(Clone, PartialEq, Debug)]
pub enum PlaceSite {
    /// Here. Of a store that has but a footprint, a point inside.
    At {
        /// Latitude, degrees.
        lat: f64,
        /// Longitude, degrees.
        lon: f64,
    },
    /// At an address that somebody has to look up.
    NeedsGeocoding {
        /// The address: by road where there is one.
        address: String,
    },
}

/// Reads a row.
///
/// # Errors
/// Every wrong cell.
pub fn place(record: Record<'_>) -> Result<PlaceRow, Vec<BadCell>> {
    let mut cells = Cells::new(record);
    let key = cells.needed_text(Column::Key, TEXT);
    let name = cells.needed_text(Column::Name, TEXT);
    let footprint = footprint(&mut cells);
    let site = site(&mut cells, footprint.as_ref());
    let row = PlaceRow {
        row: record.row.number,
        key: key.unwrap_or_default(),
        name: name.unwrap_or_default(),
        brand: cells.text(Column::Brand, TEXT),
        category: category(&mut cells),
        site: site.unwrap_or(PlaceSite::NeedsGeocoding { address: String::new() }),
        signal_radius_m: signal_radius_m(&mut cells),
        footprint,
        lot_address: cells.text(Column::LotAddress, ADDRESS),
        road_address: cells.text(Column::RoadAddress, ADDRESS),
        phone: cells.text(Column::Phone, PHONE),
    };
    cells.finish(Some(row))
}

fn footprint(cells: &mut Cells<'_>) -> Option<FenceShape> {
    let shape = cells.polygon(Column::Footprint)??;
    cells.faults(shape.check(), Column::Footprint, Column::Footprint);
    Some(shape)
}

/// `None` where something is wrong, which the cells then know.
fn site(cells: &mut Cells<'_>, footprint: Option<&FenceShape>) -> Option<PlaceSite> {
    if let Some([lon, lat]) = cells.point()? {
        cells.faults(check_point(lat, lon), Column::Footprint, Column::SignalRadiusM);
        return Some(PlaceSite::At { lat, lon });
    }
    let is_given = cells.record.text(Column::Footprint).is_some()
        || matches!(cells.record.geometry, Some(Geometry::Shape(_) | Geometry::Bad(_)));
    if is_given {
        // A footprint that is wrong is told already.
        let sound = footprint.filter(|_| cells.is_sound());
        return sound
            .and_then(FenceShape::inner_point)
            .map(|[lon, lat]| PlaceSite::At { lat, lon });
    }
    match cells.address() {
        Some(address) => Some(PlaceSite::NeedsGeocoding { address }),
        None => {
            cells.refuse(
                Column::Latitude,
                "it is missing; needed: latitude and longitude, a footprint, or an address",
            );
            None
        }
    }
}

fn category(cells: &mut Cells<'_>) -> Vec<String> {
    let most = CATEGORY_DEPTH * (TEXT + 3);
    let Some(path) = cells.text(Column::Category, most) else { return Vec::new() };
    let names: Vec<String> = path.split('>').map(|name| name.trim().to_owned()).collect();
    if names.len() > CATEGORY_DEPTH {
        let reason = format!(
            "it is {} deep; allowed: 1 to {CATEGORY_DEPTH} names with > between them",
            names.len()
        );
        cells.refuse(Column::Category, reason);
    }
    if names.iter().any(|name| name.is_empty() || name.chars().count() > TEXT) {
        let reason = format!(
            "a name of the path has no or too many characters; allowed: 1 to {TEXT} each, as in A>B>C>D"
        );
        cells.refuse(Column::Category, reason);
    }
    names
}

fn signal_radius_m(cells: &mut Cells<'_>) -> u32 {
    let radius_m = cells.metres(Column::SignalRadiusM, &(1..=MAX_SIGNAL_RADIUS_M));
    radius_m.unwrap_or(DEFAULT_SIGNAL_RADIUS_M)
}
