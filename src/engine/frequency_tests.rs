//! One job a bucket: by period, by local day, by pause; and the ids that come of it.

use super::testkit::{ACCOUNT, NONE, World, at, campaign, device, fence, leaving, local, seen};
use crate::domain::campaign::{CampaignSpec, Frequency, RunMode};
use crate::domain::decision::Bucket;
use crate::domain::ids::{CampaignId, DeviceKey};
use crate::domain::reasons::SuppressReason;
use crate::snapshot::samples::KEY;

fn world_of(frequency: Frequency) -> World {
    let spec = CampaignSpec { frequency, ..campaign(10, &[1]) };
    World::new(vec![fence(1, 0.0, 100.0)], vec![spec])
}

/// In at each time, out a minute later; what each brought.
fn visits(world: &mut World, times_s: &[i64]) -> Vec<bool> {
    let mut pushed = Vec::new();
    for time_s in times_s {
        pushed.push(!world.walk(&[(*time_s, 0.0)]).pushed().is_empty());
        world.walk(&[(*time_s + 60, 900.0)]);
    }
    pushed
}

#[test]
fn once_in_the_period() {
    let mut world = world_of(Frequency::OncePerPeriod);
    let days = [local(24, 12, 0), local(24, 15, 0), local(25, 12, 0), local(61, 23, 0)];
    assert_eq!(visits(&mut world, &days), [true, false, false, false]);
    let suppressed = world.out.counts.suppressed;
    assert_eq!(suppressed[usize::from(SuppressReason::Frequency.number())], 3);
}

#[test]
fn a_prolonged_period_keeps_its_bucket() {
    let mut world = world_of(Frequency::OncePerPeriod);
    world.source.campaigns[0].end = jiff::civil::date(2026, 11, 24);
    world.publish(|_| {});
    assert_eq!(visits(&mut world, &[0]), [true]);
    world.publish(|source| source.campaigns[0].end = jiff::civil::date(2026, 12, 31));
    world.publish(|source| source.campaigns.push(campaign(11, &[1])));
    assert_eq!(world.walk(&[(local(26, 12, 0), 0.0)]).pushed(), [11], "not 10 again");
    world.walk(&[(local(26, 12, 1), 900.0)]);
    assert_eq!(visits(&mut world, &[local(27, 12, 0)]), [false]);
}

#[test]
fn a_period_that_starts_anew_is_another() {
    let mut world = world_of(Frequency::OncePerPeriod);
    assert_eq!(visits(&mut world, &[0]), [true]);
    world.publish(|source| source.campaigns[0].start = jiff::civil::date(2026, 11, 24));
    let job = world.walk(&[(600, 0.0)]).job();
    assert_eq!(job.bucket.span, 20_781, "24 November");
}

#[test]
fn a_longer_pause_holds_for_what_was_sent_before() {
    let mut world = world_of(Frequency::Resend { after_s: 600 });
    assert_eq!(visits(&mut world, &[0]), [true]);
    let frequency = Frequency::Resend { after_s: 86_400 };
    world.publish(|source| source.campaigns[0].frequency = frequency);
    world.publish(|source| source.campaigns.push(campaign(11, &[1])));
    assert_eq!(world.walk(&[(7200, 0.0)]).pushed(), [11]);
    world.walk(&[(7260, 900.0)]);
    assert_eq!(visits(&mut world, &[14_400, 86_399]), [false, false]);
    assert_eq!(visits(&mut world, &[86_700]), [true]);
}

#[test]
fn a_day_of_25_hours_is_one_day() {
    let zone = "America/New_York";
    let mut rules = super::testkit::account(1);
    rules.time_zone = zone.to_owned();
    let end = jiff::civil::date(2027, 12, 31);
    let spec = CampaignSpec { frequency: Frequency::OncePerDay, end, ..campaign(10, &[1]) };
    let mut world = World::with(rules, vec![fence(1, 0.0, 100.0)], vec![spec]);
    let midnight = jiff::civil::date(2027, 11, 7).in_tz(zone).unwrap().timestamp();
    let day = (midnight.as_millisecond() - super::testkit::NOON) / 1000;
    let times = [day, day + 24 * 3600 + 1800, day + 25 * 3600];
    assert_eq!(visits(&mut world, &times), [true, false, true]);
}

#[test]
fn once_a_local_day() {
    let mut world = world_of(Frequency::OncePerDay);
    let times = [local(24, 0, 10), local(24, 23, 50), local(25, 0, 0), local(25, 23, 50)];
    assert_eq!(visits(&mut world, &times), [true, false, true, false]);
}

#[test]
fn a_days_bucket_is_the_day_of_the_fix_not_of_its_arrival() {
    let mut world = world_of(Frequency::OncePerDay);
    let before = seen(1, local(25, 0, 0) - 10, 0.0).late_by(20);
    let job = world.see(before).job();
    assert_eq!(job.bucket.span, 20_781, "24 November");
    world.walk(&[(local(25, 0, 1), 900.0)]);
    assert_eq!(world.walk(&[(local(25, 0, 2), 0.0)]).job().bucket.span, 20_782);
}

#[test]
fn a_late_fix_of_yesterday_finds_yesterdays_bucket() {
    let mut world = world_of(Frequency::OncePerDay);
    assert_eq!(visits(&mut world, &[local(24, 0, 1)]), [true]);
    let got = world.see(seen(1, local(25, 0, 0) - 1, 0.0).late_by(299));
    assert_eq!(got.suppressed(), [SuppressReason::Frequency]);
}

#[test]
fn staying_over_midnight_is_no_new_enter() {
    let mut world = world_of(Frequency::OncePerDay);
    world.walk(&[(local(24, 23, 50), 0.0)]);
    assert_eq!(world.walk(&[(local(25, 0, 10), 0.0)]).pushed(), NONE);
}

#[test]
fn resend_suppresses_a_re_entry_within_the_pause() {
    let mut world = world_of(Frequency::Resend { after_s: 600 });
    assert_eq!(visits(&mut world, &[0, 300, 599, 1199]), [true, false, false, true]);
    let mut world = world_of(Frequency::Resend { after_s: 600 });
    assert_eq!(visits(&mut world, &[0, 600]), [true, true], "the pause has passed to the ms");
}

#[test]
fn resend_holds_for_exits_too() {
    let spec = CampaignSpec { frequency: Frequency::Resend { after_s: 600 }, ..leaving(10, &[1]) };
    let mut world = World::new(vec![fence(1, 0.0, 100.0)], vec![spec]);
    assert_eq!(world.walk(&[(0, 0.0), (60, 900.0)]).pushed(), [10]);
    let got = world.walk(&[(120, 0.0), (180, 900.0)]);
    assert_eq!(got.suppressed(), [SuppressReason::Frequency]);
    assert_eq!(world.tick(700).pushed(), NONE, "nothing is armed by an exit");
    assert_eq!(world.walk(&[(720, 0.0), (780, 900.0)]).pushed(), [10]);
}

#[test]
fn the_job_id_is_the_hash_of_campaign_device_and_bucket() {
    let buckets = [
        (Frequency::OncePerPeriod, 20_780),
        (Frequency::OncePerDay, 20_781),
        (Frequency::Resend { after_s: 900 }, at(5).0),
    ];
    for (frequency, span) in buckets {
        let job = world_of(frequency).walk(&[(5, 0.0)]).job();
        let bucket = Bucket { mode: RunMode::Running, span };
        let key = DeviceKey { account: ACCOUNT, device: device(1) };
        assert_eq!((job.bucket, job.device), (bucket, key));
        assert_eq!(job.id, KEY.job_id(CampaignId(10), key, bucket));
    }
}

#[test]
fn devices_and_campaigns_have_buckets_of_their_own() {
    let campaigns = vec![campaign(10, &[1]), campaign(11, &[2])];
    let mut world = World::new(vec![fence(1, 0.0, 100.0), fence(2, 900.0, 100.0)], campaigns);
    assert_eq!(world.walk(&[(0, 0.0)]).pushed(), [10]);
    assert_eq!(world.see(seen(2, 0, 0.0)).pushed(), [10]);
    assert_eq!(world.walk(&[(60, 900.0)]).pushed(), [11]);
}

#[test]
fn a_jobless_bucket_is_not_used() {
    let mut spec = campaign(10, &[1]);
    spec.windows[0].start_min = 13 * 60;
    let mut world = World::new(vec![fence(1, 0.0, 100.0)], vec![spec]);
    world.walk(&[(0, 0.0), (60, 900.0)]);
    assert_eq!(world.walk(&[(local(24, 13, 0), 0.0)]).pushed(), [10]);
}

#[test]
fn what_waited_while_the_clock_went_on_is_judged_by_the_clock() {
    let mut world = world_of(Frequency::Resend { after_s: 600 });
    assert_eq!(visits(&mut world, &[0]), [true]);
    world.publish(|source| source.campaigns.push(leaving(11, &[1])));
    // Another gateway's fix took long to come; its turn after a publication lets go of buckets that are over by now.
    world.see(seen(1, 470, 900.0).late_by(8530));
    // Taken in 480 s after the job, and stepped after that: a full outbox stops what waits for a shard, not the
    // time. By its own instant it would be fresh, and the job's bucket is no longer kept.
    let got = world.see(seen(1, 480, 0.0));
    assert_eq!(got.pushed(), NONE);
    assert_eq!(world.open(), 1, "too old to push for now");
    assert_eq!(world.see(seen(1, 9010, 0.0)).pushed(), [10], "9,010 s later it may");
}
