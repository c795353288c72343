//! The engine's numbers: how transitions are told from noise, and how much a partition may hold.
//!
//! A policy comes from the config and is journalled whenever it changes, because it is part of the input:
//! the same journal under another policy would give other output.

use super::knobs::BadKnobs;

/// What tells the engine the time.
#[derive(
    Clone, Copy, PartialEq, Eq, Hash, Debug, Default, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum ClockMode {
    /// The daemon's clock stamps batches and ticks.
    #[default]
    System = 0,
    /// A device's newest fix is its now: replay, simulation, data from the past.
    Fixes = 1,
}

/// The engine's numbers. Each is in the unit its name ends in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// What tells the time.
    pub clock: ClockMode,
    /// A fix coarser than this enters only targets at least as large as its accuracy. Default 100 m.
    pub max_accuracy_m: u16,
    /// A device is outside for certain when farther from a target than its accuracy and than this. Default 25 m.
    pub exit_margin_m: u16,
    /// So many fixes outside in a row are an exit too. Default 2.
    pub exit_confirmations: u8,
    /// A fix farther out than this plus its accuracy settles the exit, however coarse. Default 1,000 m.
    pub exit_settle_m: u16,
    /// Silence longer than this ends every stay at the last fix. Default 1,800 s.
    pub gap_s: u32,
    /// A dwell comes true by timer only if the last fix is younger than this. Default 300 s.
    pub stale_after_s: u32,
    /// A fix older than the device's last by up to this corrects visits; an older one is refused. Default 86,400 s.
    pub lateness_s: u32,
    /// No push is made from a fix older than this. Default 300 s.
    pub max_push_age_s: u32,
    /// A fix may lie so far ahead of our clock. Default 60 s.
    pub max_future_s: u32,
    /// Faster than this is a jump. Default 1,000 km/h.
    pub max_speed_kmh: u16,
    /// A stay at a place becomes a visit when this lies between its first and its last fix or hint inside. Default
    /// 120 s.
    pub visit_dwell_s: u32,
    /// What a partition knows of a device goes so long after the last word of it. Default 40 days; homes look back on 30.
    pub state_days: u16,
    /// Devices a partition may hold. Default 65,536, about 16.8 million a daemon.
    pub devices_per_partition: u32,
    /// Client streams whose last sequence a partition remembers. Default 4,096.
    pub origins_per_partition: u32,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            clock: ClockMode::System,
            max_accuracy_m: 100,
            exit_margin_m: 25,
            exit_confirmations: 2,
            exit_settle_m: 1000,
            gap_s: 1800,
            stale_after_s: 300,
            lateness_s: 86_400,
            max_push_age_s: 300,
            max_future_s: 60,
            max_speed_kmh: 1000,
            visit_dwell_s: 120,
            state_days: 40,
            devices_per_partition: 65_536,
            origins_per_partition: 4096,
        }
    }
}

/// Local days are at most this long in every rule that counts seconds.
const DAY_S: u32 = 86_400;

impl Policy {
    /// Every number outside the bounds within which the engine's arithmetic and its memory are known to hold.
    #[must_use]
    pub fn check(&self) -> BadKnobs {
        let mut bad = BadKnobs::new();
        bad.within("max_accuracy_m", self.max_accuracy_m, (1, 10_000), "m");
        bad.within("exit_margin_m", self.exit_margin_m, (0, 1000), "m");
        bad.within("exit_confirmations", self.exit_confirmations, (1, 15), "fixes");
        bad.within("exit_settle_m", self.exit_settle_m, (100, 60_000), "m");
        bad.within("gap_s", self.gap_s, (60, DAY_S), "s");
        bad.within("stale_after_s", self.stale_after_s, (1, DAY_S), "s");
        bad.within("lateness_s", self.lateness_s, (0, 30 * DAY_S), "s");
        bad.within("max_push_age_s", self.max_push_age_s, (1, DAY_S), "s");
        bad.within("max_future_s", self.max_future_s, (0, 3600), "s");
        bad.within("max_speed_kmh", self.max_speed_kmh, (100, 60_000), "km/h");
        bad.within("visit_dwell_s", self.visit_dwell_s, (1, DAY_S), "s");
        bad.within("state_days", self.state_days, (31, 3660), "days");
        bad.within("devices_per_partition", self.devices_per_partition, (16, 1 << 24), "devices");
        bad.within("origins_per_partition", self.origins_per_partition, (16, 1 << 20), "streams");
        if !bad.has("stale_after_s") && !bad.has("gap_s") {
            let allowed = format!("1 to gap_s, {} (s): a stay past its gap has ended", self.gap_s);
            let fine = self.stale_after_s <= self.gap_s;
            bad.unless(fine, "stale_after_s", &self.stale_after_s, allowed);
        }
        bad
    }
}
