//! The attacks, each in a loop until told to end. What is answered is held against what should be.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use geofenced::wire::close::CloseCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::raw::{SOON, Target, code_of, frame, post_head, status};

/// What is tried.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Attack {
    /// Sequences with a gap.
    Gap,
    /// A frame that never ends.
    HalfFrame,
    /// A hello that never comes.
    Silence,
    /// Lengths beyond all limits.
    Oversized,
    /// Frames of the other side.
    OtherSide,
    /// Tokens that nobody gave.
    ForgedToken,
    /// More connections than an account may have.
    Crowd,
    /// Connections that are opened and left.
    Flood,
    /// Datagrams of noise.
    Noise,
    /// Frames whose acks are never read.
    DeafSender,
    /// Bodies of JSON that want much memory.
    FatJson,
    /// Bodies over the limit.
    LongBody,
    /// Bodies that come a byte at a time.
    SlowBody,
    /// Headers that come a byte at a time.
    SlowHeader,
    /// Answers that are asked for and never read.
    DeafReader,
    /// Forged tokens over HTTP.
    ForgedBearer,
}

impl Attack {
    pub(crate) const ALL: [Self; 16] = [
        Self::Gap,
        Self::HalfFrame,
        Self::Silence,
        Self::Oversized,
        Self::OtherSide,
        Self::ForgedToken,
        Self::Crowd,
        Self::Flood,
        Self::Noise,
        Self::DeafSender,
        Self::FatJson,
        Self::LongBody,
        Self::SlowBody,
        Self::SlowHeader,
        Self::DeafReader,
        Self::ForgedBearer,
    ];
}

/// How often each was answered as it should be.
#[derive(Default)]
pub(crate) struct Tally([AtomicU64; Attack::ALL.len()]);

impl Tally {
    pub(crate) fn of(&self, attack: Attack) -> &AtomicU64 {
        &self.0[attack as usize]
    }
}

impl std::fmt::Debug for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let counts = Attack::ALL.iter().map(|one| (one, self.of(*one).load(Ordering::Relaxed)));
        f.debug_map().entries(counts).finish()
    }
}

/// Attacks under way.
pub(crate) struct Attackers {
    tasks: JoinSet<()>,
    stop: watch::Sender<bool>,
}

impl Attackers {
    /// Ends them all; one that met a wrong answer ends the test.
    pub(crate) async fn end(mut self) {
        self.stop.send_replace(true);
        while let Some(ended) = self.tasks.join_next().await {
            ended.expect("every attack was answered as it should be");
        }
    }
}

/// Begins all of them.
pub(crate) fn begin(target: &Target, tally: &Arc<Tally>) -> Attackers {
    let (stop, stopped) = watch::channel(false);
    let mut attackers = Attackers { tasks: JoinSet::new(), stop };
    for attack in Attack::ALL {
        let (target, tally, mut stopped) = (target.clone(), Arc::clone(tally), stopped.clone());
        attackers.tasks.spawn(async move {
            for round in 0.. {
                tokio::select! {
                    answered = once(attack, &target, round) => {
                        tally.of(attack).fetch_add(u64::from(answered), Ordering::Relaxed);
                    }
                    _ = stopped.wait_for(|&stop| stop) => return,
                }
                sleep(PAUSE).await;
            }
        });
    }
    attackers
}

/// Between two rounds of an attack: the attackers share a machine with what they attack.
const PAUSE: Duration = Duration::from_millis(10);

/// Does it once. Whether there was an answer at all: a full house refuses connections, and that is none. A wrong
/// answer is a panic.
async fn once(attack: Attack, target: &Target, round: u64) -> bool {
    match attack {
        Attack::Gap => {
            let frames = [frame(1, 1, round), frame(1, 3, round)].concat();
            said(target, round, &frames, CloseCode::BadSequence).await
        }
        Attack::HalfFrame => {
            let half = frame(1, 1, round)[..40].to_vec();
            said(target, round + (1 << 32), &half, CloseCode::FrameTimeout).await
        }
        Attack::Silence => {
            let Some(rude) = target.connect().await else { return false };
            is(rude.code().await, CloseCode::HelloTimeout)
        }
        Attack::Oversized => oversized(target, round).await,
        Attack::OtherSide => {
            let mut ack = vec![0; 72];
            (ack[0], ack[4], ack[32]) = (2 + u8::from(round.is_multiple_of(2)), 40, 9);
            said(target, round + (2 << 32), &ack, CloseCode::UnexpectedFrame).await
        }
        Attack::ForgedToken => forged_token(target, round).await,
        Attack::Crowd => crowd(target, round).await,
        Attack::Flood => flood(target).await,
        Attack::Noise => noise(target, round).await,
        Attack::DeafSender => deaf_sender(target, round).await,
        Attack::FatJson => fat_json(target, round).await,
        Attack::LongBody => {
            let request = [post_head(&target.token, 3 << 20).into_bytes(), vec![b' '; 3 << 20]];
            answers(status(target.http, &request.concat()).await, &[413])
        }
        Attack::SlowBody => slow_body(target).await,
        Attack::SlowHeader => slow_header(target).await,
        Attack::DeafReader => deaf_reader(target).await,
        Attack::ForgedBearer => {
            let head = post_head(&format!("gf_{round:043}"), 2);
            answers(status(target.http, format!("{head}{{}}").as_bytes()).await, &[401])
        }
    }
}

/// Says bytes on a data stream and wants this code for them.
async fn said(target: &Target, instance: u64, bytes: &[u8], code: CloseCode) -> bool {
    let Some(rude) = target.greet(&target.token, instance).await else { return false };
    let _open = rude.say(bytes).await;
    is(rude.code().await, code)
}

/// Whether there was an answer. It has to be this one, or that the house is full, or on a machine that is, too, that the
/// attacker came too late.
fn is(code: Option<CloseCode>, wanted: CloseCode) -> bool {
    match code {
        None | Some(CloseCode::TooManyForAccount | CloseCode::TooManyConnections) => false,
        Some(late @ (CloseCode::HelloTimeout | CloseCode::FrameTimeout)) if late != wanted => false,
        Some(code) => {
            assert_eq!(code, wanted);
            true
        }
    }
}

/// The same for HTTP, where a full house has its own status.
fn answers(status: Option<u16>, wanted: &[u16]) -> bool {
    match status {
        None | Some(503) => false,
        Some(status) => {
            assert!(wanted.contains(&status), "{status} is none of {wanted:?}");
            true
        }
    }
}

async fn oversized(target: &Target, round: u64) -> bool {
    let mut bytes = frame(1, 1, round);
    match round % 3 {
        0 => bytes[4..8].fill(0xFF),
        1 => bytes[2..4].fill(0xFF),
        _ => bytes[2..8].copy_from_slice(&[1, 16, 32, 0, 2, 0]),
    }
    said(target, round + (3 << 32), &bytes, CloseCode::FrameTooLarge).await
}

async fn forged_token(target: &Target, round: u64) -> bool {
    let forged = match round % 3 {
        0 => format!("gf_{round:043}"),
        // One letter off a good one.
        1 => target
            .token
            .replace(&target.token[45..], if target.token.ends_with('A') { "B" } else { "A" }),
        _ => "x".repeat(256),
    };
    let Some(rude) = target.greet(&forged, round).await else { return false };
    is(rude.code().await, CloseCode::Unauthenticated)
}

/// As many connections as an account may have, and one more.
async fn crowd(target: &Target, round: u64) -> bool {
    let mut let_in = Vec::new();
    for number in 0..40 {
        let instance = (4 << 32) + round * 64 + number;
        let Some(rude) = target.greet(&target.token, instance).await else { continue };
        let Some(closed) = rude.connection.close_reason() else {
            let_in.push(rude);
            continue;
        };
        let code = code_of(closed);
        if code.is_some_and(|code| code != CloseCode::HelloTimeout) {
            let full = [CloseCode::TooManyForAccount, CloseCode::TooManyConnections];
            assert!(code.is_some_and(|code| full.contains(&code)), "{code:?}");
            // The crowd goes again, so that others find a place to be rude in.
            sleep(Duration::from_millis(100)).await;
            drop(let_in);
            sleep(Duration::from_millis(400)).await;
            return true;
        }
    }
    false
}

/// Handshakes begun and left, with no word of good-bye.
async fn flood(target: &Target) -> bool {
    let mut tries = JoinSet::new();
    for _ in 0..16 {
        let target = target.clone();
        tries.spawn(async move {
            let connecting = target.connect();
            timeout(Duration::from_millis(3), connecting).await.is_ok()
        });
    }
    while tries.join_next().await.is_some() {}
    true
}

async fn noise(target: &Target, round: u64) -> bool {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for number in 0..64u64 {
        let seed = blake3::hash(&(round * 64 + number).to_le_bytes());
        let mut bytes = [0; 1200];
        blake3::Hasher::new_keyed(seed.as_bytes()).finalize_xof().fill(&mut bytes);
        // As packets of QUIC version 1 begin, every other time.
        if number.is_multiple_of(2) {
            bytes[..6].copy_from_slice(&[0xC3, 0, 0, 0, 1, 8]);
        }
        // A full buffer loses some; so does a network.
        let _sent = socket.send_to(&bytes, target.quic).await;
    }
    true
}

/// Frames as fast as they go, whose acks nobody reads; then the connection is left.
async fn deaf_sender(target: &Target, round: u64) -> bool {
    let instance = (5 << 32) + round;
    let Some(rude) = target.greet(&target.token, instance).await else { return false };
    let Some((mut send, _unread)) = rude.say(&frame(1, 1, round)).await else { return false };
    let sending = async {
        for seq in 2..2000 {
            if send.write_all(&frame(1, seq, round * 5000 + seq)).await.is_err() {
                break;
            }
        }
    };
    let _stuck = timeout(Duration::from_millis(300), sending).await;
    true
}

/// Two megabytes that a tree of values would take a hundred times as much for.
async fn fat_json(target: &Target, round: u64) -> bool {
    let device = r#""device": "00112233-4455-6677-8899-aabbccddeeff""#;
    let body = match round % 3 {
        0 => format!(r#"{{"app": 1, "pings": [{}{{}}]}}"#, "{},".repeat(600_000)),
        1 => format!(r#"{{"app": 1, "pings": [{{{device}, "at": [{}0]}}]}}"#, "0,".repeat(900_000)),
        _ => format!(r#"{{"app": 1, "pings": {}"#, "[".repeat(1_900_000)),
    };
    let request = post_head(&target.token, body.len()) + &body;
    answers(status(target.http, request.as_bytes()).await, &[400, 422])
}

/// A body a byte at a time. It ends by the daemon's patience, or before: its turn may be refused.
async fn slow_body(target: &Target) -> bool {
    let Ok(mut stream) = TcpStream::connect(target.http).await else { return false };
    let head = post_head(&target.token, 10_000);
    if stream.write_all(head.as_bytes()).await.is_err() {
        return false;
    }
    trickle(&mut stream, 2).await
}

async fn slow_header(target: &Target) -> bool {
    let Ok(mut stream) = TcpStream::connect(target.http).await else { return false };
    if stream.write_all(b"GET /v1/queues HTTP/1.1\r\n").await.is_err() {
        return false;
    }
    trickle(&mut stream, 100).await
}

/// Asks again and again without reading; the daemon has to break it off.
async fn deaf_reader(target: &Target) -> bool {
    let Ok(mut stream) = TcpStream::connect(target.http).await else { return false };
    let ask = b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n";
    let (asked, mut begun) = (stream.write_all(ask).await, [0; 12]);
    if asked.is_err() || stream.read_exact(&mut begun).await.is_err() || &begun != b"HTTP/1.1 200" {
        return false;
    }
    let asking = async { while stream.write_all(ask).await.is_ok() {} };
    assert!(timeout(SOON, asking).await.is_ok(), "a client that never reads is still there");
    true
}

/// Sends bytes one at a time until the daemon has had enough of it, or for so many seconds.
async fn trickle(stream: &mut TcpStream, at_most_s: u64) -> bool {
    let (mut from, mut to) = stream.split();
    let mut answer = [0; 64];
    let sending = async {
        for _ in 0..at_most_s * 20 {
            if to.write_all(b"x").await.is_err() {
                return;
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::select! {
        ended = timeout(SOON, from.read(&mut answer)) => {
            assert!(ended.is_ok(), "a client that trickles is still there");
        }
        () = sending => {}
    }
    true
}
