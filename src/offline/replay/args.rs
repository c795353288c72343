//! The command line of `replay`.

use std::path::PathBuf;

use super::{journal, pings};

/// Take recorded pings, or a daemon's own journal, through the engine again
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    geofenced replay --fences fences.geojson --pings pings.csv.gz --raw\n  \
    geofenced replay --fences fences.geojson --pings pings.csv --campaigns campaigns.json --out events.ndjson\n  \
    geofenced replay --journal /var/lib/geofenced\n\n\
    The last line on stdout is one JSON object with the figures.")]
pub struct ReplayArgs {
    /// Fences, GeoJSON; may be packed with gzip
    #[arg(long, required_unless_present = "journal")]
    pub fences: Option<PathBuf>,
    /// Pings, CSV `device_id,ts_ms,lat,lon,accuracy_m`; may be packed with gzip
    #[arg(long, required_unless_present = "journal")]
    pub pings: Option<PathBuf>,
    /// Accounts and campaigns, JSON; without it fences are only entered and left
    #[arg(long, conflicts_with = "journal")]
    pub campaigns: Option<PathBuf>,
    /// Plain changes of containment in file order: no accuracy, hysteresis, gap, lateness or jump rules
    #[arg(long, conflicts_with_all = ["journal", "campaigns"])]
    pub raw: bool,
    /// Threads, each owning some devices
    #[arg(long, conflicts_with = "journal", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub shards: u16,
    /// Pings taken together
    #[arg(long, conflicts_with = "journal", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub batch: u32,
    /// Write transitions (raw), or jobs and events, to this file, one JSON object a line
    #[arg(long, conflicts_with = "journal")]
    pub out: Option<PathBuf>,
    /// First day of the schedules, YYYY-MM-DD; they reach 400 days. Without it: the day of the earliest ping
    #[arg(long, conflicts_with = "journal")]
    pub valid_from: Option<jiff::civil::Date>,
    /// Take the keys of this data directory, so that job ids are those of its daemon
    #[arg(long, conflicts_with = "journal")]
    pub keys: Option<PathBuf>,
    /// The account that the pings are for, if the files have several
    #[arg(long, conflicts_with = "journal")]
    pub account: Option<u32>,
    /// The app that the pings come through, if the account has several
    #[arg(long, conflicts_with = "journal")]
    pub app: Option<u32>,
    /// The data directory of a stopped daemon: its journal must give its outbox, byte for byte
    #[arg(long, conflicts_with_all = ["fences", "pings"])]
    pub journal: Option<PathBuf>,
    /// The `journal.dir` of that daemon, if it is not its data directory
    #[arg(long, requires = "journal")]
    pub journal_dir: Option<PathBuf>,
    /// The snapshot store of that daemon, if it is not `snapshots` in its data directory
    #[arg(long, requires = "journal")]
    pub snapshots: Option<PathBuf>,
}

impl ReplayArgs {
    /// Does it, printing to stdout. `now` reads a monotonic clock.
    ///
    /// # Errors
    /// Files that can't be read or are wrong; a journal that does not give its outbox.
    pub fn run(&self, now: impl Fn() -> std::time::Duration) -> Result<(), ReplayError> {
        match (&self.journal, &self.fences, &self.pings) {
            (Some(data), ..) => journal::run(&journal::Places {
                data,
                journal: self.journal_dir.as_deref(),
                snapshots: self.snapshots.as_deref(),
            }),
            (None, Some(fences), Some(pings)) => pings::run(self, fences, pings, now),
            (None, ..) => Err(UsageError::new("give --fences and --pings, or --journal").into()),
        }
    }
}

/// A mistake in the command line that shows only when the files are read.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct UsageError(String);

impl UsageError {
    pub(super) fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

/// Why a replay failed, as a sentence for the user.
pub type ReplayError = Box<dyn std::error::Error + Send + Sync>;
