//! Records reach the shard that owns their device, in order, and tickets resolve once.

use std::sync::Arc;

use crate::clock::Clock;
use crate::domain::fix::Fix;
use crate::domain::ids::{AccountId, AppId, DeviceId, DeviceKey};
use crate::domain::ping::PingFlags;
use crate::domain::policy::Policy;
use crate::domain::reasons::RejectReason;
use crate::domain::submission::{Lost, Records, Submission, SubmitError};
use crate::domain::units::{PointE7, UtcMs};
use crate::snapshot::samples::{loaded, source};
use crate::snapshot::slot::Slot;

use super::mailbox::{Delivery, Inbox, mailbox};
use super::parts::Failed;
use super::policy::PolicyInForce;
use super::router::{Deal, Router};

fn fix(device: u128, ms: i64) -> Fix {
    Fix {
        device: DeviceId(device.to_be_bytes()),
        at: PointE7 { lat: 0, lon: 0 },
        fixed_at: UtcMs(ms),
        accuracy_m: 5,
        flags: PingFlags(0),
    }
}

fn submission(fixes: Vec<Fix>) -> Submission {
    Submission {
        account: AccountId(3),
        app: AppId(1),
        origin: None,
        received_at: UtcMs(0),
        records: Records::Fixes(fixes),
    }
}

fn router(shards: usize, capacity: u32) -> (Router, Vec<Inbox>) {
    let deal = Deal::new(shards);
    let (boxes, inboxes) = (0..shards).map(|_| mailbox(capacity)).unzip();
    let (clock, _hands) = Clock::manual(UtcMs(0));
    let failed = Arc::new(Failed::default());
    let (policy, slot) = (PolicyInForce::new(Policy::default()), Arc::default());
    (Router::new(deal, boxes, clock, policy, slot, failed), inboxes)
}

#[tokio::test]
async fn every_record_reaches_its_owner_in_order() {
    let (router, inboxes) = router(3, 10_000);
    let fixes: Vec<Fix> =
        (0..600).map(|n| fix(u128::from(n % 97 + 1_u32) << 7, i64::from(n))).collect();
    let ticket = router.submit(submission(fixes)).await.expect("open");
    let deal = Deal::new(3);
    let mut seen = 0;
    for (shard, inbox) in inboxes.iter().enumerate() {
        let Delivery { parcel, ticket: part } =
            inbox.receiver.try_recv().expect("each shard owns some of 97 devices");
        let Records::Fixes(fixes) = &parcel.records else { panic!("fixes were sent") };
        let mut rest = &fixes[..];
        for (partition, count) in &parcel.parts {
            assert_eq!(deal.owner(*partition), shard);
            let (mine, others) = rest.split_at(*count as usize);
            for fix in mine {
                let key = DeviceKey { account: AccountId(3), device: fix.device };
                assert_eq!(key.partition(), *partition);
            }
            assert!(mine.windows(2).all(|two| two[0].fixed_at < two[1].fixed_at));
            rest = others;
        }
        assert!(rest.is_empty());
        seen += fixes.len();
        part.count(RejectReason::Jump, 1);
        part.applied();
    }
    assert_eq!(seen, 600);
    let applied = ticket.await.expect("all parts are applied");
    assert_eq!(applied.rejects[usize::from(RejectReason::Jump.number())], 3);
}

#[tokio::test]
async fn a_full_mailbox_makes_the_sender_wait() {
    let (router, inboxes) = router(1, 10);
    let _first = router.submit(submission((0..10).map(|n| fix(n + 1, 0)).collect())).await;
    let second = router.submit(submission(vec![fix(99, 0)]));
    tokio::pin!(second);
    let timeout = tokio::time::timeout(std::time::Duration::from_millis(20), &mut second).await;
    assert!(timeout.is_err(), "no room yet");
    let Delivery { parcel, .. } = inboxes[0].receiver.recv().expect("the first");
    inboxes[0].give_back(parcel.records.len());
    second.await.expect("room was made");
}

#[tokio::test]
async fn a_shard_that_ends_loses_its_tickets() {
    let (router, mut inboxes) = router(2, 100);
    let ticket = router.submit(submission((0..50).map(|n| fix(n + 1, 0)).collect())).await;
    inboxes.clear();
    assert_eq!(ticket.expect("was open").await, Err(Lost::Stopped));
    let refused = router.submit(submission(vec![fix(1, 0)])).await;
    assert!(matches!(refused, Err(SubmitError::Closed { .. })), "nobody drains: {refused:?}");
    router.drain();
    let refused = router.submit(submission(vec![fix(1, 0)])).await;
    assert!(matches!(refused, Err(SubmitError::Draining)));
}

#[tokio::test]
async fn a_clock_that_stepped_closes_intake_until_it_is_accepted() {
    let (boxes, _inboxes): (Vec<_>, Vec<_>) = (0..1).map(|_| mailbox(100)).unzip();
    let (clock, hands) = Clock::manual(UtcMs(0));
    let failed = Arc::new(Failed::default());
    let router = Router::new(
        Deal::new(1),
        boxes,
        clock.clone(),
        PolicyInForce::new(Policy::default()),
        Arc::default(),
        Arc::clone(&failed),
    );
    hands.step_ms(3_600_000);
    let _noticed = clock.now();
    let refused = router.submit(submission(vec![fix(1, 0)])).await.expect_err("it stepped");
    assert!(refused.to_string().contains("clock"), "{refused}");
    clock.accept_step();
    router.submit(submission(vec![fix(1, 0)])).await.expect("an operator has looked");
    failed.note("the first reason");
    failed.note("another");
    let refused = router.submit(submission(vec![fix(1, 0)])).await.expect_err("a part failed");
    assert!(refused.to_string().contains("the first reason"), "{refused}");
}

#[tokio::test]
async fn nothing_is_taken_while_draining() {
    let (router, _inboxes) = router(1, 100);
    router.drain();
    let refused = router.submit(submission(vec![fix(1, 0)])).await;
    assert!(matches!(refused, Err(SubmitError::Draining)));
}

#[test]
fn apps_are_those_of_the_snapshot_in_force() {
    let (mail, _inbox) = mailbox(16);
    let (clock, _hands) = Clock::manual(UtcMs(0));
    let (policy, slot) = (PolicyInForce::new(Policy::default()), Arc::new(Slot::new()));
    let failed = Arc::new(Failed::default());
    let router = Router::new(Deal::new(1), vec![mail], clock, policy, Arc::clone(&slot), failed);
    assert!(router.may_have_app(AccountId(1), AppId(9)), "nobody knows yet");
    slot.publish(Arc::new(loaded(&source(), 1, None))).expect("the first");
    let has = |account, app| router.may_have_app(AccountId(account), AppId(app));
    assert!(has(1, 1) && has(1, 2) && !has(1, 9));
    assert!(has(2, 9), "of an account that is not there the engine has its own to say");
}
