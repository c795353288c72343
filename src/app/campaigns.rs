//! The campaign service, joined to the daemon: the catalog, what compiles it, and its routes.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;

use super::compile::{CompileFigures, CompileThread};
use super::publish::Publisher;
use super::samplers;
use crate::admin::readiness::Readiness;
use crate::admin::routes::Admin;
use crate::admin::server::AdminConfig;
use crate::admin::v1::{InForce, Service, Streams};
use crate::auth::authority::Authority;
use crate::clock::Clock;
use crate::control::backtests::{BacktestQueue, Backtests};
use crate::control::compiler::{Kept, Publications};
use crate::control::config::CampaignsConfig;
use crate::control::explain::Explainer;
use crate::control::reports::{ReportShelf, Reports};
use crate::control::segments::SegmentKeeper;
use crate::control::store::{CATALOG_FILE, Catalog, SqliteStore, Store as _, thread};
use crate::control::uploads::{Depot, ImportQueue};
use crate::domain::ids::Epoch;
use crate::identity::Keyring;
use crate::outbox::derived::Figures;
use crate::shard::allowance::Allowances;
use crate::shard::figures::ShardFigures;
use crate::shutdown::{Shutdown, Stage};
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
    /// Told how fast accounts may hand over.
    pub(super) allowances: Arc<Allowances>,
    /// The figures of campaigns.
    pub(super) counted: Figures,
    pub(super) config: CampaignsConfig,
    pub(super) shutdown: &'d Shutdown,
}

/// Starts the service, and gives what HTTP serves beside the queue and the intake.
///
/// # Errors
/// As [`start`].
pub(super) fn admin(
    joints: Joints<'_>,
    config: &AdminConfig,
    readiness: Readiness,
    metrics: Metrics,
) -> anyhow::Result<Admin> {
    let (clock, publisher) = (joints.clock.clone(), Arc::clone(&joints.publisher));
    let authority = Arc::clone(&joints.authority);
    let campaigns = start(joints)?;
    samplers::campaigns(&metrics, &campaigns);
    Ok(Admin::new(config, authority, readiness, metrics)
        .snapshots(publisher)
        .campaigns(campaigns.service)
        .clock(clock))
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

fn open_catalog(data: &Path) -> anyhow::Result<SqliteStore> {
    let path = data.join(CATALOG_FILE);
    let opened = SqliteStore::open(&path).with_context(|| format!("opening {}", path.display()));
    let mut store = opened?;
    store.forget_gone()?;
    Ok(store)
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
    let Joints {
        dirs: (data, journal),
        keyring,
        clock,
        publisher,
        shards,
        authority,
        allowances,
        counted,
        config,
        shutdown,
    } = joints;
    let explainer = explainer(journal, &keyring, &publisher);
    let mut store = open_catalog(data)?;
    let shelf = open_shelf(data, &config, &mut store)?;
    let (reader, looking, trying) = (store.reader()?, store.reader()?, store.reader()?);
    let publications = Arc::new(Publications::from(first_epoch(&publisher)?));
    // As long as requests that ask it.
    let catalog = Catalog::spawn(Box::new(store), shutdown.join(Stage::Admin, "catalog"))?;
    let figures = Arc::new(CompileFigures::default());
    let compiling = CompileThread {
        catalog: catalog.clone(),
        reader,
        publications: Arc::clone(&publications),
        publisher,
        keyring: keyring.clone(),
        clock: clock.clone(),
        config,
        shelf: shelf.clone(),
        put_off: BTreeSet::new(),
        allowances,
        kept: Kept::up_to(config.kept_records),
        counted: counted.clone(),
        figures: Arc::clone(&figures),
    };
    compiling.spawn(shutdown.join(Stage::Intake, "compiler"))?;
    let depot = Depot::open(&data.join("uploads")).context("making the directory of uploads")?;
    depot.tidy()?;
    let importing = ImportQueue {
        catalog: catalog.clone(),
        depot: depot.clone(),
        publications: Arc::clone(&publications),
        keyring: keyring.clone(),
        clock: clock.clone(),
    };
    importing.spawn(shutdown.join(Stage::Intake, "imports"))?;
    let keeping = SegmentKeeper {
        catalog: catalog.clone(),
        reader: looking,
        figures: counted.clone(),
        publications: Arc::clone(&publications),
        keyring: keyring.clone(),
        clock: clock.clone(),
    };
    keeping.spawn(shutdown.join(Stage::Intake, "segments"))?;
    let backtests = Backtests::default();
    let backtesting = BacktestQueue {
        backtests: backtests.clone(),
        reader: trying,
        figures: counted.clone(),
        keyring: keyring.clone(),
        journal: journal.to_owned(),
    };
    backtesting.spawn(shutdown.join(Stage::Intake, "backtests"))?;
    let (in_force, of_daemon) = (in_force(shards), (keyring, clock));
    let service = Service::new(catalog, Arc::clone(&publications), in_force, depot, of_daemon);
    let service = service.with_tokens(authority).with_reports(Reports::new(counted), shelf);
    let service = service.with_explainer(explainer).with_backtests(backtests);
    let service = service.with_streams(Streams::new(config, shutdown.clone()));
    Ok(Campaigns { service: Arc::new(service), publications, figures })
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
