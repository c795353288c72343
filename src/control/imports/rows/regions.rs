//! Districts in three levels, and trade areas.

use super::bad_cell::BadCell;
use super::cells::Cells;
use super::record::{Geometry, Record};
use crate::control::documents::region::Level;
use crate::control::imports::columns::Column;
use crate::control::shape::FenceShape;

/// The longest code or name, characters.
pub const TEXT: usize = 100;

/// A region as a row or feature gives it.
#[derive(Clone, PartialEq, Debug)]
pub struct RegionRow {
    /// The row or feature, from 1.
    pub row: u64,
    /// Which kind.
    pub level: Level,
    /// Its code, 1 to 100 characters.
    pub code: String,
    /// Its name, 1 to 100 characters.
    pub name: String,
    /// The code of the region around it, of cities and streets where it is known.
    pub parent_code: Option<String>,
    /// Where it is; sound rings, even-odd.
    pub shape: FenceShape,
}

/// Reads a row or feature.
///
/// # Errors
/// Every wrong cell.
pub fn region(record: Record<'_>) -> Result<RegionRow, Vec<BadCell>> {
    let mut cells = Cells::new(record);
    let level = level(&mut cells);
    let code = cells.needed_text(Column::Code, TEXT);
    let name = cells.needed_text(Column::Name, TEXT);
    let parent_code = parent(&mut cells, level);
    let shape = shape(&mut cells);
    let row = level.zip(code).zip(name).zip(shape).map(|(((level, code), name), shape)| {
        RegionRow { row: record.row.number, level, code, name, parent_code, shape }
    });
    cells.finish(row)
}

fn level(cells: &mut Cells<'_>) -> Option<Level> {
    let text = cells.record.text(Column::Level).unwrap_or_default().to_lowercase();
    match text.as_str() {
        "state" | "시도" | "시/도" => Some(Level::State),
        "city" | "시군구" | "시/군/구" => Some(Level::City),
        "street" | "읍면동" | "읍/면/동" => Some(Level::Street),
        "trade_area" | "trade area" | "상권" => Some(Level::TradeArea),
        _ => {
            cells.refuse(Column::Level, "it is no level; allowed: state (시도), city (시군구), street (읍면동) or trade_area (상권)");
            None
        }
    }
}

fn parent(cells: &mut Cells<'_>, level: Option<Level>) -> Option<String> {
    let parent = cells.text(Column::ParentCode, TEXT);
    if level == Some(Level::State) && parent.is_some() {
        let reason = "it is given; allowed: nothing, since no region is around a state";
        cells.refuse(Column::ParentCode, reason);
    }
    parent
}

fn shape(cells: &mut Cells<'_>) -> Option<FenceShape> {
    let allowed = "it is missing; needed: a polygon or multi-polygon";
    if let Some(Geometry::Point(_)) = cells.record.geometry {
        cells.refuse_value(Column::Polygon, "a Point", allowed);
        return None;
    }
    let Some(shape) = cells.polygon(Column::Polygon)? else {
        cells.refuse(Column::Polygon, allowed);
        return None;
    };
    cells.faults(shape.check_region(), Column::Polygon, Column::Polygon);
    Some(shape)
}
