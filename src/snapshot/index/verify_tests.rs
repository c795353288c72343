//! A damaged block is refused, or at least never makes a look-up panic.

use proptest::prelude::*;

use super::atlas::WHOLE;
use super::part::Share;
use super::tile_view::Tile;
use super::*;
use crate::domain::target::{Ring, Shape, Vertex};
use crate::domain::units::PointE7;
use crate::snapshot::pages::Pages;

/// Thirty overlapping circles and squares, and a crowd that makes a wide leaf.
fn block() -> TileBlock {
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
    let share = Share::of((0..).zip(&shapes));
    tile::build(share, WHOLE, Grain::Fine).expect("builds")
}

fn arrays(block: &mut TileBlock) -> [&mut Vec<u32>; 7] {
    let TileBlock { cells, nodes, root, groups, lists, members, base, .. } = block;
    [cells, nodes, root, groups, lists, members, base]
}

/// Everything a reader may ask, all over the block's area.
fn use_it(block: &ArchivedTileBlock) {
    let (mut targets, mut leaves) = (Vec::new(), Vec::new());
    let pages = Pages::of(Vec::new()).expect("no pages");
    let exact = ShapeBook::new(&pages, &[]);
    let tile = Tile::of(block);
    for step in -20..160 {
        let p = PointE7 { lat: step * 1_000, lon: step * 900 };
        let slot = tile.root_slot(p);
        let _ = tile.first_node(slot, p);
        leaves.push(tile.leaf_from(slot, p));
        let hit = tile.test(leaves[leaves.len() - 1], p, (0, exact));
        tile.prefetch_group(hit.contained);
        tile.prefetch_base(hit.contained);
        targets.clear();
        tile.targets(hit.contained, exact, &mut targets);
        let _ = (tile.count(hit.contained, exact), tile.undecided(hit.contained.offset()));
    }
}

/// What `verify` says of a block, archived.
fn verdict(block: &TileBlock) -> Result<(), BadIndex> {
    let bytes = rkyv::to_bytes::<rkyv::rancor::Error>(block).expect("archives");
    verify(rkyv::access::<ArchivedTileBlock, rkyv::rancor::Error>(&bytes).expect("reads"))
}

#[test]
fn ids_out_of_order_are_refused() {
    assert_eq!(verdict(&block()), Ok(()));
    for list in [5, 6] {
        let mut unsorted = block();
        *arrays(&mut unsorted)[list] = vec![2, 2];
        assert!(verdict(&unsorted).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn damage_is_refused_or_harmless(
        damage in prop::collection::vec(
            (0usize..7, any::<prop::sample::Index>(), prop_oneof![any::<u32>(), 0u32..300]),
            1..4,
        ),
        cut in prop::option::of((0usize..7, any::<prop::sample::Index>())),
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
            rkyv::access::<ArchivedTileBlock, rkyv::rancor::Error>(&bytes).expect("reads");
        if verify(archived).is_ok() {
            use_it(archived);
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
    let archived = rkyv::access::<ArchivedTileBlock, rkyv::rancor::Error>(&bytes).expect("reads");
    assert!(verify(archived).is_err());
}
