//! A partition's state as bytes, for checkpoints: written between two inputs, read back at recovery.
//!
//! Format version 3, little-endian, no padding: the partition's own fields, its senders, its grants, then one
//! entry per device with its lists. [`whole`] is the order of it all, [`entries`] a device, [`field`] knows how each type is written; device ids pass through a
//! [`DeviceSeal`], so that none is stored in the clear. Timers are rebuilt, not stored.

mod whole;
mod entries;
mod field;

pub use field::Damaged;
pub use whole::{DeviceSeal, SEALED_LEN, newer_format};
