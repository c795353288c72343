//! Notices: one for each thing that happens, once, in the transaction of what they tell of, and so many of them.

use serde_json::json;

use super::calendar;
use super::changes::Seen;
use super::states::{CopyRequest, State};
use crate::control::config::CampaignsConfig;
use crate::control::documents::account::Membership;
use crate::control::documents::notice::NoticeOf;
use crate::control::documents::{Campaign, Notice, Shown};
use crate::control::samples::{Installation, NOON, campaign, keyring, parsed, set};
use crate::control::store::thread;
use crate::domain::ids::AccountId;
use crate::domain::units::{DAY_MS, UtcMs};

fn notices(installation: &mut Installation, account: AccountId) -> Vec<Shown<Notice>> {
    installation.at(account, |desk| Ok(desk.notices_after(0, 1000)?)).unwrap()
}

fn told(installation: &mut Installation, account: AccountId) -> Vec<(NoticeOf, u32)> {
    let all = notices(installation, account);
    all.iter().map(|notice| (notice.document.of, notice.document.subject)).collect()
}

fn look(installation: &mut Installation, now: UtcMs, config: &CampaignsConfig) {
    let shelf = installation.shelf();
    thread::write(&mut installation.store, |tx| {
        calendar::look(tx, now, &keyring(), config, &shelf)
    })
    .unwrap();
}

#[test]
fn each_step_of_a_campaign_is_told() {
    use NoticeOf::{
        CampaignAboutToEnd, CampaignCreated, CampaignEnded, CampaignStarted, CampaignTesting,
    };
    let (mut installation, account) = Installation::with(Membership::Basic);
    let id = installation.make::<Campaign>(account, campaign());
    for state in [State::Testing, State::Waiting, State::Running, State::Running] {
        installation.at(account, |desk| desk.set_state(id, &Seen::Any, state)).unwrap();
    }
    let copy =
        CopyRequest { name: "Again".into(), start: "2027-01-01".into(), end: "2027-01-02".into() };
    installation.at(account, |desk| desk.copy(id, copy, None)).unwrap();
    let config = CampaignsConfig::default();
    // The last day begins at midnight of 2026-11-30 in Seoul; it is looked often.
    let last_day = NOON.0 + 7 * DAY_MS - DAY_MS / 2;
    for now in [last_day - 1, last_day, last_day + 1, last_day + DAY_MS, last_day + DAY_MS + 1] {
        look(&mut installation, UtcMs(now), &config);
    }
    let steps = [
        (CampaignCreated, 1),
        (CampaignTesting, 1),
        (CampaignStarted, 1),
        (CampaignCreated, 2),
        (CampaignAboutToEnd, 1),
        (CampaignEnded, 1),
    ];
    assert_eq!(told(&mut installation, account), steps);
    let all = notices(&mut installation, account);
    assert_eq!((&*all[4].document.detail, &*all[4].document.name), ("2026-11-30", "Lunch"));
    assert_eq!(all[4].created_at.as_millisecond(), last_day);
}

#[test]
fn a_near_end_is_told_ahead_and_again_when_it_has_moved() {
    let (mut installation, account) = Installation::with(Membership::Basic);
    let id = installation.make::<Campaign>(account, campaign());
    let config = CampaignsConfig { notice_lead_days: 3, ..CampaignsConfig::default() };
    let near = UtcMs(NOON.0 + 4 * DAY_MS);
    // One that waits does nothing that could end.
    look(&mut installation, near, &config);
    installation.at(account, |desk| desk.set_state(id, &Seen::Any, State::Running)).unwrap();
    look(&mut installation, UtcMs(near.0 - DAY_MS), &config);
    let ends = |installation: &mut Installation| {
        let all = told(installation, account);
        all.iter().filter(|(of, _)| *of == NoticeOf::CampaignAboutToEnd).count()
    };
    assert_eq!(ends(&mut installation), 0, "four days ahead");
    look(&mut installation, near, &config);
    look(&mut installation, near, &config);
    assert_eq!(ends(&mut installation), 1);
    let later = set(campaign(), "/end", json!("2026-12-01"));
    let moved = installation.at(account, |desk| {
        desk.set_state(id, &Seen::Any, State::Waiting)?;
        desk.replace::<Campaign>(id, &Seen::Any, parsed(later))?;
        desk.set_state(id, &Seen::Any, State::Running)
    });
    moved.unwrap();
    look(&mut installation, UtcMs(near.0 + DAY_MS), &config);
    assert_eq!(ends(&mut installation), 2);
}

#[test]
fn what_is_refused_is_not_told_and_the_oldest_are_forgotten() {
    let (mut installation, account) = Installation::with(Membership::Basic);
    let untold = installation.at(account, |desk| {
        desk.create::<Campaign>(parsed(campaign()), None)?;
        desk.get::<Campaign>(9)
    });
    assert!(untold.is_err() && notices(&mut installation, account).is_empty());
    for _one in 0..5 {
        installation.make::<Campaign>(account, campaign());
    }
    let numbers = |installation: &mut Installation| {
        notices(installation, account).iter().map(|notice| notice.id).collect::<Vec<_>>()
    };
    for (kept, left) in [(5, vec![1, 2, 3, 4, 5]), (4, vec![2, 3, 4, 5]), (1, vec![5])] {
        let config = CampaignsConfig { notices_kept: kept, ..CampaignsConfig::default() };
        look(&mut installation, NOON, &config);
        assert_eq!(numbers(&mut installation), left);
    }
    installation.make::<Campaign>(account, campaign());
    assert_eq!(numbers(&mut installation), [5, 6], "numbers only grow");
    assert_eq!(installation.at(account, |desk| Ok(desk.newest_notice()?)).unwrap(), 6);
    let after = installation.at(account, |desk| Ok(desk.notices_after(5, 10)?)).unwrap();
    assert_eq!(after.len(), 1);
}
