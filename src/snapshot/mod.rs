//! Compiled campaigns: what the engine reads, and nothing it does not need.

pub mod blocks;
pub mod block;
pub mod memory;
pub mod verify;
pub mod parts;
pub mod view;
pub mod index;
pub mod calendar;
pub mod build;
pub mod load;

#[cfg(test)]
mod calendar_tests;
