//! Shares of the table: what is counted equals what a slow count finds, and nobody fills it for the others.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::device::Row;
use super::outputs::Outputs;
use super::shares::Shares;
use super::table::{DeviceTable, Eviction};
use super::table_tests::hold;
use crate::domain::ids::{AccountId, DeviceId, DeviceKey};
use crate::domain::units::UtcMs;
use crate::snapshot::samples::KEY;

const FLOOD: AccountId = AccountId(1);
const OTHER: AccountId = AccountId(2);

/// What the bookkeeping says, from the rows alone.
fn slowly(rows: &[AccountId], capacity: u32, accounts: u32, account: AccountId) -> (bool, bool) {
    let mut counts: BTreeMap<AccountId, u32> = BTreeMap::new();
    rows.iter().for_each(|account| *counts.entry(*account).or_default() += 1);
    let fair = (capacity / accounts.max(1)).max(1);
    let its = counts.get(&account).copied().unwrap_or(0);
    *counts.entry(account).or_default() += 1;
    let crowd_with_it: u32 = counts.values().filter(|&&count| count > fair).sum();
    let has_room = its < fair || crowd_with_it <= capacity - capacity / 8;
    (its >= fair, has_room)
}

proptest! {
    #[test]
    fn the_counts_are_those_of_a_slow_count(
        steps in prop::collection::vec((0u32..5, any::<bool>(), 1u32..6, 1u32..40), 1..120),
    ) {
        let mut shares = Shares::new(20, 7);
        let mut rows: Vec<AccountId> = Vec::new();
        for (account, comes, accounts, capacity) in steps {
            let account = AccountId(account);
            shares.divide(capacity, accounts as usize);
            let (crowds, has_room) = slowly(&rows, capacity, accounts, account);
            prop_assert_eq!(shares.would_crowd(account), crowds);
            prop_assert_eq!(shares.has_room_for(account), has_room);
            match rows.iter().position(|one| *one == account) {
                Some(at) if !comes => {
                    rows.swap_remove(at);
                    shares.remove(account);
                }
                _ => {
                    rows.push(account);
                    shares.add(account);
                }
            }
        }
    }
}

/// A table of 64 rows for two accounts.
fn table() -> DeviceTable {
    let mut table = DeviceTable::new(64, 5);
    table.divide(2);
    table
}

/// A device that was seen and is inside nothing.
fn idle(account: AccountId, number: u128, fixed_at: i64) -> Row {
    let device = DeviceId(number.to_be_bytes());
    Row { fixed_at: UtcMs(fixed_at), ..Row::new(DeviceKey { account, device }, 1) }
}

/// Adds a device, making room if that is needed and can be had; tells whether it is in.
fn offer(table: &mut DeviceTable, row: Row, now: i64) -> bool {
    let rule =
        Eviction { now: UtcMs(now), key: &KEY, gap_ms: i64::MAX, is_prolonged: &|_, _| false };
    let account = row.key.account;
    let fits =
        table.has_room_for(account) || table.evict(account, &rule, &mut Outputs::default()) > 0;
    if fits {
        table.insert(row);
    }
    fits
}

/// Adds a device that nothing can evict.
fn offer_held(table: &mut DeviceTable, row: Row, now: i64) -> bool {
    let is_in = offer(table, row, now);
    if let Some(id) = table.find(row.key).filter(|_| is_in) {
        hold(table, id);
    }
    is_in
}

fn count(table: &DeviceTable, account: AccountId) -> usize {
    table.rows().filter(|row| row.key.account == account).count()
}

#[test]
fn a_flood_that_cannot_be_evicted_leaves_room_for_others() {
    let mut table = table();
    let let_in = (0..1000).filter(|&n| offer_held(&mut table, idle(FLOOD, n, 0), 0)).count();
    assert_eq!(let_in, 56, "seven eighths");
    for number in 0..8 {
        assert!(offer_held(&mut table, idle(OTHER, number, 0), 0), "device {number}");
    }
    assert!(!offer(&mut table, idle(OTHER, 8, 0), 0), "now it is full of what may not go");
}

#[test]
fn a_flood_pushes_out_its_own_devices_alone() {
    let mut table = table();
    for number in 0..30 {
        assert!(offer(&mut table, idle(OTHER, number, 0), 0), "device {number}");
    }
    for number in 0..1000 {
        // Each is younger than every device of the other account.
        assert!(offer(&mut table, idle(FLOOD, number, 10), 0), "device {number}");
    }
    assert_eq!((count(&table, OTHER), count(&table, FLOOD)), (30, 34));
}

#[test]
fn who_is_below_its_share_takes_from_the_crowd_first() {
    let mut table = table();
    assert!(offer(&mut table, idle(OTHER, 0, 0), 0));
    for number in 0..1000 {
        offer(&mut table, idle(FLOOD, number, 10), 0);
    }
    for number in 1..32 {
        assert!(offer(&mut table, idle(OTHER, number, 20), 0), "device {number}");
    }
    assert_eq!((count(&table, OTHER), count(&table, FLOOD)), (32, 32), "its own oldest is there");
}

#[test]
fn a_walk_of_the_crowd_in_vain_pauses_nobody_else() {
    let mut table = table();
    (0..56).for_each(|n| assert!(offer_held(&mut table, idle(FLOOD, n, 0), 0)));
    (0..8).for_each(|n| {
        assert!(offer(&mut table, idle(OTHER, n, i64::try_from(n).expect("small")), 0))
    });
    assert!(!offer(&mut table, idle(FLOOD, 99, 0), 0));
    assert!(offer(&mut table, idle(OTHER, 8, 9), 0), "its oldest made room");
    assert_eq!(count(&table, OTHER), 8);
}

#[test]
fn an_account_alone_has_the_whole_table() {
    let mut table = DeviceTable::new(64, 5);
    table.divide(1);
    let let_in = (0..1000).filter(|&n| offer_held(&mut table, idle(FLOOD, n, 0), 0)).count();
    assert_eq!(let_in, 64);
}
