//! What is written into a CSV file or a workbook comes back, whatever it is.

use std::io::{Cursor, Read};

use proptest::prelude::*;

use super::table::row::Row;
use super::table::samples::rows;
use super::workbook::{self, Value};

/// Texts of all kinds that a cell of a workbook can hold: no control characters, and no line breaks, which XML changes.
fn cell() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        "[ -~]{0,12}",
        "[가-힣 ,\"';<>&=+@-]{0,12}",
        "\\PC{0,8}",
        (-1_000_000..1_000_000_i32).prop_map(|number| number.to_string()),
    ]
}

fn table() -> impl Strategy<Value = Vec<Vec<String>>> {
    prop::collection::vec(prop::collection::vec(cell(), 1..6), 1..12)
}

/// The oracle: rows by their numbers without those that are blank, cells without the empty ones at the end.
fn expected(table: &[Vec<String>]) -> Vec<Row> {
    let rows = (1..).zip(table).map(|(number, cells)| {
        let end = cells.iter().rposition(|cell| !cell.is_empty()).map_or(0, |last| last + 1);
        Row { number, cells: cells[..end].to_vec() }
    });
    rows.filter(|row| row.cells.iter().any(|cell| !cell.trim().is_empty())).collect()
}

fn read(bytes: &[u8], table: &[Vec<String>]) -> Result<(), TestCaseError> {
    let expected = expected(table);
    match rows(bytes) {
        Ok(read) => prop_assert_eq!(read, expected),
        Err(error) => prop_assert!(expected.is_empty(), "{}", error),
    }
    Ok(())
}

proptest! {
    #[test]
    fn csv_comes_back(table in table(), crlf in any::<bool>()) {
        let end = if crlf { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') };
        // All cells in quotes, so that the separator cannot be guessed wrongly and no line is blank.
        let mut writer = csv::WriterBuilder::new()
            .flexible(true)
            .terminator(end)
            .quote_style(csv::QuoteStyle::Always)
            .from_writer(b"\xEF\xBB\xBF".to_vec());
        for row in &table {
            writer.write_record(row).unwrap();
        }
        let bytes = writer.into_inner().unwrap();
        read(&bytes, &table)?;
    }

    #[test]
    fn cp949_comes_back(table in prop::collection::vec(prop::collection::vec("[가-힣a-z]{1,9}", 2..5), 1..9)) {
        let text: String = table.iter().map(|row| row.join(",") + "\r\n").collect();
        let (bytes, _, lost) = encoding_rs::EUC_KR.encode(&text);
        prop_assume!(!lost);
        // A few short texts, such as "찼" alone, are sound UTF-8 too: nobody can tell which was meant.
        prop_assume!(std::str::from_utf8(&bytes).is_err() || text.is_ascii());
        read(&bytes, &table)?;
    }

    #[test]
    fn xlsx_comes_back(table in table()) {
        let names: Vec<&str> = table[0].iter().map(String::as_str).collect();
        let text = |row: &Vec<String>| Ok(row.iter().cloned().map(Value::Text).collect());
        let mut out = Cursor::new(Vec::new());
        workbook::write(&mut out, ("sheet", &names), table[1..].iter().map(text)).unwrap();
        read(out.get_ref(), &table)?;
    }

    #[test]
    fn hostile_bytes_come_to_an_end(start in 0..3_usize, bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let starts: [&[u8]; 3] = [b"", b"PK\x03\x04", b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1"];
        let _ = rows(&[starts[start], &bytes].concat());
    }
}

/// Whether a file was made before is told by its bytes, so it does not say when that was.
#[test]
fn a_workbook_does_not_tell_when_it_was_made() {
    let mut out = Cursor::new(Vec::new());
    let rows = [Ok(vec![Value::Number(7)])];
    workbook::write(&mut out, ("sheet", &["number"]), rows).unwrap();
    let mut book = zip::ZipArchive::new(out).unwrap();
    let mut properties = String::new();
    book.by_name("docProps/core.xml").unwrap().read_to_string(&mut properties).unwrap();
    let dates: Vec<&str> = properties.split("W3CDTF\">").skip(1).map(|rest| &rest[..10]).collect();
    assert_eq!(dates, ["2000-01-01"; 2]);
}
