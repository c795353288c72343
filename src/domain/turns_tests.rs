//! Turns are bounded for all and for each, and come back.

use super::ids::AccountId;
use super::turns::{Crowd, Turns};

#[test]
fn an_account_has_its_share_and_leaves_the_rest() {
    let turns = Turns::new(5, 2);
    let of = |account: u32| turns.take(AccountId(account));
    let first = [of(1).ok(), of(1).ok()];
    assert!(first.iter().all(Option::is_some));
    assert_eq!(of(1).err(), Some(Crowd::Account(2)));
    let others = [of(2).ok(), of(2).ok(), of(3).ok()];
    assert!(others.iter().all(Option::is_some));
    assert_eq!(of(3).err(), Some(Crowd::All(5)));
    drop(first);
    let again = [of(1).ok(), of(3).ok()];
    assert!(again.iter().all(Option::is_some), "turns come back, to everybody");
    assert_eq!(of(4).err(), Some(Crowd::All(5)));
    drop((others, again));
    let all: Vec<_> = (1..=5).map(|account| of(account).ok()).collect();
    assert!(all.iter().all(Option::is_some));
}
