//! Devices that are erased: asked for as [documents](super::documents::erasure), done by one thread.
//!
//! Whoever may hold a trace of a device is a [`Keeper`]: the engine, its log, the outbox, figures, lists,
//! snapshots, uploads. The [`eraser`] goes to all of them in their order, for all devices that wait, and then writes the
//! receipt. A pass that is cut short is begun anew: erasing what is gone changes nothing.
//!
//! In reading order.

pub mod keeper;
pub mod eraser;
pub mod catalog;

pub use eraser::Eraser;
pub use keeper::{Ends, Keeper};

#[cfg(test)]
mod eraser_tests;
