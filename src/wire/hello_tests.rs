//! Hellos at their limits, and beyond.

use super::close::CloseCode;
use super::frame::{self, Body, FrameError, Step};
use super::hello::{AckMode, Hello, HelloAck};
use super::limits::*;
use crate::domain::ids::{AccountId, InstanceId};
use crate::domain::units::UtcMs;

fn hello<'a>(token: &'a str, agent: &'a str) -> Hello<'a> {
    Hello { instance: InstanceId([5; 16]), token, agent }
}

fn encoded(hello: &Hello<'_>) -> Vec<u8> {
    let mut bytes = vec![];
    hello.encode(&mut bytes).expect("short enough");
    bytes
}

fn code(bytes: &[u8]) -> Option<CloseCode> {
    frame::next(bytes, FrameLimits::PROTOCOL).err().map(|error| error.code())
}

#[test]
fn a_hello_survives_the_wire_at_its_limits() {
    let (token, agent) = ("t".repeat(MAX_TOKEN_BYTES), "é".repeat(MAX_AGENT_BYTES / 2));
    for sent in [hello("", ""), hello(&token, &agent)] {
        let bytes = encoded(&sent);
        let Ok(Step::Whole(frame, [])) = frame::next(&bytes, FrameLimits::PROTOCOL) else {
            panic!("not whole")
        };
        assert_eq!(frame.body, Body::Hello(sent));
    }
    let mut bytes = vec![];
    let long = "t".repeat(MAX_TOKEN_BYTES + 1);
    assert_eq!(hello(&long, "").encode(&mut bytes), Err(FrameError::TokenLength(257)));
    let long = "a".repeat(MAX_AGENT_BYTES + 1);
    assert_eq!(hello("", &long).encode(&mut bytes), Err(FrameError::AgentLength(129)));
    assert!(bytes.is_empty());
}

#[test]
fn a_debug_print_hides_the_token() {
    assert!(!format!("{:?}", hello("gf_secret", "x")).contains("secret"));
}

#[test]
fn a_broken_hello_is_refused() {
    let good = encoded(&hello("token", "agent"));
    assert_eq!(code(&good), None);
    let with = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        bytes
    };
    assert_eq!(code(&with(HEADER_BYTES, 2)), Some(CloseCode::UnsupportedVersion));
    assert_eq!(code(&with(HEADER_BYTES + 2, 6)), Some(CloseCode::BadHello));
    assert_eq!(code(&with(HEADER_BYTES + 3, 255)), Some(CloseCode::BadHello));
    assert_eq!(code(&with(HEADER_BYTES + 6, 1)), Some(CloseCode::BadHeader));
    assert_eq!(code(&with(HEADER_BYTES + 24, 0xFF)), Some(CloseCode::BadHello));
    let mut anonymous = good.clone();
    anonymous[HEADER_BYTES + 8..HEADER_BYTES + 24].fill(0);
    assert_eq!(code(&anonymous), Some(CloseCode::BadHello));
}

#[test]
fn a_longer_hello_ack_of_a_later_version_is_read() {
    let ack = HelloAck {
        ack_mode: AckMode::Synced,
        account: AccountId(9),
        max_frame_records: 1,
        max_frame_bytes: 2,
        max_streams: 3,
        max_unacked_frames: 4,
        idle_timeout_ms: 5,
        now: UtcMs(-6),
    };
    let mut bytes = vec![];
    ack.encode(&mut bytes);
    bytes.extend_from_slice(&[0xAB; 8]);
    bytes[4] += 8;
    let Ok(Step::Whole(frame, [])) = frame::next(&bytes, FrameLimits::PROTOCOL) else {
        panic!("not whole")
    };
    assert_eq!(frame.body, Body::HelloAck(ack));
    bytes[4] = 39;
    assert_eq!(code(&bytes), Some(CloseCode::BadHello));
}
