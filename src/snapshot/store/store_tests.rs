//! Epochs on disk: publish, load, roll back, sweep, and what damage looks like.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::Path;

use super::reading::Blocks;
use super::{Store, StoreError, read_input};
use crate::domain::ids::{AccountId, Epoch, TargetId};
use crate::snapshot::build::{After, Dealt, build, roll_back};
use crate::snapshot::load::{BlockSource, LoadError};
use crate::snapshot::samples::{KEY, VALID_FROM, circle, device, options, source};
use crate::snapshot::source::TargetDirectory;

/// Publishes an epoch whose campaign 20 has this priority.
fn publish(store: &Store, epoch: u64, priority: i32) {
    let previous = store.latest().unwrap().map(|latest| store.load(latest, None).unwrap());
    let mut specs = source();
    specs.campaigns[1].priority = priority;
    let previous = previous.as_ref().map(|loaded| loaded.view());
    store.publish(&build(&specs, options(epoch, previous)).unwrap()).unwrap();
}

fn files(dir: &Path) -> usize {
    fs::read_dir(dir.join("blocks")).unwrap().count()
}

#[test]
fn what_is_published_is_loaded() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    assert_eq!(store.latest().unwrap(), None);
    publish(&store, 1, 0);
    publish(&store, 2, 7);
    assert_eq!(store.epochs().unwrap(), [Epoch(1), Epoch(2)]);
    let first = store.load(Epoch(1), None).unwrap();
    let second = store.load(Epoch(2), Some(&first)).unwrap();
    let priority = |loaded: &crate::snapshot::load::Loaded| {
        let account = loaded.view().account(AccountId(1)).unwrap();
        account.campaigns().map(|one| one.priority()).collect::<Vec<_>>()
    };
    assert_eq!((priority(&first), priority(&second)), (vec![0, 0], vec![0, 7]));
    // An edit adds a manifest and one block, and what is shared is not verified again.
    assert_eq!(files(dir.path()), 13 + 2);
    let generation = |loaded: &crate::snapshot::load::Loaded| {
        loaded.view().account(AccountId(1)).unwrap().parts().index.tiles.blocks()[0].serial()
    };
    assert_eq!(generation(&first), generation(&second));
    assert_ne!(generation(&first), generation(&store.load(Epoch(2), None).unwrap()));
}

#[test]
fn an_epoch_is_published_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    publish(&store, 1, 0);
    let again = store.publish(&build(&source(), options(1, None)).unwrap());
    assert!(matches!(again, Err(StoreError::EpochTaken { epoch: Epoch(1) })));
    let none = store.load(Epoch(9), None).unwrap_err();
    assert!(none.to_string().contains("no epoch 9"), "{none}");
}

#[test]
fn a_rollback_publishes_old_content_anew() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    publish(&store, 1, 0);
    publish(&store, 2, 7);
    assert_eq!(store.roll_back(Epoch(1), VALID_FROM).unwrap(), Epoch(3));
    let (old, new) = (store.listing(Epoch(1)).unwrap(), store.listing(Epoch(3)).unwrap());
    assert_eq!((old.hash, new.rollback_of), (new.hash, Some(Epoch(1))));
    assert_eq!(store.load(Epoch(3), None).unwrap().view().epoch(), Epoch(3));
}

#[test]
fn an_epoch_that_lists_a_device_is_found_also_where_a_rollback_brought_it_back() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    publish(&store, 1, 0);
    let with = store.load(Epoch(1), None).unwrap();
    let mut specs = source();
    specs.accounts.iter_mut().for_each(|account| account.blacklist.clear());
    store.publish(&build(&specs, options(2, Some(with.view()))).unwrap()).unwrap();
    let without = store.load(Epoch(2), Some(&with)).unwrap();
    let gone = [(AccountId(1), KEY.member(device(900)))];
    let first = |from| store.first_listing(from, &without, &gone).unwrap();
    assert_eq!((first(Epoch(1)), first(Epoch(2))), (Some(Epoch(1)), None));
    assert_eq!(store.roll_back(Epoch(1), VALID_FROM).unwrap(), Epoch(3));
    assert_eq!(store.erase(Epoch(2), &without, &gone).unwrap(), 1);
    assert_eq!(first(Epoch(2)), Some(Epoch(3)), "what decides may list it");
    store.publish(&build(&specs, options(4, Some(without.view()))).unwrap()).unwrap();
    assert_eq!(store.erase(Epoch(4), &without, &gone).unwrap(), 1);
    assert_eq!((first(Epoch(1)), store.epochs().unwrap()), (None, vec![Epoch(2), Epoch(4)]));
}

#[test]
fn a_sweep_keeps_what_is_named_and_what_is_shared() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    for epoch in 1..=5 {
        publish(&store, epoch, i32::try_from(epoch).unwrap());
    }
    fs::write(dir.path().join("blocks/abc.tmp"), b"half").unwrap();
    let swept = store.sweep(2, &BTreeSet::from([Epoch(2)])).unwrap();
    assert_eq!(swept.epochs, [Epoch(1), Epoch(3)]);
    assert_eq!(swept.files, 2 * 2 + 1);
    for epoch in store.epochs().unwrap() {
        store.load(epoch, None).unwrap();
    }
    assert_eq!(store.epochs().unwrap(), [Epoch(2), Epoch(4), Epoch(5)]);
    assert_eq!(store.sweep(2, &BTreeSet::from([Epoch(2)])).unwrap(), super::Swept::default());
}

#[test]
fn a_full_store_refuses() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap().with_max_bytes(1000);
    let full = store.publish(&build(&source(), options(1, None)).unwrap()).unwrap_err();
    assert!(full.to_string().contains("snapshots.max_bytes (--max-bytes) allows 1000"), "{full}");
    assert_eq!(store.latest().unwrap(), None);
}

#[test]
fn damage_is_found_and_named() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    publish(&store, 1, 0);
    for path in fs::read_dir(dir.path().join("blocks")).unwrap().map(|entry| entry.unwrap().path())
    {
        let sound = fs::read(&path).unwrap();
        let mut flipped = sound.clone();
        *flipped.last_mut().unwrap() ^= 1;
        for bad in [flipped, sound[..sound.len() / 2].to_vec(), Vec::new()] {
            fs::write(&path, &bad).unwrap();
            let error = store.load(Epoch(1), None).unwrap_err().to_string();
            assert!(error.contains("refused"), "{error}");
        }
        fs::remove_file(&path).unwrap();
        let error = store.load(Epoch(1), None).unwrap_err().to_string();
        assert!(error.contains("can't be read"), "{error}");
        fs::write(&path, &sound).unwrap();
    }
    store.load(Epoch(1), None).unwrap();
}

fn break_epoch(store: &Store, epoch: u64) {
    let path = store.dir().join(format!("epochs/{epoch:020}"));
    let mut bytes = fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&path, bytes).unwrap();
}

fn break_manifest(store: &Store, epoch: u64) {
    let hash = store.listing(Epoch(epoch)).unwrap().hash;
    fs::write(store.dir().join("blocks").join(hash.to_string()), b"").unwrap();
}

#[test]
fn a_damaged_newest_epoch_is_passed_over() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    publish(&store, 1, 0);
    publish(&store, 2, 7);
    break_epoch(&store, 2);
    let found = store.newest_sound(Epoch(0), None).unwrap();
    assert_eq!(found.view().unwrap().epoch(), Epoch(1));
    assert_eq!(found.refused.iter().map(|(epoch, _)| *epoch).collect::<Vec<_>>(), [Epoch(2)]);
    assert!(store.newest_sound(Epoch(2), None).unwrap().loaded.is_none());
    assert_eq!(store.roll_back(Epoch(1), VALID_FROM).unwrap(), Epoch(3));
    assert_eq!(store.newest_sound(Epoch(0), None).unwrap().view().unwrap().epoch(), Epoch(3));
}

#[test]
fn ids_of_a_damaged_epoch_are_not_dealt_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    publish(&store, 1, 0);
    let mut specs = source();
    specs.targets.push(circle(1, 9));
    let first = store.load(Epoch(1), None).unwrap();
    store.publish(&build(&specs, options(2, Some(first.view()))).unwrap()).unwrap();
    break_manifest(&store, 2);
    assert_eq!(store.roll_back(Epoch(1), VALID_FROM).unwrap(), Epoch(3));
    let third = store.load(Epoch(3), None).unwrap();
    let account = third.view().account(AccountId(1)).unwrap();
    assert_eq!(account.parts().next_target_id, 10);
    let mut directory = TargetDirectory::of(None).beyond(&Dealt::from([(AccountId(1), 10)]));
    assert_eq!(directory.id_of(AccountId(1), "new").unwrap(), TargetId(10));
}

#[test]
fn nothing_is_read_of_a_file_whose_header_does_not_fit_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    publish(&store, 1, 0);
    for block in store.listing(Epoch(1)).unwrap().blocks {
        let path = dir.path().join("blocks").join(block.hash.to_string());
        let sound = fs::read(&path).unwrap();
        // Sparse: reading all of it would take the machine's memory.
        let sparse = fs::File::options().write(true).open(&path).unwrap();
        sparse.set_len(1 << 42).unwrap();
        let error = store.load(Epoch(1), None).unwrap_err().to_string();
        assert!(error.contains("follow its end"), "{error}");
        let mut forged = sound.clone();
        forged[16..24].copy_from_slice(&((1_u64 << 42) - 64).to_le_bytes());
        fs::write(&path, forged).unwrap();
        fs::File::options().write(true).open(&path).unwrap().set_len(1 << 42).unwrap();
        let error = store.load(Epoch(1), None).unwrap_err().to_string();
        assert!(error.contains("a block of its kind has at most"), "{error}");
        fs::write(&path, &sound).unwrap();
    }
    let blocks = store.listing(Epoch(1)).unwrap().blocks;
    let whole = blocks.iter().map(|block| block.bytes).sum::<u64>();
    let mut reader = Blocks::within(&store, whole - 1);
    let read = blocks.iter().try_for_each(|block| reader.read(block.kind, block.hash).map(drop));
    assert!(read.unwrap_err().to_string().contains("more memory"));
}

#[test]
fn what_a_sweep_took_in_between_is_missed() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    publish(&store, 1, 0);
    publish(&store, 2, 7);
    let old = store.load(Epoch(1), None).unwrap();
    let dealt = Dealt::new();
    let after = After { epoch: Epoch(3), previous: None, dealt: &dealt };
    let again = roll_back(old.view(), VALID_FROM, after).unwrap();
    store.sweep(1, &BTreeSet::new()).unwrap();
    let gone = store.publish(&again).unwrap_err();
    assert!(matches!(gone, StoreError::BlockGone { .. }), "{gone}");
    assert_eq!(store.latest().unwrap(), Some(Epoch(2)));
}

#[test]
fn a_block_under_another_name_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    publish(&store, 1, 0);
    publish(&store, 2, 7);
    let campaigns = |epoch| {
        let blocks = store.listing(Epoch(epoch)).unwrap().blocks;
        let kind = crate::snapshot::blocks::BlockKind::Campaigns;
        let block = blocks.into_iter().find(|block| block.kind == kind).unwrap();
        dir.path().join("blocks").join(block.hash.to_string())
    };
    fs::copy(campaigns(1), campaigns(2)).unwrap();
    let swapped = store.load(Epoch(2), None).unwrap_err();
    assert!(
        matches!(swapped, StoreError::Load { reason: LoadError::WrongBlock { .. }, .. }),
        "{swapped}"
    );
    fs::copy(
        dir.path().join("epochs/00000000000000000001"),
        dir.path().join("epochs/00000000000000000002"),
    )
    .unwrap();
    assert!(matches!(
        store.load(Epoch(2), None),
        Err(StoreError::WrongEpoch { found: Epoch(1), .. })
    ));
}

#[test]
fn publishing_heals_a_damaged_block() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    publish(&store, 1, 0);
    let blocks = store.listing(Epoch(1)).unwrap().blocks;
    for block in &blocks {
        fs::write(dir.path().join("blocks").join(block.hash.to_string()), b"").unwrap();
    }
    let mut whole = options(2, None);
    whole.epoch = Epoch(2);
    store.publish(&build(&source(), whole).unwrap()).unwrap();
    store.load(Epoch(2), None).unwrap();
}

#[test]
fn packed_inputs_are_unpacked() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("in");
    for text in [&b""[..], b"{", b"{\"a\":1}"] {
        fs::write(&path, text).unwrap();
        assert_eq!(read_input(&path).unwrap(), text);
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(text).unwrap();
        fs::write(&path, packed.finish().unwrap()).unwrap();
        assert_eq!(read_input(&path).unwrap(), text);
    }
    let missing = read_input(&dir.path().join("none")).unwrap_err();
    assert!(missing.to_string().contains("none can't be read"), "{missing}");
}
