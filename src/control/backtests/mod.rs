//! Campaigns tried against recorded pings, before they start.
//!
//! What is [`asked`] for is a campaign of the catalog or a whole one. It is compiled beside the campaigns that run and
//! gone through by [`offline::backtest`](mod@crate::offline::backtest) ([`trial`]); what came of it is told by local hours, with what
//! it would cost ([`report`]). In a daemon a [`queue`] does this, one after the other.
//!
//! In reading order.

pub mod asked;
pub mod trial;
pub mod report;
pub mod queue;

pub use asked::BacktestRequest;
pub use queue::{BacktestQueue, Backtests};
pub use report::BacktestReport;
pub use trial::{Trial, TrialError};

#[cfg(test)]
mod backtests_tests;
