//! CSV: rows as a spreadsheet counts them, and files that want to be more than a row.

use super::samples::{plain, rows, rows_within};
use crate::control::imports::bounds::Bounds;
use crate::control::imports::columns::Kind;
use crate::control::imports::error::ImportError;

fn numbers(text: &str) -> Vec<u64> {
    rows(text.as_bytes()).unwrap().iter().map(|row| row.number).collect()
}

#[test]
fn rows_have_the_numbers_that_a_spreadsheet_shows() {
    for end in ["\n", "\r\n"] {
        let text = |lines: &[&str]| lines.join(end);
        assert_eq!(numbers(&text(&["a,b", "1,2", "3,4", ""])), [1, 2, 3]);
        assert_eq!(numbers(&text(&["a,b", "1,2", "3,4"])), [1, 2, 3], "no line break at the end");
        assert_eq!(numbers(&text(&["a,b", "", "1,2", "", "", "3,4"])), [1, 3, 6], "blank lines");
        assert_eq!(numbers(&text(&["", "a,b", "1,2"])), [2, 3], "a blank line at the start");
        assert_eq!(numbers(&text(&["a,b", ",", " , ", "1,2"])), [1, 4], "blank rows");
        assert_eq!(numbers(&text(&["a,b", "\"x", "", "y\",2", "3,4"])), [1, 2, 3], "lines inside");
    }
}

#[test]
fn cells_are_taken_as_they_are_written() {
    let text = "name,memo\n\"광장, 분수\",\"say \"\"hi\"\"\"\n=1+1, x \n";
    let read = rows(text.as_bytes()).unwrap();
    let expected = [
        (1, vec!["name", "memo"]),
        (2, vec!["광장, 분수", "say \"hi\""]),
        (3, vec!["=1+1", " x "]),
    ];
    assert_eq!(plain(&read), expected);
}

#[test]
fn rows_may_be_ragged() {
    let read = rows(b"a,b,c\n1\n1,2,3,4\n").unwrap();
    assert_eq!(plain(&read)[1..], [(2, vec!["1"]), (3, vec!["1", "2", "3", "4"])]);
}

#[test]
fn semicolons_and_tabs_separate_too() {
    for text in ["a;b\n1;2\n", "a\tb\n1\t2\n", "a,b\n1,2\n", "\"x,y\";b\n1;2\n"] {
        assert_eq!(rows(text.as_bytes()).unwrap()[1].cells, ["1", "2"], "{text:?}");
    }
    assert_eq!(rows(b"a\n1\n").unwrap()[1].cells, ["1"]);
}

#[test]
fn a_file_is_held_at_each_bound() {
    let bounds =
        Bounds { bytes: 40, rows: 2, columns: 3, cell_chars: 4, ..Bounds::of(Kind::Group) };
    let read = |text: &str| rows_within(text.as_bytes(), bounds);
    assert_eq!(read("a\n1\n2\n").unwrap().len(), 3);
    assert!(matches!(read("a\n1\n2\n3\n"), Err(ImportError::TooManyRows { limit: 2 })));
    assert!(read("a,b,c\n1,2,3,\n").is_ok(), "an empty cell more is none");
    let wide = read("a,b,c\n1,2,3,4\n");
    assert!(matches!(wide, Err(ImportError::TooWide { row: 2, column: 4, limit: 3 })));
    assert!(read("a\n가나다라\n").is_ok());
    let long = read("a\n가나다라마\n");
    assert!(matches!(long, Err(ImportError::CellTooLong { row: 2, column: 1, limit: 4 })));
    let line = "123\n".repeat(10);
    assert!(!matches!(read(&line), Err(ImportError::TooLong { .. })), "40 bytes");
    assert!(matches!(read(&format!("{line}1")), Err(ImportError::TooLong { limit: 40 })));
}

#[test]
fn a_quotation_mark_that_never_closes_ends_at_a_bound() {
    let bounds = Bounds { bytes: u64::MAX, ..Bounds::of(Kind::Group) };
    let mut text = b"name\n\"".to_vec();
    text.resize(20 * 1024 * 1024, b'x');
    assert!(matches!(rows_within(&text, bounds), Err(ImportError::CellTooLong { row: 2, .. })));
}

#[test]
fn nothing_and_blanks_are_no_table() {
    assert!(matches!(rows(b""), Err(ImportError::Empty)));
    assert!(matches!(rows(b"\n\n,,\n"), Err(ImportError::Empty)));
}
