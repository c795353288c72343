//! Differences between two snapshots.

use super::diff::diff;
use super::samples::{account, campaign, circle, loaded, source};
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
    assert_eq!(within.targets.added, [TargetId(4)]);
    assert_eq!(within.targets.removed, [TargetId(3), TargetId::NATIONWIDE]);
    assert_eq!(within.targets.changed, [TargetId(1)]);
    assert_eq!(within.campaigns.added, [CampaignId(30)]);
    assert_eq!(within.campaigns.removed, [CampaignId(20)]);
    assert_eq!(within.campaigns.changed, [CampaignId(10)]);
}
