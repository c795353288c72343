//! The thread that looks after snapshots: publishes new ones, gives the memory of old ones back, renews schedules
//! once a day, and sweeps the store.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::civil::Date;

use super::publish::{Publisher, SnapshotConfig};
use super::retention::Needs;
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::ids::Epoch;
use crate::domain::policy::ClockMode;
use crate::shutdown::Member;
use crate::snapshot::calendar::today;
use crate::snapshot::store::StoreError;

/// What the thread works with.
pub(super) struct Watch {
    publisher: Arc<Publisher>,
    config: SnapshotConfig,
    /// The clock by which schedules are renewed; `None` where fixes are the clock, whose days come from the past.
    days: Option<Clock>,
    needs: Needs,
    done: Done,
}

/// What was done or tried last, so that it is done or tried once.
#[derive(Default)]
struct Done {
    /// The day, and the epoch, of a renewal that failed.
    renewal: Option<(Date, Epoch)>,
    /// The newest epoch and the oldest needed at the last sweep.
    sweep: Option<(Epoch, Epoch)>,
}

/// How soon the thread notices that it should end.
const NAP: Duration = Duration::from_millis(200);
const NAPS_A_SECOND: u64 = 5;

/// Naps between two rounds of tidying: half a minute.
const TIDY_EVERY: u64 = 30 * NAPS_A_SECOND;

impl Watch {
    pub(super) fn new(
        publisher: Arc<Publisher>,
        config: &Config,
        clock: &Clock,
        needs: Needs,
    ) -> Self {
        let days = (config.policy.clock == ClockMode::System).then(|| clock.clone());
        let config = config.snapshots.clone();
        Self { publisher, config, days, needs, done: Done::default() }
    }

    /// Starts the thread, which ends when the member is asked to.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn spawn(mut self, member: Member) -> std::io::Result<()> {
        let thread = std::thread::Builder::new().name("snapshots".to_owned());
        thread.spawn(move || {
            self.run(&member);
            // The journal's last holder closes it: let go of it before saying that the thread has ended.
            drop(self);
            drop(member);
        })?;
        Ok(())
    }

    fn run(&mut self, member: &Member) {
        let poll_every = u64::from(self.config.watch_s) * NAPS_A_SECOND;
        let mut naps = 0_u64;
        while !member.is_asked() {
            if poll_every > 0 && naps.is_multiple_of(poll_every) {
                self.publisher.poll();
            }
            self.publisher.slot.reap();
            if naps.is_multiple_of(TIDY_EVERY) {
                self.renew();
                self.sweep();
            }
            std::thread::park_timeout(NAP);
            naps += 1;
        }
    }

    fn renew(&mut self) {
        let Some(clock) = &self.days else { return };
        let today = today(clock.now());
        let Some(current) = self.publisher.slot.pin().map(|pinned| pinned.view().epoch()) else {
            return;
        };
        if self.done.renewal == Some((today, current)) {
            return;
        }
        if let Err(error) = self.publisher.renew(today) {
            tracing::error!(%error, "schedules were not renewed and end 400 days after their first");
        }
        // Also when a newer epoch waits to be taken up: once it is, this is tried with that one.
        self.done.renewal = Some((today, current));
    }

    fn sweep(&mut self) {
        let oldest = self.needs.oldest();
        let Some(current) = self.publisher.slot.pin().map(|pinned| pinned.view().epoch()) else {
            return;
        };
        if oldest == Epoch(0) || self.done.sweep == Some((current, oldest)) {
            return;
        }
        if let Err(error) = self.sweep_before(oldest) {
            tracing::warn!(%error, "old snapshots were not all removed; the sweep after the next publication tries again");
        }
        self.done.sweep = Some((current, oldest));
    }

    fn sweep_before(&self, oldest: Epoch) -> Result<(), StoreError> {
        let store = &self.publisher.store;
        let needed: BTreeSet<Epoch> =
            store.epochs()?.into_iter().filter(|epoch| *epoch >= oldest).collect();
        let keep = usize::try_from(self.config.keep_epochs).unwrap_or(usize::MAX);
        let swept = store.sweep(keep, &needed)?;
        if !swept.epochs.is_empty() {
            let (epochs, files, bytes) = (swept.epochs.len(), swept.files, swept.bytes);
            tracing::info!(epochs, files, bytes, "old snapshots were removed");
        }
        Ok(())
    }
}
