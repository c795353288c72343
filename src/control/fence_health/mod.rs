//! Fences that do not do what they were drawn for: those of running campaigns that never match, flap, overlap, or are
//! small beside how exactly positions are known.
//!
//! What is looked at are the targets that the snapshot in force has of an account's running campaigns ([`fences`]). What
//! devices did there is [counted](crate::outbox::derived::footfalls) by the engine and kept by day; what of a fence
//! lies in another is measured on its geometry ([`overlaps`]). From both, [`findings`] follow by fixed rules. [`health`]
//! brings them together, within bounds, and [`page`] is what callers get of it.
//!
//! In reading order.

pub mod fences;
mod overlaps;
pub mod findings;
pub mod health;
pub mod page;

pub use health::FenceHealth;
pub use page::{HealthPage, HealthRequest};

#[cfg(test)]
mod overlaps_tests;
#[cfg(test)]
mod findings_tests;
#[cfg(test)]
mod health_tests;
#[cfg(test)]
mod page_tests;
