//! Time passes: what waited for it comes true, in the order of deadline, then device.
//!
//! A timer acts only for a device that something is due for at that very instant, so it does not matter to
//! any output which entries that lost their reason are still about.

use crate::domain::decision::VisitEnd;
use crate::domain::policy::ClockMode;
use crate::domain::units::UtcMs;
use crate::snapshot::view::SnapshotView;

use super::outputs::Outputs;
use super::partition::{Partition, last_known};
use super::table::RowId;
use super::turn::Basis;

impl Partition {
    /// Runs what is due by `now`.
    pub(super) fn tick(&mut self, now: UtcMs, view: Option<SnapshotView<'_>>, out: &mut Outputs) {
        let turns = self.move_clock(now);
        // Without a snapshot nothing can be decided: what is due stays due.
        let Some(view) = view else { return };
        while let Some((deadline, device)) = self.timers.pop_due(now) {
            let Some(id) = self.table.find(device) else { continue };
            if !self.is_due(id, deadline) {
                continue;
            }
            let Some(account) = view.account(device.account) else {
                // The account has left the snapshot, and with it every target.
                self.table.end_stays(id, (VisitEnd::FenceRemoved, &self.key), out);
                continue;
            };
            let moment = last_known(self.table.row(id), deadline, now, self.clock, Basis::Timer);
            let mut turn = self.turn(id, account, moment, out);
            turn.reconcile();
            turn.run_dwells();
            turn.run_due_triggers();
            turn.decide();
            turn.finish();
        }
        self.age(turns, view, out);
    }

    /// Whether something comes true at `deadline` where the device was heard of lately.
    fn is_due(&self, id: RowId, deadline: UtcMs) -> bool {
        let row = self.table.row(id);
        self.table.awaits(id, deadline, |stay| {
            let unheard_ms = deadline.since(stay.last_heard(row).0);
            unheard_ms < i64::from(self.policy.stale_after_s) * 1000
        })
    }

    /// Fills the timers anew from the devices; under the clock of the fixes there are none.
    pub(super) fn reset_timers(&mut self) {
        let ticking = self.policy.clock == ClockMode::System;
        self.timers.reset(self.table.deadlines().filter(|_| ticking));
    }
}
