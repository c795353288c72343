//! The table of conditions: each falls out for its own cause and no other, and says what to do. And the watchdog's look,
//! which no shard escapes.

use std::sync::Arc;
use std::time::Duration;

use super::vitals::{CONDITIONS, Standing, watch_shards};
use crate::outbox::OutboxError;
use crate::shard::figures::ShardFigures;
use crate::telemetry::pulse::{Pulse, Vitals};

/// The conditions that do not hold, with their reasons.
fn missing(now: &Standing) -> Vec<(&'static str, String)> {
    let rows = CONDITIONS.iter();
    rows.filter_map(|(name, missing)| Some((*name, missing(now)?))).collect()
}

#[test]
fn all_hold_while_nothing_is_wrong() {
    assert_eq!(missing(&Standing::default()), []);
}

#[test]
fn each_falls_out_for_its_own_cause_and_says_why() {
    let failed = OutboxError::Failed { reason: "the disk is gone".into() };
    for (now, name, says) in [
        (Standing { draining: true, ..Standing::default() }, "draining", "ending"),
        (
            Standing { stepped_ms: Some(-3_600_000), ..Standing::default() },
            "clock",
            "stepped by -3600 s",
        ),
        (
            Standing { journal_failed: Some("can't sync".to_owned()), ..Standing::default() },
            "journal",
            "can't sync",
        ),
        (Standing { disk_full: true, ..Standing::default() }, "disk", "make room"),
        (Standing { outbox_full: true, ..Standing::default() }, "outbox", "outbox_max_bytes"),
        (
            // A failed outbox calls itself full, too: the failure is what to tell.
            Standing { outbox_full: true, outbox_ended: Some(failed), ..Standing::default() },
            "outbox",
            "the disk is gone",
        ),
    ] {
        let found = missing(&now);
        assert_eq!(found.len(), 1, "{name}: {found:?}");
        assert_eq!(found[0].0, name);
        assert!(found[0].1.contains(says), "{found:?}");
    }
}

#[test]
fn one_shard_that_stands_still_is_enough_whichever_it_is() {
    const SHARDS: usize = 5;
    for stalled in 0..SHARDS {
        for stands_still in [Pulse::works, Pulse::naps] {
            let shards: Vec<_> = (0..SHARDS).map(|_| Arc::new(ShardFigures::default())).collect();
            let mut vitals = Vitals::every(Duration::from_secs(15), Duration::from_millis(100));
            watch_shards(&mut vitals, &shards);
            shards.iter().for_each(|shard| stands_still(&shard.pulse));
            assert_eq!(vitals.look(), Ok(()));
            let others = shards.iter().enumerate().filter(|(number, _)| *number != stalled);
            // Busy, idle or waiting for the disk: they go on.
            for (way, (_, shard)) in
                [Pulse::works, Pulse::naps, Pulse::rests].iter().cycle().zip(others)
            {
                way(&shard.pulse);
            }
            assert_eq!(vitals.look(), Err(format!("shard {stalled}")));
            shards.iter().for_each(|shard| shard.pulse.works());
            assert_eq!(vitals.look(), Ok(()));
        }
    }
}
