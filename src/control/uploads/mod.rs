//! Files on their way into the catalog: first come, first served.
//!
//! An upload is kept in the [`depot`] and gets an [`Import`](super::documents::Import) that tells how far it is. The
//! [`queue`]'s thread reads one file after the other: it [`check`]s all rows, and only where none is bad, or the good ones
//! are accepted, does it [`apply`] them. So nothing of a file that is partly bad is in use before somebody has said so, and
//! a file that was being read when the daemon ended is read again. Addresses that no table has are asked of a [`geocoder`], where
//! there is one.
//!
//! In reading order.

pub mod depot;
pub mod desk;
pub mod geocoder;
pub mod queue;
mod check;
mod apply;

pub use depot::Depot;
pub use queue::ImportQueue;
