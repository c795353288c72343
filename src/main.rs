//! The `geofenced` program: its commands, and what each exit code means.
//!
//! 0 is success, 1 a failure while working, 2 a mistake in the command line or in the config.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use geofenced::config::{Config, ConfigError};

/// The many small buffers of connections come and go on all threads: what this allocator is good at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A location-marketing daemon: pings in over QUIC, campaigns decided once per device, push jobs out.
#[derive(Parser)]
#[command(version, subcommand_required = true, arg_required_else_help = true)]
#[command(
    after_help = "Exit codes: 0 success, 1 failure, 2 a mistake in the command line or config."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Check a config file and the environment, and say everything that is wrong
    #[command(after_help = "Examples:\n  \
        geofenced check-config --config /etc/geofenced/geofenced.toml\n  \
        GEOFENCED__POLICY__GAP_S=900 geofenced check-config")]
    CheckConfig {
        /// The TOML file; without it, the defaults and the environment
        #[arg(long, value_name = "FILE", env = "GEOFENCED_CONFIG")]
        config: Option<PathBuf>,
    },
    /// Print a completion script for a shell
    #[command(after_help = "Example:\n  \
        geofenced completions bash > /etc/bash_completion.d/geofenced")]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

impl Command {
    fn run(self) -> anyhow::Result<()> {
        match self {
            Self::CheckConfig { config } => check_config(config.as_deref()),
            Self::Completions { shell } => {
                clap_complete::generate(shell, &mut Cli::command(), "geofenced", &mut stdout());
                Ok(())
            }
        }
    }
}

fn main() -> ExitCode {
    match Cli::parse().command.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("geofenced: {error:#}");
            let misconfigured = error.chain().any(|cause| cause.is::<ConfigError>());
            ExitCode::from(if misconfigured { 2 } else { 1 })
        }
    }
}

fn check_config(file: Option<&std::path::Path>) -> anyhow::Result<()> {
    Config::load(file)?;
    println!("the config is fine");
    Ok(())
}

fn stdout() -> std::io::Stdout {
    std::io::stdout()
}
