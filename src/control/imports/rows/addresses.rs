//! Addresses and where they are.

use super::bad_cell::BadCell;
use super::cells::Cells;
use super::fences::ADDRESS;
use super::record::Record;
use crate::control::documents::address::plain;
use crate::control::imports::columns::Column;
use crate::control::shape::check_point;

/// An address as a row gives it.
#[derive(Clone, PartialEq, Debug)]
pub struct AddressRow {
    /// The row, from 1.
    pub row: u64,
    /// By road, by lot, or both: one or two.
    pub addresses: Vec<String>,
    /// Latitude, degrees.
    pub lat: f64,
    /// Longitude, degrees.
    pub lon: f64,
}

/// Reads a row.
///
/// # Errors
/// Every wrong cell.
pub fn address(record: Record<'_>) -> Result<AddressRow, Vec<BadCell>> {
    let mut cells = Cells::new(record);
    let mut addresses = Vec::with_capacity(2);
    for column in [Column::RoadAddress, Column::LotAddress] {
        let Some(address) = cells.text(column, ADDRESS) else { continue };
        if plain(&address).is_empty() {
            cells.refuse(column, "it has nothing but what stands in brackets; needed: the address");
        }
        addresses.push(address);
    }
    if addresses.is_empty() && cells.is_sound() {
        cells.refuse(
            Column::RoadAddress,
            "the row has no address; needed: by road, by lot, or both",
        );
    }
    let point = cells.point();
    if point == Some(None) {
        cells.refuse(Column::Latitude, "it is missing; needed: latitude and longitude");
    }
    let [lon, lat] = point.flatten().unwrap_or_default();
    cells.faults(check_point(lat, lon), Column::Latitude, Column::Latitude);
    cells.finish(Some(AddressRow { row: record.row.number, addresses, lat, lon }))
}
