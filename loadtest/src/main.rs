//! Drives the daemon.

fn main() {}
