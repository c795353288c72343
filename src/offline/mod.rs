//! What would, or did, the engine make of recorded input? The same engine, without sockets.

pub mod pings;
pub mod raw;
