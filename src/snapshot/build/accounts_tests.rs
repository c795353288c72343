//! Some accounts edited against a build of all of them: the same blocks, the same epochs; and what no edit may do.

use jiff::ToSpan;
use jiff::civil::Date;
use proptest::prelude::*;

use super::{
    AccountsEdit, After, BuildError, BuildOptions, Built, Dealt, Source, build, edit_accounts,
};
use crate::domain::campaign::CampaignSpec;
use crate::domain::ids::{AccountId, CampaignId, Epoch, PlaceId, TargetId};
use crate::domain::lots::InstallationKey;
use crate::domain::target::{PlaceArea, Shape, TargetSpec};
use crate::snapshot::block::BlockHash;
use crate::snapshot::blocks::BlockKind;
use crate::snapshot::load::Loaded;
use crate::snapshot::samples::{
    KEY, VALID_FROM, account, campaign, circle, comb, device, labels, loaded, options, square,
};

/// An account that lists no devices and shares its polygons with all that are made so.
fn fresh(id: u32) -> Source {
    let mut settings = account(id);
    settings.blacklist = Vec::new();
    settings.blacklist_echo = Vec::new();
    let mut campaigns = vec![campaign(id, 10, &[1, 3, 8_191]), campaign(id, 20, &[3, 4])];
    campaigns.iter_mut().for_each(|one| one.test_devices = Vec::new());
    let targets = [1, 2, 8_191].map(|target| circle(id, target)).into_iter();
    let targets = targets.chain([square(id, 3), comb(id, 4, 900)]);
    Source { accounts: vec![settings], targets: targets.collect(), campaigns }
}

fn join(source: &mut Source, more: Source) {
    source.accounts.extend(more.accounts);
    source.targets.extend(more.targets);
    source.campaigns.extend(more.campaigns);
}

fn take(source: &mut Source, id: AccountId) -> Option<Source> {
    let at = source.accounts.iter().position(|one| one.id == id)?;
    let (targets, other_targets) =
        source.targets.drain(..).partition(|target: &TargetSpec| target.account == id);
    let (campaigns, other_campaigns) =
        source.campaigns.drain(..).partition(|one: &CampaignSpec| one.account == id);
    source.targets = other_targets;
    source.campaigns = other_campaigns;
    Some(Source { accounts: vec![source.accounts.remove(at)], targets, campaigns })
}

/// What becomes of an account. One that is not there comes first.
#[derive(Debug, Clone)]
enum Fate {
    Gone,
    Untouched,
    Reshaped(u32, Shape),
    Without(u32),
    Renamed(u32),
    Labelled(u32),
    Placed(u32),
    Priority(i32),
    WithoutCampaign,
    Watching(Vec<u32>),
    Visits(bool),
    Zone(&'static str),
    Lists(bool),
}

fn fates() -> impl Strategy<Value = Fate> {
    let id = || prop_oneof![1_u32..6, Just(8_190), Just(8_191), Just(20_000)];
    let shape = prop_oneof![
        (0_u32..40).prop_map(|id| circle(1, id).shape),
        (0_u32..3).prop_map(|id| square(1, id).shape),
        (0_u32..3).prop_map(|id| comb(1, id, 4_000).shape),
        Just(comb(1, 4, 900).shape),
    ];
    prop_oneof![
        Just(Fate::Gone),
        Just(Fate::Untouched),
        (id(), shape).prop_map(|(id, shape)| Fate::Reshaped(id, shape)),
        id().prop_map(Fate::Without),
        id().prop_map(Fate::Renamed),
        id().prop_map(Fate::Labelled),
        id().prop_map(Fate::Placed),
        (-3..3).prop_map(Fate::Priority),
        Just(Fate::WithoutCampaign),
        prop::collection::vec(id(), 1..4).prop_map(Fate::Watching),
        any::<bool>().prop_map(Fate::Visits),
        prop::sample::select(vec!["Asia/Seoul", "America/New_York", "UTC"]).prop_map(Fate::Zone),
        any::<bool>().prop_map(Fate::Lists),
    ]
}

/// The account after its fate; none where it is gone.
fn after_fate(mut own: Source, fate: Fate) -> Option<Source> {
    let account = own.accounts[0].id.0;
    let mut target = |id: u32, change: &dyn Fn(&mut TargetSpec)| {
        let at = own.targets.iter().position(|one| one.id.0 == id);
        let at = at.unwrap_or_else(|| {
            own.targets.push(circle(account, id));
            own.targets.len() - 1
        });
        change(&mut own.targets[at]);
    };
    match fate {
        Fate::Gone => return None,
        Fate::Untouched => {}
        Fate::Reshaped(id, shape) => target(id, &|one| one.shape = shape.clone()),
        Fate::Renamed(id) => target(id, &|one| one.key.push('*')),
        Fate::Labelled(id) => target(id, &|one| one.labels = labels(12 - id % 12)),
        Fate::Placed(id) => {
            target(id, &|one| one.place = Some((PlaceId(id % 3 + 1), PlaceArea::Inside)));
        }
        Fate::Without(id) => {
            own.targets.retain(|one| one.id.0 != id);
            own.campaigns.iter_mut().for_each(|one| one.targets.retain(|one| one.0 != id));
        }
        Fate::Priority(priority) => {
            own.campaigns.iter_mut().for_each(|one| one.priority = priority)
        }
        Fate::WithoutCampaign => drop(own.campaigns.pop()),
        Fate::Watching(ids) => {
            ids.iter().for_each(|id| target(*id, &|_| ()));
            own.campaigns.retain(|one| one.id != CampaignId(30));
            own.campaigns.push(campaign(account, 30, &ids));
            own.campaigns.iter_mut().for_each(|one| one.test_devices = Vec::new());
        }
        Fate::Visits(are_measured) => own.accounts[0].measure_visits = are_measured,
        Fate::Zone(zone) => own.accounts[0].time_zone = zone.to_owned(),
        Fate::Lists(there_are) => {
            let listed = if there_are { vec![device(1)] } else { Vec::new() };
            own.campaigns.iter_mut().for_each(|one| one.test_devices = listed.clone());
            own.accounts[0].blacklist = listed;
        }
    }
    own.campaigns.retain(|one| !one.targets.is_empty());
    Some(own)
}

fn names(built: &Built) -> Vec<(BlockKind, BlockHash)> {
    let mut names: Vec<_> = built.fresh().iter().map(|block| (block.kind, block.hash)).collect();
    names.sort_unstable();
    names
}

/// Edits the snapshot so that it is of `source`, and holds the outcome against a build of all of that.
fn step(
    source: &Source,
    before: &Loaded,
    (put, remove): (&Source, &[AccountId]),
    valid_from: Date,
) -> Loaded {
    let (view, dealt) = (before.view(), Dealt::new());
    let epoch = Epoch(view.epoch().0 + 1);
    let after = After { epoch, previous: Some(view), dealt: &dealt };
    let edit = AccountsEdit { put, remove };
    let edited = edit_accounts(view, &edit, &KEY, valid_from, after).expect("fits");
    let options = BuildOptions { valid_from, ..options(epoch.0, Some(view)) };
    let whole = build(source, options).expect("fits");
    assert_eq!(edited.manifest().bytes[..], whole.manifest().bytes[..], "the manifests");
    assert_eq!(edited.standing().bytes[..], whole.standing().bytes[..], "what stands beside");
    assert_eq!(names(&edited), names(&whole), "the new blocks");
    let anew = build(source, BuildOptions { previous: None, ..options }).expect("fits");
    assert_eq!(edited.hash(), anew.hash(), "and upon nothing");
    edited.load_in_memory().expect("sound")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn an_edit_of_some_gives_what_a_build_of_all_gives(
        steps in prop::collection::vec(
            (prop::collection::btree_map(1_u32..5, fates(), 1..3), 0_i64..2),
            1..8,
        ),
    ) {
        let mut source = Source::default();
        (1..4).for_each(|id| join(&mut source, fresh(id)));
        let mut before = loaded(&source, 1, None);
        let mut day = VALID_FROM;
        for (fates, days) in steps {
            let (mut put, mut remove) = (Source::default(), Vec::new());
            for (id, fate) in fates {
                let known = take(&mut source, AccountId(id));
                let was_there = known.is_some();
                match after_fate(known.unwrap_or_else(|| fresh(id)), fate) {
                    Some(own) => {
                        join(&mut source, own.clone());
                        join(&mut put, own);
                    }
                    None if was_there => remove.push(AccountId(id)),
                    None => {}
                }
            }
            day = day.checked_add(days.days()).expect("not far away");
            before = step(&source, &before, (&put, &remove), day);
        }
    }
}

#[test]
fn only_what_an_account_has_of_its_own_is_made() {
    let mut source = Source::default();
    (1..4).for_each(|id| join(&mut source, fresh(id)));
    let before = loaded(&source, 1, None);
    let (view, dealt) = (before.view(), Dealt::new());
    let after = After { epoch: Epoch(2), previous: Some(view), dealt: &dealt };
    let mut own = fresh(2);
    own.campaigns[0].priority = 7;
    let edit = AccountsEdit { put: &own, remove: &[] };
    let built = edit_accounts(view, &edit, &KEY, VALID_FROM, after).expect("fits");
    let kinds: Vec<BlockKind> = built.fresh().iter().map(|block| block.kind).collect();
    assert_eq!(kinds, [BlockKind::Campaigns]);
    let loaded = built.load_in_memory().expect("sound");
    let changed: Vec<Epoch> = loaded.view().accounts().map(|one| one.changed_in()).collect();
    assert_eq!(changed, [Epoch(1), Epoch(2), Epoch(1)]);
    let bytes = |loaded: &Loaded, id: u32| {
        let account = loaded.view().account(AccountId(id)).expect("is there");
        account.parts().campaigns.get() as *const _
    };
    assert_eq!(bytes(&before, 1), bytes(&loaded, 1), "taken over");
}

#[test]
fn what_an_edit_of_accounts_may_not_do_is_refused() {
    let mut source = fresh(1);
    join(&mut source, fresh(2));
    source.accounts[0].blacklist = vec![device(1)];
    let before = loaded(&source, 4, None);
    let (view, dealt, nothing) = (before.view(), Dealt::new(), Source::default());
    let refused = |put: &Source, remove: &[u32], key: &InstallationKey, epoch: u64| {
        let remove: Vec<AccountId> = remove.iter().copied().map(AccountId).collect();
        let after = After { epoch: Epoch(epoch), previous: Some(view), dealt: &dealt };
        let edit = AccountsEdit { put, remove: &remove };
        edit_accounts(view, &edit, key, VALID_FROM, after).expect_err("refused")
    };
    assert!(matches!(
        refused(&nothing, &[7], &KEY, 5),
        BuildError::NoSuchAccount { account: AccountId(7), .. }
    ));
    assert!(matches!(refused(&nothing, &[1, 1], &KEY, 5), BuildError::AccountTwice { .. }));
    assert!(matches!(refused(&fresh(1), &[1], &KEY, 5), BuildError::AccountTwice { .. }));
    assert!(matches!(refused(&nothing, &[], &KEY, 4), BuildError::Epoch { .. }));
    let other = InstallationKey([8; 32]);
    let error = refused(&nothing, &[], &other, 5).to_string();
    assert!(error.contains("epoch 4") && error.contains("another installation key"), "{error}");
    let keys = |of: &[(u32, &str)]| {
        let mut own = fresh(1);
        for (id, key) in of {
            let target = own.targets.iter_mut().find(|one| one.id == TargetId(*id));
            target.expect("is there").key = (*key).to_owned();
        }
        own
    };
    let taken = refused(&keys(&[(1, "key-2")]), &[], &KEY, 5);
    assert!(matches!(taken, BuildError::KeyTwice { key, .. } if key == "key-2"));
    let taken = refused(&keys(&[(1, "new"), (3, "new")]), &[], &KEY, 5);
    assert!(matches!(taken, BuildError::KeyTwice { key, .. } if key == "new"));
    let orphan = circle(9, 1);
    let orphan = Source { targets: vec![orphan], ..fresh(1) };
    assert!(matches!(refused(&orphan, &[], &KEY, 5), BuildError::NoSuchAccount { .. }));
}
