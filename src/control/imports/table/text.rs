//! Cells of a workbook as the text that a person sees, or nearly.

use std::fmt::Write as _;

use calamine::{CellErrorType, Data, DataRef};

/// Puts a cell's text into `into`, which is emptied first.
///
/// Whole numbers have no `.0`: a store's code 1042 is the text `1042`. Dates and durations stay the numbers that they
/// are stored as; no column of ours is one.
pub(super) fn of_ref(cell: &DataRef<'_>, into: &mut String) {
    into.clear();
    match cell {
        DataRef::Empty => {}
        DataRef::String(text) => into.push_str(text),
        DataRef::SharedString(text) => into.push_str(text),
        DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => into.push_str(text),
        DataRef::Int(number) => put(into, number),
        DataRef::Float(number) => put_number(into, *number),
        DataRef::DateTime(instant) => put_number(into, instant.as_f64()),
        DataRef::Bool(value) => into.push_str(if *value { "TRUE" } else { "FALSE" }),
        DataRef::Error(error) => into.push_str(error_text(error)),
    }
}

/// The same for a cell of an old workbook.
pub(super) fn of(cell: &Data, into: &mut String) {
    into.clear();
    match cell {
        Data::Empty => {}
        Data::String(text) | Data::DateTimeIso(text) | Data::DurationIso(text) => {
            into.push_str(text)
        }
        Data::Int(number) => put(into, number),
        Data::Float(number) => put_number(into, *number),
        Data::DateTime(instant) => put_number(into, instant.as_f64()),
        Data::Bool(value) => into.push_str(if *value { "TRUE" } else { "FALSE" }),
        Data::Error(error) => into.push_str(error_text(error)),
    }
}

/// The shortest text that reads as the same number.
fn put_number(into: &mut String, number: f64) {
    put(into, number);
}

fn put(into: &mut String, value: impl std::fmt::Display) {
    // Writing to a string does not fail.
    let _ = write!(into, "{value}");
}

/// What a cell shows whose formula failed. Such a text is refused in any column.
pub(crate) const ERRORS: &[&str] =
    &["#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!", "#GETTING_DATA"];

fn error_text(error: &CellErrorType) -> &'static str {
    match error {
        CellErrorType::Div0 => "#DIV/0!",
        CellErrorType::NA => "#N/A",
        CellErrorType::Name => "#NAME?",
        CellErrorType::Null => "#NULL!",
        CellErrorType::Num => "#NUM!",
        CellErrorType::Ref => "#REF!",
        CellErrorType::Value => "#VALUE!",
        CellErrorType::GettingData => "#GETTING_DATA",
    }
}
