//! To be filled: see the design.
pub mod index;
