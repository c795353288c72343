//! Partitions that were restored go on in the counters, too.

use std::sync::Arc;

use super::rerun::Rerun;
use crate::domain::fix::Fix;
use crate::domain::ids::{AccountId, AppId, DeviceKey, Epoch, InputPosition, InputSeq};
use crate::domain::input::{Batch, Input};
use crate::domain::ping::PingFlags;
use crate::domain::policy::Policy;
use crate::domain::units::{PointE7, UtcMs};
use crate::engine::{Outputs, Partition};
use crate::snapshot::samples::{self, KEY, device};

/// 2026-11-24T08:30 in Seoul: half an hour before the window of the sample campaigns opens.
const EARLY: UtcMs = UtcMs(1_795_476_600_000);

fn at_first_fence(fixed_at: UtcMs, north_e7: i32) -> Fix {
    let at = PointE7::new(375_665_000 + 10_000 + north_e7, 1_269_780_000).unwrap();
    Fix { device: device(1), at, fixed_at, accuracy_m: 10, flags: PingFlags(0) }
}

#[test]
fn a_trigger_that_was_open_in_the_checkpoint_may_close() {
    let loaded = Arc::new(samples::loaded(&samples::source(), 1, None));
    let id = DeviceKey { account: AccountId(1), device: device(1) }.partition();
    let mut partition = Partition::new(id, KEY, Policy::default());
    let (view, mut out) = (loaded.view(), Outputs::default());
    let fixes = |record: &[Fix; 1]| {
        let (account, app, received_at) = (AccountId(1), AppId(1), record[0].fixed_at);
        let batch = Batch { account, app, origin: None, received_at, records: &record[..] };
        crate::journal::OwnedInput::from(&Input::Fixes(batch))
    };
    partition.step(&Input::Publication { epoch: view.epoch(), hash: view.hash() }, None, &mut out);
    let enter = fixes(&[at_first_fence(EARLY, 0)]);
    partition.step(&enter.as_input(), Some(view), &mut out);
    assert!(partition.open_triggers() > 0, "the window is closed, the triggers wait");

    let mut find = |_: Epoch| Ok(Arc::clone(&loaded));
    let sealer = crate::outbox::samples::keyring().sealer();
    let mut rerun = Rerun::new(vec![partition], KEY, sealer, &mut find).unwrap();
    let leave = fixes(&[at_first_fence(EARLY.plus_s(120), 100_000)]);
    let position = InputPosition { partition: id, seq: InputSeq(3) };
    rerun.take(position, &leave.as_input()).unwrap();
    let counts = rerun.counts();
    assert!(counts.suppressed.iter().sum::<u64>() > 0, "{counts:?}");
    assert!(counts.triggers_add_up(), "{counts:?}");
}
