//! Workbooks that we write: one sheet of text after the other, in constant memory.

use std::io::{self, Seek, Write};

use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, Workbook, Worksheet, XlsxError};

/// The rows of one sheet, the header not counted: the format ends at 1,048,576, and a person long before.
const SHEET_ROWS: usize = 1_000_000;

/// A cell that is written.
#[derive(Clone, Debug)]
pub(in crate::control) enum Value {
    /// A text, which no program takes for a formula or a number.
    Text(String),
    /// A number of something.
    Number(u64),
    /// A share, to two places.
    Rate(f64),
}

/// Writes a header and rows, on further sheets where one is full. The columns are marked as text, so that a program
/// that the file is edited with keeps the zeros at the start of a code.
pub(in crate::control) fn write(
    out: impl Write + Seek + Send,
    sheet: (&str, &[&str]),
    rows: impl IntoIterator<Item = io::Result<Vec<Value>>>,
) -> io::Result<()> {
    write_in(SHEET_ROWS, out, sheet, rows)
}

/// The same with so many rows on a sheet.
pub(super) fn write_in(
    sheet_rows: usize,
    out: impl Write + Seek + Send,
    (name, header): (&str, &[&str]),
    rows: impl IntoIterator<Item = io::Result<Vec<Value>>>,
) -> io::Result<()> {
    let mut workbook = Workbook::new();
    // When it was made stays out of it: one that is made again of the same rows is the same file.
    let some_day = ExcelDateTime::from_ymd(2000, 1, 1).map_err(io::Error::other)?;
    workbook.set_properties(&DocProperties::new().set_creation_datetime(&some_day));
    let mut rows = rows.into_iter().peekable();
    let text = Format::new().set_num_format("@");
    let mut number = 1;
    loop {
        let sheet = workbook.add_worksheet_with_constant_memory().map_err(io::Error::other)?;
        let name = if number == 1 { name.to_owned() } else { format!("{name} {number}") };
        sheet.set_name(name).map_err(io::Error::other)?;
        begin(sheet, header, &text).map_err(io::Error::other)?;
        for (row, cells) in (1..).zip(rows.by_ref().take(sheet_rows)) {
            put(sheet, (row, cells?), &text).map_err(io::Error::other)?;
        }
        if rows.peek().is_none() {
            break;
        }
        number += 1;
    }
    workbook.save_to_writer(out).map_err(io::Error::other)
}

/// The header, and how what is below it looks.
fn begin(sheet: &mut Worksheet, header: &[&str], text: &Format) -> Result<(), XlsxError> {
    let bold = Format::new().set_bold();
    for (column, name) in (0..).zip(header) {
        sheet.set_column_width(column, WIDTH)?;
        sheet.set_column_format(column, text)?;
        sheet.write_string_with_format(0, column, *name, &bold)?;
    }
    sheet.set_freeze_panes(1, 0)?;
    Ok(())
}

fn put(
    sheet: &mut Worksheet,
    (row, cells): (u32, Vec<Value>),
    text: &Format,
) -> Result<(), XlsxError> {
    for (column, cell) in (0..).zip(cells) {
        match cell {
            Value::Text(value) if value.is_empty() => {}
            Value::Text(value) => {
                sheet.write_string_with_format(row, column, value, text)?;
            }
            #[expect(clippy::cast_precision_loss, reason = "rows are far below 2^53")]
            Value::Number(number) => {
                sheet.write_number(row, column, number as f64)?;
            }
            Value::Rate(rate) => {
                sheet.write_number(row, column, rate)?;
            }
        }
    }
    Ok(())
}

/// Characters of a column: a name in Korean fits.
const WIDTH: f64 = 18.0;
