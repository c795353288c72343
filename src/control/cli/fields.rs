//! The fields of an account as options of a command.

use std::fmt::Display;
use std::str::FromStr;

use clap::Args;

use crate::control::documents::{Account, Membership};

/// What may be set of an account; what is left out stays as it is.
#[derive(Debug, Default, Clone, Args)]
pub struct Fields {
    /// What its days, months, nights and windows are local to, an IANA name; Asia/Seoul unless given
    #[arg(long, value_name = "ZONE")]
    pub time_zone: Option<String>,
    /// Whether pushes from 21:00 to 08:00 local need the user's agreement; no unless given
    #[arg(
        long,
        value_name = "true|false",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true"
    )]
    pub night_rule: Option<bool>,
    /// Pushes that a device may get in a local day from all campaigns together, or none for no cap
    #[arg(long, value_name = "N|none")]
    pub daily_cap: Option<Most<u16>>,
    /// Pushes in a local month, a hard limit, or none for no limit
    #[arg(long, value_name = "N|none")]
    pub monthly_limit: Option<Most<u64>>,
    /// Whether stays at all of its places are measured as visits; no unless given. Not for Lite
    #[arg(
        long,
        value_name = "true|false",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true"
    )]
    pub measure_visits: Option<bool>,
    /// Requests of the campaign API a minute; 6000 unless given
    #[arg(long, value_name = "N")]
    pub requests_per_min: Option<u32>,
    /// Files to be read in a day; 1000 unless given
    #[arg(long, value_name = "N")]
    pub uploads_per_day: Option<u32>,
    /// Pings, outcomes, profiles and place hints a second; none unless given
    #[arg(long, value_name = "N")]
    pub records_per_s: Option<Most<u32>>,
}

/// A number, or the word none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Most<T>(pub Option<T>);

impl<T: FromStr<Err: Display>> FromStr for Most<T> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.eq_ignore_ascii_case("none") {
            return Ok(Self(None));
        }
        text.parse()
            .map(|number| Self(Some(number)))
            .map_err(|error| format!("{error}; allowed: a whole number, or none"))
    }
}

impl Fields {
    /// Whether anything is to be set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Self {
            time_zone,
            night_rule,
            daily_cap,
            monthly_limit,
            measure_visits,
            requests_per_min,
            uploads_per_day,
            records_per_s,
        } = self;
        time_zone.is_none()
            && night_rule.or(*measure_visits).is_none()
            && daily_cap.is_none()
            && monthly_limit.is_none()
            && requests_per_min.or(*uploads_per_day).is_none()
            && records_per_s.is_none()
    }

    /// Puts what is given into an account.
    pub fn put_into(&self, account: &mut Account) {
        fn put<T: Clone>(place: &mut T, given: Option<&T>) {
            if let Some(given) = given {
                place.clone_from(given);
            }
        }
        put(&mut account.time_zone, self.time_zone.as_ref());
        put(&mut account.night_rule, self.night_rule.as_ref());
        put(&mut account.daily_cap, self.daily_cap.map(|most| most.0).as_ref());
        put(&mut account.monthly_limit, self.monthly_limit.map(|most| most.0).as_ref());
        put(&mut account.measure_visits, self.measure_visits.as_ref());
        put(&mut account.limits.requests_per_min, self.requests_per_min.as_ref());
        put(&mut account.limits.uploads_per_day, self.uploads_per_day.as_ref());
        put(&mut account.limits.records_per_s, self.records_per_s.map(|most| most.0).as_ref());
    }

    /// A new account with these, and its defaults otherwise.
    #[must_use]
    pub fn account(&self, name: &str, membership: Membership) -> Account {
        let mut account = Account::named(name, membership);
        self.put_into(&mut account);
        account
    }
}
