//! Rows to typed drafts. Of a row that is wrong, every wrong cell is told, so that it has to be mended only once.
//!
//! A [`record`] is a row under its header, or a feature with its geometry. [`cells`] reads single cells and gathers what
//! is wrong ([`bad_cell`]); [`fences`], [`places`], [`regions`], [`devices`] and [`addresses`] know what a whole row has to be.

pub mod bad_cell;
pub mod record;
mod cells;
pub mod fences;
pub mod places;
pub mod regions;
pub mod devices;
pub mod addresses;

#[cfg(test)]
mod addresses_tests;
#[cfg(test)]
mod bad_cell_tests;
#[cfg(test)]
mod devices_tests;
#[cfg(test)]
mod fences_tests;
#[cfg(test)]
mod places_tests;
#[cfg(test)]
mod regions_tests;
#[cfg(test)]
pub(crate) mod samples;
