//! From specs to blocks.
//!
//! [`compile`](mod@compile) sorts the specs by account ([`group`]), holds them against the [`rules`], and
//! makes each account's blocks ([`targets`], [`campaigns`], [`members`]). Texts are measured in [`text`]. What stands beside the manifest is
//! worked out last ([`standing`]). Given the previous snapshot, an index is built only where its input changed,
//! and only blocks that are new are handed on ([`built`]).
//!
//! The same specs, day and key give the same bytes, always.

mod compile;
mod group;
pub mod rules;
mod text;
mod targets;
mod campaigns;
mod members;
mod standing;
mod built;

pub use built::{Built, Encoded};
pub use compile::{BuildError, BuildOptions, Source, build, build_after};
pub use standing::{Dealt, roll_back};

pub(super) use targets::direct_table;

#[cfg(test)]
mod rules_tests;
#[cfg(test)]
mod build_tests;
