//! Single cells of a record, and what is wrong with them.

use std::ops::RangeInclusive;

use unicode_segmentation::UnicodeSegmentation;

use super::bad_cell::{BadCell, shown};
use super::record::{Geometry, Record};
use crate::control::fault::Fault;
use crate::control::imports::columns::Column;
use crate::control::imports::geometry;
use crate::control::imports::table::ERRORS;
use crate::control::shape::FenceShape;

/// Reads the cells of one record, gathering what is wrong.
pub(super) struct Cells<'r> {
    pub(super) record: Record<'r>,
    bad: Vec<BadCell>,
}

/// What a person takes for one character may be many bytes, but not this many.
const CHARACTER_BYTES: usize = 32;

impl<'r> Cells<'r> {
    /// Cells under no column are wrong at once: something was shifted.
    pub(super) fn new(record: Record<'r>) -> Self {
        let mut cells = Self { record, bad: Vec::new() };
        for (place, text) in record.row.cells.iter().enumerate() {
            if !text.trim().is_empty() && !record.header.knows(place) {
                cells.bad.push(BadCell {
                    row: record.row.number,
                    column: format!("#{}", place + 1),
                    value: shown(text),
                    reason: "no column of the header is above it; is a comma inside of a cell without quotation marks?".to_owned(),
                });
            }
        }
        for (place, what) in record.misfits {
            let Some(name) = record.header.kind().columns().get(*place) else { continue };
            cells.refuse_value(name.column, what, "it is neither a text nor a number");
        }
        cells
    }

    /// The draft, unless something was wrong.
    pub(super) fn finish<T>(self, draft: Option<T>) -> Result<T, Vec<BadCell>> {
        match draft {
            Some(draft) if self.bad.is_empty() => Ok(draft),
            _ => Err(self.bad),
        }
    }

    pub(super) fn is_sound(&self) -> bool {
        self.bad.is_empty()
    }

    /// A column's value is wrong.
    pub(super) fn refuse(&mut self, column: Column, reason: impl Into<String>) {
        let value = self.record.text(column).map(shown).unwrap_or_default();
        self.refuse_value(column, &value, reason);
    }

    pub(super) fn refuse_value(&mut self, column: Column, value: &str, reason: impl Into<String>) {
        self.bad.push(BadCell {
            row: self.record.row.number,
            column: self.record.header.label(column).to_owned(),
            value: value.to_owned(),
            reason: reason.into(),
        });
    }

    /// A text of at most so many characters, on one line.
    pub(super) fn text(&mut self, column: Column, most: usize) -> Option<String> {
        let text = self.record.text(column)?;
        if ERRORS.contains(&text) {
            self.refuse(column, "it is the error of a formula; write what it should be");
            return None;
        }
        // Line breaks and doubled blanks come from typing, and would go on to messages.
        let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if line.chars().any(char::is_control) {
            self.refuse(column, "it has a control character; allowed: text");
            return None;
        }
        let length = if line.len() > most * CHARACTER_BYTES {
            usize::MAX
        } else {
            line.graphemes(true).count()
        };
        if length > most {
            let has = if length == usize::MAX { "more".to_owned() } else { length.to_string() };
            self.refuse(column, format!("it has {has} characters; allowed: at most {most}"));
            return None;
        }
        Some(line)
    }

    /// A text that has to be there.
    pub(super) fn needed_text(&mut self, column: Column, most: usize) -> Option<String> {
        if self.record.text(column).is_none() {
            self.refuse(column, format!("it is missing; needed: a text of 1 to {most} characters"));
            return None;
        }
        self.text(column, most)
    }

    /// Degrees. Ranges are the shape's to check.
    pub(super) fn degrees(&mut self, column: Column) -> Option<f64> {
        let text = self.record.text(column)?;
        let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
        if number.is_none() {
            self.refuse(column, "it is no number; allowed: degrees such as 37.5662952");
        }
        number
    }

    /// Whole metres.
    pub(super) fn metres(&mut self, column: Column, range: &RangeInclusive<u32>) -> Option<u32> {
        let text = self.record.text(column)?;
        let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
        let whole = number
            .filter(|number| number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(number));
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a whole number within the range of u32"
        )]
        let metres = whole.map(|number| number as u32).filter(|metres| range.contains(metres));
        if metres.is_none() {
            let (least, most) = (range.start(), range.end());
            self.refuse(
                column,
                format!("it is {}; allowed: {least} to {most} m, whole metres", shown(text)),
            );
        }
        metres
    }

    /// A point out of the geometry or of the two columns. The outer `None`: something is wrong; the inner: there is none.
    pub(super) fn point(&mut self) -> Option<Option<[f64; 2]>> {
        if let Some(Geometry::Point(point)) = self.record.geometry {
            return Some(Some(*point));
        }
        let given = |column| self.record.text(column).is_some();
        match (given(Column::Latitude), given(Column::Longitude)) {
            (false, false) => Some(None),
            (true, true) => {
                let (lat, lon) = (self.degrees(Column::Latitude), self.degrees(Column::Longitude));
                Some(Some([lon?, lat?]))
            }
            (true, false) => {
                self.refuse(
                    Column::Longitude,
                    "it is missing, and latitude is given; needed: both or neither",
                );
                None
            }
            (false, true) => {
                self.refuse(
                    Column::Latitude,
                    "it is missing, and longitude is given; needed: both or neither",
                );
                None
            }
        }
    }

    /// A polygon out of the geometry or of a column. The two `None` as for [`point`](Self::point).
    pub(super) fn polygon(&mut self, column: Column) -> Option<Option<FenceShape>> {
        match self.record.geometry {
            Some(Geometry::Shape(shape)) => return Some(Some(shape.clone())),
            Some(Geometry::Bad(what)) => {
                self.refuse_value(
                    column,
                    what,
                    "the geometry is not allowed; allowed: Point, Polygon or MultiPolygon",
                );
                return None;
            }
            Some(Geometry::None | Geometry::Point(_)) | None => {}
        }
        let Some(text) = self.record.text(column) else { return Some(None) };
        match geometry::read(text) {
            Ok(shape) => Some(Some(shape)),
            Err(reason) => {
                self.refuse(column, reason);
                None
            }
        }
    }

    /// Faults of a shape, each at the column that it came from. A shape has hundreds when it is drawn the wrong way; a
    /// few say it.
    pub(super) fn faults(&mut self, faults: Vec<Fault>, outline: Column, radius: Column) {
        for fault in faults.into_iter().take(FAULTS) {
            let column = match fault.pointer.as_str() {
                "/lat" => Column::Latitude,
                "/lon" => Column::Longitude,
                "/radius_m" => radius,
                _ => outline,
            };
            self.refuse(column, fault.detail);
        }
    }

    /// The address to look up for a row that says where it is by nothing else.
    pub(super) fn address(&self) -> Option<String> {
        let address =
            self.record.text(Column::RoadAddress).or(self.record.text(Column::LotAddress))?;
        Some(address.split_whitespace().collect::<Vec<_>>().join(" "))
    }
}

const FAULTS: usize = 5;
