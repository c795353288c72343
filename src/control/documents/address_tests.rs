//! Addresses that are written in several ways.

use super::account::Membership;
use super::address::{Address, plain};
use super::{Account, Document as _};

#[test]
fn ways_to_write_an_address_come_to_one() {
    for one in [
        "서울 중구 세종대로 110",
        " 서울특별시  중구 세종대로 110 ",
        "서울시 중구 세종대로 110 (태평로1가)",
        "서울 중구 세종대로 110, 2층 (태평로1가, 시청)",
        "(04524) 서울 중구 세종대로 110",
        ", 서울 중구 세종대로 110",
    ] {
        assert_eq!(plain(one), "서울 중구 세종대로 110", "{one}");
    }
    assert_eq!(plain("1 Main ST, Springfield"), "1 main st");
    // What is another number is another address, and a province is one at the beginning alone.
    for other in
        ["서울 중구 세종대로 11", "서울 중구 세종대로 1 10", "중구 서울특별시 세종대로 110"]
    {
        assert_ne!(plain(other), "서울 중구 세종대로 110", "{other}");
    }
    assert_eq!(plain("((( , "), "");
}

#[test]
fn an_address_says_where_it_is() {
    let account = Account::named("Mart", Membership::Basic);
    let faults = |address: &str, lat: f64| {
        let address = Address { address: address.to_owned(), lat, lon: 127.0 };
        address.faults(&account).into_iter().map(|fault| fault.pointer).collect::<Vec<_>>()
    };
    assert!(faults("서울 중구 세종대로 110", 37.5).is_empty());
    assert!(faults(&"가".repeat(200), 37.5).is_empty());
    assert_eq!(faults(&"가".repeat(201), 37.5), ["/address"]);
    assert_eq!(faults("(태평로1가)", 37.5), ["/address"]);
    assert_eq!(faults("", 91.0), ["/address", "/lat"]);
}
