//! `geofenced check-config`.

use std::path::PathBuf;

use super::findings::ConfigError;
use super::sections::Config;

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
