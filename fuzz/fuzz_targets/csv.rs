//! A file of recorded pings: every row is a ping or a counted reject, or the reading stops with a line and a column.
#![no_main]

use std::path::Path;

use geofenced::offline::pings::read_pings_from;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    match read_pings_from(bytes, Path::new("pings.csv")) {
        Ok(recorded) => {
            let lines = bytes.iter().filter(|&&byte| byte == b'\n' || byte == b'\r').count() as u64;
            assert!(recorded.rows() <= lines + 1, "{} rows of {lines} lines", recorded.rows());
            for ping in &recorded.pings {
                assert!(ping.at.lat.abs() <= 900_000_000 && ping.at.lon.abs() <= 1_800_000_000);
            }
        }
        Err(error) => assert!(error.to_string().starts_with("pings.csv"), "{error}"),
    }
});
