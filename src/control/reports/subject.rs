//! The campaign that a report is about.

use std::ops::RangeInclusive;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::control::desk::Desk;
use crate::control::documents::campaign::Audience;
use crate::control::documents::{Campaign, Segment};
use crate::control::refusal::Refusal;
use crate::control::store::{DeviceList, Kind};
use crate::domain::ids::{AccountId, AppId, CampaignId};
use crate::outbox::derived::rows::CampaignKey;

/// A campaign, as far as reports ask.
#[derive(Clone, Debug)]
pub struct Subject {
    /// Its number.
    pub campaign: CampaignId,
    /// Whose it is.
    pub account: AccountId,
    /// Its name.
    pub name: String,
    /// Waiting, testing, running or ended.
    pub state: String,
    /// Its first and last local day.
    pub days: (Date, Date),
    /// Where days begin.
    pub zone: TimeZone,
    /// The account's local day.
    pub today: Date,
    /// Whether it has two messages.
    pub has_ab: bool,
    /// Whom it addresses.
    pub addressed: Addressed,
}

/// Whom a campaign addresses.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Addressed {
    /// Everybody seen in its apps.
    Apps(Vec<AppId>),
    /// So many devices.
    Devices(u64),
    /// Those of a segment by visit history.
    Looked(u32),
}

impl Subject {
    /// Under which its figures are kept.
    #[must_use]
    pub fn key(&self) -> CampaignKey {
        (self.account, self.campaign)
    }

    /// Its days as figures number them.
    #[must_use]
    pub fn span(&self) -> RangeInclusive<i32> {
        day_number(self.days.0)..=day_number(self.days.1)
    }
}

impl Desk<'_> {
    /// The campaign that a report is asked for.
    ///
    /// # Errors
    /// [`Refusal::NoSuch`].
    pub fn subject(&mut self, id: u32) -> Result<Subject, Refusal> {
        let shown = self.document::<Campaign>(id)?;
        let addressed = match &shown.document.audience {
            Audience::All => {
                Addressed::Apps(shown.document.apps.iter().map(|app| AppId(*app)).collect())
            }
            Audience::Segment(segment)
                if self.document::<Segment>(*segment)?.document.history.is_some() =>
            {
                Addressed::Looked(*segment)
            }
            Audience::Segment(segment) => {
                let key = self.key(Kind::Segment, *segment);
                Addressed::Devices(self.tx.count_devices((key, DeviceList::Segment))?)
            }
            Audience::Devices(_) => {
                let key = self.key(Kind::Campaign, id);
                Addressed::Devices(self.tx.count_devices((key, DeviceList::Audience))?)
            }
        };
        let Campaign { name, start, end, messages, .. } = shown.document;
        let day = |text: &str| text.parse().unwrap_or(Date::ZERO);
        Ok(Subject {
            campaign: CampaignId(id),
            account: self.account_id(),
            name,
            state: shown.state,
            days: (day(&start), day(&end)),
            zone: TimeZone::get(&self.account().time_zone).unwrap_or(TimeZone::UTC),
            today: self.today(),
            has_ab: messages.len() == 2,
            addressed,
        })
    }
}

/// A day as figures number it: counted from 1970-01-01.
#[must_use]
pub fn day_number(day: Date) -> i32 {
    day.since(Date::constant(1970, 1, 1)).map_or(0, |span| span.get_days())
}

/// The day of a number.
#[must_use]
pub fn day_of(number: i32) -> Date {
    let days = jiff::Span::new().try_days(number).unwrap_or_default();
    Date::constant(1970, 1, 1).checked_add(days).unwrap_or(Date::MAX)
}
