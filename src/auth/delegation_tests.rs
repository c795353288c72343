//! Tokens that accounts make themselves: never more than their caller has, never another account's.

use super::authority::{AuthError, Authority};
use super::book::{Book, BookError};
use super::command::NewToken;
use super::delegation::{By, MAX_LIVE};
use super::grant::{Apps, Grant, Scope};
use super::token::Token;
use crate::clock::Clock;
use crate::domain::ids::{AccountId, AppId};
use crate::domain::units::UtcMs;

const NOW: jiff::Timestamp = jiff::Timestamp::UNIX_EPOCH;

/// An installation whose account 1 has a token for campaigns and the queue of app 1.
fn installation() -> (Authority, Grant) {
    let (mut book, token) = (Book::default(), Token::from_bytes([7; 32]));
    let scopes = &[Scope::Campaigns, Scope::Queue];
    let account = AccountId(1);
    NewToken { name: "marketer", account, apps: Apps::only([AppId(1)]), scopes }
        .note(&mut book, &token, NOW);
    let (clock, _hands) = Clock::manual(UtcMs(1_000));
    let authority = Authority::of(book).told_by(clock);
    let grant = authority.by_token(&token.reveal(), Scope::Campaigns).unwrap();
    (authority, grant)
}

fn make(
    (authority, by): (&Authority, &By),
    account: u32,
    name: &str,
    scopes: &[Scope],
) -> Result<Token, BookError> {
    let apps = Apps::only([AppId(1)]);
    authority.make(by, NewToken { name, account: AccountId(account), apps, scopes }, NOW)
}

#[test]
fn a_holder_makes_what_its_own_token_allows() {
    let (authority, grant) = installation();
    let by = &By::Holder(grant);
    let made = make((&authority, by), 1, "worker", &[Scope::Queue]).unwrap();
    assert!(authority.by_token(&made.reveal(), Scope::Queue).is_ok());
    for beyond in [Scope::Ingest, Scope::Admin] {
        let refused = make((&authority, by), 1, "more", &[Scope::Queue, beyond]);
        assert!(matches!(refused, Err(BookError::Beyond(_))), "{refused:?}");
    }
    let all =
        NewToken { name: "x", account: AccountId(1), apps: Apps::All, scopes: &[Scope::Queue] };
    assert!(matches!(authority.make(by, all, NOW), Err(BookError::Beyond(_))));
    let twice = make((&authority, by), 1, "worker", &[Scope::Queue]);
    assert!(matches!(twice, Err(BookError::NameTaken(_))));
    make((&authority, &By::Operator), 2, "worker", &[Scope::Admin]).unwrap();
    assert!(matches!(make((&authority, by), 1, "none", &[]), Err(BookError::NoScope)));
}

#[test]
fn a_holder_revokes_its_account_s_and_nothing_more() {
    let (authority, grant) = installation();
    let (by, account) = (By::Holder(grant), AccountId(1));
    let operator = (&authority, &By::Operator);
    make(operator, 1, "gateway", &[Scope::Ingest]).unwrap();
    make(operator, 1, "root", &[Scope::Admin]).unwrap();
    make(operator, 2, "other", &[Scope::Queue]).unwrap();
    let worker = make(operator, 1, "worker", &[Scope::Queue]).unwrap();
    let look = |name: &str| authority.revocable(&by, account, name);
    assert!(matches!(look("gateway"), Err(BookError::Beyond(_))));
    assert!(matches!(look("root"), Err(BookError::NotLive(_))), "it is not even shown");
    assert!(matches!(look("other"), Err(BookError::NotLive(_))));
    authority.revoke(&look("worker").unwrap(), NOW).unwrap();
    let refused = authority.by_token(&worker.reveal(), Scope::Queue).unwrap_err();
    assert_eq!(refused, AuthError::Revoked { name: "worker".to_owned() });
    assert!(matches!(look("worker"), Err(BookError::NotLive(_))));

    let names = |by: &By| -> Vec<String> {
        authority.tokens(account, by).into_iter().map(|one| one.entry.name).collect()
    };
    assert_eq!(names(&by), ["marketer", "gateway", "worker"]);
    assert_eq!(names(&By::Operator), ["marketer", "gateway", "root", "worker"]);
}

#[test]
fn uses_are_counted_and_go_on_over_a_change_of_the_book() {
    let (authority, grant) = installation();
    let used = || {
        let listed = authority.tokens(AccountId(1), &By::Operator);
        listed.iter().map(|one| (one.uses, one.last_used)).collect::<Vec<_>>()
    };
    assert_eq!(used(), [(1, Some(UtcMs(1_000)))]);
    let worker = make((&authority, &By::Holder(grant)), 1, "worker", &[Scope::Queue]).unwrap();
    authority.by_token(&worker.reveal(), Scope::Queue).unwrap();
    authority.by_token(&worker.reveal(), Scope::Queue).unwrap();
    assert!(authority.by_token(&worker.reveal(), Scope::Admin).is_err(), "no use of it");
    assert_eq!(used(), [(1, Some(UtcMs(1_000))), (2, Some(UtcMs(1_000)))]);
    assert_eq!(authority.counted_since(), Some(UtcMs(1_000)));
}

#[test]
fn an_account_does_not_fill_the_book() {
    let (authority, grant) = installation();
    let by = By::Holder(grant);
    for round in 0..200 {
        let name = format!("short-lived-{round}");
        make((&authority, &by), 1, &name, &[Scope::Queue]).unwrap();
        let entry = authority.revocable(&by, AccountId(1), &name).unwrap();
        authority.revoke(&entry, NOW).unwrap();
    }
    assert!(authority.tokens(AccountId(1), &by).len() <= 2 * MAX_LIVE);
    for round in 1..MAX_LIVE {
        make((&authority, &by), 1, &format!("live-{round}"), &[Scope::Queue]).unwrap();
    }
    let full = make((&authority, &by), 1, "one more", &[Scope::Queue]);
    assert!(matches!(full, Err(BookError::AccountFull)), "{full:?}");
}

#[test]
fn a_change_is_in_the_file_and_in_force_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokens.json");
    let authority = Authority::open(&path).unwrap();
    let mut changes = authority.changes();
    let made = make((&authority, &By::Operator), 1, "one", &[Scope::Ingest]).unwrap();
    assert!(changes.has_changed().unwrap());
    changes.mark_unchanged();
    assert!(Authority::open(&path).unwrap().by_token(&made.reveal(), Scope::Ingest).is_ok());
    let kept = std::fs::read_to_string(&path).unwrap();
    assert!(!kept.contains(&made.reveal()[3..]), "the token itself is kept");
}
