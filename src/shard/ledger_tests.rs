//! Leases never exceed the limit.

use crate::domain::ids::{AccountId, CampaignId};
use crate::domain::input::LimitId;
use crate::engine::grants::GrantState;

use super::ledger::Ledger;

const LIMIT: LimitId = LimitId::Campaign { account: AccountId(1), campaign: CampaignId(2) };

#[test]
fn the_whole_limit_is_leased_and_not_one_more() {
    let mut ledger = Ledger::default();
    let mut leased = 0;
    while let Some(grant) = ledger.lease(LIMIT, 5000) {
        assert!(grant.pushes > 0);
        leased += grant.pushes;
    }
    assert_eq!(leased, 5000);
    ledger.give_back(LIMIT, 3);
    assert_eq!(ledger.lease(LIMIT, 5000).map(|grant| grant.pushes), Some(1));
}

#[test]
fn a_restart_remembers_what_partitions_hold() {
    let mut ledger = Ledger::default();
    ledger.restore(&[GrantState { limit: LIMIT, granted: 9, left: 4 }]);
    ledger.restore(&[GrantState { limit: LIMIT, granted: 1, left: 0 }]);
    assert!(ledger.lease(LIMIT, 10).is_none());
    assert_eq!(ledger.leased(LIMIT), 10);
}
