//! What is shown of a cell: enough to find it, and nobody's advertising id.

use proptest::prelude::*;

use super::bad_cell::{shown, shown_id};

#[test]
fn a_text_is_shown_on_one_line_and_short() {
    assert_eq!(shown("  광화문 광장 "), "광화문 광장");
    assert_eq!(shown("a\nb\tc\0"), "a b c ");
    assert_eq!(shown(&"가".repeat(60)), "가".repeat(60));
    assert_eq!(shown(&"가".repeat(61)), format!("{}…", "가".repeat(60)));
    assert_eq!(shown("126.9779451 37.5662952"), "126.9779451 37.5662952");
}

#[test]
fn an_advertising_id_is_not_shown_in_full() {
    for id in [
        "38400000-8cf0-11bd-b23e-10b96e40000d",
        "38400000-8CF0-11BD-B23E-10B96E40000D",
        "384000008cf011bdb23e10b96e40000d",
        "38400000 8cf0 11bd b23e 10b96e40000d",
        "38400000-8cf0-11bd-b23e-10b96e4",
    ] {
        assert_eq!(shown(id), "3840…", "{id}");
        assert_eq!(shown_id(id), "3840…");
        let inside = shown(&format!("x {id} y"));
        assert!(!inside.contains("8cf0") && !inside.contains("8CF0"), "{inside}");
    }
    assert_eq!(shown_id("zz"), "zz");
    assert_eq!(shown_id("not an id at all"), "not …");
}

proptest! {
    #[test]
    fn no_id_gets_through(bytes in any::<[u8; 16]>(), before in ".{0,20}", after in ".{0,20}") {
        let id = uuid::Uuid::from_bytes(bytes).to_string();
        let text = shown(&format!("{before}{id}{after}"));
        prop_assert!(!text.contains(&id[9..]), "{}", text);
        prop_assert!(text.chars().count() <= 70);
    }
}
