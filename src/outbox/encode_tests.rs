//! Decisions become records: names, the message, the platform, from the snapshot that decided.

use super::encode::record;
use super::message::UNKNOWN_HERE;
use super::record::{Content, JobContent, OutboxRecord, RecordKind};
use super::samples::{NOON, keyring};
use crate::domain::campaign::{AppUrl, MessageSpec, RunMode, Variant};
use crate::domain::decision::{
    AttributionEvent, Bucket, Decision, EventKind, Output, PushJob, Transition, Visit,
};
use crate::domain::ids::{
    AccountId, AppId, CampaignId, DeviceKey, Epoch, InputPosition, InputSeq, JobId, PartitionId,
    PlaceId, SnapshotHash, TargetId, VisitId,
};
use crate::domain::report::Platform;
use crate::domain::target::{Labels, TargetSpec};
use crate::snapshot::samples::{campaign, circle, device, loaded, source};

fn push_job(target: u32) -> PushJob {
    PushJob {
        id: JobId([5; 16]),
        device: DeviceKey { account: AccountId(1), device: device(1) },
        campaign: CampaignId(30),
        app: AppId(1),
        platform: Platform::Unknown,
        target: TargetId(target),
        place: (target == 2).then_some(PlaceId(2)),
        transition: Transition::Enter,
        at: NOON,
        bucket: Bucket { mode: RunMode::Testing, span: 20_717 },
        variant: Variant::A,
        expires_at: NOON.plus_s(600),
    }
}

fn decision(output: Output) -> Decision {
    Decision {
        position: InputPosition { partition: PartitionId(3), seq: InputSeq(8) },
        ordinal: 2,
        record: 0,
        epoch: Epoch(4),
        snapshot: SnapshotHash([1; 32]),
        output,
    }
}

/// The record under a snapshot whose campaign 30 watches a fence (1), a store (2) and everywhere.
fn recorded(output: Output) -> OutboxRecord {
    let mut source = source();
    let mut both = campaign(1, 30, &[1, 2, TargetId::NATIONWIDE.0]);
    both.messages = vec![MessageSpec {
        title: "${store}".to_owned(),
        body: "${geofence}, ${district_city}".to_owned(),
        image_url: Some("https://example.com/i.png".to_owned()),
        landing_url: Some("https://example.com/".to_owned()),
        landing_urls: [(2, "app://two"), (1, "app://one")]
            .map(|(app, url)| AppUrl { app: AppId(app), url: url.to_owned() })
            .into(),
    }];
    source.targets = vec![circle(1, 1), circle(1, 2), source.targets.remove(2)];
    source.campaigns.push(both);
    let snapshot = loaded(&source, 4, None);
    record(&decision(output), snapshot.view(), &mut keyring().sealer())
}

fn content(record: &OutboxRecord) -> &JobContent {
    match &record.content {
        Content::Job(job) => job,
        Content::Event(_) | Content::Visit(_) => panic!("a job makes a job record"),
    }
}

#[test]
fn a_job_gets_its_names_and_its_message() {
    let record = recorded(Output::Job(push_job(2)));
    assert_eq!((record.position.seq, record.ordinal), (InputSeq(8), 2));
    assert_eq!((record.epoch, record.snapshot), (Epoch(4), SnapshotHash([1; 32])));
    assert_eq!(record.mode, RunMode::Testing);
    assert_eq!(record.time_zone, "Asia/Seoul");
    let campaign = record.campaign.as_ref().expect("a campaign");
    assert_eq!((&*campaign.name, &*campaign.client_code), ("Campaign 30", "C-1"));
    let target = record.target.as_ref().expect("a target");
    assert_eq!((&*target.key, &*target.name), ("key-2", "펜스 2"));
    let job = content(&record);
    assert_eq!((&*job.package, job.platform), ("kr.example.app", Platform::Android));
    assert_eq!(job.place, Some(PlaceId(2)));
    let message = job.message.as_ref().expect("a message");
    assert_eq!(message.title, "펜스 2");
    assert_eq!(message.body, format!("{UNKNOWN_HERE}, {UNKNOWN_HERE}"));
    assert_eq!(message.image_url.as_deref(), Some("https://example.com/i.png"));
    assert_eq!(message.landing_url.as_deref(), Some("app://one"), "this app has its own");
    let opened = keyring().open_device(record.account, record.device).expect("our key");
    assert_eq!(opened, device(1));
}

#[test]
fn a_fence_is_no_store_and_everywhere_is_neither() {
    let message_at = |target| content(&recorded(Output::Job(push_job(target)))).message.clone();
    let fence = message_at(1).expect("a message");
    assert_eq!((&*fence.title, &*fence.body), (UNKNOWN_HERE, "펜스 1, 현재위치에서"));
    let everywhere = message_at(TargetId::NATIONWIDE.0).expect("a message");
    assert_eq!(everywhere.body, format!("{UNKNOWN_HERE}, {UNKNOWN_HERE}"));
}

const DISTRICTS: [&str; 3] = ["서울특별시", "성동구", "성수동"];

/// The message with every code at a target of this kind.
fn message_with_all_codes(target: TargetSpec) -> String {
    let mut source = source();
    let mut all = campaign(1, 30, &[2]);
    let codes =
        ["brand", "store", "geofence", "district_state", "district_city", "district_street"];
    all.messages = vec![MessageSpec {
        title: "${brand}".to_owned(),
        body: codes.map(|code| format!("${{{code}}}")).join(" "),
        image_url: None,
        landing_url: Some("https://example.com/".to_owned()),
        landing_urls: Vec::new(),
    }];
    source.targets = vec![circle(1, 1), target, source.targets.remove(2)];
    source.campaigns.push(all);
    let snapshot = loaded(&source, 4, None);
    let decision = decision(Output::Job(push_job(2)));
    let record = record(&decision, snapshot.view(), &mut keyring().sealer());
    content(&record).message.as_ref().expect("a message").body.clone()
}

#[test]
fn every_code_is_filled_by_the_target_that_knows_it() {
    let labels = |brand: &str, districts: [&str; 3], is_region| Labels {
        brand: brand.to_owned(),
        districts: districts.map(str::to_owned),
        is_region,
    };
    let (store, fence) = (circle(1, 2), TargetSpec { place: None, ..circle(1, 2) });
    let here = UNKNOWN_HERE;
    let with = |target: &TargetSpec, labels: Labels| {
        message_with_all_codes(TargetSpec { labels, ..target.clone() })
    };
    assert_eq!(
        with(&store, labels("별다방", DISTRICTS, false)),
        format!("별다방 펜스 2 {here} 서울특별시 성동구 성수동")
    );
    assert_eq!(
        with(&store, Labels::default()),
        format!("{here} 펜스 2 {here} {here} {here} {here}")
    );
    assert_eq!(
        with(&fence, labels("", DISTRICTS, false)),
        format!("{here} {here} 펜스 2 서울특별시 성동구 성수동")
    );
    let city = ["서울특별시", "성동구", ""];
    assert_eq!(
        with(&fence, labels("", city, true)),
        format!("{here} {here} {here} 서울특별시 성동구 {here}"),
        "a region's name is no geofence's"
    );
}

#[test]
fn the_device_knows_its_platform_best_and_the_snapshot_need_not_know_all() {
    let mut job = push_job(1);
    job.platform = Platform::Ios;
    assert_eq!(content(&recorded(Output::Job(job))).platform, Platform::Ios);
    let lost = PushJob { campaign: CampaignId(99), target: TargetId(99), app: AppId(99), ..job };
    let record = recorded(Output::Job(lost));
    assert_eq!(record.campaign.as_ref().map(|campaign| campaign.id), Some(CampaignId(99)));
    assert_eq!((content(&record).package.as_str(), &content(&record).message), ("", &None));
    let stranger = DeviceKey { account: AccountId(7), device: device(1) };
    let record = recorded(Output::Job(PushJob { device: stranger, ..lost }));
    assert_eq!((record.account, record.time_zone.as_str()), (AccountId(7), ""));
}

#[test]
fn an_event_keeps_what_it_knows() {
    let event = AttributionEvent {
        kind: EventKind::Clicked,
        device: DeviceKey { account: AccountId(1), device: device(1) },
        campaign: None,
        target: Some(TargetId(1)),
        job: None,
        variant: Variant::A,
        mode: RunMode::Running,
        at: NOON,
        cell: 7,
    };
    let record = recorded(Output::Event(event));
    assert_eq!(record.campaign, None);
    assert_eq!(record.target.as_ref().map(|target| target.key.as_str()), Some("key-1"));
    let Content::Event(content) = record.content else { panic!("an event makes an event record") };
    assert_eq!((content.kind, content.job, content.cell), (EventKind::Clicked, None, 7));
}

fn a_visit() -> Visit {
    Visit {
        id: VisitId([0x8E; 16]),
        revision: 3,
        device: DeviceKey { account: AccountId(1), device: device(1) },
        place: PlaceId(2),
        target: TargetId(2),
        first_entered_at: NOON.plus_s(9),
        entered_at: NOON,
        left_at: None,
        ended_by: None,
        hinted: false,
        confidence_pct: 62,
        cell: 7,
    }
}

#[test]
fn a_visit_has_the_name_of_its_place_and_no_campaign() {
    let record = recorded(Output::Visit(a_visit()));
    assert_eq!((record.kind(), record.at, record.campaign), (RecordKind::Visited, NOON, None));
    assert_eq!((record.mode, record.variant), (RunMode::Running, Variant::A));
    assert_eq!(record.target.as_ref().map(|target| target.name.as_str()), Some("펜스 2"));
    let Content::Visit(visit) = record.content else { panic!("a visit makes a visit record") };
    assert_eq!((visit.id, visit.revision, visit.place), (VisitId([0x8E; 16]), 3, PlaceId(2)));
    assert_eq!((visit.first_entered_at, visit.left_at), (NOON.plus_s(9), None));
    assert_eq!((visit.confidence_pct, visit.cell, visit.hinted), (62, 7, false));
}

#[test]
fn a_visit_is_exported_if_its_account_says_so_when_it_is_decided() {
    let is_exported = |measure_visits, export_visits| {
        let mut source = source();
        source.accounts[0].measure_visits = measure_visits;
        source.accounts[0].export_visits = export_visits;
        let snapshot = loaded(&source, 4, None);
        let decision = decision(Output::Visit(a_visit()));
        record(&decision, snapshot.view(), &mut keyring().sealer()).is_for_consumers()
    };
    assert!(is_exported(true, true));
    assert!(!is_exported(true, false));
    assert!(!is_exported(false, false), "it measures none");
}
