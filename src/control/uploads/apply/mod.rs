//! The second reading of a file: its good rows become records.
//!
//! Rows are put in by [`batch`]es, each a transaction of its own, so that others get their turn. Each kind has its
//! file: [`fences`], [`places`], [`regions`], [`devices`], [`addresses`].

pub(super) mod batch;
pub(super) mod fences;
pub(super) mod places;
pub(super) mod regions;
pub(super) mod devices;
pub(super) mod addresses;

#[cfg(test)]
mod devices_tests;
