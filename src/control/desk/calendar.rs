//! What happens to campaigns because a day begins or is over.

use std::collections::BTreeSet;

use jiff::ToSpan as _;
use jiff::civil::Date;

use super::actor::Actor;
use super::desk::Desk;
use super::states::State;
use crate::control::config::CampaignsConfig;
use crate::control::refusal::Refusal;
use crate::control::reports::ReportShelf;
use crate::control::reports::files::Listed;
use crate::control::store::{INSTALLATION, Kind, Query, Tx};
use crate::domain::ids::AccountId;
use crate::domain::units::{DAY_MS, UtcMs};
use crate::identity::Keyring;

/// What a look has come to.
#[derive(Debug, Default)]
pub struct Looked {
    /// The accounts that the engine has to be told of.
    pub touched: BTreeSet<AccountId>,
    /// Report files that are listed no more, to be discarded once this is durable.
    pub gone: Vec<Listed>,
}

/// Uses of location that are forgotten in one transaction; others wait meanwhile.
const USES_FORGOTTEN_AT_ONCE: u32 = 1000;

/// Ends every campaign whose last local day is over, tells of those whose end is near, and forgets old notices,
/// uses of location and report files.
///
/// # Errors
/// When the store says no.
pub fn look(
    tx: &mut dyn Tx,
    now: UtcMs,
    keyring: &Keyring,
    config: &CampaignsConfig,
    shelf: &ReportShelf,
) -> Result<Looked, Refusal> {
    let mut accounts = Vec::new();
    tx.scan(&Query::all(INSTALLATION, Kind::Account), &mut |record| {
        accounts.push(AccountId(record.key.id));
        Ok(())
    })?;
    let mut looked = Looked::default();
    for account in accounts {
        let (by, keyring) = ("the calendar".into(), keyring.clone());
        let actor = Actor { account, by, operator: true, now, keyring };
        let mut desk = Desk::open(tx, &actor)?;
        let today = desk.today();
        let soon = today.saturating_add(i64::from(config.notice_lead_days).days());
        for campaign in desk.campaigns(&["waiting", "testing", "running"])? {
            let Ok(end) = campaign.document.end.parse::<Date>() else { continue };
            if end < today {
                desk.end(campaign.id)?;
            } else if end <= soon && campaign.state != State::Waiting.name() {
                desk.tell_of_end(&campaign)?;
            }
        }
        desk.forget_notices(config.notices_kept)?;
        looked.gone.extend(desk.drop_old_reports(shelf)?);
        if desk.reaches_engine() {
            looked.touched.insert(account);
        }
    }
    let kept_ms = i64::from(config.location_uses_days) * DAY_MS;
    tx.forget_uses(UtcMs(now.0.saturating_sub(kept_ms)), USES_FORGOTTEN_AT_ONCE)?;
    Ok(looked)
}
