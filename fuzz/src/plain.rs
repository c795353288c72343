//! A second decoder of frames, plain and slow, written from `docs/protocol.md` alone; and the first one's answer in
//! the same words, so that the two can be held side by side.
//!
//! The specification says which codes a frame can be closed with, not which of several wins. So this decoder gives
//! all that fit, and the first one has to pick among them.

use std::collections::BTreeSet;

use geofenced::domain::reasons::RejectReason;
use geofenced::wire::frame::{self, Body, Step};
use geofenced::wire::limits::FrameLimits;

/// What lies at the beginning of some bytes.
#[derive(Debug, PartialEq, Eq)]
pub enum Told {
    /// Part of a frame; so many bytes are needed to say more.
    Needs(usize),
    /// No frame; the codes that a connection may be closed with for it.
    Broken(BTreeSet<u64>),
    /// A frame: the seven fields of its header, its records or fields as numbers, and how long it is.
    Whole(Vec<i128>, Vec<Vec<i128>>, usize),
}

/// Reads the frame at the beginning of `bytes`, slowly.
pub fn told(bytes: &[u8], max_records: u64) -> Told {
    if bytes.len() < 32 {
        return Told::Needs(32);
    }
    let kind = number(bytes, 0, 1);
    let Some(size) = record_size(kind) else { return Told::Broken([0x20].into()) };
    let (count, length) = (number(bytes, 2, 2), number(bytes, 4, 4));
    let broken = broken_header(bytes, kind, size, max_records);
    if !broken.is_empty() {
        return Told::Broken(broken);
    }
    let end = 32 + length as usize;
    if bytes.len() < end {
        return Told::Needs(end);
    }
    let body = &bytes[32..end];
    let base = signed(bytes, 24, 8);
    let header = vec![
        kind.into(),
        count.into(),
        length.into(),
        number(bytes, 8, 8).into(),
        number(bytes, 16, 4).into(),
        number(bytes, 20, 4).into(),
        base,
    ];
    let records = match kind {
        1 => hello(body),
        2 => hello_ack(body),
        3 => Ok(ack(body, count)),
        _ => Ok((0..count as usize).map(|n| record(kind, &body[n * size..], base)).collect()),
    };
    match records {
        Ok(records) => Told::Whole(header, records, end),
        Err(codes) => Told::Broken(codes.into_iter().collect()),
    }
}

/// Section 4: the size of a record, 0 where there are none; `None` for a type that does not exist.
fn record_size(kind: u64) -> Option<usize> {
    match kind {
        1 | 2 => Some(0),
        3 => Some(16),
        16 | 19 => Some(32),
        17 | 18 => Some(40),
        _ => None,
    }
}

/// Section 4, rule by rule.
fn broken_header(bytes: &[u8], kind: u64, size: usize, max_records: u64) -> BTreeSet<u64> {
    let (flags, count, length) = (number(bytes, 1, 1), number(bytes, 2, 2), number(bytes, 4, 4));
    let (seq, app, stream) = (number(bytes, 8, 8), number(bytes, 16, 4), number(bytes, 20, 4));
    let base = number(bytes, 24, 8);
    let size = size as u64;
    let mut codes = BTreeSet::new();
    let mut rule = |broken: bool, code: u64| {
        if broken {
            codes.insert(code);
        }
    };
    rule(flags != 0, 0x22);
    if kind >= 16 {
        rule(count == 0, 0x24);
        rule(count > max_records || length > max_records * size, 0x23);
        rule(length != count * size, 0x22);
        rule(seq == 0, 0x25);
        rule(stream == 0, 0x26);
    } else if kind == 3 {
        rule(length > 1024, 0x23);
        rule(length != count * 16 || app != 0 || base != 0, 0x22);
    } else {
        rule(count != 0 || seq != 0 || app != 0 || stream != 0 || base != 0, 0x22);
        rule(length > if kind == 1 { 24 + 256 + 128 } else { 256 }, 0x23);
    }
    codes
}

/// Section 5.1.
fn hello(body: &[u8]) -> Result<Vec<Vec<i128>>, Vec<u64>> {
    if body.len() < 24 {
        return Err(vec![0x10, 0x11]);
    }
    if number(body, 0, 2) != 1 {
        return Err(vec![0x10]);
    }
    let (token, agent) = (number(body, 2, 2) as usize, number(body, 4, 2) as usize);
    // A reserved field of the body is an unused field as much as a part of a hello that cannot be read.
    if number(body, 6, 2) != 0 {
        return Err(vec![0x11, 0x22]);
    }
    if token > 256 || agent > 128 || body.len() != 24 + token + agent {
        return Err(vec![0x11]);
    }
    let (name, rest) = (&body[24 + token..], &body[24..24 + token]);
    let is_text = |bytes: &[u8]| std::str::from_utf8(bytes).is_ok();
    if body[8..24].iter().all(|&byte| byte == 0) || !is_text(name) || !is_text(rest) {
        return Err(vec![0x11]);
    }
    let letters = |bytes: &[u8]| bytes.iter().map(|&byte| byte.into()).collect();
    Ok(vec![letters(&body[8..24]), letters(rest), letters(name)])
}

/// Section 5.2. Reserved bytes and what follows the 40th are ignored.
fn hello_ack(body: &[u8]) -> Result<Vec<Vec<i128>>, Vec<u64>> {
    if body.len() < 40 {
        return Err(vec![0x10, 0x11]);
    }
    if number(body, 0, 2) != 1 {
        return Err(vec![0x10]);
    }
    if number(body, 2, 1) != 1 {
        return Err(vec![0x11]);
    }
    let mut fields: Vec<i128> = (4..28).step_by(4).map(|at| number(body, at, 4).into()).collect();
    fields.push(signed(body, 32, 8));
    Ok(vec![fields])
}

/// Section 8: a count for each of the 16 reasons, and one for all others. The reserved bytes are ignored.
fn ack(body: &[u8], count: u64) -> Vec<Vec<i128>> {
    let mut counts = vec![0u64; 17];
    for entry in 0..count as usize {
        let reason = number(body, entry * 16, 2) as usize;
        let place = if (1..=16).contains(&reason) { reason - 1 } else { 16 };
        counts[place] = counts[place].saturating_add(number(body, entry * 16 + 8, 8));
    }
    vec![counts.into_iter().map(i128::from).collect()]
}

/// Section 7: the numbers of a record; none for one that is refused as `bad_record`.
fn record(kind: u64, record: &[u8], base: i128) -> Vec<i128> {
    let device = identity(record, 0);
    let time = |at: usize| saturated(base + i128::from(number(record, at, 4)));
    let small = |at: usize| i128::from(number(record, at, 1));
    let is_zero = |from: usize, to: usize| record[from..to].iter().all(|&byte| byte == 0);
    match kind {
        16 => vec![
            device,
            signed(record, 16, 4),
            signed(record, 20, 4),
            time(24),
            number(record, 28, 2).into(),
            number(record, 30, 2).into(),
        ],
        17 if (1..=3).contains(&small(36)) && is_zero(37, 40) => {
            vec![device, identity(record, 16), time(32), small(36)]
        }
        18 if small(32) <= 2 && small(33) <= 3 && is_zero(34, 40) => {
            vec![device, identity(record, 16), small(32), small(33)]
        }
        19 if number(record, 16, 4) != 0 && (1..=3).contains(&small(24)) && is_zero(25, 32) => {
            vec![device, number(record, 16, 4).into(), time(20), small(24)]
        }
        _ => Vec::new(),
    }
}

fn number(bytes: &[u8], at: usize, size: usize) -> u64 {
    bytes[at..at + size].iter().rev().fold(0, |sum, &byte| sum * 256 + u64::from(byte))
}

fn signed(bytes: &[u8], at: usize, size: usize) -> i128 {
    let value = i128::from(number(bytes, at, size));
    let half = 1i128 << (8 * size - 1);
    if value >= half { value - 2 * half } else { value }
}

fn identity(bytes: &[u8], at: usize) -> i128 {
    bytes[at..at + 16].iter().fold(0, |sum: i128, &byte| (sum << 8) | i128::from(byte))
}

/// An instant past the ends of an i64 is at its end: it lies outside the years that are believed either way.
fn saturated(time: i128) -> i128 {
    time.clamp(i64::MIN.into(), i64::MAX.into())
}

/// What the decoder under test says, in the words of [`Told`].
pub fn said(bytes: &[u8], max_records: usize) -> Told {
    let frame = match frame::next(bytes, FrameLimits { max_records }) {
        Ok(Step::Needs(bytes)) => return Told::Needs(bytes),
        Ok(Step::Whole(frame, _rest)) => frame,
        Err(error) => {
            let sentence = error.to_string();
            assert!((1..=400).contains(&sentence.len()), "{sentence}");
            return Told::Broken([u64::from(error.code().number())].into());
        }
    };
    let header = frame.header;
    let fields = vec![
        header.kind.number().into(),
        header.records.into(),
        header.body_bytes.into(),
        header.seq.0.into(),
        header.app.0.into(),
        header.stream.0.into(),
        header.base.0.into(),
    ];
    Told::Whole(fields, numbers(&frame.body), 32 + header.body_len())
}

fn numbers(body: &Body<'_>) -> Vec<Vec<i128>> {
    let big = |id: [u8; 16]| u128::from_be_bytes(id) as i128;
    let letters = |text: &[u8]| text.iter().map(|&byte| byte.into()).collect();
    match body {
        Body::Hello(hello) => vec![
            letters(&hello.instance.0),
            letters(hello.token.as_bytes()),
            letters(hello.agent.as_bytes()),
        ],
        Body::HelloAck(ack) => vec![vec![
            ack.account.0.into(),
            ack.max_frame_records.into(),
            ack.max_frame_bytes.into(),
            ack.max_streams.into(),
            ack.max_unacked_frames.into(),
            ack.idle_timeout_ms.into(),
            ack.now.0.into(),
        ]],
        Body::Ack(ack) => {
            let known = RejectReason::ALL.iter();
            let counts = known.map(|reason| ack.rejects[usize::from(reason.number())]);
            vec![counts.chain([ack.unknown]).map(i128::from).collect()]
        }
        Body::Pings(pings) => pings
            .iter()
            .map(|ping| {
                let (at, by) = (ping.fixed_at.0.into(), ping.accuracy_m.into());
                let (lat, lon) = (ping.lat_e7.into(), ping.lon_e7.into());
                vec![big(ping.device.0), lat, lon, at, by, ping.flags.0.into()]
            })
            .collect(),
        Body::Outcomes(outcomes) => outcomes
            .iter()
            .map(|outcome| {
                outcome.map_or_else(spoilt, |one| {
                    let what = one.kind as i128;
                    vec![big(one.device.0), big(one.job.0), one.happened_at.0.into(), what]
                })
            })
            .collect(),
        Body::Profiles(profiles) => profiles
            .iter()
            .map(|profile| {
                profile.map_or_else(spoilt, |one| {
                    let consents = i128::from(one.ads_consent) + 2 * i128::from(one.night_consent);
                    vec![big(one.device.0), big(one.echo), one.platform as i128, consents]
                })
            })
            .collect(),
        Body::Hints(hints) => hints
            .iter()
            .map(|hint| {
                hint.map_or_else(spoilt, |one| {
                    let (place, at) = (one.place.0.into(), one.fixed_at.0.into());
                    vec![big(one.device.0), place, at, one.verdict as i128]
                })
            })
            .collect(),
    }
}

fn spoilt(reason: RejectReason) -> Vec<i128> {
    assert_eq!(reason, RejectReason::BadRecord);
    Vec::new()
}

/// Holds the two side by side over all frames of a run of bytes.
pub fn compare(mut bytes: &[u8], max_records: usize) {
    loop {
        let (plain, ours) = (told(bytes, max_records as u64), said(bytes, max_records));
        match (&plain, &ours) {
            (Told::Broken(may), Told::Broken(is)) => {
                assert!(is.is_subset(may), "{is:?} of {may:?}")
            }
            _ => assert_eq!(plain, ours),
        }
        let Told::Whole(_, _, length) = plain else { return };
        bytes = &bytes[length..];
    }
}
