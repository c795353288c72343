//! Campaigns on a line of fences, and the editions in which they change: the small worlds of the engine's
//! oracle tests. Each edition stops one campaign or starts it again.

use std::sync::{Arc, Mutex, PoisonError};

use super::hardware::Hardware;
use super::lots::Lots;
use crate::domain::campaign::{
    AccountSpec, CampaignSpec, Condition, Frequency, MessageSpec, RunMode,
};
use crate::domain::ids::{AppId, CampaignId, DeviceId, TargetId};
use crate::domain::target::{PlaceArea, TargetSpec};
use crate::engine::model::{Line, Run};
use crate::engine::testkit;
use crate::snapshot::build::{BuildOptions, Source, build};
use crate::snapshot::load::Loaded;
use crate::snapshot::samples;

/// Fences: id, metres north, radius. The last two are the signal range and the inside of a store.
const FENCES: [(u32, f64, f64); 4] =
    [(1, 0.0, 100.0), (2, 150.0, 100.0), (3, 0.0, 300.0), (4, 0.0, 60.0)];

/// Which of the store's areas a fence is.
fn area(fence: u32) -> Option<PlaceArea> {
    match fence {
        3 => Some(PlaceArea::Signal),
        4 => Some(PlaceArea::Inside),
        _ => None,
    }
}

/// The store that hints are about.
pub(super) const STORE: u32 = 7;

/// The campaign with a limit, where there is one.
pub(super) const LIMITED: CampaignId = CampaignId(10);

/// Editions of a catalog.
pub(super) const EDITIONS: usize = 5;

/// Different catalogs; seeds share them.
const CATALOGS: usize = 48;

/// Every one of so many has a campaign with a limit across partitions.
const LIMITED_EVERY: usize = 4;

/// What marketers do in the course of a run.
pub(super) struct Catalog {
    pub(super) editions: Vec<Edition>,
    pub(super) cap: Option<u16>,
    /// Whether the account measures visits, and exports them: consumers get every record.
    pub(super) measures: bool,
    /// How many jobs of [`LIMITED`] there may be. Which partition gets them is beyond the model.
    pub(super) limit: Option<u64>,
}

/// One snapshot; its epoch is its place, from 1.
pub(super) struct Edition {
    pub(super) loaded: Arc<Loaded>,
    /// What runs in it, as the model wants to know it.
    pub(super) runs: Vec<Run>,
}

/// A device; the model knows it by its number.
pub(super) fn device(number: u32) -> DeviceId {
    let mut id = [0x11; 16];
    id[..4].copy_from_slice(&number.to_be_bytes());
    DeviceId(id)
}

/// The number of a [`device`].
pub(super) fn number_of(device: DeviceId) -> u32 {
    let [a, b, c, d, ..] = device.0;
    u32::from_be_bytes([a, b, c, d])
}

/// The fences, as the model wants to know them.
pub(super) fn lines() -> Vec<Line> {
    let line = |(id, center_m, radius_m)| {
        let store = area(id).map(|area| (STORE, area));
        Line { id, center_m, radius_m, store }
    };
    let everywhere = (TargetId::NATIONWIDE.0, 0.0, f64::INFINITY);
    FENCES.into_iter().chain([everywhere]).map(line).collect()
}

/// The catalog of a seed. Compiled once, whoever asks.
pub(super) fn of(lots: &mut Lots) -> Arc<Catalog> {
    static KNOWN: Mutex<[Option<Arc<Catalog>>; CATALOGS]> = Mutex::new([const { None }; CATALOGS]);
    let number = lots.index(CATALOGS);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(known[number].get_or_insert_with(|| Arc::new(compiled(number))))
}

fn compiled(number: usize) -> Catalog {
    let mut lots = Lots::of(number as u64);
    let cap = lots.pick(&[None, None, Some(1), Some(3)]);
    let limit = number.is_multiple_of(LIMITED_EVERY).then(|| 1 + lots.below(4));
    let specs: Vec<CampaignSpec> =
        (0..1 + lots.below(5)).map(|place| campaign(place, limit, &mut lots)).collect();
    let measures = number.is_multiple_of(2);
    let account = AccountSpec {
        daily_cap: cap,
        measure_visits: measures,
        export_visits: measures,
        ..testkit::account(1)
    };
    Catalog { editions: editions(&account, &specs, &mut lots), cap, measures, limit }
}

/// A catalog in which these campaigns run, and nothing else is special.
pub(super) fn plain(specs: &[CampaignSpec]) -> Catalog {
    let editions = editions(&testkit::account(1), specs, &mut Lots::of(0));
    Catalog { editions, cap: None, measures: false, limit: None }
}

fn editions(account: &AccountSpec, specs: &[CampaignSpec], lots: &mut Lots) -> Vec<Edition> {
    let run = |spec: &CampaignSpec| Run { spec: spec.clone(), since: 1 };
    let mut runs: Vec<Run> = specs.iter().map(run).collect();
    let mut editions: Vec<Edition> = Vec::new();
    for epoch in 1..=EDITIONS as u64 {
        if epoch > 1 {
            toggle(&mut runs, &specs[lots.index(specs.len())], epoch);
        }
        let campaigns = runs.iter().map(|run| run.spec.clone()).collect();
        let source = Source { accounts: vec![account.clone()], targets: targets(), campaigns };
        let previous = editions.last().map(|edition| edition.loaded.view());
        let key = Hardware::keyring().installation_key();
        let options = BuildOptions { key: &key, ..samples::options(epoch, previous) };
        let built = build(&source, options).expect("the source is sound");
        let loaded = Arc::new(built.load_in_memory().expect("what was built loads"));
        editions.push(Edition { loaded, runs: runs.clone() });
    }
    editions
}

fn targets() -> Vec<TargetSpec> {
    let target = |(id, center_m, radius_m)| match area(id) {
        Some(area) => testkit::store(id, STORE, area, center_m, radius_m),
        None => testkit::fence(id, center_m, radius_m),
    };
    FENCES.into_iter().map(target).collect()
}

fn toggle(runs: &mut Vec<Run>, spec: &CampaignSpec, epoch: u64) {
    match runs.iter().position(|run| run.spec.id == spec.id) {
        Some(at) => drop(runs.remove(at)),
        None => runs.push(Run { spec: spec.clone(), since: epoch }),
    }
    runs.sort_by_key(|run| run.spec.id);
}

fn campaign(place: u64, limit: Option<u64>, lots: &mut Lots) -> CampaignSpec {
    let id = 10 + u32::try_from(place).expect("a few");
    let mask = 1 + lots.below(15);
    let all = [1, 2, 3, TargetId::NATIONWIDE.0].into_iter().enumerate();
    let watched: Vec<u32> = all.filter(|(bit, _)| mask >> bit & 1 == 1).map(|(_, id)| id).collect();
    let condition = match lots.below(3) {
        0 => Condition::Enter,
        1 => Condition::Dwell { dwell_s: lots.pick(&[60, 180, 400]) },
        _ => Condition::Exit,
    };
    let frequency = lots.pick(&[
        Frequency::OncePerPeriod,
        Frequency::OncePerDay,
        Frequency::Resend { after_s: 600 },
    ]);
    let mut spec = testkit::campaign(id, &watched);
    spec.windows[0].start_min = lots.pick(&[0, 0, 0, 12 * 60 + 10, 13 * 60]);
    let limit = limit.filter(|_| CampaignId(id) == LIMITED);
    let message = MessageSpec {
        title: "Hello".to_owned(),
        body: "${geofence}".to_owned(),
        image_url: None,
        landing_url: None,
        landing_urls: Vec::new(),
    };
    let spec = CampaignSpec {
        condition,
        frequency,
        priority: lots.pick(&[-1, 0, 1]),
        mode: if lots.one_in(5) { RunMode::Testing } else { RunMode::Running },
        test_devices: vec![device(1)],
        apps: vec![AppId(1)],
        messages: vec![message],
        ..spec
    };
    if limit.is_some() { eager(CampaignSpec { total_limit: limit, ..spec }) } else { spec }
}

/// One that pushes as often as its limit lets it. A first push waits for its lease, which an exit does not.
fn eager(spec: CampaignSpec) -> CampaignSpec {
    CampaignSpec {
        condition: Condition::Enter,
        frequency: Frequency::Resend { after_s: 600 },
        priority: 2,
        mode: RunMode::Running,
        windows: testkit::campaign(spec.id.0, &[1]).windows,
        ..spec
    }
}
