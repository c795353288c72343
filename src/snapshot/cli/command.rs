//! `geofenced snapshot …`: build from files, look at what is there, go back.
//!
//! [`edit`] changes what is there. Commands write to the `out` that they are given and read no clock; the
//! binary's `main` lends both.

use std::collections::BTreeSet;
use std::error::Error;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use jiff::civil::Date;

use super::edit::{self, EditArgs};
use super::error::CommandError;
use crate::domain::ids::Epoch;
use crate::domain::lots::InstallationKey;
use crate::domain::units::UtcMs;
use crate::snapshot::build::{BuildOptions, Built, build_after};
use crate::snapshot::calendar::today;
use crate::snapshot::diff::{Changes, diff};
use crate::snapshot::load::Loaded;
use crate::snapshot::report;
use crate::snapshot::source::{FileNames, TargetDirectory, compose, parse_campaigns, parse_fences};
use crate::snapshot::store::{DEFAULT_MAX_BYTES, NewestSound, Store, read_input};

/// Work on a snapshot store: a directory of numbered epochs whose blocks are shared.
#[derive(Debug, Subcommand)]
pub enum SnapshotCommand {
    /// Build the next epoch from a GeoJSON file of fences and a JSON file of campaigns
    #[command(after_help = BUILD_EXAMPLE)]
    Build(BuildArgs),
    /// Put fences into the newest epoch, or take them out, as the next one
    #[command(after_help = edit::EXAMPLE)]
    Edit(EditArgs),
    /// Show what an epoch holds
    Inspect(EpochArgs),
    /// Check every byte of an epoch: headers, digests, archives, and what blocks say of each other
    Verify(EpochArgs),
    /// Show what differs between two epochs
    Diff(DiffArgs),
    /// Show the epochs of a store
    List(StoreArgs),
    /// Publish the content of an old epoch as a new one
    Rollback(RollbackArgs),
    /// Remove old epochs and the blocks that none names any more
    #[command(after_help = GC_NOTE)]
    Gc(GcArgs),
}

const GC_NOTE: &str = "A running daemon does this by itself and knows which epochs its journal, checkpoints and \
unread jobs still name; a start without one of those is refused. So leave its store to it, or give a --keep that \
reaches back further than they do.";

const BUILD_EXAMPLE: &str = "Example:
  geofenced snapshot build --fences configs/example/fences.geojson \\
    --campaigns configs/example/campaigns.json --keys data -o snapshots";

/// Arguments of `snapshot build`.
#[derive(Debug, Args)]
pub struct BuildArgs {
    /// GeoJSON FeatureCollection: polygons, multi-polygons, and points with the property radius_m; may be gzipped
    #[arg(long, value_name = "F.geojson")]
    fences: PathBuf,
    /// Accounts and campaigns as JSON; may be gzipped
    #[arg(long, value_name = "C.json")]
    campaigns: PathBuf,
    /// The snapshot store, made if it is not there
    #[arg(short, long, value_name = "DIR")]
    out: PathBuf,
    /// The daemon's key directory; needed where the campaign file lists devices, for they are stored as keyed hashes
    #[arg(long, value_name = "DIR", env = "GEOFENCED_KEYS")]
    keys: Option<PathBuf>,
    /// The day from which schedules are compiled, for 400 days; today unless given
    #[arg(long, value_name = "YYYY-MM-DD")]
    valid_from: Option<Date>,
    #[command(flatten)]
    room: RoomArgs,
}

/// How large a store may grow.
#[derive(Debug, Args)]
pub struct RoomArgs {
    /// Refuse to publish past so many bytes in all files of the store
    #[arg(long, value_name = "BYTES", default_value_t = DEFAULT_MAX_BYTES)]
    pub(super) max_bytes: u64,
}

/// A store.
#[derive(Debug, Args)]
pub struct StoreArgs {
    /// The snapshot store
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// An epoch of a store.
#[derive(Debug, Args)]
pub struct EpochArgs {
    /// The snapshot store
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// The epoch; the newest unless given
    #[arg(value_name = "EPOCH")]
    epoch: Option<u64>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Two epochs of a store.
#[derive(Debug, Args)]
pub struct DiffArgs {
    /// The snapshot store
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// The earlier epoch
    #[arg(value_name = "FROM")]
    from: u64,
    /// The later epoch; the newest unless given
    #[arg(value_name = "TO")]
    to: Option<u64>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Arguments of `snapshot rollback`.
#[derive(Debug, Args)]
pub struct RollbackArgs {
    /// The snapshot store
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// The epoch to go back to
    #[arg(value_name = "EPOCH")]
    epoch: u64,
    #[command(flatten)]
    room: RoomArgs,
}

/// Arguments of `snapshot gc`.
#[derive(Debug, Args)]
pub struct GcArgs {
    /// The snapshot store
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// How many of the newest epochs stay; all of them unless given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    keep: Option<u32>,
}

/// Opens a key directory. Its errors are only shown.
pub type OpenKey = dyn Fn(&Path) -> Result<InstallationKey, Box<dyn Error + Send + Sync>>;

/// What commands need from whoever runs them.
pub struct Host<'h> {
    /// The time.
    pub now: UtcMs,
    /// Opens the installation key of a key directory.
    pub open_key: &'h OpenKey,
    /// Where results go.
    pub out: &'h mut dyn Write,
}

impl std::fmt::Debug for Host<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host").field("now", &self.now).finish_non_exhaustive()
    }
}

impl SnapshotCommand {
    /// Runs the command.
    ///
    /// # Errors
    /// What went wrong, for people.
    pub fn run(self, host: Host<'_>) -> Result<(), CommandError> {
        match self {
            Self::Build(args) => args.run(host),
            Self::Edit(args) => args.run(host),
            Self::Inspect(args) => inspect(&args, host.out),
            Self::Verify(args) => verify(&args, host.out),
            Self::Diff(args) => differences(&args, host.out),
            Self::List(args) => list(&args, host.out),
            Self::Rollback(args) => roll_back(&args, today(host.now), host.out),
            Self::Gc(args) => collect(&args, host.out),
        }
    }
}

impl BuildArgs {
    fn run(self, host: Host<'_>) -> Result<(), CommandError> {
        let store = Store::open(&self.out)?.with_max_bytes(self.room.max_bytes);
        let epoch = store.next_epoch()?;
        let before = store.newest_sound(Epoch(0), None)?;
        tell_refused(&before, host.out)?;
        let built = self.build(&host, &before, epoch)?;
        publish(&store, &before, &built, host.out)
    }

    fn build(
        &self,
        host: &Host<'_>,
        before: &NewestSound,
        epoch: Epoch,
    ) -> Result<Built, CommandError> {
        let (fences, campaigns) =
            (self.fences.display().to_string(), self.campaigns.display().to_string());
        let names = FileNames { fences: &fences, campaigns: &campaigns };
        let previous = before.view();
        let file = parse_campaigns(names.campaigns, &read_input(&self.campaigns)?)?;
        let list = parse_fences(names.fences, &read_input(&self.fences)?, file.sole_account())?;
        let source =
            compose(names, list, file, TargetDirectory::of(previous).beyond(&before.dealt))?;
        let key = match &self.keys {
            Some(dir) => (host.open_key)(dir)
                .map_err(|reason| CommandError::Key { dir: dir.clone(), reason })?,
            None if source.lists_devices() => {
                return Err(CommandError::KeyNeeded { file: self.campaigns.clone() });
            }
            // Nothing is hashed, so it does not matter under which key.
            None => InstallationKey([0; 32]),
        };
        let valid_from = self.valid_from.unwrap_or_else(|| today(host.now));
        let options = BuildOptions { epoch, valid_from, key: &key, previous };
        Ok(build_after(&source, options, &before.dealt)?)
    }
}

/// Adds what was built, unless it is what was there before.
pub(super) fn publish(
    store: &Store,
    before: &NewestSound,
    built: &Built,
    out: &mut dyn Write,
) -> Result<(), CommandError> {
    let same = before.view().filter(|view| view.hash() == built.hash());
    if let Some(newest) = same.filter(|_| before.refused.is_empty()) {
        let epoch = newest.epoch();
        return Ok(writeln!(out, "nothing changed; epoch {epoch} stays the newest")?);
    }
    store.publish(built)?;
    let bytes: usize = built.fresh().iter().map(|block| block.bytes.len()).sum();
    let (epoch, hash) = (built.epoch(), built.hash());
    let (blocks, fresh) = (store.listing(epoch)?.blocks.len(), built.fresh().len() + 1);
    writeln!(out, "epoch {epoch} {hash}")?;
    Ok(writeln!(out, "{blocks} blocks, {fresh} of them new with {bytes} bytes")?)
}

fn inspect(args: &EpochArgs, out: &mut dyn Write) -> Result<(), CommandError> {
    let (store, loaded) = open(args)?;
    let listing = store.listing(loaded.view().epoch())?;
    let whole = report::snapshot(loaded.view(), &listing);
    if args.json {
        return Ok(writeln!(out, "{whole:#}")?);
    }
    Ok(report::write_snapshot(out, loaded.view(), &listing)?)
}

fn verify(args: &EpochArgs, out: &mut dyn Write) -> Result<(), CommandError> {
    let (store, loaded) = open(args)?;
    let view = loaded.view();
    let blocks = store.listing(view.epoch())?.blocks;
    let bytes: u64 = blocks.iter().map(|block| block.bytes).sum();
    if args.json {
        let document = serde_json::json!({"epoch": view.epoch(), "hash": view.hash().to_string(), "sound": true, "blocks": blocks.len(), "bytes": bytes});
        return Ok(writeln!(out, "{document}")?);
    }
    let (epoch, hash) = (view.epoch(), view.hash());
    Ok(writeln!(out, "epoch {epoch} {hash} is sound: {} blocks, {bytes} bytes", blocks.len())?)
}

fn open(args: &EpochArgs) -> Result<(Store, Loaded), CommandError> {
    let store = Store::existing(&args.dir)?;
    let epoch = match args.epoch {
        Some(number) => Epoch(number),
        None => newest(&store)?,
    };
    let loaded = store.load(epoch, None)?;
    Ok((store, loaded))
}

fn newest(store: &Store) -> Result<Epoch, CommandError> {
    store.latest()?.ok_or_else(|| CommandError::Empty { dir: store.dir().to_owned() })
}

fn list(args: &StoreArgs, out: &mut dyn Write) -> Result<(), CommandError> {
    let store = Store::existing(&args.dir)?;
    for epoch in store.epochs()? {
        match store.listing(epoch) {
            Ok(listing) if args.json => writeln!(out, "{}", report::listing(&listing))?,
            Ok(listing) => report::write_listing(out, &listing)?,
            Err(error) if args.json => {
                let reason = error.to_string();
                writeln!(out, "{}", serde_json::json!({ "epoch": epoch, "error": reason }))?;
            }
            Err(error) => writeln!(out, "epoch {epoch} can't be used: {error}")?,
        }
    }
    Ok(())
}

/// A damaged epoch is no obstacle, but nobody should overlook it.
fn tell_refused(before: &NewestSound, out: &mut dyn Write) -> io::Result<()> {
    for (epoch, reason) in &before.refused {
        writeln!(out, "epoch {epoch} can't be used and is passed over: {reason}")?;
    }
    Ok(())
}

fn roll_back(args: &RollbackArgs, today: Date, out: &mut dyn Write) -> Result<(), CommandError> {
    let store = Store::existing(&args.dir)?.with_max_bytes(args.room.max_bytes);
    let epoch = store.roll_back(Epoch(args.epoch), today)?;
    Ok(writeln!(out, "epoch {epoch} has the content of epoch {}", args.epoch)?)
}

fn collect(args: &GcArgs, out: &mut dyn Write) -> Result<(), CommandError> {
    let store = Store::existing(&args.dir)?;
    let keep = args.keep.and_then(|keep| usize::try_from(keep).ok()).unwrap_or(usize::MAX);
    let swept = store.sweep(keep, &BTreeSet::new())?;
    for epoch in &swept.epochs {
        writeln!(out, "epoch {epoch} removed")?;
    }
    Ok(writeln!(out, "{} files with {} bytes removed", swept.files, swept.bytes)?)
}

fn differences(args: &DiffArgs, out: &mut dyn Write) -> Result<(), CommandError> {
    let store = Store::existing(&args.dir)?;
    let before = store.load(Epoch(args.from), None)?;
    let to = match args.to {
        Some(number) => Epoch(number),
        None => newest(&store)?,
    };
    let after = store.load(to, Some(&before))?;
    let difference = diff(before.view(), after.view());
    if args.json {
        return Ok(writeln!(out, "{:#}", report::diff(&difference))?);
    }
    if difference.accounts.is_empty() {
        return Ok(writeln!(out, "no difference")?);
    }
    write_changes(out, "", "account", &difference.accounts)?;
    for within in &difference.within {
        let indent = format!("account {}: ", within.account);
        if within.settings {
            writeln!(out, "{indent}settings changed")?;
        }
        let Changes { added, removed, changed } = &within.targets;
        write_keys(out, &indent, added, "added")?;
        write_keys(out, &indent, removed, "removed")?;
        write_keys(out, &indent, changed, "changed")?;
        write_keys(out, &indent, &within.watched, "is watched now")?;
        write_keys(out, &indent, &within.unwatched, "is no longer watched")?;
        write_changes(out, &indent, "campaign", &within.campaigns)?;
        write_all(out, &indent, "campaign", &within.restarted, "started anew")?;
    }
    Ok(())
}

fn write_changes<T: std::fmt::Display>(
    out: &mut dyn Write,
    place: &str,
    what: &str,
    changes: &Changes<T>,
) -> io::Result<()> {
    write_all(out, place, what, &changes.added, "added")?;
    write_all(out, place, what, &changes.removed, "removed")?;
    write_all(out, place, what, &changes.changed, "changed")
}

/// Keys are what somebody wrote into a file: quoted, so that none of their characters steers a terminal.
fn write_keys(out: &mut dyn Write, place: &str, keys: &[String], verb: &str) -> io::Result<()> {
    keys.iter().try_for_each(|key| writeln!(out, "{place}target {key:?} {verb}"))
}

fn write_all<T: std::fmt::Display>(
    out: &mut dyn Write,
    place: &str,
    what: &str,
    these: &[T],
    verb: &str,
) -> io::Result<()> {
    these.iter().try_for_each(|one| writeln!(out, "{place}{what} {one} {verb}"))
}
