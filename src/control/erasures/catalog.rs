//! What the campaign service itself keeps of devices: lists of them, and files that were sent.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::keeper::{Ends, Keeper};
use crate::clock::Clock;
use crate::control::compiler::Publications;
use crate::control::desk::{Actor, Desk};
use crate::control::documents::{Import, Shown};
use crate::control::imports::columns::Kind as ImportOf;
use crate::control::refusal::Refusal;
use crate::control::store::{Catalog, Kind, Query, thread};
use crate::control::uploads::Depot;
use crate::domain::ids::{AccountId, Epoch};
use crate::identity::{Gone, Keyring, SealedDevice};

/// How often it looks whether what it waits for has come.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Why an import is left off.
const WHY: &str = "a device was erased while it waited; send the file again without the devices that are not to be kept";

/// The lists of the catalog, and its log of uses. Ends when the snapshot without the devices is in force on every shard, which
/// is then told, with its number or an earlier one, and may be found to list one all the same.
#[must_use]
pub fn lists(
    catalog: Catalog,
    publications: Arc<Publications>,
    in_force: impl Fn() -> Epoch + Send + 'static,
    tell: impl Fn(Epoch, &Gone) -> anyhow::Result<()> + Send + 'static,
) -> Keeper {
    Keeper::new("lists", move |gone, ends| {
        let (mut records, mut last) = (0, Epoch(0));
        for account in gone.accounts() {
            let sealed: Vec<SealedDevice> = of(account, gone.sealed());
            let members: Vec<u64> = of(account, gone.members());
            records += catalog.ask_and_wait(move |store| {
                thread::write(store, |tx| {
                    let listed = tx.erase_devices(account, &sealed)?;
                    Ok(listed + tx.erase_from_uses(account, &members)?)
                })
            })?;
            last = publications.changed(account);
        }
        // A build that fails leaves the old lists in force.
        while in_force() < last {
            if ends() {
                return Ok(None);
            }
            std::thread::sleep(LOOK_EVERY);
        }
        for account in gone.accounts() {
            if let Some(failure) = publications.failure(account, last) {
                anyhow::bail!("account {account} can't be compiled: {}", failure.reason);
            }
        }
        tell(last, gone)?;
        Ok(Some(records))
    })
}

/// Files with devices that were sent and wait, and what was found wrong in such files.
#[must_use]
pub fn uploads(catalog: Catalog, depot: Depot, keyring: Keyring, clock: Clock) -> Keeper {
    Keeper::new("uploads", move |gone, ends| {
        let mut left_off = 0;
        for account in gone.accounts() {
            let (by, now) = ("the eraser".into(), clock.now());
            let actor = Actor { account, by, operator: true, now, keyring: keyring.clone() };
            let begun: BTreeSet<u32> =
                of_devices(&catalog, actor.clone())?.iter().map(|import| import.id).collect();
            let waiting = wait_for_files(&catalog, &actor, &begun, ends)?;
            let Some(waiting) = waiting else { return Ok(None) };
            left_off += waiting;
            for import in begun {
                depot.parcel(account, import).discard()?;
            }
        }
        Ok(Some(left_off))
    })
}

/// Waits until files that are being read have been, and leaves off those that wait for their user. Gives how many.
fn wait_for_files(
    catalog: &Catalog,
    actor: &Actor,
    begun: &BTreeSet<u32>,
    ends: Ends<'_>,
) -> Result<Option<u64>, Refusal> {
    loop {
        let imports = of_devices(catalog, actor.clone())?;
        let of_then = || imports.iter().filter(|import| begun.contains(&import.id));
        if !of_then().any(|import| import.state == "checking") {
            let waiting = of_then().filter(|import| import.state == "partly_failed");
            let waiting: Vec<u32> = waiting.map(|import| import.id).collect();
            let (count, actor) = (waiting.len() as u64, actor.clone());
            catalog.ask_and_wait(move |store| {
                thread::write(store, |tx| {
                    let mut desk = Desk::open(tx, &actor)?;
                    waiting.iter().try_for_each(|id| desk.leave_off(*id, WHY))
                })
            })?;
            return Ok(Some(count));
        }
        if ends() {
            return Ok(None);
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

/// The imports of an account whose files hold devices.
fn of_devices(catalog: &Catalog, actor: Actor) -> Result<Vec<Shown<Import>>, Refusal> {
    catalog.ask_and_wait(move |store| {
        thread::read(store, |tx| {
            let mut desk = Desk::open(tx, &actor)?;
            let mut found = Vec::new();
            desk.scan(&Query::all(actor.account, Kind::Import), &mut |record| {
                let shown = Shown::<Import>::of(&record)?;
                if matches!(shown.document.of, ImportOf::Segment | ImportOf::Blacklist) {
                    found.push(shown);
                }
                Ok(())
            })?;
            Ok(found)
        })
    })
}

/// What of an account's is among these.
fn of<T>(account: AccountId, all: impl Iterator<Item = (AccountId, T)>) -> Vec<T> {
    all.filter(|(whose, _)| *whose == account).map(|(_, one)| one).collect()
}
