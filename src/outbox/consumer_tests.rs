//! Consumers: ack and resume, two of them, tenancy, filters, late jobs, retention, idleness, limits.

use std::path::Path;
use std::sync::atomic::Ordering;

use tempfile::tempdir;

use super::config::OutboxConfig;
use super::consumer::{Consumer, ConsumerKey, ConsumerName, Filter, HandOut, NoConsumer, Owner};
use super::orders::{ConsumerError, Start};
use super::read::{ReadAsk, scan};
use super::record::{Content, RecordKind};
use super::samples::*;
use super::store::Outbox;
use crate::domain::decision::EventKind;
use crate::domain::ids::{InputSeq, PartitionId};
use crate::domain::units::UtcMs;

async fn with_jobs(world: &World, dir: &Path, config: OutboxConfig, jobs: u64) -> Outbox {
    let outbox = world.open(dir, config);
    outbox.release((1..=jobs).map(|seq| job(1, (0, seq, 0))).collect()).expect("it runs");
    visible(&outbox, jobs).await;
    outbox
}

#[tokio::test]
async fn the_same_comes_again_until_it_is_acknowledged() {
    let dir = tempdir().expect("a folder");
    let outbox = with_jobs(&World::new(), dir.path(), OutboxConfig::default(), 10).await;
    let (a, b) = (consumer_of(1, "a"), consumer_of(1, "b"));
    create(&outbox, &a).await;
    create(&outbox, &b).await;
    let first = outbox.read(&a, ReadAsk { after: None, limit: 4 }).await.expect("a reading");
    assert_eq!((offsets(&first), first.has_more), (vec![1, 2, 3, 4], true));
    assert_eq!(outbox.read(&a, ReadAsk { after: None, limit: 4 }).await.expect("again"), first);
    outbox.ack(a.clone(), 3).await.expect("seen");
    outbox.ack(a.clone(), 2).await.expect("an older ack changes nothing");
    assert_eq!(offsets(&read(&outbox, &a).await), [4, 5, 6, 7, 8, 9, 10]);
    assert_eq!(offsets(&read(&outbox, &b).await).len(), 10, "the other one has its own place");
    let ahead = outbox.ack(a, 11).await.expect_err("nobody has seen 11");
    assert!(matches!(ahead, ConsumerError::Ahead { offset: 11, newest: 10 }));
    outbox.close().expect("closed");
}

#[tokio::test]
async fn reading_on_without_an_ack_goes_as_far_as_was_shown() {
    let dir = tempdir().expect("a folder");
    let outbox = with_jobs(&World::new(), dir.path(), OutboxConfig::default(), 10).await;
    let key = consumer_of(1, "a");
    create(&outbox, &key).await;
    let ask = |after| ReadAsk { after: Some(after), limit: 4 };
    let skipped = outbox.read(&key, ask(8)).await.expect("a reading");
    assert_eq!(offsets(&skipped), [1, 2, 3, 4], "nothing was shown yet, so nothing is skipped");
    let second = outbox.read(&key, ask(4)).await.expect("a reading");
    assert_eq!(offsets(&second), [5, 6, 7, 8]);
    let again = outbox.read(&key, ask(2)).await.expect("a reading");
    assert_eq!(offsets(&again), [3, 4, 5, 6]);
    outbox.close().expect("closed");
}

#[tokio::test]
async fn an_account_sees_its_own_records_and_consumers_alone() {
    let dir = tempdir().expect("a folder");
    let outbox = World::new().open(dir.path(), OutboxConfig::default());
    let records = vec![job(1, (0, 1, 0)), job(2, (0, 2, 0)), job(1, (0, 3, 0)), job(2, (0, 4, 0))];
    outbox.release(records).expect("it runs");
    visible(&outbox, 4).await;
    let (one, two) = (consumer_of(1, "same"), consumer_of(2, "same"));
    create(&outbox, &one).await;
    assert!(matches!(
        outbox.read(&two, ReadAsk { after: None, limit: 9 }).await,
        Err(ConsumerError::Unknown { .. })
    ));
    create(&outbox, &two).await;
    let all = ConsumerKey { owner: Owner::Operator, name: one.name.clone() };
    create(&outbox, &all).await;
    assert_eq!(offsets(&read(&outbox, &one).await), [1, 3]);
    assert_eq!(offsets(&read(&outbox, &two).await), [2, 4]);
    assert_eq!(offsets(&read(&outbox, &all).await), [1, 2, 3, 4]);
    assert_eq!(outbox.consumers(Some(two.owner)).len(), 1);
    let place = |key: &ConsumerKey| outbox.consumers(Some(key.owner))[0].consumer.acked;
    assert_eq!((place(&one), place(&two)), (0, 1), "another's records need no ack");
    outbox.close().expect("closed");
}

#[tokio::test]
async fn a_filter_shows_its_kinds_and_what_it_leaves_out_needs_no_ack() {
    let dir = tempdir().expect("a folder");
    let outbox = World::new().open(dir.path(), OutboxConfig::default());
    let clicks = consumer_of(1, "clicks");
    let filter = Filter::of(&[RecordKind::Clicked]).expect("a kind");
    outbox.create(clicks.clone(), Start::Earliest, filter).await.expect("a consumer");
    let mut records: Vec<_> = (1..=5).map(|seq| job(1, (0, seq, 0))).collect();
    records.push(event(1, (0, 6, 0), EventKind::Clicked));
    records.push(event(1, (0, 7, 0), EventKind::Delivered));
    outbox.release(records).expect("it runs");
    visible(&outbox, 7).await;
    assert_eq!(offsets(&read(&outbox, &clicks).await), [6]);
    assert_eq!(outbox.consumers(None)[0].consumer.acked, 5);
    outbox.ack(clicks.clone(), 6).await.expect("seen");
    assert!(read(&outbox, &clicks).await.records.is_empty());
    assert_eq!(outbox.consumers(None)[0].lag, 0);
    let other = outbox.create(clicks.clone(), Start::Latest, Filter::ALL).await;
    assert!(matches!(other, Err(ConsumerError::OtherFilter { .. })));
    let same = outbox.create(clicks, Start::Latest, filter).await.expect("the same");
    assert!(!same.is_new);
    outbox.close().expect("closed");
}

#[tokio::test]
async fn visits_that_are_not_exported_are_written_and_no_consumer_gets_them() {
    let dir = tempdir().expect("a folder");
    let outbox = World::new().open(dir.path(), OutboxConfig::default());
    let all = consumer_of(1, "all");
    create(&outbox, &all).await;
    let mut kept = visit(1, (0, 1, 0));
    let Content::Visit(content) = &mut kept.content else { panic!("a visit is a visit") };
    content.is_exported = false;
    outbox.release(vec![kept, visit(1, (0, 2, 0)), job(1, (0, 3, 0))]).expect("it runs");
    visible(&outbox, 3).await;
    assert_eq!(outbox.figures().written(RecordKind::Visited), 2);
    assert_eq!(offsets(&read(&outbox, &all).await), [2, 3]);
    assert_eq!(outbox.consumers(None)[0].consumer.acked, 1, "it needs no ack");
    outbox.close().expect("closed");
}

#[tokio::test]
async fn a_late_job_leaves_as_expired_and_each_consumer_gets_it_one_way() {
    let dir = tempdir().expect("a folder");
    let world = World::new();
    let outbox = with_jobs(&world, dir.path(), OutboxConfig::default(), 2).await;
    let (soon, late) = (consumer_of(1, "soon"), consumer_of(1, "late"));
    create(&outbox, &soon).await;
    create(&outbox, &late).await;
    let kinds = |reading: &super::read::Reading| -> Vec<_> {
        reading.records.iter().map(|handed| handed.kind).collect()
    };
    let first = outbox.read(&soon, ReadAsk { after: None, limit: 1 }).await.expect("a reading");
    assert_eq!(kinds(&first), [RecordKind::PushJob]);
    world.pass_s(TTL_S);
    assert_eq!(kinds(&read(&outbox, &soon).await), [RecordKind::PushJob, RecordKind::Expired]);
    assert_eq!(kinds(&read(&outbox, &late).await), [RecordKind::Expired; 2]);
    assert_eq!(outbox.figures().expired.load(Ordering::Relaxed), 3);
    outbox.close().expect("closed");
    drop(outbox);
    let outbox = world.open(dir.path(), OutboxConfig::default());
    assert_eq!(
        kinds(&read(&outbox, &soon).await),
        [RecordKind::PushJob, RecordKind::Expired],
        "the decision outlives a restart"
    );
    outbox.close().expect("closed");
}

#[tokio::test]
async fn what_is_acknowledged_while_it_is_read_does_not_come_again() {
    let dir = tempdir().expect("a folder");
    let world = World::new();
    let outbox = with_jobs(&world, dir.path(), OutboxConfig::default(), 3).await;
    let key = consumer_of(1, "a");
    create(&outbox, &key).await;
    let first = outbox.read(&key, ReadAsk { after: None, limit: 2 }).await.expect("a reading");
    assert_eq!(offsets(&first), [1, 2]);
    // The stages of a read, one by one: it has seen how far the consumer is when the acknowledgement comes.
    let ask = ReadAsk { after: None, limit: 1000 };
    let (consumer, from) = outbox.sit_down(&key, ask).expect("it is there");
    outbox.ack(key.clone(), 2).await.expect("seen");
    world.pass_s(TTL_S + 1);
    let found = scan(&outbox.shared, &key, &consumer, from, ask.limit).expect("readable");
    let reading = outbox.hand_out(&key, consumer, from, &found).await.expect("a reading");
    assert_eq!(offsets(&reading), [3], "1 and 2 have left as jobs, and would now be too late");
    assert_eq!(reading.records[0].kind, RecordKind::Expired);
    outbox.close().expect("closed");
}

#[tokio::test]
async fn retention_removes_what_all_have_passed_and_no_more() {
    let dir = tempdir().expect("a folder");
    let world = World::new();
    let config = OutboxConfig { retain_min_s: 600, ..OutboxConfig::default() };
    let outbox = with_jobs(&world, dir.path(), config, 10).await;
    let (a, b) = (consumer_of(1, "a"), consumer_of(1, "b"));
    create(&outbox, &a).await;
    create(&outbox, &b).await;
    world.pass_s(100);
    outbox.release((11..=20).map(|seq| job(1, (0, seq, 0))).collect()).expect("it runs");
    visible(&outbox, 20).await;
    outbox.ack(a, 20).await.expect("seen");
    outbox.ack(b.clone(), 9).await.expect("seen");
    world.pass_s(1000);
    outbox.ack(b.clone(), 9).await.expect("seen");
    assert_eq!(outbox.span(), (1, 20), "b still needs the tenth");
    outbox.ack(b.clone(), 10).await.expect("seen");
    world.pass_s(2);
    until("the first stretch is gone", || outbox.span() == (11, 20)).await;
    assert_eq!(offsets(&read(&outbox, &b).await), (11..=20).collect::<Vec<_>>());
    outbox.close().expect("closed");
    drop(outbox);
    let outbox = world.open(dir.path(), OutboxConfig::default());
    assert_eq!(outbox.span(), (11, 20));
    outbox.release(vec![job(1, (0, 21, 0))]).expect("it runs");
    visible(&outbox, 21).await;
    outbox.close().expect("closed");
}

#[tokio::test]
async fn at_its_size_limit_it_is_full_until_consumers_have_passed() {
    let dir = tempdir().expect("a folder");
    let world = World::new();
    let config = OutboxConfig { outbox_max_bytes: 20_000, ..OutboxConfig::default() };
    let outbox = world.open(dir.path(), config.clone());
    let key = consumer_of(1, "a");
    create(&outbox, &key).await;
    outbox.release((1..=100).map(|seq| job(1, (0, seq, 0))).collect()).expect("it runs");
    visible(&outbox, 100).await;
    until("it is full", || outbox.is_full()).await;
    outbox.release(vec![job(1, (0, 101, 0))]).expect("what is on its way is still written");
    visible(&outbox, 101).await;
    outbox.ack(key.clone(), 60).await.expect("seen");
    until("it has room", || !outbox.is_full()).await;
    let held_bytes = outbox.figures().held_bytes.load(Ordering::Relaxed);
    assert!(held_bytes < config.outbox_max_bytes, "{held_bytes}");
    assert_eq!(offsets(&read(&outbox, &key).await), (61..=101).collect::<Vec<_>>());
    outbox.close().expect("closed");
}

#[tokio::test]
async fn without_consumers_age_alone_keeps_records() {
    let dir = tempdir().expect("a folder");
    let world = World::new();
    let outbox = with_jobs(&world, dir.path(), OutboxConfig::default(), 5).await;
    world.pass_s(61);
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    assert_eq!(outbox.span(), (1, 5));
    world.pass_s(3600);
    until("they are gone", || outbox.span() == (6, 5)).await;
    outbox.close().expect("closed");
}

#[tokio::test]
async fn an_idle_consumer_is_dropped_but_a_stopped_daemon_is_no_idleness() {
    let dir = tempdir().expect("a folder");
    let world = World::new();
    let config = OutboxConfig { consumer_ttl_s: 1000, ..OutboxConfig::default() };
    let outbox = with_jobs(&world, dir.path(), config.clone(), 1).await;
    let (idle, busy) = (consumer_of(1, "idle"), consumer_of(1, "busy"));
    create(&outbox, &idle).await;
    create(&outbox, &busy).await;
    outbox.close().expect("closed");
    drop(outbox);
    world.pass_s(5000);
    let outbox = world.open(dir.path(), config);
    world.pass_s(900);
    read(&outbox, &busy).await;
    world.pass_s(200);
    until("the idle one is gone", || outbox.consumers(None).len() == 1).await;
    assert_eq!(outbox.consumers(None)[0].key, busy);
    assert_eq!(outbox.figures().consumers_dropped.load(Ordering::Relaxed), 1);
    outbox.close().expect("closed");
}

#[tokio::test]
async fn idleness_adds_up_over_restarts_and_a_step_of_the_clock_is_none() {
    let dir = tempdir().expect("a folder");
    let world = World::new();
    let config = OutboxConfig { consumer_ttl_s: 1000, ..OutboxConfig::default() };
    let key = consumer_of(1, "gone");
    let outbox = with_jobs(&world, dir.path(), config.clone(), 1).await;
    create(&outbox, &key).await;
    // A week forward: everyone would look idle by the system clock.
    world.step_s(7 * 86_400 + 5000);
    outbox.marks(vec![(PartitionId(1), InputSeq(9))]).expect("it runs");
    until("it is written", || outbox.durable(PartitionId(1)) == InputSeq(9)).await;
    assert_eq!(outbox.consumers(None).len(), 1);
    outbox.close().expect("closed");
    drop(outbox);
    for start in 0..3 {
        let outbox = world.open(dir.path(), config.clone());
        assert_eq!(outbox.consumers(None).len(), 1, "start {start}");
        world.pass_s(400);
        if start == 2 {
            until("three times 400 s are too long", || outbox.consumers(None).is_empty()).await;
        }
        outbox.close().expect("closed");
    }
}

#[tokio::test]
async fn an_account_has_so_many_consumers_and_a_removed_one_makes_room() {
    let dir = tempdir().expect("a folder");
    let config = OutboxConfig { consumers_per_account: 2, ..OutboxConfig::default() };
    let outbox = with_jobs(&World::new(), dir.path(), config, 3).await;
    create(&outbox, &consumer_of(1, "a")).await;
    create(&outbox, &consumer_of(1, "b")).await;
    let c = consumer_of(1, "c");
    let refused = outbox.create(c.clone(), Start::Earliest, Filter::ALL).await;
    assert!(matches!(refused, Err(ConsumerError::TooMany { limit: 2 })));
    create(&outbox, &consumer_of(2, "a")).await;
    outbox.remove(consumer_of(1, "a")).await.expect("it was there");
    let latest = outbox.create(c, Start::Latest, Filter::ALL).await.expect("there is room");
    assert_eq!(latest.consumer.acked, 3);
    let gone = outbox.remove(consumer_of(1, "a")).await;
    assert!(matches!(gone, Err(ConsumerError::Unknown { .. })));
    outbox.close().expect("closed");
}

#[tokio::test]
async fn who_never_acknowledges_is_stopped_at_a_stated_number_of_hand_outs() {
    let dir = tempdir().expect("a folder");
    let world = World::new();
    let outbox = with_jobs(&world, dir.path(), OutboxConfig::default(), 1100).await;
    let key = consumer_of(1, "a");
    create(&outbox, &key).await;
    let mut after = 0;
    let refused = loop {
        world.pass_s(1);
        match outbox.read(&key, ReadAsk { after: Some(after), limit: 1 }).await {
            Ok(reading) => after = reading.through,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, ConsumerError::AckFirst { limit: 1024, .. }), "{refused}");
    assert_eq!(after, 1024);
    outbox.ack(key.clone(), after).await.expect("seen");
    let next = outbox.read(&key, ReadAsk { after: None, limit: 1 }).await.expect("goes on");
    assert_eq!(offsets(&next), [1025]);
    outbox.close().expect("closed");
}

#[test]
fn names_are_small_and_plain() {
    for good in ["a", "7", "crm-1", "a.b_c", &"x".repeat(64)] {
        assert_eq!(ConsumerName::parse(good).expect("a name").as_str(), good);
    }
    for bad in ["", "A", "-a", ".", "a b", "a/b", "가", &"x".repeat(65)] {
        let error = ConsumerName::parse(bad).expect_err("no name");
        assert!(error.to_string().contains("a-z"), "{error}");
    }
}

#[test]
fn states_and_keys_come_back_from_their_bytes_and_others_are_refused() {
    let mut consumer = Consumer {
        acked: 5,
        filter: Filter::of(&[RecordKind::PushJob, RecordKind::Expired]).expect("kinds"),
        created_at: NOON,
        seen_at: NOON.plus_s(1),
        idle_ms: 17,
        hand_outs: Vec::new(),
    };
    consumer.hand_out(HandOut { through: 9, decided_at: UtcMs(1) });
    consumer.hand_out(HandOut { through: 7, decided_at: UtcMs(2) });
    consumer.hand_out(HandOut { through: 12, decided_at: UtcMs(3) });
    assert_eq!(
        [6, 9, 10, 12].map(|at| consumer.decided_at(at)),
        [1, 1, 3, 3].map(|at| Some(UtcMs(at)))
    );
    assert_eq!(consumer.decided_at(13), None);
    let bytes = consumer.to_bytes();
    assert_eq!(Consumer::from_bytes(&bytes), Ok(consumer));
    // 3 bytes, four words, then pairs of words: any other length is cut.
    for len in (0..bytes.len()).filter(|len| *len < 35 || (len - 35) % 16 != 0) {
        assert_eq!(Consumer::from_bytes(&bytes[..len]), Err(NoConsumer::Malformed), "{len}");
    }
    let newer: Vec<u8> = [&[2], &bytes[1..]].concat();
    assert_eq!(Consumer::from_bytes(&newer), Err(NoConsumer::Newer(2)));
    for key in [consumer_of(9, "x"), ConsumerKey { owner: Owner::Operator, ..consumer_of(0, "y") }]
    {
        assert_eq!(ConsumerKey::from_bytes(&key.to_bytes()), Some(key));
    }
    assert_eq!(ConsumerKey::from_bytes(&[2, 0, 0, 0, 0, b'a']), None);
    assert_eq!(ConsumerKey::from_bytes(&[1, 0, 0, 0]), None);
}
