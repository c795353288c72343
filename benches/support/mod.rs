//! What the benchmarks share: the data sets and the plain baseline.

#![allow(dead_code, reason = "each benchmark uses a part of it")]

pub(crate) mod baseline;
pub(crate) mod rules;
pub(crate) mod sets;
