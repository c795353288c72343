//! An edit against a build of everything: the same blocks, the same epochs; and what no edit may do.

use proptest::prelude::*;

use super::{After, BuildError, Dealt, Edit, Source, build, edit};
use crate::domain::ids::{AccountId, CampaignId, Epoch, PlaceId, TargetId};
use crate::domain::target::{PlaceArea, Shape, TargetSpec};
use crate::snapshot::index::Grain;
use crate::snapshot::load::Loaded;
use crate::snapshot::samples::{
    account, campaign, circle, comb, labels, loaded, options, source, square,
};
use crate::snapshot::view::SnapshotView;

/// One account that measures visits, and one with campaigns; their targets lie in three pages.
fn two_accounts() -> Source {
    let mut measuring = account(2);
    measuring.measure_visits = true;
    let ids = [1, 2, 3, 8_190, 8_191, 8_192, 20_000];
    let of = |account: u32| {
        ids.map(|id| if id % 3 == 0 { square(account, id) } else { circle(account, id) })
    };
    let last = TargetId::NATIONWIDE.0;
    Source {
        accounts: vec![account(1), measuring],
        targets: of(1).into_iter().chain(of(2)).collect(),
        campaigns: vec![campaign(1, 10, &[1, 3, 8_191]), campaign(1, 20, &[3, 20_000, last])],
    }
}

fn after<'a>(previous: SnapshotView<'a>, dealt: &'a Dealt) -> After<'a> {
    After { epoch: Epoch(previous.epoch().0 + 1), previous: Some(previous), dealt }
}

/// Edits source and snapshot; both must come to the same.
fn step(
    source: &mut Source,
    before: &Loaded,
    id: AccountId,
    (put, remove): (&[TargetSpec], &[TargetId]),
) -> Loaded {
    let view = before.view();
    let edited =
        edit(view, &Edit { account: id, put, remove }, after(view, &Dealt::new())).expect("fits");
    let goes = |target: &TargetSpec| {
        let replaced = put.iter().any(|one| one.id == target.id);
        target.account == id && (replaced || remove.contains(&target.id))
    };
    source.targets.retain(|target| !goes(target));
    source.targets.extend(put.iter().cloned());
    let anew = build(source, options(view.epoch().0 + 1, Some(view))).expect("fits");
    assert_eq!(edited.manifest().bytes[..], anew.manifest().bytes[..], "the manifests");
    assert_eq!(edited.standing().bytes[..], anew.standing().bytes[..], "what stands beside");
    let names = |built: &super::Built| {
        let mut names: Vec<_> =
            built.fresh().iter().map(|block| (block.kind, block.hash)).collect();
        names.sort_unstable();
        names
    };
    assert_eq!(names(&edited), names(&anew), "the new blocks");
    edited.load_in_memory().expect("sound")
}

/// What an edit of one target does to it.
#[derive(Debug, Clone)]
enum Fate {
    Gone,
    Moved(Shape),
    Renamed,
    Placed(u32),
    Labelled(u32),
}

fn fates() -> impl Strategy<Value = (u32, u32, Fate)> {
    let shape = prop_oneof![
        (0u32..40).prop_map(|id| circle(1, id).shape),
        (0u32..40).prop_map(|id| square(1, id).shape),
        (0u32..3).prop_map(|id| comb(1, id, 4_000).shape),
    ];
    let fate = prop_oneof![
        Just(Fate::Gone),
        shape.prop_map(Fate::Moved),
        Just(Fate::Renamed),
        (0u32..4).prop_map(Fate::Placed),
        (0u32..13).prop_map(Fate::Labelled),
    ];
    let id = prop_oneof![1u32..6, 8_189u32..8_194, 19_999u32..20_002, Just(29_000)];
    (1u32..3, id, fate)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn an_edit_gives_what_a_build_gives(fates in prop::collection::vec(fates(), 1..10)) {
        let mut source = two_accounts();
        let mut before = loaded(&source, 1, None);
        for (number, (account, id, fate)) in fates.into_iter().enumerate() {
            let known = source.targets.iter().find(|one| one.account.0 == account && one.id.0 == id);
            let mut spec = known.cloned().unwrap_or_else(|| circle(account, id));
            let (account, target) = (AccountId(account), TargetId(id));
            let watched = source
                .campaigns
                .iter()
                .any(|one| one.account == account && one.targets.contains(&target));
            match fate {
                Fate::Gone if known.is_none() || watched => continue,
                Fate::Gone => {
                    before = step(&mut source, &before, account, (&[], &[target]));
                    continue;
                }
                Fate::Moved(shape) => spec.shape = shape,
                Fate::Labelled(like) => spec.labels = labels(like),
                Fate::Renamed => spec.key = format!("renamed {number}"),
                Fate::Placed(place) => {
                    spec.place = (place > 0).then_some((PlaceId(place), PlaceArea::Inside));
                }
            }
            before = step(&mut source, &before, account, (&[spec], &[]));
        }
    }
}

#[test]
fn many_at_once_make_pages_and_buckets_and_take_them_away() {
    let mut source = two_accounts();
    let first = loaded(&source, 1, None);
    let many: Vec<TargetSpec> = (30_000..30_030).map(|id| comb(2, id, 3_000)).collect();
    let ids: Vec<TargetId> = many.iter().map(|target| target.id).collect();
    let second = step(&mut source, &first, AccountId(2), (&many, &[]));
    let version = |loaded: &Loaded| {
        let account = loaded.view().account(AccountId(2)).expect("is there");
        account.parts().atlas.get().version.to_native()
    };
    assert_eq!(
        (version(&first), version(&second)),
        (Grain::Fine.version(), Grain::Coarse.version())
    );
    let pages = |loaded: &Loaded| {
        let account = loaded.view().account(AccountId(2)).expect("is there");
        let parts = account.parts();
        [parts.targets.blocks().len(), parts.watch.blocks().len(), parts.shapes.blocks().len()]
    };
    assert_eq!((pages(&first), pages(&second)), ([3; 3], [4; 3]));
    let buckets = |loaded: &Loaded| loaded.view().parts().geometry.len();
    assert!(buckets(&second) > buckets(&first), "{} buckets", buckets(&second));
    let third = step(&mut source, &second, AccountId(2), (&[], &ids));
    assert_eq!((buckets(&third), pages(&third)), (buckets(&first), pages(&first)));
    let next =
        |loaded: &Loaded| loaded.view().account(AccountId(2)).map(|it| it.parts().next_target_id);
    assert_eq!(next(&third), Some(30_030), "ids are never dealt again");
    let shared = third.view().account(AccountId(1)).expect("is there");
    assert_eq!(shared.changed_in(), Epoch(1), "another account's edit is no change of this one");
}

#[test]
fn an_edit_makes_only_what_it_touches() {
    let source = two_accounts();
    let before = loaded(&source, 1, None);
    let view = before.view();
    let put = [TargetSpec { shape: circle(1, 30).shape, ..circle(1, 1) }];
    let of_one = Edit { account: AccountId(1), put: &put, remove: &[] };
    let built = edit(view, &of_one, after(view, &Dealt::new())).expect("fits");
    let mut kinds: Vec<String> = built.fresh().iter().map(|one| one.kind.to_string()).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["shapes", "tile"], "a moved circle");
}

#[test]
fn what_an_edit_may_not_do_is_refused() {
    let base = source();
    let before = loaded(&base, 1, None);
    let view = before.view();
    let refused = |account: u32, put: &[TargetSpec], remove: &[TargetId]| {
        let account = AccountId(account);
        edit(view, &Edit { account, put, remove }, after(view, &Dealt::new())).expect_err("refused")
    };
    let one = AccountId(1);
    assert!(matches!(refused(7, &[], &[]), BuildError::NoSuchAccount { .. }));
    assert!(
        matches!(refused(1, &[circle(2, 5)], &[]), BuildError::OtherAccount { of, .. } if of.0 == 2)
    );
    let [gone, watched] = [TargetId(9), TargetId(3)];
    assert!(matches!(
        refused(1, &[], &[gone]),
        BuildError::NothingToRemove { account, target } if (account, target) == (one, gone)
    ));
    assert!(matches!(
        refused(1, &[], &[watched]),
        BuildError::StillWatched { campaign: CampaignId(10), key, .. } if key == "key-3"
    ));
    assert!(matches!(
        refused(1, &[circle(1, 2)], &[TargetId(2)]),
        BuildError::TargetTwice { key, .. } if key == "key-2"
    ));
    let everywhere = TargetSpec { id: TargetId::NATIONWIDE, ..circle(1, 2) };
    assert!(matches!(refused(1, &[everywhere], &[]), BuildError::ReservedTarget { .. }));
    let taken = |id: u32, key: u32| TargetSpec { key: format!("key-{key}"), ..circle(1, id) };
    let twice = |put: &[TargetSpec]| {
        assert!(matches!(refused(1, put, &[]), BuildError::KeyTwice { .. }), "{put:?}");
    };
    twice(&[taken(2, 3)]);
    twice(&[taken(8, 9), taken(9, 9)]);
    let broken = Shape::Polygon { rings: Vec::new() };
    let put = [TargetSpec { shape: broken, ..circle(1, 2) }];
    assert!(matches!(refused(1, &put, &[]), BuildError::Rule { .. }));
}

#[test]
fn two_targets_may_swap_their_keys() {
    let mut source = source();
    let before = loaded(&source, 1, None);
    let keyed = |id: u32, key: u32| TargetSpec { key: format!("key-{key}"), ..circle(1, id) };
    let after = step(&mut source, &before, AccountId(1), (&[keyed(1, 2), keyed(2, 1)], &[]));
    let account = after.view().account(AccountId(1)).expect("is there");
    assert_eq!(account.target(TargetId(1)).map(|target| target.key()), Some("key-2"));
}
