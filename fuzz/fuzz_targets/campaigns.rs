//! A file of accounts and campaigns over three fixed fences: read, composed, and where it is sound built and loaded.
#![no_main]

use geofenced::domain::ids::{AccountId, Epoch};
use geofenced::domain::lots::InstallationKey;
use geofenced::snapshot::build::{BuildOptions, build};
use geofenced::snapshot::source::{
    FileNames, TargetDirectory, compose, parse_campaigns, parse_fences,
};
use libfuzzer_sys::fuzz_target;

const FENCES: &[u8] = br#"{"type": "FeatureCollection", "features": [
  {"type": "Feature", "id": "a", "properties": {"name": "A", "radius_m": 300},
   "geometry": {"type": "Point", "coordinates": [126.978, 37.5663]}},
  {"type": "Feature", "id": "b", "properties": {"name": "B", "radius_m": 60, "place": 7},
   "geometry": {"type": "Point", "coordinates": [127.0, 37.5]}},
  {"type": "Feature", "id": "c", "properties": {"name": "C"},
   "geometry": {"type": "Polygon", "coordinates": [[[127, 37], [127.01, 37], [127.01, 37.01], [127, 37]]]}}]}"#;

fuzz_target!(|bytes: &[u8]| {
    let file = match parse_campaigns("campaigns", bytes) {
        Ok(file) => file,
        Err(errors) => {
            assert!(!errors.to_string().is_empty());
            return;
        }
    };
    let account = file.sole_account().unwrap_or(AccountId(1));
    let fences = parse_fences("fences", FENCES, Some(account)).expect("they are sound");
    let names = FileNames { fences: "fences", campaigns: "campaigns" };
    let Ok(source) = compose(names, fences, file, TargetDirectory::of(None)) else { return };
    let key = InstallationKey([7; 32]);
    let valid_from = jiff::civil::date(2026, 1, 1);
    let options = BuildOptions { epoch: Epoch(1), valid_from, key: &key, previous: None };
    if let Ok(built) = build(&source, options) {
        built.load_in_memory().expect("what we build we take");
    }
});
