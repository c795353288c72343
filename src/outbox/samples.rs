//! Records, clocks and a small outbox for the tests of this folder and of the sink.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use crate::domain::campaign::{RunMode, Variant};
use crate::domain::decision::{EventKind, Transition, VisitEnd};
use crate::domain::ids::{
    AccountId, AppId, CampaignId, DeviceId, DeviceKey, Epoch, InputPosition, InputSeq, JobId,
    PartitionId, PlaceId, SnapshotHash, TargetId, VisitId,
};
use crate::domain::report::Platform;
use crate::domain::units::UtcMs;
use crate::identity::Keyring;

use super::config::{Clocks, OutboxConfig};
use super::consumer::{ConsumerKey, ConsumerName, Filter, Owner};
use super::orders::Start;
use super::read::{ReadAsk, Reading};
use super::record::{
    CampaignNames, Content, EventContent, JobContent, Message, OutboxRecord, TargetNames,
    VisitContent,
};
use super::store::Outbox;

/// The instant at which tests begin.
pub(crate) const NOON: UtcMs = UtcMs(1_790_000_000_000);

/// How long a sample job is worth sending, s.
pub(crate) const TTL_S: u32 = 300;

pub(crate) fn keyring() -> Keyring {
    Keyring::from_seed([7; 32])
}

pub(crate) fn device(number: u8) -> DeviceId {
    DeviceId([number; 16])
}

/// A job of an account at `(partition, seq, ordinal)`, every field filled in.
pub(crate) fn job(account: u32, (partition, seq, ordinal): (u8, u64, u32)) -> OutboxRecord {
    let owner = AccountId(account);
    let mut id = [0x80; 16];
    id[..8].copy_from_slice(&seq.to_be_bytes());
    id[15] = ordinal.to_le_bytes()[0] ^ partition;
    OutboxRecord {
        position: InputPosition { partition: PartitionId(partition), seq: InputSeq(seq) },
        ordinal,
        account: owner,
        device: keyring().seal(DeviceKey { account: owner, device: device(9) }),
        epoch: Epoch(3),
        snapshot: SnapshotHash([0xAB; 32]),
        at: NOON,
        time_zone: "Asia/Seoul".to_owned(),
        mode: RunMode::Running,
        variant: Variant::B,
        campaign: Some(CampaignNames {
            id: CampaignId(11),
            name: "가을 할인".to_owned(),
            client_code: "FALL-26".to_owned(),
        }),
        target: Some(TargetNames {
            id: TargetId(5),
            key: "seongsu-1".to_owned(),
            name: "성수점".to_owned(),
        }),
        content: Content::Job(JobContent {
            id: JobId(id),
            app: AppId(2),
            package: "com.example.app".to_owned(),
            platform: Platform::Ios,
            place: Some(PlaceId(77)),
            transition: Transition::Enter,
            bucket_span: 20_717,
            expires_at: NOON.plus_s(TTL_S),
            message: Some(Message {
                title: "성수점 20% 할인".to_owned(),
                body: "지금 들어오세요 🎁".to_owned(),
                image_url: Some("https://img.example/1.png".to_owned()),
                landing_url: Some("https://shop.example/".to_owned()),
            }),
        }),
    }
}

/// An event of an account.
pub(crate) fn event(account: u32, position: (u8, u64, u32), kind: EventKind) -> OutboxRecord {
    let job = job(account, position);
    let Content::Job(content) = &job.content else { unreachable!("a job is a job") };
    let content = EventContent { kind, job: Some(content.id), cell: 0x0088_30e1_d8ad_ffff };
    OutboxRecord { content: Content::Event(content), ..job }
}

/// The second revision of a visit that is over.
pub(crate) fn visit(account: u32, position: (u8, u64, u32)) -> OutboxRecord {
    let content = VisitContent {
        id: VisitId([0x8E; 16]),
        revision: 2,
        place: PlaceId(77),
        first_entered_at: NOON.plus_s(60),
        entered_at: NOON,
        left_at: Some(NOON.plus_s(600)),
        ended_by: Some(VisitEnd::Silence),
        hinted: true,
        confidence_pct: 100,
        cell: 0x0088_30e1_d8ad_ffff,
        is_exported: true,
    };
    OutboxRecord {
        campaign: None,
        variant: Variant::A,
        content: Content::Visit(content),
        ..job(account, position)
    }
}

/// A clock and a disk that tests turn by hand.
#[derive(Clone, Default)]
pub(crate) struct World {
    now: Arc<AtomicI64>,
    up_ms: Arc<AtomicU64>,
    free: Arc<AtomicU64>,
}

impl World {
    pub(crate) fn new() -> Self {
        let world = Self::default();
        world.now.store(NOON.0, Ordering::SeqCst);
        world.set_free(u64::MAX);
        world
    }

    pub(crate) fn pass_s(&self, seconds: u32) {
        self.up_ms.fetch_add(u64::from(seconds) * 1000, Ordering::SeqCst);
        self.step_s(i64::from(seconds));
    }

    /// Moves the system clock alone.
    pub(crate) fn step_s(&self, seconds: i64) {
        self.now.fetch_add(seconds * 1000, Ordering::SeqCst);
    }

    pub(crate) fn set_free(&self, bytes: u64) {
        self.free.store(bytes, Ordering::SeqCst);
    }

    pub(crate) fn clocks(&self) -> Clocks {
        let (now, up_ms) = (self.now.clone(), self.up_ms.clone());
        Clocks::both(
            Arc::new(move || UtcMs(now.load(Ordering::SeqCst))),
            Arc::new(move || up_ms.load(Ordering::SeqCst)),
        )
    }

    pub(crate) fn open(&self, dir: &Path, config: OutboxConfig) -> Outbox {
        let (free, clocks) = (self.free.clone(), self.clocks());
        let space = Arc::new(move || match free.load(Ordering::SeqCst) {
            0 => Err(std::io::Error::other("the disk is gone")),
            free => Ok(free),
        });
        Outbox::open_with_space(dir, config, clocks, space).expect("a new or sound outbox opens")
    }
}

pub(crate) fn consumer_of(account: u32, name: &str) -> ConsumerKey {
    let name = ConsumerName::parse(name).expect("tests use good names");
    ConsumerKey { owner: Owner::Account(AccountId(account)), name }
}

/// Waits until `count` records have ever been visible.
pub(crate) async fn visible(outbox: &Outbox, count: u64) {
    let waited = async { outbox.visible().wait_for(|&newest| newest >= count).await.map(|_| ()) };
    tokio::time::timeout(std::time::Duration::from_secs(20), waited)
        .await
        .expect("records become visible within seconds")
        .expect("the outbox is there");
}

/// Waits until a condition holds that the outbox thread brings about.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..2000 {
        if holds() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("it never came true that {what}");
}

pub(crate) async fn create(outbox: &Outbox, key: &ConsumerKey) {
    outbox.create(key.clone(), Start::Earliest, Filter::ALL).await.expect("a new consumer");
}

pub(crate) async fn read(outbox: &Outbox, key: &ConsumerKey) -> Reading {
    outbox.read(key, ReadAsk { after: None, limit: 1000 }).await.expect("a reading")
}

pub(crate) fn offsets(reading: &Reading) -> Vec<u64> {
    reading.records.iter().map(|handed| handed.offset).collect()
}
