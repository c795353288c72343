//! A CSV file of pings through the engine, raw or with campaigns.

use std::path::Path;
use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::json;

use crate::domain::fix::Fix;
use crate::domain::ids::{AccountId, AppId, Epoch};
use crate::domain::policy::Policy;
use crate::engine::Counts;
use crate::identity::Keyring;
use crate::offline::pings::{Recorded, read_fixes, read_pings};
use crate::offline::progress::bar;
use crate::offline::raw::{RawIndex, RawRun, run_raw};
use crate::offline::simulate::{Simulation, simulate};
use crate::snapshot::build::{BuildOptions, Source, build};
use crate::snapshot::load::Loaded;
use crate::snapshot::source::{
    FileNames, TargetDirectory, compose, fences_alone, parse_campaigns, parse_fences,
};
use crate::snapshot::store::read_input;
use crate::snapshot::view::{AccountView, SnapshotView};

use super::args::{ReplayArgs, ReplayError, UsageError};
use super::report::{Figures, Lines, line};

/// The account of fences that name none, where there is no campaign file to say.
const SOLE_ACCOUNT: AccountId = AccountId(1);

/// Lots are drawn with this where no daemon's keys are given: the same for every replay.
const REPLAY_SEED: [u8; 32] = *b"geofenced replay, no daemon keys";

pub(super) fn run(
    args: &ReplayArgs,
    fences: &Path,
    pings: &Path,
    now: impl Fn() -> Duration,
) -> Result<(), ReplayError> {
    if args.raw { raw(args, fences, pings, now) } else { with_rules(args, fences, pings, now) }
}

fn raw(
    args: &ReplayArgs,
    fences: &Path,
    pings: &Path,
    now: impl Fn() -> Duration,
) -> Result<(), ReplayError> {
    let mut source = read_source(fences, None)?;
    let account = raw_account(&source, args.account)?;
    source.targets.retain(|target| target.account == account);
    let index = RawIndex::build(source.targets.iter().map(|target| (target.id, &target.shape)))?;
    let recorded = read_pings(pings)?;
    let mut lines = Lines::open(args.out.as_deref())?;
    let bar = bar(recorded.pings.len(), "evaluating");
    let run =
        RawRun { shards: args.shards.into(), batch: args.batch as usize, keep: lines.wanted() };
    let figures = run_raw(index.view()?, &recorded.pings, run, now, |done| bar.inc(done));
    bar.finish_and_clear();
    for (ping, transition) in &figures.transitions {
        let place = usize::try_from(*ping)?;
        lines.write(&json!({
            "ping": recorded.row_of(*ping),
            "device": recorded.pings[place].device.to_string(),
            "target": key_of(&source, transition.target),
            "transition": if transition.entered { "enter" } else { "exit" },
        }))?;
    }
    lines.finish()?;
    let counts = Counts {
        hits: figures.counts.hits,
        enters: figures.counts.enters,
        exits: figures.counts.exits,
        ..Counts::default()
    };
    Figures::of(recorded, counts, figures.evaluate).print();
    Ok(())
}

/// Whose fences the pings are held against: target ids are dealt per account, and a ping meets one account's.
fn raw_account(source: &Source, asked: Option<u32>) -> Result<AccountId, UsageError> {
    let ids: Vec<AccountId> = source.accounts.iter().map(|account| account.id).collect();
    match (asked.map(AccountId), &ids[..]) {
        (Some(id), _) if ids.contains(&id) => Ok(id),
        (Some(id), _) => {
            Err(UsageError::new(format!("--account {id}: no fence is of this account")))
        }
        (None, [only]) => Ok(*only),
        (None, []) => Ok(SOLE_ACCOUNT),
        (None, several) => Err(several_accounts(several.len())),
    }
}

fn several_accounts(count: usize) -> UsageError {
    UsageError::new(format!(
        "the files have {count} accounts; say whose the pings are with --account"
    ))
}

fn key_of(source: &Source, id: crate::domain::ids::TargetId) -> Option<&str> {
    let at = source.targets.binary_search_by_key(&id, |target| target.id).ok()?;
    Some(&source.targets[at].key)
}

fn with_rules(
    args: &ReplayArgs,
    fences: &Path,
    pings: &Path,
    now: impl Fn() -> Duration,
) -> Result<(), ReplayError> {
    let source = read_source(fences, args.campaigns.as_deref())?;
    let recorded = read_fixes(pings)?;
    let keyring = match &args.keys {
        Some(dir) => Keyring::existing(dir)?,
        None => Keyring::from_seed(REPLAY_SEED),
    };
    let valid_from = match args.valid_from {
        Some(day) => day,
        None => first_day(&recorded),
    };
    let key = keyring.installation_key();
    let options = BuildOptions { epoch: Epoch(1), valid_from, key: &key, previous: None };
    let loaded: Loaded = build(&source, options)?.load_in_memory()?;
    let account = account_of(loaded.view(), args.account)?;
    let mut lines = Lines::open(args.out.as_deref())?;
    let simulation = Simulation {
        view: loaded.view(),
        key,
        policy: roomy(),
        account: account.id(),
        app: app_of(account, args.app)?,
        shards: args.shards.into(),
        batch: args.batch as usize,
        keep: lines.wanted(),
    };
    let bar = bar(recorded.pings.len(), "evaluating");
    let simulated = simulate(simulation, &recorded.pings, now, |done| bar.inc(done));
    bar.finish_and_clear();
    for (ping, decision) in &simulated.decisions {
        lines.write(&line(*ping, decision, account))?;
    }
    lines.finish()?;
    Figures::of(recorded, simulated.counts, simulated.evaluate).print();
    Ok(())
}

/// The daemon's defaults, but for memory: an offline run may hold as many devices as there are.
fn roomy() -> Policy {
    Policy { devices_per_partition: 1 << 24, ..Policy::default() }
}

fn read_source(fences: &Path, campaigns: Option<&Path>) -> Result<Source, ReplayError> {
    let fences_name = fences.display().to_string();
    let bytes = read_input(fences)?;
    let Some(campaigns) = campaigns else {
        let specs = parse_fences(&fences_name, &bytes, Some(SOLE_ACCOUNT))?;
        return Ok(fences_alone(&fences_name, specs, TargetDirectory::of(None))?);
    };
    let campaigns_name = campaigns.display().to_string();
    let file = parse_campaigns(&campaigns_name, &read_input(campaigns)?)?;
    let specs = parse_fences(&fences_name, &bytes, file.sole_account())?;
    let names = FileNames { fences: &fences_name, campaigns: &campaigns_name };
    Ok(compose(names, specs, file, TargetDirectory::of(None))?)
}

/// The UTC day before the earliest fix, so that its local day is covered in every time zone.
fn first_day(recorded: &Recorded<Fix>) -> Date {
    let earliest = recorded.pings.iter().map(|fix| fix.fixed_at.0).min().unwrap_or(0);
    let day = jiff::Timestamp::from_millisecond(earliest)
        .map_or(Date::constant(1970, 1, 1), |at| TimeZone::UTC.to_datetime(at).date());
    day.yesterday().unwrap_or(day)
}

fn account_of(view: SnapshotView<'_>, asked: Option<u32>) -> Result<AccountView<'_>, UsageError> {
    let mut accounts = view.accounts();
    match (asked, accounts.len()) {
        (Some(id), _) => view.account(AccountId(id)).ok_or_else(|| {
            UsageError::new(format!("--account {id}: no such account in the files"))
        }),
        (None, 1) => accounts.next().ok_or_else(|| UsageError::new("the files have no account")),
        (None, count) => Err(several_accounts(count)),
    }
}

fn app_of(account: AccountView<'_>, asked: Option<u32>) -> Result<AppId, UsageError> {
    match asked {
        Some(id) if account.has_app(AppId(id)) => Ok(AppId(id)),
        Some(id) => {
            let why = format!("--app {id}: account {} has no such app", account.id());
            Err(UsageError::new(why))
        }
        // Without campaigns there are no apps, and nothing asks for one.
        None => Ok(account.apps().next().map_or(AppId(0), |app| app.id)),
    }
}
