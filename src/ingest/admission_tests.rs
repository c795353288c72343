//! The budget of handshakes, shared fairly among hosts.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use super::admission::{Admission, Leave};
use super::config::IngestConfig;

fn admission() -> Arc<Admission> {
    Admission::new(&IngestConfig { max_handshakes: 16, ..IngestConfig::default() })
}

fn v4(last: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, last))
}

fn v6(network: u16, last: u16) -> IpAddr {
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, network, 0, 0, 0, last))
}

/// As many handshakes of an address as it gets.
fn all(admission: &Arc<Admission>, address: IpAddr) -> Vec<Leave> {
    std::iter::from_fn(|| admission.handshake(address)).collect()
}

#[test]
fn one_silent_host_leaves_room_for_others() {
    let admission = admission();
    let first = all(&admission, v4(1));
    assert_eq!(first.len(), 8, "half of all");
    let others: Vec<_> = (2..5).map(|last| all(&admission, v4(last)).len()).collect();
    assert_eq!(others, [4, 4, 4], "what is dropped is free again");
    let held: Vec<_> = (2..5).map(|last| all(&admission, v4(last))).collect();
    assert_eq!(held.iter().map(Vec::len).collect::<Vec<_>>(), [4, 4, 0], "sixteen in all");
    drop(first);
    assert_eq!(all(&admission, v4(9)).len(), 4);
}

#[test]
fn a_network_of_ipv6_is_one_host_and_a_mapped_address_is_ipv4() {
    let admission = admission();
    let held: Vec<_> = (0..32).filter_map(|last| admission.handshake(v6(1, last))).collect();
    assert_eq!(held.len(), 8);
    assert!(admission.handshake(v6(2, 1)).is_some());
    drop(held);
    let mapped = IpAddr::V6(Ipv4Addr::new(192, 0, 2, 1).to_ipv6_mapped());
    let held = (all(&admission, v4(1)), all(&admission, mapped));
    assert_eq!((held.0.len(), held.1.len()), (8, 0));
}
