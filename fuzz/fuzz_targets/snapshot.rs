//! A forger's snapshot: digests that fit, content that does not. It is refused with a reason, or every question to it
//! has an answer.
#![no_main]

use std::sync::LazyLock;

use geofenced::domain::campaign::Variant;
use geofenced::domain::ids::{AccountId, AppId};
use geofenced::domain::lots::InstallationKey;
use geofenced::domain::units::{PointE7, UtcMs};
use geofenced::snapshot::diff::diff;
use geofenced::snapshot::view::{AccountView, CampaignView, SnapshotView};
use geofenced_fuzz::forged::Forger;
use libfuzzer_sys::fuzz_target;

static FORGER: LazyLock<Forger> = LazyLock::new(Forger::new);

fuzz_target!(|bytes: &[u8]| {
    let Some((&which, edits)) = bytes.split_first() else { return };
    match FORGER.load(which, edits) {
        Ok(loaded) => ask(loaded.view()),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});

fn ask(view: SnapshotView<'_>) {
    let key = InstallationKey([7; 32]);
    let _answers = (view.epoch(), view.hash(), view.valid_from(), view.made_for(&key));
    for account in view.accounts().chain(view.account(AccountId(1))) {
        ask_account(account);
        account.campaigns().for_each(ask_campaign);
    }
    let _difference = diff(view, view);
}

fn ask_account(account: AccountView<'_>) {
    for at in [i64::MIN, 0, 1_795_402_800_000, i64::MAX].map(UtcMs) {
        let _day = (account.local_day(at), account.local_day_ends_at(at));
        let _month = (account.local_month(at), account.local_month_ends_at(at));
        let _night = account.night_rule_applies(at);
    }
    let _texts = (account.name(), account.tz_name(), account.apps().count());
    let _lists = (account.blacklist_has(7), account.blacklist_has_echo(u64::MAX));
    let index = account.index();
    let mut met = Vec::new();
    let corners = [(375_665_000, 1_269_780_000), (-900_000_000, -1_800_000_000), (0, 0)];
    for at in corners.map(|(lat, lon)| PointE7::new(lat, lon).expect("on earth")) {
        let contained = index.locate(at);
        index.targets(contained, &mut met);
        let _told = index.count(contained);
        for target in account.targets() {
            let _what = (target.key(), target.name(), target.place(), target.size_m());
            let _where = (target.shape(), target.distance_m(at), target.campaigns().count());
            let _inside = index.contains(target.id(), at);
        }
        met.clear();
    }
}

fn ask_campaign(campaign: CampaignView<'_>) {
    let _what = (campaign.mode(), campaign.period(), campaign.days(), campaign.condition());
    let _how = (campaign.frequency(), campaign.total_limit(), campaign.windows().count());
    let _texts = (campaign.name(), campaign.message(Variant::A), campaign.message(Variant::B));
    let _apps = (campaign.app_package(AppId(1)), campaign.app_platform(AppId(2)));
    for at in [i64::MIN, 0, 1_795_402_800_000, i64::MAX].map(UtcMs) {
        let _when =
            (campaign.in_period(at), campaign.in_window(at), campaign.window_opens_after(at));
    }
    for member in [0, u64::MAX] {
        let _whom = (campaign.audience_has(member), campaign.is_test_device(member));
    }
}
