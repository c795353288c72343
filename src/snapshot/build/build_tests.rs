//! Building, loading and viewing: what goes in comes out, edits share blocks, ids and epochs carry over.

use jiff::civil::Weekday;
use proptest::prelude::*;

use super::{After, BuildError, BuildOptions, Dealt, build, renew, roll_back};
use crate::domain::campaign::{AudienceSpec, Condition, Frequency, RunMode, Variant, WindowSpec};
use crate::domain::ids::{AccountId, AppId, CampaignId, Epoch, PlaceId, TargetId};
use crate::domain::target::PlaceArea;
use crate::domain::units::{PointE7, UtcMs};
use crate::snapshot::blocks::BlockKind;
use crate::snapshot::samples::{
    KEY, VALID_FROM, account, campaign, circle, device, loaded, options, source, square,
};
use crate::snapshot::view::AccountView;

/// 2026-11-23 12:00 in Seoul, a Monday.
const NOON: UtcMs = UtcMs(1_795_402_800_000);
const HOUR_MS: i64 = 3_600_000;

#[test]
fn an_account_reads_as_it_was_written() {
    let snapshot = loaded(&source(), 1, None);
    let view = snapshot.view();
    assert!(view.account(AccountId(2)).is_none());
    let account = view.account(AccountId(1)).unwrap();
    assert_eq!((account.name(), account.tz_name()), ("Account 1", "Asia/Seoul"));
    assert_eq!((account.daily_cap(), account.monthly_limit()), (Some(3), Some(100_000)));
    assert!(account.has_app(AppId(2)) && !account.has_app(AppId(3)));
    assert!(account.blacklist_has(KEY.member(device(901))));
    assert!(!account.blacklist_has(KEY.member(device(902))));
    assert!(account.blacklist_has_echo(KEY.echo_member([9; 16])));
    assert!(!account.blacklist_has_echo(KEY.member(device(900))));
    assert_eq!(account.local_day(NOON), Some(20_780));
    assert_eq!(account.local_day(NOON + 12 * HOUR_MS), Some(20_781));
    assert_eq!(account.local_day_ends_at(NOON), Some(NOON + 12 * HOUR_MS));
    assert_eq!(account.local_month(NOON), Some(56 * 12 + 10));
    assert_eq!(account.local_day(NOON + 401 * 24 * HOUR_MS), None);
    assert!(!account.night_rule_applies(NOON) && account.night_rule_applies(NOON + 9 * HOUR_MS));
}

#[test]
fn targets_read_as_they_were_written() {
    let snapshot = loaded(&source(), 1, None);
    let account = snapshot.view().account(AccountId(1)).unwrap();
    let ids: Vec<TargetId> = account.targets().map(|target| target.id()).collect();
    assert_eq!(ids, [TargetId(1), TargetId(3), TargetId::NATIONWIDE]);
    assert!(account.target(TargetId(2)).is_none(), "nobody watches it");
    let square = account.target(TargetId(3)).unwrap();
    assert_eq!((square.key(), square.name()), ("key-3", "펜스 3"));
    let watchers: Vec<CampaignId> = square.campaigns().map(|campaign| campaign.id()).collect();
    assert_eq!(watchers, [CampaignId(10), CampaignId(20)]);
    assert!(square.distance_m(PointE7::new(375_010_000, 1_270_010_000).unwrap()) <= 0.0);
    assert!(square.size_m() > 100.0 && square.size_m() < 1000.0);
    let everywhere = account.target(TargetId::NATIONWIDE).unwrap();
    assert_eq!((everywhere.key(), everywhere.size_m()), ("nationwide", f32::INFINITY));
    assert_eq!(everywhere.campaigns().count(), 1);
}

#[test]
fn places_find_their_targets() {
    let mut specs = source();
    specs.accounts[0].measure_visits = true;
    let snapshot = loaded(&specs, 1, None);
    let account = snapshot.view().account(AccountId(1)).unwrap();
    let unwatched = account.target(TargetId(2)).expect("visits are measured at every target");
    assert_eq!(unwatched.campaigns().count(), 0);
    assert_eq!(unwatched.place(), Some((PlaceId(2), PlaceArea::Signal)));
    let found: Vec<TargetId> = account.targets_of_place(PlaceId(2)).map(|one| one.id()).collect();
    assert_eq!(found, [TargetId(2)]);
    assert_eq!(account.targets_of_place(PlaceId(3)).count(), 0);
}

#[test]
fn a_campaign_reads_as_it_was_written() {
    let mut specs = source();
    let spec = &mut specs.campaigns[0];
    spec.mode = RunMode::Testing;
    spec.condition = Condition::Dwell { dwell_s: 90 };
    spec.frequency = Frequency::Resend { after_s: 600 };
    spec.audience = AudienceSpec::Devices((0..1000).map(device).collect());
    (spec.priority, spec.holdout_pct, spec.total_limit) = (-5, 10, Some(7));
    spec.messages.push(spec.messages[0].clone());
    let snapshot = loaded(&specs, 1, None);
    let account = snapshot.view().account(AccountId(1)).unwrap();
    let campaign = account.campaign(CampaignId(10)).unwrap();
    assert_eq!((campaign.mode(), campaign.run_since()), (RunMode::Testing, Epoch(1)));
    assert_eq!(campaign.condition(), Condition::Dwell { dwell_s: 90 });
    assert_eq!(campaign.frequency(), Frequency::Resend { after_s: 600 });
    assert_eq!((campaign.priority(), campaign.holdout_pct()), (-5, 10));
    assert_eq!((campaign.total_limit(), campaign.max_accuracy_m()), (Some(7), None));
    assert!((0..1000).all(|number| campaign.audience_has(KEY.member(device(number)))));
    assert!((1000..3000).all(|number| !campaign.audience_has(KEY.member(device(number)))));
    assert!(campaign.is_test_device(KEY.member(device(800))));
    assert!(campaign.apps_has(AppId(1)) && !campaign.apps_has(AppId(2)));
    assert!(campaign.has_ab() && campaign.message(Variant::B).is_some());
    assert_eq!(campaign.message(Variant::A).unwrap().title, "안녕하세요");
    assert!(campaign.in_window(NOON) && !campaign.in_window(NOON + 6 * HOUR_MS));
    assert_eq!(campaign.window_opens_after(NOON), Some(NOON + 21 * HOUR_MS));
    let (starts_at, ends_at) = campaign.period();
    assert_eq!(starts_at, NOON - 12 * HOUR_MS);
    assert!(campaign.in_period(starts_at) && !campaign.in_period(starts_at - 1));
    assert!(campaign.in_period(ends_at - 1) && !campaign.in_period(ends_at));
    assert_eq!(campaign.app_package(AppId(2)), Some("kr.example.ios"));
}

#[test]
fn the_same_specs_give_the_same_bytes() {
    let (one, two) = (build(&source(), options(1, None)), build(&source(), options(1, None)));
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!(one.hash(), two.hash());
    assert_eq!(*one.standing().bytes, *two.standing().bytes);
    let bytes = |built: &super::Built| -> Vec<Vec<u8>> {
        built.fresh().iter().map(|block| block.bytes.to_vec()).collect()
    };
    assert_eq!(bytes(&one), bytes(&two));
}

#[test]
fn an_edited_campaign_makes_one_new_block() {
    let before = loaded(&source(), 1, None);
    let mut edited = source();
    edited.campaigns[1].messages[0].body = "새 문구".to_owned();
    let built = build(&edited, options(2, Some(before.view()))).unwrap();
    let kinds: Vec<BlockKind> = built.fresh().iter().map(|block| block.kind).collect();
    assert_eq!(kinds, [BlockKind::Campaigns]);
    let after = built.load_in_memory().unwrap();
    let (one, two) = (account_of(&before), account_of(&after));
    let serials = |account: AccountView<'_>| -> Vec<u32> {
        account.parts().index.tiles.blocks().iter().map(|tile| tile.serial()).collect()
    };
    assert_eq!(serials(one), serials(two), "verified once");
    assert_eq!(two.changed_in(), Epoch(2));
    assert_eq!(two.campaign(CampaignId(20)).unwrap().run_since(), Epoch(1));
}

#[test]
fn accounts_share_the_polygons_that_both_watch() {
    let mut specs = source();
    specs.accounts.push(account(5));
    specs.targets.push(square(5, 9));
    specs.campaigns.push(campaign(5, 10, &[9]));
    let both = loaded(&specs, 1, None);
    let alone = loaded(&source(), 1, None);
    let polygons = |loaded: &crate::snapshot::load::Loaded| -> Vec<(u32, usize)> {
        let buckets = loaded.view().parts().geometry.iter();
        let rows = buckets.flat_map(|bucket| {
            let bucket = bucket.get();
            let uses = bucket.uses.iter().map(|uses| uses.to_native());
            uses.zip(std::iter::repeat(bucket.words.len())).collect::<Vec<_>>()
        });
        rows.collect()
    };
    let (one, two) = (polygons(&alone), polygons(&both));
    assert_eq!((one.len(), one[0].0, two.len(), two[0].0), (1, 1, 1, 2));
    assert_eq!(one[0].1, two[0].1, "not a word more");
    let shape = both.view().account(AccountId(5)).unwrap().target(TargetId(9)).unwrap().shape();
    assert_eq!(shape.map(|shape| shape.to_shape()), Some(square(5, 9).shape));
}

#[test]
fn a_moved_fence_makes_the_blocks_anew_that_it_is_in() {
    let before = loaded(&source(), 1, None);
    let mut edited = source();
    edited.targets[0].shape = circle(1, 8).shape;
    let built = build(&edited, options(2, Some(before.view()))).unwrap();
    let mut kinds: Vec<BlockKind> = built.fresh().iter().map(|block| block.kind).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, [BlockKind::Tile, BlockKind::Shapes]);
    let anew = loaded(&edited, 2, None);
    assert_eq!(built.hash(), anew.view().hash(), "built upon the last or anew");
}

#[test]
fn nothing_new_makes_no_block_and_changes_no_account() {
    let before = loaded(&source(), 1, None);
    let built = build(&source(), options(2, Some(before.view()))).unwrap();
    assert!(built.fresh().is_empty());
    assert_eq!(built.hash(), before.view().hash());
    let after = built.load_in_memory().unwrap();
    assert_eq!((after.view().epoch(), account_of(&after).changed_in()), (Epoch(2), Epoch(1)));
}

#[test]
fn another_account_does_not_notice_an_edit() {
    let mut specs = source();
    specs.accounts.push(account(5));
    specs.targets.push(circle(5, 1));
    specs.campaigns.push(campaign(5, 10, &[1]));
    let before = loaded(&specs, 1, None);
    specs.targets[3].name = "다른 이름".to_owned();
    let after = loaded(&specs, 2, Some(before.view()));
    let changed: Vec<Epoch> = after.view().accounts().map(|one| one.changed_in()).collect();
    assert_eq!(changed, [Epoch(1), Epoch(2)]);
}

#[test]
fn a_mode_tells_since_when() {
    let mut specs = source();
    specs.campaigns[0].mode = RunMode::Testing;
    let first = loaded(&specs, 1, None);
    let second = loaded(&source(), 2, Some(first.view()));
    let third = loaded(&source(), 3, Some(second.view()));
    let since = |id| account_of(&third).campaign(CampaignId(id)).unwrap().run_since();
    assert_eq!((since(10), since(20)), (Epoch(2), Epoch(1)));
}

#[test]
fn a_rollback_is_a_new_epoch_with_old_blocks() {
    let first = loaded(&source(), 1, None);
    let mut grown = source();
    grown.targets.push(circle(1, 4));
    grown.campaigns[0].targets.push(TargetId(4));
    let second = loaded(&grown, 2, Some(first.view()));
    let dealt = Dealt::new();
    let after = After { epoch: Epoch(3), previous: Some(second.view()), dealt: &dealt };
    let back = roll_back(first.view(), VALID_FROM, after).unwrap().load_in_memory().unwrap();
    assert_eq!(back.view().hash(), first.view().hash());
    assert_eq!((back.view().epoch(), account_of(&back).changed_in()), (Epoch(3), Epoch(3)));
    assert_eq!(account_of(&back).campaign(CampaignId(10)).unwrap().run_since(), Epoch(1));
    // The id dealt in the epoch rolled away is not dealt again.
    assert_eq!(account_of(&back).parts().next_target_id, 5);
}

#[test]
fn a_renewal_is_what_a_build_of_that_day_would_be() {
    let mut specs = source();
    specs.accounts.push(account(5));
    specs.accounts[1].time_zone = "America/New_York".to_owned();
    specs.targets.push(circle(5, 2));
    specs.campaigns.push(campaign(5, 1, &[2]));
    specs.campaigns[1].windows = vec![
        WindowSpec { weekdays: vec![Weekday::Sunday], start_min: 0, end_min: 600 },
        WindowSpec { weekdays: vec![Weekday::Monday], start_min: 700, end_min: 1440 },
    ];
    let first = loaded(&specs, 1, None);
    let today = VALID_FROM.tomorrow().unwrap();
    let dealt = Dealt::new();
    let after = |epoch| After { epoch: Epoch(epoch), previous: Some(first.view()), dealt: &dealt };
    assert!(renew(first.view(), VALID_FROM, after(2)).unwrap().is_none());
    let built = renew(first.view(), today, after(2)).unwrap().unwrap();
    let rebuilt = build(&specs, BuildOptions { valid_from: today, ..options(2, None) }).unwrap();
    assert_eq!(built.hash(), rebuilt.hash());
    assert!(
        built
            .fresh()
            .iter()
            .all(|block| { matches!(block.kind, BlockKind::Calendar | BlockKind::Schedule) })
    );
    let renewed = built.load_in_memory().unwrap();
    let account = renewed.view().account(AccountId(5)).unwrap();
    assert_eq!((account.changed_in(), renewed.view().valid_from()), (Epoch(1), today));
    assert_eq!(account.campaign(CampaignId(1)).unwrap().run_since(), Epoch(1));
    assert!(
        account.compiled_until() > first.view().account(AccountId(5)).unwrap().compiled_until()
    );
    // A rollback to an old day renews too.
    let later = today.tomorrow().unwrap();
    let back = roll_back(first.view(), later, after(3)).unwrap().load_in_memory().unwrap();
    assert_eq!(back.view().valid_from(), later);
}

#[test]
fn what_is_wrong_is_named() {
    let refused = |change: &dyn Fn(&mut super::Source)| {
        let mut specs = source();
        change(&mut specs);
        build(&specs, options(1, None)).unwrap_err().to_string()
    };
    let twice = refused(&|specs| specs.targets.push(circle(1, 1)));
    assert_eq!(twice, "account 1 has target \"key-1\" twice");
    let orphan = refused(&|specs| specs.targets.push(circle(9, 1)));
    assert!(orphan.contains("account 9"), "{orphan}");
    let unknown = refused(&|specs| specs.campaigns[0].targets.push(TargetId(77)));
    assert!(unknown.contains("campaign 10") && unknown.contains("target 77"), "{unknown}");
    let rule = refused(&|specs| specs.campaigns[0].holdout_pct = 51);
    assert!(rule.contains("holdout_pct is 51; allowed: 0 to 50"), "{rule}");
    let before = loaded(&source(), 4, None);
    let stale = build(&source(), options(4, Some(before.view()))).unwrap_err();
    assert!(matches!(stale, BuildError::Epoch { .. }));
}

/// A circle whose place does not hang on its id, so that ids may be large.
fn near(id: u32) -> crate::domain::target::TargetSpec {
    crate::domain::target::TargetSpec { id: TargetId(id), key: id.to_string(), ..circle(1, 1) }
}

fn account_of(snapshot: &crate::snapshot::load::Loaded) -> AccountView<'_> {
    snapshot.view().account(AccountId(1)).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Any choice of ids, dense or sparse, and of watched targets is found again.
    #[test]
    fn ids_are_found_again(
        ids in prop::collection::btree_set(1_u32..2000, 1..40),
        stretch in prop::sample::select(vec![1_u32, 1000]),
        picks in prop::collection::vec(prop::collection::vec(0_usize..40, 1..10), 1..6),
    ) {
        let ids: Vec<u32> = ids.into_iter().map(|id| id * stretch).collect();
        let mut specs = source();
        specs.targets = ids.iter().map(|id| near(*id)).collect();
        specs.campaigns = (1..).zip(&picks).map(|(id, picks)| {
            let targets: Vec<u32> = picks.iter().map(|pick| ids[pick % ids.len()]).collect();
            campaign(1, id * stretch, &targets)
        }).collect();
        let snapshot = loaded(&specs, 1, None);
        let account = account_of(&snapshot);
        for spec in &specs.campaigns {
            let campaign = account.campaign(spec.id).unwrap();
            let mut targets = spec.targets.clone();
            targets.sort_unstable();
            targets.dedup();
            prop_assert_eq!(campaign.targets().collect::<Vec<_>>(), targets);
        }
        for id in &ids {
            let watchers: Vec<CampaignId> = specs.campaigns.iter()
                .filter(|spec| spec.targets.contains(&TargetId(*id))).map(|spec| spec.id).collect();
            let found = account.target(TargetId(*id));
            prop_assert_eq!(found.is_some(), !watchers.is_empty());
            let seen: Vec<CampaignId> = found.into_iter().flat_map(|one| one.campaigns()).map(|one| one.id()).collect();
            prop_assert_eq!(seen, watchers);
            prop_assert!(account.target(TargetId(id + 1)).is_none() || ids.contains(&(id + 1)));
        }
    }
}
