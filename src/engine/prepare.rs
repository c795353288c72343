//! Asking for the memory that an input will need, a few inputs ahead: its loads then run beside other work.
//!
//! It changes nothing; leaving it out changes no output, only the time.

use crate::domain::fix::Fix;
use crate::domain::ids::DeviceKey;
use crate::domain::input::Input;
use crate::snapshot::index::Start;
use crate::snapshot::view::{AccountView, SnapshotView};

use super::partition::Partition;

/// So many inputs ahead rows and the index are asked for: with the few fixes that one input has, as many loads as a
/// core keeps in flight.
const AHEAD: usize = 8;

/// So many inputs ahead the lists are, which only the rows tell of, and which group of targets a fix is in.
const LISTS_AHEAD: usize = 4;

/// So many inputs ahead the targets of that group are. To look a fix up once more costs less than to wait for the list.
const GROUPS_AHEAD: usize = 2;

/// Fixes looked at together.
const LANE: usize = 16;

/// An input to come, and the partition that will [`step`](Partition::step) it with this snapshot.
pub type Coming<'p> = (&'p Partition, Input<'p>, Option<SnapshotView<'p>>);

/// Starts loading what the inputs to come will read. `coming` gives the one that is so many ahead of the next.
#[inline]
pub fn prepare<'p>(coming: impl Fn(usize) -> Option<Coming<'p>>) {
    let fixes = |number| {
        let (partition, input, view) = coming(number)?;
        let Input::Fixes(batch) = input else { return None };
        Some((partition, batch, view?.account(batch.account)?))
    };
    if let Some((partition, batch, account)) = fixes(AHEAD) {
        batch.records.chunks(LANE).for_each(|fixes| partition.prepare_lane(account, fixes));
    }
    if let Some((partition, batch, account)) = fixes(LISTS_AHEAD) {
        partition.prepare_lists(account, batch.records);
    }
    if let Some((_, batch, account)) = fixes(GROUPS_AHEAD) {
        let index = account.index();
        batch.records.iter().for_each(|fix| index.prefetch_base(index.locate(fix.at)));
    }
}

impl Partition {
    fn prepare_lane(&self, account: AccountView<'_>, fixes: &[Fix]) {
        let index = account.index();
        let mut starts = [Start::default(); LANE];
        for (fix, start) in fixes.iter().zip(&mut starts) {
            *start = index.start(fix.at);
            start.prefetch_root();
        }
        for fix in fixes {
            let key = DeviceKey { account: account.id(), device: fix.device };
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

    fn prepare_lists(&self, account: AccountView<'_>, fixes: &[Fix]) {
        let index = account.index();
        for fix in fixes {
            index.prefetch_group(index.locate(fix.at));
            let key = DeviceKey { account: account.id(), device: fix.device };
            if let Some(id) = self.table.find(key) {
                self.table.prefetch_lists(id);
            }
        }
    }
}
