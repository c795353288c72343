//! What operators do by hand: `geofenced account …`, `geofenced catalog …` and `geofenced explain`.
//!
//! [`account`] makes, lists, shows and changes accounts, by the rules of the [`desk`](super::desk) that requests meet,
//! whose fields [`fields`] has as options. [`catalog`] backs the file up, checks it and puts it back. [`explain`] asks
//! the journal why a device got a push or not, [`backtest`] what a campaign would bring. Commands write to
//! the `out` that they are given and read no clock; the binary's `main` lends both. [`error`] is why one fails.
//!
//! In reading order.

pub mod account;
pub mod fields;
pub mod catalog;
pub mod explain;
pub mod backtest;
pub mod error;

pub use account::AccountCommand;
pub use backtest::BacktestCommand;
pub use catalog::CatalogCommand;
pub use error::CommandError;
pub use explain::ExplainCommand;

#[cfg(test)]
mod account_tests;
#[cfg(test)]
mod catalog_tests;
