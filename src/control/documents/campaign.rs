//! What is pushed, to whom, where, when and how often.

use serde::{Deserialize, Serialize};

use super::account::Account;
use super::campaign_rules;
use super::document::{Document, Need};
use crate::control::store::{DeviceList, Kind};
use crate::domain::problem::Fault;
use crate::snapshot::source::shape::{FrequencyShape, MessageShape, TriggerShape, WindowShape};

/// A campaign. Its states are waiting, testing, running and ended.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Campaign {
    /// 1 to 100 characters.
    pub name: String,
    /// The owner's code for it, at most 100 characters.
    #[serde(default)]
    pub client_code: String,
    /// Numbers of the apps whose users are reached; at least one.
    pub apps: Vec<u32>,
    /// Whom it addresses.
    #[serde(default)]
    pub audience: Audience,
    /// Whether the account's blacklist is honoured.
    #[serde(default = "yes")]
    pub blacklist: bool,
    /// Where: 1 to 5 blocks, any of them.
    pub locations: Vec<Location>,
    /// What must happen there.
    pub trigger: TriggerShape,
    /// First local day, as 2026-11-23.
    pub start: String,
    /// Last local day, inclusive.
    pub end: String,
    /// When on those days: at least one row, no weekday twice.
    pub windows: Vec<WindowShape>,
    /// How often a device may get it.
    pub frequency: FrequencyShape,
    /// The higher wins a moment, then the newer campaign.
    #[serde(default)]
    pub priority: i32,
    /// Per cent of devices held out to measure lift, 0 to 50.
    #[serde(default)]
    pub holdout_pct: u8,
    /// Pushes in all; none for no limit.
    #[serde(default)]
    pub total_limit: Option<u64>,
    /// Fixes less accurate than this enter only targets as large, m; none for the daemon's own limit.
    #[serde(default)]
    pub max_accuracy_m: Option<u16>,
    /// How long a push is worth sending, s, 1 to 2,592,000.
    #[serde(default = "ten_minutes")]
    pub push_ttl_s: u32,
    /// What kind of message it has.
    pub message_type: MessageType,
    /// One message, or two for an A/B test; none where the type is `none` or `external`.
    #[serde(default)]
    pub messages: Vec<MessageShape>,
    /// Where a click leads, by app; before the message's own.
    #[serde(default)]
    pub landing_urls: Vec<LandingUrl>,
    /// Advertising ids that it is tried on, at most 20; at least one for testing. The name of a test device stands for its
    /// id.
    #[serde(default)]
    pub test_devices: Vec<String>,
}

/// Whom a campaign addresses.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    /// All users of its apps.
    #[default]
    All,
    /// The users of a segment, by its number. Basic and Premium.
    Segment(u32),
    /// 1 to 20 advertising ids.
    Devices(Vec<String>),
}

/// A block of places: what is named on both sides must hold.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Location {
    /// Areas and stores: either may be left out, not both. Without areas it is nationwide.
    General(General),
    /// Where the device spends its nights, within districts.
    Residential(Residential),
}

/// Areas and stores.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct General {
    /// Everywhere: no area and no store.
    pub nationwide: bool,
    /// Districts and trade areas.
    pub regions: Vec<u32>,
    /// Geofences.
    pub geofences: Vec<u32>,
    /// Groups of geofences. Basic and Premium.
    pub groups: Vec<u32>,
    /// Brands whose stores are meant.
    pub brands: Vec<u32>,
    /// Categories whose stores are meant, with all below them.
    pub categories: Vec<u32>,
    /// Stores.
    pub places: Vec<u32>,
    /// For blocks with stores: how near.
    pub condition: Nearness,
}

/// How near a store a device must be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Nearness {
    /// Within its signal range: the SDK says nearby or enter, or the fix is within the signal radius.
    #[default]
    SignalRange,
    /// Inside: the SDK says enter, or the fix is within the footprint, else within 25 m.
    Inside,
}

/// Home districts.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Residential {
    /// Districts; trade areas are none.
    pub regions: Vec<u32>,
}

/// What kind of message a campaign has.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MessageType {
    /// None: it is only counted who was there.
    None,
    /// Title and body.
    Text,
    /// Title, body and an image of 2:1.
    TextImage,
    /// The sender has its own.
    External,
}

/// Where a click leads in one app.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LandingUrl {
    /// The app's number.
    pub app: u32,
    /// An address of 1 to 2,048 characters.
    pub url: String,
}

fn yes() -> bool {
    true
}

fn ten_minutes() -> u32 {
    600
}

impl General {
    /// Whether it names areas.
    #[must_use]
    pub fn has_areas(&self) -> bool {
        !(self.regions.is_empty() && self.geofences.is_empty() && self.groups.is_empty())
    }

    /// Whether it names stores.
    #[must_use]
    pub fn has_stores(&self) -> bool {
        !(self.brands.is_empty() && self.categories.is_empty() && self.places.is_empty())
    }

    fn needs(&self, at: usize) -> Vec<Need> {
        let lists = [
            ("regions", Kind::Region, &self.regions),
            ("geofences", Kind::Geofence, &self.geofences),
            ("groups", Kind::Group, &self.groups),
            ("brands", Kind::Brand, &self.brands),
            ("categories", Kind::Category, &self.categories),
            ("places", Kind::Place, &self.places),
        ];
        let each = |(field, kind, ids): (&str, Kind, &Vec<u32>)| {
            Need::each(&format!("/locations/{at}/general/{field}"), kind, ids)
        };
        lists.into_iter().flat_map(each).collect()
    }
}

impl Campaign {
    /// Whether it means devices at home.
    #[must_use]
    pub fn is_residential(&self) -> bool {
        self.locations.iter().any(|block| matches!(block, Location::Residential(_)))
    }
}

impl Document for Campaign {
    const KIND: Kind = Kind::Campaign;
    const FIRST_STATE: &'static str = "waiting";

    fn name(&self) -> &str {
        &self.name
    }

    fn code(&self) -> &str {
        &self.client_code
    }

    fn needs(&self) -> Vec<Need> {
        let mut needs = Need::each("/apps", Kind::App, &self.apps);
        if let Audience::Segment(segment) = self.audience {
            needs.extend(Need::maybe("/audience/segment", Kind::Segment, Some(segment)));
        }
        for (at, block) in self.locations.iter().enumerate() {
            needs.extend(match block {
                Location::General(general) => general.needs(at),
                Location::Residential(home) => Need::each(
                    &format!("/locations/{at}/residential/regions"),
                    Kind::Region,
                    &home.regions,
                ),
            });
        }
        needs
    }

    fn faults(&self, account: &Account) -> Vec<Fault> {
        campaign_rules::faults(self, account)
    }

    fn devices(&mut self) -> Vec<(DeviceList, &'static str, &mut Vec<String>)> {
        let mut lists = vec![(DeviceList::Test, "/test_devices", &mut self.test_devices)];
        if let Audience::Devices(devices) = &mut self.audience {
            lists.push((DeviceList::Audience, "/audience/devices", devices));
        }
        lists
    }
}
