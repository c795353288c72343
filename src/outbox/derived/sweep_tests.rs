//! A sweep goes by steps, and passes over nothing.

use std::sync::Arc;

use tempfile::{TempDir, tempdir};

use super::classes::{Class, KeptFrom};
use super::pad::Pad;
use super::retention_tests::SHORT;
use super::rows::{
    Count, DayFigures, DeviceDay, Reach, Side, of_member, of_member_day, of_seen, of_variant_day,
};
use super::sweep::{AT_ONCE, Sweep};
use super::tables::{Sheet, Tables};
use crate::domain::campaign::Variant;
use crate::domain::ids::{AccountId, AppId, CampaignId};
use crate::domain::units::{DAY_MS, UtcMs};
use crate::outbox::samples::World;
use crate::outbox::{Outbox, OutboxConfig};

const APP: AppId = AppId(5);

/// Removes by hand, a step at a time; gives how many rows each step took.
fn steps_of(sweep: &mut Sweep, kept: KeptFrom) -> Vec<u64> {
    std::iter::from_fn(|| sweep.step(kept).expect("readable")).map(|swept| swept.rows).collect()
}

/// Stores without a row, where they are.
fn empty() -> ([TempDir; 2], Outbox, Tables) {
    let dirs = [(); 2].map(|()| tempdir().expect("a folder"));
    let outbox = World::new().open(dirs[0].path(), OutboxConfig::default());
    let tables = Tables::open(dirs[1].path(), 1 << 20).expect("a new store");
    (dirs, outbox, tables)
}

#[tokio::test]
async fn a_step_takes_so_many_rows_and_goes_on_where_it_was() {
    let (_dirs, outbox, tables) = empty();
    let kept = KeptFrom::EVER.gone_on(UtcMs(20_000 * DAY_MS), &SHORT);
    let first = kept.day(Class::Devices);
    let most = u64::try_from(AT_ONCE).expect("a thousand");
    let mut pad = Pad::new(&tables);
    let day = DeviceDay { jobs: 1, ..DeviceDay::default() };
    // Of one campaign more than two steps, of others none, one, and as many as there is room for.
    for (campaign, old) in [(1, 2 * most + 10), (2, 0), (3, 1), (4, most - 7)] {
        let of = (AccountId(1), CampaignId(campaign));
        for member in 0..old {
            pad.put(Sheet::DeviceDays, of_member_day(of, first - 1, member), &day);
        }
        pad.put(Sheet::DeviceDays, of_member_day(of, first, 0), &day);
        // As long as a day of it is kept, so are its devices.
        pad.put(Sheet::Reach, of_member(of, Side::Reached, 5), &Reach::default());
        if campaign < 3 {
            let kept_day = kept.day(Class::Campaigns) + i32::from(campaign == 2) - 1;
            let key = of_variant_day(of, kept_day, Variant::A);
            pad.put(Sheet::Days, key, &DayFigures::default());
        }
    }
    // Just as many as one step looks at.
    let first_seen = u64::try_from(kept.day(Class::Seen)).expect("these years");
    for member in 0..most {
        let old = member % 2;
        let key = of_seen(AccountId(1), APP, member);
        pad.put(Sheet::Seen, key, &Count { count: first_seen - old });
    }
    pad.commit().expect("written");

    let mut sweep = Sweep::new(tables.clone(), Arc::clone(&outbox.shared));
    let rows = steps_of(&mut sweep, kept);
    assert!(rows.iter().all(|rows| *rows <= most), "{rows:?}");
    // All the old days of devices, a day of a campaign, the devices of all but campaign 2, and every other one seen.
    let old_days = 2 * most + 10 + 1 + most - 7;
    assert_eq!(rows.iter().sum::<u64>(), old_days + 1 + 3 + most / 2, "{rows:?}");
    let left = |sheet| tables.from(sheet, Vec::new()).count();
    assert_eq!((left(Sheet::DeviceDays), left(Sheet::Days), left(Sheet::Reach)), (4, 1, 1));
    assert_eq!(left(Sheet::Seen), AT_ONCE / 2);
    assert_eq!(steps_of(&mut sweep, kept), [0; 0], "nothing is due before another day");

    // A day later only what has the time in its keys is looked at; rows by a hash wait for a week.
    let days_on = |days: i64| kept.gone_on(UtcMs((20_000 + days) * DAY_MS), &SHORT);
    assert_eq!(steps_of(&mut sweep, days_on(1)).iter().sum::<u64>(), 4 + 1 + 1);
    assert_eq!(left(Sheet::Seen), AT_ONCE / 2);
    steps_of(&mut sweep, days_on(6));
    assert_eq!(left(Sheet::Seen), AT_ONCE / 2);
    steps_of(&mut sweep, days_on(7));
    assert_eq!(left(Sheet::Seen), 0);
    outbox.close().expect("written");
}

#[tokio::test]
async fn a_group_whose_turn_comes_at_a_steps_end_is_not_passed_over() {
    let kept = KeptFrom::EVER.gone_on(UtcMs(20_000 * DAY_MS), &SHORT);
    let first = kept.day(Class::Devices);
    let most = u32::try_from(AT_ONCE).expect("a thousand");
    for old in most - 1..=most + 1 {
        let (_dirs, outbox, tables) = empty();
        let mut pad = Pad::new(&tables);
        for campaign in 1..=most + 2 {
            let day = first - i32::from(campaign == old);
            let of = (AccountId(1), CampaignId(campaign));
            pad.put(Sheet::DeviceDays, of_member_day(of, day, 7), &DeviceDay::default());
        }
        pad.commit().expect("written");
        let mut sweep = Sweep::new(tables.clone(), Arc::clone(&outbox.shared));
        assert_eq!(steps_of(&mut sweep, kept).iter().sum::<u64>(), 1, "of campaign {old}");
    }
}
