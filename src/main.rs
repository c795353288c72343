//! The `geofenced` program, and what each exit code means.
//!
//! 0 is success, 1 a failure while working, 2 a mistake in the command line or in the config.

use std::process::ExitCode;

use clap::Parser as _;
use geofenced::app::command::Cli;
use geofenced::app::failure;

/// The many small buffers of connections come and go on all threads: what this allocator is good at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure::tell(&error),
    }
}
