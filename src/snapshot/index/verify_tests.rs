//! A damaged block is refused, or at least never makes a look-up panic.

use proptest::prelude::*;

use super::*;
use crate::domain::ids::TargetId;
use crate::domain::target::{Ring, Shape, Vertex};
use crate::domain::units::PointE7;

/// Thirty overlapping circles and squares, and a crowd that makes a wide leaf.
fn block() -> IndexBlock {
    let circle = |n: i32| Shape::Circle {
        center: PointE7 { lat: n * 9_000, lon: n * 7_000 },
        radius_m: 80.0 + f64::from(n),
    };
    let square = |n: i64| {
        let corner = |lat: i64, lon: i64| Vertex { lat: n * 8_000 + lat, lon: n * 8_000 + lon };
        let ring = vec![corner(0, 0), corner(9_000, 500), corner(9_500, 9_000), corner(0, 9_500)];
        Shape::Polygon { rings: vec![Ring(ring)] }
    };
    let crowd = (0..80).map(|_| circle(0));
    let shapes: Vec<Shape> = (1..16).map(circle).chain((1..16).map(square)).chain(crowd).collect();
    let targets: Vec<_> = (0..).map(TargetId).zip(&shapes).collect();
    build(&targets).expect("builds")
}

fn arrays(block: &mut IndexBlock) -> [&mut Vec<u32>; 8] {
    let IndexBlock { cells, nodes, root, groups, lists, ids, shape_at, shapes, .. } = block;
    [cells, nodes, root, groups, lists, ids, shape_at, shapes]
}

/// Everything a reader may ask, all over the block's area.
fn use_it(view: IndexView<'_>) {
    let (mut targets, mut scratch) = (Vec::new(), changes::ChangeScratch::default());
    let mut before = Contained::NONE;
    for step in -20..160 {
        let p = PointE7 { lat: step * 1_000, lon: step * 900 };
        let hit = view.test(view.spot(p), p);
        view.targets(hit.contained, &mut targets);
        view.changes(before, hit.contained, &mut scratch, |_| ());
        let _ = view.count(hit.contained);
        for &target in targets.iter().take(3) {
            let _ = (view.distance_m(target, p), view.size_m(target), view.contains(target, p));
        }
        before = hit.contained;
    }
}

/// What `verify` says of a block, archived.
fn verdict(block: &IndexBlock) -> Result<(), BadIndex> {
    let bytes = rkyv::to_bytes::<rkyv::rancor::Error>(block).expect("archives");
    verify(rkyv::access::<ArchivedIndexBlock, rkyv::rancor::Error>(&bytes).expect("reads"))
}

#[test]
fn shapes_may_be_shared_but_not_overlap() {
    let mut shared = block();
    let first = shared.shape_at[0];
    shared.shape_at.fill(first);
    assert_eq!(verdict(&shared), Ok(()));
    // A polygon record whose rings are all words that follow: each target one word further on would have all of
    // them looked at again.
    let mut forged = block();
    let words = u32::try_from(forged.shape_at.len()).unwrap();
    forged.shapes = [vec![2; words as usize], vec![0, 0, 2], vec![0; 64]].concat();
    forged.shape_at = (0..words).collect();
    assert!(verdict(&forged).is_err());
    forged.shape_at.fill(words - 1);
    assert_eq!(verdict(&forged), Ok(()), "one record for all");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn damage_is_refused_or_harmless(
        damage in prop::collection::vec(
            (0usize..8, any::<prop::sample::Index>(), prop_oneof![any::<u32>(), 0u32..300]),
            1..4,
        ),
        cut in prop::option::of((0usize..8, any::<prop::sample::Index>())),
        root in prop::option::of((0usize..5, any::<u32>())),
    ) {
        let mut block = block();
        for (array, at, word) in damage {
            let array = &mut *arrays(&mut block)[array];
            if !array.is_empty() {
                let at = at.index(array.len());
                array[at] = word;
            }
        }
        if let Some((array, at)) = cut {
            let array = &mut *arrays(&mut block)[array];
            array.truncate(at.index(array.len() + 1));
        }
        match root {
            Some((0, word)) => block.root_shift = word,
            Some((axis @ 1..=2, word)) => block.root_at[axis - 1] = word,
            Some((axis, word)) => block.root_size[axis - 3] = word,
            None => {}
        }
        let bytes = rkyv::to_bytes::<rkyv::rancor::Error>(&block).expect("archives");
        let archived =
            rkyv::access::<ArchivedIndexBlock, rkyv::rancor::Error>(&bytes).expect("reads");
        if verify(archived).is_ok() {
            use_it(IndexView::of(archived));
        }
    }
}

#[test]
fn a_node_that_leads_back_to_itself_is_refused() {
    let mut block = block();
    let slot = block.root.iter().position(|entry| entry & 3 != 0).expect("a node");
    let node = block.root[slot];
    let first = (node >> 2) as usize * block::NODE_UNIT;
    block.nodes[first] = node;
    let bytes = rkyv::to_bytes::<rkyv::rancor::Error>(&block).expect("archives");
    let archived = rkyv::access::<ArchivedIndexBlock, rkyv::rancor::Error>(&bytes).expect("reads");
    assert!(verify(archived).is_err());
}
