//! The parts, built and joined by bounded hand-offs.
//!
//! [`daemon`] is the order in which they start and end; [`recover`] brings the partitions to where the last run
//! left them; [`publish`] puts snapshots in force, [`watch`] looks after them and removes those that are no longer needed
//! ([`retention`]); [`samplers`] shows the parts' counters to
//! telemetry; [`serve`] waits for signals;
//! [`demo`] plays the whole way with simulated devices ([`walkers`]).

pub mod daemon;
mod recover;
mod publish;
mod retention;
mod watch;
mod samplers;
pub mod serve;
pub mod demo;
mod walkers;

pub use publish::SnapshotConfig;

#[cfg(test)]
mod publish_tests;
#[cfg(test)]
mod retention_tests;
