//! What does a fix mean? A state machine per partition: `step(input, view) → outputs`.
//!
//! It is pure: time and snapshot come in as arguments, lots are keyed hashes, and the same inputs give the
//! same outputs on every machine. Read it in the order of a fix: [`partition`] takes the inputs, [`arrival`]
//! relates a fix to its device's past, [`stays`] follows where the device is, [`triggers`] what that means
//! for campaigns, `visits` what it means for places, `nights` where it is at home, [`gates`] look for reasons not to push,
//! [`decide`] picks the winner; `aging` forgets who is heard of no more. What devices do at targets is counted by [`footfalls`]. Where `explain` asks, [`trace`] keeps what they saw: `inputs` of the gates, and `looks` at
//! a turn. What is remembered
//! between steps is a [`device`]'s row, kept in the [`table`] with [`annexes`] for what not every device has, and lists in [`slab`]s.

pub mod partition;
pub mod prepare;
mod arrival;
mod turn;
pub mod stays;
mod hints;
mod visits;
mod nights;
pub mod triggers;
pub mod gates;
pub mod decide;
mod reported;
pub mod footfalls;
pub mod outputs;
pub(crate) mod trace;
mod looks;
mod inputs;
mod device;
mod annexes;
mod marks;
mod table;
mod shares;
mod slab;
mod timers;
mod tick;
mod aging;
pub mod grants;
mod origins;
pub mod state;
pub mod raw;

pub use outputs::{Counts, Outputs};
pub use partition::Partition;

#[cfg(test)]
mod raw_tests;
#[cfg(test)]
mod shares_tests;
#[cfg(test)]
mod slab_tests;
#[cfg(test)]
mod table_tests;
#[cfg(test)]
pub(crate) mod testkit;
#[cfg(test)]
mod aging_tests;
#[cfg(test)]
mod arrival_tests;
#[cfg(test)]
mod footfalls_tests;
#[cfg(test)]
mod frequency_tests;
#[cfg(test)]
mod gates_tests;
#[cfg(test)]
pub(crate) mod golden_tests;
#[cfg(test)]
mod hints_tests;
#[cfg(test)]
mod limits_tests;
#[cfg(test)]
pub(crate) mod model;
#[cfg(test)]
mod looks_tests;
#[cfg(test)]
mod marks_tests;
#[cfg(test)]
mod nights_tests;
#[cfg(test)]
mod oracle_tests;
#[cfg(test)]
mod origins_tests;
#[cfg(test)]
mod publication_tests;
#[cfg(test)]
mod reported_tests;
#[cfg(test)]
mod state_tests;
#[cfg(test)]
mod stays_tests;
#[cfg(test)]
mod timers_tests;
#[cfg(test)]
mod triggers_tests;
#[cfg(test)]
mod visits_tests;
