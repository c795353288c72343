//! The campaign service: what accounts define, checked, kept, and compiled into what the engine reads.
//!
//! A request becomes a [document](documents), which the [`desk`] holds against the rules and puts into the
//! [`store`]; a [`refusal`] says which rule is in the way. A [`shape`] is a geofence as the catalog keeps it. Files that
//! people send are read by [`imports`], in their turn ([`uploads`]); of what takes long an account has so much under way
//! ([`room`]). What has changed, the [`compiler`] makes into
//! targets and campaigns of the next snapshot. What they brought, [`reports`] tell; who was
//! where, [`segments`] look up; which fences do not do what they were drawn for, [`fence_health`] finds; why a device got a
//! push or not, [`explain`] finds, and what a campaign would bring, [`backtests`]. What is to be forgotten of a device,
//! [`erasures`] see to. [`cli`] is what operators do by
//! hand, and [`config`] what they set.
//!
//! In reading order.

pub mod config;
pub mod fault;
pub mod refusal;
pub mod room;
mod simple;
mod outline;
pub mod shape;
pub mod documents;
pub mod store;
pub mod imports;
pub mod desk;
pub mod uploads;
pub mod compiler;
pub mod reports;
pub mod segments;
pub mod fence_health;
pub mod explain;
pub mod backtests;
pub mod erasures;
pub mod cli;

#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod explain_tests;
#[cfg(test)]
mod shape_tests;
#[cfg(test)]
mod simple_tests;
