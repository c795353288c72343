//! Lots are stable, even and independent.

use super::campaign::{RunMode, Variant};
use super::decision::Bucket;
use super::ids::{AccountId, CampaignId, DeviceId, DeviceKey};
use super::lots::InstallationKey;

const KEY: InstallationKey = InstallationKey([9; 32]);

fn device(n: u128) -> DeviceKey {
    DeviceKey { account: AccountId(1), device: DeviceId(n.to_be_bytes()) }
}

#[test]
fn a_job_id_is_a_uuid_of_version_8_and_tells_buckets_apart() {
    let bucket = Bucket { mode: RunMode::Running, span: 19_000 };
    let id = KEY.job_id(CampaignId(4), device(77), bucket);
    let uuid = uuid::Uuid::from_bytes(id.0);
    assert_eq!(uuid.get_version_num(), 8);
    assert_eq!(uuid.get_variant(), uuid::Variant::RFC4122);
    assert_eq!(id, KEY.job_id(CampaignId(4), device(77), bucket));
    for other in [
        KEY.job_id(CampaignId(5), device(77), bucket),
        KEY.job_id(CampaignId(4), device(78), bucket),
        KEY.job_id(CampaignId(4), device(77), Bucket { span: 19_001, ..bucket }),
        KEY.job_id(CampaignId(4), device(77), Bucket { mode: RunMode::Testing, ..bucket }),
        InstallationKey([8; 32]).job_id(CampaignId(4), device(77), bucket),
    ] {
        assert_ne!(id, other);
    }
}

#[test]
fn the_holdout_takes_its_share_and_leaves_the_variant_alone() {
    let held: Vec<_> =
        (0..20_000).filter(|&n| KEY.held_out(CampaignId(3), device(n), 10)).collect();
    assert!((1800..2200).contains(&held.len()), "{}", held.len());
    let b = held.iter().filter(|&&n| KEY.variant(CampaignId(3), device(n)) == Variant::B).count();
    assert!((held.len() * 2 / 5..held.len() * 3 / 5).contains(&b), "{b} of {}", held.len());
    assert!(!(0..1000).any(|n| KEY.held_out(CampaignId(3), device(n), 0)));
}
