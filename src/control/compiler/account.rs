//! One account, compiled: its settings, its campaigns that are testing or running, and what they watch.

use super::locations::Gazetteer;
use super::records::{List, Records};
use super::targets::{Drawing, TargetKey};
use crate::control::desk::membership::Feature;
use crate::control::desk::states::State;
use crate::control::documents::account::{Account, Limits};
use crate::control::documents::campaign::{Audience, Location};
use crate::control::documents::document;
use crate::control::documents::{App, Campaign, Segment, campaign_rules};
use crate::control::store::{DeviceList, Key, Kind, Query, Record, StoreError, Tx};
use crate::domain::campaign::{
    AccountSpec, AppSpec, AppUrl, AudienceSpec, CampaignSpec, MessageSpec, RunMode,
};
use crate::domain::ids::{AccountId, AppId, CampaignId, DeviceId, TargetId};
use crate::domain::target::TargetSpec;
use crate::identity::{KeyError, Keyring};
use crate::outbox::derived::{Figures, FiguresError};

/// What the engine has of an account.
#[derive(Clone, PartialEq, Debug)]
pub struct Compiled {
    /// Its settings.
    pub account: AccountSpec,
    /// What it watches.
    pub targets: Vec<TargetSpec>,
    /// What for.
    pub campaigns: Vec<CampaignSpec>,
}

/// Why an account can't be compiled.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// Something that a campaign names is gone.
    #[error("there is no {} {} any more", .0.kind, .0.id)]
    Gone(Key),
    /// A shape that was kept can't be used.
    #[error("the shape of {kind} {id} can't be used; edit it")]
    Shape {
        /// What it is.
        kind: Kind,
        /// Its number.
        id: u32,
    },
    /// Its areas take too long to look through.
    #[error(
        "the areas of a block have too many edges for so many stores; use simpler regions, or name fewer stores"
    )]
    TooIntricate,
    /// A campaign breaks a rule that it was held against when it started.
    #[error("campaign {campaign}: {reason}")]
    Campaign {
        /// Which.
        campaign: CampaignId,
        /// What is wrong.
        reason: String,
    },
    /// The account has no number left for a target.
    #[error(transparent)]
    Ids(#[from] crate::snapshot::source::IdsUsedUp),
    /// A sealed device can't be opened.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The catalog can't be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The users of a segment can't be read.
    #[error(transparent)]
    Figures(#[from] FiguresError),
}

impl CompileError {
    /// The campaign at fault, if it is one.
    #[must_use]
    pub fn campaign(&self) -> Option<CampaignId> {
        if let Self::Campaign { campaign, .. } = self { Some(*campaign) } else { None }
    }

    /// Whether the same may be compiled a moment later.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Store(_) | Self::Figures(_))
    }

    fn of(self, campaign: CampaignId) -> Self {
        if matches!(self, Self::Gone(_) | Self::Shape { .. } | Self::TooIntricate) {
            return Self::Campaign { campaign, reason: self.to_string() };
        }
        self
    }
}

/// What is known of devices beside the catalog.
#[derive(Clone, Copy)]
pub struct Known<'k> {
    /// What lists are sealed with.
    pub keyring: &'k Keyring,
    /// Whose visits were looked up, where that is known.
    pub figures: Option<&'k Figures>,
}

/// Compiles an account from its records: those that were kept of it, brought up to date. `deal` gives the number of a
/// target by its key. `None` where there is no such account.
///
/// # Errors
/// What stands in the way. After one, what was kept is of no use any more.
pub fn compile(
    tx: &mut dyn Tx,
    records: &mut Records,
    known: Known<'_>,
    deal: impl FnMut(&str) -> Result<TargetId, crate::snapshot::source::IdsUsedUp>,
) -> Result<Option<Compiled>, CompileError> {
    let account = records.account();
    let Some(record) = tx.get(Key::of_account(account))? else { return Ok(None) };
    records.refresh(tx)?;
    let live = Lists { account, known }.live(tx, &["testing", "running"])?;
    with_campaigns(tx, records, known, (&record, live), deal).map(Some)
}

/// The same as if a campaign that waits ran beside those that do; tests are left out, and so are visits, which decide
/// no push. The draft has its lists of devices in it, and takes the place of a campaign that has its number.
///
/// # Errors
/// As [`compile`].
pub fn compile_draft(
    tx: &mut dyn Tx,
    account: AccountId,
    known: Known<'_>,
    draft: (CampaignId, Campaign),
    deal: impl FnMut(&str) -> Result<TargetId, crate::snapshot::source::IdsUsedUp>,
) -> Result<Option<Compiled>, CompileError> {
    let Some(mut record) = tx.get(Key::of_account(account))? else { return Ok(None) };
    let settings = Account { measure_visits: false, ..document::read(&record)? };
    record.content.body = serde_json::to_string(&settings).expect("accounts have text for keys");
    let mut live = Lists { account, known }.live(tx, &["running"])?;
    let (id, campaign) = draft;
    live.retain(|one| one.id != id);
    live.push(Live { id, mode: RunMode::Running, campaign });
    let records = &mut Records::of(account);
    records.refresh(tx)?;
    with_campaigns(tx, records, known, (&record, live), deal).map(Some)
}

fn with_campaigns(
    tx: &mut dyn Tx,
    records: &mut Records,
    known: Known<'_>,
    (record, live): (&Record, Vec<Live>),
    mut deal: impl FnMut(&str) -> Result<TargetId, crate::snapshot::source::IdsUsedUp>,
) -> Result<Compiled, CompileError> {
    let account = records.account();
    let settings: Account = document::read(record)?;
    let apps = apps(tx, account)?;
    let mut lists = Lists { account, known };
    let is_residential = live.iter().any(|one| one.campaign.is_residential());
    let spec = AccountSpec {
        id: account,
        name: settings.name.clone(),
        time_zone: settings.time_zone.clone(),
        apps,
        night_rule: settings.night_rule,
        daily_cap: settings.daily_cap,
        monthly_limit: settings.monthly_limit,
        blacklist: lists.opened(tx, record.key, DeviceList::Blacklist)?,
        blacklist_echo: echoes(tx, record.key)?,
        measure_visits: settings.measure_visits,
        export_visits: settings.measure_visits && settings.membership.has(Feature::ServerToServer),
        // Before it starts, too: a home takes some nights to show.
        note_nights: is_residential || waits_for_homes(tx, account)?,
    };
    let mut watched = Vec::with_capacity(live.len());
    for Live { id, campaign, .. } in &live {
        let found = Watched::by(campaign, tx, records);
        watched.push(found.map_err(|error| error.of(*id))?);
    }
    let mut keys: Vec<TargetKey> = watched.iter().flat_map(|one| &one.targets).copied().collect();
    if settings.measure_visits {
        // Stores are watched for visits on the inside.
        keys.extend(records.list(tx, List::Stores)?.iter().copied().map(TargetKey::Inside));
    }
    keys.sort_unstable();
    keys.dedup();
    let names_districts = live.iter().any(|one| names_districts(&one.campaign));
    let mut drawing = Drawing { tx, records, names_districts };
    let mut targets = Vec::with_capacity(keys.len());
    for key in &keys {
        let text = key.text();
        let id = deal(&text)?;
        targets.push(drawing.target(*key, id, text).map_err(|error| {
            let mut watching = live.iter().zip(&watched);
            let at_fault = watching.find(|(_, one)| one.targets.binary_search(key).is_ok());
            match at_fault {
                Some((one, _)) => error.of(one.id),
                None => error,
            }
        })?);
    }
    let mut campaigns = Vec::with_capacity(live.len());
    for (one, watched) in live.into_iter().zip(watched) {
        let mut spec = lists.campaign(tx, one, &settings)?;
        let found = watched.targets.iter().filter_map(|key| keys.binary_search(key).ok());
        spec.targets = found.map(|at| targets[at].id).collect();
        spec.targets.extend(watched.everywhere.then_some(TargetId::NATIONWIDE));
        spec.targets.sort_unstable();
        // A block may mean nothing, such as a brand without a store in a district: then it watches nothing. A segment
        // without users is nobody.
        let is_idle = spec.targets.is_empty()
            || matches!(&spec.audience, AudienceSpec::Devices(devices) if devices.is_empty())
            || matches!(&spec.audience, AudienceSpec::Members(members) if members.is_empty());
        if !is_idle {
            campaigns.push(spec);
        }
    }
    Ok(Compiled { account: spec, targets, campaigns })
}

/// What an account may ask of the service; the default for one that is gone.
///
/// # Errors
/// When the catalog can't be read.
pub fn limits(tx: &mut dyn Tx, account: AccountId) -> Result<Limits, StoreError> {
    let record = tx.get(Key::of_account(account))?;
    let settings: Option<Account> = record.as_ref().map(document::read).transpose()?;
    Ok(settings.map(|settings| settings.limits).unwrap_or_default())
}

fn apps(tx: &mut dyn Tx, account: AccountId) -> Result<Vec<AppSpec>, CompileError> {
    let mut apps = Vec::new();
    tx.scan(&Query::all(account, Kind::App), &mut |record| {
        let App { package, platform, .. } = document::read(&record)?;
        let platform = platform.label().to_owned();
        apps.push(AppSpec { id: AppId(record.key.id), package, platform });
        Ok(())
    })?;
    Ok(apps)
}

/// Whether a campaign waits that means devices at home.
fn waits_for_homes(tx: &mut dyn Tx, account: AccountId) -> Result<bool, CompileError> {
    let states = vec![State::Waiting.name().to_owned()];
    let mut waits = false;
    tx.scan(&Query { states, ..Query::all(account, Kind::Campaign) }, &mut |record| {
        waits |= document::read::<Campaign>(&record)?.is_residential();
        Ok(())
    })?;
    Ok(waits)
}

/// A campaign that is testing or running, with its lists of devices.
struct Live {
    id: CampaignId,
    mode: RunMode,
    campaign: Campaign,
}

/// Echo codes are kept as they are.
fn echoes(tx: &mut dyn Tx, account: Key) -> Result<Vec<[u8; 16]>, CompileError> {
    let kept = tx.devices((account, DeviceList::EchoBlacklist), None, u32::MAX)?;
    Ok(kept.into_iter().map(|one| one.block).collect())
}

/// Opens the lists of devices that hang on records.
struct Lists<'k> {
    account: AccountId,
    known: Known<'k>,
}

impl Lists<'_> {
    fn opened(
        &mut self,
        tx: &mut dyn Tx,
        key: Key,
        list: DeviceList,
    ) -> Result<Vec<DeviceId>, CompileError> {
        let sealed = tx.devices((key, list), None, u32::MAX)?;
        let mut sealer = self.known.keyring.sealer();
        sealed.iter().map(|one| Ok(sealer.open(self.account, *one)?)).collect()
    }

    /// The users of a segment: of its file, or those whose visits were looked up.
    fn segment(&mut self, tx: &mut dyn Tx, id: u32) -> Result<AudienceSpec, CompileError> {
        let key = Key::new(self.account, Kind::Segment, id);
        let record = tx.get(key)?.ok_or(CompileError::Gone(key))?;
        let segment: Segment = document::read(&record)?;
        if segment.history.is_none() {
            return Ok(AudienceSpec::Devices(self.opened(tx, key, DeviceList::Segment)?));
        }
        let figures = self.known.figures;
        let members = figures.map(|figures| figures.members((self.account, id))).transpose()?;
        Ok(AudienceSpec::Members(members.unwrap_or_default()))
    }

    /// Campaigns in these states, by number.
    fn live(&mut self, tx: &mut dyn Tx, states: &[&str]) -> Result<Vec<Live>, CompileError> {
        let states = states.iter().map(|state| (*state).to_owned()).collect();
        let query = Query { states, ..Query::all(self.account, Kind::Campaign) };
        let mut found: Vec<(Key, RunMode, Campaign)> = Vec::new();
        tx.scan(&query, &mut |record| {
            let is_test = record.content.state == "testing";
            let mode = if is_test { RunMode::Testing } else { RunMode::Running };
            found.push((record.key, mode, document::read(&record)?));
            Ok(())
        })?;
        let texts = |devices: Vec<DeviceId>| devices.iter().map(ToString::to_string).collect();
        let mut live = Vec::with_capacity(found.len());
        for (key, mode, mut campaign) in found {
            campaign.test_devices = texts(self.opened(tx, key, DeviceList::Test)?);
            if let Audience::Devices(devices) = &mut campaign.audience {
                *devices = texts(self.opened(tx, key, DeviceList::Audience)?);
            }
            live.push(Live { id: CampaignId(key.id), mode, campaign });
        }
        Ok(live)
    }

    /// A campaign as the engine has it, but for what it watches.
    fn campaign(
        &mut self,
        tx: &mut dyn Tx,
        live: Live,
        settings: &Account,
    ) -> Result<CampaignSpec, CompileError> {
        let Live { id, mode, campaign } = live;
        let spec = campaign_rules::engine_spec(&campaign, settings, mode).map_err(|errors| {
            CompileError::Campaign { campaign: id, reason: errors.to_string() }
        })?;
        let urls = campaign.landing_urls.iter();
        let urls = urls.map(|one| AppUrl { app: AppId(one.app), url: one.url.clone() });
        let with_urls = |message| MessageSpec { landing_urls: urls.clone().collect(), ..message };
        let messages = spec.messages.into_iter().map(with_urls).collect();
        let audience = match campaign.audience {
            // The test devices take its place, so it need not be carried along.
            Audience::Segment(_) if mode == RunMode::Testing => AudienceSpec::All,
            Audience::Segment(segment) => self.segment(tx, segment)?,
            Audience::All | Audience::Devices(_) => spec.audience,
        };
        Ok(CampaignSpec { id, account: self.account, audience, messages, ..spec })
    }
}

/// What a campaign watches.
#[derive(Default)]
struct Watched {
    everywhere: bool,
    /// Ascending, each once.
    targets: Vec<TargetKey>,
}

impl Watched {
    fn by(
        campaign: &Campaign,
        tx: &mut dyn Tx,
        records: &mut Records,
    ) -> Result<Self, CompileError> {
        let mut watched = Self::default();
        for block in &campaign.locations {
            match block {
                Location::General(general) => {
                    let meant = Gazetteer::over(tx, records).meant(general)?;
                    watched.everywhere |= meant.nationwide;
                    watched.targets.extend(TargetKey::of_meant(&meant, general.condition));
                }
                Location::Residential(home) => {
                    watched.targets.extend(home.regions.iter().copied().map(TargetKey::Home));
                }
            }
        }
        watched.targets.sort_unstable();
        watched.targets.dedup();
        Ok(watched)
    }
}

/// Whether a message names the districts of what a device has met.
fn names_districts(campaign: &Campaign) -> bool {
    let texts = campaign.messages.iter().flat_map(|message| [&message.title, &message.body]);
    texts.into_iter().any(|text| text.contains("${district_"))
}
