//! Downloads of what was wrong: whole, in order, and inert.

use std::io::Cursor;

use super::bad_rows::{inert, write_csv, write_xlsx};
use super::columns::Language;
use super::rows::bad_cell::BadCell;
use super::table::samples::{plain, rows};

fn bad(row: u64, value: &str) -> BadCell {
    BadCell { row, column: "이름".into(), value: value.into(), reason: "it is, \"wrong\"".into() }
}

const DANGEROUS: [&str; 8] = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1", "\n=1"];

#[test]
fn csv_is_as_excel_opens_it() {
    let mut out = Vec::new();
    write_csv(&mut out, Language::Korean, [bad(2, "=1+1"), bad(10, "광장")]).unwrap();
    let text = "\u{FEFF}행,열,값,사유\r\n2,이름,'=1+1,\"it is, \"\"wrong\"\"\"\r\n10,이름,광장,\"it is, \"\"wrong\"\"\"\r\n";
    assert_eq!(String::from_utf8(out).unwrap(), text);
}

#[test]
fn both_formats_read_back_the_same() {
    let all: Vec<BadCell> =
        DANGEROUS.iter().map(|value| bad(5, value)).chain([bad(6, "x")]).collect();
    let mut csv = Vec::new();
    write_csv(&mut csv, Language::English, all.clone()).unwrap();
    let mut xlsx = Cursor::new(Vec::new());
    write_xlsx(&mut xlsx, Language::English, all).unwrap();
    let (csv, xlsx) = (rows(&csv).unwrap(), rows(&xlsx.into_inner()).unwrap());
    assert_eq!(plain(&csv)[0].1, ["row", "column", "value", "reason"]);
    assert_eq!(csv.len(), 10);
    for (one, other) in csv.iter().zip(&xlsx) {
        assert_eq!(one.number, other.number);
        let same = |text: &str| text.replace(['\r', '\n'], "");
        let texts = |row: &super::table::row::Row| {
            row.cells.iter().map(|cell| same(cell)).collect::<Vec<_>>()
        };
        assert_eq!(texts(one), texts(other));
    }
}

#[test]
fn no_text_begins_as_a_formula_does() {
    for text in DANGEROUS {
        assert_eq!(inert(text.to_owned()), format!("'{text}"));
    }
    for text in ["", "a=1", "'=1", "1-1", "가"] {
        assert_eq!(inert(text.to_owned()), text);
    }
}
