//! What happens to campaigns because a day is over.

use std::collections::BTreeSet;

use jiff::civil::Date;

use super::actor::Actor;
use super::desk::Desk;
use crate::control::refusal::Refusal;
use crate::control::store::{INSTALLATION, Kind, Query, Tx};
use crate::domain::ids::AccountId;
use crate::domain::units::UtcMs;
use crate::identity::Keyring;

/// Ends every campaign whose last local day is over. Gives the accounts that the engine has to be told of.
///
/// # Errors
/// When the store says no.
pub fn end_what_is_over(
    tx: &mut dyn Tx,
    now: UtcMs,
    keyring: &Keyring,
) -> Result<BTreeSet<AccountId>, Refusal> {
    let mut accounts = Vec::new();
    tx.scan(&Query::all(INSTALLATION, Kind::Account), &mut |record| {
        accounts.push(AccountId(record.key.id));
        Ok(())
    })?;
    let mut touched = BTreeSet::new();
    for account in accounts {
        let (by, keyring) = ("the calendar".into(), keyring.clone());
        let actor = Actor { account, by, operator: true, now, keyring };
        let mut desk = Desk::open(tx, &actor)?;
        let today = desk.today();
        for campaign in desk.campaigns(&["waiting", "testing", "running"])? {
            let end = campaign.document.end.parse::<Date>().ok();
            if end.is_some_and(|end| end < today) {
                desk.end(campaign.id)?;
            }
        }
        if desk.reaches_engine() {
            touched.insert(account);
        }
    }
    Ok(touched)
}
