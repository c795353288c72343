//! What a store finds for a query: held against a plain list.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::conformance::{OURS, THEIRS, named, read, write};
use super::{By, Content, Cursor, Key, Kind, Link, Order, Query, Record, Store, StoreError};
use crate::domain::units::UtcMs;

pub(super) fn every_rule(make: impl Fn() -> Box<dyn Store>) {
    searches_fold_case_and_take_signs_literally(make().as_mut());
    an_error_of_the_visit_ends_the_scan(make().as_mut());
    scans_agree_with_a_plain_list(make);
}

fn ids(store: &mut dyn Store, query: &Query) -> Vec<u32> {
    read(store, |tx| {
        let mut ids = Vec::new();
        tx.scan(query, &mut |record| {
            ids.push(record.key.id);
            Ok(())
        })?;
        Ok(ids)
    })
}

fn searches_fold_case_and_take_signs_literally(store: &mut dyn Store) {
    let names =
        ["Gangnam GATE", "강남 정문", "100% off", "a_b", "axb", "Ünter", "back\\slash", "ÀB"];
    for name in names {
        let content = Content { code: format!("Code-{}", name.len()), ..named(name) };
        write(store, |tx| tx.insert((OURS, Kind::Geofence), content, UtcMs(1)));
    }
    let found = |store: &mut dyn Store, search: &str| {
        ids(store, &Query { search: search.to_owned(), ..Query::all(OURS, Kind::Geofence) })
    };
    for (search, expected) in [
        ("gate", vec![1]),
        ("GANGNAM g", vec![1]),
        ("강남", vec![2]),
        ("정문", vec![2]),
        ("%", vec![3]),
        ("0%", vec![3]),
        ("_", vec![4]),
        ("a_b", vec![4]),
        ("ünt", vec![6]),
        ("ÜNT", vec![6]),
        ("\\", vec![7]),
        ("àb", vec![8]),
        ("code-12", vec![1]),
        ("CODE-", (1..=8).collect()),
        ("nothing", vec![]),
        ("'", vec![]),
    ] {
        assert_eq!(found(store, search), expected, "{search:?}");
    }
}

fn an_error_of_the_visit_ends_the_scan(store: &mut dyn Store) {
    for _ in 0..3 {
        write(store, |tx| tx.insert((OURS, Kind::App), named("a"), UtcMs(1)));
    }
    let mut visited = 0;
    let outcome = super::thread::read(store, |tx| {
        tx.scan(&Query::all(OURS, Kind::App), &mut |_record| {
            visited += 1;
            Err(StoreError::GivenUp)
        })?;
        Ok(())
    });
    assert!(outcome.is_err());
    assert_eq!(visited, 1);
}

/// A record to be made: name, state, time of its change, and what it is linked to.
type Draft = (&'static str, &'static str, i64, Vec<u32>);

fn drafts() -> impl Strategy<Value = Vec<Draft>> {
    let names = prop::sample::select(vec!["a", "B", "b", "가", "나무", "ab", "a%", ""]);
    let states = prop::sample::select(vec!["", "waiting", "running"]);
    let links = prop::collection::vec(1..=3_u32, 0..3);
    prop::collection::vec((names, states, 0..4_i64, links), 0..24)
}

fn queries() -> impl Strategy<Value = Query> {
    let search = prop::sample::select(vec!["", "a", "B", "가", "%"]);
    let states = prop::sample::subsequence(vec!["waiting", "running"], 0..=2);
    let linked = prop::sample::subsequence(vec![1, 2, 3_u32], 0..=2);
    let by = prop::sample::select(vec![By::Id, By::Name, By::UpdatedAt]);
    (search, states, linked, by, any::<bool>(), 1..8_u32).prop_map(
        |(search, states, linked, by, descending, limit)| Query {
            search: search.to_owned(),
            states: states.into_iter().map(str::to_owned).collect(),
            linked: linked.into_iter().map(|id| Link { kind: Kind::Group, id }).collect(),
            order: Order { by, descending },
            limit,
            ..Query::all(OURS, Kind::Geofence)
        },
    )
}

fn scans_agree_with_a_plain_list(make: impl Fn() -> Box<dyn Store>) {
    let mut runner =
        TestRunner::new(Config { cases: 60, failure_persistence: None, ..Config::default() });
    let cases = (drafts(), prop::collection::vec(queries(), 8));
    let outcome = runner.run(&cases, |(drafts, queries)| {
        let mut store = make();
        let kept = keep(store.as_mut(), &drafts);
        for query in queries {
            let expected = oracle(&kept, &query);
            prop_assert_eq!(paged(store.as_mut(), &query), expected.clone());
            let counted = read(store.as_mut(), |tx| tx.count(&query));
            prop_assert_eq!(counted, expected.len() as u64);
        }
        Ok(())
    });
    outcome.unwrap();
}

fn keep(store: &mut dyn Store, drafts: &[Draft]) -> Vec<(Record, Vec<u32>)> {
    write(store, |tx| {
        // Somebody else's are never found.
        tx.insert((THEIRS, Kind::Geofence), named("a"), UtcMs(1))?;
        tx.insert((OURS, Kind::Place), named("a"), UtcMs(1))?;
        let mut kept = Vec::new();
        for (name, state, at, links) in drafts {
            let content = Content { state: (*state).to_owned(), ..named(name) };
            let made = tx.insert((OURS, Kind::Geofence), named("new"), UtcMs(0))?;
            let record = tx.update(made.key, content, UtcMs(*at))?;
            let to: Vec<Link> = links.iter().map(|&id| Link { kind: Kind::Group, id }).collect();
            tx.link(record.key, &to)?;
            kept.push((record, links.clone()));
        }
        Ok(kept)
    })
}

/// All pages of a query, one after the other.
fn paged(store: &mut dyn Store, query: &Query) -> Vec<Key> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let asked = Query { after, ..query.clone() };
        let mut page = Vec::new();
        read(store, |tx| {
            tx.scan(&asked, &mut |record| {
                page.push(record);
                Ok(())
            })
        });
        assert!(page.len() <= query.limit as usize);
        let Some(last) = page.last() else { return all };
        let value = match query.order.by {
            By::Id => String::new(),
            By::Name => last.content.name.clone(),
            By::UpdatedAt => last.updated_at.0.to_string(),
        };
        after = Some(Cursor { value, id: last.key.id });
        all.extend(page.iter().map(|record| record.key));
    }
}

fn oracle(kept: &[(Record, Vec<u32>)], query: &Query) -> Vec<Key> {
    let search = query.search.to_lowercase();
    let fits = |(record, links): &&(Record, Vec<u32>)| {
        record.content.name.to_lowercase().contains(&search)
            && (query.states.is_empty() || query.states.contains(&record.content.state))
            && query.linked.iter().all(|link| links.contains(&link.id))
    };
    let mut found: Vec<&Record> = kept.iter().filter(fits).map(|(record, _)| record).collect();
    found.sort_by(|a, b| {
        let first = match query.order.by {
            By::Id => std::cmp::Ordering::Equal,
            By::Name => a.content.name.chars().cmp(b.content.name.chars()),
            By::UpdatedAt => a.updated_at.cmp(&b.updated_at),
        };
        first.then(a.key.id.cmp(&b.key.id))
    });
    if query.order.descending {
        found.reverse();
    }
    found.into_iter().map(|record| record.key).collect()
}
