//! What would, or did, the engine make of recorded input? The same engine, without sockets.
//!
//! [`pings`] reads recorded pings; [`raw`] counts plain changes of containment, to compare with other programs;
//! [`simulate`] runs pings through all rules; [`rerun`] takes a daemon's own journal through the engine again: recovery at start, and `replay --journal`;
//! [`replay`] is the command; [`explain`] looks at one device on the way; a [`backtest`](mod@backtest) tries a campaign
//! against a [`recording`]; [`progress`] shows how far it is.

pub mod pings;
pub mod raw;
mod limits;
pub mod simulate;
pub mod restore;
pub mod rerun;
pub mod replay;
pub mod explain;
pub mod recording;
pub mod backtest;
pub mod progress;

#[cfg(test)]
mod pings_tests;
#[cfg(test)]
mod backtest_tests;
#[cfg(test)]
mod rerun_tests;
#[cfg(test)]
mod simulate_tests;
