//! How the daemon is: what `/readyz` asks, and the signs of life that systemd waits for.
//!
//! Both look at the parts' own atomics and lock nothing that a ping needs. The journal is held weakly: who asks
//! late finds it gone, and says so, and keeps no file open.

use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::admin::readiness::Readiness;
use crate::clock::Clock;
use crate::journal::Journal;
use crate::outbox::{Outbox, OutboxError};
use crate::shard::figures::ShardFigures;
use crate::shutdown::{Shutdown, Stage};
use crate::telemetry::pulse::Vitals;
use crate::telemetry::systemd;

/// The parts that may fall out while the daemon runs.
#[derive(Clone)]
pub(super) struct Watched {
    pub(super) shutdown: Shutdown,
    pub(super) clock: Clock,
    pub(super) journal: Weak<Journal>,
    pub(super) outbox: Outbox,
    pub(super) shards: Vec<Arc<ShardFigures>>,
}

impl Watched {
    /// Has `/readyz` ask every condition of the table.
    pub(super) fn conditions(&self, readiness: &Readiness) {
        for (name, missing) in CONDITIONS {
            let watched = self.clone();
            readiness.ask(name, move || missing(&watched.standing()));
        }
    }

    /// Gives systemd signs of life, if it waits for any, while every thread that must not hang moves. Shards wake
    /// every `tick`.
    pub(super) fn signs_of_life(&self, runtime: &tokio::runtime::Runtime, tick: Duration) {
        if let Some(period) = systemd::watchdog_period() {
            let mut vitals = self.vitals(Vitals::every(period, tick));
            let member = self.shutdown.join(Stage::Admin, "watchdog");
            runtime.spawn(systemd::watchdog(period, move || vitals.look(), member));
        }
    }

    fn vitals(&self, mut vitals: Vitals) -> Vitals {
        watch_shards(&mut vitals, &self.shards);
        let journal = Weak::clone(&self.journal);
        vitals.watch("journal writer", move || {
            journal.upgrade().map_or(0, |journal| journal.figures().pulse.read())
        });
        let outbox = self.outbox.clone();
        vitals.watch("outbox writer", move || outbox.figures().pulse.read());
        vitals
    }

    fn standing(&self) -> Standing {
        let journal = self.journal.upgrade();
        let sample = journal.as_ref().map(|journal| journal.figures().sample());
        let failed = journal.as_ref().and_then(|journal| journal.failed());
        Standing {
            draining: self.shutdown.is_requested(),
            stepped_ms: self.clock.stepped(),
            journal_failed: failed.map(ToString::to_string),
            disk_full: sample.is_some_and(|sample| sample.disk_full),
            outbox_ended: self.outbox.ended(),
            outbox_full: self.outbox.is_full(),
        }
    }
}

/// Looks at the pulse of every shard: one that stands still at its work, or does not wake for its tick, keeps the
/// watchdog's word back, however well the others go on.
pub(super) fn watch_shards(vitals: &mut Vitals, shards: &[Arc<ShardFigures>]) {
    for (shard, figures) in shards.iter().enumerate() {
        let figures = Arc::clone(figures);
        vitals.watch(format!("shard {shard}"), move || figures.pulse.read());
    }
}

/// What the table of conditions looks at.
#[derive(Default)]
pub(super) struct Standing {
    pub(super) draining: bool,
    pub(super) stepped_ms: Option<i64>,
    pub(super) journal_failed: Option<String>,
    pub(super) disk_full: bool,
    pub(super) outbox_ended: Option<OutboxError>,
    pub(super) outbox_full: bool,
}

/// A condition's name, and why it does not hold.
type Row = (&'static str, fn(&Standing) -> Option<String>);

/// What must hold for the daemon to be sent work, beside a snapshot.
pub(super) const CONDITIONS: [Row; 5] = [
    ("draining", |now| now.draining.then(|| "the daemon is ending; send to another".to_owned())),
    ("clock", |now| {
        let seconds = now.stepped_ms? / 1000;
        Some(format!(
            "the system clock stepped by {seconds} s and intake stands still; repair it, then \
             POST /v1/clock/accept"
        ))
    }),
    ("journal", |now| now.journal_failed.clone()),
    ("disk", |now| {
        let why = "the journal's disk is full and nothing is acknowledged; make room";
        now.disk_full.then(|| why.to_owned())
    }),
    ("outbox", |now| match &now.outbox_ended {
        Some(error) => Some(error.to_string()),
        None => now.outbox_full.then(|| {
            "the outbox is full and intake stops; have consumers acknowledge, or raise \
             outbox.outbox_max_bytes, or make room above outbox.disk_reserve_bytes"
                .to_owned()
        }),
    }),
];
