//! Finding a polygon by its name, where names are spread evenly and where they are not.

use proptest::prelude::*;

use super::book::{ArchivedGeometryBlock, GeometryBlock, GeometryKey};

fn rows_of(mut keys: Vec<GeometryKey>, asked: &[GeometryKey]) -> Result<(), TestCaseError> {
    keys.sort_unstable();
    keys.dedup();
    let block = GeometryBlock { keys: keys.clone(), ..GeometryBlock::default() };
    let bytes = rkyv::to_bytes::<rkyv::rancor::Error>(&block).expect("archives");
    let block = rkyv::access::<ArchivedGeometryBlock, rkyv::rancor::Error>(&bytes).expect("reads");
    for (row, key) in keys.iter().enumerate() {
        prop_assert_eq!(block.row(*key), Some(row));
    }
    for key in asked {
        prop_assert_eq!(block.row(*key), keys.binary_search(key).ok());
    }
    Ok(())
}

proptest! {
    #[test]
    fn even_names_are_found(
        keys in prop::collection::vec(any::<GeometryKey>(), 0..300),
        asked in prop::collection::vec(any::<GeometryKey>(), 20),
    ) {
        rows_of(keys, &asked)?;
    }

    #[test]
    fn uneven_names_are_found(
        keys in prop::collection::vec((0..4u32, 0..u32::MAX, 0..3u32), 0..300),
        asked in prop::collection::vec((0..5u32, 0..u32::MAX, 0..3u32), 20),
    ) {
        let key = |(high, low, last): &(u32, u32, u32)| {
            let start = if *high == 0 { *low } else { u32::MAX - high };
            [start, low % 3, 0, *last]
        };
        let asked: Vec<GeometryKey> = asked.iter().map(key).collect();
        rows_of(keys.iter().map(key).collect(), &asked)?;
    }
}
