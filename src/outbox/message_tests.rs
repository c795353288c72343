//! Codes in messages: known, unknown, broken, nested.

use super::message::{Codes, MAX_TEXT_BYTES, render};

const CODES: Codes<'_> = Codes {
    brand: "",
    store: "성수점",
    geofence: "${store} 옆",
    district_state: "",
    district_city: "",
    district_street: "",
};

#[test]
fn a_known_code_becomes_its_name_and_an_unknown_one_the_current_location() {
    assert_eq!(render("${store}에 오신 것을 환영합니다", CODES), "성수점에 오신 것을 환영합니다");
    assert_eq!(render("${brand} 할인", CODES), "현재위치에서 할인");
    assert_eq!(render("${store}${store}", CODES), "성수점성수점");
}

#[test]
fn what_is_no_code_stays_and_a_name_is_not_filled_again() {
    assert_eq!(render("${nothing} ${ ${store", CODES), "${nothing} ${ ${store");
    assert_eq!(render("$${store}$ {store}", CODES), "$성수점$ {store}");
    assert_eq!(render("${geofence}", CODES), "${store} 옆");
    assert_eq!(render("${a${store}", CODES), "${a성수점");
    assert_eq!(render("", CODES), "");
}

#[test]
fn a_text_ends_at_its_limit_between_two_characters() {
    let long = "가".repeat(1_000);
    let codes = Codes { store: &long, ..CODES };
    assert_eq!(render("${store}${store}", codes).len(), 6_000, "short of the limit all is there");
    let cut = render(&"${store}".repeat(300), codes);
    assert_eq!(cut.len(), MAX_TEXT_BYTES / 3 * 3);
    assert!(cut.chars().all(|one| one == '가'));
    let plain = "a".repeat(MAX_TEXT_BYTES);
    assert_eq!(render(&plain, CODES), plain);
    assert_eq!(render(&format!("{plain}b"), CODES), plain);
}
