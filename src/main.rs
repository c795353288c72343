//! The geofenced daemon and its tools.

fn main() {}
