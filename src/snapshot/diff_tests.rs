//! Differences between two snapshots.

use super::diff::diff;
use super::samples::{account, campaign, circle, loaded, source};
use crate::domain::campaign::RunMode;
use crate::domain::ids::{AccountId, CampaignId, TargetId};
use crate::domain::units::PointE7;

#[test]
fn nothing_differs_from_itself() {
    let one = loaded(&source(), 1, None);
    let two = loaded(&source(), 2, Some(one.view()));
    let difference = diff(one.view(), two.view());
    assert!(difference.accounts.is_empty() && difference.within.is_empty());
}

#[test]
fn every_kind_of_change_is_found() {
    let one = loaded(&source(), 1, None);
    let mut specs = source();
    specs.accounts.push(account(9));
    specs.accounts[0].daily_cap = None;
    specs.targets[0].shape = crate::domain::target::Shape::Circle {
        center: PointE7::new(375_665_000, 1_269_780_000).unwrap(),
        radius_m: 151.0,
    };
    specs.targets.push(circle(1, 4));
    specs.campaigns[0].targets = vec![TargetId(1), TargetId(4)];
    specs.campaigns.push(campaign(1, 30, &[1]));
    specs.campaigns.remove(1);
    let two = loaded(&specs, 2, Some(one.view()));
    let difference = diff(one.view(), two.view());
    assert_eq!(difference.accounts.added, [AccountId(9)]);
    assert_eq!(difference.accounts.changed, [AccountId(1)]);
    let [within] = difference.within.as_slice() else { panic!("one account changed") };
    assert!(within.settings);
    let keys = |ids: &[u32]| ids.iter().map(|id| circle(1, *id).key).collect::<Vec<_>>();
    assert_eq!(within.targets.added, keys(&[4]));
    assert!(within.targets.removed.is_empty(), "no target went");
    assert_eq!(within.targets.changed, keys(&[1]));
    assert!(within.watched.is_empty(), "a new target is watched, but that goes without saying");
    let nationwide = "nationwide".to_owned();
    assert_eq!(within.unwatched, [keys(&[3]), vec![nationwide]].concat());
    assert_eq!(within.campaigns.added, [CampaignId(30)]);
    assert_eq!(within.campaigns.removed, [CampaignId(20)]);
    assert_eq!(within.campaigns.changed, [CampaignId(10)]);
}

#[test]
fn targets_that_nobody_watches_differ_too() {
    let one = loaded(&source(), 1, None);
    let mut specs = source();
    specs.targets[1].labels.brand = "a brand".to_owned();
    specs.targets.push(circle(1, 9));
    let two = loaded(&specs, 2, Some(one.view()));
    let difference = diff(one.view(), two.view());
    let [within] = difference.within.as_slice() else { panic!("one account changed") };
    assert_eq!(within.targets.changed, [circle(1, 2).key]);
    assert_eq!(within.targets.added, [circle(1, 9).key]);
    let back = diff(two.view(), one.view());
    assert_eq!(back.within[0].targets.removed, [circle(1, 9).key]);
    assert!(within.watched.is_empty() && within.campaigns.is_empty() && !within.settings);
}

#[test]
fn a_campaign_that_started_anew_is_told() {
    let mut testing = source();
    testing.campaigns[0].mode = RunMode::Testing;
    let one = loaded(&source(), 1, None);
    let two = loaded(&testing, 2, Some(one.view()));
    let three = loaded(&source(), 3, Some(two.view()));
    let difference = diff(one.view(), three.view());
    assert_eq!(difference.within[0].restarted, [CampaignId(10)]);
    assert!(difference.within[0].campaigns.is_empty(), "it is as it was otherwise");
}
