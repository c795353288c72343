//! Reading pings: plain and gzipped, hashed ids, rejects, and errors that name line and field.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use super::pings::*;
use crate::domain::ids::DeviceId;
use crate::domain::reasons::RejectReason;
use crate::domain::units::PointE7;

const HEADER: &str = "device_id,ts_ms,lat,lon,accuracy_m\n";

fn written(name: &str, bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join(name);
    fs::write(&path, bytes).expect("written");
    (dir, path)
}

#[test]
fn plain_and_gzipped_files_read_the_same() {
    let text = format!(
        "{HEADER}7,-2208961800000,34.7109992,135.46995,3\n\
         00112233-4455-6677-8899-AABBCCDDEEFF,1760000000000,-0.00000005,-180,21.8\n"
    );
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(text.as_bytes()).expect("packs");
    let (_a, plain) = written("p.csv", text.as_bytes());
    let (_b, gzipped) = written("p.csv.gz", &packed.finish().expect("packs"));
    let fixes = read_fixes(&plain).expect("reads").pings;
    assert_eq!(read_fixes(&gzipped).expect("reads").pings, fixes);
    assert_eq!(fixes.len(), 2);
    assert_eq!(fixes[0].at, PointE7 { lat: 347_109_992, lon: 1_354_699_500 });
    assert_eq!(fixes[1].at, PointE7 { lat: -1, lon: -1_800_000_000 });
    assert_eq!((fixes[0].accuracy_m, fixes[1].accuracy_m), (3, 22));
    let uuid = DeviceId::parse("00112233445566778899aabbccddeeff").expect("a UUID");
    assert_eq!(fixes[1].device, uuid);
    assert!(!fixes[0].device.is_nil() && fixes[0].device != uuid);
}

#[test]
fn what_no_device_can_have_is_counted() {
    let nil = "00000000-0000-0000-0000-000000000000";
    let text = format!("{HEADER}1,5,91,0,3\n1,5,0,181,3\n{nil},5,0,0,3\n1,5,0,0,3\n");
    let (_dir, path) = written("p.csv", text.as_bytes());
    let read = read_pings(&path).expect("reads");
    assert_eq!((read.pings.len(), read.rows()), (1, 4));
    let expected = [(RejectReason::BadCoordinates, 2), (RejectReason::NilDevice, 1)];
    assert_eq!(read.rejected, expected);
    assert_eq!(read.row_of(0), 3, "the good one is in the fourth row");
}

#[test]
fn errors_name_line_and_field() {
    for (text, told) in [
        (format!("{HEADER}1,5,0,0,3\n1,5,north,0,3\n"), ["line 3, lat", "\"north\""]),
        (format!("{HEADER}1,x,0,0,3\n"), ["line 2, ts_ms", "\"x\""]),
        ("device_id,ts_ms,lat,lon\n".to_owned(), ["line 1", "no column accuracy_m"]),
        (format!("{HEADER}1,5,0\n"), ["line 2", "fields"]),
        (format!("{HEADER}1,5,0,0,NaN\n"), ["line 2, accuracy_m", "\"NaN\""]),
        (format!("{HEADER}1,5,0,0,-1\n"), ["line 2, accuracy_m", "\"-1\""]),
        (format!("{HEADER}1,5,0,0,inf\n"), ["line 2, accuracy_m", "\"inf\""]),
    ] {
        let (_dir, path) = written("p.csv", text.as_bytes());
        let error = read_pings(&path).expect_err("refused").to_string();
        assert!(told.iter().all(|part| error.contains(part)), "{error}");
    }
    assert!(read_pings(&PathBuf::from("/nowhere.csv")).is_err());
}

#[test]
fn columns_may_come_in_any_order() {
    let text = "lon,extra,lat,accuracy_m,ts_ms,device_id\n2,?,1,0,5,a\n";
    let (_dir, path) = written("p.csv", text.as_bytes());
    let read = read_fixes(&path).expect("reads");
    assert_eq!(read.pings[0].at, PointE7 { lat: 10_000_000, lon: 20_000_000 });
}
