//! The section of the process as a whole.

use std::path::PathBuf;

use crate::domain::knobs::BadKnobs;

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
    /// Every knob that is out of its range.
    #[must_use]
    pub fn check(&self) -> BadKnobs {
        let mut bad = BadKnobs::new();
        let dir = self.data_dir.as_os_str();
        bad.unless(!dir.is_empty(), "data_dir", &dir, "the path of a directory");
        bad.unless(
            self.tls_cert.is_some() == self.tls_key.is_some(),
            "tls_key",
            &self.tls_key,
            "a path where tls_cert is one, and nothing where it is not",
        );
        bad.within("drain_s", self.drain_s, (1, 3600), "s");
        bad.within("io_threads", self.io_threads, (1, 64), "threads");
        bad
    }
}
