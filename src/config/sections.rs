//! The table of sections, and loading them. A part joins with one line.

use std::collections::BTreeMap;
use std::path::Path;

use crate::admin::server::AdminConfig;
use crate::app::SnapshotConfig;
use crate::control::config::CampaignsConfig;
use crate::control::uploads::geocoder::GeocoderConfig;
use crate::domain::knobs::BadKnobs;
use crate::domain::policy::Policy;
use crate::ingest::config::IngestConfig;
use crate::journal::config::JournalConfig;
use crate::outbox::config::OutboxConfig;
use crate::outbox::derived::RetentionConfig;
use crate::shard::config::ShardConfig;
use crate::telemetry::TelemetryConfig;

use super::daemon::DaemonConfig;
use super::findings::{ConfigError, Findings};
use super::raw::Raw;

macro_rules! sections {
    ($($(#[$doc:meta])* $name:ident: $type:ty;)*) => {
        /// Everything the daemon is told at its start.
        #[derive(Clone, Debug)]
        pub struct Config {
            $($(#[$doc])* pub $name: $type,)*
            /// Every key that file or environment set, `section.key` to its text, for comparing two loads.
            settings: BTreeMap<String, String>,
        }

        /// The sections of the file, in the order of the table.
        pub const SECTIONS: &[&str] = &[$(stringify!($name),)*];

        impl Config {
            fn from_raw(raw: &Raw, wrong: &mut Findings<'_>) -> Self {
                Self {
                    $($name: {
                        wrong.enter(stringify!($name));
                        let check: fn(&$type) -> BadKnobs = <$type>::check;
                        raw.section(wrong, check)
                    },)*
                    settings: raw.settings(),
                }
            }
        }
    };
}

sections! {
    /// Where the daemon keeps its files, and how it ends.
    daemon: DaemonConfig;
    /// The engine's numbers; journalled when they change.
    policy: Policy;
    /// How gateways are taken in.
    ingest: IngestConfig;
    /// Threads that own devices, and what may wait for them.
    shard: ShardConfig;
    /// The durable input.
    journal: JournalConfig;
    /// What waits for consumers.
    outbox: OutboxConfig;
    /// For how many days what campaigns have brought is kept.
    retention: RetentionConfig;
    /// Where snapshots come from.
    snapshots: SnapshotConfig;
    /// The HTTP server for health, metrics, queues and snapshots.
    admin: AdminConfig;
    /// What the campaign service keeps, and how many may follow it.
    campaigns: CampaignsConfig;
    /// Who says where an address is.
    geocoder: GeocoderConfig;
    /// Logs and metrics.
    telemetry: TelemetryConfig;
}

impl Config {
    /// Reads the file, if one is named, and the process's environment.
    ///
    /// # Errors
    /// [`ConfigError`] with everything that is wrong.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        Self::load_with(file, config::Environment::default())
    }

    /// Reads the file, if one is named, and `variables` in place of the environment.
    ///
    /// # Errors
    /// [`ConfigError`] with everything that is wrong.
    pub fn load_from(file: Option<&Path>, variables: &[(&str, &str)]) -> Result<Self, ConfigError> {
        let owned = variables.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        Self::load_with(file, config::Environment::default().source(Some(owned.collect())))
    }

    fn load_with(
        file: Option<&Path>,
        environment: config::Environment,
    ) -> Result<Self, ConfigError> {
        let raw = Raw::read(file, environment)?;
        let mut wrong = Findings::of(&raw);
        raw.refuse_unknown_sections(SECTIONS, &mut wrong);
        let mut config = Self::from_raw(&raw, &mut wrong);
        if !config.settings.contains_key("journal.dir") {
            config.journal.dir.clone_from(&config.daemon.data_dir);
        }
        wrong.conclude()?;
        Ok(config)
    }

    /// The keys, `section.key`, that another load sets otherwise than this one, in alphabetical order.
    #[must_use]
    pub fn changed_keys(&self, other: &Self) -> Vec<String> {
        let (ours, theirs) = (&self.settings, &other.settings);
        let all: std::collections::BTreeSet<_> = ours.keys().chain(theirs.keys()).collect();
        all.into_iter().filter(|key| ours.get(*key) != theirs.get(*key)).cloned().collect()
    }
}
