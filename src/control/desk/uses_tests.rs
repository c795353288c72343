//! Uses of location: who, when, what for and about whom; so many a day, and for so long.

use super::calendar;
use super::uses::{
    About, USES_A_DAY, UsePage, UseRequest, Used, WITH_VISITS_A_DAY, note_use, uses,
};
use crate::control::config::CampaignsConfig;
use crate::control::documents::account::Membership;
use crate::control::refusal::Refusal;
use crate::control::samples::{Installation, NOON, PHONE, keyring, refused};
use crate::control::store::{LocationUse, Purpose, Tx, thread};
use crate::domain::ids::{AccountId, DeviceId};
use crate::domain::problem::{Kind, Problem};
use crate::domain::units::{DAY_MS, UtcMs};

fn of_campaign(purpose: Purpose, campaign: u32) -> Used {
    let about = About { campaign: Some(campaign), ..About::default() };
    let device = (purpose == Purpose::Explain).then(|| DeviceId::parse(PHONE).unwrap());
    Used { purpose, device, about }
}

fn listed(
    installation: &mut Installation,
    account: AccountId,
    asked: &UseRequest,
) -> Result<UsePage, Refusal> {
    let actor = installation.actor(account);
    thread::read(&mut installation.store, |tx| uses(tx, &actor, asked))
}

/// The campaigns of the uses that are found.
fn found(installation: &mut Installation, account: AccountId, asked: UseRequest) -> Vec<u32> {
    let page = listed(installation, account, &asked).unwrap();
    page.items.iter().map(|item| item.about.campaign.unwrap()).collect()
}

#[test]
fn uses_are_found_by_purpose_device_and_day_by_their_own_account() {
    let (mut installation, account) = Installation::with(Membership::Basic);
    let other = installation.account(Membership::Basic);
    // Noon of 2026-11-23 in Seoul, and a use every twelve hours from then on.
    for (half_days, purpose) in
        (0..).zip([Purpose::Explain, Purpose::VisitReport, Purpose::Backtest, Purpose::Explain])
    {
        installation.now = UtcMs(NOON.0 + half_days * DAY_MS / 2);
        let number = u32::try_from(half_days).unwrap();
        installation.at(account, |desk| desk.note_use(&of_campaign(purpose, number))).unwrap();
    }
    let all = UseRequest::default;
    assert_eq!(found(&mut installation, account, all()), [3, 2, 1, 0]);
    assert_eq!(found(&mut installation, other, all()), [0; 0]);
    let purpose = |word: &str| UseRequest { purpose: Some(word.to_owned()), ..all() };
    assert_eq!(found(&mut installation, account, purpose("explain")), [3, 0]);
    let device = |id: &str| UseRequest { device: Some(id.to_owned()), ..all() };
    assert_eq!(found(&mut installation, account, device(&PHONE.to_uppercase())), [3, 0]);
    let stranger = "38400000-8cf0-11bd-b23e-10b96e40000e";
    assert_eq!(found(&mut installation, account, device(stranger)), [0; 0]);
    let days = |from: Option<&str>, to: Option<&str>| UseRequest {
        from: from.map(str::to_owned),
        to: to.map(str::to_owned),
        ..all()
    };
    assert_eq!(found(&mut installation, account, days(Some("2026-11-24"), None)), [3, 2, 1]);
    assert_eq!(found(&mut installation, account, days(None, Some("2026-11-23"))), [0]);
    let day = Some("2026-11-24");
    assert_eq!(found(&mut installation, account, days(day, day)), [2, 1], "from midnight on");

    let mut pages = Vec::new();
    let mut asked = UseRequest { limit: Some(3), ..all() };
    loop {
        let page = listed(&mut installation, account, &asked).unwrap();
        pages.push(page.items.len());
        asked.cursor = page.next;
        if page.next.is_none() {
            break;
        }
    }
    assert_eq!(pages, [3, 1]);
    let wrong = [
        (purpose("gossip"), "/purpose"),
        (device("me"), "/device"),
        (device("00000000-0000-0000-0000-000000000000"), "/device"),
        (days(Some("yesterday"), None), "/from"),
        (days(Some("2026-11-24"), Some("2026-11-23")), "/to"),
        (UseRequest { limit: Some(1001), ..all() }, "limit"),
    ];
    for (asked, pointer) in wrong {
        let problem = Problem::from(listed(&mut installation, account, &asked).unwrap_err());
        let told = serde_json::to_value(&problem).unwrap();
        assert_eq!((problem.status(), told["pointer"].as_str()), (422, Some(pointer)));
    }
}

#[test]
fn a_device_is_noted_by_its_keyed_hash_alone() {
    let (mut installation, account) = Installation::with(Membership::Basic);
    installation.at(account, |desk| desk.note_use(&of_campaign(Purpose::Explain, 7))).unwrap();
    let page = listed(&mut installation, account, &UseRequest::default()).unwrap();
    let member = keyring().sealer().member(DeviceId::parse(PHONE).unwrap());
    assert_eq!(page.items[0].device, Some(format!("{member:016x}")));
    assert_eq!((&*page.items[0].by, page.items[0].purpose), ("tests", "explain"));
    let kept = std::fs::read(installation.dir.path().join("catalog.db")).unwrap();
    let log = installation.dir.path().join("catalog.db-wal");
    let kept = [kept, std::fs::read(log).unwrap_or_default()].concat();
    let id = DeviceId::parse(PHONE).unwrap().0;
    assert!(!kept.windows(16).any(|bytes| bytes == id), "the id itself is nowhere");
    assert!(!kept.windows(PHONE.len()).any(|text| text.eq_ignore_ascii_case(PHONE.as_bytes())));
}

#[test]
fn an_account_that_the_catalog_lacks_has_uses_too() {
    let mut installation = Installation::new();
    let account = AccountId(5);
    let actor = installation.actor(account);
    let used = of_campaign(Purpose::Explain, 9);
    thread::write(&mut installation.store, |tx| note_use(tx, &actor, &used)).unwrap();
    assert_eq!(found(&mut installation, account, UseRequest::default()), [9]);
}

/// So many of a day.
fn fill(tx: &mut dyn Tx, account: AccountId, at: UtcMs, uses: u32) -> Result<(), Refusal> {
    let one = |seq| LocationUse {
        seq,
        account,
        at,
        by: "tests".to_owned(),
        purpose: Purpose::Backtest,
        device: None,
        about: "{}".to_owned(),
    };
    (0..uses).try_for_each(|_| Ok(tx.note_use(&one(0))?))
}

#[test]
fn past_so_many_uses_a_day_location_is_not_used() {
    let (mut installation, account) = Installation::with(Membership::Basic);
    let other = installation.account(Membership::Basic);
    thread::write(&mut installation.store, |tx| fill(tx, account, NOON, USES_A_DAY - 1)).unwrap();
    let mut use_it = |account, at, operator| {
        (installation.now, installation.operator) = (at, operator);
        installation.at(account, |desk| desk.note_use(&of_campaign(Purpose::Explain, 1)))
    };
    use_it(account, NOON, false).unwrap();
    assert_eq!(refused(use_it(account, NOON, false)), Some(Kind::TooMany));
    // Three in the morning of UTC: the next day is 21 hours away.
    let problem = Problem::from(use_it(account, NOON, false).unwrap_err());
    assert_eq!(problem.retry_s(), Some(21 * 3600 + 1));
    use_it(account, NOON, true).expect("operators and the daemon itself go on");
    use_it(other, NOON, false).expect("it is each account's own");
    use_it(account, UtcMs(NOON.0 + 21 * 3_600_000), false).expect("the next day");
}

#[test]
fn visits_are_handed_over_past_them_and_not_without_an_end() {
    let (mut installation, account) = Installation::with(Membership::Premium);
    thread::write(&mut installation.store, |tx| fill(tx, account, NOON, WITH_VISITS_A_DAY - 1))
        .unwrap();
    let mut use_it =
        |purpose| installation.at(account, |desk| desk.note_use(&of_campaign(purpose, 1)));
    assert_eq!(refused(use_it(Purpose::Explain)), Some(Kind::TooMany));
    use_it(Purpose::Visits).expect("jobs stand between them");
    assert_eq!(refused(use_it(Purpose::Visits)), Some(Kind::TooMany));
}

#[test]
fn what_can_not_be_noted_is_not_done() {
    let (mut installation, account) = Installation::with(Membership::Basic);
    let path = installation.dir.path().join("catalog.db");
    rusqlite::Connection::open(path).unwrap().execute("DROP TABLE location_uses", ()).unwrap();
    // As a request does it: nothing is looked at for an answer before this.
    let answered = installation.at(account, |desk| {
        desk.note_use(&of_campaign(Purpose::VisitReport, 1))?;
        Ok("who came")
    });
    assert_eq!(refused(answered), Some(Kind::Internal));
}

#[test]
fn uses_are_forgotten_when_they_are_old_enough() {
    let (mut installation, account) = Installation::with(Membership::Basic);
    for day in 0..3 {
        installation.now = UtcMs(NOON.0 + day * DAY_MS);
        let number = u32::try_from(day).unwrap();
        let used = of_campaign(Purpose::Explain, number);
        installation.at(account, |desk| desk.note_use(&used)).unwrap();
    }
    let config = CampaignsConfig { location_uses_days: 183, ..CampaignsConfig::default() };
    let mut look = |ms: i64| {
        let now = UtcMs(NOON.0 + 183 * DAY_MS + ms);
        let shelf = installation.shelf();
        thread::write(&mut installation.store, |tx| {
            calendar::look(tx, now, &keyring(), &config, &shelf)
        })
        .unwrap();
        found(&mut installation, account, UseRequest::default())
    };
    assert_eq!(look(0), [2, 1, 0], "as old as may be");
    assert_eq!(look(1), [2, 1]);
    assert_eq!(look(DAY_MS + 1), [2]);
}
