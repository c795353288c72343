//! The settings of the campaign service.

use crate::domain::knobs::BadKnobs;

/// What the campaign service keeps, and how many may follow it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CampaignsConfig {
    /// How many days before its last one a campaign is said to be about to end. Default 0, on the last day itself; at
    /// most 30.
    pub notice_lead_days: u8,
    /// Notices that an account's catalog keeps, the newest. Default 10,000; 1,000 to 1,000,000. In the worst case
    /// whoever was away for longer misses some.
    pub notices_kept: u32,
    /// How many days it is kept who used the location of people, and what for. Default 400; 183 to 3,650. In the worst
    /// case whoever asks later who looked at a location is not told.
    pub location_uses_days: u16,
    /// How many days report files that were made can be downloaded again. Default 90; 1 to 3,650. In the worst case one
    /// that is asked for later has to be made anew, from figures that are kept.
    pub report_files_days: u16,
    /// Bytes of an account's report files, 1 MiB to 1 TiB. Default 256 MiB. In the worst case on disk: this for each
    /// account; past it the oldest go.
    pub report_files_bytes: u64,
    /// Streams of notices and progress that are open at a time. Default 64; 1 to 10,000. Each holds one of
    /// `admin.max_connections`; in the worst case too many of them keep other requests out.
    pub streams: u32,
    /// Those of one account. Default 8; 1 to 10,000.
    pub streams_per_account: u32,
    /// Stores, geofences and regions that are kept in memory from one change to the next, all accounts together, so
    /// that a change reads only what it changed; 8 vertices count as a record more. Default 2,000,000, some 250 MB; 0 to
    /// 100,000,000. In the worst case a
    /// change of an account that has no room reads all of its own again: seconds for a million stores.
    pub kept_records: usize,
}

impl Default for CampaignsConfig {
    fn default() -> Self {
        Self {
            notice_lead_days: 0,
            notices_kept: 10_000,
            location_uses_days: 400,
            report_files_days: 90,
            report_files_bytes: 256 << 20,
            streams: 64,
            streams_per_account: 8,
            kept_records: 2_000_000,
        }
    }
}

impl CampaignsConfig {
    /// Every knob that is out of its range.
    #[must_use]
    pub fn check(&self) -> BadKnobs {
        let mut bad = BadKnobs::new();
        bad.within("notice_lead_days", self.notice_lead_days, (0, 30), "days");
        bad.within("notices_kept", self.notices_kept, (1000, 1_000_000), "notices");
        bad.within("location_uses_days", self.location_uses_days, (183, 3650), "days");
        bad.within("report_files_days", self.report_files_days, (1, 3650), "days");
        let report_bytes = (1 << 20, 1 << 40);
        bad.within("report_files_bytes", self.report_files_bytes, report_bytes, "bytes");
        bad.within("streams", self.streams, (1, 10_000), "streams");
        bad.within("streams_per_account", self.streams_per_account, (1, 10_000), "streams");
        bad.within("kept_records", self.kept_records, (0, 100_000_000), "records");
        bad
    }
}
