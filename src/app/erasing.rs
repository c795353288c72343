//! Who may hold a trace of a device, in the order in which they forget it.
//!
//! First the engine, so that nothing new comes of what it knew. When the figures have all that it caused, outbox and figures
//! forget; then files and lists, and a snapshot without the device comes in force. The log is waited for after that: once
//! recovery needs nothing from before, the older snapshots, which it may need until then, go at last.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::runtime::Handle;

use super::publish::Publisher;
use crate::admin::v1::InForce;
use crate::clock::Clock;
use crate::control::compiler::Publications;
use crate::control::erasures::catalog::{lists, uploads};
use crate::control::erasures::{Ends, Eraser, Keeper};
use crate::control::store::copies::remove_replaced;
use crate::control::store::{Catalog, Store};
use crate::control::uploads::Depot;
use crate::domain::ids::{AccountId, AppId, Epoch};
use crate::domain::report::Erasure;
use crate::domain::submission::{Records, Submission};
use crate::identity::{Gone, Keyring};
use crate::journal::Journal;
use crate::outbox::derived::Figures;
use crate::shard::router::Router;

/// Devices that are handed to the engine at once.
const SUBMITTED_AT_ONCE: usize = 1024;

/// What is erased from.
pub(super) struct Traces {
    pub(super) router: Router,
    pub(super) runtime: Handle,
    pub(super) figures: Figures,
    pub(super) journal: Arc<Journal>,
    pub(super) publisher: Arc<Publisher>,
    pub(super) catalog: Catalog,
    pub(super) catalog_file: PathBuf,
    pub(super) publications: Arc<Publications>,
    pub(super) depot: Depot,
    pub(super) keyring: Keyring,
    pub(super) clock: Clock,
}

impl Traces {
    /// The thread that goes to all of them. `in_force` says which snapshot decides on every shard.
    pub(super) fn eraser(self, reader: Box<dyn Store>, in_force: InForce) -> Eraser {
        let (catalog, keyring, clock) =
            (self.catalog.clone(), self.keyring.clone(), self.clock.clone());
        Eraser { catalog, reader, keepers: self.keepers(in_force), keyring, clock }
    }

    fn keepers(self, in_force: InForce) -> Vec<Keeper> {
        let Self { router, runtime, figures, journal, publisher, catalog, .. } = self;
        let (in_outbox, in_figures) = (figures.clone(), figures.clone());
        let (checkpoints, replaced) = (Arc::clone(&journal), self.catalog_file);
        let (without, in_it) = (Arc::new(AtomicU64::new(0)), Arc::clone(&publisher));
        let without_now = Arc::clone(&without);
        let published = move |epoch: Epoch, gone: &Gone| {
            let members: Vec<(AccountId, u64)> = gone.members().collect();
            let lists = in_it.slot.current().is_some_and(|now| now.view().lists_any(&members));
            anyhow::ensure!(
                !lists,
                "the snapshot in force lists a device that the catalog does not; where it was built from files, build it \
                 without the device"
            );
            // Only this thread reads it.
            without_now.store(epoch.0, Ordering::Relaxed);
            Ok(())
        };
        vec![
            Keeper::new("engine", move |gone, ends| {
                let forgotten = forget(&router, &runtime, gone)?;
                Ok(figures.catch_up(ends).then_some(forgotten))
            }),
            Keeper::new("outbox", move |gone, _ends| Ok(Some(in_outbox.erase_records(gone)?))),
            Keeper::new("figures", move |gone, ends: Ends<'_>| {
                Ok(in_figures.erase_rows(gone, ends)?)
            }),
            uploads(catalog.clone(), self.depot, self.keyring, self.clock),
            lists(catalog, self.publications, move || in_force(), published),
            Keeper::new("log", move |gone, ends: Ends<'_>| Ok(journal.erase(gone, ends)?)),
            // Nobody knows whom these hold.
            Keeper::new("set aside", move |_gone, _ends| {
                let damaged = checkpoints.remove_damaged_checkpoints()?;
                Ok(Some(damaged + remove_replaced(&replaced)?))
            }),
            Keeper::new("snapshots", move |gone, _ends| {
                let Some(in_force) = publisher.slot.current() else { return Ok(Some(0)) };
                let members: Vec<(AccountId, u64)> = gone.members().collect();
                let without = Epoch(without.load(Ordering::Relaxed));
                let removed = publisher.store.erase(without, &in_force, &members)?;
                let listing = publisher.store.first_listing(without, &in_force, &members)?;
                if let Some(epoch) = listing {
                    anyhow::bail!(
                        "snapshot {epoch} lists a device again, as a rollback to an earlier one does: all is gone through anew, \
                         upon a snapshot without it"
                    );
                }
                Ok(Some(removed))
            }),
        ]
    }
}

/// Has the engine forget devices. Gives how many were handed over.
fn forget(router: &Router, runtime: &Handle, gone: &Gone) -> anyhow::Result<u64> {
    for some in gone.devices().chunk_by(|one, next| one.account == next.account) {
        for some in some.chunks(SUBMITTED_AT_ONCE) {
            let records = some.iter().map(|device| Erasure { device: device.device }).collect();
            let submission = Submission {
                account: some[0].account,
                // No app asks for it, and the engine asks for none.
                app: AppId(0),
                origin: None,
                received_at: router.received_at(),
                records: Records::Erasures(records),
            };
            let applied = runtime.block_on(async {
                let ticket = router.submit(submission).await?;
                anyhow::Ok(ticket.await?)
            })?;
            let refused: u64 = applied.rejects.iter().sum();
            anyhow::ensure!(
                refused == 0,
                "{refused} devices are not taken before a snapshot is in force"
            );
        }
    }
    Ok(gone.devices().len() as u64)
}
