//! Record bytes: they come back as they went, are the same each time, and hostile ones get an error.

use proptest::prelude::*;

use super::codec::{CodecError, Head, RECORD_VERSION, decode, encode};
use super::record::{Content, Message, OutboxRecord, RecordKind};
use super::samples::{NOON, TTL_S, event, job, visit};
use crate::domain::campaign::{RunMode, Variant};
use crate::domain::decision::{EventKind, Transition, VisitEnd};
use crate::domain::ids::{JobId, PlaceId};
use crate::domain::report::Platform;
use crate::domain::units::UtcMs;

fn bytes_of(record: &OutboxRecord) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(record, &mut bytes);
    bytes
}

#[test]
fn a_job_comes_back_as_it_went() {
    let job = job(4, (200, 9, 1));
    let bytes = bytes_of(&job);
    assert_eq!(decode(&bytes), Ok(job.clone()));
    let head = Head::read(&bytes).expect("the head of a job");
    assert_eq!((head.kind, head.account), (RecordKind::PushJob, job.account));
    assert_eq!(head.expires_at, NOON.plus_s(TTL_S));
}

#[test]
fn every_kind_of_event_comes_back_as_it_went() {
    for kind in RecordKind::ALL.into_iter().filter_map(RecordKind::event) {
        let event = event(4, (0, 1, 0), kind);
        let bytes = bytes_of(&event);
        assert_eq!(decode(&bytes), Ok(event));
        assert_eq!(Head::read(&bytes).expect("a head").expires_at, UtcMs::MAX);
    }
}

#[test]
fn a_visit_comes_back_and_its_head_says_whether_it_is_exported() {
    let exported = visit(4, (0, 1, 0));
    let mut kept = exported.clone();
    let Content::Visit(content) = &mut kept.content else { panic!("a visit is a visit") };
    content.is_exported = false;
    for (record, is_for_consumers) in [(exported, true), (kept, false)] {
        let bytes = bytes_of(&record);
        let head = Head::read(&bytes).expect("the head of a visit");
        assert_eq!((head.kind, head.expires_at), (RecordKind::Visited, UtcMs::MAX));
        assert_eq!(head.is_for_consumers, is_for_consumers);
        assert_eq!(record.is_for_consumers(), is_for_consumers);
        assert_eq!(decode(&bytes), Ok(record));
    }
}

#[test]
fn the_bytes_of_a_visit_are_pinned() {
    let bytes = bytes_of(&visit(0x0102_0304, (200, 9, 1)));
    assert_eq!(bytes[..6], [RECORD_VERSION, 6, 4, 3, 2, 1]);
    let digest = blake3::hash(&bytes).to_hex();
    let pinned = (bytes.len(), &digest[..16]);
    assert_eq!(
        pinned,
        (192, "d578063598d878e6"),
        "the layout is durable: a change needs a new version"
    );
}

#[test]
fn the_bytes_of_a_job_are_pinned() {
    let bytes = bytes_of(&job(0x0102_0304, (200, 9, 1)));
    let mut expected = vec![1, 0, 4, 3, 2, 1];
    expected.extend(NOON.plus_s(TTL_S).0.to_le_bytes());
    expected.extend([200, 9, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0]);
    assert_eq!(bytes[..expected.len()], expected);
    assert_eq!(bytes.len(), 312, "the layout is durable: a change needs a new version");
    let digest = blake3::hash(&bytes).to_hex();
    assert_eq!(
        &digest[..16],
        "8c7c53b193513e9b",
        "the layout is durable: a change needs a new version"
    );
}

#[test]
fn each_cut_is_an_error_and_so_is_a_tail() {
    for record in [job(1, (1, 1, 0)), visit(1, (1, 1, 0))] {
        let mut bytes = bytes_of(&record);
        for end in 0..bytes.len() {
            assert!(matches!(decode(&bytes[..end]), Err(CodecError::Truncated { .. })), "{end}");
        }
        bytes.push(0);
        assert_eq!(decode(&bytes), Err(CodecError::Trailing { extra: 1 }));
    }
}

#[test]
fn another_version_is_refused_with_its_number() {
    let mut bytes = bytes_of(&job(1, (1, 1, 0)));
    for found in [0, RECORD_VERSION + 1] {
        bytes[0] = found;
        assert_eq!(decode(&bytes), Err(CodecError::Version { found }));
    }
    bytes[0] = RECORD_VERSION;
    assert_eq!(decode(&bytes), Err(CodecError::Value { field: "kind", value: 0 }));
}

#[test]
fn a_text_too_long_is_cut_at_a_character() {
    let mut record = job(1, (1, 1, 0));
    record.time_zone = "가".repeat(30_000);
    let back = decode(&bytes_of(&record)).expect("still a record");
    assert_eq!(back.time_zone, "가".repeat(21_845));
}

fn records() -> impl Strategy<Value = OutboxRecord> {
    let shape = (any::<u32>(), any::<(u8, u64, u32)>(), 0_u8..8, any::<[bool; 8]>());
    let texts = proptest::collection::vec(".{0,20}", 8);
    (shape, texts, any::<(i64, i64, i64, u64)>(), 0_u8..3, 1_u8..4).prop_map(
        |((account, position, kind, bits), texts, times, platform, transition)| {
            let kind = RecordKind::from_number(kind).expect("in range");
            let mut record = match (kind, kind.event()) {
                (RecordKind::Visited, _) => visit(account, position),
                (_, None) => job(account, position),
                (_, Some(kind)) => event(account, position, kind),
            };
            let mut texts = texts.into_iter();
            let mut text = || texts.next().unwrap_or_default();
            record.time_zone = text();
            record.at = UtcMs(times.0);
            record.variant = if bits[0] { Variant::A } else { Variant::B };
            record.mode = if bits[1] { RunMode::Testing } else { RunMode::Running };
            record.campaign = record.campaign.filter(|_| bits[2]);
            record.target = record.target.filter(|_| bits[3]);
            match &mut record.content {
                Content::Job(job) => {
                    job.expires_at = UtcMs(times.1);
                    job.bucket_span = times.2;
                    job.package = text();
                    job.platform = [Platform::Unknown, Platform::Android, Platform::Ios]
                        [usize::from(platform)];
                    job.transition = match transition {
                        1 => Transition::Enter,
                        2 => Transition::Dwell,
                        _ => Transition::Exit,
                    };
                    job.place = bits[4].then_some(PlaceId(account));
                    job.message = bits[5].then(|| Message {
                        title: text(),
                        body: text(),
                        image_url: bits[6].then(&mut text),
                        landing_url: bits[7].then(&mut text),
                    });
                }
                Content::Event(event) => {
                    event.cell = times.3;
                    event.job = bits[4].then_some(JobId([account.to_le_bytes()[0]; 16]));
                }
                Content::Visit(visit) => {
                    (visit.left_at, visit.ended_by) = (Some(UtcMs(times.1)), Some(VisitEnd::Exit));
                    if bits[4] {
                        (visit.left_at, visit.ended_by) = (None, None);
                    }
                    (visit.hinted, visit.is_exported) = (bits[5], bits[6]);
                    (visit.entered_at, visit.cell) = (UtcMs(times.2), times.3);
                }
            }
            record
        },
    )
}

proptest! {
    #[test]
    fn any_record_comes_back_and_has_one_form(record in records()) {
        let bytes = bytes_of(&record);
        prop_assert_eq!(Head::read(&bytes).expect("a head").kind, record.kind());
        let back = decode(&bytes).expect("what encode wrote");
        prop_assert_eq!(&bytes_of(&back), &bytes);
        prop_assert_eq!(back, record);
    }

    #[test]
    fn hostile_bytes_give_an_error_or_their_one_record(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        if let Ok(record) = decode(&bytes) {
            prop_assert_eq!(bytes_of(&record), bytes);
        }
    }

    #[test]
    fn a_changed_byte_gives_an_error_or_another_record(place in 0_usize..312, to in any::<u8>()) {
        let original = event(1, (1, 1, 0), EventKind::Clicked);
        for record in [job(1, (1, 1, 0)), original, visit(1, (1, 1, 0))] {
            let mut bytes = bytes_of(&record);
            let place = place % bytes.len();
            bytes[place] = to;
            if let Ok(other) = decode(&bytes) {
                prop_assert_eq!(bytes_of(&other), bytes);
            }
        }
    }
}
