//! Figures of campaigns: what became of the records and tallies, counted as they go by.
//!
//! One thread, the [`follower`], reads what the outbox has made visible, [`count`]s it into [`rows`] and commits them
//! together with how far it has come, in a store of its own. So figures are a function of what the journal caused:
//! a crash repeats nothing and loses nothing. Devices are in here by their keyed hash alone. What people ask is
//! answered by [`read`]; [`erase`] forgets devices. How long rows stay is said by their [`classes`]; the same thread removes
//! them, in a [`sweep`]. Beside these, [`footfalls`] keeps what devices do at targets: shards tell it by and by, and it is exact
//! but for a crash.

pub mod rows;
mod tables;
mod pad;
pub mod classes;
mod count;
mod sweep;
mod follower;
pub mod read;
pub mod members;
mod erase;
pub mod footfalls;
pub mod store;

pub use classes::{Class, KeptFrom, RetentionConfig};
pub use read::FiguresError;
pub use store::Figures;

#[cfg(test)]
mod figures_tests;
#[cfg(test)]
mod pad_tests;
#[cfg(test)]
mod erase_tests;
#[cfg(test)]
mod speed_tests;
#[cfg(test)]
mod footfalls_tests;
#[cfg(test)]
mod retention_tests;
#[cfg(test)]
mod sweep_tests;
