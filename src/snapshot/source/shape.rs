//! The campaign file by its shape: what each JSON object may have. Unknown fields are refused, because a
//! misspelt limit that is silently ignored would cost money.
//!
//! `configs/example/campaigns.json` shows one. [`campaigns`](super::campaigns) gives it meaning.

use std::fmt;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{MapAccess, SeqAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};

use crate::domain::campaign::{AppSpec, MessageSpec, RunMode};
use crate::domain::ids::{AccountId, AppId, CampaignId};

/// An object of `accounts`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AccountShape {
    pub(super) id: AccountId,
    #[serde(default)]
    pub(super) name: String,
    #[serde(default = "seoul")]
    pub(super) time_zone: String,
    pub(super) apps: Vec<AppShape>,
    #[serde(default)]
    pub(super) night_rule: bool,
    #[serde(default)]
    pub(super) daily_cap: Option<u16>,
    #[serde(default)]
    pub(super) monthly_limit: Option<u64>,
    #[serde(default)]
    pub(super) blacklist: Vec<String>,
    #[serde(default)]
    pub(super) blacklist_echo: Vec<String>,
    #[serde(default)]
    pub(super) measure_visits: bool,
}

/// An app of an account.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AppShape {
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
pub(super) struct CampaignShape {
    pub(super) id: CampaignId,
    #[serde(default)]
    pub(super) account: Option<AccountId>,
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) client_code: String,
    pub(super) mode: RunMode,
    #[serde(default)]
    pub(super) apps: Option<Vec<AppId>>,
    #[serde(default)]
    pub(super) audience: AudienceShape,
    #[serde(default)]
    pub(super) test_devices: Vec<String>,
    #[serde(default = "yes")]
    pub(super) blacklist: bool,
    #[serde(default)]
    pub(super) targets: Option<TargetsShape>,
    pub(super) trigger: TriggerShape,
    pub(super) start: String,
    pub(super) end: String,
    pub(super) windows: Vec<WindowShape>,
    pub(super) frequency: FrequencyShape,
    #[serde(default)]
    pub(super) priority: i32,
    #[serde(default)]
    pub(super) holdout_pct: u8,
    #[serde(default)]
    pub(super) total_limit: Option<u64>,
    #[serde(default)]
    pub(super) max_accuracy_m: Option<u16>,
    #[serde(default = "ten_minutes")]
    pub(super) push_ttl_s: u32,
    #[serde(default)]
    pub(super) messages: Vec<MessageShape>,
}

/// `"all"` or `{"devices": […]}`.
#[derive(Debug, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub(super) enum AudienceShape {
    #[default]
    All,
    Devices(Vec<String>),
}

/// `"all"`, `"nationwide"`, a list of feature ids, or `{"prefix": "…"}`.
#[derive(Debug)]
pub(super) enum TargetsShape {
    All,
    Nationwide,
    Keys(Vec<KeyShape>),
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
pub(super) enum KeyShape {
    Number(i64),
    Text(String),
}

impl KeyShape {
    pub(super) fn into_key(self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text,
        }
    }
}

/// `{"on": "enter"}`, `{"on": "dwell", "dwell_s": 60}`, `{"on": "exit"}`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TriggerShape {
    pub(super) on: OnShape,
    #[serde(default)]
    pub(super) dwell_s: Option<u32>,
}

#[derive(Debug, Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(super) enum OnShape {
    Enter,
    Dwell,
    Exit,
}

/// `"once_per_period"`, `"once_per_day"` or `{"resend_after_s": 600}`.
#[derive(Debug, Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
pub(super) enum FrequencyShape {
    OncePerPeriod,
    OncePerDay,
    ResendAfterS(u32),
}

/// `{"days": ["mon", "tue"], "start": "09:00", "end": "18:00"}`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WindowShape {
    pub(super) days: Vec<DayShape>,
    pub(super) start: String,
    pub(super) end: String,
}

#[derive(Debug, Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
pub(super) enum DayShape {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

/// One message.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MessageShape {
    #[serde(default)]
    title: String,
    #[serde(default)]
    body: String,
    #[serde(default)]
    image_url: Option<String>,
    #[serde(default)]
    landing_url: Option<String>,
}

impl From<MessageShape> for MessageSpec {
    fn from(shape: MessageShape) -> Self {
        let MessageShape { title, body, image_url, landing_url } = shape;
        Self { title, body, image_url, landing_url }
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
