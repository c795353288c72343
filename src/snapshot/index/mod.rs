//! The index of one account: which targets contain a point.
//!
//! The account's part of the world is cut into regions of not too much each, the tiles ([`atlas`]). Within a tile a
//! point's cell is found in a fixed-point quad grid over longitude and latitude ([`grid`]): a dense root
//! sized to the tile's targets, then nodes of 4 × 4 to 16 × 16 children where boundaries are dense. The
//! leaf says which targets contain the whole cell, and holds small exact tests for those whose boundary
//! crosses it. Cells of a neighbourhood form a *group* that names at most 64 undecided targets, so that what
//! contains a point is a tile, a group and a 64-bit mask ([`contained`]), and moving within the group changes bits.
//!
//! [`build`](mod@build) goes from shapes, or from an edit of them, to tiles ([`part`], [`tile`], [`split`], [`clip`],
//! [`leaf`] and [`layout`] do the work). A tile is flat arrays ([`block`]) that are archived and read in place:
//! [`verify`](mod@verify) checks every offset once, after which [`view`] looks points up without allocating. The exact
//! geometry ([`shapes`]) stands beside the cells, in pages and buckets ([`book`]).

pub mod grid;
pub mod block;
pub mod atlas;
pub mod contained;
mod tile_view;
mod tiles;
pub mod view;
pub mod changes;
pub mod shapes;
pub mod book;
pub mod verify;
mod contents;
pub mod build;
mod part;
mod tile;
mod split;
mod clip;
mod leaf;
mod layout;
mod prefetch;

pub use atlas::{AtlasBlock, AtlasGrid};
pub use block::{ArchivedTileBlock, TileBlock};
pub use book::{GeometryBlock, ShapeBook, ShapesBlock};
pub use build::{Grain, IndexError, build};
pub use changes::Change;
pub use contained::Contained;
pub(crate) use prefetch::{prefetch, prefetch_lines};
pub use tiles::Tiles;
pub use verify::{BadIndex, verify};
pub use view::{Index, IndexView, Spot, Start};

#[cfg(test)]
mod book_tests;
#[cfg(test)]
mod index_tests;
#[cfg(test)]
mod edit_tests;
#[cfg(test)]
mod verify_tests;
