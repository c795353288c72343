//! A sheet that is full goes on as another one, and not one row too early.

use std::io::{self, Cursor};

use calamine::{Data, Reader as _, Xlsx};

use super::workbook::{Value, write_in};

/// The sheets of a workbook of so many rows, three on a sheet: what they are called, and their first column.
fn sheets(rows: u64) -> Vec<(String, Vec<String>)> {
    let mut out = Cursor::new(Vec::new());
    let rows = (0..rows).map(|row| Ok(vec![Value::Number(row), Value::Text("=1".to_owned())]));
    write_in(3, &mut out, ("campaign", &["number", "name"]), rows).unwrap();
    let mut book = Xlsx::new(out).unwrap();
    let names = book.sheet_names();
    let column = |name: &String| {
        let formulas = book.worksheet_formula(name).unwrap();
        assert!(formulas.used_cells().next().is_none(), "a text is no formula");
        let range = book.worksheet_range(name).unwrap();
        range.rows().map(|row| row[0].to_string()).collect()
    };
    names.iter().cloned().zip(names.iter().map(column).collect::<Vec<_>>()).collect()
}

#[test]
fn a_sheet_that_is_full_goes_on_as_another() {
    let sheet = |name: &str, cells: &[&str]| {
        (name.to_owned(), cells.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>())
    };
    assert_eq!(sheets(0), [sheet("campaign", &["number"])]);
    let full = || sheet("campaign", &["number", "0", "1", "2"]);
    assert_eq!(sheets(3), [full()]);
    assert_eq!(sheets(4), [full(), sheet("campaign 2", &["number", "3"])]);
    let second = || sheet("campaign 2", &["number", "3", "4", "5"]);
    assert_eq!(sheets(6), [full(), second()]);
    assert_eq!(sheets(7), [full(), second(), sheet("campaign 3", &["number", "6"])]);
}

#[test]
fn numbers_are_numbers_and_what_cannot_be_read_is_said() {
    let mut out = Cursor::new(Vec::new());
    let row = vec![Value::Number(7), Value::Rate(33.33), Value::Text("007".to_owned())];
    write_in(3, &mut out, ("a", &["n", "rate", "code"]), [Ok(row)]).unwrap();
    let range = Xlsx::new(out).unwrap().worksheet_range("a").unwrap();
    let cells = range.rows().nth(1).unwrap();
    assert_eq!(cells, [Data::Float(7.0), Data::Float(33.33), Data::String("007".to_owned())]);
    let broken = [Ok(vec![Value::Number(1)]), Err(io::Error::other("the disk"))];
    let error = write_in(3, Cursor::new(Vec::new()), ("a", &["n"]), broken).unwrap_err();
    assert_eq!(error.to_string(), "the disk");
}
