//! Compiled campaigns: what the engine reads, and nothing it does not need.
//!
//! A snapshot answers, for one account, which targets there are and where ([`index`]), which campaigns watch
//! them and what each asks for. It is made of content-addressed blocks ([`blocks`], [`block`]) under a
//! manifest: what an edit does not touch keeps its hash and is neither written, nor shipped, nor verified
//! again. Instants are compiled ahead ([`calendar`]): the engine knows no time zones.
//!
//! Blocks are hostile until verified ([`verify`]); they are copied into memory of our own first
//! ([`memory`]), so that nobody can change them under us. After that, reading is looking at bytes
//! ([`parts`], [`view`]).
//!
//! [`source`] reads files, [`build`] makes blocks, [`load`] puts them together, [`store`] keeps epochs on disk,
//! [`slot`] hands the current one to the shards, [`diff`] tells two apart, [`cli`] is `geofenced snapshot …`.
//!
//! In reading order.

pub mod kind;
pub mod blocks;
pub mod block;
pub mod memory;
pub mod verify;
pub mod labels;
pub mod pages;
pub mod parts;
mod joins;
mod shelf;
pub mod view;
pub mod index;
pub mod calendar;
pub mod build;
pub mod source;
pub mod load;
pub mod store;
pub mod slot;
pub mod diff;
mod report;
pub mod cli;

#[cfg(test)]
mod block_tests;
#[cfg(test)]
mod calendar_tests;
#[cfg(test)]
mod cli_tests;
#[cfg(test)]
mod diff_tests;
#[cfg(test)]
mod forged_tests;
#[cfg(test)]
mod golden_tests;
#[cfg(test)]
mod labels_tests;
#[cfg(test)]
mod slot_tests;
#[cfg(test)]
pub(crate) mod samples;
