//! Drives geofenced over QUIC, measures it, and checks every job that comes out.
//!
//! [`scenario`] says what, [`paths`] makes the pings, [`daemon`] runs, [`drive`] sends and times, [`bare`] times
//! the disk alone, [`check`] holds the queue against the offline engine and the replayed journal, [`report`] tells. Exit code 1: a ping without
//! its ack, or a job missing, repeated or unexpected.

mod scenario;
mod paths;
mod daemon;
mod drive;
mod swaps;
mod bare;
mod check;
mod report;
#[cfg(test)]
mod loadtest_tests;

use std::cell::Cell;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::{Parser, Subcommand};
use geofenced::clock::{Clock, process_ns};
use geofenced::config::Config;
use geofenced::domain::campaign::{AccountSpec, Frequency};
use geofenced::domain::fix::Fix;
use geofenced::domain::ids::{AccountId, AppId};
use geofenced::domain::units::UtcMs;
use geofenced::offline::pings::read_fixes;
use geofenced::offline::progress::bar;
use geofenced::offline::replay::args::ReplayArgs;
use geofenced::offline::simulate::{Simulation, simulate};
use geofenced::snapshot::load::Loaded;
use geofenced::snapshot::source::{
    CampaignFile, FenceSpec, FileNames, parse_campaigns, parse_fences,
};
use geofenced::snapshot::store::read_input;
use indicatif::ProgressBar;
use jiff::civil::Date;

use check::Expected;
use daemon::{Daemon, Found};
use drive::{Measured, Sender};
use report::Report;
use scenario::{Scenario, Setting};
use swaps::{Swapped, Swapper};

/// What the daemon has too: it may be this very program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Drives geofenced over QUIC, measures it, and checks every job that comes out.
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
#[command(
    after_help = "Example:\n  cargo run --release -p loadtest -- loadtest/scenarios/smoke.toml"
)]
struct Cli {
    /// What to drive, TOML; loadtest/scenarios has some
    #[arg(required = true)]
    scenario: Option<PathBuf>,
    /// Swaps a second instead of the scenario's
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=100))]
    swaps_per_s: Option<u32>,
    /// Pings a second instead of the scenario's; 0 is as fast as acks allow
    #[arg(long, value_name = "N")]
    pings_per_s: Option<u32>,
    /// Another value for a key of the scenario, such as config.shard.shards=2; may be given often
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<Setting>,
    /// After the drive, kill the daemon and tell how long it takes to take pings again
    #[arg(long, conflicts_with = "addr")]
    restart: bool,
    /// Print the figures as one line of JSON
    #[arg(long)]
    json: bool,
    /// Start this `geofenced` binary instead of this build
    #[arg(long, conflicts_with = "addr")]
    daemon: Option<PathBuf>,
    #[command(flatten)]
    found: Found,
    #[command(subcommand)]
    command: Option<Command>,
}

/// This build as the daemon: what is measured is what was compiled.
#[derive(Subcommand)]
enum Command {
    /// Run the daemon, as `geofenced serve` does
    #[command(hide = true)]
    Serve,
    /// As `geofenced replay` does
    #[command(hide = true)]
    Replay(Box<ReplayArgs>),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        Some(Command::Serve) => geofenced::app::serve::serve(None).map(|()| true),
        Some(Command::Replay(args)) => {
            args.run(now).map(|()| true).map_err(|error| anyhow::anyhow!(error))
        }
        None => run(cli),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("loadtest: {}", geofenced::app::failure::text(&error));
            ExitCode::FAILURE
        }
    }
}

/// Everything a scenario names, read.
struct Input {
    scenario: Scenario,
    fences: Vec<FenceSpec>,
    file: CampaignFile,
    account: AccountId,
    app: AppId,
    fixes: Vec<Fix>,
}

fn run(cli: Cli) -> anyhow::Result<bool> {
    let mut scenario = Scenario::read(&cli.scenario.context("name a scenario")?, &cli.set)?;
    scenario.drive.swaps_per_s = cli.swaps_per_s.unwrap_or(scenario.drive.swaps_per_s);
    scenario.drive.pings_per_s = cli.pings_per_s.unwrap_or(scenario.drive.pings_per_s);
    let input = Input::read(scenario)?;
    let variables = input.scenario.variables();
    let wall = jiff::Timestamp::from_millisecond(Clock::start(UtcMs::MIN).now().0)?;
    let program = cli.daemon.as_deref();
    let mut daemon = match Daemon::find(cli.found) {
        Some(daemon) => daemon,
        None => Daemon::start(program, &variables, input.account, wall)?,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    // Another's disk is not ours to keep busy.
    let bare_sync_us = daemon.is_ours().then(|| bare::syncs(&daemon.data_dir)).transpose()?;
    let mut report = runtime.block_on(input.drive_and_check(&daemon))?;
    report.bare_sync_us = bare_sync_us;
    if cli.restart {
        report.restart = daemon.restart(now)?;
    }
    if daemon.is_ours() {
        daemon.stop()?;
        let replayed = check::replay(program, &daemon)?;
        ensure!(
            replayed.records >= report.verdict.jobs,
            "the journal gives fewer records than jobs"
        );
        report.verdict.add_replay(&replayed);
        report.journal_checked = true;
    } else {
        eprintln!(
            "the journal was not checked: the daemon still writes it; stop it, then run \
             geofenced replay --journal {}",
            daemon.data_dir.display()
        );
    }
    if cli.json {
        println!("{}", report.json());
    } else {
        report.print();
    }
    Ok(report.is_clean())
}

impl Input {
    fn read(scenario: Scenario) -> anyhow::Result<Self> {
        let mut file =
            parse_campaigns(&name(&scenario.campaigns), &read_input(&scenario.campaigns)?)?;
        let [account] = &mut file.accounts[..] else {
            anyhow::bail!("{}: give it exactly one account", scenario.campaigns.display());
        };
        account.measure_visits |= scenario.town.as_ref().is_some_and(|town| town.stores_m > 0);
        let account = account.clone();
        can_be_foretold(&account, &file)?;
        let app = account.apps.first().context("the account needs an app")?.id;
        let account = account.id;
        let fences = match (&scenario.fences, &scenario.town) {
            (Some(fences), _) => parse_fences(&name(fences), &read_input(fences)?, Some(account))?,
            (None, Some(town)) => parse_fences("town", &paths::fences(town), Some(account))?,
            (None, None) => Vec::new(),
        };
        let mut fences = fences;
        if scenario.drive.swaps_per_s > 0 {
            fences.extend(swaps::spares(account, fences.len()));
        }
        let fixes = match (&scenario.pings, &scenario.paths, &scenario.town) {
            (Some(pings), ..) => read_fixes(pings)?.pings,
            (None, Some(paths), Some(town)) => {
                let bar = bar(paths.devices as usize, "making paths");
                let fixes = paths::fixes(town, paths, |done| bar.inc(done));
                bar.finish_and_clear();
                fixes
            }
            (None, ..) => Vec::new(),
        };
        Ok(Self { scenario, fences, file, account, app, fixes })
    }

    async fn drive_and_check(&self, daemon: &Daemon) -> anyhow::Result<Report> {
        let mut report = Report::default();
        let mut expected = Expected::default();
        check::subscribe(daemon).await?;
        for (at, first_day) in self.scenario.valid_from.iter().enumerate() {
            let share = self.share(at)?;
            let source = (self.fences.clone(), self.file.clone());
            let loaded = daemon.publish(self.names(), source, *first_day).await?;
            expected.add(&self.simulated(daemon, &loaded, &share)?);
            let before = daemon.usage();
            let bar = bar(share.len(), "driving");
            let driven = self.drive(daemon, (&share, *first_day), loaded, &bar).await?;
            bar.finish_and_clear();
            report.add(driven);
            report.usage = daemon.usage();
            report.cpu_s +=
                report.usage.unwrap_or_default().cpu_s() - before.unwrap_or_default().cpu_s();
        }
        let bar = bar(expected.jobs.len(), "reading jobs");
        let jobs = check::read_jobs(daemon, expected.jobs.len(), &bar).await?;
        bar.finish_and_clear();
        report.verdict = expected.compare(&jobs, self.scenario.drive.swaps_per_s > 0);
        let rejected = report.rejected();
        if rejected != expected.rejected {
            // A ping refused by one engine and not by the other shows in no job.
            eprintln!("{rejected} pings were refused; {} had to be", expected.rejected);
            report.verdict.unexpected += rejected.abs_diff(expected.rejected);
        }
        Ok(report)
    }

    /// Sends the pings, with swaps beside them where the scenario wants some.
    async fn drive(
        &self,
        daemon: &Daemon,
        (share, valid_from): (&[Fix], Date),
        loaded: Loaded,
        bar: &ProgressBar,
    ) -> anyhow::Result<(Measured, Swapped)> {
        let drive = self.scenario.drive;
        let sender = Sender { daemon, account: self.account, app: self.app, drive };
        let is_over = Cell::new(false);
        let driven = async {
            let measured = drive::drive(sender, share, bar).await;
            is_over.set(true);
            measured
        };
        if drive.swaps_per_s == 0 {
            return Ok((driven.await?, Swapped::default()));
        }
        let swapper = Swapper {
            daemon,
            names: self.names(),
            fences: self.fences.clone(),
            file: self.file.clone(),
            valid_from,
            per_s: drive.swaps_per_s,
        };
        let (measured, swapped) = tokio::join!(driven, swapper.run(loaded, || is_over.get()));
        Ok((measured?, swapped?))
    }

    /// The pings of the snapshot at `at`, in their order. A device with pings in two would take its state
    /// from the one to the other, which one simulation each does not show.
    fn share(&self, at: usize) -> anyhow::Result<Vec<Fix>> {
        let days = &self.scenario.valid_from;
        let ms = |day: &jiff::civil::Date| {
            jiff::tz::TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0)).map(|at| at.as_millisecond())
        };
        // Pings before the first day belong to the first snapshot, which has no jobs for them.
        let from = if at == 0 { i64::MIN } else { ms(&days[at])? };
        let before = days.get(at + 1).map(ms).transpose()?.unwrap_or(i64::MAX);
        let is_in = |fix: &&Fix| (from..before).contains(&fix.fixed_at.0);
        let share: Vec<Fix> = self.fixes.iter().filter(is_in).copied().collect();
        let here: std::collections::HashSet<_> = share.iter().map(|fix| fix.device).collect();
        let elsewhere = self.fixes.iter().filter(|fix| !is_in(fix));
        let both = elsewhere.filter(|fix| here.contains(&fix.device)).count();
        ensure!(
            both == 0,
            "{both} pings are of devices that have others in the span of another valid_from"
        );
        Ok(share)
    }

    fn simulated(
        &self,
        daemon: &Daemon,
        loaded: &Loaded,
        share: &[Fix],
    ) -> anyhow::Result<geofenced::offline::simulate::Simulated> {
        let variables = self.scenario.variables();
        let variables: Vec<(&str, &str)> =
            variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let simulation = Simulation {
            view: loaded.view(),
            key: daemon.keyring()?.installation_key(),
            policy: Config::load_from(None, &variables)?.policy,
            account: self.account,
            app: self.app,
            shards: 2,
            batch: 1000,
            keep: true,
        };
        let bar = bar(share.len(), "foretelling");
        let simulated = simulate(simulation, share, now, |done| bar.inc(done));
        bar.finish_and_clear();
        Ok(simulated)
    }

    fn names(&self) -> FileNames<'_> {
        let campaigns = self.scenario.campaigns.to_str().unwrap_or("campaigns");
        let fences = self.scenario.fences.as_ref().and_then(|path| path.to_str()).unwrap_or("town");
        FileNames { fences, campaigns }
    }
}

/// Limits over all devices go to whoever comes first, which hangs on when pings arrive.
fn can_be_foretold(account: &AccountSpec, file: &CampaignFile) -> anyhow::Result<()> {
    ensure!(account.monthly_limit.is_none(), "the account has a monthly_limit; leave it out");
    for (campaign, _) in &file.campaigns {
        let id = campaign.id;
        ensure!(campaign.total_limit.is_none(), "campaign {id} has a total_limit; leave it out");
        let resends =
            !matches!(campaign.frequency, Frequency::OncePerPeriod | Frequency::OncePerDay);
        ensure!(!resends, "campaign {id} resends; write once_per_period or once_per_day");
    }
    Ok(())
}

fn name(path: &std::path::Path) -> String {
    path.display().to_string()
}

fn now() -> Duration {
    Duration::from_nanos(process_ns())
}
