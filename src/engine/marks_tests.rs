//! What marks say of a list, held against a walk over it.

use proptest::prelude::*;

use super::device::UsedBucket;
use super::marks::UsedMarks;
use crate::domain::campaign::RunMode;
use crate::domain::ids::CampaignId;
use crate::domain::units::UtcMs;

proptest! {
    #[test]
    fn marks_never_deny_what_the_list_has(
        list in prop::collection::vec((0..400u32, 0..50i64), 0..30),
        campaign in 0..400u32,
        now in -1..51i64,
    ) {
        let used = |(campaign, until)| UsedBucket {
            campaign: CampaignId(campaign),
            mode: RunMode::Running,
            span: 0,
            keep_until: UtcMs(until),
        };
        let list: Vec<UsedBucket> = list.into_iter().map(used).collect();
        let marks = UsedMarks::of(&list);
        let has = list.iter().any(|used| used.campaign == CampaignId(campaign));
        prop_assert!(marks.may_have(CampaignId(campaign)) || !has);
        let all_last = list.iter().all(|used| used.keep_until >= UtcMs(now));
        prop_assert_eq!(marks.all_last(UtcMs(now)), all_last);
    }
}

#[test]
fn nothing_used_denies_every_campaign() {
    assert!((0..200).all(|campaign| !UsedMarks::default().may_have(CampaignId(campaign))));
}
