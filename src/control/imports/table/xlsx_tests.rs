//! XLSX: sparse and lying sheets.

use super::samples::{plain, rows, rows_within, sheet, strings, workbook};
use crate::control::imports::bounds::Bounds;
use crate::control::imports::columns::Kind;
use crate::control::imports::error::ImportError;

#[test]
fn cells_of_all_kinds_become_text() {
    let xml = r#"<row r="1"><c r="A1" t="s"><v>0</v></c><c r="C1" t="s"><v>1</v></c></row>
        <row r="3"><c r="A3" t="inlineStr"><is><t>광장</t></is></c><c r="B3"><v>37.5</v></c><c r="C3"><v>100</v></c></row>
        <row r="4"><c r="A4" s="1"/></row>
        <row r="1048576"><c r="B1048576" t="b"><v>1</v></c><c r="C1048576" t="e"><v>#N/A</v></c></row>"#;
    let read = rows(&workbook(&sheet(xml), &strings(&["이름", "a &amp; b"]))).unwrap();
    let expected = [
        (1, vec!["이름", "", "a & b"]),
        (3, vec!["광장", "37.5", "100"]),
        (1_048_576, vec!["", "TRUE", "#N/A"]),
    ];
    assert_eq!(plain(&read), expected);
}

#[test]
fn a_sheet_is_held_at_the_bounds() {
    let row = |number: u32, column: &str| {
        format!(r#"<row r="{number}"><c r="{column}{number}"><v>1</v></c></row>"#)
    };
    let read =
        |xml: &str, bounds: Bounds| rows_within(&workbook(&sheet(xml), &strings(&[])), bounds);
    let group = Bounds::of(Kind::Group);
    let rows: String = (1..=4).map(|number| row(number, "A")).collect();
    assert_eq!(read(&rows, Bounds { rows: 3, ..group }).unwrap().len(), 4);
    assert!(matches!(
        read(&rows, Bounds { rows: 2, ..group }),
        Err(ImportError::TooManyRows { limit: 2 })
    ));
    assert!(read(&row(1, "BL"), group).is_ok(), "column 64");
    assert!(matches!(read(&row(1, "BM"), group), Err(ImportError::TooWide { column: 65, .. })));
    assert!(matches!(read(&row(1, "XFD"), group), Err(ImportError::TooWide { .. })));
}

#[test]
fn rows_that_go_back_are_refused() {
    let xml = r#"<row r="5"><c r="A5"><v>1</v></c></row><row r="2"><c r="A2"><v>1</v></c></row>"#;
    let read = rows(&workbook(&sheet(xml), &strings(&[])));
    assert!(matches!(read, Err(ImportError::Broken { .. })), "{read:?}");
}

#[test]
fn damaged_sheets_are_refused_and_nothing_more() {
    for xml in [
        r#"<row r="1"><c r="A1" t="s"><v>99</v></c></row>"#,
        r#"<row r="x"><c r="A1"><v>1</v></c></row>"#,
        r#"<row r="1"><c r="ZZZZZZZZZZ99999999999"><v>1</v></c></row>"#,
        r#"<row r="1"><c r="A1"><v>one</v></c></row>"#,
        r#"<row r="1"><c r="A1">"#,
        r#"<row r="0"><c r="A0"><v>1</v></c></row>"#,
        r#"<row r="4294967295"><c><v>1</v></c></row><row><c><v>1</v></c></row>"#,
    ] {
        // Some are read as nothing by the parser; what counts is that each comes to an end.
        let read = rows(&workbook(&sheet(xml), &strings(&["only"])));
        assert!(
            read.is_err() || read.as_ref().is_ok_and(|rows| rows.len() <= 2),
            "{xml}: {read:?}"
        );
    }
}

#[test]
fn a_workbook_without_a_sheet_is_empty() {
    let read = rows(&workbook(&sheet(""), &strings(&[])));
    assert!(matches!(read, Err(ImportError::Empty)), "{read:?}");
}
