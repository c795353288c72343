//! Numbers as text.

use calamine::{CellErrorType, Data, DataRef};

use super::text::{ERRORS, of, of_ref};

fn text(cell: &DataRef<'_>) -> String {
    let mut text = "before".to_owned();
    of_ref(cell, &mut text);
    text
}

#[test]
fn whole_numbers_have_no_point() {
    let numbers = [
        (1042.0, "1042"),
        (0.0, "0"),
        (-5.0, "-5"),
        (37.5662952, "37.5662952"),
        (0.1, "0.1"),
        (1e15, "1000000000000000"),
    ];
    for (number, expected) in numbers {
        assert_eq!(text(&DataRef::Float(number)), expected);
        let mut old = String::new();
        of(&Data::Float(number), &mut old);
        assert_eq!(old, expected);
    }
    assert_eq!(text(&DataRef::Int(7)), "7");
    assert_eq!(text(&DataRef::Bool(true)), "TRUE");
    assert_eq!(text(&DataRef::SharedString("가")), "가");
    assert_eq!(text(&DataRef::Empty), "");
}

#[test]
fn a_failed_formula_shows_its_error() {
    let shown = text(&DataRef::Error(CellErrorType::NA));
    assert_eq!(shown, "#N/A");
    assert!(ERRORS.contains(&shown.as_str()));
}
