//! What every store has to do, whichever database it is: each rule a function over the trait alone.

use super::{
    AuditEntry, Content, DeviceList, INSTALLATION, Key, Kind, Link, LocationUse, Purpose, Query,
    Record, Remembered, Store, UseQuery,
};
use super::{StoreError, Tx};
use crate::control::refusal::Refusal;
use crate::domain::ids::AccountId;
use crate::domain::units::UtcMs;
use crate::identity::SealedDevice;

/// Holds a kind of store against every rule; `make` gives an empty one each time.
pub(crate) fn every_rule(make: impl Fn() -> Box<dyn Store>) {
    for rule in [
        records_are_kept_changed_and_taken_away,
        numbers_are_never_dealt_again,
        natural_keys_are_had_once,
        what_changed_after_a_moment_is_told,
        links_are_found_from_both_sides,
        lists_of_devices_hang_on_records,
        erased_devices_are_on_no_list_of_their_account,
        notes_are_read_the_newest_first,
        uses_are_found_counted_and_forgotten,
        answers_are_remembered_and_forgotten,
        an_error_leaves_nothing,
        a_reader_sees_one_state_and_does_not_wait,
        accounts_do_not_see_each_other,
    ] {
        rule(make().as_mut());
    }
    super::scan_conformance::every_rule(make);
}

pub(super) const OURS: AccountId = AccountId(1);
pub(super) const THEIRS: AccountId = AccountId(2);

pub(super) fn write<T>(
    store: &mut dyn Store,
    work: impl FnOnce(&mut dyn Tx) -> Result<T, StoreError>,
) -> T {
    tried(store, work).unwrap()
}

fn tried<T>(
    store: &mut dyn Store,
    work: impl FnOnce(&mut dyn Tx) -> Result<T, StoreError>,
) -> Result<T, Refusal> {
    super::thread::write(store, |tx| Ok(work(tx)?))
}

pub(super) fn read<T>(
    store: &mut dyn Store,
    work: impl FnOnce(&mut dyn Tx) -> Result<T, StoreError>,
) -> T {
    super::thread::read(store, |tx| Ok(work(tx)?)).unwrap()
}

pub(super) fn named(name: &str) -> Content {
    Content { name: name.to_owned(), body: format!("{{\"name\":{name:?}}}"), ..Content::default() }
}

fn made(store: &mut dyn Store, account: AccountId, kind: Kind, name: &str) -> Record {
    write(store, |tx| tx.insert((account, kind), named(name), UtcMs(10)))
}

fn what_changed_after_a_moment_is_told(store: &mut dyn Store) {
    let moment = |store: &mut dyn Store| read(store, |tx| tx.moment());
    let after = |store: &mut dyn Store, moment| read(store, |tx| tx.changed_after(OURS, moment));
    let brand = |id| Key::new(OURS, Kind::Brand, id);
    let empty = moment(store);
    let [first, second, third] =
        ["a", "b", "c"].map(|name| made(store, OURS, Kind::Brand, name).key);
    made(store, OURS, Kind::Place, "p");
    made(store, THEIRS, Kind::Brand, "d");
    let place = Key::new(OURS, Kind::Place, 1);
    assert_eq!(after(store, empty), [first, second, third, place]);
    let full = moment(store);
    assert!(full > empty && after(store, full).is_empty());
    write(store, |tx| tx.update(third, named("changed"), UtcMs(11)));
    write(store, |tx| tx.delete(brand(1)));
    let given_up = tried(store, |tx| {
        tx.update(second, named("not kept"), UtcMs(12))?;
        Err::<(), _>(StoreError::GivenUp)
    });
    assert!(given_up.is_err());
    assert_eq!(after(store, full), [first, third], "each once, those that are gone too");
    assert_eq!(after(store, empty), [first, second, third, place]);
    made(store, OURS, Kind::Notice, "n");
    let last = moment(store);
    assert!(last > full && after(store, last).is_empty());
}

fn records_are_kept_changed_and_taken_away(store: &mut dyn Store) {
    let content = Content {
        name: "정문".to_owned(),
        code: "g-1".to_owned(),
        natural: Some("정문 key".to_owned()),
        state: "waiting".to_owned(),
        body: "{\"a\":1}".to_owned(),
    };
    let inserted = write(store, |tx| tx.insert((OURS, Kind::Brand), content.clone(), UtcMs(10)));
    let key = Key::new(OURS, Kind::Brand, 1);
    let expected =
        Record { key, revision: 1, created_at: UtcMs(10), updated_at: UtcMs(10), content };
    assert_eq!(inserted, expected);
    assert_eq!(read(store, |tx| tx.get(key)), Some(expected.clone()));
    assert_eq!(read(store, |tx| tx.find(OURS, Kind::Brand, "정문 key")), Some(expected));
    assert_eq!(read(store, |tx| tx.find(OURS, Kind::Brand, "정문")), None);
    assert_eq!(read(store, |tx| tx.find(OURS, Kind::Place, "정문 key")), None);

    for revision in 2..=4 {
        let changed = write(store, |tx| tx.update(key, named("후문"), UtcMs(10 + revision)));
        assert_eq!((changed.revision, changed.created_at.0), (revision.cast_unsigned(), 10));
        assert_eq!(changed.updated_at, UtcMs(10 + revision));
        assert_eq!(read(store, |tx| tx.get(key)), Some(changed));
    }
    assert_eq!(read(store, |tx| tx.find(OURS, Kind::Brand, "정문 key")), None, "it has none now");

    write(store, |tx| tx.delete(key));
    assert_eq!(read(store, |tx| tx.get(key)), None);
    for outcome in [
        tried(store, |tx| tx.delete(key)),
        tried(store, |tx| tx.update(key, named("x"), UtcMs(20)).map(drop)),
    ] {
        assert!(matches!(outcome, Err(Refusal::NoSuch(gone)) if gone == key), "{outcome:?}");
    }
}

fn numbers_are_never_dealt_again(store: &mut dyn Store) {
    for id in 1..=3 {
        assert_eq!(made(store, OURS, Kind::App, "a").key.id, id);
    }
    write(store, |tx| tx.delete(Key::new(OURS, Kind::App, 3)));
    write(store, |tx| tx.delete(Key::new(OURS, Kind::App, 1)));
    assert_eq!(made(store, OURS, Kind::App, "a").key.id, 4);
    assert_eq!(made(store, OURS, Kind::Place, "a").key.id, 1, "each kind counts by itself");
    assert_eq!(made(store, THEIRS, Kind::App, "a").key.id, 1, "so does each account");
}

fn natural_keys_are_had_once(store: &mut dyn Store) {
    let content =
        |natural: Option<&str>| Content { natural: natural.map(str::to_owned), ..named("one") };
    let first = write(store, |tx| tx.insert((OURS, Kind::Brand), content(Some("k")), UtcMs(1)));
    let second = write(store, |tx| tx.insert((OURS, Kind::Brand), content(None), UtcMs(1)));
    write(store, |tx| tx.insert((OURS, Kind::Brand), content(None), UtcMs(1)));
    write(store, |tx| tx.insert((OURS, Kind::App), content(Some("k")), UtcMs(1)));
    write(store, |tx| tx.insert((THEIRS, Kind::Brand), content(Some("k")), UtcMs(1)));
    for outcome in [
        tried(store, |tx| tx.insert((OURS, Kind::Brand), content(Some("k")), UtcMs(1))),
        tried(store, |tx| tx.update(second.key, content(Some("k")), UtcMs(1))),
    ] {
        let Err(Refusal::Store(StoreError::Duplicate { kind, id, natural })) = outcome else {
            panic!("{outcome:?}")
        };
        assert_eq!((kind, id, &*natural), (Kind::Brand, first.key.id, "k"));
    }
    // One may keep its own, and another have it when it is free.
    write(store, |tx| tx.update(first.key, content(Some("k")), UtcMs(2)));
    write(store, |tx| tx.delete(first.key));
    write(store, |tx| tx.update(second.key, content(Some("k")), UtcMs(2)));
}

fn links_are_found_from_both_sides(store: &mut dyn Store) {
    let group = made(store, OURS, Kind::Group, "g").key;
    let fences: Vec<Key> = (0..3).map(|_| made(store, OURS, Kind::Geofence, "f").key).collect();
    let campaign = made(store, OURS, Kind::Campaign, "c").key;
    let to = |key: Key| Link { kind: key.kind, id: key.id };
    for fence in &fences {
        write(store, |tx| tx.link(*fence, &[to(group), to(group)]));
    }
    write(store, |tx| tx.link(campaign, &[to(group), to(fences[1])]));
    let users = |store: &mut dyn Store, key, limit| read(store, |tx| tx.linked_to(key, limit));
    assert_eq!(users(store, group, 9), [fences[0], fences[1], fences[2], campaign]);
    assert_eq!(users(store, group, 2), fences[..2]);
    let other = Key::new(THEIRS, group.kind, group.id);
    assert!(users(store, other, 9).is_empty(), "numbers of another account are others");
    // New links take the place of the old ones.
    write(store, |tx| tx.link(campaign, &[to(fences[2])]));
    assert_eq!(users(store, fences[1], 9), []);
    assert_eq!(users(store, fences[2], 9), [campaign]);
    // They go with the record that they go out from.
    write(store, |tx| tx.delete(fences[0]));
    write(store, |tx| tx.delete(campaign));
    assert_eq!(users(store, group, 9), fences[1..]);
    assert_eq!(users(store, fences[2], 9), []);
}

/// A device by a number.
fn device(number: u8) -> SealedDevice {
    SealedDevice { key_version: 1, block: [number; 16] }
}

fn lists_of_devices_hang_on_records(store: &mut dyn Store) {
    let campaign = made(store, OURS, Kind::Campaign, "c").key;
    let list = (campaign, DeviceList::Test);
    let devices: Vec<SealedDevice> = (1..=9).map(device).collect();
    assert_eq!(write(store, |tx| tx.add_devices(list, &devices[..6])), 6);
    assert_eq!(write(store, |tx| tx.add_devices(list, &devices[3..])), 3, "three are there");
    assert_eq!(write(store, |tx| tx.add_devices((campaign, DeviceList::Audience), &devices)), 9);
    assert_eq!(read(store, |tx| tx.count_devices(list)), 9);
    let (mut paged, mut after) = (Vec::new(), None);
    loop {
        let page = read(store, |tx| tx.devices(list, after, 4));
        assert!(page.len() <= 4);
        let Some(last) = page.last() else { break };
        after = Some(*last);
        paged.extend(page);
    }
    assert_eq!(paged, read(store, |tx| tx.devices(list, None, u32::MAX)));
    paged.sort_unstable();
    assert_eq!(paged, devices);
    assert_eq!(write(store, |tx| tx.remove_devices(list, &[device(2), device(2), device(77)])), 1);
    assert_eq!(read(store, |tx| tx.count_devices(list)), 8);
    write(store, |tx| tx.clear_devices(list));
    assert_eq!(read(store, |tx| tx.count_devices(list)), 0);
    let other = (campaign, DeviceList::Audience);
    assert_eq!(read(store, |tx| tx.count_devices(other)), 9, "the other list stays");
    write(store, |tx| tx.add_devices(list, &devices[..2]));
    write(store, |tx| tx.move_devices(list, DeviceList::Audience));
    let counts = read(store, |tx| Ok((tx.count_devices(list)?, tx.count_devices(other)?)));
    assert_eq!(counts, (0, 2), "one took the place of the other");
    write(store, |tx| tx.delete(campaign));
    assert_eq!(read(store, |tx| tx.count_devices(other)), 0, "it goes with the record");
}

fn erased_devices_are_on_no_list_of_their_account(store: &mut dyn Store) {
    let ours = made(store, OURS, Kind::Campaign, "c").key;
    let theirs = made(store, THEIRS, Kind::Campaign, "c").key;
    let asked = made(store, OURS, Kind::Erasure, "").key;
    let lists = [
        (ours, DeviceList::Test),
        (ours, DeviceList::Audience),
        (Key::of_account(OURS), DeviceList::Blacklist),
        (asked, DeviceList::Erasure),
        (theirs, DeviceList::Test),
        (Key::of_account(THEIRS), DeviceList::Blacklist),
    ];
    let all: Vec<SealedDevice> = (1..=3).map(device).collect();
    for list in lists {
        write(store, |tx| tx.add_devices(list, &all));
    }
    let gone = [device(1), device(3), device(9)];
    assert_eq!(write(store, |tx| tx.erase_devices(OURS, &gone)), 6);
    assert_eq!(write(store, |tx| tx.erase_devices(OURS, &gone)), 0);
    let left = lists.map(|list| read(store, |tx| tx.count_devices(list)));
    assert_eq!(left, [1, 1, 1, 3, 3, 3], "whom the request names is kept, and whom others list");
    store.purge().unwrap();
    assert_eq!(read(store, |tx| tx.devices(lists[0], None, 9)), [device(2)]);
}

fn entry(account: AccountId, id: u32) -> AuditEntry {
    AuditEntry {
        seq: 0,
        account,
        at: UtcMs(i64::from(id)),
        by: "한 사람".to_owned(),
        action: "update".to_owned(),
        kind: Kind::Campaign,
        id,
        before: "{}".to_owned(),
        after: String::new(),
    }
}

fn notes_are_read_the_newest_first(store: &mut dyn Store) {
    for id in 1..=7 {
        write(store, |tx| tx.note(&entry(OURS, id)));
        write(store, |tx| tx.note(&entry(THEIRS, id + 100)));
    }
    let (mut before, mut seen) = (u64::MAX, Vec::new());
    loop {
        let page = read(store, |tx| tx.notes(OURS, before, 3));
        let Some(last) = page.last() else { break };
        before = last.seq;
        seen.extend(page);
    }
    assert!(seen.is_sorted_by(|a, b| a.seq > b.seq));
    let bare: Vec<_> = seen.into_iter().map(|note| AuditEntry { seq: 0, ..note }).collect();
    let expected: Vec<_> = (1..=7).rev().map(|id| entry(OURS, id)).collect();
    assert_eq!(bare, expected);
}

fn uses_are_found_counted_and_forgotten(store: &mut dyn Store) {
    let used = |account, at: i64| LocationUse {
        seq: 0,
        account,
        at: UtcMs(at),
        by: "한 사람".to_owned(),
        purpose: if at % 2 == 0 { Purpose::Explain } else { Purpose::Segment },
        device: (at % 2 == 0).then_some(u64::MAX - at.cast_unsigned() / 4),
        about: "{}".to_owned(),
    };
    for at in 1..=8 {
        write(store, |tx| tx.note_use(&used(OURS, at)));
        write(store, |tx| tx.note_use(&used(THEIRS, at)));
    }
    let all = UseQuery {
        account: OURS,
        before: u64::MAX,
        purpose: None,
        device: None,
        span: (UtcMs::MIN, UtcMs::MAX),
        limit: 100,
    };
    let mut found = |query: UseQuery| -> Vec<i64> {
        let found = read(store, |tx| tx.uses(&query));
        assert!(found.is_sorted_by(|a, b| a.seq > b.seq));
        assert!(
            found.iter().all(|one| LocationUse { seq: 0, ..one.clone() } == used(OURS, one.at.0))
        );
        found.iter().map(|one| one.at.0).collect()
    };
    assert_eq!(found(all.clone()), [8, 7, 6, 5, 4, 3, 2, 1]);
    assert_eq!(found(UseQuery { limit: 2, ..all.clone() }), [8, 7]);
    let purpose = Some(Purpose::Segment);
    assert_eq!(found(UseQuery { purpose, ..all.clone() }), [7, 5, 3, 1]);
    let device = Some(u64::MAX - 1);
    assert_eq!(found(UseQuery { device, ..all.clone() }), [6, 4]);
    assert_eq!(found(UseQuery { device, purpose, ..all.clone() }), [0; 0]);
    assert_eq!(found(UseQuery { span: (UtcMs(3), UtcMs(5)), ..all.clone() }), [4, 3]);
    let last = read(store, |tx| tx.uses(&all))[1].seq;
    let mut found = |query: UseQuery| read(store, |tx| tx.uses(&query)).len();
    assert_eq!(found(UseQuery { before: last, ..all.clone() }), 6);
    assert_eq!(read(store, |tx| tx.count_uses(OURS, UtcMs(7))), 2);
    assert_eq!(read(store, |tx| tx.count_uses(OURS, UtcMs(9))), 0);
    assert_eq!(write(store, |tx| tx.forget_uses(UtcMs(3), 3)), 3, "of so many of the oldest");
    assert_eq!(write(store, |tx| tx.forget_uses(UtcMs(3), 100)), 1);
    assert_eq!(write(store, |tx| tx.forget_uses(UtcMs(3), 100)), 0);
    assert_eq!(read(store, |tx| tx.count_uses(OURS, UtcMs::MIN)), 6);
}

fn answers_are_remembered_and_forgotten(store: &mut dyn Store) {
    let answer = |kind, owner, at| Remembered {
        request: [5; 32],
        made: Key::new(owner, kind, 3),
        at: UtcMs(at),
    };
    let old = answer(Kind::Campaign, OURS, 100);
    write(store, |tx| tx.remember((OURS, "a"), &old, UtcMs(0)));
    assert_eq!(read(store, |tx| tx.recall(OURS, "a")), Some(old.clone()));
    assert_eq!(read(store, |tx| tx.recall(THEIRS, "a")), None);
    assert_eq!(read(store, |tx| tx.recall(OURS, "b")), None);
    let own = answer(Kind::Account, INSTALLATION, 200);
    write(store, |tx| tx.remember((OURS, "b"), &own, UtcMs(100)));
    assert_eq!(read(store, |tx| tx.recall(OURS, "b")), Some(own.clone()));
    assert_eq!(read(store, |tx| tx.recall(OURS, "a")), Some(old), "as old as may be");
    write(store, |tx| tx.remember((THEIRS, "c"), &own, UtcMs(101)));
    assert_eq!(read(store, |tx| tx.recall(OURS, "a")), None, "forgotten");
    let newer = answer(Kind::App, OURS, 300);
    write(store, |tx| tx.remember((OURS, "b"), &newer, UtcMs(0)));
    assert_eq!(read(store, |tx| tx.recall(OURS, "b")), Some(newer));
}

fn an_error_leaves_nothing(store: &mut dyn Store) {
    let kept = made(store, OURS, Kind::Group, "kept").key;
    let list = (kept, DeviceList::Segment);
    let outcome: Result<(), Refusal> = tried(store, |tx| {
        let record = tx.insert((OURS, Kind::Geofence), named("lost"), UtcMs(1))?;
        tx.link(record.key, &[Link { kind: Kind::Group, id: kept.id }])?;
        tx.update(kept, named("lost"), UtcMs(1))?;
        tx.add_devices(list, &[device(1)])?;
        tx.note(&entry(OURS, 1))?;
        assert!(tx.get(record.key)?.is_some(), "it sees its own changes");
        Err(StoreError::Gone(record.key))
    });
    assert!(matches!(outcome, Err(Refusal::NoSuch(_))));
    assert_eq!(read(store, |tx| tx.get(kept)).unwrap().content, named("kept"));
    assert_eq!(read(store, |tx| tx.count(&Query::all(OURS, Kind::Geofence))), 0);
    assert_eq!(read(store, |tx| tx.linked_to(kept, 9)), []);
    assert_eq!(read(store, |tx| tx.count_devices(list)), 0);
    assert_eq!(read(store, |tx| tx.notes(OURS, u64::MAX, 9)), []);
    assert_eq!(made(store, OURS, Kind::Geofence, "f").key.id, 1, "no number was used up");
}

fn a_reader_sees_one_state_and_does_not_wait(store: &mut dyn Store) {
    made(store, OURS, Kind::Brand, "before");
    let mut reader = store.reader().unwrap();
    let all = Query::all(OURS, Kind::Brand);
    write(store, |tx| {
        tx.insert((OURS, Kind::Brand), named("meanwhile"), UtcMs(1))?;
        // The writer has not ended, and the reader answers all the same.
        assert_eq!(read(reader.as_mut(), |tx| tx.count(&all)), 1);
        Ok(())
    });
    assert_eq!(read(reader.as_mut(), |tx| tx.count(&all)), 2);
    read(reader.as_mut(), |tx| {
        assert_eq!(tx.count(&all)?, 2);
        made(store, OURS, Kind::Brand, "after");
        assert_eq!(tx.count(&all)?, 2, "one look is at one state");
        Ok(())
    });
    assert_eq!(read(reader.as_mut(), |tx| tx.count(&all)), 3);
}

fn accounts_do_not_see_each_other(store: &mut dyn Store) {
    let theirs = made(store, THEIRS, Kind::Brand, "theirs").key;
    let ours = Key::new(OURS, Kind::Brand, theirs.id);
    assert_eq!(read(store, |tx| tx.get(ours)), None);
    assert_eq!(read(store, |tx| tx.count(&Query::all(OURS, Kind::Brand))), 0);
    assert!(tried(store, |tx| tx.update(ours, named("x"), UtcMs(1))).is_err());
    assert!(tried(store, |tx| tx.delete(ours)).is_err());
    let list = |key| (key, DeviceList::Blacklist);
    write(store, |tx| tx.add_devices(list(theirs), &[device(1)]));
    assert_eq!(read(store, |tx| tx.devices(list(ours), None, 9)), []);
    write(store, |tx| tx.clear_devices(list(ours)));
    assert_eq!(read(store, |tx| tx.count_devices(list(theirs))), 1);
    assert_eq!(read(store, |tx| tx.get(theirs)).unwrap().content, named("theirs"));
}
