//! The partition hash is a promise to every second implementation: its values are pinned here.

use super::ids::*;

fn key(account: u32, device: u128) -> DeviceKey {
    DeviceKey { account: AccountId(account), device: DeviceId(device.to_be_bytes()) }
}

#[test]
fn partition_hash_is_pinned() {
    let id = 0x0011_2233_4455_6677_8899_AABB_CCDD_EEFF;
    assert_eq!(key(1, id).hash(), 0xE29A_B6FF_CDFF_A857);
    assert_eq!(key(2, id).hash(), 0x6C8F_25E7_0631_A898);
    assert_eq!(key(0, 0).hash(), 0x365A_FC61_535B_3920);
}

#[test]
fn partitions_are_evenly_used() {
    let mut counts = [0u32; PARTITIONS];
    for n in 0..256_000u128 {
        counts[key(7, n).partition().index()] += 1;
    }
    assert!(counts.iter().all(|&count| (800..1200).contains(&count)), "{counts:?}");
}

#[test]
fn advertising_ids_ignore_case_and_hyphens() {
    let plain = DeviceId::parse("00112233-4455-6677-8899-aabbccddeeff").expect("a UUID");
    assert_eq!(DeviceId::parse("00112233445566778899AABBCCDDEEFF").expect("a UUID"), plain);
    assert_eq!(plain.to_string(), "00112233-4455-6677-8899-aabbccddeeff");
    assert!(DeviceId::parse("not-a-device").is_err());
}

#[test]
fn debug_output_hides_the_device() {
    let shown = format!("{:?}", key(1, 0xABCD_EF01));
    assert!(!shown.to_lowercase().contains("abcdef01"), "{shown}");
}
