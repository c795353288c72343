//! From the catalog to what the engine reads.
//!
//! A change of the catalog becomes due here ([`publications`]); a moment later all that is due is compiled together.
//! [`account`] reads one account's campaigns that are testing or running. What each of them watches is resolved in
//! [`locations`]: areas and stores are found in the [`atlas`] of the account, and each becomes a target
//! ([`targets`]). What comes out is a [`Source`](crate::snapshot::build::Source): the engine knows nothing of
//! brands, groups or districts.
//!
//! In reading order.

pub mod publications;
pub mod account;
pub mod locations;
mod atlas;
mod targets;

pub use account::{CompileError, Compiled, Known, compile};
pub use publications::{Due, Failure, Publications};

#[cfg(test)]
mod publications_tests;
#[cfg(test)]
mod compiler_tests;
#[cfg(test)]
mod locations_tests;
