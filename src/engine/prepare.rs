//! Asking for the memory that an input will need, a few inputs ahead: its loads then run beside other work.
//!
//! It changes nothing; leaving it out changes no output, only the time.

use crate::domain::fix::Fix;
use crate::domain::ids::DeviceKey;
use crate::domain::input::{Batch, Input};
use crate::snapshot::index::Start;
use crate::snapshot::view::SnapshotView;

use super::partition::Partition;

/// So many inputs ahead rows and the index are asked for: with the few fixes that one input has, as many loads as a
/// core keeps in flight.
pub const AHEAD: usize = 8;

/// So many inputs ahead the lists are, which only the rows tell of, and which group of targets a fix is in.
pub const LISTS_AHEAD: usize = 4;

/// So many inputs ahead the targets of that group are.
pub const GROUPS_AHEAD: usize = 2;

/// Fixes looked at together.
const LANE: usize = 16;

impl Partition {
    /// Starts loading what [`step`](Self::step) with this input will read.
    pub fn prepare(&self, input: &Input<'_>, view: Option<SnapshotView<'_>>) {
        if let (Input::Fixes(batch), Some(view)) = (input, view) {
            batch.records.chunks(LANE).for_each(|fixes| self.prepare_lane(batch, fixes, view));
        }
    }

    /// The same, [`LISTS_AHEAD`] of the input and after [`prepare`](Self::prepare).
    pub fn prepare_lists(&self, input: &Input<'_>, view: Option<SnapshotView<'_>>) {
        let (Input::Fixes(batch), Some(view)) = (input, view) else { return };
        let Some(account) = view.account(batch.account) else { return };
        let index = account.index();
        for fix in batch.records {
            index.prefetch_group(index.locate(fix.at));
            let key = DeviceKey { account: batch.account, device: fix.device };
            if let Some(id) = self.table.find(key) {
                self.table.prefetch_lists(id);
            }
        }
    }

    /// The same, [`GROUPS_AHEAD`] of the input and after [`prepare_lists`](Self::prepare_lists). To look a fix up
    /// once more costs less than to wait for the list.
    pub fn prepare_groups(&self, input: &Input<'_>, view: Option<SnapshotView<'_>>) {
        let (Input::Fixes(batch), Some(view)) = (input, view) else { return };
        let Some(account) = view.account(batch.account) else { return };
        let index = account.index();
        for fix in batch.records {
            index.prefetch_base(index.locate(fix.at));
        }
    }

    fn prepare_lane(&self, batch: &Batch<'_, Fix>, fixes: &[Fix], view: SnapshotView<'_>) {
        let Some(account) = view.account(batch.account) else { return };
        let index = account.index();
        let mut starts = [Start::default(); LANE];
        for (fix, start) in fixes.iter().zip(&mut starts) {
            *start = index.start(fix.at);
            start.prefetch_root();
        }
        for fix in fixes {
            let key = DeviceKey { account: batch.account, device: fix.device };
            if let Some(id) = self.table.find(key) {
                self.table.prefetch(id);
            }
        }
        for (fix, start) in fixes.iter().zip(&starts) {
            start.prefetch_node(fix.at);
        }
        for (fix, start) in fixes.iter().zip(&starts) {
            start.spot(fix.at).prefetch();
        }
    }
}
