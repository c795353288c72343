//! Who used the location of people, when and what for: noted before an answer leaves, and told to the account.

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::actor::Actor;
use super::audit::newest_first;
use super::desk::Desk;
use crate::control::documents::document::instant;
use crate::control::documents::{Account, Shown};
use crate::control::refusal::Refusal;
use crate::control::reports::hours::starts_at;
use crate::control::reports::period::day;
use crate::control::store::{Key, LocationUse, Purpose, Tx, UseQuery};
use crate::domain::ids::DeviceId;
use crate::domain::units::{DAY_MS, UtcMs};

/// Uses of one account on one day (UTC); past them location is not used any more that day. A note is some hundred bytes,
/// so this is what an account can fill the catalog with.
pub(super) const USES_A_DAY: u32 = 10_000;

/// The same for consumers that are handed visits: whoever has used up the others is not kept from the queue, where jobs
/// stand between visits.
pub(super) const WITH_VISITS_A_DAY: u32 = 2 * USES_A_DAY;

/// A use that is about to be made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Used {
    /// What for.
    pub purpose: Purpose,
    /// The device, where it is one alone.
    pub device: Option<DeviceId>,
    /// What it is about.
    pub about: About,
}

/// What a use is about. What there is none of is left out.
#[derive(
    Clone, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize, utoipa::ToSchema,
)]
pub struct About {
    /// The campaign's number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub campaign: Option<u32>,
    /// The consumer of the queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consumer: Option<String>,
    /// The segment's number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub segment: Option<u32>,
    /// The first local day that is looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

/// Notes a use, whether or not the account is in the catalog.
///
/// # Errors
/// [`Refusal::TooMany`] past so many a day, but for what operators and the daemon itself do; or when the store can't be
/// written. Then the use must not be made.
pub fn note_use(tx: &mut dyn Tx, actor: &Actor, used: &Used) -> Result<(), Refusal> {
    let (account, at) = (actor.account, actor.now);
    if !actor.operator {
        let today = UtcMs(at.utc_day() * DAY_MS);
        let allowed = if used.purpose == Purpose::Visits { WITH_VISITS_A_DAY } else { USES_A_DAY };
        if tx.count_uses(account, today)? >= u64::from(allowed) {
            let left_s = (today.0 + DAY_MS - at.0) / 1000 + 1;
            return Err(Refusal::TooMany {
                what: "uses of the location of people",
                allowed,
                per: "a day (UTC)",
                retry_s: u32::try_from(left_s).unwrap_or(u32::MAX),
            });
        }
    }
    let about = serde_json::to_string(&used.about).map_err(|_unwritable| Refusal::Broken)?;
    let sealer = actor.keyring.sealer();
    let device = used.device.map(|device| sealer.member(device));
    let by = actor.by.to_string();
    Ok(tx.note_use(&LocationUse {
        seq: 0,
        account,
        at,
        by,
        purpose: used.purpose,
        device,
        about,
    })?)
}

impl Desk<'_> {
    /// Notes a use of the account's.
    ///
    /// # Errors
    /// As [`note_use`].
    pub fn note_use(&mut self, used: &Used) -> Result<(), Refusal> {
        note_use(self.tx, self.actor, used)
    }
}

/// What uses can be asked for by.
#[derive(Clone, PartialEq, Eq, Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UseRequest {
    /// Where the page before ended.
    pub cursor: Option<u64>,
    /// Uses a page.
    pub limit: Option<u32>,
    /// Only those for this.
    pub purpose: Option<String>,
    /// Only those of this device alone, by its advertising id.
    pub device: Option<String>,
    /// Only those from this local day on.
    pub from: Option<String>,
    /// Only those up to this local day.
    pub to: Option<String>,
    /// For any listing: wait for this epoch first.
    pub wait_epoch: Option<u64>,
}

/// A page of uses.
#[derive(Clone, PartialEq, Debug, serde::Serialize, utoipa::ToSchema)]
pub struct UsePage {
    /// Uses, the newest first.
    pub items: Vec<UseItem>,
    /// What to send as `cursor` for the next page; none on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
}

/// One use.
#[derive(Clone, PartialEq, Debug, serde::Serialize, utoipa::ToSchema)]
pub struct UseItem {
    /// Its number; it only grows.
    pub seq: u64,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: jiff::Timestamp,
    /// Under which token, by which command of the operator, or by what of the daemon's own.
    pub by: String,
    /// explain, visit_report, segment_preview, segment, backtest or visits.
    pub purpose: &'static str,
    /// The keyed hash of the device, 16 hexadecimal digits, where it was one alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// What it was about.
    #[serde(flatten)]
    pub about: About,
}

impl UseItem {
    fn of(used: LocationUse) -> Result<Self, Refusal> {
        Ok(Self {
            seq: used.seq,
            at: instant(used.at),
            by: used.by,
            purpose: used.purpose.label(),
            device: used.device.map(|device| format!("{device:016x}")),
            about: serde_json::from_str(&used.about).map_err(|_unreadable| Refusal::Broken)?,
        })
    }
}

/// A page of the uses of the actor's account, whether or not that is in the catalog: then its days are those of UTC.
///
/// # Errors
/// [`Refusal::Faults`] with the parameter that is wrong.
pub fn uses(tx: &mut dyn Tx, actor: &Actor, asked: &UseRequest) -> Result<UsePage, Refusal> {
    let (before, limit) = newest_first(asked.cursor, asked.limit)?;
    let purpose = asked.purpose.as_deref().map(purpose_of).transpose()?;
    let device = asked.device.as_deref().map(device_of).transpose()?;
    let record = tx.get(Key::of_account(actor.account))?;
    let account: Option<Shown<Account>> = record.map(|record| Shown::of(&record)).transpose()?;
    let zone = account.and_then(|shown| TimeZone::get(&shown.document.time_zone).ok());
    let query = UseQuery {
        account: actor.account,
        before,
        purpose,
        device: device.map(|device| actor.keyring.sealer().member(device)),
        span: span_of(asked, &zone.unwrap_or(TimeZone::UTC))?,
        limit: limit + 1,
    };
    let mut found = tx.uses(&query)?;
    let more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let next = found.last().filter(|_| more).map(|last| last.seq);
    let items = found.into_iter().map(UseItem::of).collect::<Result<_, _>>()?;
    Ok(UsePage { items, next })
}

fn purpose_of(word: &str) -> Result<Purpose, Refusal> {
    Purpose::from_label(word).ok_or_else(|| {
        let allowed = Purpose::ALL.map(Purpose::label).join(", ");
        Refusal::field("/purpose", format!("purpose is {word:?}; allowed: {allowed}"))
    })
}

/// A device that a parameter names.
///
/// # Errors
/// [`Refusal::Faults`] for what is no advertising id, or nobody's.
pub fn device_of(text: &str) -> Result<DeviceId, Refusal> {
    if text.is_empty() {
        return Err(Refusal::field("/device", "say which device, by its advertising id"));
    }
    let device =
        DeviceId::parse(text).map_err(|error| Refusal::field("/device", error.to_string()))?;
    if device.is_nil() {
        let why = "the id of zeros names nobody: the user has limited tracking";
        return Err(Refusal::field("/device", why));
    }
    Ok(device)
}

fn span_of(asked: &UseRequest, zone: &TimeZone) -> Result<(UtcMs, UtcMs), Refusal> {
    let from = asked.from.as_deref().map(|_| day(asked.from.as_deref(), "/from", Date::MIN));
    let to = asked.to.as_deref().map(|_| day(asked.to.as_deref(), "/to", Date::MAX));
    let (from, to) = (from.transpose()?, to.transpose()?);
    if let (Some(from), Some(to)) = (from, to)
        && to < from
    {
        let detail = format!("to is {to}, before from, {from}; swap them");
        return Err(Refusal::field("/to", detail));
    }
    let until = to.and_then(|to| to.tomorrow().ok());
    Ok((
        from.map_or(UtcMs::MIN, |from| starts_at(from, zone)),
        until.map_or(UtcMs::MAX, |until| starts_at(until, zone)),
    ))
}
