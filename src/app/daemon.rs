//! The daemon: how its parts start, what they hand each other, and the order in which they end.
//!
//! Start: keys, outbox, checkpoints and log (recovered), clock, snapshot, shards, intake, admin. End: the stages
//! of [`shutdown`](crate::shutdown), in the direction of the flow.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context;
use crossbeam::channel::bounded;

use crate::admin::readiness::Readiness;
use crate::admin::tls::TlsSwitch;
use crate::auth::authority::Authority;
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::ids::{Epoch, PartitionId};
use crate::engine::Partition;
use crate::ingest::endpoint::IdentitySwitch;
use crate::ingest::figures::IngestFigures;
use crate::ingest::http::HttpIntake;
use crate::ingest::transport::LastingKeys;
use crate::journal::disk::{Disk, RealDisk};
use crate::journal::recorder::Recorder;
use crate::journal::{CHECKPOINT_FORMAT, Journal, LOG_FORMAT};
use crate::outbox::Outbox;
use crate::outbox::codec::RECORD_VERSION;
use crate::outbox::derived::Figures;
use crate::shard::checkpoints::CheckpointThread;
use crate::shard::figures::ShardFigures;
use crate::shard::job_book::JobBook;
use crate::shard::ledger::Ledger;
use crate::shard::mailbox::{Inbox, mailbox};
use crate::shard::parts::{Alarm, Failed, ShardParts};
use crate::shard::policy::PolicyInForce;
use crate::shard::router::{Deal, Router};
use crate::shard::worker;
use crate::shutdown::{Shutdown, Stage};
use crate::sink::queue::QueueService;
use crate::snapshot::block::FORMAT_VERSION;
use crate::snapshot::slot::Slot;
use crate::snapshot::store::Store;
use crate::telemetry::sampler::{Metrics, keep_up};
use crate::telemetry::systemd;

use super::campaigns::{self, Joints};
use super::doors::{http_identity, server_identity, start_http, start_quic};
use super::ground::{Ground, ground, outbox_dir, processors};
use super::keys;
use super::passed::Passed;
use super::publish::Publisher;
use super::retention::Needs;
use super::samplers;
use super::vitals::Watched;
use super::watch::Watch;

/// The formats that are written: journal, checkpoints, outbox, snapshots.
const FORMATS: [u16; 4] = [LOG_FORMAT, CHECKPOINT_FORMAT, RECORD_VERSION as u16, FORMAT_VERSION];

/// Checkpoints that may wait to be written; past it shards go on without.
const CHECKPOINTS_WAITING: usize = 4;

/// A running daemon.
pub struct Daemon {
    /// Where gateways connect, UDP.
    pub quic: SocketAddr,
    /// Where HTTP is served.
    pub http: SocketAddr,
    /// The certificate that the QUIC endpoint shows.
    pub certificate: rustls_pki_types::CertificateDer<'static>,
    /// Asks for the end.
    pub shutdown: Shutdown,
    pub(super) publisher: Arc<Publisher>,
    pub(super) authority: Arc<Authority>,
    pub(super) policy: PolicyInForce,
    identity: IdentitySwitch,
    /// TLS of the HTTP server, if it has it.
    http_tls: Option<TlsSwitch>,
    router: Router,
    outbox: Outbox,
    journal: Arc<Journal>,
    runtime: tokio::runtime::Runtime,
    drain_limit: Duration,
}

impl Daemon {
    /// Starts every part, on the sockets that were passed.
    ///
    /// # Errors
    /// The first part that cannot start, and why.
    pub fn start(config: &Config, passed: Passed) -> anyhow::Result<Self> {
        let data = make_dirs(config)?;
        let shards = config.shard.shards_on(processors());
        let store = open_store(config)?;
        // Until the catalog is open.
        let (_hold, keyring) = keys::of_start(data)?;
        let ground = ground(config, keyring, &store, shards)?;
        let (shutdown, readiness) = (Shutdown::new(), Readiness::new());
        let metrics = Metrics::new(FORMATS.into_iter().max().unwrap_or_default())?;
        let slot = Arc::new(Slot::new());
        let publisher = start_publisher(store, &ground, &slot, &readiness);
        let authority = Authority::open(data.join("tokens.json"))?.told_by(ground.clock.clone());
        let http_tls = http_identity(config)?.as_ref().map(TlsSwitch::new).transpose()?;
        let identity = server_identity(config)?;
        let runtime = io_runtime(config)?;
        let authority = Arc::new(authority);
        let (clock, keyring, outbox, counted) = ground.handles();
        let keys = LastingKeys::derive(&keyring.installation_key().0);
        let policy = PolicyInForce::new(config.policy);
        let (router, journal, figures) = start_shards(config, &policy, ground, &slot, &shutdown)?;

        let most = config.journal.unsynced_most_bytes(shards);
        let needs = Needs::new(&journal, &outbox, &figures, most);
        Watch::new(Arc::clone(&publisher), config, &clock, needs)
            .spawn(shutdown.join(Stage::Intake, "snapshot watcher"))?;
        let intake_figures = Arc::new(IngestFigures::default());
        let watched = watched((&shutdown, &clock), &journal, &outbox, figures);
        watched.conditions(&readiness);
        watched.signs_of_life(&runtime, config.shard.tick());
        let stores = (Arc::clone(&journal), outbox.clone(), counted.clone());
        samplers::stores(&metrics, stores, router.clone(), &watched.shards);
        samplers::state(&metrics, (slot, publisher.clone()), (readiness.clone(), clock.clone()));
        samplers::intake(&metrics, Arc::clone(&intake_figures));
        keep_histograms_up(config, &runtime, &metrics, &shutdown);

        let intake = Arc::new(router.clone());
        let taken = (Arc::clone(&authority), Arc::clone(&intake), Arc::clone(&intake_figures));
        let (door, shown) = ((config, passed.quic), (&identity, keys));
        let (quic, switch) = start_quic(door, &runtime, shown, taken, &shutdown)?;
        close_with(&runtime, (outbox.clone(), counted.clone()), &shutdown);
        let joints = Joints {
            dirs: (data, &config.journal.dir),
            keyring: keyring.clone(),
            clock,
            publisher: Arc::clone(&publisher),
            shards: watched.shards,
            authority: Arc::clone(&authority),
            router: router.clone(),
            journal: Arc::clone(&journal),
            runtime: runtime.handle().clone(),
            counted,
            config,
            shutdown: &shutdown,
        };
        let (admin, visits) = campaigns::admin(joints, &config.admin, readiness, metrics)?;
        let queue = QueueService::new(outbox.clone(), keyring, visits);
        let parts = (queue, HttpIntake::new(intake, intake_figures));
        let http = start_http((config, passed.http), admin, parts, http_tls.clone(), &shutdown)?;
        Ok(Self {
            quic,
            http,
            certificate: identity.certificate(),
            shutdown,
            publisher,
            authority,
            policy,
            identity: switch,
            http_tls,
            router,
            outbox,
            journal,
            runtime,
            drain_limit: Duration::from_secs(u64::from(config.daemon.drain_s)),
        })
    }

    /// Runs `task` among the daemon's own.
    pub fn block_on<T>(&self, task: impl Future<Output = T>) -> T {
        self.runtime.block_on(task)
    }

    /// Shows the certificate that the config's files have now, and believes the issuers that they name now.
    ///
    /// # Errors
    /// What is wrong with the files; the old certificate is then still shown.
    pub fn reload_identity(&self, config: &Config) -> anyhow::Result<()> {
        Ok(self.identity.reload_identity(&server_identity(config)?)?)
    }

    /// Shows the certificate that the config's files for HTTP have now, where it has any.
    ///
    /// # Errors
    /// What is wrong with the files; the old certificate is then still shown.
    pub fn reload_http_identity(&self, config: &Config) -> anyhow::Result<()> {
        if let (Some(tls), Some(identity)) = (&self.http_tls, http_identity(config)?) {
            tls.reload(&identity)?;
        }
        Ok(())
    }

    /// Ends every part in order, and says who did not end in time.
    ///
    /// # Errors
    /// When the journal or the outbox could not be closed cleanly.
    pub fn drain(self) -> anyhow::Result<()> {
        systemd::stopping("draining");
        self.shutdown.request("draining");
        let left = self.runtime.block_on(self.shutdown.drain(self.drain_limit));
        for (stage, name) in &left {
            tracing::warn!(?stage, name, "did not end within drain_s and is left behind");
        }
        // For whoever was left behind and still submits.
        self.router.drain();
        // Both, whatever comes of the first: a log that is not closed costs the next start a look at its end.
        let (journal, outbox) = (self.journal.shutdown(), self.outbox.close());
        journal?;
        Ok(outbox?)
    }
}

/// What readiness and the watchdog look at.
fn watched(
    (shutdown, clock): (&Shutdown, &Clock),
    journal: &Arc<Journal>,
    outbox: &Outbox,
    shards: Vec<Arc<ShardFigures>>,
) -> Watched {
    Watched {
        shutdown: shutdown.clone(),
        clock: clock.clone(),
        journal: Arc::downgrade(journal),
        outbox: outbox.clone(),
        shards,
    }
}

/// Closes the outbox when its stage ends, and has the rest counted: consumers that wait for records are told, or they
/// would hold up the end.
fn close_with(
    runtime: &tokio::runtime::Runtime,
    (outbox, figures): (Outbox, Figures),
    shutdown: &Shutdown,
) {
    let mut member = shutdown.join(Stage::Outbox, "outbox");
    runtime.spawn(async move {
        member.asked().await;
        let close = move || {
            let closed = outbox.close();
            figures.close();
            closed
        };
        let closed = tokio::task::spawn_blocking(close).await;
        if let Ok(Err(error)) = closed {
            tracing::error!(%error, "the outbox was not closed cleanly; the journal has what it lacks");
        }
        drop(member);
    });
}

/// The threads of sockets, HTTP intake and relays.
fn io_runtime(config: &Config) -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(usize::from(config.daemon.io_threads))
        .thread_name("io")
        .enable_all()
        .build()
}

fn open_store(config: &Config) -> anyhow::Result<Store> {
    let default = || config.daemon.data_dir.join("snapshots");
    let dir = config.snapshots.dir.clone().unwrap_or_else(default);
    let store = Store::open(&dir).context("the snapshot store")?;
    Ok(store.with_max_bytes(config.snapshots.max_bytes))
}

/// Their names are durable before anything in them is.
fn make_dirs(config: &Config) -> anyhow::Result<&Path> {
    use std::os::unix::fs::DirBuilderExt as _;
    let data = &*config.daemon.data_dir;
    // What is in it names customers: nobody but the daemon's user reads it.
    let private = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(data);
    let made = private.and_then(|()| RealDisk.create_dir(&outbox_dir(data)));
    made.with_context(|| format!("making {}", data.display()))?;
    Ok(data)
}

type Running = (Router, Arc<Journal>, Vec<Arc<ShardFigures>>);

fn start_shards(
    config: &Config,
    policy: &PolicyInForce,
    ground: Ground,
    slot: &Arc<Slot>,
    shutdown: &Shutdown,
) -> anyhow::Result<Running> {
    let Ground {
        keyring,
        outbox,
        figures: counted,
        checkpoints,
        mut partitions,
        journal,
        logs,
        clock,
    } = ground;
    let deal = Deal::new(logs.len());
    let mut ledger = Ledger::default();
    partitions.iter().for_each(|partition| ledger.restore(partition.grants()));
    let ledger = Arc::new(Mutex::new(ledger));
    let failed = Arc::new(Failed::default());
    let (orders, order_queue) = bounded(CHECKPOINTS_WAITING);
    let journal = Arc::new(journal);
    Recorder::new(&journal).spawn(clock.clone(), shutdown.join(Stage::Intake, "recorder"))?;
    CheckpointThread {
        orders: order_queue,
        checkpoints,
        outbox: outbox.clone(),
        journal: Arc::clone(&journal),
        owned: PartitionId::all().collect(),
    }
    .spawn(
        shutdown.join(Stage::Journal, "checkpoints"),
        Alarm {
            thread: "checkpoints".to_owned(),
            failed: Arc::clone(&failed),
            shutdown: shutdown.clone(),
        },
    )?;
    let mut figures = Vec::new();
    let mut mailboxes = Vec::new();
    for (shard, log) in logs.into_iter().enumerate() {
        let (sender, inbox): (_, Inbox) = mailbox(config.shard.mailbox_records);
        mailboxes.push(sender);
        let shard_figures = Arc::new(ShardFigures::default());
        figures.push(Arc::clone(&shard_figures));
        let mine = |partition: &mut Partition| deal.owner(partition.id()) == shard;
        let parts = ShardParts {
            partitions: partitions.extract_if(.., mine).collect(),
            inbox,
            log,
            slot: Arc::clone(slot),
            outbox: outbox.clone(),
            post: Some(counted.post()),
            sealer: keyring.sealer(),
            clock: clock.clone(),
            ledger: Arc::clone(&ledger),
            policy: policy.clone(),
            config: config.shard,
            checkpoints: orders.clone(),
            figures: shard_figures,
            failed: Arc::clone(&failed),
        };
        let member = shutdown.join(Stage::Shards, format!("shard {shard}"));
        worker::spawn(shard, parts, member, shutdown.clone())?;
    }
    let router = Router::new(deal, mailboxes, clock, policy.clone(), Arc::clone(slot), failed);
    let router = router.with_jobs(JobBook::new(outbox, &keyring));
    Ok((router, journal, figures))
}

/// Histograms fold their samples away on a timer, whether or not anybody scrapes.
fn keep_histograms_up(
    config: &Config,
    runtime: &tokio::runtime::Runtime,
    metrics: &Metrics,
    shutdown: &Shutdown,
) {
    let period = Duration::from_secs(u64::from(config.telemetry.upkeep_s));
    let member = shutdown.join(Stage::Admin, "histogram upkeep");
    runtime.spawn(keep_up(metrics.clone(), period, member));
}

/// Puts a snapshot in force, if one loads: without one the daemon runs, unready, until one appears.
fn start_publisher(
    store: Store,
    ground: &Ground,
    slot: &Arc<Slot>,
    readiness: &Readiness,
) -> Arc<Publisher> {
    let ready = readiness.condition("snapshot", "no snapshot is in force yet");
    let key = ground.keyring.installation_key();
    let publisher = Arc::new(Publisher::new(store, Arc::clone(slot), key, ready));
    publisher.start(ground.partitions.iter().map(Partition::epoch).max().unwrap_or(Epoch(0)));
    publisher
}
