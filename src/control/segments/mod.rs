//! Segments by visit history: who was there, looked up anew each local day.
//!
//! [`lookup`] says which visits a history means and counts them; [`keeper`] is the thread that does so for every
//! segment whose day is over, or whose history was changed, and tells the compiler where a campaign addresses one.

pub mod lookup;
pub mod keeper;

pub use keeper::SegmentKeeper;

#[cfg(test)]
mod keeper_tests;
