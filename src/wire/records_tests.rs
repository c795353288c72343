//! What is encoded is decoded, by both decoders; and what one refuses, the other refuses.

use proptest::collection::vec;
use proptest::prelude::*;

use super::frame::{self, Body, Frame, Step};
use super::limits::{FrameLimits, HEADER_BYTES, MAX_FRAME_RECORDS};
use super::oracle;
use super::record::{EncodeError, FrameHead, encode_pings};
use super::reports::{encode_hints, encode_outcomes, encode_profiles};
use crate::domain::ids::*;
use crate::domain::ping::{Ping, PingFlags};
use crate::domain::reasons::RejectReason;
use crate::domain::report::*;
use crate::domain::units::UtcMs;

const SPAN: i64 = u32::MAX as i64;

fn head() -> impl Strategy<Value = FrameHead> {
    (1..=u32::MAX, 1..=u64::MAX, any::<u32>()).prop_map(|(stream, seq, app)| FrameHead {
        stream: StreamNo(stream),
        seq: FrameSeq(seq),
        app: AppId(app),
    })
}

fn ping() -> impl Strategy<Value = Ping> {
    let device = any::<[u8; 16]>();
    (device, any::<(i32, i32)>(), 0..=SPAN, any::<u16>(), any::<u16>()).prop_map(
        |(device, (lat_e7, lon_e7), at, accuracy_m, flags)| Ping {
            device: DeviceId(device),
            lat_e7,
            lon_e7,
            fixed_at: UtcMs(1_700_000_000_000 + at),
            accuracy_m,
            flags: PingFlags(flags),
        },
    )
}

fn whole(bytes: &[u8]) -> Frame<'_> {
    match frame::next(bytes, FrameLimits::PROTOCOL) {
        Ok(Step::Whole(frame, [])) => frame,
        other => panic!("not one whole frame: {other:?}"),
    }
}

proptest! {
    #[test]
    fn pings_survive_the_wire(head in head(), pings in vec(ping(), 1..40)) {
        let mut bytes = vec![];
        encode_pings(head, &pings, &mut bytes).expect("fits");
        let frame = whole(&bytes);
        prop_assert_eq!((frame.header.stream, frame.header.seq), (head.stream, head.seq));
        prop_assert_eq!(frame.header.app, head.app);
        let Body::Pings(decoded) = frame.body else { panic!("no pings") };
        prop_assert_eq!(decoded.iter().collect::<Vec<_>>(), pings);
        agree(&bytes);
    }

    #[test]
    fn any_flip_is_read_alike_or_refused_alike(
        head in head(),
        pings in vec(ping(), 1..4),
        at in any::<prop::sample::Index>(),
        bit in 0u8..8,
    ) {
        let mut bytes = vec![];
        encode_pings(head, &pings, &mut bytes).expect("fits");
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        agree(&bytes);
    }

    #[test]
    fn noise_is_read_alike_or_refused_alike(mut bytes in vec(any::<u8>(), 0..200), kind in 0u8..24) {
        if let Some(first) = bytes.first_mut() {
            *first = kind;
        }
        agree(&bytes);
    }

    #[test]
    fn truncation_is_asked_to_go_on(head in head(), pings in vec(ping(), 1..4), cut in any::<prop::sample::Index>()) {
        let mut bytes = vec![];
        encode_pings(head, &pings, &mut bytes).expect("fits");
        let cut = cut.index(bytes.len());
        let step = frame::next(&bytes[..cut], FrameLimits::PROTOCOL).expect("a good start");
        let wanted = if cut < HEADER_BYTES { HEADER_BYTES } else { bytes.len() };
        prop_assert_eq!(step, Step::Needs(wanted));
    }
}

/// Both decoders give the same answer to these bytes, taken as one intake frame.
fn agree(bytes: &[u8]) {
    let ours = match frame::next(bytes, FrameLimits::PROTOCOL) {
        Ok(Step::Whole(frame, [])) if frame.header.kind.is_intake() => Some(frame),
        Ok(_) | Err(_) => None,
    };
    let theirs = oracle::read_intake(bytes, 4096);
    let (Some(ours), Some(theirs)) = (&ours, &theirs) else {
        assert_eq!(ours.is_some(), theirs.is_some(), "{ours:?} {theirs:?}");
        return;
    };
    assert_eq!(u64::from(ours.header.kind.number()), theirs.kind);
    assert_eq!(ours.header.seq.0, theirs.seq);
    assert_eq!(u64::from(ours.header.app.0), theirs.app);
    assert_eq!(u64::from(ours.header.stream.0), theirs.stream);
    if let Body::Pings(pings) = ours.body {
        assert_eq!(pings.len(), theirs.records.len());
        for (ping, (device, numbers)) in pings.iter().zip(&theirs.records) {
            assert_eq!(ping.device.0, device[..]);
            // Past the ends of i64 ours stays at the end; intake refuses both as `bad_time`.
            let time = numbers[2].clamp(i128::from(i64::MIN), i128::from(i64::MAX));
            let flags = u16::try_from(numbers[4]).expect("two bytes");
            assert_eq!(
                [i128::from(ping.lat_e7), i128::from(ping.lon_e7), i128::from(ping.fixed_at.0)],
                [numbers[0], numbers[1], time]
            );
            assert_eq!((i128::from(ping.accuracy_m), ping.flags.0), (numbers[3], flags));
        }
    }
}

fn one(stream: u32) -> FrameHead {
    FrameHead { stream: StreamNo(stream), seq: FrameSeq(1), app: AppId(1) }
}

#[test]
fn outcomes_profiles_and_hints_survive_the_wire() {
    let device = DeviceId([7; 16]);
    let outcome = |kind, at| Outcome { device, job: JobId([9; 16]), happened_at: UtcMs(at), kind };
    let outcomes = [outcome(OutcomeKind::Delivered, 5), outcome(OutcomeKind::Dismissed, -3)];
    let mut bytes = vec![];
    encode_outcomes(one(1), &outcomes, &mut bytes).expect("fits");
    let Body::Outcomes(read) = whole(&bytes).body else { panic!("no outcomes") };
    assert_eq!(read.iter().collect::<Result<Vec<_>, _>>(), Ok(outcomes.to_vec()));
    agree(&bytes);

    let profile = |platform, ads_consent, night_consent| Profile {
        device,
        echo: [3; 16],
        platform,
        ads_consent,
        night_consent,
    };
    let profiles = [profile(Platform::Ios, true, false), profile(Platform::Unknown, false, true)];
    bytes.clear();
    encode_profiles(one(2), &profiles, &mut bytes).expect("fits");
    let Body::Profiles(read) = whole(&bytes).body else { panic!("no profiles") };
    assert_eq!(read.iter().collect::<Result<Vec<_>, _>>(), Ok(profiles.to_vec()));
    agree(&bytes);

    let verdict = HintVerdict::Nearby;
    let hints = [PlaceHint { device, place: PlaceId(5), fixed_at: UtcMs(0), verdict }];
    bytes.clear();
    encode_hints(one(3), &hints, &mut bytes).expect("fits");
    let Body::Hints(read) = whole(&bytes).body else { panic!("no hints") };
    assert_eq!(read.iter().collect::<Result<Vec<_>, _>>(), Ok(hints.to_vec()));
    agree(&bytes);
}

#[test]
fn a_code_without_a_meaning_spoils_its_record_alone() {
    let device = DeviceId([7; 16]);
    let kind = OutcomeKind::Clicked;
    let outcome = Outcome { device, job: JobId([9; 16]), happened_at: UtcMs(1), kind };
    let mut bytes = vec![];
    encode_outcomes(one(1), &[outcome; 4], &mut bytes).expect("fits");
    bytes[HEADER_BYTES + 36] = 4;
    bytes[HEADER_BYTES + 40 + 36] = 0;
    bytes[HEADER_BYTES + 80 + 39] = 1;
    let Body::Outcomes(read) = whole(&bytes).body else { panic!("no outcomes") };
    let bad = Err(RejectReason::BadRecord);
    assert_eq!(read.iter().collect::<Vec<_>>(), [bad, bad, bad, Ok(outcome)]);

    let hint =
        PlaceHint { device, place: PlaceId(0), fixed_at: UtcMs(1), verdict: HintVerdict::Enter };
    bytes.clear();
    encode_hints(one(1), &[hint], &mut bytes).expect("fits");
    let Body::Hints(read) = whole(&bytes).body else { panic!("no hints") };
    assert_eq!(read.iter().collect::<Vec<_>>(), [Err(RejectReason::BadRecord)]);
}

#[test]
fn what_does_not_fit_one_frame_is_not_written() {
    let ping = Ping {
        device: DeviceId([1; 16]),
        lat_e7: 0,
        lon_e7: 0,
        fixed_at: UtcMs(0),
        accuracy_m: 0,
        flags: PingFlags(0),
    };
    let mut bytes = vec![];
    let full = vec![ping; MAX_FRAME_RECORDS];
    encode_pings(one(1), &full, &mut bytes).expect("exactly as many as fit");
    assert_eq!(bytes.len(), HEADER_BYTES + MAX_FRAME_RECORDS * 32);
    agree(&bytes);
    bytes.clear();
    let over = vec![ping; MAX_FRAME_RECORDS + 1];
    assert_eq!(encode_pings(one(1), &over, &mut bytes), Err(EncodeError::Count(4097)));
    assert_eq!(encode_pings(one(1), &[], &mut bytes), Err(EncodeError::Count(0)));
    let late = |at| Ping { fixed_at: UtcMs(at), ..ping };
    encode_pings(one(1), &[late(SPAN), late(0)], &mut bytes).expect("just fits");
    bytes.clear();
    let far = encode_pings(one(1), &[late(SPAN + 1), late(0)], &mut bytes);
    assert_eq!(far, Err(EncodeError::Spread { first: UtcMs(0), last: UtcMs(SPAN + 1) }));
    assert!(bytes.is_empty());
}
