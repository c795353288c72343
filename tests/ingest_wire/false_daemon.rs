//! The Rust client against a daemon that sends it away, falls silent, changes its mind or breaks rules.

use std::time::Duration;

use geofenced::auth::tls::ServerIdentity;
use geofenced::client::{Client, ClientError, ClientOptions, Credentials, Reconnect, Trust};
use geofenced::domain::ids::{AccountId, AppId, FrameSeq, InstanceId, StreamNo};
use geofenced::domain::ping::Ping;
use geofenced::domain::reasons::RejectCounts;
use geofenced::wire::ack::Ack;
use geofenced::wire::close::CloseCode;
use geofenced::wire::hello::{AckMode, HelloAck};
use quinn::crypto::rustls::QuicServerConfig;
use tokio::time::timeout;

use crate::daemon::{SOON, ping};
use crate::shards::NOW;

/// A pause that no test waits for.
const NEVER: Duration = Duration::from_secs(3600);

const TERMS: HelloAck = HelloAck {
    ack_mode: AckMode::Synced,
    account: AccountId(1),
    max_frame_records: 4096,
    max_frame_bytes: 163_872,
    max_streams: 8,
    max_unacked_frames: 256,
    idle_timeout_ms: 30_000,
    now: NOW,
};

struct FalseDaemon {
    quic: quinn::Endpoint,
    identity: ServerIdentity,
}

impl FalseDaemon {
    fn start() -> Self {
        let identity = ServerIdentity::self_signed(&["localhost"]).unwrap();
        let tls = identity.server_config(b"geofenced/1").unwrap();
        let tls = QuicServerConfig::try_from(tls).unwrap();
        let config = quinn::ServerConfig::with_crypto(std::sync::Arc::new(tls));
        let quic = quinn::Endpoint::server(config, "127.0.0.1:0".parse().unwrap()).unwrap();
        Self { quic, identity }
    }

    fn options(&self, reconnect: Reconnect) -> ClientOptions {
        let trust = Trust::Roots(vec![self.identity.certificate()]);
        let (token, instance) = (Credentials::Token("gf_any".to_owned()), InstanceId([1; 16]));
        let address = self.quic.local_addr().unwrap();
        ClientOptions { reconnect, ..ClientOptions::new(address, trust, token, instance) }
    }

    /// The next connection, with its hello answered.
    async fn greet(&self, terms: HelloAck) -> quinn::Connection {
        let incoming = timeout(SOON, self.quic.accept()).await.unwrap().unwrap();
        let connection = incoming.await.unwrap();
        let (mut send, mut recv) = connection.accept_bi().await.unwrap();
        let hello = recv.read_to_end(1000).await.unwrap();
        assert_eq!(hello[0], 1);
        let mut bytes = vec![];
        terms.encode(&mut bytes);
        send.write_all(&bytes).await.unwrap();
        send.finish().unwrap();
        connection
    }
}

/// Pauses that tell which rule the client went by: the other one would never end.
fn only(later: bool) -> Reconnect {
    let (soon, most) = (Duration::from_millis(1), u32::MAX);
    let (first, later) = if later { (NEVER, soon) } else { (soon, NEVER) };
    Reconnect { first_pause: first, longest_pause: first, later_pause: later, max_attempts: most }
}

/// Reads the frames of one ping each up to `upto` from the next data stream, and acknowledges them.
async fn acknowledge(connection: &quinn::Connection, upto: u64) {
    let (mut send, mut recv) = connection.accept_bi().await.unwrap();
    let mut frames = [0; 64];
    while frames[8..16] != upto.to_le_bytes() {
        recv.read_exact(&mut frames).await.unwrap();
    }
    let (stream, upto) = (StreamNo(1), FrameSeq(upto));
    let mut bytes = vec![];
    Ack { stream, upto, rejects: RejectCounts::default(), unknown: 0 }.encode(&mut bytes);
    send.write_all(&bytes).await.unwrap();
    assert!(recv.read_to_end(0).await.is_ok(), "the client has ended its side");
    send.finish().unwrap();
    send.stopped().await.unwrap();
}

/// What the client makes of a connection that ends as `end` says before anything is acknowledged.
async fn survives(reconnect: Reconnect, end: impl AsyncFnOnce(quinn::Connection)) {
    let daemon = FalseDaemon::start();
    let serve = async {
        end(daemon.greet(TERMS).await).await;
        let second = daemon.greet(TERMS).await;
        acknowledge(&second, 1).await;
        second
    };
    let send = async {
        let client = Client::connect(daemon.options(reconnect)).await.unwrap();
        let mut stream = client.open(StreamNo(1), FrameSeq(1), |_| {});
        stream.pings(AppId(1), &[ping(1, 0)]).await.unwrap();
        stream.end().await.unwrap();
    };
    timeout(SOON, async { tokio::join!(serve, send) }).await.unwrap();
}

#[tokio::test]
async fn an_unknown_code_is_later() {
    survives(only(true), async |connection| connection.close(0x55u32.into(), b"who knows")).await;
}

#[tokio::test]
async fn done_with_frames_left_is_a_reconnect() {
    survives(only(false), async |connection| connection.close(0u32.into(), b"done")).await;
}

#[tokio::test]
async fn a_stream_that_ends_without_a_close_is_a_lost_connection() {
    survives(only(false), async |connection| {
        let (mut send, _recv) = connection.accept_bi().await.unwrap();
        send.finish().unwrap();
        // The client does not wait for ever.
        connection.closed().await;
    })
    .await;
}

#[tokio::test]
async fn attempts_count_until_an_ack_and_not_until_a_hello_ack() {
    let daemon = FalseDaemon::start();
    let reconnect = Reconnect { max_attempts: 3, ..only(false) };
    let serve = async {
        // A daemon that lets in, acknowledges and goes may do so for ever …
        for upto in 1..=5 {
            let connection = daemon.greet(TERMS).await;
            let (mut send, mut recv) = connection.accept_bi().await.unwrap();
            let mut frame = [0; 64];
            recv.read_exact(&mut frame).await.unwrap();
            let (stream, upto) = (StreamNo(1), FrameSeq(upto));
            let mut bytes = vec![];
            Ack { stream, upto, rejects: RejectCounts::default(), unknown: 0 }.encode(&mut bytes);
            send.write_all(&bytes).await.unwrap();
            send.finish().unwrap();
            send.stopped().await.unwrap();
            connection.close(2u32.into(), b"draining");
        }
        // … and one that only lets in may not: the loss of the fifth connection was the first failure.
        for _ in 0..2 {
            daemon.greet(TERMS).await.close(2u32.into(), b"draining");
        }
    };
    let send = async {
        let client = Client::connect(daemon.options(reconnect)).await.unwrap();
        let mut stream = client.open(StreamNo(1), FrameSeq(1), |_| {});
        for _ in 0..5 {
            let seq = stream.pings(AppId(1), &[ping(1, 0)]).await.unwrap();
            stream.acked(seq).await.unwrap();
        }
        stream.acked(FrameSeq(6)).await.unwrap_err()
    };
    let ((), error) = timeout(SOON, async { tokio::join!(serve, send) }).await.unwrap();
    assert!(matches!(error, ClientError::GaveUp { attempts: 3, .. }), "{error}");
    assert_eq!(error.close_code(), Some(CloseCode::Draining));
}

#[tokio::test]
async fn terms_follow_the_daemon_and_kept_frames_over_them_end_the_stream() {
    let daemon = FalseDaemon::start();
    let fewer = HelloAck { max_frame_records: 1, ..TERMS };
    let serve = async {
        let first = daemon.greet(TERMS).await;
        let (_send, mut recv) = first.accept_bi().await.unwrap();
        recv.read_exact(&mut [0; 96]).await.unwrap();
        first.close(2u32.into(), b"draining");
        daemon.greet(fewer).await
    };
    let send = async {
        let client = Client::connect(daemon.options(only(false))).await.unwrap();
        let two: Vec<Ping> = vec![ping(1, 0), ping(2, 0)];
        let mut stream = client.open(StreamNo(1), FrameSeq(1), |_| {});
        let kept = stream.pings(AppId(1), &two).await.unwrap();
        let error = stream.acked(kept).await.unwrap_err();
        assert!(matches!(error, ClientError::TooManyRecords { records: 2, max: 1 }), "{error}");
        assert_eq!(client.terms().max_frame_records, 1);
        let mut other = client.open(StreamNo(2), FrameSeq(1), |_| {});
        let error = other.pings(AppId(1), &two).await.unwrap_err();
        assert!(matches!(error, ClientError::TooManyRecords { .. }), "{error}");
        client
    };
    timeout(SOON, async { tokio::join!(serve, send) }).await.unwrap();
}

#[tokio::test]
async fn a_short_idle_timeout_gets_a_connection_that_is_kept_alive() {
    let daemon = FalseDaemon::start();
    let hasty = HelloAck { idle_timeout_ms: 3000, ..TERMS };
    let serve = async {
        let first = daemon.greet(hasty).await;
        let second = daemon.greet(hasty).await;
        let quinn::ConnectionError::ApplicationClosed(close) = first.closed().await else {
            panic!("not closed by the client")
        };
        assert_eq!(close.error_code, 0u32.into());
        second
    };
    let (second, client) =
        timeout(SOON, async { tokio::join!(serve, Client::connect(daemon.options(only(false)))) })
            .await
            .unwrap();
    assert_eq!(client.unwrap().terms().idle_timeout_ms, 3000);
    assert!(second.close_reason().is_none());
}

#[tokio::test]
async fn what_is_no_ack_ends_the_client() {
    let daemon = FalseDaemon::start();
    // The header of a whole frame of pings, and more of it than acks have room for.
    let mut noise = vec![0; 8192];
    noise[..8].copy_from_slice(&[16, 0, 0, 16, 0, 0, 2, 0]);
    (noise[8], noise[20]) = (1, 1);
    let serve = async {
        let connection = daemon.greet(TERMS).await;
        let (mut send, _recv) = connection.accept_bi().await.unwrap();
        send.write_all(&noise).await.unwrap();
        connection.closed().await
    };
    let send = async {
        let client = Client::connect(daemon.options(only(false))).await.unwrap();
        let mut stream = client.open(StreamNo(1), FrameSeq(1), |_| {});
        let seq = stream.pings(AppId(1), &[ping(1, 0)]).await.unwrap();
        stream.acked(seq).await.unwrap_err()
    };
    let (closed, error) = timeout(SOON, async { tokio::join!(serve, send) }).await.unwrap();
    assert!(matches!(error, ClientError::Unexpected(_)), "{error}");
    let quinn::ConnectionError::ApplicationClosed(close) = closed else { panic!("{closed}") };
    assert_eq!(close.error_code, u32::from(CloseCode::UnexpectedFrame.number()).into());
}

#[test]
fn pauses_double_and_are_spread() {
    let reconnect = Reconnect::default();
    let pause = |failure, later, jitter| reconnect.pause(failure, later, jitter).as_millis();
    assert_eq!((pause(1, false, 0), pause(1, false, u32::MAX)), (50, 100));
    assert_eq!((pause(3, false, 0), pause(3, false, u32::MAX)), (200, 400));
    assert_eq!((pause(99, false, 0), pause(99, false, u32::MAX)), (5000, 10_000));
    assert_eq!((pause(1, true, 0), pause(99, true, u32::MAX)), (10_000, 15_000));
    assert_eq!(Reconnect::ONCE.pause(1, true, 7), Duration::ZERO);
}
