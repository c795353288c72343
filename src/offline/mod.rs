//! What would, or did, the engine make of recorded input? The same engine, without sockets.
//!
//! [`rerun`] takes a daemon's own journal through it again: recovery at start, and `replay --journal`.

pub mod rerun;
