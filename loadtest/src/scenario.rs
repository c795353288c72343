//! What is driven: a TOML file whose every key is a field here, with its unit, its default and what is allowed.
//!
//! Paths in it are relative to its own folder. What comes out of the daemon must not hang on when pings arrive,
//! or it could not be foretold: so the fixes are the clock, and limits that partitions share are refused.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use geofenced::config::Config;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Deserialize;

/// A scenario.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scenario {
    /// The campaign file: one account, its apps and campaigns. Without `total_limit` and `monthly_limit`.
    pub(crate) campaigns: PathBuf,
    /// The fences, GeoJSON, may be gzipped. Left out: circles and hexagons around the hubs of `town`.
    pub(crate) fences: Option<PathBuf>,
    /// Recorded pings, CSV `device_id,ts_ms,lat,lon,accuracy_m`, may be gzipped. Left out: `paths`.
    pub(crate) pings: Option<PathBuf>,
    /// The first days of snapshots, each a text `"2026-03-02"`, ascending. Schedules reach 400 days, so pings further apart need several;
    /// each is put in force, by a hot swap, for the pings from its day to the next one. A device may have
    /// pings in the span of one only.
    pub(crate) valid_from: Vec<Date>,
    /// Hubs between which devices move.
    pub(crate) town: Option<Town>,
    /// Simulated devices; needs `town`.
    pub(crate) paths: Option<Paths>,
    /// How pings are sent.
    #[serde(default)]
    pub(crate) drive: Drive,
    /// The daemon's config, as `[config.section] key = value`, over its defaults.
    #[serde(default)]
    pub(crate) config: BTreeMap<String, BTreeMap<String, Knob>>,
}

/// A value of the daemon's config.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "a text, a whole number, true or false")]
pub(crate) enum Knob {
    /// Text.
    Text(String),
    /// A whole number.
    Number(i64),
    /// A switch.
    Switch(bool),
}

impl fmt::Display for Knob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => text.fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::Switch(on) => on.fmt(f),
        }
    }
}

/// A key of the scenario and a value to put over the file's, as `--set` names them.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    key: Vec<String>,
    value: toml::Value,
}

impl std::str::FromStr for Setting {
    type Err = String;

    /// `section.key=value`; a value that is no number, switch or quoted text is a text as it stands.
    fn from_str(text: &str) -> Result<Self, String> {
        let (key, value) = text.split_once('=').ok_or("write it as section.key=value")?;
        let parsed = format!("value = {value}").parse::<toml::Table>();
        let parsed = parsed.ok().and_then(|mut table| table.remove("value"));
        let value = parsed.unwrap_or_else(|| toml::Value::String(value.to_owned()));
        Ok(Self { key: key.split('.').map(str::to_owned).collect(), value })
    }
}

impl Setting {
    /// A section that is missing, or is none, is made; what has no such section is then refused as unknown.
    fn put_into(&self, table: &mut toml::Table) {
        let value = self.key.iter().skip(1).rev().fold(self.value.clone(), |value, key| {
            toml::Value::Table(toml::Table::from_iter([(key.clone(), value)]))
        });
        put(table, &self.key[0], value);
    }
}

/// Puts a value over what is there; of two tables the keys are put one by one.
fn put(table: &mut toml::Table, key: &str, value: toml::Value) {
    match (table.get_mut(key), value) {
        (Some(toml::Value::Table(below)), toml::Value::Table(above)) => {
            above.into_iter().for_each(|(key, value)| put(below, &key, value));
        }
        (_, value) => {
            table.insert(key.to_owned(), value);
        }
    }
}

/// Hubs: where people are.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Town {
    /// Draws hubs and fences. Default 1.
    #[serde(default = "one")]
    pub(crate) seed: u64,
    /// The middle, degrees, −80 to 80.
    pub(crate) lat: f64,
    /// The middle, degrees, −179 to 179.
    pub(crate) lon: f64,
    /// How far hubs lie from the middle at most, m, 100 to 100,000.
    pub(crate) spread_m: f64,
    /// How many hubs, 1 to 10,000.
    pub(crate) hubs: u32,
    /// How many fences around each, 1 to 1,000. Default 10; not used where `fences` names a file.
    #[serde(default = "ten")]
    pub(crate) fences_per_hub: u32,
    /// In the middle of each fence is a store whose inside is a circle of so many metres, 1 to 1,000, and the account
    /// measures visits. Default 0, no stores.
    #[serde(default)]
    pub(crate) stores_m: u32,
}

/// Simulated devices: of ten, three stay where they are (a ping a minute), four walk (every 30 s) and three drive
/// (every 10 s).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Paths {
    /// Draws the paths. Default 1.
    #[serde(default = "one")]
    pub(crate) seed: u64,
    /// How many, 1 to 20,000,000.
    pub(crate) devices: u32,
    /// How long each is followed, minutes of its own clock, 1 to 10,000; three pings a minute on average.
    pub(crate) minutes: u32,
    /// When the first ping is made, RFC 3339.
    pub(crate) start: Timestamp,
}

/// Who sends.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mode {
    /// A few connections with many devices each, and many pings in a frame.
    Gateway,
    /// Each device has a connection of its own, and each ping a frame. At most 2,000 devices.
    Device,
}

/// How pings are sent.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Drive {
    /// `gateway` (default) or `device`.
    pub(crate) mode: Mode,
    /// Connections of the gateways, 1 to 64. Default 2.
    pub(crate) connections: u32,
    /// Streams of each, 1 to 8. Default 4.
    pub(crate) streams: u32,
    /// Pings of a frame, 1 to 4,096. Default 50.
    pub(crate) frame_pings: u32,
    /// Pings a second over all, at fixed instants, whatever the acks do. Default 0: as fast as acks allow.
    pub(crate) pings_per_s: u32,
    /// Seconds from the beginning, 0 to 3,600: acks of what is due later are counted once more, apart. Devices that were never
    /// seen before cost more than known ones, and a run begins with them alone. Default 0.
    pub(crate) warm_up_s: u32,
    /// Snapshots put in force a second meanwhile, 0 to 100; each edits a campaign's message, every second one moves
    /// three fences besides. Default 0.
    pub(crate) swaps_per_s: u32,
    /// Frames of a stream that may wait for their ack, 1 to 100,000. Default 256.
    pub(crate) unacked_frames: u32,
}

impl Default for Drive {
    fn default() -> Self {
        Self {
            mode: Mode::Gateway,
            connections: 2,
            streams: 4,
            frame_pings: 50,
            pings_per_s: 0,
            warm_up_s: 0,
            swaps_per_s: 0,
            unacked_frames: 256,
        }
    }
}

/// Why a scenario can't be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ScenarioError {
    /// It can't be read.
    #[error("{}: {reason}", path.display())]
    Unreadable { path: PathBuf, reason: std::io::Error },
    /// It is no scenario; the reason names line and key, and what is allowed.
    #[error("{}: {reason}", path.display())]
    Shape { path: PathBuf, reason: toml::de::Error },
    /// A key has a value out of range.
    #[error("{}: {key} is {value}; allowed: {allowed}", path.display())]
    Value { path: PathBuf, key: &'static str, value: String, allowed: &'static str },
    /// The daemon's config has mistakes.
    #[error("{}: [config]: {reason}", path.display())]
    Config { path: PathBuf, reason: geofenced::config::ConfigError },
}

impl Scenario {
    /// Reads a scenario, puts `settings` over it, and resolves its paths.
    pub(crate) fn read(path: &Path, settings: &[Setting]) -> Result<Self, ScenarioError> {
        let text = std::fs::read_to_string(path)
            .map_err(|reason| ScenarioError::Unreadable { path: path.to_owned(), reason })?;
        let shape = |reason| ScenarioError::Shape { path: path.to_owned(), reason };
        // From the text where nothing is set: only then a mistake is told with its line.
        let mut scenario: Self = if settings.is_empty() {
            toml::from_str(&text).map_err(shape)?
        } else {
            let mut table: toml::Table = text.parse().map_err(shape)?;
            settings.iter().for_each(|setting| setting.put_into(&mut table));
            table.try_into().map_err(shape)?
        };
        scenario.check(path)?;
        let folder = path.parent().unwrap_or(Path::new("."));
        scenario.campaigns = folder.join(&scenario.campaigns);
        scenario.fences = scenario.fences.map(|file| folder.join(file));
        scenario.pings = scenario.pings.map(|file| folder.join(file));
        Ok(scenario)
    }

    /// Variables that give a daemon the scenario's config; the fixes are its clock, and it keeps all.
    pub(crate) fn variables(&self) -> Vec<(String, String)> {
        let mut all = vec![
            ("GEOFENCED__POLICY__CLOCK".to_owned(), "fixes".to_owned()),
            ("GEOFENCED__OUTBOX__RETAIN_MIN_S".to_owned(), "86400".to_owned()),
            ("GEOFENCED__JOURNAL__KEEP_RECORDING_BYTES".to_owned(), (1_u64 << 40).to_string()),
        ];
        if self.drive.mode == Mode::Device {
            for key in ["MAX_CONNECTIONS", "MAX_CONNECTIONS_PER_ACCOUNT"] {
                all.push((format!("GEOFENCED__INGEST__{key}"), (MAX_SENDERS + 16).to_string()));
            }
        }
        for (section, keys) in &self.config {
            for (key, value) in keys {
                let name = format!("GEOFENCED__{section}__{key}").to_uppercase();
                all.push((name, value.to_string()));
            }
        }
        all
    }

    fn check(&self, path: &Path) -> Result<(), ScenarioError> {
        let refuse = |key, value: String, allowed| {
            Err(ScenarioError::Value { path: path.to_owned(), key, value, allowed })
        };
        if self.valid_from.is_empty() || !self.valid_from.is_sorted() {
            let allowed = "at least one day, ascending";
            return refuse("valid_from", format!("{:?}", self.valid_from), allowed);
        }
        if self.pings.is_some() == self.paths.is_some() {
            let value = if self.pings.is_some() { "beside [paths]" } else { "missing" };
            return refuse("pings", value.to_owned(), "either a file, or [paths]");
        }
        if self.town.is_none() && (self.fences.is_none() || self.paths.is_some()) {
            return refuse(
                "town",
                "missing".to_owned(),
                "a [town] for [paths] or in place of fences",
            );
        }
        for (key, value, least, most, allowed) in self.ranges() {
            if !(least..=most).contains(&value) {
                return refuse(key, value.to_string(), allowed);
            }
        }
        let variables = self.variables();
        let variables: Vec<(&str, &str)> =
            variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let checked = Config::load_from(None, &variables);
        checked.map_err(|reason| ScenarioError::Config { path: path.to_owned(), reason })?;
        Ok(())
    }

    fn ranges(&self) -> Vec<(&'static str, f64, f64, f64, &'static str)> {
        let drive = &self.drive;
        let mut all = vec![
            ("drive.connections", drive.connections.into(), 1.0, 64.0, "1 to 64"),
            ("drive.streams", drive.streams.into(), 1.0, 8.0, "1 to 8"),
            ("drive.frame_pings", drive.frame_pings.into(), 1.0, 4096.0, "1 to 4,096"),
            ("drive.warm_up_s", drive.warm_up_s.into(), 0.0, 3600.0, "0 to 3,600"),
            ("drive.swaps_per_s", drive.swaps_per_s.into(), 0.0, 100.0, "0 to 100"),
            ("drive.unacked_frames", drive.unacked_frames.into(), 1.0, 1e5, "1 to 100,000"),
        ];
        if let Some(town) = &self.town {
            all.extend([
                ("town.lat", town.lat, -80.0, 80.0, "-80 to 80"),
                ("town.lon", town.lon, -179.0, 179.0, "-179 to 179"),
                ("town.spread_m", town.spread_m, 100.0, 1e5, "100 to 100,000"),
                ("town.hubs", town.hubs.into(), 1.0, 1e4, "1 to 10,000"),
                ("town.fences_per_hub", town.fences_per_hub.into(), 1.0, 1e3, "1 to 1,000"),
                ("town.stores_m", town.stores_m.into(), 0.0, 1e3, "0 to 1,000"),
            ]);
        }
        if let Some(paths) = &self.paths {
            all.extend([
                ("paths.devices", paths.devices.into(), 1.0, 2e7, "1 to 20,000,000"),
                ("paths.minutes", paths.minutes.into(), 1.0, 1e4, "1 to 10,000"),
            ]);
        }
        all
    }
}

/// Connections at a time, one a device, in mode `device`.
pub(crate) const MAX_SENDERS: usize = 2000;

fn one() -> u64 {
    1
}

fn ten() -> u32 {
    10
}
