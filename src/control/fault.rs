//! One thing that is wrong with what somebody sent.

pub use crate::domain::problem::Fault;
