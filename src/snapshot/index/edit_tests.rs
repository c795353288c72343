//! Building upon the index before against building anew: the same tree, the same tiles, the right answers.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;
use rkyv::Portable;
use rkyv::api::high::HighValidator;
use rkyv::bytecheck::CheckBytes;
use rkyv::rancor::Error as ArchiveError;

use super::build::{Before, Changed, FINE_UP_TO, Grain, Ground};
use super::index_tests::{circle, compare, numbered, rings, star, telling_points};
use super::*;
use crate::domain::ids::TargetId;
use crate::domain::target::Shape;
use crate::snapshot::block::{Verified, Written, encode};
use crate::snapshot::build::geometry::{GeometryEdit, pages};
use crate::snapshot::memory::PrivateBytes;
use crate::snapshot::pages::Pages;

/// The exact shapes as a snapshot has them.
pub(super) fn exact(
    shapes: &BTreeMap<TargetId, Shape>,
) -> (Pages<ShapesBlock>, Vec<Arc<Verified<GeometryBlock>>>) {
    let mut geometry = GeometryEdit::default();
    let rows: Vec<_> =
        shapes.iter().map(|(id, shape)| (*id, geometry.comes(*id, shape).expect("fits"))).collect();
    let pages = pages(&rows).map(|page| verified(&page)).collect();
    let buckets = geometry.all(&[]).buckets().iter().map(verified).collect();
    (Pages::of(pages).expect("ascend"), buckets)
}

/// Tiles in memory.
struct InMemory<'a> {
    tile_weight: u32,
    grain: Grain,
    shapes: &'a BTreeMap<TargetId, Shape>,
    old: Option<&'a Index>,
    tiles: Vec<Arc<Verified<TileBlock>>>,
}

impl InMemory<'_> {
    fn number(&mut self, tile: Arc<Verified<TileBlock>>) -> u32 {
        let known = self.tiles.iter().position(|one| one.hash() == tile.hash());
        let at = known.unwrap_or_else(|| {
            self.tiles.push(tile);
            self.tiles.len() - 1
        });
        u32::try_from(at).expect("few")
    }
}

impl Ground for InMemory<'_> {
    type Error = IndexError;

    fn grain(&self) -> Grain {
        self.grain
    }

    fn tile_weight(&self) -> u32 {
        self.tile_weight
    }

    fn shape(&self, target: TargetId) -> Option<Cow<'_, Shape>> {
        self.shapes.get(&target).map(Cow::Borrowed)
    }

    fn keep(&mut self, tile: TileBlock) -> Result<u32, IndexError> {
        Ok(self.number(verified(&tile)))
    }

    fn keep_old(&mut self, tile: u32) -> u32 {
        let old = &self.old.expect("is there").tiles.blocks()[tile as usize];
        self.number(Arc::clone(old))
    }
}

fn verified<T>(content: &T) -> Arc<Verified<T>>
where
    T: Written,
    T::Archived: Portable + for<'a> CheckBytes<HighValidator<'a, ArchiveError>>,
{
    let (_, bytes) = encode(content).expect("archives");
    Arc::new(Verified::check(PrivateBytes::from_heap(bytes)).expect("verifies"))
}

/// A tile weight that makes many tiles of a test's targets.
pub(super) const FEW: u32 = 40;

/// The tree and its tiles, built upon those before where there are any.
pub(super) fn grown(
    shapes: &BTreeMap<TargetId, Shape>,
    changed: &[Changed<'_>],
    before: Option<&(Arc<Verified<AtlasBlock>>, Index)>,
    (tile_weight, grain): (u32, Grain),
) -> (Arc<Verified<AtlasBlock>>, Index) {
    let mut ground = InMemory {
        tile_weight,
        grain,
        shapes,
        old: before.map(|(_, index)| index),
        tiles: Vec::new(),
    };
    let upon = before.map(|(atlas, index)| Before { atlas: atlas.get(), index });
    let atlas = verified(&build(changed, upon, &mut ground).expect("builds"));
    let tiles = ground.tiles;
    let is_empty = |tile: u32| tiles[tile as usize].get().members.is_empty();
    let grid = AtlasGrid::of(atlas.get(), is_empty).expect("is a tree");
    (atlas, Index { atlas: grid, tiles: Tiles::of(tiles) })
}

pub(super) fn all_new(shapes: &BTreeMap<TargetId, Shape>) -> Vec<Changed<'_>> {
    let targets = shapes.iter();
    targets
        .map(|(id, shape)| Changed { target: *id, before: None, now: Some(Cow::Borrowed(shape)) })
        .collect()
}

/// Edits shapes step by step; after each, the index built upon the last one is the one built anew, and right.
fn follow_edits(grain: Grain, steps: &[BTreeMap<TargetId, Shape>]) {
    let nothing = BTreeMap::new();
    let mut before: Option<(Arc<Verified<AtlasBlock>>, Index)> = None;
    for (last, now) in std::iter::once(&nothing).chain(steps).zip(steps) {
        let ids: BTreeSet<TargetId> = last.keys().chain(now.keys()).copied().collect();
        let differs = |id: &TargetId| last.get(id) != now.get(id);
        let changed = |target| Changed {
            target,
            before: last.get(&target).cloned(),
            now: now.get(&target).map(Cow::Borrowed),
        };
        let edits: Vec<_> = ids.into_iter().filter(differs).map(changed).collect();
        let (edited, anew) = (
            grown(now, &edits, before.as_ref(), (FEW, grain)),
            grown(now, &all_new(now), None, (FEW, grain)),
        );
        assert_eq!(edited.0.hash(), anew.0.hash(), "the trees");
        let names =
            |index: &Index| index.tiles.blocks().iter().map(|tile| tile.hash()).collect::<Vec<_>>();
        assert_eq!(names(&edited.1), names(&anew.1), "the tiles");
        let shapes: Vec<_> = now.iter().map(|(id, shape)| (*id, shape.clone())).collect();
        let (pages, geometry) = exact(now);
        let points: Vec<_> = telling_points(&shapes).into_iter().step_by(11).take(300).collect();
        compare(IndexView::new(&edited.1, ShapeBook::new(&pages, &geometry)), &shapes, &points);
        before = Some(edited);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10))]
    #[test]
    fn an_edit_gives_the_index_that_a_build_gives(
        shapes in small_shapes(),
        coarse: bool,
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0u8..3), 1..6),
    ) {
        let mut now: BTreeMap<TargetId, Shape> = shapes.iter().cloned().collect();
        let mut steps = vec![now.clone()];
        for (which, other, kind) in edits {
            let (id, _) = &shapes[which.index(shapes.len())];
            let (_, shape) = &shapes[other.index(shapes.len())];
            match kind {
                0 => drop(now.remove(id)),
                1 => drop(now.insert(*id, shape.clone())),
                _ => drop(now.insert(TargetId(id.0 + 1), shape.clone())),
            }
            steps.push(now.clone());
        }
        follow_edits(if coarse { Grain::Coarse } else { Grain::Fine }, &steps);
    }
}

/// Fences of a town, and one about it all.
fn small_shapes() -> impl Strategy<Value = Vec<(TargetId, Shape)>> {
    let place = || (-900_000..900_000i32, -900_000..900_000i32);
    let circles = (place(), 50.0..1500.0f64).prop_map(|((lat, lon), radius_m)| {
        circle(375_000_000 + lat, 1_270_000_000 + lon, radius_m)
    });
    let polygons = (place(), star()).prop_map(|((lat, lon), star)| {
        let (lat, lon) = (375_000_000 + i64::from(lat), 1_270_000_000 + i64::from(lon));
        rings(vec![star.into_iter().map(|(x, y)| (lon + x / 40, lat + y / 40)).collect()])
    });
    let about =
        prop_oneof![Just(Shape::Everywhere), Just(circle(375_000_000, 1_270_000_000, 30_000.0))];
    let shapes = prop_oneof![3 => circles, 2 => polygons];
    (prop::collection::vec(shapes, 40..140), about).prop_map(|(mut shapes, about)| {
        shapes.push(about);
        numbered(shapes)
    })
}

#[test]
fn a_crowd_quarters_the_grid_and_its_leaving_joins_it_again() {
    let spread = |count: i32| -> BTreeMap<TargetId, Shape> {
        let at = |n: i32| circle(370_000_000 + n * 90_000, 1_270_000_000 + n % 7 * 400_000, 300.0);
        (0..count).map(|n| (TargetId(n.unsigned_abs() + 1), at(n))).collect()
    };
    let (few, many) = (spread(9), spread(200));
    let tiles = |shapes: &BTreeMap<TargetId, Shape>| {
        grown(shapes, &all_new(shapes), None, (FEW, Grain::Fine)).1.tiles.blocks().len()
    };
    assert_eq!(tiles(&few), 1);
    assert!(tiles(&many) > 5, "{} tiles", tiles(&many));
    follow_edits(Grain::Fine, &[few.clone(), many, few]);
}

#[test]
fn more_targets_than_a_fine_index_may_have_make_a_coarse_one() {
    assert_eq!([Grain::of(0), Grain::of(FINE_UP_TO)], [Grain::Fine; 2]);
    assert_eq!(Grain::of(FINE_UP_TO + 1), Grain::Coarse);
}
