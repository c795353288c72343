//! Each stateless rule at its edge.

use super::fix::{Fix, FutureRule, TIME_RANGE_MS};
use super::ids::DeviceId;
use super::ping::{Ping, PingFlags};
use super::reasons::RejectReason;
use super::units::{HALF_TURN_E7, QUARTER_TURN_E7, UtcMs};

const NOW: UtcMs = UtcMs(1_700_000_000_000);

fn ping() -> Ping {
    Ping {
        device: DeviceId([7; 16]),
        lat_e7: 375_000_000,
        lon_e7: 1_270_000_000,
        fixed_at: NOW,
        accuracy_m: 10,
        flags: PingFlags(0),
    }
}

fn verdict(ping: Ping) -> Result<Fix, RejectReason> {
    Fix::from_ping(&ping, FutureRule::AtMost { received_at: NOW, max_future_ms: 60_000 })
}

#[test]
fn a_plain_ping_is_believed() {
    let fix = verdict(ping()).expect("nothing is wrong with it");
    assert_eq!((fix.at.lat, fix.at.lon, fix.fixed_at), (375_000_000, 1_270_000_000, NOW));
}

#[test]
fn the_nil_device_is_nobody() {
    assert_eq!(verdict(Ping { device: DeviceId::NIL, ..ping() }), Err(RejectReason::NilDevice));
}

#[test]
fn mock_and_unknown_flags_are_refused() {
    let flagged = |bits| verdict(Ping { flags: PingFlags(bits), ..ping() });
    assert_eq!(flagged(PingFlags::MOCK), Err(RejectReason::Mock));
    assert_eq!(flagged(1 << 15), Err(RejectReason::UnknownFlags));
    assert!(flagged(PingFlags::KNOWN & !PingFlags::MOCK).is_ok());
}

#[test]
fn coordinates_are_checked_at_their_ends() {
    let at = |lat_e7, lon_e7| verdict(Ping { lat_e7, lon_e7, ..ping() });
    assert!(at(QUARTER_TURN_E7, 0).is_ok());
    assert_eq!(at(QUARTER_TURN_E7 + 1, 0), Err(RejectReason::BadCoordinates));
    assert_eq!(at(-QUARTER_TURN_E7 - 1, 0), Err(RejectReason::BadCoordinates));
    assert_eq!(at(0, HALF_TURN_E7 + 1), Err(RejectReason::BadCoordinates));
    assert_eq!(at(i32::MIN, i32::MIN), Err(RejectReason::BadCoordinates));
    let east = at(0, HALF_TURN_E7).expect("180° is on earth");
    assert_eq!(east.at.lon, -HALF_TURN_E7, "and is the same meridian as −180°");
}

#[test]
fn the_future_begins_after_the_tolerance() {
    let ahead = |ms| verdict(Ping { fixed_at: NOW + ms, ..ping() });
    assert!(ahead(60_000).is_ok());
    assert_eq!(ahead(60_001), Err(RejectReason::Future));
    assert!(Fix::from_ping(&Ping { fixed_at: NOW + 60_001, ..ping() }, FutureRule::Off).is_ok());
}

#[test]
fn instants_beyond_the_calendar_are_refused() {
    let at = |ms| Fix::from_ping(&Ping { fixed_at: UtcMs(ms), ..ping() }, FutureRule::Off);
    assert!(at(*TIME_RANGE_MS.start()).is_ok());
    assert_eq!(at(TIME_RANGE_MS.start() - 1), Err(RejectReason::BadTime));
    assert_eq!(at(TIME_RANGE_MS.end() + 1), Err(RejectReason::BadTime));
}
