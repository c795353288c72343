//! A slab against a map of vectors.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::slab::{Run, Slab, grow_for};

#[derive(Clone, Debug)]
enum Step {
    Insert { run: usize, at: usize, value: u32 },
    Remove { run: usize, at: usize },
    Retain { run: usize, modulus: u32 },
    Clear { run: usize },
    Replace { run: usize, values: Vec<u32> },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let run = 0..5usize;
    prop::collection::vec(
        prop_oneof![
            6 => (run.clone(), 0..40usize, any::<u32>()).prop_map(|(run, at, value)| Step::Insert { run, at, value }),
            3 => (run.clone(), 0..40usize).prop_map(|(run, at)| Step::Remove { run, at }),
            1 => (run.clone(), 2..5u32).prop_map(|(run, modulus)| Step::Retain { run, modulus }),
            1 => run.clone().prop_map(|run| Step::Clear { run }),
            2 => (run, prop::collection::vec(any::<u32>(), 0..40)).prop_map(|(run, values)| Step::Replace { run, values }),
        ],
        0..300,
    )
}

proptest! {
    #[test]
    fn behaves_like_vectors(steps in steps()) {
        let mut slab = Slab::<u32>::default();
        let mut runs = [Run::default(); 5];
        let mut oracle = BTreeMap::<usize, Vec<u32>>::new();
        for step in steps {
            match step {
                Step::Insert { run, at, value } => {
                    let list = oracle.entry(run).or_default();
                    let at = at.min(list.len());
                    list.insert(at, value);
                    prop_assert!(slab.insert(&mut runs[run], at, value));
                }
                Step::Remove { run, at } => {
                    let list = oracle.entry(run).or_default();
                    if at < list.len() {
                        prop_assert_eq!(slab.remove(&mut runs[run], at), list.remove(at));
                    }
                }
                Step::Retain { run, modulus } => {
                    oracle.entry(run).or_default().retain(|value| value % modulus != 0);
                    slab.retain(&mut runs[run], |value| value % modulus != 0);
                }
                Step::Clear { run } => {
                    oracle.entry(run).or_default().clear();
                    slab.clear(&mut runs[run]);
                }
                Step::Replace { run, values } => {
                    prop_assert!(slab.replace(&mut runs[run], &values));
                    oracle.insert(run, values);
                }
            }
            for (run, list) in &oracle {
                prop_assert_eq!(slab.get(runs[*run]), &list[..]);
            }
        }
    }
}

#[test]
fn freed_blocks_are_used_again() {
    let mut slab = Slab::<u64>::default();
    let mut run = Run::default();
    for n in 0..100 {
        slab.push(&mut run, n);
    }
    slab.clear(&mut run);
    let warm = slab.bytes();
    for _ in 0..50 {
        for n in 0..100 {
            slab.push(&mut run, n);
        }
        slab.clear(&mut run);
    }
    assert_eq!(slab.bytes(), warm);
}

#[test]
fn a_list_that_comes_and_goes_by_one_keeps_its_block() {
    let mut slab = Slab::<u64>::default();
    let mut run = Run::default();
    slab.replace(&mut run, &[1; 8]);
    let warm = slab.bytes();
    for len in [7, 8, 6, 8, 3, 8, 2, 8] {
        assert!(slab.replace(&mut run, &vec![2; len]));
        assert_eq!((slab.get(run).len(), slab.bytes()), (len, warm));
    }
}

#[test]
fn the_longest_run_refuses_one_more() {
    let mut slab = Slab::<u8>::default();
    let mut run = Run::default();
    for _ in 0..Run::<u8>::MAX_LEN {
        assert!(slab.push(&mut run, 1));
    }
    assert!(!slab.push(&mut run, 1));
    assert!(!slab.replace(&mut run, &[1; Run::<u8>::MAX_LEN + 1]));
}

#[test]
fn what_is_kept_for_devices_has_little_room_to_spare() {
    let mut records: Vec<u64> = Vec::new();
    for number in 0..10_000 {
        grow_for(&mut records, 1);
        records.push(number);
        let spare = records.capacity() - records.len();
        assert!(spare <= records.len() / 4 + 8, "{spare} beside {}", records.len());
    }
}
