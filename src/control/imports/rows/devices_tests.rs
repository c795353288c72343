//! Rows of devices.

use super::bad_cell::BadCell;
use super::devices::{Device, DeviceRow, device};
use super::samples::{columns, read};
use crate::control::imports::columns::Kind;
use crate::domain::ids::DeviceId;

const ID: &str = "38400000-8cf0-11bd-b23e-10b96e40000d";

fn blacklist(id: &str, echo: &str) -> Result<DeviceRow, Vec<BadCell>> {
    read(Kind::Blacklist, device, &[("ADID", id), ("에코코드", echo)])
}

#[test]
fn ids_are_read_in_any_case() {
    let id = Device::AdvertisingId(DeviceId::parse(ID).unwrap());
    for text in [ID, &ID.to_uppercase(), &ID.replace('-', ""), &format!(" {ID} ")] {
        assert_eq!(blacklist(text, "").unwrap().devices, [id], "{text}");
        assert_eq!(read(Kind::Segment, device, &[("IDFA", text)]).unwrap().devices, [id]);
    }
}

#[test]
fn an_echo_code_has_32_digits() {
    let code = "00112233445566778899aabbccddeeff";
    let bytes = [
        0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xAA, 0xBB, 0xCC, 0xDD, 0xEE,
        0xFF,
    ];
    assert_eq!(blacklist("", code).unwrap().devices, [Device::EchoCode(bytes)]);
    assert_eq!(blacklist(ID, code).unwrap().devices.len(), 2);
    for text in
        ["0", &code[1..], &format!("{code}0"), &format!("+{}", &code[1..]), &"0".repeat(32), ID]
    {
        assert_eq!(columns(blacklist("", text)), ["에코코드"], "{text}");
    }
}

#[test]
fn what_is_wrong_is_told_without_the_id() {
    for text in [
        "00000000-0000-0000-0000-000000000000",
        &ID[1..],
        &format!("{ID}0"),
        &ID.replace('-', " "),
        "x",
    ] {
        let bad = blacklist(text, "").unwrap_err();
        assert_eq!(bad.len(), 1, "{text}");
        assert_eq!(bad[0].column, "ADID");
        assert!(bad[0].value.chars().count() <= 5 && !bad[0].reason.contains("11bd"), "{bad:?}");
    }
    assert!(blacklist("", "").is_err());
    assert!(!format!("{:?}", blacklist(ID, "").unwrap()).contains("3840"));
}
