//! From specs to blocks.
//!
//! [`compile`](mod@compile) sorts the specs by account ([`group`]), holds them against the [`rules`], and
//! makes each account's blocks ([`targets`], [`campaigns`], [`members`]). Texts are measured in [`text`]. What stands beside the manifest is
//! worked out last ([`standing`]); [`renew`](mod@renew) and [`edit`](mod@edit) make new epochs from the blocks
//! of old ones. Given the previous snapshot, an index is built only where its input changed,
//! and only blocks that are new are handed on ([`built`]).
//!
//! The same specs, day and key give the same bytes, always.

mod compile;
mod group;
pub mod rules;
mod text;
mod targets;
pub(super) mod geometry;
mod indexing;
mod campaigns;
mod members;
mod standing;
mod renew;
mod edit;
mod built;

pub use built::{Built, Encoded};
pub use compile::{BuildError, BuildOptions, Source, build, build_after};
pub use edit::{Edit, edit};
pub use renew::{After, renew, roll_back};
pub use standing::Dealt;

pub(super) use targets::direct_table;

#[cfg(test)]
mod rules_tests;
#[cfg(test)]
mod edit_tests;
#[cfg(test)]
mod build_tests;
