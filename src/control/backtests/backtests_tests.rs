//! Drafts held against the rules, tried, lined up and told.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::asked::within_campaign;
use super::{BacktestReport, BacktestRequest, Backtests, Trial, TrialError};
use crate::control::cli::{BacktestCommand, CommandError};
use crate::control::compiler::Known;
use crate::control::desk::changes::Seen;
use crate::control::desk::drafts::UNNUMBERED;
use crate::control::desk::states::State;
use crate::control::documents::account::Membership;
use crate::control::documents::{Account, Campaign, Geofence, Region};
use crate::control::refusal::Refusal;
use crate::control::samples::{
    Installation, NOON, PHONE, campaign, campaign_at, geofence, keyring, parsed, refused, region,
    set,
};
use crate::control::store::thread;
use crate::domain::fix::Fix;
use crate::domain::ids::{
    AccountId, AppId, CampaignId, DeviceId, DeviceKey, InputPosition, InputSeq, PARTITIONS,
};
use crate::domain::input::{Batch, Input};
use crate::domain::ping::PingFlags;
use crate::domain::problem::Kind as Problems;
use crate::domain::reasons::SuppressReason;
use crate::domain::units::{PointE7, UtcMs};
use crate::identity::Keyring;
use crate::journal::{Journal, JournalConfig, Resume};
use crate::offline::backtest::Backtested;
use crate::outbox::tallies::Quarter;

fn device(number: u32) -> DeviceId {
    let mut id = [0x40; 16];
    id[..4].copy_from_slice(&number.to_le_bytes());
    DeviceId(id)
}

/// Each device pings once at a place, a minute apart.
fn record(dir: &Path, keyring: &Keyring, account: AccountId, pings: &[(u32, f64, f64)]) {
    let config = JournalConfig { dir: dir.to_owned(), ..JournalConfig::default() };
    let recovery = Journal::open(config, keyring, Resume::from_start()).unwrap();
    let (journal, mut logs) = recovery.into_journal(1, || 0).unwrap();
    let mut seqs = [0; PARTITIONS];
    for (minute, (number, lat, lon)) in (0..).zip(pings) {
        let device = device(*number);
        let fixed_at = NOON.plus_s(60 * minute);
        let at = PointE7::from_degrees(*lat, *lon).unwrap();
        let fix = Fix { device, at, fixed_at, accuracy_m: 10, flags: PingFlags(0) };
        let (app, received_at) = (AppId(1), fixed_at.plus_s(1));
        let input =
            Input::Fixes(Batch { account, app, origin: None, received_at, records: &[fix] });
        let partition = DeviceKey { account, device }.partition();
        seqs[partition.index()] += 1;
        let position = InputPosition { partition, seq: InputSeq(seqs[partition.index()]) };
        logs[0].append(position, &input);
        logs[0].commit();
    }
    drop(logs);
    journal.shutdown().unwrap();
}

const HERE: (f64, f64) = (37.5, 127.0);
const AWAY: (f64, f64) = (37.6, 127.1);

fn pings() -> Vec<(u32, f64, f64)> {
    let here = (0..90).map(|number| (number, HERE.0, HERE.1));
    here.chain((90..100).map(|number| (number, AWAY.0, AWAY.1))).collect()
}

fn body(campaign: &Value) -> BacktestRequest {
    BacktestRequest::of(&json!({ "campaign": campaign })).unwrap()
}

fn tried(
    (installation, account): (&mut Installation, AccountId),
    asked: &Value,
) -> Result<BacktestReport, TrialError> {
    let asked = body(asked);
    let draft = installation.at(account, |desk| desk.draft(asked.campaign.into())).unwrap();
    let keys = keyring();
    let known = Known { keyring: &keys, figures: None };
    let compiled =
        thread::read(&mut installation.store, |tx| Ok(Trial::compile(tx, account, known, draft)));
    compiled.unwrap()?.run(installation.dir.path(), &keys, |_| true)
}

#[test]
fn a_draft_is_tried_beside_what_runs() {
    let (mut installation, account) = Installation::with(Membership::Basic);
    record(installation.dir.path(), &keyring(), account, &pings());
    let fence = installation.make::<Geofence>(account, geofence());
    let locations = json!([{ "general": { "geofences": [fence] } }]);
    let draft = set(campaign_at(locations), "/holdout_pct", json!(50));
    let asked = set(draft.clone(), "/start", json!("2031-01-01"));
    let asked = set(asked, "/end", json!("2031-01-02"));
    let alone = tried((&mut installation, account), &asked).unwrap();
    assert_eq!((alone.pings, alone.rejected), (100, 0));
    assert_eq!(alone.matches + alone.held_out, 90, "{alone:?}");
    assert_eq!((alone.users, &alone.beside), (alone.matches, &vec![]));
    assert!((20..70).contains(&alone.held_out), "{alone:?}");
    assert_eq!(alone.recorded_from, "2026-11-23T12:00:01+09:00");
    assert_eq!(alone.recorded_until, "2026-11-23T13:39:01+09:00");
    let hours: Vec<&str> = alone.hours.iter().map(|hour| &*hour.from).collect();
    assert_eq!(hours, ["2026-11-23T12:00:00+09:00", "2026-11-23T13:00:00+09:00"]);
    assert_eq!(alone.hours.iter().map(|hour| hour.matches).sum::<u64>(), alone.matches);
    assert_eq!(tried((&mut installation, account), &asked).unwrap(), alone);
    // One that is kept, under its number, and has more to do with a rival that has a higher priority.
    let kept = installation.make::<Campaign>(account, draft);
    let by_number = tried((&mut installation, account), &json!(kept)).unwrap();
    assert_eq!(by_number.matches + by_number.held_out, 90);
    let today = set(campaign(), "/start", json!("2026-11-23"));
    let rival = set(today, "/priority", json!(9));
    let rival = installation.make::<Campaign>(account, rival);
    let run = |desk: &mut crate::control::desk::Desk<'_>| {
        desk.set_state(rival, &Seen::Any, State::Running)
    };
    installation.at(account, run).unwrap();
    let beside = tried((&mut installation, account), &asked).unwrap();
    assert_eq!((&beside.beside, beside.beside_pushes), (&vec![rival], 100));
    assert_eq!(beside.pings, 100);
    // Nothing of it was kept.
    let count = installation.at(account, |desk| Ok(desk.campaigns(&["waiting"])?.len())).unwrap();
    assert_eq!(count, 1);
}

#[test]
fn without_pings_it_says_how_to_have_some() {
    let (mut installation, account) = Installation::with(Membership::Lite);
    record(installation.dir.path(), &keyring(), AccountId(77), &pings());
    let nothing = tried((&mut installation, account), &campaign()).unwrap_err();
    assert!(nothing.to_string().contains("journal.keep_recording_bytes"), "{nothing}");
}

#[test]
fn a_draft_keeps_the_rules_of_campaigns() {
    let (mut installation, account) = Installation::with(Membership::Lite);
    let mut draft = |asked: Value| {
        let asked = BacktestRequest::of(&json!({ "campaign": asked }))?;
        installation.at(account, |desk| desk.draft(asked.campaign.into())).map_err(within_campaign)
    };
    let pointer = |refusal: Result<(CampaignId, Campaign), Refusal>| {
        let refusal = refusal.unwrap_err();
        let Refusal::Faults(faults) = refusal else { panic!("{refusal}") };
        faults[0].pointer.to_string()
    };
    let (id, kept) = draft(campaign()).unwrap();
    assert_eq!((id, kept.test_devices), (UNNUMBERED, vec![PHONE.to_owned()]));
    assert_eq!(pointer(draft(set(campaign(), "/apps", json!([9])))), "/campaign/apps/0");
    assert_eq!(pointer(draft(set(campaign(), "/holdout_pct", json!(51)))), "/campaign/holdout_pct");
    assert_eq!(pointer(draft(set(campaign(), "/nmae", json!("x")))), "/campaign/nmae");
    assert_eq!(pointer(draft(json!("lunch"))), "/campaign");
    assert_eq!(refused(draft(json!(7))), Some(Problems::NotFound));
    let segment = json!({ "segment": 1 });
    let of_segment = draft(set(campaign(), "/audience", segment));
    assert_eq!(refused(of_segment), Some(Problems::MembershipLacks));
    let homes = json!([{ "residential": { "regions": [1] } }]);
    let none = draft(campaign_at(homes.clone()));
    assert_eq!(pointer(none), "/campaign/locations/0/residential/regions/0");
    installation.make::<Region>(account, region("state", None));
    let asked = body(&campaign_at(homes));
    let home = installation.at(account, |desk| desk.draft(asked.campaign.into()));
    assert!(home.unwrap().1.is_residential());
    for wrong in [json!([]), json!({}), json!({ "campaign": 1, "speed": 2 })] {
        assert_eq!(
            BacktestRequest::of(&wrong).map_err(|refusal| refusal.kind()).err(),
            Some(Problems::BadField)
        );
    }
}

fn account(membership: Membership, time_zone: &str) -> Account {
    parsed(json!({ "name": "Mart", "membership": membership, "time_zone": time_zone }))
}

fn told(account: &Account, tested: &Backtested) -> BacktestReport {
    BacktestReport::of(account, ("Lunch".to_owned(), Vec::new()), (NOON, NOON), tested)
}

fn quarter(text: &str) -> Quarter {
    Quarter::of(UtcMs(text.parse::<jiff::Timestamp>().unwrap().as_millisecond()))
}

#[test]
fn included_pushes_are_used_up_by_month_and_by_the_others_first() {
    let tested = Backtested {
        // The last quarter of November and the first of December in Seoul.
        jobs: [
            (quarter("2026-11-30T14:45:00Z"), 30_010),
            (quarter("2026-11-30T15:00:00Z"), 100_003),
        ]
        .into(),
        others: [(quarter("2026-11-01T00:00:00Z"), 70_000)].into(),
        ..Backtested::default()
    };
    let lite = told(&account(Membership::Lite, "Asia/Seoul"), &tested).cost;
    assert_eq!((lite.included_a_month, lite.over, lite.overage_krw), (Some(100_000), 13, 65));
    let premium = told(&account(Membership::Premium, "Asia/Seoul"), &tested).cost;
    assert_eq!((premium.included_a_month, premium.over, premium.overage_krw), (None, 0, 0));
    let used_up =
        Backtested { others: [(quarter("2026-11-01T00:00:00Z"), 170_000)].into(), ..tested };
    let lite = told(&account(Membership::Lite, "Asia/Seoul"), &used_up).cost;
    assert_eq!(lite.over, 30_010 + 3, "no more than its own");
}

#[test]
fn hours_are_local_and_reasons_have_their_names() {
    let jobs: BTreeMap<Quarter, u64> = [
        (quarter("2026-11-01T05:45:00Z"), 1),
        (quarter("2026-11-01T06:00:00Z"), 2),
        (quarter("2026-11-01T06:45:00Z"), 3),
    ]
    .into();
    let mut tested = Backtested { jobs, users: 4, ..Backtested::default() };
    tested.withheld[usize::from(SuppressReason::DailyCap.number())] = 5;
    tested.withheld[usize::from(SuppressReason::HeldOut.number())] = 6;
    let hours = |zone: &str| -> Vec<(String, u64)> {
        let report = told(&account(Membership::Basic, zone), &tested);
        assert_eq!((report.matches, report.users, report.held_out), (6, 4, 6));
        assert_eq!(report.suppressed, [("daily_cap", 5), ("held_out", 6)].into());
        report.hours.into_iter().map(|hour| (hour.from, hour.matches)).collect()
    };
    let of = |from: &str, matches| (from.to_owned(), matches);
    // One o'clock comes twice.
    assert_eq!(
        hours("America/New_York"),
        [of("2026-11-01T01:00:00-04:00", 1), of("2026-11-01T01:00:00-05:00", 5)]
    );
    assert_eq!(
        hours("Asia/Kolkata"),
        [of("2026-11-01T11:00:00+05:30", 3), of("2026-11-01T12:00:00+05:30", 3)]
    );
    assert!(TimeZone::get("Asia/Kolkata").is_ok());
}

#[test]
fn they_wait_in_line_and_the_oldest_are_forgotten() {
    let backtests = Backtests::default();
    let draft = || (CampaignId(1), parsed::<Campaign>(campaign()));
    let begin = |account| backtests.begin(AccountId(account), draft());
    for id in 1..=4 {
        let shown = begin(1).unwrap();
        assert_eq!((shown.id, shown.state, shown.progress_pct), (id, "waiting", 0));
        assert_eq!((shown.campaign, &*shown.name), (Some(1), "Lunch"));
    }
    assert_eq!(refused(begin(1)), Some(Problems::TooMany));
    for account in 2..=4 {
        (0..4).for_each(|_| drop(begin(account).unwrap()));
    }
    assert_eq!(refused(begin(5)), Some(Problems::TooMany), "of all accounts together");
    assert!(backtests.get(AccountId(2), 1).is_none(), "another account's");
    let list = backtests.list(AccountId(2));
    let ids: Vec<u32> = list.items.iter().map(|shown| shown.id).collect();
    assert_eq!(ids, [8, 7, 6, 5]);
}

#[test]
fn the_command_does_the_same_beside_a_catalog() {
    let mut installation = Installation::new();
    installation.account(Membership::Basic);
    let account = AccountId(1);
    let dir = installation.dir.path().to_owned();
    record(&dir, &Keyring::open(&dir).unwrap(), account, &pings());
    let untested = set(campaign(), "/test_devices", json!([]));
    let kept = installation.make::<Campaign>(account, untested.clone());
    let file = dir.join("draft.json");
    std::fs::write(&file, untested.to_string()).unwrap();
    let run = |campaign: &str, json| -> Result<String, CommandError> {
        let command = BacktestCommand {
            data_dir: dir.clone(),
            journal_dir: None,
            account: 1,
            campaign: campaign.to_owned(),
            json,
        };
        let mut out = Vec::new();
        command.run(NOON, &mut out)?;
        Ok(String::from_utf8(out).unwrap())
    };
    let by_number: Value = serde_json::from_str(&run(&kept.to_string(), true).unwrap()).unwrap();
    let by_file: Value = serde_json::from_str(&run(file.to_str().unwrap(), true).unwrap()).unwrap();
    assert_eq!((&by_number["matches"], &by_number["users"]), (&json!(100), &json!(100)));
    assert_eq!(by_number, by_file);
    let page = run(&kept.to_string(), false).unwrap();
    assert!(page.contains("pushes            100\n"), "{page}");
    assert!(run("77", true).unwrap_err().to_string().contains("there is no campaign 77"));
    std::fs::write(&file, "{").unwrap();
    assert!(run(file.to_str().unwrap(), true).unwrap_err().is_mistake());
}
