//! Blocks give back what was put into them, and nothing that was not.

use fjall::Slice;
use proptest::prelude::*;

use super::blocks::{BLOCK_RECORDS, Block, OpenBlock};

/// What a row has.
fn read(key: &[u8], value: &[u8]) -> Option<Vec<(u64, Vec<u8>)>> {
    let block = Block::read(key, &Slice::new(value)).ok()?;
    Some(block.records().iter().map(|(offset, bytes)| (*offset, bytes.to_vec())).collect())
}

fn of(records: &[(u64, Vec<u8>)], first: u64) -> OpenBlock {
    let mut block = OpenBlock::at(first);
    for (offset, bytes) in records {
        assert!(!block.is_full());
        assert_eq!(block.push(*offset, |out| out.extend(bytes)), bytes.len());
    }
    block
}

#[test]
fn a_row_of_one_record_is_a_block_of_one() {
    assert_eq!(read(&7u64.to_be_bytes(), b"abc"), Some(vec![(7, b"abc".to_vec())]));
    for key in [&[][..], &[1; 7], &[0, 0, 0, 0, 0, 0, 0, 7, 2], &[1; 10]] {
        assert_eq!(read(key, b"abc"), None, "{key:?}");
    }
}

#[test]
fn it_is_full_at_so_many_records_and_at_so_many_bytes() {
    let mut block = OpenBlock::at(5);
    for offset in 5..5 + BLOCK_RECORDS {
        assert!(!block.is_full(), "{offset}");
        block.push(offset, |out| out.push(1));
    }
    assert!(block.is_full());
    block.clear();
    block.begin(100);
    assert!(block.is_empty() && !block.is_full());
    block.push(100, |out| out.extend([0; (32 << 10) - 6]));
    assert!(!block.is_full(), "a byte is left");
    block.push(101, |out| out.push(1));
    assert!(block.is_full());
}

proptest! {
    #[test]
    fn what_was_put_in_is_read_and_what_is_gone_is_not(
        first in 1..u64::MAX - 64,
        texts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..=64),
        gone in any::<u64>(),
    ) {
        let records: Vec<(u64, Vec<u8>)> = (first..).zip(texts).collect();
        let open = of(&records, first);
        let (key, value) = open.row();
        prop_assert_eq!(read(&key, value), Some(records.clone()));
        let is_gone = |offset: u64| gone >> (offset - first) & 1 == 1;
        let offsets: Vec<u64> =
            records.iter().map(|(offset, _)| *offset).filter(|offset| is_gone(*offset)).collect();
        let left: Vec<_> = records.into_iter().filter(|(offset, _)| !is_gone(*offset)).collect();
        let block = Block::read(&key, &Slice::new(value)).expect("ours");
        match block.without(&offsets) {
            Some(open) => {
                prop_assert_eq!(open.row().0, key, "it stays the same row");
                prop_assert_eq!(read(&key, open.row().1), Some(left));
            }
            None => prop_assert!(left.is_empty()),
        }
    }

    /// Whatever is cut off or put behind is noticed, but for a block that ends earlier between two records.
    #[test]
    fn what_is_no_block_is_none(
        texts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..=8),
        cut in any::<prop::sample::Index>(),
        noise in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let records: Vec<(u64, Vec<u8>)> = (9..).zip(texts).collect();
        let open = of(&records, 9);
        let (key, value) = open.row();
        let cut = &value[..cut.index(value.len())];
        if let Some(fewer) = read(&key, cut) {
            prop_assert_eq!(&fewer[..], &records[..fewer.len()]);
        }
        // Offsets ascend, whatever the bytes say.
        let found = read(&key, &noise).unwrap_or_default();
        prop_assert!(found.is_sorted_by(|(one, _), (next, _)| one < next));
    }
}
