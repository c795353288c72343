//! Which epoch a change is in: told when it is made, taken when it is built.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{Failure, Publications};
use crate::domain::ids::{AccountId, CampaignId, Epoch};

const NONE: Duration = Duration::ZERO;
const SOON: Duration = Duration::from_millis(5);

fn accounts(of: &[u32]) -> BTreeSet<AccountId> {
    of.iter().copied().map(AccountId).collect()
}

#[test]
fn changes_are_taken_together_under_the_epoch_that_they_were_told() {
    let publications = Publications::from(Epoch(5));
    assert_eq!(publications.settled_in(), Epoch(4), "nothing is due");
    assert_eq!(publications.take(SOON, NONE), None);
    for account in [2, 1, 2] {
        assert_eq!(publications.changed(AccountId(account)), Epoch(5));
    }
    assert_eq!(publications.settled_in(), Epoch(5));
    let due = publications.take(SOON, NONE).unwrap();
    assert_eq!((due.accounts, due.epoch), (accounts(&[1, 2]), Epoch(5)));
    // What comes while that is built is in the next one.
    assert_eq!(publications.settled_in(), Epoch(5));
    assert_eq!(publications.changed(AccountId(1)), Epoch(6));
    assert_eq!(publications.settled_in(), Epoch(6));
    let due = publications.take(SOON, NONE).unwrap();
    assert_eq!((due.accounts, due.epoch), (accounts(&[1]), Epoch(6)));
}

#[test]
fn whoever_waits_is_woken_and_gathers_what_follows() {
    let publications = Publications::from(Epoch(1));
    std::thread::scope(|scope| {
        let taking = scope.spawn(|| {
            publications.take(Duration::from_secs(20), Duration::from_millis(300)).unwrap()
        });
        publications.changed(AccountId(1));
        std::thread::sleep(Duration::from_millis(20));
        publications.changed(AccountId(2));
        assert_eq!(taking.join().unwrap().accounts, accounts(&[1, 2]));
    });
}

#[test]
fn epochs_of_others_are_passed_over() {
    let publications = Publications::from(Epoch(5));
    publications.skip_past(Epoch(3));
    assert_eq!(publications.changed(AccountId(1)), Epoch(5));
    publications.skip_past(Epoch(9));
    assert_eq!(publications.changed(AccountId(1)), Epoch(10));
    assert_eq!(publications.take(SOON, NONE).unwrap().epoch, Epoch(10));
}

#[test]
fn a_failure_stays_until_the_account_is_compiled() {
    let publications = Publications::default();
    assert_eq!(publications.settled_in(), Epoch(0), "before the first one");
    let failure =
        |reason: &str| Failure { campaign: Some(CampaignId(3)), reason: reason.to_owned() };
    let ours = AccountId(1);
    publications.note(ours, Epoch(4), Err(failure("first")));
    publications.note(ours, Epoch(5), Err(failure("second")));
    publications.note(AccountId(2), Epoch(5), Ok(()));
    assert_eq!(publications.failure(ours, Epoch(3)), None, "what was told before it is in force");
    for told in [4, 5, 6] {
        assert_eq!(publications.failure(ours, Epoch(told)), Some(failure("second")));
    }
    assert_eq!((publications.failure(AccountId(2), Epoch(5)), publications.failing()), (None, 1));
    publications.note(ours, Epoch(6), Ok(()));
    assert_eq!((publications.failure(ours, Epoch(6)), publications.failing()), (None, 0));
}
