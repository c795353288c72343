//! The raw file and the environment become each part's own config. Nothing is opened here.
//!
//! The file is TOML with a section per part; `GEOFENCED__SECTION__KEY` in the environment wins over it. Both are
//! merged and not yet believed in [`raw`]; [`sections`] reads them key by key into the parts' types, each of which
//! checks itself; [`findings`] collects everything wrong, at once: where it was written, which key, what
//! value, what is allowed. `main` loads at the start and on SIGHUP, where [`Config::changed_keys`] tells
//! what differs from the running one. [`daemon`] is the section of the process as a whole, [`check`] the command.

pub mod sections;
pub mod daemon;
pub mod findings;
mod raw;
pub mod check;

pub use check::CheckCommand;
pub use findings::{ConfigError, Wrong};
pub use sections::{Config, SECTIONS};

#[cfg(test)]
mod config_tests;
