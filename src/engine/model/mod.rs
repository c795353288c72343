//! The rules of the engine once more, as plainly as possible: the oracle of its property tests.
//!
//! Everything is a list that is searched from its start, nothing is ever forgotten, and space has one
//! dimension. It shares no code with the engine but the words of the domain. [`places`] follows devices, [`hints`] overrule it, [`visits`] what
//! is told of places, [`conditions`] their triggers, [`choice`] what comes of them.

mod places;
mod hints;
mod visits;
mod conditions;
mod choice;

pub(crate) use places::{Brought, Line, Model, Run, Spot};
pub(crate) use visits::Visited;
