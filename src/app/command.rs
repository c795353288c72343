//! What people type: the commands of `geofenced`, and who does each.

use std::io::stdout;
use std::path::Path;
use std::time::Duration;

use clap::{CommandFactory, Parser, Subcommand};

use super::demo::DemoArgs;
use super::keys::KeysCommand;
use super::papers::PaperCommand;
use super::{failure, serve, tokens};
use crate::auth::command::TokenCommand;
use crate::clock::{self, Clock};
use crate::config::CheckCommand;
use crate::control::cli::{AccountCommand, BacktestCommand, CatalogCommand, ExplainCommand};
use crate::domain::units::UtcMs;
use crate::identity::Keyring;
use crate::offline::replay::args::ReplayArgs;
use crate::sink::tail::{self, QueueCommand};
use crate::snapshot::cli::{Host, SnapshotCommand};

/// A location-marketing daemon: pings in over QUIC, campaigns decided once per device, push jobs out.
#[derive(Parser)]
#[command(version, subcommand_required = true, arg_required_else_help = true)]
#[command(
    after_help = "Exit codes: 0 success, 1 failure, 2 a mistake in the command line or config."
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

impl Cli {
    /// Does what was asked.
    ///
    /// # Errors
    /// Why it could not be done.
    pub fn run(self) -> anyhow::Result<()> {
        self.command.run()
    }
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
    /// List the keys that device ids are sealed with, and add one
    Keys(KeysCommand),
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
            Self::Serve { config } => serve::serve(config.as_deref()),
            Self::Demo(args) => args.run(&mut stdout()),
            Self::CheckConfig(command) => Ok(command.run(&mut stdout())?),
            Self::Snapshot(command) => {
                let open_key = |dir: &Path| Ok(Keyring::existing(dir)?.installation_key());
                let (now, out) = (now(), &mut stdout());
                Ok(command.run(Host { now, open_key: &open_key, out })?)
            }
            Self::Account(command) => Ok(command.run(now(), &mut stdout())?),
            Self::Catalog(command) => Ok(command.run(&mut stdout())?),
            Self::Token(command) => {
                tokens::run(&command, jiff::Timestamp::from_millisecond(now().0)?, &mut stdout())
            }
            Self::Keys(command) => command.run(&mut stdout()),
            Self::Queue(command) => {
                let one = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                Ok(one.block_on(tail::run(&command, &mut stdout()))?)
            }
            Self::Replay(args) => {
                args.run(|| Duration::from_nanos(clock::process_ns())).map_err(failure::of_replay)
            }
            Self::Explain(command) => Ok(command.run(now(), &mut stdout())?),
            Self::Backtest(command) => Ok(command.run(now(), &mut stdout())?),
            Self::Papers(command) => Ok(command.run(&mut Cli::command(), &mut stdout())?),
        }
    }
}

fn now() -> UtcMs {
    Clock::start(UtcMs::MIN).now()
}
