//! From the catalog to what the engine reads.
//!
//! A change of the catalog becomes due here ([`publications`]); a moment later all that is due is compiled together.
//! [`account`] reads one account's campaigns that are testing or running, or a draft as if it were. What each of them watches is resolved in
//! [`locations`]: areas and stores are found in the [`records`] of the account, which are [`kept`] for
//! the next time, by an [`atlas`] where they have to lie
//! in each other, and each becomes a target ([`targets`]) with the names of its [`districts`]. What comes out is a [`Source`](crate::snapshot::build::Source): the engine knows nothing of
//! brands, groups or districts.
//!
//! In reading order.

pub mod publications;
pub mod account;
pub mod locations;
pub mod records;
pub mod kept;
pub mod atlas;
pub mod targets;
mod districts;

pub use account::{CompileError, Compiled, Known, compile, compile_draft, limits};
pub use kept::Kept;
pub use publications::{Due, Failure, Publications};
pub use records::Records;

#[cfg(test)]
mod publications_tests;
#[cfg(test)]
mod compiler_tests;
#[cfg(test)]
mod locations_tests;
#[cfg(test)]
mod records_tests;
