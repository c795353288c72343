//! A file of fences, as `snapshot build` takes it: read, composed, and where it is sound built and loaded.
#![no_main]

use geofenced::domain::ids::{AccountId, Epoch};
use geofenced::domain::lots::InstallationKey;
use geofenced::snapshot::build::{BuildOptions, build};
use geofenced::snapshot::source::{TargetDirectory, fences_alone, parse_fences};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let fences = match parse_fences("fences", bytes, Some(AccountId(1))) {
        Ok(fences) => fences,
        Err(errors) => {
            assert!(!errors.to_string().is_empty());
            return;
        }
    };
    let Ok(source) = fences_alone("fences", fences, TargetDirectory::of(None)) else { return };
    let key = InstallationKey([7; 32]);
    let valid_from = jiff::civil::date(2026, 1, 1);
    let options = BuildOptions { epoch: Epoch(1), valid_from, key: &key, previous: None };
    if let Ok(built) = build(&source, options) {
        built.load_in_memory().expect("what we build we take");
    }
});
