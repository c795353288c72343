//! A forger's snapshot: digests that fit, content that does not. It is refused, or every question to it has an
//! answer; nothing panics and nothing reads out of bounds.

use std::collections::HashMap;
use std::io;
use std::sync::LazyLock;

use jiff::civil::Date;
use proptest::prelude::*;
use rkyv::util::AlignedVec;

use super::block::{BlockHash, HEADER_LEN, encode};
use super::blocks::{
    BlockKind, Manifest, ManifestAccount, Standing, StandingAccount, StandingCampaign,
};
use super::build::{AccountsEdit, After, Dealt, Source, build, edit_accounts, renew};
use super::diff::diff;
use super::index::changes::ChangeScratch;
use super::index::{Contained, IndexView};
use super::load::{BlockSource, LoadError, Loaded, ReadError, assemble_within};
use super::memory::PrivateBytes;
use super::parts::AccountParts;
use super::samples::{KEY, account, campaign, circle, device, options, source};
use super::shelf::Shelf;
use super::view::{AccountView, CampaignView, SnapshotView, TargetView};
use crate::domain::campaign::{AudienceSpec, Variant};
use crate::domain::ids::{AccountId, AppId, CampaignId, Epoch, PlaceId, TargetId};
use crate::domain::units::{PointE7, UtcMs};

/// Blocks by name, with the one that was changed under its new name.
#[derive(Clone)]
struct Forgery {
    blocks: HashMap<BlockHash, Vec<u8>>,
    manifest: Manifest,
    standing: Standing,
}

impl BlockSource for &Forgery {
    fn read(&mut self, _kind: BlockKind, hash: BlockHash) -> Result<PrivateBytes, ReadError> {
        let bytes = self.blocks.get(&hash).ok_or(io::Error::from(io::ErrorKind::NotFound))?;
        Ok(private(bytes))
    }
}

impl Forgery {
    /// A sound snapshot, still.
    fn new() -> Self {
        let mut specs = source();
        specs.targets.push(circle(1, 4));
        specs.campaigns[0].targets.push(TargetId(4));
        specs.campaigns[0].audience = AudienceSpec::Devices((0..70).map(device).collect());
        specs.accounts.push(account(5));
        specs.targets.push(circle(5, 2));
        specs.campaigns.push(campaign(5, 1, &[2]));
        let built = build(&specs, options(1, None)).unwrap();
        let blocks = built.fresh().iter().map(|block| (block.hash, block.bytes.to_vec())).collect();
        let loaded = built.load_in_memory().unwrap();
        let parts = loaded.view().parts();
        let stands = |account: AccountView<'_>| StandingAccount {
            id: account.id().0,
            changed_in: 1,
            next_target_id: 9,
            campaigns: account
                .campaigns()
                .map(|one| StandingCampaign {
                    id: one.id().0,
                    mode: one.mode() as u8,
                    run_since: 1,
                })
                .collect(),
        };
        Self {
            blocks,
            manifest: Manifest {
                valid_from_day: 20_780,
                key_check: None,
                geometry: parts.geometry.iter().map(|block| block.hash().0).collect(),
                accounts: parts.accounts.iter().map(AccountParts::entry).collect(),
            },
            standing: Standing {
                epoch: 1,
                snapshot: [0; 32],
                rollback_of: 0,
                accounts: loaded.view().accounts().map(stands).collect(),
            },
        }
    }

    /// Changes bytes of one block and gives it, and whoever names it, digests that fit.
    fn change(&mut self, which: usize, changes: &[(usize, u8)]) {
        let mut names: Vec<BlockHash> = self.blocks.keys().copied().collect();
        names.sort_unstable();
        let old = names[which % names.len()];
        let mut bytes = self.blocks.remove(&old).unwrap();
        for (at, value) in changes {
            let archive = bytes.len() - HEADER_LEN;
            bytes[HEADER_LEN + at % archive] = *value;
        }
        let mut hasher = blake3::Hasher::new();
        hasher.update(&bytes[..32]).update(&bytes[HEADER_LEN..]);
        let new = *hasher.finalize().as_bytes();
        bytes[32..HEADER_LEN].copy_from_slice(&new);
        self.blocks.insert(BlockHash(new), bytes);
        let renamed = |name: &mut [u8; 32]| {
            if *name == old.0 {
                *name = new;
            }
        };
        self.manifest.geometry.iter_mut().for_each(renamed);
        for account in &mut self.manifest.accounts {
            let ManifestAccount { atlas, places, campaigns, calendar, schedule, .. } = account;
            let own = [atlas, places, campaigns, calendar, schedule];
            let ManifestAccount { tiles, shapes, targets, watch, audiences, .. } = account;
            let many = [tiles, shapes, targets, watch, audiences].into_iter().flatten();
            own.into_iter().for_each(renamed);
            many.for_each(renamed);
        }
    }

    fn load(&self) -> Option<Loaded> {
        self.load_within(u64::MAX).ok()
    }

    fn load_within(&self, joined_bytes: u64) -> Result<Loaded, LoadError> {
        let (hash, manifest) = encode(&self.manifest).unwrap();
        let standing = Standing { snapshot: hash.0, ..self.standing.clone() };
        let (_, standing) = encode(&standing).unwrap();
        let mut blocks = self;
        let (manifest, standing) = (private(&manifest), private(&standing));
        assemble_within(manifest, standing, &mut blocks, Shelf::default(), joined_bytes)
    }
}

/// Built once: only what is done to it differs from case to case.
static SOUND: LazyLock<Forgery> = LazyLock::new(Forgery::new);

/// The same specs with another fence: what is built upon a forged snapshot.
static MOVED: LazyLock<Source> = LazyLock::new(|| {
    let mut specs = source();
    specs.targets[0].shape = circle(1, 40).shape;
    specs
});

fn private(bytes: &[u8]) -> PrivateBytes {
    let mut copy = AlignedVec::new();
    copy.extend_from_slice(bytes);
    PrivateBytes::from_heap(copy)
}

/// Asks everything there is to ask.
fn ask(view: SnapshotView<'_>) {
    let _answers = (view.epoch(), view.hash(), view.valid_from(), view.made_for(&KEY));
    for account in view.accounts().chain(view.account(AccountId(1))) {
        ask_account(account);
        account.targets().chain(account.target(TargetId(3))).for_each(ask_target);
        account.targets_of_place(PlaceId(2)).for_each(ask_target);
        account.campaigns().chain(account.campaign(CampaignId(20))).for_each(ask_campaign);
    }
    let _difference = diff(view, view);
    let (epoch, dealt) = (Epoch(view.epoch().0 + 1), Dealt::new());
    let later = Date::constant(2027, 2, 3);
    let (changed, epoch_after) = (MOVED.clone(), view.epoch().0 + 1);
    let _built_upon = build(&changed, options(epoch_after, Some(view)));
    let after = After { epoch, previous: Some(view), dealt: &dealt };
    let _renewed = renew(view, later, after);
    let edit = AccountsEdit { put: &changed, remove: &[AccountId(5)] };
    let _edited = edit_accounts(view, &edit, &KEY, later, after);
}

fn ask_account(account: AccountView<'_>) {
    for at in [i64::MIN, 0, 1_795_402_800_000, 1_800_000_000_000, i64::MAX].map(UtcMs) {
        let _day = (account.local_day(at), account.local_day_ends_at(at));
        let _month = (account.local_month(at), account.local_month_ends_at(at));
        let _night = account.night_rule_applies(at);
    }
    let _texts = (account.name(), account.tz_name(), account.apps().count(), account.app(AppId(2)));
    let _limits = (account.daily_cap(), account.monthly_limit(), account.measures_visits());
    let _exported = account.exports_visits();
    ask_index(account.index());
    let _keys = account.all_keys().map(|(key, _)| key.len()).sum::<usize>();
    for member in [0, 1, u64::MAX, KEY.member(device(900))] {
        let _listed = (account.blacklist_has(member), account.blacklist_has_echo(member));
    }
}

fn ask_target(target: TargetView<'_>) {
    let _what = (target.id(), target.key(), target.name(), target.place(), target.size_m());
    let _labels = target.labels();
    let _shape = target.shape();
    let _campaigns = target.campaigns().map(|one| one.id().0).max();
    for (lat, lon) in
        [(375_665_000, 1_269_780_000), (-900_000_000, -1_800_000_000), (0, 1_799_999_999)]
    {
        let _distance = target.distance_m(PointE7::new(lat, lon).unwrap());
    }
}

fn ask_index(index: IndexView<'_>) {
    let (mut before, mut targets) = (Contained::NONE, Vec::new());
    let mut scratch = ChangeScratch::default();
    for (lat, lon) in (-90..=90).flat_map(|lat| (-180..=180).step_by(30).map(move |lon| (lat, lon)))
    {
        let near = PointE7::new(375_665_000 + lat * 1_000, 1_269_780_000 + lon * 500).unwrap();
        for at in [near, PointE7::new(lat * 10_000_000, lon * 10_000_000).unwrap()] {
            let now = index.locate(at);
            index.targets(now, &mut targets);
            index.changes(before, now, &mut scratch, |_| ());
            let _count = index.count(now);
            before = now;
        }
    }
}

fn ask_campaign(campaign: CampaignView<'_>) {
    let _state =
        (campaign.id(), campaign.mode(), campaign.run_since(), campaign.period(), campaign.days());
    let _asks =
        (campaign.condition(), campaign.frequency(), campaign.priority(), campaign.holdout_pct());
    let _limits = (campaign.total_limit(), campaign.max_accuracy_m(), campaign.push_ttl_s());
    let _texts = (campaign.name(), campaign.client_code(), campaign.has_ab());
    let _message = (campaign.message(Variant::A), campaign.message(Variant::B));
    let _lists = (campaign.targets().count(), campaign.apps().count(), campaign.windows().count());
    let _app = (
        campaign.apps_has(AppId(1)),
        campaign.app_package(AppId(1)),
        campaign.app_platform(AppId(9)),
    );
    for at in [i64::MIN, 0, 1_795_402_800_000, i64::MAX].map(UtcMs) {
        let _when =
            (campaign.in_period(at), campaign.in_window(at), campaign.window_opens_after(at));
    }
    for member in [0, u64::MAX, KEY.member(device(3))] {
        let _whom = (campaign.audience_has(member), campaign.is_test_device(member));
    }
}

#[test]
fn accounts_that_name_the_same_blocks_over_and_over_are_refused() {
    let mut forgery = SOUND.clone();
    let (entry, stands) = (&SOUND.manifest.accounts[0], &SOUND.standing.accounts[0]);
    let mut entry = entry.clone();
    entry.tiles = vec![entry.tiles[0]; 1_000];
    forgery.manifest.accounts =
        (1..=50).map(|id| ManifestAccount { id, ..entry.clone() }).collect();
    forgery.standing.accounts =
        (1..=50).map(|id| StandingAccount { id, ..stands.clone() }).collect();
    let one = 1_000 * 128;
    assert!(forgery.load_within(60 * one).is_ok());
    let refused = forgery.load_within(40 * one).unwrap_err().to_string();
    assert!(refused.contains("take more than"), "{refused}");
}

#[test]
fn the_sound_one_loads() {
    ask(SOUND.load().unwrap().view());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_forged_snapshot_is_refused_or_has_an_answer_to_everything(
        which in 0_usize..32,
        changes in prop::collection::vec((any::<usize>(), any::<u8>()), 1..4),
    ) {
        let mut forgery = SOUND.clone();
        forgery.change(which, &changes);
        if let Some(loaded) = forgery.load() {
            ask(loaded.view());
        }
    }
}
