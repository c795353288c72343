//! What operators do: accounts, whoever they belong to.

use super::actor::Actor;
use super::changes::{Once, content, recall, remember};
use super::desk::Desk;
use super::listing::{ListRequest, Listed};
use super::rules::Ruled as _;
use crate::control::documents::document::instant;
use crate::control::documents::{Account, Document as _, Shown};
use crate::control::refusal::Refusal;
use crate::control::store::{AuditEntry, INSTALLATION, Key, Kind, Tx};
use crate::domain::ids::AccountId;

/// Makes an account.
///
/// # Errors
/// The rule that is in the way.
pub fn create_account(
    tx: &mut dyn Tx,
    actor: &Actor,
    account: &Account,
) -> Result<Shown<Account>, Refusal> {
    let faults = account.faults(account);
    if !faults.is_empty() {
        return Err(Refusal::Faults(faults));
    }
    let visits_measured = account.measured_after(None, instant(actor.now));
    let account = &Account { visits_measured, ..account.clone() };
    let record = tx.insert(
        (INSTALLATION, Kind::Account),
        content(account, Account::FIRST_STATE),
        actor.now,
    )?;
    let number = AccountId(record.key.id);
    let actor = Actor { account: number, ..actor.clone() };
    account.fits(&mut Desk::open(tx, &actor)?, Some(number.0))?;
    tx.note(&AuditEntry {
        seq: 0,
        account: number,
        at: actor.now,
        by: actor.by.to_string(),
        action: "create".to_owned(),
        kind: Kind::Account,
        id: number.0,
        before: String::new(),
        after: record.content.body.clone(),
    })?;
    Ok(Shown::of(&record)?)
}

/// Makes an account, or gives what an earlier request with the same key has made.
///
/// # Errors
/// The rule that is in the way.
pub fn create_account_once(
    tx: &mut dyn Tx,
    actor: &Actor,
    account: &Account,
    once: Option<&Once>,
) -> Result<Shown<Account>, Refusal> {
    let whose = (INSTALLATION, once);
    if let Some(record) = recall(tx, whose, Kind::Account, actor.now)? {
        return Ok(Shown::of(&record)?);
    }
    let made = create_account(tx, actor, account)?;
    remember(tx, whose, Key::of_account(AccountId(made.id)), actor.now)?;
    Ok(made)
}

/// A page of the accounts.
///
/// # Errors
/// [`Refusal::Faults`] with the parameter that is wrong.
pub fn accounts(tx: &mut dyn Tx, asked: &ListRequest) -> Result<Listed<Account>, Refusal> {
    super::listing::page(tx, INSTALLATION, asked)
}
