//! Requests, taken to the catalog's desk.

use std::sync::Arc;

use super::figures::ApiFigures;
use super::rates::Rates;
use super::streams::Streams;
use crate::auth::authority::Authority;
use crate::auth::book::Book;
use crate::auth::grant::Grant;
use crate::clock::Clock;
use crate::control::backtests::Backtests;
use crate::control::compiler::Publications;
use crate::control::config::CampaignsConfig;
use crate::control::desk::uses::{self, About, UsePage, UseRequest, Used};
use crate::control::desk::{Actor, Desk};
use crate::control::explain::Explainer;
use crate::control::fence_health::FenceHealth;
use crate::control::refusal::Refusal;
use crate::control::reports::{ReportShelf, Reports};
use crate::control::room::Room;
use crate::control::store::{Catalog, Purpose, thread};
use crate::control::uploads::Depot;
use crate::domain::ids::{AccountId, Epoch};
use crate::domain::problem::Problem;
use crate::domain::units::UtcMs;
use crate::identity::Keyring;
use crate::shutdown::Shutdown;
use crate::sink::visit_log::VisitReader;

/// Requests of accounts that may be under way, and of one account. Those that wait for an epoch are among them.
const REQUESTS: u32 = 192;
const REQUESTS_OF_ACCOUNT: u32 = 48;

/// Files that may be on their way, and of one account.
const UPLOADS: u32 = 32;
const UPLOADS_OF_ACCOUNT: u32 = 4;

/// Reports that may be made at a time, and of one account: each may hold every device of a campaign in memory.
const REPORTS: u32 = 16;
const REPORTS_OF_ACCOUNT: u32 = 4;

/// What endpoints share.
pub type Shared = Arc<Service>;

/// Which snapshot decides, on every shard.
pub type InForce = Arc<dyn Fn() -> Epoch + Send + Sync>;

/// The campaign service, as requests reach it.
pub struct Service {
    pub(super) catalog: Catalog,
    pub(super) publications: Arc<Publications>,
    pub(super) in_force: InForce,
    /// Whose tokens accounts make and revoke.
    pub(super) authority: Arc<Authority>,
    /// What requests are counted in.
    pub(super) figures: Arc<ApiFigures>,
    /// Where uploads are kept.
    pub(super) depot: Depot,
    /// What campaigns have brought, where that is counted.
    pub(super) counted: Option<Reports>,
    /// Where report files are kept, if they are.
    pub(super) shelf: Option<ReportShelf>,
    /// Why devices got a push or not, where the records are kept here.
    pub(super) explainer: Option<Explainer>,
    /// What is wrong with fences, where that is counted.
    pub(super) fence_health: Option<FenceHealth>,
    /// Those that are open.
    pub(super) streams: Arc<Streams>,
    /// Drafts that are tried.
    pub(super) backtests: Backtests,
    keyring: Keyring,
    clock: Clock,
    pub(super) rates: Arc<Rates>,
    /// Requests that are under way.
    pub(super) requests: Room,
    /// Uploads that are on their way.
    pub(super) arriving: Room,
    /// Reports that are made.
    pub(super) making: Room,
}

impl Service {
    /// Over a catalog, and what makes its changes come in force.
    #[must_use]
    pub fn new(
        catalog: Catalog,
        publications: Arc<Publications>,
        in_force: InForce,
        depot: Depot,
        (keyring, clock): (Keyring, Clock),
    ) -> Self {
        let authority = Arc::new(Authority::of(Book::default()));
        let streams = Streams::new(CampaignsConfig::default(), Shutdown::new());
        Self {
            catalog,
            publications,
            in_force,
            authority,
            figures: Arc::default(),
            depot,
            counted: None,
            shelf: None,
            explainer: None,
            fence_health: None,
            streams: Arc::new(streams),
            backtests: Backtests::default(),
            keyring,
            clock,
            rates: Arc::default(),
            requests: Room::of("requests", REQUESTS, REQUESTS_OF_ACCOUNT),
            arriving: Room::of("uploads on their way", UPLOADS, UPLOADS_OF_ACCOUNT),
            making: Room::of("reports", REPORTS, REPORTS_OF_ACCOUNT),
        }
    }

    /// With what campaigns have brought, and a place for files of it.
    #[must_use]
    pub fn with_reports(self, counted: Reports, shelf: ReportShelf) -> Self {
        Self { counted: Some(counted), shelf: Some(shelf), ..self }
    }

    /// With the records that explain what was decided.
    #[must_use]
    pub fn with_explainer(self, explainer: Explainer) -> Self {
        Self { explainer: Some(explainer), ..self }
    }

    /// With what is counted of fences.
    #[must_use]
    pub fn with_fence_health(self, fence_health: FenceHealth) -> Self {
        Self { fence_health: Some(fence_health), ..self }
    }

    /// What the clock says.
    pub(super) fn now(&self) -> UtcMs {
        self.clock.now()
    }

    /// With the tokens of the daemon in place of none.
    #[must_use]
    pub fn with_tokens(self, authority: Arc<Authority>) -> Self {
        Self { authority, ..self }
    }

    /// With other bounds on streams, which end with the daemon.
    #[must_use]
    pub fn with_streams(self, streams: Streams) -> Self {
        Self { streams: Arc::new(streams), ..self }
    }

    /// With drafts that somebody tries.
    #[must_use]
    pub fn with_backtests(self, backtests: Backtests) -> Self {
        Self { backtests, ..self }
    }

    /// What requests are counted in.
    #[must_use]
    pub fn figures(&self) -> Arc<ApiFigures> {
        Arc::clone(&self.figures)
    }

    /// Requests that wait for the catalog's thread.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.catalog.waiting()
    }

    /// Who asks, for the records of its own account.
    pub(super) fn caller(&self, grant: &Grant) -> Actor {
        self.actor(grant.account, grant, false)
    }

    /// An operator who works on an account.
    pub(super) fn operator(&self, grant: &Grant, on: AccountId) -> Actor {
        self.actor(on, grant, true)
    }

    fn actor(&self, account: AccountId, grant: &Grant, operator: bool) -> Actor {
        let (now, keyring) = (self.clock.now(), self.keyring.clone());
        Actor { account, by: grant.name.clone(), operator, now, keyring }
    }

    /// Looks something up at the desk.
    pub(super) async fn look<T: Send + 'static>(
        &self,
        actor: Actor,
        look: impl FnOnce(&mut Desk<'_>) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let rates = Arc::clone(&self.rates);
        self.catalog
            .read(move |tx| {
                let mut desk = Desk::open(tx, &actor)?;
                rates.know(actor.account, desk.account().limits.requests_per_min);
                look(&mut desk)
            })
            .await
    }

    /// Looks something up that uses the location of people. It is noted before anything is answered; where it can't be,
    /// this is refused.
    pub(super) async fn look_at_people<T: Send + 'static>(
        &self,
        actor: Actor,
        look: impl FnOnce(&mut Desk<'_>) -> Result<(T, Used), Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        // What is looked up may take its time beside others, and only the note of it is a change.
        let (found, used) = self.look(actor.clone(), look).await?;
        self.note_use(actor, used).await?;
        Ok(found)
    }

    /// The same for an account whose campaigns come from files.
    pub(super) async fn note_use(&self, actor: Actor, used: Used) -> Result<(), Refusal> {
        self.catalog.write(move |tx| uses::note_use(tx, &actor, &used)).await
    }

    /// Notes that a consumer of the queue is handed visits.
    ///
    /// # Errors
    /// Why it can't be noted.
    pub async fn note_visits(&self, reader: VisitReader) -> Result<(), Problem> {
        let VisitReader { account, by, consumer } = reader;
        let (now, keyring) = (self.clock.now(), self.keyring.clone());
        let actor = Actor { account, by, operator: false, now, keyring };
        let about = About { consumer: Some(consumer.to_string()), ..About::default() };
        let used = Used { purpose: Purpose::Visits, device: None, about };
        self.note_use(actor, used).await.map_err(Problem::from)
    }

    /// A page of what the location of an account's people was used for.
    pub(super) async fn uses(&self, actor: Actor, asked: UseRequest) -> Result<UsePage, Refusal> {
        self.catalog.read(move |tx| uses::uses(tx, &actor, &asked)).await
    }

    /// Changes something at the desk. Gives also the epoch in which that is in force.
    pub(super) async fn change<T: Send + 'static>(
        &self,
        actor: Actor,
        change: impl FnOnce(&mut Desk<'_>) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<(T, Epoch), Refusal> {
        let (publications, rates) = (Arc::clone(&self.publications), Arc::clone(&self.rates));
        self.catalog
            .ask(move |store| {
                let (value, reaches) = thread::write(store, |tx| {
                    let mut desk = Desk::open(tx, &actor)?;
                    rates.know(actor.account, desk.account().limits.requests_per_min);
                    let value = change(&mut desk)?;
                    Ok((value, desk.reaches_engine()))
                })?;
                // Only now, when whoever compiles it finds it.
                let epoch = if reaches {
                    publications.changed(actor.account)
                } else {
                    publications.settled_in()
                };
                Ok((value, epoch))
            })
            .await
    }
}
