//! What operators see of a running daemon, beside its health: figures, logs, and word to systemd.
//!
//! Parts count into plain atomics of their own and never touch a registry on the way of a ping. At each scrape
//! [`sampler`] copies those counts under the names of [`metrics`], the one table of every metric, and renders
//! the text. [`process`] adds what the kernel knows about us. [`logging`] sets the log's form and level,
//! which a reload may change; [`systemd`] says ready, reloading, stopping, and that we are alive, by the [`pulse`] of
//! every thread that must not hang.

pub mod metrics;
pub mod sampler;
pub mod process;
pub mod logging;
pub mod pulse;
pub mod systemd;

pub use logging::TelemetryConfig;

#[cfg(test)]
mod logging_tests;
#[cfg(test)]
mod pulse_tests;
#[cfg(test)]
mod sampler_tests;
#[cfg(test)]
mod systemd_tests;
