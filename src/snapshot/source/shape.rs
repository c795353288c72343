//! The campaign file by its shape: what each JSON object may have. Unknown fields are refused, because a
//! misspelt limit that is silently ignored would cost money.
//!
//! `configs/example/campaigns.json` shows one. [`campaigns`](super::campaigns) gives it meaning.

use std::fmt;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{MapAccess, SeqAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::domain::campaign::{AppSpec, MessageSpec, RunMode};
use crate::domain::ids::{AccountId, AppId, CampaignId};

/// An object of `accounts`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountShape {
    /// Its number.
    pub id: AccountId,
    /// For people.
    #[serde(default)]
    pub name: String,
    /// IANA name; days and windows are local to it.
    #[serde(default = "seoul")]
    pub time_zone: String,
    /// The apps it has.
    pub apps: Vec<AppShape>,
    /// Whether pushes at night need the user's agreement.
    #[serde(default)]
    pub night_rule: bool,
    /// Pushes a device may get in a local day, if capped.
    #[serde(default)]
    pub daily_cap: Option<u16>,
    /// Pushes in a local month, if limited.
    #[serde(default)]
    pub monthly_limit: Option<u64>,
    /// Advertising ids that get nothing.
    #[serde(default)]
    pub blacklist: Vec<String>,
    /// The same by echo code.
    #[serde(default)]
    pub blacklist_echo: Vec<String>,
    /// Whether every target is watched for visits.
    #[serde(default)]
    pub measure_visits: bool,
    /// Whether consumers get its visits.
    #[serde(default)]
    pub export_visits: bool,
}

/// An app of an account.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AppShape {
    id: AppId,
    package: String,
    platform: String,
}

impl From<AppShape> for AppSpec {
    fn from(AppShape { id, package, platform }: AppShape) -> Self {
        Self { id, package, platform }
    }
}

/// An object of `campaigns`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CampaignShape {
    /// Its number within the account.
    pub id: CampaignId,
    /// Whose it is; may be left out where the file has one account.
    #[serde(default)]
    pub account: Option<AccountId>,
    /// For people.
    #[serde(default)]
    pub name: String,
    /// The owner's own code for it.
    #[serde(default)]
    pub client_code: String,
    /// Testing or running.
    pub mode: RunMode,
    /// The apps whose pings count; all of the account's where it is left out.
    #[serde(default)]
    pub apps: Option<Vec<AppId>>,
    /// Whom it addresses.
    #[serde(default)]
    pub audience: AudienceShape,
    /// Advertising ids that it is tried on.
    #[serde(default)]
    pub test_devices: Vec<String>,
    /// Whether the account's blacklist is honoured.
    #[serde(default = "yes")]
    pub blacklist: bool,
    /// What it watches, besides the fences that name it.
    #[serde(default)]
    pub targets: Option<TargetsShape>,
    /// What must happen there.
    pub trigger: TriggerShape,
    /// First local day.
    pub start: String,
    /// Last local day, inclusive.
    pub end: String,
    /// When on those days.
    pub windows: Vec<WindowShape>,
    /// How often a device may get it.
    pub frequency: FrequencyShape,
    /// The higher wins a moment.
    #[serde(default)]
    pub priority: i32,
    /// Per cent of devices held out.
    #[serde(default)]
    pub holdout_pct: u8,
    /// Pushes in all, if limited.
    #[serde(default)]
    pub total_limit: Option<u64>,
    /// Overrides the policy's accuracy limit, m.
    #[serde(default)]
    pub max_accuracy_m: Option<u16>,
    /// How long a push is worth sending, s.
    #[serde(default = "ten_minutes")]
    pub push_ttl_s: u32,
    /// The messages; two for an A/B test.
    #[serde(default)]
    pub messages: Vec<MessageShape>,
}

/// `"all"` or `{"devices": […]}`.
#[derive(Debug, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum AudienceShape {
    /// Everyone.
    #[default]
    All,
    /// These advertising ids.
    Devices(Vec<String>),
}

/// `"all"`, `"nationwide"`, a list of feature ids, or `{"prefix": "…"}`.
#[derive(Debug)]
pub enum TargetsShape {
    /// All fences of the account.
    All,
    /// Everywhere.
    Nationwide,
    /// Fences with these ids.
    Keys(Vec<KeyShape>),
    /// Fences whose id begins so.
    Prefix(String),
}

/// `{"prefix": "…"}`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PrefixShape {
    prefix: String,
}

impl<'de> Deserialize<'de> for TargetsShape {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(TargetsVisitor)
    }
}

struct TargetsVisitor;

impl<'de> Visitor<'de> for TargetsVisitor {
    type Value = TargetsShape;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"all\", \"nationwide\", a list of feature ids, or {\"prefix\": \"…\"}")
    }

    fn visit_str<E: serde::de::Error>(self, word: &str) -> Result<TargetsShape, E> {
        match word {
            "all" => Ok(TargetsShape::All),
            "nationwide" => Ok(TargetsShape::Nationwide),
            other => Err(E::invalid_value(Unexpected::Str(other), &self)),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<TargetsShape, A::Error> {
        Deserialize::deserialize(SeqAccessDeserializer::new(list)).map(TargetsShape::Keys)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<TargetsShape, A::Error> {
        let shape = PrefixShape::deserialize(MapAccessDeserializer::new(map))?;
        Ok(TargetsShape::Prefix(shape.prefix))
    }
}

/// A feature id: a text or a whole number.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "a feature id: a text or a whole number")]
pub enum KeyShape {
    /// A whole number.
    Number(i64),
    /// A text.
    Text(String),
}

impl KeyShape {
    /// The key that it stands for.
    #[must_use]
    pub fn into_key(self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text,
        }
    }
}

/// `{"on": "enter"}`, `{"on": "dwell", "dwell_s": 60}`, `{"on": "exit"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TriggerShape {
    /// What must happen.
    pub on: OnShape,
    /// For dwell: how long, s, 1 to 86,400.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dwell_s: Option<u32>,
}

/// What a device must do at a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnShape {
    /// Come in.
    Enter,
    /// Stay for a while.
    Dwell,
    /// Go out.
    Exit,
}

/// `"once_per_period"`, `"once_per_day"` or `{"resend_after_s": 600}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FrequencyShape {
    /// Once in the campaign's period.
    OncePerPeriod,
    /// Once a local day.
    OncePerDay,
    /// Again after so many seconds while the device stays, 600 to 2,592,000.
    ResendAfterS(u32),
}

/// `{"days": ["mon", "tue"], "start": "09:00", "end": "18:00"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WindowShape {
    /// The days it holds on.
    pub days: Vec<DayShape>,
    /// From when, 00:00 to 23:00 in steps of 10 minutes.
    pub start: String,
    /// Until when, 01:00 to 24:00 in steps of 10 minutes; after the start.
    pub end: String,
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DayShape {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MessageShape {
    /// At most 26 characters as people see them; an emoji counts 2, a code such as `${store}` 0.
    pub title: String,
    /// At most 112, counted alike.
    pub body: String,
    /// An image of 2:1, 1 to 2,048 characters.
    pub image_url: Option<String>,
    /// Where a click leads, 1 to 2,048 characters.
    pub landing_url: Option<String>,
}

impl From<MessageShape> for MessageSpec {
    fn from(shape: MessageShape) -> Self {
        let MessageShape { title, body, image_url, landing_url } = shape;
        Self { title, body, image_url, landing_url, landing_urls: Vec::new() }
    }
}

fn seoul() -> String {
    "Asia/Seoul".to_owned()
}

fn yes() -> bool {
    true
}

fn ten_minutes() -> u32 {
    600
}
