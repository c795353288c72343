//! The geofences of a group.

use super::bad_cell::BadCell;
use super::cells::Cells;
use super::record::{Geometry, Record};
use crate::control::imports::columns::Column;
use crate::control::shape::{FenceShape, MAX_RADIUS_M, MIN_RADIUS_M};

/// The longest name of a geofence, characters.
pub const NAME: usize = 30;

/// The longest description.
pub const DESCRIPTION: usize = 100;

/// The longest client code.
pub const CLIENT_CODE: usize = 100;

/// The longest address.
pub const ADDRESS: usize = 200;

/// The longest postcode: no country's has more.
pub const POSTCODE: usize = 16;

/// The longest telephone number, with what people write beside it.
pub const PHONE: usize = 40;

/// A geofence as a row gives it.
#[derive(Clone, PartialEq, Debug)]
pub struct FenceRow {
    /// The row, from 1.
    pub row: u64,
    /// Where it is.
    pub site: FenceSite,
    /// 1 to 30 characters.
    pub name: String,
    /// Up to 100 characters.
    pub description: Option<String>,
    /// Up to 100 characters.
    pub client_code: Option<String>,
    /// The address by lot.
    pub lot_address: Option<String>,
    /// The address by road.
    pub road_address: Option<String>,
    /// The postcode.
    pub postcode: Option<String>,
    /// The telephone number.
    pub phone: Option<String>,
}

/// Where a geofence is.
#[derive(Clone, PartialEq, Debug)]
pub enum FenceSite {
    /// Here; the shape is within the catalog's limits.
    Drawn(FenceShape),
    /// A circle around an address that somebody has to look up.
    NeedsGeocoding {
        /// The address: by road where there is one.
        address: String,
        /// The radius, m.
        radius_m: u32,
    },
}

/// Reads a row.
///
/// Where the column type is empty, a row with a polygon is one.
///
/// # Errors
/// Every wrong cell.
pub fn fence(record: Record<'_>) -> Result<FenceRow, Vec<BadCell>> {
    let mut cells = Cells::new(record);
    let site = site(&mut cells);
    let name = cells.needed_text(Column::Name, NAME);
    let row = FenceRow {
        row: record.row.number,
        site: site.unwrap_or(NOWHERE),
        name: name.unwrap_or_default(),
        description: cells.text(Column::Description, DESCRIPTION),
        client_code: cells.text(Column::ClientCode, CLIENT_CODE),
        lot_address: cells.text(Column::LotAddress, ADDRESS),
        road_address: cells.text(Column::RoadAddress, ADDRESS),
        postcode: cells.text(Column::Postcode, POSTCODE),
        phone: cells.text(Column::Phone, PHONE),
    };
    cells.finish(Some(row))
}

/// Stands for a site that did not read, so that the other cells are held against the rules too. No row has it.
const NOWHERE: FenceSite = FenceSite::NeedsGeocoding { address: String::new(), radius_m: 0 };

/// `None` where something is wrong, which the cells then know.
fn site(cells: &mut Cells<'_>) -> Option<FenceSite> {
    let is_circle = match cells.record.geometry {
        Some(Geometry::Point(_)) => true,
        Some(Geometry::Shape(_) | Geometry::Bad(_)) => false,
        Some(Geometry::None) | None => is_circle(cells)?,
    };
    if is_circle { circle(cells) } else { polygon(cells) }
}

fn is_circle(cells: &mut Cells<'_>) -> Option<bool> {
    let Some(text) = cells.record.text(Column::Type) else {
        return Some(cells.record.text(Column::Polygon).is_none());
    };
    match text.to_lowercase().as_str() {
        "1" | "circle" | "원형" | "원" => Some(true),
        "0" | "polygon" | "다각형" | "폴리곤" => Some(false),
        _ => {
            cells.refuse(
                Column::Type,
                "it is no type; allowed: 1 or circle (원형), 0 or polygon (다각형)",
            );
            None
        }
    }
}

fn circle(cells: &mut Cells<'_>) -> Option<FenceSite> {
    let radius_m = radius_m(cells);
    let point = cells.point()?;
    let Some([lon, lat]) = point else {
        let Some(address) = cells.address() else {
            cells.refuse(
                Column::Latitude,
                "it is missing; needed: latitude and longitude, or an address",
            );
            return None;
        };
        return Some(FenceSite::NeedsGeocoding { address, radius_m: radius_m? });
    };
    // The least radius stands in for one that is wrong and told already.
    let shape = FenceShape::Circle { lat, lon, radius_m: radius_m.unwrap_or(MIN_RADIUS_M) };
    cells.faults(shape.check(), Column::Polygon, Column::RadiusM);
    Some(FenceSite::Drawn(shape))
}

fn radius_m(cells: &mut Cells<'_>) -> Option<u32> {
    let range = MIN_RADIUS_M..=MAX_RADIUS_M;
    if cells.record.text(Column::RadiusM).is_none() {
        let reason =
            format!("it is missing; needed for a circle: {MIN_RADIUS_M} to {MAX_RADIUS_M} m");
        cells.refuse(Column::RadiusM, reason);
        return None;
    }
    cells.metres(Column::RadiusM, &range)
}

fn polygon(cells: &mut Cells<'_>) -> Option<FenceSite> {
    let Some(shape) = cells.polygon(Column::Polygon)? else {
        cells.refuse(Column::Polygon, "it is missing; needed where the type is polygon");
        return None;
    };
    cells.faults(shape.check(), Column::Polygon, Column::RadiusM);
    Some(FenceSite::Drawn(shape))
}
