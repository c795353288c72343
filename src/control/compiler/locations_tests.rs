//! What blocks mean: every combination of areas and stores against plain loops.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use super::atlas::{Atlas, contains};
use super::locations::{Gazetteer, Meant};
use super::records::Records;
use crate::control::documents::account::Membership;
use crate::control::documents::campaign::General;
use crate::control::documents::{Brand, Category, Document, Geofence, Group, Place, Region};
use crate::control::samples::{Installation, geofence, parsed, place, set, square};
use crate::control::store::{Content, Link, Tx, thread};
use crate::domain::ids::AccountId;
use crate::domain::target::{Ring, Shape, Vertex};
use crate::domain::units::{PointE7, UtcMs};

pub(super) const OURS: AccountId = AccountId(1);

/// What an account has, as plain lists; each number is a position plus one.
#[derive(Debug, Clone)]
pub(super) struct World {
    pub(super) regions: Vec<Region>,
    pub(super) geofences: Vec<Geofence>,
    pub(super) places: Vec<Place>,
    /// The parent of each category.
    categories: Vec<Option<u32>>,
}

const GROUPS: u32 = 2;
const BRANDS: u32 = 3;
const CATEGORIES: usize = 6;

/// Points about the antimeridian and the equator, so that areas overlap and are cut by it.
fn point() -> impl Strategy<Value = (f64, f64)> {
    (-200..200_i32, -200..200_i32).prop_map(|(lat, lon)| {
        let lon = 180.0 + f64::from(lon) / 100.0;
        (f64::from(lat) / 100.0, if lon > 180.0 { lon - 360.0 } else { lon })
    })
}

fn area() -> impl Strategy<Value = Value> {
    let square = (point(), 1..300_i32).prop_map(|((lat, lon), side)| {
        let side = f64::from(side) / 100.0;
        let (north, east) = (lat + side, lon + side);
        let east = if east > 180.0 { east - 360.0 } else { east };
        json!({ "type": "polygon", "coordinates": [[[lon, lat], [east, lat], [east, north], [lon, north]]] })
    });
    square.boxed()
}

fn fence() -> impl Strategy<Value = Value> {
    let circle = (point(), 50..100_000_u32).prop_map(|((lat, lon), radius_m)| {
        json!({ "type": "circle", "lat": lat, "lon": lon, "radius_m": radius_m })
    });
    prop_oneof![circle, area()]
}

fn number(most: u32) -> impl Strategy<Value = Option<u32>> {
    prop::option::of(1..=most)
}

pub(super) fn worlds() -> impl Strategy<Value = World> {
    let regions = prop::collection::vec(area(), 3).prop_map(|shapes| {
        let levels = ["street", "city", "trade_area"];
        let region = |(level, shape): (&str, Value)| {
            parsed(json!({ "name": format!("{shape}"), "level": level, "shape": shape }))
        };
        levels.into_iter().zip(shapes).map(region).collect()
    });
    let geofences = prop::collection::vec((fence(), number(GROUPS)), 5).prop_map(|drafts| {
        let fence = |(shape, group): (Value, Option<u32>)| {
            parsed(set(set(geofence(), "/shape", shape), "/group", json!(group)))
        };
        drafts.into_iter().map(fence).collect()
    });
    let stores = (point(), number(BRANDS - 1), number(6));
    let places = prop::collection::vec(stores, 12).prop_map(|drafts| {
        type Draft = ((f64, f64), Option<u32>, Option<u32>);
        let store = |(at, (point, brand, category)): (usize, Draft)| {
            let body = place(&at.to_string(), point);
            parsed(set(set(body, "/brand", json!(brand)), "/category", json!(category)))
        };
        drafts.into_iter().enumerate().map(store).collect()
    });
    // Each category lies below an earlier one, if below any, and the tree is four deep at most.
    let parents = prop::collection::vec(prop::option::of(any::<prop::sample::Index>()), CATEGORIES);
    let categories = parents.prop_map(|picks| {
        let (mut parents, mut depths) = (Vec::new(), Vec::<usize>::new());
        for (at, pick) in picks.into_iter().enumerate() {
            let above =
                pick.filter(|_| at > 0).map(|pick| pick.index(at)).filter(|up| depths[*up] < 4);
            depths.push(above.map_or(1, |up| depths[up] + 1));
            parents.push(above.map(|up| u32::try_from(up).unwrap() + 1));
        }
        parents
    });
    (regions, geofences, places, categories).prop_map(|(regions, geofences, places, categories)| {
        World { regions, geofences, places, categories }
    })
}

fn some(most: u32) -> impl Strategy<Value = Vec<u32>> {
    prop::collection::vec(1..=most, 0..3)
}

pub(super) fn blocks() -> impl Strategy<Value = General> {
    (some(3), some(5), some(GROUPS), some(BRANDS), some(6), some(12)).prop_map(
        |(regions, geofences, groups, brands, categories, places)| General {
            nationwide: regions.is_empty() && geofences.is_empty() && groups.is_empty(),
            regions,
            geofences,
            groups,
            brands,
            categories,
            places,
            ..General::default()
        },
    )
}

/// A document as a record, and what it is linked to.
pub(super) fn content<D: Document>(document: &D) -> (Content, Vec<Link>) {
    let body = serde_json::to_string(document).unwrap();
    let links = document.needs().into_iter().map(|need| need.link).collect();
    (Content { name: document.name().to_owned(), body, ..Content::default() }, links)
}

fn keep<D: Document>(tx: &mut dyn Tx, document: &D) {
    let (content, links) = content(document);
    let made = tx.insert((OURS, D::KIND), content, UtcMs(0)).unwrap();
    tx.link(made.key, &links).unwrap();
}

pub(super) fn keep_all(tx: &mut dyn Tx, world: &World) {
    for _group in 0..GROUPS {
        keep(tx, &parsed::<Group>(json!({ "name": "G" })));
    }
    for _brand in 0..BRANDS {
        keep(tx, &parsed::<Brand>(json!({ "name": "B" })));
    }
    for parent in &world.categories {
        keep(tx, &parsed::<Category>(json!({ "name": "C", "parent": parent })));
    }
    world.regions.iter().for_each(|one| keep(tx, one));
    world.geofences.iter().for_each(|one| keep(tx, one));
    world.places.iter().for_each(|one| keep(tx, one));
}

fn numbered<T>(list: &[T]) -> impl Iterator<Item = (u32, &T)> {
    (1..).zip(list)
}

/// Whether a category is another or below it.
fn is_below(world: &World, mut category: u32, above: u32) -> bool {
    loop {
        if category == above {
            return true;
        }
        match world.categories[category as usize - 1] {
            Some(parent) => category = parent,
            None => return false,
        }
    }
}

fn oracle(world: &World, block: &General) -> Meant {
    let in_group =
        |fence: &Geofence| fence.group.is_some_and(|group| block.groups.contains(&group));
    let fences: BTreeSet<u32> = numbered(&world.geofences)
        .filter(|(id, fence)| block.geofences.contains(id) || in_group(fence))
        .map(|(id, _)| id)
        .collect();
    if block.brands.is_empty() && block.categories.is_empty() && block.places.is_empty() {
        let regions = block.regions.iter().copied().collect();
        return Meant {
            nationwide: block.nationwide,
            regions,
            geofences: fences,
            ..Meant::default()
        };
    }
    let has_areas =
        !(block.regions.is_empty() && block.geofences.is_empty() && block.groups.is_empty());
    let mut shapes: Vec<Shape> = Vec::new();
    for id in &block.regions {
        shapes.push(world.regions[*id as usize - 1].shape.to_shape().unwrap());
    }
    for id in &fences {
        shapes.push(world.geofences[*id as usize - 1].shape.to_shape().unwrap());
    }
    let mut meant = Meant::default();
    for (id, store) in numbered(&world.places) {
        let named = block.places.contains(&id)
            || store.brand.is_some_and(|brand| block.brands.contains(&brand))
            || store.category.is_some_and(|category| {
                block.categories.iter().any(|above| is_below(world, category, *above))
            });
        let point = PointE7::from_degrees(store.lat, store.lon).unwrap();
        if named && (!has_areas || shapes.iter().any(|shape| contains(shape, point))) {
            meant.places.insert(id);
        }
    }
    meant
}

#[test]
fn blocks_mean_what_plain_loops_find() {
    let mut runner =
        TestRunner::new(Config { cases: 60, failure_persistence: None, ..Config::default() });
    let outcome =
        runner.run(&(worlds(), prop::collection::vec(blocks(), 12)), |(world, blocks)| {
            let (mut installation, account) = Installation::with(Membership::Basic);
            assert_eq!(account, OURS);
            thread::write(&mut installation.store, |tx| {
                keep_all(tx, &world);
                let mut records = Records::of(OURS);
                let mut gazetteer = Gazetteer::over(tx, &mut records);
                for block in &blocks {
                    let meant = gazetteer.meant(block).unwrap();
                    assert_eq!(meant, oracle(&world, block), "{block:?}");
                }
                Ok(())
            })
            .unwrap();
            Ok(())
        });
    outcome.unwrap();
}

/// Polygons of many vertices, some across the antimeridian or with a tip at the pole, and some that are all high edges.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "coordinates are far below 2^53"
)]
fn stars() -> impl Strategy<Value = Shape> {
    let radii = prop::collection::vec(1..=1000_i64, 64..400);
    (-85..=89_i64, -180..=180_i64, radii, 1..100_000_i64).prop_map(|(lat, lon, radii, reach)| {
        let around = radii.len() as f64;
        let vertex = |(at, radius): (usize, &i64)| {
            let angle = std::f64::consts::TAU * at as f64 / around;
            let out = (radius * reach) as f64;
            let along = |ratio: f64| (out * ratio).round() as i64;
            let lat = (lat * 10_000_000 + along(angle.sin())).clamp(-900_000_000, 900_000_000);
            Vertex { lat, lon: lon * 10_000_000 + along(angle.cos()) }
        };
        Shape::Polygon { rings: vec![Ring(radii.iter().enumerate().map(vertex).collect())] }
    })
}

#[test]
#[expect(clippy::cast_precision_loss, reason = "coordinates are far below 2^53")]
fn an_atlas_saves_work_and_changes_nothing() {
    let mut runner =
        TestRunner::new(Config { cases: 100, failure_persistence: None, ..Config::default() });
    let anywhere = (-90_000..=90_000_i32, -180_000..=180_000_i32);
    let degrees = |(lat, lon): (i32, i32)| (f64::from(lat) / 1e3, f64::from(lon) / 1e3);
    let circle = (anywhere.clone(), 50..=20_000_000_u32).prop_map(move |(at, radius_m)| {
        let (lat, lon) = degrees(at);
        Shape::Circle {
            center: PointE7::from_degrees(lat, lon).unwrap(),
            radius_m: f64::from(radius_m),
        }
    });
    let polygon = fence().prop_map(|shape| {
        parsed::<Geofence>(set(geofence(), "/shape", shape)).shape.to_shape().unwrap()
    });
    let shapes = prop_oneof![circle, polygon, stars(), Just(Shape::Everywhere)];
    let shapes = prop::collection::vec(shapes, 0..8);
    let near = point().prop_map(|(lat, lon)| PointE7::from_degrees(lat, lon).unwrap());
    let far = anywhere.prop_map(move |at| {
        let (lat, lon) = degrees(at);
        PointE7::from_degrees(lat, lon).unwrap()
    });
    let points = prop::collection::vec(prop_oneof![near, far], 20);
    let outcome = runner.run(&(shapes, points), |(shapes, points)| {
        let atlas = Atlas::of(shapes.clone());
        // Vertices, too: the rows in which edges begin and end.
        let rings = shapes.iter().filter_map(|shape| match shape {
            Shape::Polygon { rings } => Some(rings),
            Shape::Circle { .. } | Shape::Everywhere => None,
        });
        let corner = |vertex: &Vertex| {
            PointE7::from_degrees(vertex.lat as f64 / 1e7, vertex.lon as f64 / 1e7)
        };
        let corners = rings.flatten().flat_map(|ring| ring.0.iter().step_by(37)).filter_map(corner);
        for point in points.into_iter().chain(corners) {
            let plain = shapes.iter().enumerate().filter(|(_, shape)| contains(shape, point));
            let expected: Vec<usize> = plain.map(|(at, _)| at).collect();
            prop_assert_eq!(atlas.containing(point), expected);
        }
        Ok(())
    });
    outcome.unwrap();
}

#[test]
fn an_area_across_the_antimeridian_has_stores_on_both_sides() {
    let (mut installation, account) = Installation::with(Membership::Basic);
    let shape = json!({ "type": "polygon", "coordinates": [[[179.0, -1.0], [-179.0, -1.0], [-179.0, 1.0], [179.0, 1.0]]] });
    installation
        .make::<Region>(account, json!({ "name": "Fiji", "level": "trade_area", "shape": shape }));
    for (code, lon) in
        [("west", 179.5), ("east", -179.5), ("line", 180.0), ("far", 0.0), ("out", 178.9)]
    {
        installation.make::<Place>(account, place(code, (0.0, lon)));
    }
    installation.make::<Region>(
        account,
        json!({ "name": "Else", "level": "trade_area", "shape": square((0.0, 10.0), 1.0) }),
    );
    thread::read(&mut installation.store, |tx| {
        let block =
            General { regions: vec![1, 2], places: (1..=5).collect(), ..General::default() };
        let meant = Gazetteer::over(tx, &mut Records::of(account)).meant(&block).unwrap();
        assert_eq!(meant.places, BTreeSet::from([1, 2, 3]));
        let gone = General { geofences: vec![9], ..General::default() };
        let error = Gazetteer::over(tx, &mut Records::of(account)).meant(&gone).unwrap_err();
        assert_eq!(error.to_string(), "there is no geofence 9 any more");
        Ok(())
    })
    .unwrap();
}
