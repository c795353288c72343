//! Finding, replacing and evicting devices.

use crate::domain::campaign::RunMode;
use crate::domain::ids::{AccountId, CampaignId, DeviceId, DeviceKey, TargetId};
use crate::domain::units::UtcMs;
use crate::snapshot::samples::KEY;

use super::device::{Row, Stay, UsedBucket};
use super::outputs::Outputs;
use super::table::{DeviceTable, Eviction, RowId};

fn key(n: u128) -> DeviceKey {
    DeviceKey { account: AccountId(1), device: DeviceId(n.to_be_bytes()) }
}

fn seen(n: u128, fixed_at: i64) -> Row {
    Row { fixed_at: UtcMs(fixed_at), ..Row::new(key(n), 1) }
}

fn full_table(capacity: u32) -> DeviceTable {
    let mut table = DeviceTable::new(capacity, 5);
    for n in 0..u128::from(capacity) {
        table.insert(seen(n, i64::try_from(n).expect("small")));
    }
    table
}

/// Evicts where no silence ends a stay and no bucket is prolonged.
fn evict(table: &mut DeviceTable, now: i64) -> usize {
    let rule =
        Eviction { now: UtcMs(now), key: &KEY, gap_ms: i64::MAX, is_prolonged: &|_, _| false };
    table.evict(AccountId(1), &rule, &mut Outputs::default())
}

#[test]
fn devices_are_found_by_account_and_id() {
    let table = full_table(1000);
    for n in 0..1000 {
        let id = table.find(key(n)).expect("it was inserted");
        assert_eq!(table.row(id).key, key(n));
    }
    assert!(table.find(key(1000)).is_none());
    assert!(table.find(DeviceKey { account: AccountId(2), ..key(3) }).is_none());
}

#[test]
fn the_oldest_go_first_and_the_rest_stay_findable() {
    let mut table = full_table(640);
    assert!(!table.has_room_for(AccountId(1)));
    assert_eq!(evict(&mut table, 10_000), 10);
    for n in 0..640 {
        assert_eq!(table.find(key(n)).is_some(), n >= 10, "device {n}");
    }
}

/// Opens a stay of a device, which nothing can evict from then on.
pub(super) fn hold(table: &mut DeviceTable, device: RowId) {
    let stay = Stay {
        target: TargetId(1),
        began: 1,
        entered_at: UtcMs(0),
        next_dwell_s: u32::MAX,
        outside: 0,
        inside: true,
        seen_in: 1,
        hinted_s: i32::MIN,
    };
    let mut stays = table.row(device).stays;
    table.stays.push(&mut stays, stay);
    table.row_mut(device).stays = stays;
}

#[test]
fn open_stays_and_live_buckets_hold_a_device() {
    let mut table = full_table(2);
    let staying = table.find(key(0)).expect("inserted");
    hold(&mut table, staying);
    let pushed = table.find(key(1)).expect("inserted");
    let mut annex = table.annex(pushed);
    let used = UsedBucket {
        campaign: CampaignId(1),
        mode: RunMode::Running,
        span: 0,
        keep_until: UtcMs(5000),
    };
    table.buckets.push(&mut annex.buckets, used);
    table.set_annex(pushed, annex);

    assert_eq!(evict(&mut table, 5000), 0, "one stays, the other's bucket is live to the last ms");
    assert_eq!(evict(&mut table, 5001), 0, "no second walk within the pause");
    assert_eq!(evict(&mut table, 6000), 1);
    assert!(table.find(key(1)).is_none());
    assert!(table.find(key(0)).is_some());
}

#[test]
fn a_table_from_which_a_few_may_go_is_walked_no_more_often_than_one_from_which_nobody_may() {
    let mut table = full_table(640);
    let held: Vec<RowId> = (5..640).map(|n| table.find(key(n)).expect("inserted")).collect();
    held.into_iter().for_each(|device| hold(&mut table, device));
    assert_eq!(evict(&mut table, 10_000), 5, "of ten that it might evict");
    for n in 1000..1005 {
        table.insert(seen(n, 10_000));
    }
    assert_eq!(evict(&mut table, 10_999), 0, "those may go by now, but the walk waits");
    assert_eq!(evict(&mut table, 11_000), 5);
}
