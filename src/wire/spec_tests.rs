//! The specification's examples are checked here: each hex block of `docs/protocol.md` must be what the
//! encoder writes and the decoder reads, and its tables must be those of the code.

use std::fmt::Write as _;

use super::ack::Ack;
use super::close::{CloseCode, Retry};
use super::frame::{self, Body, Step};
use super::header::FrameKind;
use super::hello::{AckMode, Hello, HelloAck};
use super::limits::*;
use super::record::{FrameHead, encode_pings};
use super::reports::{encode_hints, encode_outcomes, encode_profiles};
use crate::domain::ids::*;
use crate::domain::ping::{Ping, PingFlags};
use crate::domain::reasons::{RejectCounts, RejectReason};
use crate::domain::report::*;
use crate::domain::units::{PointE7, UtcMs};

const SPEC: &str = include_str!("../../docs/protocol.md");
const BASE: UtcMs = UtcMs(1_767_225_600_000);

fn device() -> DeviceId {
    DeviceId::parse("00112233-4455-6677-8899-aabbccddeeff").expect("a UUID")
}

fn head(stream: u32, seq: u64) -> FrameHead {
    FrameHead { stream: StreamNo(stream), seq: FrameSeq(seq), app: AppId(7) }
}

fn ping(device: DeviceId, (lat, lon): (f64, f64), after_ms: i64, accuracy_m: u16, f: u16) -> Ping {
    let at = PointE7::from_degrees(lat, lon).expect("on earth");
    Ping {
        device,
        lat_e7: at.lat,
        lon_e7: at.lon,
        fixed_at: BASE + after_ms,
        accuracy_m,
        flags: PingFlags(f),
    }
}

fn hello_bytes() -> Vec<u8> {
    let token = format!("gf_{}", "A".repeat(43));
    let instance = InstanceId(device().0);
    let mut bytes = Vec::new();
    let hello = Hello { instance, token: &token, agent: "acme-gateway/2.1" };
    hello.encode(&mut bytes).expect("short enough");
    bytes
}

fn hello_ack_bytes() -> Vec<u8> {
    let mut bytes = Vec::new();
    HelloAck {
        ack_mode: AckMode::Synced,
        account: AccountId(1),
        max_frame_records: 4096,
        max_frame_bytes: 163_872,
        max_streams: 16,
        max_unacked_frames: 256,
        idle_timeout_ms: 30_000,
        now: BASE,
    }
    .encode(&mut bytes);
    bytes
}

fn ack_bytes(upto: u64, refused: &[(RejectReason, u64)]) -> Vec<u8> {
    let mut rejects = RejectCounts::default();
    for (reason, count) in refused {
        rejects[usize::from(reason.number())] = *count;
    }
    let mut bytes = Vec::new();
    Ack { stream: StreamNo(1), upto: FrameSeq(upto), rejects, unknown: 0 }.encode(&mut bytes);
    bytes
}

fn records_bytes(kind: FrameKind) -> Vec<u8> {
    let mut bytes = Vec::new();
    let job = DeviceId::parse("0f1e2d3c-4b5a-8978-8796-a5b4c3d2e1f0").expect("a UUID").0;
    let written = match kind {
        FrameKind::Pings => {
            let other = DeviceId::parse("ffeeddcc-bbaa-9988-7766-554433221100").expect("a UUID");
            let here = PingFlags::BACKGROUND | PingFlags::ANDROID;
            let there = PingFlags::IOS | PingFlags::NIGHT_CONSENT;
            let pings = [
                ping(device(), (37.5665, 126.978), 0, 12, here),
                ping(other, (-33.8688, -151.2093), 1500, 40, there),
            ];
            encode_pings(head(1, 1), &pings, &mut bytes)
        }
        FrameKind::Outcomes => {
            // The base is the earliest instant; the example has a later one, so two are encoded and the
            // first is cut out below.
            return outcome_bytes(JobId(job));
        }
        FrameKind::Profiles => {
            let echo: [u8; 16] = std::array::from_fn(|n| 0xA0 + u8::try_from(n).expect("small"));
            let profile = Profile {
                device: device(),
                echo,
                platform: Platform::Android,
                ads_consent: true,
                night_consent: false,
            };
            encode_profiles(head(2, 1), &[profile], &mut bytes)
        }
        FrameKind::Hints => return hint_bytes(),
        FrameKind::Hello | FrameKind::HelloAck | FrameKind::Ack => unreachable!("not records"),
    };
    written.expect("one frame");
    bytes
}

/// The encoder takes the earliest instant as the base; the examples have an offset, so it is put in here.
fn outcome_bytes(job: JobId) -> Vec<u8> {
    let kind = OutcomeKind::Clicked;
    let outcome = Outcome { device: device(), job, happened_at: BASE, kind };
    let mut bytes = Vec::new();
    encode_outcomes(head(1, 2), &[outcome], &mut bytes).expect("one frame");
    bytes[HEADER_BYTES + 32..HEADER_BYTES + 36].copy_from_slice(&250u32.to_le_bytes());
    bytes
}

fn hint_bytes() -> Vec<u8> {
    let verdict = HintVerdict::Enter;
    let hint = PlaceHint { device: device(), place: PlaceId(4711), fixed_at: BASE, verdict };
    let mut bytes = Vec::new();
    encode_hints(head(1, 3), &[hint], &mut bytes).expect("one frame");
    bytes[HEADER_BYTES + 20..HEADER_BYTES + 24].copy_from_slice(&10_000u32.to_le_bytes());
    bytes
}

fn examples() -> Vec<(&'static str, Vec<u8>)> {
    let refused = [(RejectReason::Mock, 2), (RejectReason::Resent, 40)];
    vec![
        ("hello", hello_bytes()),
        ("hello_ack", hello_ack_bytes()),
        ("pings", records_bytes(FrameKind::Pings)),
        ("outcomes", records_bytes(FrameKind::Outcomes)),
        ("profiles", records_bytes(FrameKind::Profiles)),
        ("hints", records_bytes(FrameKind::Hints)),
        ("ack", ack_bytes(9, &[])),
        ("ack_rejects", ack_bytes(12, &refused)),
    ]
}

fn dump(bytes: &[u8]) -> String {
    let mut text = String::new();
    for (line, chunk) in bytes.chunks(16).enumerate() {
        write!(text, "{:04x} ", line * 16).expect("a string");
        for byte in chunk {
            write!(text, " {byte:02x}").expect("a string");
        }
        text.push('\n');
    }
    text
}

fn block(name: &str) -> &'static str {
    let fence = format!("```hex {name}\n");
    let start = SPEC.find(&fence).unwrap_or_else(|| panic!("no block {name}")) + fence.len();
    &SPEC[start..start + SPEC[start..].find("```").expect("a closed block")]
}

#[test]
fn every_hex_block_is_what_the_encoder_writes() {
    for (name, bytes) in examples() {
        let wanted = dump(&bytes);
        assert_eq!(block(name), wanted, "block {name} should read\n{wanted}");
    }
    assert_eq!(SPEC.matches("```hex ").count(), examples().len());
}

#[test]
fn every_hex_block_decodes() {
    for (name, bytes) in examples() {
        let step = frame::next(&bytes, FrameLimits::PROTOCOL).expect(name);
        let Step::Whole(frame, rest) = step else { panic!("{name} is not whole") };
        assert!(rest.is_empty(), "{name}");
        assert!(name.starts_with(frame.header.kind.name()), "{name}");
    }
}

#[test]
fn the_ping_example_reads_as_the_text_says() {
    let bytes = records_bytes(FrameKind::Pings);
    let Ok(Step::Whole(frame, _)) = frame::next(&bytes, FrameLimits::PROTOCOL) else {
        panic!("not whole")
    };
    let Body::Pings(pings) = frame.body else { panic!("no pings") };
    let pings: Vec<Ping> = pings.iter().collect();
    assert_eq!(pings[0].device, device());
    assert_eq!((pings[0].lat_e7, pings[0].lon_e7), (375_665_000, 1_269_780_000));
    assert_eq!(pings[1].fixed_at, BASE + 1500);
    assert_eq!((pings[1].accuracy_m, pings[1].flags.0), (40, 40));
}

fn rows(heading: &str) -> Vec<Vec<&'static str>> {
    let start = SPEC.find(heading).unwrap_or_else(|| panic!("no heading {heading}"));
    let section = &SPEC[start + heading.len()..];
    let section = &section[..section.find("\n## ").unwrap_or(section.len())];
    section
        .lines()
        .filter(|line| line.starts_with('|') && !line.starts_with("|-"))
        .skip(1)
        .map(|line| line.trim_matches('|').split('|').map(|c| c.trim().trim_matches('`')).collect())
        .collect()
}

#[test]
fn the_table_of_reasons_is_complete() {
    let listed: Vec<(String, &str)> =
        rows("### 8.1 Reasons").into_iter().map(|row| (row[0].to_owned(), row[1])).collect();
    let known: Vec<(String, &str)> =
        RejectReason::ALL.iter().map(|r| (r.number().to_string(), r.label())).collect();
    assert_eq!(listed, known);
}

#[test]
fn the_table_of_close_codes_is_complete() {
    let listed: Vec<(String, String, String)> = rows("## 10. Close codes")
        .into_iter()
        .map(|row| (row[0].to_owned(), row[1].to_owned(), row[4].to_owned()))
        .collect();
    let advice = |code: CloseCode| match (code, code.retry()) {
        (CloseCode::Done, _) => "nothing",
        (_, Retry::Reconnect) => "reconnect",
        (_, Retry::Later) => "later",
        (_, Retry::Never) => "give up",
    };
    let known: Vec<(String, String, String)> = CloseCode::ALL
        .into_iter()
        .map(|c| (format!("0x{:02x}", c.number()), c.name().to_owned(), advice(c).to_owned()))
        .collect();
    assert_eq!(listed, known);
}

#[test]
fn the_table_of_partitions_is_right() {
    let rows = rows("## 9. Partitions");
    assert!(rows.len() >= 4);
    for row in rows {
        let account = AccountId(row[0].parse().expect("a number"));
        let key = DeviceKey { account, device: DeviceId::parse(row[1]).expect("a UUID") };
        assert_eq!(format!("{:016x}", key.hash()), row[2], "{row:?}");
        assert_eq!(key.partition().to_string(), row[3], "{row:?}");
    }
}

#[test]
fn the_table_of_limits_is_right() {
    for (text, value) in [
        ("| header | 32 bytes |", HEADER_BYTES == 32),
        ("(`MAX_FRAME_RECORDS`) | 4,096 |", MAX_FRAME_RECORDS == 4096),
        ("(`MAX_FRAME_BYTES`) | 163,872 bytes |", MAX_FRAME_BYTES == 163_872),
        ("| token | 256 bytes |", MAX_TOKEN_BYTES == 256),
        ("| agent | 128 bytes |", MAX_AGENT_BYTES == 128),
        ("up to\n400 bytes of UTF-8", MAX_CLOSE_REASON_BYTES == 400),
    ] {
        assert!(SPEC.contains(text) && value, "{text}");
    }
}
