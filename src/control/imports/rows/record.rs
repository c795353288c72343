//! A row of a table under its header, or a feature of a GeoJSON file with its geometry.

use super::super::columns::Column;
use super::super::header::Header;
use super::super::table::row::Row;
use crate::control::shape::FenceShape;

/// What is read into a draft.
#[derive(Clone, Copy, Debug)]
pub struct Record<'r> {
    /// The columns.
    pub header: &'r Header,
    /// The cells; of a feature, its properties.
    pub row: &'r Row,
    /// The geometry, of a feature.
    pub geometry: Option<&'r Geometry>,
    /// Properties that are no text and no number: their place among the cells, and what they are.
    pub misfits: &'r [(usize, &'static str)],
}

/// The geometry of a feature.
#[derive(Clone, PartialEq, Debug)]
pub enum Geometry {
    /// There is none.
    None,
    /// A point: longitude, latitude.
    Point([f64; 2]),
    /// A polygon or multi-polygon.
    Shape(FenceShape),
    /// What it is instead.
    Bad(String),
}

impl<'r> Record<'r> {
    /// A row of a table.
    #[must_use]
    pub fn of_row(header: &'r Header, row: &'r Row) -> Self {
        Self { header, row, geometry: None, misfits: &[] }
    }

    /// The text of a cell, `None` where there is nothing or no such column.
    #[must_use]
    pub fn text(&self, column: Column) -> Option<&'r str> {
        self.header.place(column).and_then(|place| self.row.cell(place))
    }
}
