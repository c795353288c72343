//! Headers that cannot be right are refused before their body is waited for, each under its own code.

use super::ack::Ack;
use super::close::CloseCode;
use super::frame::{self, Body, FrameError, Step};
use super::header::{FrameKind, Header};
use super::limits::*;
use crate::domain::ids::{AppId, FrameSeq, StreamNo};
use crate::domain::reasons::{RejectCounts, RejectReason};
use crate::domain::units::UtcMs;

fn header(kind: FrameKind, records: u16, body_bytes: u32) -> Header {
    let (seq, app, stream) = (FrameSeq(1), AppId(1), StreamNo(1));
    Header { kind, records, body_bytes, seq, app, stream, base: UtcMs(0) }
}

fn bytes(header: Header) -> Vec<u8> {
    let mut bytes = vec![];
    header.encode(&mut bytes);
    bytes
}

/// The code that these bytes, all the daemon ever sees, are answered with.
fn code(bytes: &[u8]) -> Option<CloseCode> {
    frame::next(bytes, FrameLimits::PROTOCOL).err().map(|error| {
        assert!(error.to_string().len() <= MAX_CLOSE_REASON_BYTES, "{error}");
        error.code()
    })
}

#[test]
fn every_broken_rule_has_its_code() {
    let good = header(FrameKind::Pings, 2, 64);
    assert_eq!(code(&bytes(good)), None);
    assert_eq!(code(&bytes(Header { seq: FrameSeq(0), ..good })), Some(CloseCode::BadSequence));
    assert_eq!(code(&bytes(Header { stream: StreamNo(0), ..good })), Some(CloseCode::BadStream));
    assert_eq!(code(&bytes(Header { body_bytes: 63, ..good })), Some(CloseCode::BadHeader));
    let huge = Header { body_bytes: u32::MAX, ..good };
    assert_eq!(code(&bytes(huge)), Some(CloseCode::FrameTooLarge));
    let empty = header(FrameKind::Pings, 0, 0);
    assert_eq!(code(&bytes(empty)), Some(CloseCode::EmptyFrame));
    let many = header(FrameKind::Pings, 4097, 4097 * 32);
    assert_eq!(code(&bytes(many)), Some(CloseCode::FrameTooLarge));
    let most = header(FrameKind::Outcomes, 4096, 4096 * 40);
    assert_eq!(code(&bytes(most)), None);
    let mut flagged = bytes(good);
    flagged[1] = 1;
    assert_eq!(code(&flagged), Some(CloseCode::BadHeader));
    for kind in 0..=u8::MAX {
        let mut unknown = bytes(good);
        unknown[0] = kind;
        if FrameKind::from_number(kind).is_none() {
            assert_eq!(code(&unknown), Some(CloseCode::UnknownFrame), "{kind}");
        }
    }
}

#[test]
fn unused_fields_are_zero() {
    let ack = Header { app: AppId(0), ..header(FrameKind::Ack, 0, 0) };
    assert_eq!(code(&bytes(ack)), None);
    let wrong = Header { app: AppId(1), ..ack };
    assert_eq!(code(&bytes(wrong)), Some(CloseCode::BadHeader));
    let wrong = Header { base: UtcMs(1), ..ack };
    assert_eq!(code(&bytes(wrong)), Some(CloseCode::BadHeader));
    let hello = Header { app: AppId(0), ..header(FrameKind::Hello, 0, 24) };
    assert_eq!(code(&bytes(hello)), Some(CloseCode::BadHeader));
}

#[test]
fn lower_limits_are_kept_too() {
    let limits = FrameLimits { max_records: 10 };
    let eleven = bytes(header(FrameKind::Pings, 11, 11 * 32));
    let refused = frame::next(&eleven, limits);
    let kind = FrameKind::Pings;
    assert_eq!(refused, Err(FrameError::TooManyRecords { kind, records: 11, max: 10 }));
    assert_eq!(limits.max_frame_bytes(), 432);
}

#[test]
fn acks_survive_the_wire() {
    let mut rejects = RejectCounts::default();
    for (count, reason) in (1..).zip(RejectReason::ALL) {
        rejects[usize::from(reason.number())] = count;
    }
    let ack = Ack { stream: StreamNo(3), upto: FrameSeq(u64::MAX), rejects, unknown: 0 };
    let mut bytes = vec![];
    ack.encode(&mut bytes);
    let Ok(Step::Whole(frame, [])) = frame::next(&bytes, FrameLimits::PROTOCOL) else {
        panic!("not whole")
    };
    assert_eq!(frame.body, Body::Ack(ack));
    // A reason of a newer daemon is counted apart.
    bytes[HEADER_BYTES + 1] = 1;
    let Ok(Step::Whole(frame, [])) = frame::next(&bytes, FrameLimits::PROTOCOL) else {
        panic!("not whole")
    };
    let Body::Ack(read) = frame.body else { panic!("no ack") };
    assert_eq!((read.unknown, read.rejects[1]), (1, 0));
    // So is what it may have put into the reserved bytes: section 8 has a client ignore them.
    bytes[HEADER_BYTES + 2..HEADER_BYTES + 8].fill(7);
    let Ok(Step::Whole(frame, [])) = frame::next(&bytes, FrameLimits::PROTOCOL) else {
        panic!("not whole")
    };
    assert_eq!(frame.body, Body::Ack(read));
}

#[test]
fn close_codes_are_told_apart() {
    for code in CloseCode::ALL {
        assert_eq!(CloseCode::from_number(u64::from(code.number())), Some(code));
    }
    assert_eq!(CloseCode::from_number(0x100), None);
}
