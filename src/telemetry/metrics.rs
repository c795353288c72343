//! Every metric there is, in one table: name, kind, unit, labels, help.
//!
//! Names follow Prometheus: base units, `_total` on counters, `_seconds` and `_bytes` where they are the unit. A
//! label has a closed set of values; none is by campaign, fence or device. `docs/operations.md` lists the
//! same names for operators, and a test holds the two together.
//!
//! Promise P6 is two identities over these, true at any scrape: received = evaluated + Σ rejected + in flight, and
//! triggers = jobs + Σ suppressed + open. The reasons are [`RejectReason`](crate::domain::reasons::RejectReason) and
//! [`SuppressReason`](crate::domain::reasons::SuppressReason).

use metrics::Unit;

/// How a metric behaves.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Kind {
    /// Only grows, from 0 at the start of the process.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Samples in buckets with these upper bounds, in the metric's unit.
    Histogram(&'static [f64]),
}

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// As it is scraped.
    pub name: &'static str,
    /// How it behaves.
    pub kind: Kind,
    /// What one of it is.
    pub unit: Unit,
    /// The names of its labels, at most two for sampled metrics.
    pub labels: &'static [&'static str],
    /// What it tells.
    pub help: &'static str,
}

/// From 100 µs, a fast disk's sync, to 10 s, where an operator is needed anyway.
const SECONDS: &[f64] = &[
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0,
];

/// The bounds in which the journal's writer counts its syncs.
const SYNC_SECONDS: &[f64] =
    &[0.000_125, 0.000_25, 0.000_5, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.25, 1.0];

/// The bounds in which the campaign API counts how long its answers took.
const API_SECONDS_BOUNDS: &[f64] =
    &[0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

macro_rules! table {
    ($($id:ident = $name:literal, $kind:expr, $unit:ident, [$($label:literal)*], $help:literal;)*) => {
        $(
            #[doc = $help]
            pub const $id: Metric = Metric {
                name: $name,
                kind: $kind,
                unit: Unit::$unit,
                labels: &[$($label),*],
                help: $help,
            };
        )*

        /// The whole table, in its order.
        pub const ALL: &[Metric] = &[$($id,)*];
    };
}

use Kind::{Counter, Gauge, Histogram};

table! {
    BUILD = "geofenced_build_info", Gauge, Count, ["version" "format"],
        "1; its labels are the version and the newest durable format that it writes.";
    READY = "geofenced_ready", Gauge, Count, [],
        "1 while every condition of /readyz holds.";
    CLOCK_STEPPED = "geofenced_clock_stepped", Gauge, Count, [],
        "1 while intake stands still because the system clock jumped and nobody accepted it.";

    PINGS_RECEIVED = "geofenced_pings_received_total", Counter, Count, [],
        "Pings decoded from frames and HTTP bodies.";
    PINGS_EVALUATED = "geofenced_pings_evaluated_total", Counter, Count, [],
        "Pings that the engine stepped and did not reject.";
    PINGS_REJECTED = "geofenced_pings_rejected_total", Counter, Count, ["reason"],
        "Pings refused, by reason.";
    PINGS_IN_FLIGHT = "geofenced_pings_in_flight", Gauge, Count, [],
        "Pings received and neither evaluated nor rejected yet.";
    REPORTS_RECEIVED = "geofenced_reports_received_total", Counter, Count, [],
        "Outcomes, profiles and place hints decoded from frames and HTTP bodies.";
    REPORTS_EVALUATED = "geofenced_reports_evaluated_total", Counter, Count, [],
        "Reports that the engine stepped and did not reject.";
    REPORTS_REJECTED = "geofenced_reports_rejected_total", Counter, Count, ["reason"],
        "Reports refused, by reason.";
    REPORTS_IN_FLIGHT = "geofenced_reports_in_flight", Gauge, Count, [],
        "Reports received and neither evaluated nor rejected yet.";

    TRIGGERS = "geofenced_triggers_total", Counter, Count, [],
        "Triggers opened, those restored at the start included.";
    JOBS = "geofenced_jobs_total", Counter, Count, [],
        "Push jobs made.";
    TRIGGERS_SUPPRESSED = "geofenced_triggers_suppressed_total", Counter, Count, ["reason"],
        "Triggers closed without a job, by the last reason, held out included.";
    TRIGGERS_OPEN = "geofenced_triggers_open", Gauge, Count, [],
        "Triggers that wait for a better moment.";

    VISITS = "geofenced_visits_total", Counter, Count, [],
        "Stays at places that became visits; later revisions of a visit are not counted.";

    CONNECTIONS = "geofenced_connections", Gauge, Count, [],
        "Client connections that are open.";
    CONNECTIONS_OPENED = "geofenced_connections_opened_total", Counter, Count, [],
        "Client connections that were let in.";
    CONNECTIONS_REFUSED = "geofenced_connections_refused_total", Counter, Count, [],
        "Attempts refused because too many handshakes were under way.";
    CONNECTIONS_RETRIED = "geofenced_connections_retried_total", Counter, Count, [],
        "Attempts that were asked to prove their address first.";
    CONNECTIONS_CLOSED = "geofenced_connections_closed_total", Counter, Count, ["code"],
        "Client connections that we closed, by the protocol's code.";
    FRAMES_RECEIVED = "geofenced_frames_received_total", Counter, Count, [],
        "Frames and HTTP bodies read whole.";
    RECEIVED_BYTES = "geofenced_received_bytes_total", Counter, Bytes, [],
        "Bytes read from data streams.";
    ACKS = "geofenced_acks_total", Counter, Count, [],
        "Acks sent.";
    ACK_SECONDS = "geofenced_ack_seconds", Histogram(SECONDS), Seconds, [],
        "From the last byte of a frame to its ack.";
    HTTP_INTAKE = "geofenced_http_intake_total", Counter, Count, [],
        "HTTP requests to intake with a good token.";
    HTTP_INTAKE_PROBLEMS = "geofenced_http_intake_problems_total", Counter, Count, [],
        "Those of them that were answered with a problem.";
    HELD_BACK = "geofenced_held_back_total", Counter, Count, [],
        "Frames and requests that came faster than their account may hand over: they waited, or got a 429.";

    DEVICES = "geofenced_devices", Gauge, Count, [],
        "Devices in the tables of all partitions.";
    DEVICES_EVICTED = "geofenced_devices_evicted_total", Counter, Count, [],
        "Idle devices that made room for others.";
    DEVICES_FORGOTTEN = "geofenced_devices_forgotten_total", Counter, Count, [],
        "Devices taken out because nothing had been heard of them for state_days.";
    MAILBOX_RECORDS = "geofenced_mailbox_records", Gauge, Count, [],
        "Records waiting before the shards.";
    DEVICE_BYTES = "geofenced_device_table_bytes", Gauge, Bytes, [],
        "Memory that the device tables take.";
    BATCHES = "geofenced_batches_total", Counter, Count, [],
        "Batches stepped by all shards.";

    JOURNAL_BYTES = "geofenced_journal_written_bytes_total", Counter, Bytes, [],
        "Bytes appended to the journal.";
    JOURNAL_RECORDING_BYTES = "geofenced_journal_recording_bytes", Gauge, Bytes, [],
        "What the recording takes on the disk; 0 where none is kept.";
    JOURNAL_RECOVERY_BYTES = "geofenced_journal_recovery_bytes", Gauge, Bytes, [],
        "Bytes of the log that a start would go through now: all that no checkpoint stands for.";
    CHECKPOINTS = "geofenced_checkpoints_total", Counter, Count, [],
        "Checkpoints of partitions made durable.";
    JOURNAL_SYNC_SECONDS = "geofenced_journal_sync_seconds", Histogram(SYNC_SECONDS), Seconds, [],
        "How long a sync of the journal took.";
    JOURNAL_FAILED = "geofenced_journal_failed", Gauge, Count, [],
        "1 after an error of a sync: nothing is acknowledged any more until a restart.";
    JOURNAL_DISK_FULL = "geofenced_journal_disk_full", Gauge, Count, [],
        "1 while the journal waits for room on its disk.";

    OUTBOX_RECORDS = "geofenced_outbox_records_total", Counter, Count, ["kind"],
        "Jobs and events written for consumers, by kind.";
    OUTBOX_EXPIRED = "geofenced_outbox_expired_total", Counter, Count, [],
        "Jobs that a consumer got as expired because they were too late.";
    OUTBOX_BYTES = "geofenced_outbox_bytes", Gauge, Bytes, [],
        "Bytes of records that the outbox holds.";
    OUTBOX_MAX_BYTES = "geofenced_outbox_max_bytes", Gauge, Bytes, [],
        "Bytes of records at which the outbox is full and intake stops: outbox.outbox_max_bytes.";
    FIGURES_RECORDS = "geofenced_figures_records_total", Counter, Count, [],
        "Records of the outbox that were gone through for the figures of campaigns.";
    FIGURES_BEHIND = "geofenced_figures_behind_records", Gauge, Count, [],
        "Records of the outbox that the figures of campaigns have not come to yet.";
    FIGURES_FAILED = "geofenced_figures_failed", Gauge, Count, [],
        "1 after an error of their store: figures stand still until a restart.";
    RETENTION_REMOVED = "geofenced_retention_removed_rows_total", Counter, Count, ["class"],
        "Rows of the figures removed because they are older than their class is kept, and jobs with them.";
    RETENTION_KEPT_FROM = "geofenced_retention_kept_from_timestamp_seconds", Gauge, Seconds, ["class"],
        "From when on all rows of a class are kept, as seconds since 1970; 0 before any time is known.";
    CONSUMERS_DROPPED = "geofenced_queue_consumers_dropped_total", Counter, Count, [],
        "Consumers dropped because they were idle for consumer_ttl_s.";

    SNAPSHOT_EPOCH = "geofenced_snapshot_epoch", Gauge, Count, [],
        "The number of the snapshot that decides.";
    SNAPSHOT_GENERATIONS = "geofenced_snapshot_generations", Gauge, Count, [],
        "Snapshots in memory: 1, and more while a batch still reads an older one.";
    SNAPSHOT_SCHEDULES_END = "geofenced_snapshot_schedules_end_timestamp_seconds", Gauge, Seconds, [],
        "When the first account's compiled schedules end, as seconds since 1970; 0 without a snapshot.";
    COMPILES = "geofenced_campaign_compiles_total", Counter, Count, ["outcome"],
        "Epochs that were compiled from changed campaigns (published), and accounts that could not be (failed).";
    ACCOUNTS_FAILING = "geofenced_campaign_accounts_failing", Gauge, Count, [],
        "Accounts whose last changes are not in force, because they could not be compiled.";
    CATALOG_WAITING = "geofenced_catalog_jobs_waiting", Gauge, Count, [],
        "Requests that wait for the catalog's thread, 1024 at most.";
    API_REQUESTS = "geofenced_api_requests_total", Counter, Count, ["method" "status"],
        "Requests to the campaign API, by method and by the class of their answers, refused ones included.";
    API_SECONDS = "geofenced_api_seconds", Histogram(API_SECONDS_BOUNDS), Seconds, [],
        "From a request to the campaign API to its answer; those that wait for an epoch are left out.";
    SNAPSHOT_RELOADS = "geofenced_snapshot_reloads_total", Counter, Count, ["outcome"],
        "Publications at start, asked for or found by the watch, by outcome: published, unchanged or failed.";

    PROCESS_CPU_SECONDS = "process_cpu_seconds_total", Counter, Seconds, [],
        "Processor time used, user and system, in whole seconds.";
    PROCESS_RESIDENT_BYTES = "process_resident_memory_bytes", Gauge, Bytes, [],
        "Memory that is resident.";
    PROCESS_OPEN_FDS = "process_open_fds", Gauge, Count, [],
        "File descriptors that are open.";
    PROCESS_THREADS = "process_threads", Gauge, Count, [],
        "Threads of the process.";
}
