//! What the fuzz targets share: a second decoder of frames, a log that lies in memory, a snapshot to forge.
//!
//! A target takes bytes as the daemon would, and holds the answer against something that can be wrong: a second
//! implementation, a way back to the bytes, or a rule that every answer keeps.

pub mod forged;
pub mod memory_disk;
pub mod plain;
pub mod shaped_log;
