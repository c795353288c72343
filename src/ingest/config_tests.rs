//! What the bounds add up to is what operators are told.

use super::config::{BELIEVED_BYTES, IngestConfig};
use crate::domain::fix::Fix;
use crate::domain::report::{Outcome, PlaceHint, Profile};

#[test]
fn the_worst_case_is_the_one_in_the_config_s_page() {
    let page = include_str!("../../configs/geofenced.toml");
    let tenths = (IngestConfig::default().worst_case_bytes() + 50_000_000) / 100_000_000;
    let told = format!("about {}.{} GB", tenths / 10, tenths % 10);
    assert!(page.contains(&told), "configs/geofenced.toml does not say {told}");
}

#[test]
fn no_record_is_larger_than_the_worst_case_reckons() {
    let sizes =
        [size_of::<Fix>(), size_of::<Outcome>(), size_of::<Profile>(), size_of::<PlaceHint>()];
    assert!(sizes.iter().all(|&size| size as u64 <= BELIEVED_BYTES), "{sizes:?}");
}
