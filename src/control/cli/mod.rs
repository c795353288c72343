//! What operators do with the catalog by hand: `geofenced account …` and `geofenced catalog …`.
//!
//! [`account`] makes, lists, shows and changes accounts, by the rules of the [`desk`](super::desk) that requests meet,
//! whose fields [`fields`] has as options. [`catalog`] backs the file up, checks it and puts it back. [`backtest`] tries a campaign against what is recorded. Commands write to
//! the `out` that they are given and read no clock; the binary's `main` lends both. [`error`] is why one fails.
//!
//! In reading order.

pub mod account;
pub mod fields;
pub mod catalog;
pub mod backtest;
pub mod error;

pub use account::AccountCommand;
pub use backtest::BacktestCommand;
pub use catalog::CatalogCommand;
pub use error::CommandError;

#[cfg(test)]
mod account_tests;
#[cfg(test)]
mod catalog_tests;
