//! The campaign service, joined to the daemon: the catalog, what compiles it, and its routes.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use futures_util::FutureExt as _;
use tokio::runtime::Handle;

use super::compile::{CompileFigures, CompileThread};
use super::erasing::Traces;
use super::geocoding::geocoder;
use super::publish::Publisher;
use super::samplers;
use crate::admin::readiness::Readiness;
use crate::admin::routes::Admin;
use crate::admin::server::AdminConfig;
use crate::admin::v1::{InForce, Service, Streams};
use crate::auth::authority::Authority;
use crate::clock::Clock;
use crate::config::Config;
use crate::control::backtests::{BacktestQueue, Backtests};
use crate::control::compiler::{Kept, Publications};
use crate::control::config::CampaignsConfig;
use crate::control::explain::Explainer;
use crate::control::fence_health::FenceHealth;
use crate::control::reports::{ReportShelf, Reports};
use crate::control::segments::SegmentKeeper;
use crate::control::store::{CATALOG_FILE, Catalog, SqliteStore, Store, thread};
use crate::control::uploads::{Depot, ImportQueue};
use crate::domain::ids::Epoch;
use crate::identity::Keyring;
use crate::journal::Journal;
use crate::outbox::derived::Figures;
use crate::shard::figures::ShardFigures;
use crate::shard::router::Router;
use crate::shutdown::{Shutdown, Stage};
use crate::sink::visit_log::VisitLog;
use crate::snapshot::load::Loaded;
use crate::telemetry::sampler::Metrics;

/// What the service is joined to.
pub(super) struct Joints<'d> {
    /// The data directory, and the folder with the log and the checkpoints, where what is recorded is read.
    pub(super) dirs: (&'d Path, &'d Path),
    pub(super) keyring: Keyring,
    pub(super) clock: Clock,
    pub(super) publisher: Arc<Publisher>,
    pub(super) shards: Vec<Arc<ShardFigures>>,
    pub(super) authority: Arc<Authority>,
    /// Told how fast accounts may hand over, and whom to forget.
    pub(super) router: Router,
    /// What forgets them, too, and where that is waited for.
    pub(super) journal: Arc<Journal>,
    pub(super) runtime: Handle,
    /// The figures of campaigns.
    pub(super) counted: Figures,
    pub(super) config: &'d Config,
    pub(super) shutdown: &'d Shutdown,
}

/// Starts the service, and gives what HTTP serves beside the queue and the intake, and where the queue notes who reads visits.
///
/// # Errors
/// As [`start`].
pub(super) fn admin(
    joints: Joints<'_>,
    config: &AdminConfig,
    readiness: Readiness,
    metrics: Metrics,
) -> anyhow::Result<(Admin, VisitLog)> {
    let (clock, publisher) = (joints.clock.clone(), Arc::clone(&joints.publisher));
    let authority = Arc::clone(&joints.authority);
    let campaigns = start(joints)?;
    samplers::campaigns(&metrics, &campaigns);
    let visits = visit_log(clock.clone(), Arc::clone(&campaigns.service));
    let admin = Admin::new(config, authority, readiness, metrics)
        .snapshots(publisher)
        .campaigns(campaigns.service)
        .clock(clock);
    Ok((admin, visits))
}

/// Readers of visits are noted where all uses of location are.
fn visit_log(clock: Clock, service: Arc<Service>) -> VisitLog {
    let note = move |reader| {
        let service = Arc::clone(&service);
        async move { service.note_visits(reader).await }.boxed()
    };
    VisitLog::new(clock, Box::new(note))
}

/// The number of the first build. A daemon that was killed while it made the next epoch may have told of the one after
/// it, and whoever was told waits for that.
fn first_epoch(publisher: &Publisher) -> anyhow::Result<Epoch> {
    let next = publisher.store.next_epoch()?;
    Ok(if next == Epoch(1) { next } else { Epoch(next.0 + 1) })
}

/// The running service.
pub(super) struct Campaigns {
    pub(super) service: Arc<Service>,
    pub(super) publications: Arc<Publications>,
    pub(super) figures: Arc<CompileFigures>,
}

fn open_catalog(data: &Path, keyring: &Keyring) -> anyhow::Result<SqliteStore> {
    let path = data.join(CATALOG_FILE);
    let opened = SqliteStore::open(&path).with_context(|| format!("opening {}", path.display()));
    let mut store = opened?;
    store.check()?;
    store.note_keys(keyring)?;
    store.forget_gone()?;
    Ok(store)
}

/// What the threads of the service work on together.
struct Desks {
    catalog: Catalog,
    publications: Arc<Publications>,
    depot: Depot,
    shelf: ReportShelf,
    backtests: Backtests,
    compiled: Arc<CompileFigures>,
    in_force: InForce,
}

/// Looks at the catalog, one for each thread that reads beside its own.
struct Readers {
    compiler: Box<dyn Store>,
    segments: Box<dyn Store>,
    backtests: Box<dyn Store>,
    erasures: Box<dyn Store>,
}

/// Where report files are; those that the catalog does not list are removed.
fn open_shelf(
    data: &Path,
    config: &CampaignsConfig,
    store: &mut SqliteStore,
) -> anyhow::Result<ReportShelf> {
    let dir = data.join("reports");
    let shelf = ReportShelf::open(&dir, config).context("making the directory of report files")?;
    thread::read(store, |tx| shelf.tidy(tx)).with_context(|| format!("in {}", dir.display()))?;
    Ok(shelf)
}

/// Opens the catalog and starts the threads that work on it.
///
/// # Errors
/// When it can't be opened, or the system gives no threads.
fn start(joints: Joints<'_>) -> anyhow::Result<Campaigns> {
    let (data, journal) = joints.dirs;
    let is_new = !data.join(CATALOG_FILE).exists();
    let mut store = open_catalog(data, &joints.keyring)?;
    if is_new && joints.publisher.slot.current().is_some() {
        tracing::warn!(
            "there is a snapshot and no catalog: if it was lost, stop and restore it (`geofenced catalog restore`) \
             before an account is made, which would get the number of an old one"
        );
    }
    let shelf = open_shelf(data, &joints.config.campaigns, &mut store)?;
    let readers = Readers {
        compiler: store.reader()?,
        segments: store.reader()?,
        backtests: store.reader()?,
        erasures: store.reader()?,
    };
    let depot = Depot::open(&data.join("uploads")).context("making the directory of uploads")?;
    depot.tidy()?;
    let desks = Desks {
        // As long as requests that ask it.
        catalog: Catalog::spawn(Box::new(store), joints.shutdown.join(Stage::Admin, "catalog"))?,
        publications: Arc::new(Publications::from(first_epoch(&joints.publisher)?)),
        depot,
        shelf,
        backtests: Backtests::default(),
        compiled: Arc::default(),
        in_force: in_force(joints.shards.clone()),
    };
    spawn(&joints, &desks, readers)?;
    let Desks { catalog, publications, depot, shelf, backtests, compiled, in_force } = desks;
    let explainer = explainer(journal, &joints.keyring, &joints.publisher);
    let fence_health = FenceHealth::new(joints.counted.clone(), Arc::clone(&joints.publisher.slot));
    let streams = Streams::new(joints.config.campaigns, joints.shutdown.clone());
    let of_daemon = (joints.keyring, joints.clock);
    let service = Service::new(catalog, Arc::clone(&publications), in_force, depot, of_daemon)
        .with_tokens(joints.authority)
        .with_reports(Reports::new(joints.counted), shelf)
        .with_explainer(explainer)
        .with_backtests(backtests)
        .with_fence_health(fence_health)
        .with_streams(streams);
    Ok(Campaigns { service: Arc::new(service), publications, figures: compiled })
}

/// Starts the threads.
fn spawn(joints: &Joints<'_>, desks: &Desks, readers: Readers) -> anyhow::Result<()> {
    let member = |name: &'static str| joints.shutdown.join(Stage::Intake, name);
    let (catalog, publications) = (&desks.catalog, &desks.publications);
    let (keyring, clock, counted) = (&joints.keyring, &joints.clock, &joints.counted);
    CompileThread {
        catalog: catalog.clone(),
        reader: readers.compiler,
        publications: Arc::clone(publications),
        publisher: Arc::clone(&joints.publisher),
        keyring: keyring.clone(),
        clock: clock.clone(),
        config: joints.config.campaigns,
        put_off: BTreeSet::new(),
        allowances: joints.router.allowances(),
        shelf: desks.shelf.clone(),
        kept: Kept::up_to(joints.config.campaigns.kept_records),
        counted: counted.clone(),
        figures: Arc::clone(&desks.compiled),
    }
    .spawn(member("compiler"))?;
    ImportQueue {
        catalog: catalog.clone(),
        depot: desks.depot.clone(),
        publications: Arc::clone(publications),
        keyring: keyring.clone(),
        clock: clock.clone(),
        geocoder: geocoder(&joints.config.geocoder, &joints.runtime),
    }
    .spawn(member("imports"))?;
    SegmentKeeper {
        catalog: catalog.clone(),
        reader: readers.segments,
        figures: counted.clone(),
        publications: Arc::clone(publications),
        keyring: keyring.clone(),
        clock: clock.clone(),
    }
    .spawn(member("segments"))?;
    BacktestQueue {
        backtests: desks.backtests.clone(),
        reader: readers.backtests,
        figures: counted.clone(),
        keyring: keyring.clone(),
        journal: joints.dirs.1.to_owned(),
    }
    .spawn(member("backtests"))?;
    Traces {
        router: joints.router.clone(),
        runtime: joints.runtime.clone(),
        figures: counted.clone(),
        journal: Arc::clone(&joints.journal),
        publisher: Arc::clone(&joints.publisher),
        catalog: catalog.clone(),
        catalog_file: joints.dirs.0.join(CATALOG_FILE),
        publications: Arc::clone(publications),
        depot: desks.depot.clone(),
        keyring: keyring.clone(),
        clock: clock.clone(),
    }
    .eraser(readers.erasures, Arc::clone(&desks.in_force))
    .spawn(member("erasures"))?;
    Ok(())
}

/// The oldest epoch that decides on any shard.
fn in_force(shards: Vec<Arc<ShardFigures>>) -> InForce {
    Arc::new(move || Epoch(shards.iter().map(|shard| shard.sample().epoch).min().unwrap_or(0)))
}

/// Reads the journal back beside the shards. What the snapshot in force has of an older one is not loaded again.
fn explainer(journal: &Path, keyring: &Keyring, publisher: &Arc<Publisher>) -> Explainer {
    let publisher = Arc::clone(publisher);
    let find = move |epoch, before: Option<&Loaded>| match publisher.slot.current() {
        Some(in_force) if in_force.view().epoch() == epoch => Ok(in_force),
        in_force => Publisher::find(&publisher.store, epoch, before.or(in_force.as_deref())),
    };
    Explainer::new(journal.to_owned(), keyring.clone(), Arc::new(find))
}
