//! The raw file and the environment become each part's own config. Nothing is opened here.
//!
//! The file is TOML with a section per part; `GEOFENCED__SECTION__KEY` in the environment wins over it. Unknown
//! sections and keys are refused, and everything wrong is reported at once: where it was written, which key,
//! what value, what is allowed. A part joins with one line in the table below; `main` loads at the start and
//! on SIGHUP, where [`Config::changed_keys`] tells what differs from the running one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::admin::server::AdminConfig;
use crate::app::SnapshotConfig;
use crate::domain::policy::Policy;
use crate::ingest::config::IngestConfig;
use crate::journal::config::JournalConfig;
use crate::journal::error::JournalError;
use crate::outbox::config::OutboxConfig;
use crate::shard::config::ShardConfig;
use crate::telemetry::TelemetryConfig;

/// What environment variables begin with.
const PREFIX: &str = "GEOFENCED";

/// Between the prefix, the section and the key.
const SEPARATOR: &str = "__";

macro_rules! sections {
    ($($(#[$doc:meta])* $name:ident: $type:ty, checked by $check:expr;)*) => {
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
            fn from_raw(raw: &Raw, wrong: &mut Findings) -> Self {
                Self {
                    $($name: {
                        wrong.section = stringify!($name);
                        let section: $type = raw.section(wrong);
                        let check: fn(&$type, &mut Findings) = $check;
                        check(&section, wrong);
                        section
                    },)*
                    settings: raw.settings(),
                }
            }
        }
    };
}

sections! {
    /// Where the daemon keeps its files, and how it ends.
    daemon: DaemonConfig, checked by DaemonConfig::check;
    /// The engine's numbers; journalled when they change.
    policy: Policy, checked by check_policy;
    /// How gateways are taken in.
    ingest: IngestConfig, checked by |ingest, wrong| {
        wrong.adopt(ingest.check().map_err(|bad| (bad.knob, bad)));
    };
    /// Threads that own devices, and what may wait for them.
    shard: ShardConfig, checked by |shard, wrong| {
        let checked = shard.check();
        wrong.adopt(checked.map_err(|(key, allowed)| (key, format!("out of range; write {allowed}"))));
    };
    /// The durable input.
    journal: JournalConfig, checked by |journal, wrong| {
        wrong.adopt(journal.check().map_err(|bad| (journal_key(&bad), bad)));
    };
    /// What waits for consumers.
    outbox: OutboxConfig, checked by check_outbox;
    /// Where snapshots come from.
    snapshots: SnapshotConfig, checked by |snapshots, wrong| wrong.adopt(snapshots.check());
    /// The HTTP server for health, metrics, queues and snapshots.
    admin: AdminConfig, checked by |admin, wrong| wrong.adopt(admin.check());
    /// Logs and metrics.
    telemetry: TelemetryConfig, checked by |telemetry, wrong| wrong.adopt(telemetry.check());
}

/// What concerns the process as a whole.
#[derive(Clone, PartialEq, Eq, Debug, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DaemonConfig {
    /// Journal, checkpoints, outbox, keys, tokens and snapshots live below it. Default `geofenced-data`.
    pub data_dir: PathBuf,
    /// How long a drain may take before the rest is left behind. Default 30 s; at most 3,600.
    pub drain_s: u32,
    /// Threads for sockets and relays, beside one per shard. Default 2; at most 64.
    pub io_threads: u16,
    /// The certificate chain of the QUIC endpoint, PEM, leaf first. Default: none, and the daemon makes one for
    /// `localhost` and signs it itself, which clients have to be told to trust.
    pub tls_cert: Option<PathBuf>,
    /// The key of that certificate, PEM.
    pub tls_key: Option<PathBuf>,
    /// Issuers of client certificates that are believed, PEM. Default: none, tokens only.
    pub tls_client_issuers: Option<PathBuf>,
}

impl Default for DaemonConfig {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("geofenced-data"),
            drain_s: 30,
            io_threads: 2,
            tls_cert: None,
            tls_key: None,
            tls_client_issuers: None,
        }
    }
}

impl DaemonConfig {
    fn check(&self, wrong: &mut Findings) {
        let dir = self.data_dir.as_os_str();
        wrong.unless(!dir.is_empty(), "data_dir", &"\"\"", "the path of a directory");
        wrong.unless(
            self.tls_cert.is_some() == self.tls_key.is_some(),
            "tls_key",
            &self.tls_key,
            "set together with tls_cert, or neither",
        );
        wrong.within("drain_s", self.drain_s, 1, 3600);
        wrong.within("io_threads", self.io_threads, 1, 64);
    }
}

/// Bounds within which the engine's arithmetic and its memory are known to hold.
fn check_policy(policy: &Policy, wrong: &mut Findings) {
    wrong.within("max_accuracy_m", policy.max_accuracy_m, 1, 10_000);
    wrong.within("exit_margin_m", policy.exit_margin_m, 0, 1000);
    wrong.within("exit_confirmations", policy.exit_confirmations, 1, 15);
    wrong.within("exit_settle_m", policy.exit_settle_m, 100, 60_000);
    wrong.within("gap_s", policy.gap_s, 60, DAY_S);
    wrong.within("stale_after_s", policy.stale_after_s, 1, DAY_S);
    wrong.within("lateness_s", policy.lateness_s, 0, 30 * DAY_S);
    wrong.within("max_push_age_s", policy.max_push_age_s, 1, DAY_S);
    wrong.within("max_future_s", policy.max_future_s, 0, 3600);
    wrong.within("max_speed_kmh", policy.max_speed_kmh, 100, 60_000);
    wrong.within("devices_per_partition", policy.devices_per_partition, 16, 1 << 24);
    wrong.within("origins_per_partition", policy.origins_per_partition, 16, 1 << 20);
    wrong.unless(
        policy.stale_after_s <= policy.gap_s,
        "stale_after_s",
        &policy.stale_after_s,
        &format!("at most gap_s ({}): a stay past its gap has ended", policy.gap_s),
    );
}

fn check_outbox(outbox: &OutboxConfig, wrong: &mut Findings) {
    wrong.within("outbox_max_bytes", outbox.outbox_max_bytes, 1 << 20, 1 << 50);
    wrong.within("disk_reserve_bytes", outbox.disk_reserve_bytes, outbox.least_reserve(), 1 << 50);
    wrong.within("consumer_ttl_s", outbox.consumer_ttl_s, 60, 10 * 365 * DAY_S);
    wrong.within("consumers_per_account", outbox.consumers_per_account, 1, 1000);
    wrong.within("handoff_releases", outbox.handoff_releases, 1, 65_536);
    wrong.within("cache_bytes", outbox.cache_bytes, 1 << 20, 1 << 40);
}

fn journal_key(error: &JournalError) -> &'static str {
    if let JournalError::Config { knob, .. } = error { knob } else { "" }
}

/// Local days are at most this long in every rule that counts seconds.
const DAY_S: u32 = 86_400;

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
        let mut wrong = Findings { section: "", raw: &raw, found: Vec::new() };
        raw.refuse_unknown_sections(&mut wrong);
        let mut config = Self::from_raw(&raw, &mut wrong);
        if !config.settings.contains_key("journal.dir") {
            config.journal.dir.clone_from(&config.daemon.data_dir);
        }
        if wrong.found.is_empty() { Ok(config) } else { Err(ConfigError::Wrong(wrong.found)) }
    }

    /// The keys, `section.key`, that another load sets otherwise than this one, in alphabetical order.
    #[must_use]
    pub fn changed_keys(&self, other: &Self) -> Vec<String> {
        let (ours, theirs) = (&self.settings, &other.settings);
        let all: std::collections::BTreeSet<_> = ours.keys().chain(theirs.keys()).collect();
        all.into_iter().filter(|key| ours.get(*key) != theirs.get(*key)).cloned().collect()
    }
}

/// Says everything that is wrong with a config.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    geofenced check-config --config /etc/geofenced/geofenced.toml\n  \
    GEOFENCED__POLICY__GAP_S=900 geofenced check-config")]
pub struct CheckCommand {
    /// The TOML file; without it, the defaults and the environment
    #[arg(long, value_name = "FILE", env = "GEOFENCED_CONFIG")]
    pub config: Option<PathBuf>,
}

impl CheckCommand {
    /// Loads the config and says on `out` that it is fine.
    ///
    /// # Errors
    /// [`ConfigError`] when it is not.
    pub fn run(&self, out: &mut dyn std::io::Write) -> Result<(), ConfigError> {
        Config::load(self.config.as_deref())?;
        writeln!(out, "the config is fine").map_err(ConfigError::Output)
    }
}

/// Why no config came out.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file can't be read or is no TOML.
    #[error("{file}: {reason}")]
    Unreadable {
        /// The file as it was named.
        file: String,
        /// What the reader or the parser said.
        reason: String,
    },
    /// The answer could not be printed.
    #[error("can't print: {0}")]
    Output(std::io::Error),
    /// Keys or values are not allowed.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Wrong(Vec<Wrong>),
}

/// One thing that is wrong.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{place}: {key}: {problem}")]
pub struct Wrong {
    /// The file, the environment variable, or `default` for a value nobody wrote.
    pub place: String,
    /// `section.key`.
    pub key: String,
    /// The value and what is allowed.
    pub problem: String,
}

/// What a part's check reports into.
pub struct Findings<'r> {
    section: &'static str,
    raw: &'r Raw,
    found: Vec<Wrong>,
}

impl Findings<'_> {
    /// Refuses the value of a key in the section at hand.
    pub fn refuse(&mut self, key: &str, value: &dyn std::fmt::Debug, allowed: &str) {
        self.push(key, format!("{value:?} is not allowed; write {allowed}"));
    }

    /// [`Findings::refuse`]s unless `fine`.
    pub fn unless(&mut self, fine: bool, key: &str, value: &dyn std::fmt::Debug, allowed: &str) {
        if !fine {
            self.refuse(key, value, allowed);
        }
    }

    /// Refuses a number outside `low ..= high`.
    pub fn within<N>(&mut self, key: &str, value: N, low: N, high: N)
    where
        N: PartialOrd + std::fmt::Display + std::fmt::Debug,
    {
        let allowed = format!("{low} to {high}");
        self.unless((low..=high).contains(&value), key, &value, &allowed);
    }

    /// Takes over what a part's own check says: the key, and a sentence with value and what is allowed.
    pub fn adopt<P: std::fmt::Display>(&mut self, checked: Result<(), (&str, P)>) {
        if let Err((key, problem)) = checked {
            self.push(key, problem.to_string());
        }
    }

    fn push(&mut self, key: &str, problem: String) {
        let key = if key.is_empty() { self.section.into() } else { joined(self.section, key) };
        let place = self.raw.place(&key);
        self.found.push(Wrong { place, key, problem });
    }
}

/// File and environment, merged and not yet believed.
struct Raw {
    file: Option<String>,
    merged: config::Config,
}

impl Raw {
    fn read(file: Option<&Path>, environment: config::Environment) -> Result<Self, ConfigError> {
        let name = file.map(|file| file.display().to_string());
        let mut builder = config::Config::builder();
        if let Some(path) = file {
            // Read here rather than by the library, which would also try other names and endings.
            let text = std::fs::read_to_string(path).map_err(|reason| ConfigError::Unreadable {
                file: path.display().to_string(),
                reason: reason.to_string(),
            })?;
            builder = builder.add_source(config::File::from_str(&text, config::FileFormat::Toml));
        }
        let environment =
            environment.prefix(PREFIX).prefix_separator(SEPARATOR).separator(SEPARATOR);
        let merged = builder.add_source(environment).build().map_err(|reason| {
            let file = name.clone().unwrap_or_else(|| "environment".to_owned());
            ConfigError::Unreadable { file, reason: reason.to_string() }
        })?;
        Ok(Self { file: name, merged })
    }

    fn refuse_unknown_sections(&self, wrong: &mut Findings<'_>) {
        let config::ValueKind::Table(sections) = &self.merged.cache.kind else { return };
        let unknown = sections.keys().filter(|name| !SECTIONS.contains(&name.as_str()));
        let unknown: std::collections::BTreeSet<_> = unknown.collect();
        for name in unknown {
            let problem = format!("there is no such section; write one of {}", SECTIONS.join(", "));
            let place = self.place(name);
            wrong.found.push(Wrong { place, key: name.clone(), problem });
        }
    }

    /// The section that `wrong` is at, or its default after reporting why not.
    fn section<T>(&self, wrong: &mut Findings<'_>) -> T
    where
        T: Default + serde::de::DeserializeOwned,
    {
        let Ok(written) = self.merged.get::<config::Value>(wrong.section) else {
            return T::default();
        };
        written.clone().try_deserialize().unwrap_or_else(|error| {
            let (key, problem) = explain(&error);
            wrong.push(&key, variants::<T>(written).unwrap_or(problem));
            T::default()
        })
    }

    /// Where the value of a key, or what there is of a section, was written.
    fn place(&self, key: &str) -> String {
        let inside = format!("{key}.");
        let leaves = self.leaves();
        let mut written =
            leaves.iter().filter(|(name, _)| *name == key || name.starts_with(&inside)).peekable();
        let Some((first, _)) = written.peek().copied() else { return "default".to_owned() };
        let by_variables = written.all(|(_, value)| value.origin() == Some("the environment"));
        match &self.file {
            Some(file) if !by_variables => file.clone(),
            _ => variable(first),
        }
    }

    fn settings(&self) -> BTreeMap<String, String> {
        self.leaves().into_iter().map(|(key, value)| (key, value.to_string())).collect()
    }

    fn leaves(&self) -> BTreeMap<String, config::Value> {
        let mut leaves = BTreeMap::new();
        let mut open = vec![(String::new(), self.merged.cache.clone())];
        while let Some((key, value)) = open.pop() {
            if let config::ValueKind::Table(table) = value.kind {
                open.extend(table.into_iter().map(|(name, value)| (joined(&key, &name), value)));
            } else {
                leaves.insert(key, value);
            }
        }
        leaves
    }
}

fn joined(section: &str, key: &str) -> String {
    if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") }
}

/// The key within its section that a library error is about, if it says so, and the rest as a sentence.
fn explain(error: &config::ConfigError) -> (String, String) {
    match error {
        config::ConfigError::Type { unexpected, expected, key, .. } => {
            let key = key.clone().unwrap_or_default();
            (key, format!("{unexpected} is not allowed; write {expected}"))
        }
        config::ConfigError::At { error, key, .. } => {
            let (inner, problem) = explain(error);
            (key.clone().filter(|key| !key.is_empty()).unwrap_or(inner), problem)
        }
        config::ConfigError::Message(problem) => {
            let unknown = problem.strip_prefix("unknown field `");
            let key = unknown.and_then(|rest| rest.split('`').next()).unwrap_or_default();
            (key.to_owned(), problem.clone())
        }
        config::ConfigError::NotFound(key) => (key.clone(), "write a value".to_owned()),
        config::ConfigError::Frozen
        | config::ConfigError::PathParse { .. }
        | config::ConfigError::FileParse { .. }
        | config::ConfigError::Foreign(_)
        | _ => (String::new(), error.to_string()),
    }
}

/// The library does not say which words a closed set has; another deserializer over the same values does.
fn variants<T: serde::de::DeserializeOwned>(written: config::Value) -> Option<String> {
    let problem = serde_json::from_value::<T>(to_json(written)).err()?.to_string();
    problem.starts_with("unknown variant").then_some(problem)
}

fn to_json(value: config::Value) -> serde_json::Value {
    match value.kind {
        config::ValueKind::Table(table) => {
            table.into_iter().map(|(key, value)| (key, to_json(value))).collect()
        }
        config::ValueKind::Array(values) => values.into_iter().map(to_json).collect(),
        config::ValueKind::Boolean(on) => on.into(),
        config::ValueKind::I64(number) => number.into(),
        config::ValueKind::U64(number) => number.into(),
        config::ValueKind::Float(number) => number.into(),
        // A variable's text is a number to the library when a number is wanted.
        config::ValueKind::String(text) => match text.parse::<i64>() {
            Ok(number) => number.into(),
            Err(_) => text.into(),
        },
        config::ValueKind::Nil => serde_json::Value::Null,
        config::ValueKind::I128(number) => number.to_string().into(),
        config::ValueKind::U128(number) => number.to_string().into(),
    }
}

fn variable(key: &str) -> String {
    format!("{PREFIX}{SEPARATOR}{}", key.to_uppercase().replace('.', SEPARATOR))
}
