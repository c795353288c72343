//! The parts' counters as metrics. Each closure runs at a scrape, on the admin thread.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::admin::readiness::Readiness;
use crate::admin::v1::figures::{BUCKETS_NS, CLASSES, METHODS};
use crate::clock::Clock;
use crate::domain::reasons::{RejectReason, SuppressReason};
use crate::engine::Counts;
use crate::ingest::figures::{ACK_BUCKETS_NS, IngestFigures};
use crate::ingest::flow::FlowSnapshot;
use crate::journal::Journal;
use crate::journal::figures::SYNC_BUCKETS_NS;
use crate::outbox::derived::{Class, Figures};
use crate::outbox::{Outbox, RecordKind};
use crate::shard::figures::ShardFigures;
use crate::shard::router::Router;
use crate::snapshot::slot::Slot;
use crate::snapshot::view::AccountView;
use crate::telemetry::metrics::{self as table, Metric};
use crate::telemetry::process;
use crate::telemetry::sampler::{Buckets, Metrics, Scrape};
use crate::wire::close::CloseCode;

use super::campaigns::Campaigns;
use super::publish::{OUTCOMES, Publisher};

/// Pings and reports on their way: the first identity of P6.
pub(super) fn intake(metrics: &Metrics, figures: Arc<IngestFigures>) {
    let acks = Buckets::new(metrics, &table::ACK_SECONDS, seconds(ACK_BUCKETS_NS));
    metrics.register(move |scrape: &Scrape<'_>| {
        let now = figures.snapshot();
        flow(scrape, &now.pings, &PINGS);
        flow(scrape, &now.reports, &REPORTS);
        scrape.gauge(&table::CONNECTIONS, now.connections_open);
        scrape.total(&table::CONNECTIONS_OPENED, now.connections_opened);
        scrape.total(&table::CONNECTIONS_REFUSED, now.connections_refused);
        scrape.total(&table::CONNECTIONS_RETRIED, now.connections_retried);
        for (code, closed) in CloseCode::ALL.iter().zip(now.closes) {
            scrape.total_by(&table::CONNECTIONS_CLOSED, code.name(), closed);
        }
        scrape.total(&table::FRAMES_RECEIVED, now.frames);
        scrape.total(&table::RECEIVED_BYTES, now.bytes);
        scrape.total(&table::ACKS, now.acks);
        acks.pass_on(&now.ack_ages);
        scrape.total(&table::HTTP_INTAKE, now.http_requests);
        scrape.total(&table::HTTP_INTAKE_PROBLEMS, now.http_problems);
        scrape.total(&table::HELD_BACK, now.held_back);
    });
}

/// The metrics of a flow: received, evaluated, rejected, in flight.
type FlowMetrics = [Metric; 4];

const PINGS: FlowMetrics =
    [table::PINGS_RECEIVED, table::PINGS_EVALUATED, table::PINGS_REJECTED, table::PINGS_IN_FLIGHT];

const REPORTS: FlowMetrics = [
    table::REPORTS_RECEIVED,
    table::REPORTS_EVALUATED,
    table::REPORTS_REJECTED,
    table::REPORTS_IN_FLIGHT,
];

fn flow(scrape: &Scrape<'_>, now: &FlowSnapshot, metrics: &FlowMetrics) {
    let [received, evaluated, rejected, in_flight] = metrics;
    scrape.total(received, now.received);
    scrape.total(evaluated, now.evaluated);
    for reason in RejectReason::ALL {
        let refused = now.rejected[usize::from(reason.number())];
        scrape.total_by(rejected, reason.label(), refused);
    }
    scrape.gauge(in_flight, now.in_flight);
}

/// What the engine did: the second identity of P6.
fn shards(metrics: &Metrics, figures: Vec<Arc<ShardFigures>>, router: Router) {
    metrics.register(move |scrape: &Scrape<'_>| {
        let mut counts = Counts::default();
        let (mut devices, mut bytes, mut batches) = (0, 0, 0);
        for shard in &figures {
            let sample = shard.sample();
            counts.add(&sample.counts);
            devices += sample.devices;
            bytes += sample.device_bytes;
            batches += sample.batches;
        }
        scrape.gauge(&table::DEVICE_BYTES, bytes);
        scrape.total(&table::BATCHES, batches);
        scrape.total(&table::TRIGGERS, counts.triggers);
        scrape.total(&table::JOBS, counts.jobs);
        for reason in SuppressReason::ALL {
            let withheld = counts.suppressed[usize::from(reason.number())];
            scrape.total_by(&table::TRIGGERS_SUPPRESSED, reason.label(), withheld);
        }
        scrape.gauge(&table::TRIGGERS_OPEN, counts.open);
        scrape.total(&table::VISITS, counts.visits);
        scrape.gauge(&table::DEVICES, devices);
        scrape.total(&table::DEVICES_EVICTED, counts.evicted);
        scrape.total(&table::DEVICES_FORGOTTEN, counts.forgotten);
        scrape.gauge(&table::MAILBOX_RECORDS, router.waiting() as u64);
    });
}

/// What the engine did, and what is durable of it.
pub(super) fn stores(
    metrics: &Metrics,
    (journal, outbox, counted): (Arc<Journal>, Outbox, Figures),
    router: Router,
    figures: &[Arc<ShardFigures>],
) {
    shards(metrics, figures.to_vec(), router);
    counting(metrics, counted);
    let syncs = Buckets::new(metrics, &table::JOURNAL_SYNC_SECONDS, seconds(SYNC_BUCKETS_NS));
    metrics.register(move |scrape: &Scrape<'_>| {
        let sample = journal.figures().sample();
        scrape.total(&table::JOURNAL_BYTES, sample.bytes);
        scrape.gauge(&table::JOURNAL_RECORDING_BYTES, sample.recording_bytes);
        scrape.gauge(&table::JOURNAL_RECOVERY_BYTES, journal.recovery_bytes());
        scrape.total(&table::CHECKPOINTS, sample.checkpoints);
        scrape.flag(&table::JOURNAL_FAILED, journal.failed().is_some());
        scrape.flag(&table::JOURNAL_DISK_FULL, sample.disk_full);
        syncs.pass_on(&sample.sync_buckets);
        let figures = outbox.figures();
        for kind in RecordKind::ALL {
            scrape.total_by(&table::OUTBOX_RECORDS, kind.label(), figures.written(kind));
        }
        scrape.total(&table::OUTBOX_EXPIRED, figures.expired.load(Ordering::Relaxed));
        scrape.gauge(&table::OUTBOX_BYTES, figures.held_bytes.load(Ordering::Relaxed));
        scrape.gauge(&table::OUTBOX_MAX_BYTES, outbox.max_bytes());
        let dropped = figures.consumers_dropped.load(Ordering::Relaxed);
        scrape.total(&table::CONSUMERS_DROPPED, dropped);
    });
}

/// How far the figures of campaigns are behind the outbox, and how far back they go.
fn counting(metrics: &Metrics, figures: Figures) {
    metrics.register(move |scrape: &Scrape<'_>| {
        let shown = figures.shown();
        scrape.total(&table::FIGURES_RECORDS, shown.records.load(Ordering::Relaxed));
        scrape.gauge(&table::FIGURES_BEHIND, figures.behind());
        scrape.flag(&table::FIGURES_FAILED, shown.failed.load(Ordering::Relaxed));
        let kept = figures.kept_from();
        for class in Class::ALL {
            scrape.total_by(&table::RETENTION_REMOVED, class.label(), shown.removed(class));
            let from_s = u64::try_from(kept.instant(class).0 / 1000).unwrap_or(0);
            scrape.gauge_by(&table::RETENTION_KEPT_FROM, class.label(), from_s);
        }
    });
}

/// What decides, whether the daemon may take pings, and how the process is.
pub(super) fn state(
    metrics: &Metrics,
    (slot, publisher): (Arc<Slot>, Arc<Publisher>),
    (readiness, clock): (Readiness, Clock),
) {
    publications(metrics, publisher);
    metrics.register(process::sample);
    metrics.register(move |scrape: &Scrape<'_>| {
        let epoch = slot.pin().map_or(0, |pinned| pinned.view().epoch().0);
        scrape.gauge(&table::SNAPSHOT_EPOCH, epoch);
        scrape.gauge(&table::SNAPSHOT_SCHEDULES_END, schedules_end_s(&slot));
        scrape.gauge(&table::SNAPSHOT_GENERATIONS, slot.live_epochs().len() as u64);
        scrape.flag(&table::READY, readiness.is_ready());
        scrape.flag(&table::CLOCK_STEPPED, clock.stepped().is_some());
    });
}

fn schedules_end_s(slot: &Slot) -> u64 {
    let pinned = slot.pin();
    let ends = pinned.iter().flat_map(|one| one.view().accounts().map(AccountView::compiled_until));
    let first_ms = ends.min().map_or(0, |end| end.0);
    u64::try_from(first_ms / 1000).unwrap_or(0)
}

/// Publications, by outcome.
fn publications(metrics: &Metrics, publisher: Arc<Publisher>) {
    metrics.register(move |scrape: &Scrape<'_>| {
        for (outcome, total) in OUTCOMES.into_iter().zip(publisher.outcomes()) {
            scrape.total_by(&table::SNAPSHOT_RELOADS, outcome, total);
        }
    });
}

/// What became of changed campaigns, and of the requests that changed them.
pub(super) fn campaigns(metrics: &Metrics, campaigns: &Campaigns) {
    let figures = Arc::clone(&campaigns.figures);
    let publications = Arc::clone(&campaigns.publications);
    let (service, requests) = (Arc::clone(&campaigns.service), campaigns.service.figures());
    let durations = Buckets::new(metrics, &table::API_SECONDS, seconds(BUCKETS_NS));
    metrics.register(move |scrape: &Scrape<'_>| {
        let outcomes = [("published", &figures.published), ("failed", &figures.failed)];
        for (outcome, total) in outcomes {
            scrape.total_by(&table::COMPILES, outcome, total.load(Ordering::Relaxed));
        }
        scrape.gauge(&table::ACCOUNTS_FAILING, publications.failing() as u64);
        scrape.gauge(&table::CATALOG_WAITING, service.waiting() as u64);
        for (method, row) in METHODS.into_iter().zip(requests.requests()) {
            for (class, total) in CLASSES.into_iter().zip(row) {
                scrape.total_by_both(&table::API_REQUESTS, [method, class], total);
            }
        }
        durations.pass_on(&requests.durations());
    });
}

#[expect(clippy::cast_precision_loss, reason = "bounds of at most some seconds are exact")]
fn seconds<const N: usize>(bounds_ns: [u64; N]) -> [f64; N] {
    bounds_ns.map(|bound_ns| bound_ns as f64 / 1e9)
}
