//! `geofenced replay`: recorded pings, or a daemon's own journal, through the engine.
//!
//! [`args`] is the command line, [`pings`] runs it over a CSV file (raw or with campaigns), [`journal`] over a
//! journal, and [`report`] prints what came of it: one JSON object as the last line.

pub mod args;
mod pings;
mod journal;
mod report;
