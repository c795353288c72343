//! The `geofenced` program: its commands, and what each exit code means.
//!
//! 0 is success, 1 a failure while working, 2 a mistake in the command line or in the config.

use std::io::stdout;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::{CommandFactory, Parser, Subcommand};
use geofenced::app::demo::DemoArgs;
use geofenced::app::failure;
use geofenced::app::papers::PaperCommand;
use geofenced::auth::command::TokenCommand;
use geofenced::clock::{self, Clock};
use geofenced::config::CheckCommand;
use geofenced::control::cli::{AccountCommand, BacktestCommand, CatalogCommand, ExplainCommand};
use geofenced::domain::units::UtcMs;
use geofenced::identity::Keyring;
use geofenced::offline::replay::args::ReplayArgs;
use geofenced::sink::tail::{self, QueueCommand};
use geofenced::snapshot::cli::{Host, SnapshotCommand};

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
    /// Run the daemon until SIGTERM or SIGINT; SIGHUP reads policy, tokens, snapshots and log filter again
    Serve {
        /// The config file; without one, defaults and the environment
        #[arg(long, env = "GEOFENCED_CONFIG")]
        config: Option<std::path::PathBuf>,
    },
    /// Run everything in one process: a demo account, fences in Seoul, simulated devices, jobs as they fire
    Demo(DemoArgs),
    /// Check a config file and the environment, and say everything that is wrong
    CheckConfig(CheckCommand),
    /// Build, list, inspect, verify, compare and roll back snapshots
    #[command(subcommand)]
    Snapshot(SnapshotCommand),
    /// Make, list, show and change accounts
    Account(AccountCommand),
    /// Back up, restore and check the catalog
    #[command(subcommand)]
    Catalog(CatalogCommand),
    /// Make, list and revoke tokens
    Token(TokenCommand),
    /// Read the embedded queue of a running daemon
    #[command(subcommand)]
    Queue(QueueCommand),
    /// Take recorded pings, or a daemon's own journal, through the engine again
    Replay(Box<ReplayArgs>),
    /// Explain why a device got a campaign's push, or why not: every gate, for its last fixes
    Explain(ExplainCommand),
    /// Try a campaign against the pings that the journal holds, before it starts
    Backtest(BacktestCommand),
    #[command(flatten)]
    Papers(PaperCommand),
}

impl Command {
    fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Serve { config } => geofenced::app::serve::serve(config.as_deref()),
            Self::Demo(args) => args.run(&mut stdout()),
            Self::CheckConfig(command) => Ok(command.run(&mut stdout())?),
            Self::Snapshot(command) => {
                let open_key = |dir: &Path| Ok(Keyring::existing(dir)?.installation_key());
                let (now, out) = (Clock::start(UtcMs::MIN).now(), &mut stdout());
                Ok(command.run(Host { now, open_key: &open_key, out })?)
            }
            Self::Account(command) => {
                Ok(command.run(Clock::start(UtcMs::MIN).now(), &mut stdout())?)
            }
            Self::Catalog(command) => Ok(command.run(&mut stdout())?),
            Self::Token(command) => geofenced::app::tokens::run(&command, now()?, &mut stdout()),
            Self::Queue(command) => {
                let one = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                Ok(one.block_on(tail::run(&command, &mut stdout()))?)
            }
            Self::Replay(args) => {
                args.run(|| Duration::from_nanos(clock::process_ns())).map_err(failure::of_replay)
            }
            Self::Explain(command) => {
                Ok(command.run(Clock::start(UtcMs::MIN).now(), &mut stdout())?)
            }
            Self::Backtest(command) => {
                Ok(command.run(Clock::start(UtcMs::MIN).now(), &mut stdout())?)
            }
            Self::Papers(command) => Ok(command.run(&mut Cli::command(), &mut stdout())?),
        }
    }
}

fn main() -> ExitCode {
    match Cli::parse().command.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure::tell(&error),
    }
}

fn now() -> anyhow::Result<jiff::Timestamp> {
    Ok(jiff::Timestamp::from_millisecond(Clock::start(UtcMs::MIN).now().0)?)
}
