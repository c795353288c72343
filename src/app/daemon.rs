//! The daemon: how its parts start, what they hand each other, and the order in which they end.
//!
//! Start: keys, outbox, checkpoints and log (recovered), clock, snapshot, shards, intake, admin. End: the stages
//! of [`shutdown`](crate::shutdown), in the direction of the flow.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use anyhow::Context;
use crossbeam::channel::bounded;
use tokio::sync::watch;

use crate::admin::readiness::Readiness;
use crate::admin::routes::Admin;
use crate::auth::authority::Authority;
use crate::auth::grant::Scope;
use crate::auth::tls::ServerIdentity;
use crate::clock::{self, Clock};
use crate::config::Config;
use crate::domain::ids::PartitionId;
use crate::domain::policy::ClockMode;
use crate::domain::units::UtcMs;
use crate::engine::Partition;
use crate::identity::Keyring;
use crate::ingest::endpoint::Endpoint;
use crate::ingest::figures::IngestFigures;
use crate::ingest::http::{self, HttpIntake};
use crate::journal::disk::{Disk, RealDisk};
use crate::journal::{Checkpoints, Journal, ShardLog};
use crate::outbox::{Clocks, Outbox};
use crate::shard::checkpoints::CheckpointThread;
use crate::shard::figures::ShardFigures;
use crate::shard::ledger::Ledger;
use crate::shard::mailbox::{Inbox, mailbox};
use crate::shard::parts::{Alarm, Failed, ShardParts};
use crate::shard::router::{Deal, Router};
use crate::shard::worker;
use crate::shutdown::{Member, Shutdown, Stage};
use crate::sink::queue::{self, QueueService};
use crate::snapshot::slot::Slot;
use crate::snapshot::store::Store;
use crate::telemetry::sampler::Metrics;
use crate::telemetry::{process, systemd};

use super::publish::Publisher;
use super::recover::recover;
use super::samplers;

/// The newest durable format that is written.
const FORMAT: u16 = 1;

/// Checkpoints that may wait to be written; past it shards go on without.
const CHECKPOINTS_WAITING: usize = 4;

/// A request to the queue may wait this much longer than the longest poll.
const POLL_SLACK_S: u64 = 15;

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
    router: Router,
    outbox: Outbox,
    journal: Arc<Journal>,
    runtime: tokio::runtime::Runtime,
    drain_limit: Duration,
}

/// What is recovered and not yet running.
struct Ground {
    keyring: Keyring,
    outbox: Outbox,
    checkpoints: Checkpoints,
    partitions: Vec<Partition>,
    journal: Journal,
    logs: Vec<ShardLog>,
    clock: Clock,
}

impl Daemon {
    /// Starts every part.
    ///
    /// # Errors
    /// The first part that cannot start, and why.
    pub fn start(config: &Config) -> anyhow::Result<Self> {
        let data = &config.daemon.data_dir;
        let made = RealDisk.create_dir(data).and_then(|()| RealDisk.create_dir(&outbox_dir(data)));
        made.with_context(|| format!("making {}", data.display()))?;
        let shards = config.shard.shards_on(processors());
        let store = Store::open(&snapshot_dir(config)).context("the snapshot store")?;
        let ground = ground(config, data, &store, shards)?;
        let shutdown = Shutdown::new();
        let readiness = Readiness::new();
        let metrics = Metrics::new(FORMAT)?;
        let slot = Arc::new(Slot::new());
        let ready = readiness.condition("snapshot", "no snapshot is in force yet");
        let publisher = Arc::new(Publisher::new(
            store,
            Arc::clone(&slot),
            ground.keyring.installation_key(),
            ready,
        ));
        // Without one the daemon runs, unready, until one appears.
        let _first = crate::admin::snapshots::SnapshotControl::reload(&*publisher);
        let watcher = shutdown.join(Stage::Intake, "snapshot watcher");
        Arc::clone(&publisher).watch(config.snapshots.watch_s, watcher)?;

        let authority = Arc::new(Authority::open(data.join("tokens.json"))?);
        let identity = server_identity(config)?;
        let runtime = io_runtime(config)?;
        let (clock, keyring, outbox) =
            (ground.clock.clone(), ground.keyring.clone(), ground.outbox.clone());
        let (router, journal, figures) = start_shards(config, ground, &slot, &shutdown)?;

        let intake_figures = Arc::new(IngestFigures::default());
        samplers::intake(&metrics, Arc::clone(&intake_figures));
        samplers::shards(&metrics, figures, router.clone());
        samplers::stores(&metrics, Arc::clone(&journal), outbox.clone());
        samplers::state(&metrics, slot, readiness.clone(), clock.clone());
        samplers::publications(&metrics, Arc::clone(&publisher));
        metrics.register(process::sample);

        let intake = Arc::new(router.clone());
        let quic = start_quic(
            config,
            &runtime,
            &identity,
            (Arc::clone(&authority), Arc::clone(&intake), Arc::clone(&intake_figures)),
            &shutdown,
        )?;
        close_with(&runtime, outbox.clone(), shutdown.join(Stage::Outbox, "outbox"));
        let service = Arc::new(QueueService::new(outbox.clone(), keyring));
        let poll = Duration::from_secs(u64::from(queue::MAX_WAIT_S) + POLL_SLACK_S);
        let http_intake = HttpIntake::new(intake, Arc::clone(&authority), intake_figures);
        let routes = Admin::new(&config.admin, Arc::clone(&authority) as _, readiness, metrics)
            .snapshots(Arc::clone(&publisher) as _)
            .clock(clock)
            .mount(Scope::Queue, poll, queue::routes(service))
            .mount_open(config.admin.request_limit(), http::routes(http_intake))
            .into_router();
        let listener = TcpListener::bind(config.admin.listen)
            .with_context(|| format!("admin.listen {}", config.admin.listen))?;
        let http = listener.local_addr()?;
        let member = shutdown.join(Stage::Admin, "admin");
        crate::admin::server::spawn(config.admin.clone(), listener, routes, member)?;
        Ok(Self {
            quic,
            http,
            certificate: identity.certificate(),
            shutdown,
            publisher,
            authority,
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

    /// Ends every part in order, and says who did not end in time.
    ///
    /// # Errors
    /// When the journal or the outbox could not be closed cleanly.
    pub fn drain(self) -> anyhow::Result<()> {
        systemd::stopping("draining");
        self.shutdown.request("draining");
        self.router.drain();
        let left = self.runtime.block_on(self.shutdown.drain(self.drain_limit));
        for (stage, name) in &left {
            tracing::warn!(?stage, name, "did not end within drain_s and is left behind");
        }
        // Both, whatever comes of the first: a log that is not closed costs the next start a look at its end.
        let (journal, outbox) = (self.journal.shutdown(), self.outbox.close());
        journal?;
        Ok(outbox?)
    }
}

/// Closes the outbox when its stage ends: consumers that wait for records are told, or they would hold up the end.
fn close_with(runtime: &tokio::runtime::Runtime, outbox: Outbox, mut member: Member) {
    runtime.spawn(async move {
        member.asked().await;
        let closed = tokio::task::spawn_blocking(move || outbox.close()).await;
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

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

fn snapshot_dir(config: &Config) -> PathBuf {
    let default = || config.daemon.data_dir.join("snapshots");
    config.snapshots.dir.clone().unwrap_or_else(default)
}

fn outbox_dir(data: &Path) -> PathBuf {
    data.join("outbox")
}

fn server_identity(config: &Config) -> anyhow::Result<ServerIdentity> {
    let daemon = &config.daemon;
    let identity = match (&daemon.tls_cert, &daemon.tls_key) {
        (Some(chain), Some(key)) => ServerIdentity::load(chain, key)?,
        _ => {
            let dir = daemon.data_dir.join("tls");
            ServerIdentity::kept(&dir, &["localhost", "127.0.0.1"])?
        }
    };
    Ok(match &daemon.tls_client_issuers {
        Some(issuers) => identity.with_client_issuers(issuers)?,
        None => identity,
    })
}

/// Keys, outbox, checkpoints, log: everything durable, brought to where the last run left it.
fn ground(config: &Config, data: &Path, store: &Store, shards: usize) -> anyhow::Result<Ground> {
    let keyring = Keyring::open(data)?;
    let checkpoints = Checkpoints::open(&config.journal.dir, &keyring)?;
    let clock_cell = Arc::new(OnceLock::<Clock>::new());
    let outbox = Outbox::open(
        &outbox_dir(data),
        config.outbox.clone(),
        outbox_clocks(config.policy.clock, &clock_cell),
    )?;
    let recovered = recover(config.journal.clone(), &keyring, &outbox, &checkpoints, |epoch| {
        Publisher::find(store, epoch)
    })?;
    let (restored, inputs) = (recovered.restored, recovered.inputs);
    tracing::info!(restored, inputs, "checkpoints were read and the log after them gone through");
    let clock = Clock::start(recovered.latest_instant);
    let _started_once = clock_cell.set(clock.clone());
    let (journal, logs) = recovered.recovery.into_journal(shards, clock::process_ns)?;
    let partitions = recovered.partitions;
    Ok(Ground { keyring, outbox, checkpoints, partitions, journal, logs, clock })
}

/// The outbox opens before recovery has found the floor of the daemon's clock; until then it goes by one
/// without a floor. It must not stand still: what it writes meanwhile would look too old to keep.
fn outbox_clocks(mode: ClockMode, cell: &Arc<OnceLock<Clock>>) -> Clocks {
    let cell = Arc::clone(cell);
    let early = Clock::start(UtcMs::MIN);
    let now = Arc::new(move || cell.get().unwrap_or(&early).now());
    let mut clocks = Clocks::both(now, Arc::new(|| clock::process_ns() / 1_000_000));
    if mode == ClockMode::Fixes {
        clocks.expiry = Arc::new(|| UtcMs::MIN);
    }
    clocks
}

type Running = (Router, Arc<Journal>, Vec<Arc<ShardFigures>>);

fn start_shards(
    config: &Config,
    ground: Ground,
    slot: &Arc<Slot>,
    shutdown: &Shutdown,
) -> anyhow::Result<Running> {
    let Ground { keyring, outbox, checkpoints, mut partitions, journal, logs, clock } = ground;
    let deal = Deal::new(logs.len());
    let mut ledger = Ledger::default();
    partitions.iter().for_each(|partition| ledger.restore(partition.grants()));
    let ledger = Arc::new(Mutex::new(ledger));
    let failed = Arc::new(Failed::default());
    let (orders, order_queue) = bounded(CHECKPOINTS_WAITING);
    let journal = Arc::new(journal);
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
            sealer: keyring.sealer(),
            clock: clock.clone(),
            ledger: Arc::clone(&ledger),
            policy: config.policy,
            config: config.shard,
            checkpoints: orders.clone(),
            figures: shard_figures,
            failed: Arc::clone(&failed),
        };
        let member = shutdown.join(Stage::Shards, format!("shard {shard}"));
        worker::spawn(shard, parts, member, shutdown.clone())?;
    }
    let router = Router::new(deal, mailboxes, clock, config.policy, failed);
    Ok((router, journal, figures))
}

fn start_quic(
    config: &Config,
    runtime: &tokio::runtime::Runtime,
    identity: &ServerIdentity,
    (authority, intake, figures): (Arc<Authority>, Arc<Router>, Arc<IngestFigures>),
    shutdown: &Shutdown,
) -> anyhow::Result<SocketAddr> {
    let (stop, stopped) = watch::channel(false);
    let _inside = runtime.enter();
    let endpoint =
        Endpoint::bind(config.ingest.clone(), identity, authority, intake, figures, stopped)?;
    let addr = endpoint.local_addr()?;
    let mut member = shutdown.join(Stage::Intake, "quic");
    runtime.spawn(async move {
        let serving = endpoint.serve();
        tokio::pin!(serving);
        tokio::select! {
            () = &mut serving => {}
            () = member.asked() => {
                stop.send_replace(true);
                serving.await;
            }
        }
        drop(member);
    });
    Ok(addr)
}
