//! `geofenced snapshot edit`: some fences put in or taken out of what a store holds.

use std::collections::HashMap;
use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use super::command::{Host, RoomArgs, publish};
use super::error::CommandError;
use crate::domain::ids::{AccountId, Epoch, TargetId};
use crate::domain::target::TargetSpec;
use crate::snapshot::build::{After, Edit, edit};
use crate::snapshot::source::{TargetDirectory, fences_alone, parse_fences};
use crate::snapshot::store::{NewestSound, Store, read_input};
use crate::snapshot::view::SnapshotView;

pub(super) const EXAMPLE: &str = "\
Campaigns stay as they are: a fence that is there already stays with those that watch it, and a new one counts where \
the account measures visits. Only what the edit touches is built.

Example:
  geofenced snapshot edit snapshots --account 1 --put moved.geojson --remove \"old gate\"";

/// Arguments of `snapshot edit`.
#[derive(Debug, Args)]
pub struct EditArgs {
    /// The snapshot store
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// The account whose fences are edited
    #[arg(long, value_name = "ID")]
    account: u32,
    /// GeoJSON FeatureCollection of the fences to put in, in place of those with the same id; may be gzipped
    #[arg(long, value_name = "F.geojson", required_unless_present = "remove")]
    put: Option<PathBuf>,
    /// The id of a fence to take out; may be given again
    #[arg(long, value_name = "FENCE")]
    remove: Vec<String>,
    #[command(flatten)]
    room: RoomArgs,
}

impl EditArgs {
    pub(super) fn run(&self, host: Host<'_>) -> Result<(), CommandError> {
        let store = Store::existing(&self.dir)?.with_max_bytes(self.room.max_bytes);
        // First of all: whatever is published from here on is not in what is edited, and takes this number.
        let epoch = store.next_epoch()?;
        let mut before = store.newest_sound(Epoch(0), None)?;
        if let Some((epoch, reason)) = before.refused.pop() {
            return Err(CommandError::Damaged { epoch, reason: Box::new(reason) });
        }
        let empty = || CommandError::Empty { dir: self.dir.clone() };
        let current = before.view().ok_or_else(empty)?;
        let (put, remove) = (self.put(&before)?, self.remove(current)?);
        let account = AccountId(self.account);
        let after = After { epoch, previous: Some(current), dealt: &before.dealt };
        let built = edit(current, &Edit { account, put: &put, remove: &remove }, after)?;
        publish(&store, &before, &built, host.out)?;
        tell_unwatched(current, account, &put, host.out)
    }

    fn put(&self, before: &NewestSound) -> Result<Vec<TargetSpec>, CommandError> {
        let Some(path) = &self.put else { return Ok(Vec::new()) };
        let name = path.display().to_string();
        let fences = parse_fences(&name, &read_input(path)?, Some(AccountId(self.account)))?;
        if let Some(fence) = fences.iter().find(|fence| !fence.campaigns.is_empty()) {
            return Err(CommandError::Campaigns { file: path.clone(), fence: fence.key.clone() });
        }
        let directory = TargetDirectory::of(before.view()).beyond(&before.dealt);
        Ok(fences_alone(&name, fences, directory)?.targets)
    }

    fn remove(&self, current: SnapshotView<'_>) -> Result<Vec<TargetId>, CommandError> {
        let account = current.account(AccountId(self.account));
        let ids: HashMap<&str, TargetId> =
            account.into_iter().flat_map(|account| account.all_keys()).collect();
        let id = |fence: &String| {
            let unknown =
                || CommandError::NoSuchFence { account: self.account, fence: fence.clone() };
            ids.get(fence.as_str()).copied().ok_or_else(unknown)
        };
        self.remove.iter().map(id).collect()
    }
}

/// A fence that nobody watches causes nothing: who put it in should know.
fn tell_unwatched(
    current: SnapshotView<'_>,
    account: AccountId,
    put: &[TargetSpec],
    out: &mut dyn Write,
) -> Result<(), CommandError> {
    let account = current.account(account).filter(|account| !account.measures_visits());
    let Some(account) = account else { return Ok(()) };
    let mut unwatched = put.iter().filter(|fence| account.target(fence.id).is_none());
    let Some(first) = unwatched.next() else { return Ok(()) };
    let whom = match unwatched.count() {
        0 => format!("fence {:?}", first.key),
        more => format!("fence {:?} and {more} more", first.key),
    };
    let until = "until a campaign takes it up with `geofenced snapshot build`";
    Ok(writeln!(out, "nobody watches {whom}: it causes nothing {until}")?)
}
