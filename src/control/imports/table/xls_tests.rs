//! XLS: a sound workbook, and records that ask for more than there is.

use super::samples::{
    number_cell, old_stream, old_workbook, place, plain, record, rows, shared_cell,
};
use crate::control::imports::error::ImportError;

fn is_refused(bytes: &[u8]) -> bool {
    matches!(rows(bytes), Err(ImportError::Bomb { .. } | ImportError::Broken { .. }))
}

#[test]
fn texts_and_numbers_are_read() {
    let sheet = [
        shared_cell(0, 0, 0),
        shared_cell(0, 1, 1),
        shared_cell(2, 0, 2),
        number_cell(2, 1, 1042.0),
    ];
    let read = rows(&old_workbook(&["이름", "코드", "광장"], &sheet)).unwrap();
    assert_eq!(plain(&read), [(1, vec!["이름", "코드"]), (3, vec!["광장", "1042"])]);
}

#[test]
fn a_formula_gives_its_value_alone() {
    let tokens = [&[9, 0][..], &[0x44; 40]].concat();
    let formula =
        |row, value: &[u8]| record(0x0006, &[&place(row, 0)[..], value, &[0; 6], &tokens].concat());
    let text = record(0x0207, &[2, 0, 0, b'h', b'i']);
    let is_text = [0, 0, 0, 0, 0, 0, 0xFF, 0xFF];
    let sheet = [formula(0, &12.5_f64.to_le_bytes()), formula(1, &is_text), text];
    let read = rows(&old_workbook(&[], &sheet)).unwrap();
    assert_eq!(plain(&read), [(1, vec!["12.5"]), (2, vec!["hi"])]);
}

#[test]
fn what_a_sheet_claims_costs_nothing() {
    let all = [
        &0_u32.to_le_bytes()[..],
        &u32::MAX.to_le_bytes(),
        &[0, 0],
        &u16::MAX.to_le_bytes(),
        &[0, 0],
    ]
    .concat();
    let sheet = [record(0x0200, &all), number_cell(0, 0, 1.0)];
    assert_eq!(rows(&old_workbook(&[], &sheet)).unwrap().len(), 1);
}

#[test]
fn a_sheet_as_large_as_the_plane_is_refused() {
    let sheet = [number_cell(0, 0, 1.0), number_cell(u16::MAX, u16::MAX, 1.0)];
    assert!(is_refused(&old_workbook(&[], &sheet)));
    let sheet = [number_cell(0, 0, 1.0), number_cell(u16::MAX, 31, 1.0)];
    assert!(rows(&old_workbook(&[], &sheet)).is_ok(), "at the bound");
    let sheet = [number_cell(0, 0, 1.0), number_cell(u16::MAX, 32, 1.0)];
    assert!(is_refused(&old_workbook(&[], &sheet)), "past the bound");
}

#[test]
fn what_a_list_of_strings_claims_costs_nothing() {
    for count in [i32::MAX, -1] {
        let claim = record(0x00FC, &[&1_u32.to_le_bytes()[..], &count.to_le_bytes()].concat());
        assert!(rows(&old_stream(&claim, &number_cell(0, 0, 1.0), None)).is_ok(), "{count}");
    }
    let short = record(0x00FC, &[&[0; 8][..], &[9, 0, 0, b'x']].concat());
    assert!(is_refused(&old_stream(&short, &number_cell(0, 0, 1.0), None)));
}

#[test]
fn a_record_in_a_million_pieces_is_refused() {
    let pieces = |count| [record(0x1234, &[0; 8]), record(0x003C, &[]).repeat(count)].concat();
    assert!(rows(&old_stream(&pieces(10), &number_cell(0, 0, 1.0), None)).is_ok());
    assert!(is_refused(&old_stream(&pieces(1_000_000), &number_cell(0, 0, 1.0), None)));
}

/// One string of 30,000 letters in 60,000 cells would be two gigabytes.
#[test]
fn a_long_string_in_many_cells_is_refused() {
    // The string goes on over records, since one holds 8 KiB.
    let text = "가".repeat(4_000);
    let sheet: Vec<Vec<u8>> = (0..60_000).map(|row| shared_cell(row, 0, 0)).collect();
    assert!(is_refused(&old_workbook(&[&text], &sheet)));
    let few: Vec<Vec<u8>> = (0..100).map(|row| shared_cell(row, 0, 0)).collect();
    assert_eq!(rows(&old_workbook(&[&text], &few)).unwrap().len(), 100);
}

#[test]
fn a_string_goes_on_in_the_next_record() {
    let head = [&1_u32.to_le_bytes()[..], &1_u32.to_le_bytes(), &4_u16.to_le_bytes(), &[0], b"ab"]
        .concat();
    let strings = [record(0x00FC, &head), record(0x003C, &[1, b'c', 0, 0x00, 0xAC])].concat();
    let read = rows(&old_stream(&strings, &shared_cell(0, 0, 0), None)).unwrap();
    assert_eq!(plain(&read), [(1, vec!["abc가"])]);
}

#[test]
fn a_sheet_in_the_middle_of_a_record_is_refused() {
    // A record that nobody reads carries another sheet inside.
    let hidden =
        [record(0x0809, &[0; 16]), number_cell(u16::MAX, u16::MAX, 1.0), record(0x000A, &[])]
            .concat();
    let cover = record(0x1234, &hidden);
    let sound = old_stream(&cover, &number_cell(0, 0, 1.0), None);
    assert!(rows(&sound).is_ok());
    let before = u32::try_from(20 + 15 + 4).unwrap();
    assert!(is_refused(&old_stream(&cover, &number_cell(0, 0, 1.0), Some(before))));
    assert!(is_refused(&old_stream(&cover, &number_cell(0, 0, 1.0), Some(u32::MAX))));
}

#[test]
fn damaged_workbooks_are_refused_and_nothing_more() {
    let whole = old_workbook(&["이름", "광장"], &[shared_cell(0, 0, 0), shared_cell(1, 0, 1)]);
    for cut in (8..whole.len()).step_by(97) {
        let _ = rows(&whole[..cut]);
    }
    for at in (0..whole.len()).step_by(3) {
        for bits in [0x01, 0x80, 0xFF] {
            let mut damaged = whole.clone();
            damaged[at] ^= bits;
            let _ = rows(&damaged);
        }
    }
    assert!(is_refused(&whole[..600]));
    assert!(is_refused(&old_workbook(&[], &[record(0x0203, &[0; 2])])));
}
