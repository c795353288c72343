//! The index of one account: which targets contain a point.
//!
//! A point's cell is found in a fixed-point quad grid over longitude and latitude ([`grid`]): a dense root
//! sized to the account's targets, then nodes of 4 × 4 to 16 × 16 children where boundaries are dense. The
//! leaf says which targets contain the whole cell, and holds small exact tests for those whose boundary
//! crosses it. Cells of a neighbourhood form a *group* that names at most 64 undecided targets, so that what
//! contains a point is a group and a 64-bit mask ([`contained`]), and moving within the group changes bits.
//!
//! [`build`](mod@build) makes a block from shapes ([`split`], [`clip`], [`leaf`] and [`layout`] do the work). A block is flat arrays
//! ([`block`]) that are archived and read in place: [`verify`](mod@verify) checks every offset once, after which
//! [`view`] looks points up without allocating. [`shapes`] keeps the exact geometry beside the cells.

pub mod grid;
pub mod block;
pub mod contained;
pub mod view;
pub mod changes;
pub mod shapes;
pub mod verify;
pub mod build;
mod split;
mod clip;
mod leaf;
mod layout;
mod prefetch;

pub use block::{ArchivedIndexBlock, IndexBlock};
pub use build::{IndexError, build};
pub use changes::Change;
pub use contained::{Contained, Spot};
pub(crate) use prefetch::prefetch;
pub use verify::{BadIndex, verify};
pub use view::IndexView;

#[cfg(test)]
mod index_tests;
#[cfg(test)]
mod verify_tests;
