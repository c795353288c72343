//! Files for tests, sound and hostile: workbooks are put together part by part, so that a test can bend each.

use std::io::{Cursor, Write as _};
use std::ops::ControlFlow;

use zip::write::SimpleFileOptions;

use super::row::Row;
use super::source::Table;
use crate::control::imports::bounds::Bounds;
use crate::control::imports::columns::Kind;
use crate::control::imports::error::ImportError;
use crate::control::imports::watch::Watch;

/// Reads a whole file within the bounds of a group.
pub(crate) fn rows(bytes: &[u8]) -> Result<Vec<Row>, ImportError> {
    rows_within(bytes, Bounds::of(Kind::Group))
}

/// Reads a whole file.
pub(crate) fn rows_within(bytes: &[u8], bounds: Bounds) -> Result<Vec<Row>, ImportError> {
    let mut rows = Vec::new();
    let mut look = |_| Ok(());
    Table::open(Cursor::new(bytes), bounds)?.rows(
        &mut Watch::new(1_000, &mut look),
        &mut |row| {
            rows.push(row.clone());
            ControlFlow::Continue(())
        },
    )?;
    Ok(rows)
}

/// Numbers and cells, for comparing.
pub(crate) fn plain(rows: &[Row]) -> Vec<(u64, Vec<&str>)> {
    rows.iter().map(|row| (row.number, row.cells.iter().map(String::as_str).collect())).collect()
}

/// Packs parts into an archive.
pub(crate) fn archive(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in parts {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

const RELATIONS: &str = r#"<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>"#;

const WORKBOOK: &str = r#"<?xml version="1.0"?><workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="one" sheetId="1" r:id="r1"/></sheets></workbook>"#;

const PACKAGE: &str = r#"<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"#;

/// A workbook whose one sheet is this XML, with these shared strings.
pub(crate) fn workbook(sheet: &[u8], strings: &[u8]) -> Vec<u8> {
    let mut parts = book().to_vec();
    parts.extend([("xl/sharedStrings.xml", strings), ("xl/worksheets/sheet1.xml", sheet)]);
    archive(&parts)
}

/// A workbook whose one sheet is this XML, with one part more.
pub(crate) fn with_part(sheet: &[u8], part: (&str, &[u8])) -> Vec<u8> {
    let mut parts = book().to_vec();
    parts.extend([part, ("xl/worksheets/sheet1.xml", sheet)]);
    archive(&parts)
}

fn book() -> [(&'static str, &'static [u8]); 3] {
    [
        ("_rels/.rels", PACKAGE.as_bytes()),
        ("xl/_rels/workbook.xml.rels", RELATIONS.as_bytes()),
        ("xl/workbook.xml", WORKBOOK.as_bytes()),
    ]
}

/// A sheet of these rows, as XML.
pub(crate) fn sheet(rows: &str) -> Vec<u8> {
    format!(r#"<?xml version="1.0"?><worksheet><dimension ref="A1:XFD1048576"/><sheetData>{rows}</sheetData></worksheet>"#).into_bytes()
}

/// Shared strings, as XML.
pub(crate) fn strings(texts: &[&str]) -> Vec<u8> {
    let all: String = texts.iter().map(|text| format!("<si><t>{text}</t></si>")).collect();
    format!(r#"<?xml version="1.0"?><sst>{all}</sst>"#).into_bytes()
}

/// One record of an old workbook.
pub(crate) fn record(kind: u16, body: &[u8]) -> Vec<u8> {
    let len = u16::try_from(body.len()).unwrap();
    [&kind.to_le_bytes()[..], &len.to_le_bytes(), body].concat()
}

/// An old workbook: shared strings and the records of its one sheet.
pub(crate) fn old_workbook(texts: &[&str], sheet: &[Vec<u8>]) -> Vec<u8> {
    let count = u32::try_from(texts.len()).unwrap().to_le_bytes();
    let mut table = [count, count].concat();
    for text in texts {
        let units: Vec<u16> = text.encode_utf16().collect();
        table.extend(u16::try_from(units.len()).unwrap().to_le_bytes());
        table.push(1);
        table.extend(units.iter().flat_map(|unit| unit.to_le_bytes()));
    }
    old_stream(&record(0x00FC, &table), &sheet.concat(), None)
}

/// An old workbook out of the records of its strings and of its one sheet. `at` is where the list of sheets says that the
/// sheet begins; where it does, if none.
pub(crate) fn old_stream(strings: &[u8], sheet: &[u8], at: Option<u32>) -> Vec<u8> {
    let begin = |what: u16| {
        record(0x0809, &[&0x0600_u16.to_le_bytes()[..], &what.to_le_bytes(), &[0; 12]].concat())
    };
    let listed = |at: u32| record(0x0085, &[&at.to_le_bytes()[..], &[0, 0, 3, 0], b"one"].concat());
    let before = begin(0x0005).len() + listed(0).len() + strings.len() + 4;
    let start = at.unwrap_or(u32::try_from(before).unwrap());
    let stream = [
        &begin(0x0005),
        &listed(start),
        strings,
        &record(0x000A, &[]),
        &begin(0x0010),
        sheet,
        &record(0x000A, &[]),
    ]
    .concat();
    let mut container = cfb::CompoundFile::create(Cursor::new(Vec::new())).unwrap();
    container.create_stream("/Workbook").unwrap().write_all(&stream).unwrap();
    container.flush().unwrap();
    container.into_inner().into_inner()
}

/// A cell that shows a shared string.
pub(crate) fn shared_cell(row: u16, column: u16, string: u32) -> Vec<u8> {
    record(0x00FD, &[&place(row, column)[..], &string.to_le_bytes()].concat())
}

/// A cell with a number.
pub(crate) fn number_cell(row: u16, column: u16, number: f64) -> Vec<u8> {
    record(0x0203, &[&place(row, column)[..], &number.to_le_bytes()].concat())
}

/// Row, column and no format.
pub(crate) fn place(row: u16, column: u16) -> Vec<u8> {
    [row.to_le_bytes(), column.to_le_bytes(), [0, 0]].concat()
}
