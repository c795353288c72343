//! What the checkpoint thread does not wait for.

use std::sync::Arc;

use crossbeam::channel::bounded;

use super::checkpoints::{CheckpointOrder, CheckpointThread};
use crate::domain::ids::PartitionId;
use crate::domain::input::Input;
use crate::domain::policy::Policy;
use crate::domain::units::UtcMs;
use crate::engine::{Outputs, Partition};
use crate::journal::test_inputs::no_time;
use crate::journal::{Checkpoints, Journal, JournalConfig, LogPosition, Resume};
use crate::outbox::samples::{World, job, keyring};
use crate::outbox::sim_rows::SimRows;
use crate::outbox::{Outbox, OutboxConfig, Release};
use crate::shutdown::Shutdown;
use crate::snapshot::samples::KEY;

/// It has had one input, whose output a shard that ended took back.
#[test]
fn a_checkpoint_that_can_no_more_count_is_given_up_at_the_end() {
    let home = tempfile::tempdir().expect("a folder");
    let (clocks, space) = (World::new().clocks(), Arc::new(|| Ok(u64::MAX)));
    let config = OutboxConfig::default();
    let (outbox, _writer) =
        Outbox::open_by_hand(&SimRows::default(), config, clocks, space).expect("it is new");
    let config = JournalConfig { dir: home.path().to_owned(), ..JournalConfig::default() };
    let keyring = keyring();
    let recovery = Journal::open(config, &keyring, Resume::from_start()).expect("it is new");
    let (journal, _logs) = recovery.into_journal(1, no_time).expect("it is new");
    let thread = CheckpointThread {
        orders: bounded(1).1,
        checkpoints: Checkpoints::open(home.path(), &keyring).expect("it is new"),
        outbox: outbox.clone(),
        journal: Arc::new(journal),
        owned: Vec::new(),
    };
    let mut partition = Partition::new(PartitionId(3), KEY, Policy::default());
    partition.step(&Input::Tick { now: UtcMs(0) }, None, &mut Outputs::default());
    let order = CheckpointOrder::of(&partition, LogPosition::START, &mut keyring.sealer());
    let release = Release::of(vec![job(1, (3, 1, 0))], Vec::new());
    outbox.announce(&release);
    outbox.withdraw(&release);
    let shutdown = Shutdown::new();
    shutdown.request("a test");
    assert!(!outbox.is_full());
    assert!(thread.stage(&order, &shutdown).is_none());
}
