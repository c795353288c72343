//! From specs to blocks.
//!
//! [`compile`](mod@compile) sorts the specs by account ([`group`]); each [`account`] is held against the [`rules`] and
//! becomes blocks ([`targets`], [`geometry`], [`indexing`], [`campaigns`], [`members`]), which [`keep`] names. Texts are
//! measured in [`text`], time zones compiled in [`zones`]. The [`next`] epoch is joined last, with what stands beside its
//! manifest ([`standing`]). Given the previous snapshot, an index is built only where its input changed, and only blocks
//! that are new are handed on ([`built`]).
//!
//! From the blocks of old epochs new ones are made by [`renew`](mod@renew), [`edit`](mod@edit) (some targets of an
//! account) and [`accounts`] (some accounts, compiled from their specs).
//!
//! The same specs, day and key give the same bytes, always.

mod compile;
mod error;
mod group;
mod account;
pub mod rules;
mod text;
mod targets;
pub(super) mod geometry;
mod indexing;
mod campaigns;
mod members;
mod zones;
mod keep;
mod standing;
mod next;
mod renew;
mod edit;
mod accounts;
mod built;

pub use accounts::{AccountsEdit, edit_accounts};
pub use built::{Built, Encoded};
pub use compile::{BuildOptions, Source, build, build_after};
pub use edit::{Edit, edit};
pub use error::BuildError;
pub use next::After;
pub use renew::{renew, roll_back};
pub use standing::Dealt;

pub(super) use targets::direct_table;

#[cfg(test)]
mod rules_tests;
#[cfg(test)]
mod edit_tests;
#[cfg(test)]
mod accounts_tests;
#[cfg(test)]
mod build_tests;
