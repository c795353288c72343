//! Leases never exceed the limit.

use crate::domain::ids::{AccountId, CampaignId, PartitionId};
use crate::domain::input::LimitId;
use crate::domain::units::UtcMs;
use crate::engine::grants::GrantState;

use super::ledger::Ledger;

const LIMIT: LimitId = LimitId::Campaign { account: AccountId(1), campaign: CampaignId(2) };

const ONE: PartitionId = PartitionId(1);
const OTHER: PartitionId = PartitionId(2);

fn held(granted: i64, left: i64) -> GrantState {
    GrantState { limit: LIMIT, granted, left, touched_at: UtcMs(0) }
}

#[test]
fn the_whole_limit_is_leased_and_not_one_more() {
    let mut ledger = Ledger::default();
    let mut leased = 0;
    while let Some(grant) = ledger.lease(LIMIT, 5000, ONE) {
        assert!(grant.pushes > 0);
        leased += grant.pushes;
    }
    assert_eq!(leased, 5000);
    ledger.announce_return(LIMIT, 3);
    assert!(ledger.lease(LIMIT, 5000, ONE).is_none(), "the return is not synced yet");
    ledger.give_back(LIMIT, 3);
    assert_eq!(ledger.lease(LIMIT, 5000, ONE).map(|grant| grant.pushes), Some(1));
}

#[test]
fn a_restart_remembers_what_partitions_hold() {
    let mut ledger = Ledger::default();
    ledger.restore(&[held(9, 4)]);
    ledger.restore(&[held(1, 0)]);
    assert!(ledger.lease(LIMIT, 10, ONE).is_none());
    assert_eq!(ledger.leased(LIMIT), 10);
}

#[test]
fn who_gets_nothing_waits_and_is_served_by_a_return() {
    let mut ledger = Ledger::default();
    ledger.restore(&[held(10, 4)]);
    assert!(ledger.lease(LIMIT, 10, ONE).is_none());
    ledger.wait(LIMIT, ONE, UtcMs(1000));
    ledger.wait(LIMIT, OTHER, UtcMs(2000));
    assert_eq!((ledger.waited_for(), ledger.wanted(LIMIT, 10)), (vec![LIMIT], 2));
    ledger.announce_return(LIMIT, 1);
    assert_eq!(ledger.wanted(LIMIT, 10), 1, "one is on its way");
    ledger.give_back(LIMIT, 1);
    assert!(ledger.lease(LIMIT, 10, OTHER).is_some());
    assert!(ledger.waits(LIMIT, ONE) && !ledger.waits(LIMIT, OTHER));
    ledger.stop_waiting(UtcMs(1000));
    assert!(ledger.waits(LIMIT, ONE));
    ledger.stop_waiting(UtcMs(1001));
    assert_eq!(ledger.waited_for(), []);
    ledger.wait(LIMIT, ONE, UtcMs(3000));
    ledger.dismiss(LIMIT);
    assert_eq!(ledger.waited_for(), []);
}

#[test]
fn nothing_is_leased_ahead_that_would_not_suffice_for_everyone() {
    let mut ledger = Ledger::default();
    assert!(ledger.lease_ahead(LIMIT, 255, ONE).is_none());
    assert_eq!(ledger.lease_ahead(LIMIT, 256, ONE).map(|grant| grant.pushes), Some(1));
    assert!(ledger.lease_ahead(LIMIT, 256, OTHER).is_none(), "255 are left");
}

#[test]
fn a_smaller_limit_asks_for_the_excess_once() {
    let mut ledger = Ledger::default();
    ledger.restore(&[held(10, 4)]);
    assert_eq!((ledger.excess(LIMIT, 10), ledger.excess(LIMIT, 7)), (0, 3));
    ledger.announce_return(LIMIT, 2);
    assert_eq!(ledger.excess(LIMIT, 7), 1);
}

#[test]
fn books_that_come_to_nothing_are_closed() {
    let mut ledger = Ledger::default();
    ledger.restore(&[held(10, 4)]);
    ledger.announce_return(LIMIT, 10);
    ledger.give_back(LIMIT, 10);
    assert_eq!(ledger.limits(), 0);
}
