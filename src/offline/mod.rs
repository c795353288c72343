//! What would, or did, the engine make of recorded input? The same engine, without sockets.
//!
//! [`pings`] reads recorded pings; [`raw`] counts plain changes of containment, to compare with other programs;
//! [`rerun`] takes a daemon's own journal through the engine again: recovery at start, and `replay --journal`.

pub mod pings;
pub mod raw;
pub mod rerun;
