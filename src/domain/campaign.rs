//! What a campaign and its account ask for, as far as the engine decides it.
//!
//! Specs come from campaign files (later from the catalog's compiler), checked; [`snapshot`](crate::snapshot)
//! compiles them. The small enums are shared by spec, snapshot and engine; their numbers are durable.

use jiff::civil::{Date, Weekday};

use super::ids::{AccountId, AppId, CampaignId, DeviceId, TargetId};

/// Whether a campaign is only tried out or really runs. Waiting and ended ones are in no snapshot.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum RunMode {
    /// On its test devices alone; charges nothing, marked, in no report.
    Testing = 1,
    /// For real.
    Running = 2,
}

/// What must happen at one of a campaign's targets.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Condition {
    /// The device comes in.
    Enter,
    /// It stays inside for `dwell_s`.
    Dwell {
        /// How long, s, from the enter.
        dwell_s: u32,
    },
    /// It goes out.
    Exit,
}

/// How often a device may get a campaign's push.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Frequency {
    /// Once in the campaign's period.
    OncePerPeriod,
    /// Once a local day.
    OncePerDay,
    /// Again after `after_s` while the device stays; a re-entry sooner is suppressed.
    Resend {
        /// The pause, s: 600 to 2,592,000.
        after_s: u32,
    },
}

/// Which message of an A/B test a device gets. `A` where there is no test.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[repr(u8)]
pub enum Variant {
    /// The first.
    #[default]
    A = 0,
    /// The second.
    B = 1,
}

impl Variant {
    /// As consumers read it.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
        }
    }
}

/// Whom a campaign addresses.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AudienceSpec {
    /// Everyone.
    All,
    /// These advertising ids.
    Devices(Vec<DeviceId>),
    /// Devices by their keyed hash, as lists of members hold them.
    Members(Vec<u64>),
}

/// One row of the weekly schedule, in the account's time zone, half-open.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WindowSpec {
    /// The days it holds on.
    pub weekdays: Vec<Weekday>,
    /// Minutes after local midnight, 0 to 1,380, in steps of 10.
    pub start_min: u16,
    /// Minutes after local midnight, 60 to 1,440, in steps of 10; after `start_min`.
    pub end_min: u16,
}

/// A message as the marketer wrote it; codes such as `${store}` are filled in per job.
#[derive(Clone, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct MessageSpec {
    /// At most 26 graphemes; an emoji counts 2, a code 0. At most [`MAX_TEMPLATE_BYTES`].
    pub title: String,
    /// At most 112 graphemes, counted alike.
    pub body: String,
    /// An image of 2:1, if any.
    #[serde(default)]
    pub image_url: Option<String>,
    /// Where a click leads, if anywhere.
    #[serde(default)]
    pub landing_url: Option<String>,
    /// Where it leads in some apps instead, each app once.
    #[serde(default)]
    pub landing_urls: Vec<AppUrl>,
}

/// Where a click leads in one app.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct AppUrl {
    /// The app.
    pub app: AppId,
    /// The address.
    pub url: String,
}

/// How long a title or a body may be in bytes, codes and all: a grapheme may have any number of marks, and codes
/// count as none. The longest body of 112 graphemes of any living script is far shorter.
pub const MAX_TEMPLATE_BYTES: usize = 4096;

/// One campaign that is testing or running.
#[derive(Clone, PartialEq, Debug)]
pub struct CampaignSpec {
    /// Its number within the account.
    pub id: CampaignId,
    /// The account it belongs to.
    pub account: AccountId,
    /// At most 100 characters.
    pub name: String,
    /// The owner's own code for it, may be empty.
    pub client_code: String,
    /// Testing or running.
    pub mode: RunMode,
    /// The apps whose pings count; at least one.
    pub apps: Vec<AppId>,
    /// Whom it addresses.
    pub audience: AudienceSpec,
    /// The devices it is tried on: at most 20.
    pub test_devices: Vec<DeviceId>,
    /// Whether the account's blacklist is honoured.
    pub blacklist: bool,
    /// What it watches; at least one, each known to the account.
    pub targets: Vec<TargetId>,
    /// What must happen there.
    pub condition: Condition,
    /// First local day.
    pub start: Date,
    /// Last local day, inclusive.
    pub end: Date,
    /// When on those days; at least one row, no weekday twice.
    pub windows: Vec<WindowSpec>,
    /// How often a device may get it.
    pub frequency: Frequency,
    /// The higher wins a moment; ties go to the newest, which is the highest id.
    pub priority: i32,
    /// Per cent of devices held out to measure lift, 0 to 50.
    pub holdout_pct: u8,
    /// Pushes in all, if limited.
    pub total_limit: Option<u64>,
    /// Overrides the policy's accuracy limit, m.
    pub max_accuracy_m: Option<u16>,
    /// How long a job is worth sending, s.
    pub push_ttl_s: u32,
    /// The message, if the engine's consumer is to send one; two for an A/B test.
    pub messages: Vec<MessageSpec>,
}

/// What holds for all campaigns of an account.
#[derive(Clone, PartialEq, Debug)]
pub struct AccountSpec {
    /// Its number.
    pub id: AccountId,
    /// For people.
    pub name: String,
    /// IANA name; dates, windows, days and months are local to it.
    pub time_zone: String,
    /// The apps it has.
    pub apps: Vec<AppSpec>,
    /// Whether pushes at night (21:00 to 08:00 local) need the user's agreement.
    pub night_rule: bool,
    /// Pushes a device may get in a local day from all campaigns together, if capped.
    pub daily_cap: Option<u16>,
    /// Pushes in a local month, if the account set itself a hard limit.
    pub monthly_limit: Option<u64>,
    /// Devices that get nothing: advertising ids.
    pub blacklist: Vec<DeviceId>,
    /// The same by echo code.
    pub blacklist_echo: Vec<[u8; 16]>,
    /// Watch every target for visits, even without a campaign.
    pub measure_visits: bool,
    /// Whether consumers get its visits; nothing where none are measured.
    pub export_visits: bool,
    /// Whether it is noted where devices spend their nights; it is in any case where visits are measured.
    pub note_nights: bool,
}

impl AccountSpec {
    /// An account that only measures visits, in UTC.
    #[must_use]
    pub fn measuring(id: AccountId) -> Self {
        Self {
            id,
            name: String::new(),
            time_zone: "UTC".to_owned(),
            apps: Vec::new(),
            night_rule: false,
            daily_cap: None,
            monthly_limit: None,
            blacklist: Vec::new(),
            blacklist_echo: Vec::new(),
            measure_visits: true,
            export_visits: false,
            note_nights: false,
        }
    }
}

/// An app of an account.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct AppSpec {
    /// Its number within the account.
    pub id: AppId,
    /// Its package name or bundle id.
    pub package: String,
    /// `android` or `ios`.
    pub platform: String,
}
