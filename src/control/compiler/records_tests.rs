//! Records that are kept give what records read anew would, whatever was changed.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;

use super::kept::Kept;
use super::locations::Gazetteer;
use super::locations_tests::{OURS, World, blocks, content, keep_all, worlds};
use super::records::{List, READ_SINGLY, Records};
use super::targets::{Drawing, TargetKey};
use crate::control::documents::account::Membership;
use crate::control::documents::campaign::{General, Nearness};
use crate::control::documents::{Brand, Category, Place};
use crate::control::samples::{Installation, parsed, place};
use crate::control::store::{Key, Kind, Link, Tx, thread};
use crate::domain::ids::{AccountId, TargetId};
use crate::domain::units::UtcMs;

/// A change of the catalog; numbers are taken modulo what there is.
#[derive(Debug, Clone)]
enum Change {
    /// A record becomes what the one of another world is.
    Replaced(Kind, usize),
    Deleted(Kind, usize),
    Made(Kind, usize),
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let kinds = vec![Kind::Region, Kind::Geofence, Kind::Place, Kind::Brand, Kind::Category];
    let change = (0..3, prop::sample::select(kinds), 0..20_usize);
    let change = change.prop_map(|(what, kind, at)| match what {
        0 => Change::Replaced(kind, at),
        1 => Change::Deleted(kind, at),
        _ => Change::Made(kind, at),
    });
    prop::collection::vec(change, 0..4)
}

/// What a kind's record of a world says, and what it is linked to.
fn one_of(world: &World, kind: Kind, at: usize) -> (crate::control::store::Content, Vec<Link>) {
    let pick = |len: usize| at % len;
    if kind == Kind::Region {
        content(&world.regions[pick(world.regions.len())])
    } else if kind == Kind::Geofence {
        content(&world.geofences[pick(world.geofences.len())])
    } else if kind == Kind::Place {
        content(&world.places[pick(world.places.len())])
    } else if kind == Kind::Brand {
        content(&parsed::<Brand>(json!({ "name": format!("B{at}") })))
    } else {
        content(&parsed::<Category>(json!({ "name": "C", "parent": null })))
    }
}

fn apply(tx: &mut dyn Tx, other: &World, change: &Change) {
    let (kind, at) = match change {
        Change::Replaced(kind, at) | Change::Deleted(kind, at) | Change::Made(kind, at) => {
            (*kind, *at)
        }
    };
    let id = u32::try_from(at).unwrap() + 1;
    let key = Key::new(OURS, kind, id);
    let (content, links) = one_of(other, kind, at);
    let linked = match change {
        Change::Replaced(..) => tx.update(key, content, UtcMs(1)).ok().map(|record| record.key),
        Change::Made(..) => tx.insert((OURS, kind), content, UtcMs(1)).ok().map(|one| one.key),
        Change::Deleted(..) => {
            // What was gone already is no change.
            drop(tx.delete(key));
            None
        }
    };
    if let Some(key) = linked {
        tx.link(key, &links).unwrap();
    }
}

/// What blocks mean and how it is drawn, or why not.
fn drawn(tx: &mut dyn Tx, records: &mut Records, blocks: &[General]) -> Vec<String> {
    let mut all = Vec::new();
    for block in blocks {
        let mut targets = Vec::new();
        for block in [block.clone(), General { condition: Nearness::SignalRange, ..block.clone() }]
        {
            let meant = Gazetteer::over(tx, records).meant(&block);
            let stores = Gazetteer::over(tx, records).stores_meant(&block);
            all.push(format!("{meant:?} {stores:?}"));
            targets
                .extend(meant.iter().flat_map(|meant| TargetKey::of_meant(meant, block.condition)));
        }
        for names_districts in [false, true] {
            let mut drawing = Drawing { tx, records, names_districts };
            let draw = |at: TargetKey| format!("{:?}", drawing.target(at, TargetId(1), at.text()));
            all.extend(targets.iter().copied().map(draw));
        }
    }
    all
}

#[test]
fn kept_records_give_what_those_read_anew_would() {
    let mut runner =
        TestRunner::new(Config { cases: 60, failure_persistence: None, ..Config::default() });
    let input = (worlds(), worlds(), blocks_of_all(), prop::collection::vec(changes(), 4));
    let outcome = runner.run(&input, |(world, other, blocks, rounds)| {
        let (mut installation, account) = Installation::with(Membership::Basic);
        assert_eq!(account, OURS);
        thread::write(&mut installation.store, |tx| {
            keep_all(tx, &world);
            Ok(())
        })
        .unwrap();
        let mut kept = Records::of(OURS);
        for changes in rounds {
            thread::write(&mut installation.store, |tx| {
                changes.iter().for_each(|change| apply(tx, &other, change));
                Ok(())
            })
            .unwrap();
            thread::read(&mut installation.store, |tx| {
                kept.refresh(tx).unwrap();
                let anew = drawn(tx, &mut Records::of(OURS), &blocks);
                assert_eq!(drawn(tx, &mut kept, &blocks), anew, "{changes:?}");
                Ok(())
            })
            .unwrap();
        }
        Ok(())
    });
    outcome.unwrap();
}

fn blocks_of_all() -> impl Strategy<Value = Vec<General>> {
    prop::collection::vec(blocks(), 6)
}

#[test]
fn those_of_the_accounts_compiled_last_are_kept_within_the_bound() {
    let (mut installation, account) = Installation::with(Membership::Basic);
    for at in 0..3 {
        installation.make::<Place>(account, place(&at.to_string(), (37.5, 127.0)));
    }
    let mut read = || {
        let mut records = Records::of(account);
        thread::read(&mut installation.store, |tx| {
            records.refresh(tx).unwrap();
            Ok(records.list(tx, List::Stores).unwrap().len())
        })
        .unwrap();
        records
    };
    let ours = read();
    assert_eq!(ours.weight(), 3);
    let mut kept = Kept::up_to(5);
    kept.put(ours);
    kept.put(Records::of(AccountId(7)));
    let ours = kept.take(account);
    assert_eq!(ours.weight(), 3, "both have room");
    assert!(kept.take(account).is_empty(), "and what is taken is not there any more");
    kept.put(ours);
    kept.put(read());
    assert_eq!(kept.take(account).weight(), 3, "the last one");
    assert!(kept.take(account).is_empty(), "for two there was no room");
    let mut small = Kept::up_to(2);
    small.put(Records::of(AccountId(7)));
    small.put(read());
    assert!(small.take(account).is_empty());
}

#[test]
fn more_changes_than_are_read_singly_are_read_anew() {
    let (mut installation, account) = Installation::with(Membership::Basic);
    let mut kept = Records::of(account);
    for (made, expected) in
        [(3, 3), (READ_SINGLY, READ_SINGLY + 3), (READ_SINGLY + 1, 2 * READ_SINGLY + 4)]
    {
        thread::write(&mut installation.store, |tx| {
            for at in 0..made {
                let (content, _links) =
                    content(&parsed::<Place>(place(&at.to_string(), (37.5, 127.0))));
                tx.insert((account, Kind::Place), content, UtcMs(1))?;
            }
            Ok(())
        })
        .unwrap();
        let found = thread::read(&mut installation.store, |tx| {
            kept.refresh(tx).unwrap();
            Ok(kept.list(tx, List::Stores).unwrap().len())
        });
        assert_eq!(found.unwrap(), expected);
    }
}
