//! The parts, built and joined by bounded hand-offs.
//!
//! [`daemon`] is the order in which they start and end, on its own sockets or on those that were [`passed`]; [`ground`] is what it begins on, to which [`recover`] brings the partitions as the last run
//! left them ([`catch_up`]); [`publish`] puts snapshots in force, [`watch`] looks after them and removes those that are no
//! longer needed ([`retention`]); [`samplers`] shows the parts' counters to telemetry, and [`vitals`] to
//! `/readyz` and systemd how they are; [`campaigns`] joins the campaign service, whose changes [`compile`] makes into snapshots; [`doors`] are its sockets, and [`serve`] waits for signals; [`failure`] says why a command ended badly;
//! [`tokens`] does what `geofenced token` says and notes it, [`keys`] are read at a start, and a stopped daemon gets one more, [`papers`] are what packages ship beside the program.
//! [`demo`] plays the whole way with marketers ([`demo_accounts`]) and simulated devices ([`walkers`]). [`command`] is what people type.

pub mod daemon;
pub mod passed;
mod ground;
mod recover;
mod catch_up;
mod publish;
mod retention;
mod watch;
mod campaigns;
mod erasing;
mod geocoding;
mod compile;
mod doors;
mod samplers;
mod vitals;
pub mod serve;
pub mod failure;
pub mod tokens;
pub mod keys;
pub mod papers;
pub mod demo;
mod demo_accounts;
mod walkers;
pub mod command;

pub use publish::SnapshotConfig;

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod catch_up_tests;
#[cfg(test)]
mod failure_tests;
#[cfg(test)]
mod keys_tests;
#[cfg(test)]
mod vitals_tests;
#[cfg(test)]
mod publish_tests;
#[cfg(test)]
mod retention_tests;
