//! A location-marketing daemon: pings in over QUIC, campaigns decided once per device, push jobs out.
//!
//! # The map
//!
//! One ping changes its type at each stop, so no stop can be skipped.

pub mod domain;
pub mod geo;
pub mod snapshot;
pub mod engine;
pub mod wire;
pub mod client;
pub mod auth;
pub mod identity;
pub mod journal;
pub mod outbox;
pub mod shard;
pub mod ingest;
pub mod sink;
pub mod offline;
pub mod control;
pub mod admin;
pub mod telemetry;
pub mod clock;
pub mod shutdown;
pub mod config;
pub mod app;

#[cfg(test)]
mod clock_tests;
#[cfg(test)]
mod shutdown_tests;
#[cfg(test)]
mod config_tests;
