//! A customer: its membership, its time zone, and what it has set itself.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::document::{Document, text};
use crate::control::store::Kind;
use crate::domain::problem::Fault;
use crate::snapshot::calendar::known_zone;

/// What an account pays for.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Debug,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
    clap::ValueEnum,
)]
#[serde(rename_all = "snake_case")]
pub enum Membership {
    /// 100,000 pushes a month included, 100 geofences, no groups, segments or visit reports.
    Lite,
    /// Pushes and geofences without limit, groups, segments, visit reports.
    Basic,
    /// Basic, and places and visits from server to server.
    Premium,
}

impl fmt::Display for Membership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lite => "Lite",
            Self::Basic => "Basic",
            Self::Premium => "Premium",
        })
    }
}

/// A paying customer.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// For people, 1 to 100 characters.
    pub name: String,
    /// What it pays for; set by the operator.
    pub membership: Membership,
    /// IANA name; days, months, nights and windows are local to it.
    #[serde(default = "seoul")]
    pub time_zone: String,
    /// Whether pushes from 21:00 to 08:00 local need the user's agreement.
    #[serde(default)]
    pub night_rule: bool,
    /// Pushes a device may get in a local day from all campaigns together, 1 to 65,535; none for no cap.
    #[serde(default)]
    pub daily_cap: Option<u16>,
    /// Pushes in a local month, a hard limit that the account sets itself; none for no limit.
    #[serde(default)]
    pub monthly_limit: Option<u64>,
    /// Whether stays at all of its places are measured as visits. Basic and Premium.
    #[serde(default)]
    pub measure_visits: bool,
    /// When they were, the last 32 times, oldest first; none where they never were, or since a release that did not note
    /// it. The service fills it in, whatever a request says.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "one_or_more")]
    pub visits_measured: Vec<Measured>,
    /// What it may ask of the service; set by the operator.
    #[serde(default)]
    pub limits: Limits,
}

/// What an account may ask of the service.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Requests of the campaign API a minute, 1 to 1,000,000.
    pub requests_per_min: u32,
    /// Files a day, 1 to 100,000.
    pub uploads_per_day: u32,
    /// Pings, outcomes, profiles and place hints a second, 1 to 100,000,000; none for no limit. A second's worth may
    /// come at once; what comes faster waits, and over HTTP is refused until there is room.
    pub records_per_s: Option<u32>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { requests_per_min: 6000, uploads_per_day: 1000, records_per_s: None }
    }
}

impl Account {
    /// An account with the default of everything else.
    #[must_use]
    pub fn named(name: &str, membership: Membership) -> Self {
        Self {
            name: name.to_owned(),
            membership,
            time_zone: seoul(),
            night_rule: false,
            daily_cap: None,
            monthly_limit: None,
            measure_visits: false,
            visits_measured: Vec::new(),
            limits: Limits::default(),
        }
    }

    /// When visits were measured, once this takes the place of `old`: a visit that nobody measured is not one that was not
    /// made, and reports have to know.
    #[must_use]
    pub fn measured_after(&self, old: Option<&Self>, now: Timestamp) -> Vec<Measured> {
        let mut spans = old.map(|old| old.visits_measured.clone()).unwrap_or_default();
        match (old.is_some_and(|old| old.measure_visits), self.measure_visits) {
            (false, true) => spans.push(Measured { from: now, until: None }),
            (true, false) => {
                if let Some(last) = spans.last_mut() {
                    last.until = Some(now);
                }
            }
            (true, true) | (false, false) => {}
        }
        spans.drain(..spans.len().saturating_sub(MEASURED_SPANS));
        spans
    }
}

/// The most spans that are kept of an account: visits older than most of them are kept no more, unless it is turned on
/// and off by a clock.
const MEASURED_SPANS: usize = 32;

/// A time in which visits were measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    /// From when on.
    #[schema(value_type = String, format = DateTime)]
    pub from: Timestamp,
    /// Until when; none while it lasts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<Timestamp>,
}

impl Measured {
    /// Whether an instant is in it, or at its edge.
    #[must_use]
    pub fn has(&self, at: Timestamp) -> bool {
        self.from <= at && self.until.is_none_or(|until| at <= until)
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "from {}", self.from)?;
        self.until.map_or(Ok(()), |until| write!(f, " to {until}"))
    }
}

/// Spans as people read them.
#[must_use]
pub fn spans(measured: &[Measured]) -> String {
    if measured.is_empty() {
        return "never, so far".to_owned();
    }
    measured.iter().map(Measured::to_string).collect::<Vec<_>>().join(", ")
}

/// Spans, or the one that accounts of before had.
fn one_or_more<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<Measured>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        More(Vec<Measured>),
        One(Measured),
    }
    Ok(match Either::deserialize(from)? {
        Either::More(spans) => spans,
        Either::One(span) => vec![span],
    })
}

fn seoul() -> String {
    "Asia/Seoul".to_owned()
}

impl Document for Account {
    const KIND: Kind = Kind::Account;

    fn name(&self) -> &str {
        &self.name
    }

    fn faults(&self, _account: &Account) -> Vec<Fault> {
        let mut faults = text("/name", &self.name, 100, true);
        let mut unless = |fine: bool, pointer: &str, detail: String| {
            if !fine {
                faults.push(Fault::new(pointer, detail));
            }
        };
        let zone = &self.time_zone;
        unless(
            known_zone(zone).is_ok(),
            "/time_zone",
            format!("time_zone is {zone:?}; allowed: an IANA name, such as Asia/Seoul"),
        );
        unless(
            self.daily_cap != Some(0),
            "/daily_cap",
            "daily_cap is 0; allowed: 1 or more, or null for no cap".to_owned(),
        );
        unless(
            self.monthly_limit != Some(0),
            "/monthly_limit",
            "monthly_limit is 0; allowed: 1 or more, or null for no limit".to_owned(),
        );
        let Limits { requests_per_min, uploads_per_day, records_per_s } = self.limits;
        unless(
            (1..=1_000_000).contains(&requests_per_min),
            "/limits/requests_per_min",
            format!("requests_per_min is {requests_per_min}; allowed: 1 to 1000000"),
        );
        unless(
            (1..=100_000).contains(&uploads_per_day),
            "/limits/uploads_per_day",
            format!("uploads_per_day is {uploads_per_day}; allowed: 1 to 100000"),
        );
        unless(
            records_per_s.is_none_or(|most| (1..=100_000_000).contains(&most)),
            "/limits/records_per_s",
            format!(
                "records_per_s is {}; allowed: 1 to 100000000, or null for no limit",
                records_per_s.unwrap_or_default()
            ),
        );
        faults
    }
}
