//! The wire protocol end to end: the real client against the real endpoint over loopback, with shards in
//! between that hold back, lose or refuse as each test says.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test ends at the first surprise")]

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use geofenced::auth::authority::Authority;
use geofenced::auth::book::Book;
use geofenced::auth::command::NewToken;
use geofenced::auth::grant::{Apps, Scope};
use geofenced::auth::tls::ServerIdentity;
use geofenced::auth::token::Token;
use geofenced::client::{
    AckSpan, Client, ClientError, ClientOptions, ClientStream, Credentials, Reconnect, Trust,
};
use geofenced::domain::fix::FutureRule;
use geofenced::domain::ids::{AccountId, AppId, DeviceId, FrameSeq, InstanceId, Origin, StreamNo};
use geofenced::domain::ping::{Ping, PingFlags};
use geofenced::domain::reasons::RejectReason;
use geofenced::domain::submission::{Applied, Lost, Submission, SubmitError};
use geofenced::domain::units::UtcMs;
use geofenced::ingest::config::IngestConfig;
use geofenced::ingest::endpoint::Endpoint;
use geofenced::ingest::figures::IngestFigures;
use geofenced::ingest::intake::Intake;
use geofenced::wire::close::CloseCode;
use tokio::sync::{Semaphore, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

const NOW: UtcMs = UtcMs(1_767_225_600_000);
const SOON: Duration = Duration::from_secs(20);

/// Shards that know resent frames, and resolve a ticket at once or when told to.
struct Shards {
    room: Semaphore,
    submissions: AtomicUsize,
    records: AtomicUsize,
    seen: Mutex<HashSet<Origin>>,
    holding: AtomicBool,
    held: Mutex<Vec<oneshot::Sender<Result<Applied, Lost>>>>,
}

impl Shards {
    fn new(room: usize) -> Self {
        Self {
            room: Semaphore::new(room),
            submissions: AtomicUsize::new(0),
            records: AtomicUsize::new(0),
            seen: Mutex::default(),
            holding: AtomicBool::new(false),
            held: Mutex::default(),
        }
    }

    fn release(&self, outcome: Result<Applied, Lost>) {
        self.holding.store(false, Ordering::SeqCst);
        for ticket in self.held.lock().unwrap().drain(..) {
            let _client_gone = ticket.send(outcome);
        }
    }
}

struct Ticket(oneshot::Receiver<Result<Applied, Lost>>);

impl Future for Ticket {
    type Output = Result<Applied, Lost>;

    fn poll(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Self::Output> {
        std::pin::Pin::new(&mut self.0).poll(cx).map(|told| told.unwrap_or(Err(Lost::Stopped)))
    }
}

impl Intake for Shards {
    type Ticket = Ticket;

    async fn submit(&self, submission: Submission) -> Result<Ticket, SubmitError> {
        self.room.acquire().await.unwrap().forget();
        self.submissions.fetch_add(1, Ordering::SeqCst);
        let records = submission.records.len();
        let mut applied = Applied::default();
        if self.seen.lock().unwrap().insert(submission.origin.unwrap()) {
            self.records.fetch_add(records, Ordering::SeqCst);
        } else {
            applied.rejects[usize::from(RejectReason::Resent.number())] = records as u64;
        }
        let (tell, told) = oneshot::channel();
        if self.holding.load(Ordering::SeqCst) {
            self.held.lock().unwrap().push(tell);
        } else {
            tell.send(Ok(applied)).unwrap();
        }
        Ok(Ticket(told))
    }

    fn received_at(&self) -> UtcMs {
        NOW
    }

    fn future_rule(&self, received_at: UtcMs) -> FutureRule {
        FutureRule::AtMost { received_at, max_future_ms: 60_000 }
    }
}

struct Daemon {
    address: SocketAddr,
    shards: Arc<Shards>,
    figures: Arc<IngestFigures>,
    authority: Arc<Authority>,
    identity: ServerIdentity,
    config: IngestConfig,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Daemon {
    fn start(change: impl FnOnce(&mut IngestConfig)) -> Self {
        let mut config =
            IngestConfig { listen: "127.0.0.1:0".parse().unwrap(), ..IngestConfig::default() };
        config.drain_timeout_s = 2;
        change(&mut config);
        let identity = ServerIdentity::self_signed(&["localhost"]).unwrap();
        let authority = Arc::new(Authority::of(book()));
        Self::with(config, identity, authority, Arc::new(Shards::new(1 << 30)))
    }

    fn with(
        config: IngestConfig,
        identity: ServerIdentity,
        authority: Arc<Authority>,
        shards: Arc<Shards>,
    ) -> Self {
        let figures = Arc::new(IngestFigures::default());
        let (stop, stopped) = watch::channel(false);
        let endpoint = Endpoint::bind(
            config.clone(),
            &identity,
            Arc::clone(&authority),
            Arc::clone(&shards),
            Arc::clone(&figures),
            stopped,
        )
        .unwrap();
        let address = endpoint.local_addr().unwrap();
        let task = tokio::spawn(endpoint.serve());
        Self { address, shards, figures, authority, identity, config, stop, task }
    }

    /// Ends and comes back at the same address, with the same shards.
    async fn restart(self) -> Self {
        self.stop.send_replace(true);
        timeout(SOON, self.task).await.unwrap().unwrap();
        let config = IngestConfig { listen: self.address, ..self.config };
        Self::with(config, self.identity, self.authority, self.shards)
    }

    fn options(&self, token: u8, instance: u8) -> ClientOptions {
        let trust = Trust::Roots(vec![self.identity.certificate()]);
        let credentials = Credentials::Token(Token::from_bytes([token; 32]).reveal());
        let mut options =
            ClientOptions::new(self.address, trust, credentials, InstanceId([instance; 16]));
        options.reconnect = Reconnect { max_attempts: 50, ..Reconnect::default() };
        options
    }

    async fn client(&self, instance: u8) -> Client {
        Client::connect(self.options(1, instance)).await.unwrap()
    }
}

/// Token 1: account 1, apps 1 and 2. Token 2: account 2. Token 3: no ingest. Token 4: revoked.
fn book() -> Book {
    let mut book = Book::default();
    let mut note = |number: u8, name: &str, account: u32, scopes: &[Scope]| {
        let apps = Apps::only([AppId(1), AppId(2)]);
        NewToken { name, account: AccountId(account), apps, scopes }.note(
            &mut book,
            &Token::from_bytes([number; 32]),
            jiff::Timestamp::UNIX_EPOCH,
        );
    };
    note(1, "one", 1, &[Scope::Ingest]);
    note(2, "two", 2, &[Scope::Ingest]);
    note(3, "three", 1, &[Scope::Queue]);
    note(4, "four", 1, &[Scope::Ingest]);
    book.tokens[3].revoked = Some(jiff::Timestamp::UNIX_EPOCH);
    book
}

fn ping(device: u8, flags: u16) -> Ping {
    Ping {
        device: DeviceId([device; 16]),
        lat_e7: 1,
        lon_e7: 2,
        fixed_at: NOW,
        accuracy_m: 5,
        flags: PingFlags(flags),
    }
}

/// A stream that notes its acks.
fn noted(client: &Client, number: u32) -> (ClientStream, Arc<Mutex<Vec<AckSpan>>>) {
    let acks = Arc::new(Mutex::new(Vec::new()));
    let notes = Arc::clone(&acks);
    let note = move |ack: &AckSpan| notes.lock().unwrap().push(*ack);
    (client.open(StreamNo(number), FrameSeq(1), note), acks)
}

fn refused(acks: &[AckSpan], reason: RejectReason) -> u64 {
    acks.iter().map(|ack| ack.rejects[usize::from(reason.number())]).sum()
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..2000 {
        if holds() {
            return;
        }
        sleep(Duration::from_millis(5)).await;
    }
    panic!("never: {what}");
}

async fn refusal(options: ClientOptions) -> ClientError {
    let options = ClientOptions { reconnect: Reconnect::ONCE, ..options };
    match Client::connect(options).await {
        Ok(_) => panic!("was let in"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn acks_come_when_tickets_resolve_and_not_before() {
    let daemon = Daemon::start(|_| {});
    let client = daemon.client(1).await;
    assert_eq!(client.terms().account, AccountId(1));
    assert_eq!((client.terms().max_frame_records, client.terms().now), (4096, NOW));
    daemon.shards.holding.store(true, Ordering::SeqCst);
    let (mut stream, acks) = noted(&client, 1);
    for _ in 0..20 {
        stream.pings(AppId(1), &[ping(1, 0), ping(2, PingFlags::MOCK)]).await.unwrap();
    }
    until("all submitted", || daemon.shards.submissions.load(Ordering::SeqCst) == 20).await;
    sleep(Duration::from_millis(100)).await;
    assert!(acks.lock().unwrap().is_empty());
    assert_eq!(daemon.figures.snapshot().in_flight, 20);
    daemon.shards.release(Ok(Applied::default()));
    timeout(SOON, stream.end()).await.unwrap().unwrap();
    let acks = acks.lock().unwrap().clone();
    assert_eq!(acks.last().unwrap().upto, FrameSeq(20));
    assert!(acks.len() <= 3, "coalesced: {}", acks.len());
    assert_eq!(refused(&acks, RejectReason::Mock), 20);
    let figures = daemon.figures.snapshot();
    assert_eq!((figures.received, figures.evaluated, figures.in_flight), (40, 20, 0));
    client.close().await;
}

#[tokio::test]
async fn full_shards_hold_the_client_back_and_lose_nothing() {
    let daemon = Daemon::start(|config| config.max_unacked_frames = 4);
    let client = daemon.client(1).await;
    let taken = daemon.shards.room.available_permits() - 3;
    daemon.shards.room.acquire_many(u32::try_from(taken).unwrap()).await.unwrap().forget();
    let (mut stream, _) = noted(&client, 1);
    let frame: Vec<Ping> = (0..4096u32).map(|_| ping(9, 0)).collect();
    let sending = async {
        for _ in 0..100 {
            stream.pings(AppId(1), &frame).await.unwrap();
        }
        stream.end().await.unwrap();
    };
    let watching = async {
        until("three taken", || daemon.shards.submissions.load(Ordering::SeqCst) == 3).await;
        sleep(Duration::from_millis(300)).await;
        // One window of QUIC, one buffer and one frame in hand are all the daemon may have taken in.
        let read = daemon.figures.snapshot().frames;
        assert!(read <= 5, "{read} frames read while the shards were full");
        daemon.shards.room.add_permits(1000);
    };
    timeout(SOON, async { tokio::join!(sending, watching) }).await.unwrap();
    assert_eq!(daemon.shards.records.load(Ordering::SeqCst), 409_600);
}

#[tokio::test]
async fn unacknowledged_frames_are_sent_again_after_a_restart() {
    let daemon = Daemon::start(|_| {});
    let client = daemon.client(1).await;
    let (mut stream, acks) = noted(&client, 7);
    let sure = stream.pings(AppId(1), &[ping(1, 0)]).await.unwrap();
    timeout(SOON, stream.acked(sure)).await.unwrap().unwrap();
    // The next ones are taken, but the daemon dies before it can say so.
    daemon.shards.holding.store(true, Ordering::SeqCst);
    for _ in 0..5 {
        stream.pings(AppId(1), &[ping(1, 0), ping(2, 0)]).await.unwrap();
    }
    until("taken", || daemon.shards.submissions.load(Ordering::SeqCst) == 6).await;
    daemon.shards.release(Err(Lost::Stopped));
    let daemon = daemon.restart().await;
    stream.pings(AppId(2), &[ping(3, 0)]).await.unwrap();
    // `unavailable` asks for a long pause; the restart's own `draining` may win. Either ends in a resend.
    timeout(Duration::from_secs(40), stream.end()).await.unwrap().unwrap();
    let acks = acks.lock().unwrap().clone();
    assert_eq!(refused(&acks, RejectReason::Resent), 10);
    assert_eq!(daemon.shards.records.load(Ordering::SeqCst), 12, "each record took effect once");
    let spans: Vec<u64> = acks.iter().flat_map(|ack| ack.from.0..=ack.upto.0).collect();
    assert_eq!(spans, (1..=7).collect::<Vec<_>>(), "each frame was acknowledged once, in order");
}

#[tokio::test]
async fn a_drain_acknowledges_what_was_read() {
    let daemon = Daemon::start(|_| {});
    let client = daemon.client(1).await;
    let (mut stream, acks) = noted(&client, 1);
    daemon.shards.holding.store(true, Ordering::SeqCst);
    let last = stream.pings(AppId(1), &[ping(1, 0)]).await.unwrap();
    until("taken", || daemon.shards.submissions.load(Ordering::SeqCst) == 1).await;
    daemon.stop.send_replace(true);
    sleep(Duration::from_millis(100)).await;
    daemon.shards.release(Ok(Applied::default()));
    timeout(SOON, stream.acked(last)).await.unwrap().unwrap();
    assert_eq!(acks.lock().unwrap().len(), 1);
    timeout(SOON, daemon.task).await.unwrap().unwrap();
    let closes = daemon.figures.snapshot().closes;
    let draining = CloseCode::ALL.iter().position(|&code| code == CloseCode::Draining).unwrap();
    assert_eq!(closes[draining], 1);
    assert_eq!(daemon.figures.snapshot().connections_open, 0);
}

#[tokio::test]
async fn bad_credentials_are_refused_by_name() {
    let daemon = Daemon::start(|_| {});
    for (token, code) in [
        (9, CloseCode::Unauthenticated),
        (4, CloseCode::Unauthenticated),
        (3, CloseCode::Forbidden),
    ] {
        let error = refusal(daemon.options(token, 1)).await;
        assert_eq!(error.close_code(), Some(code), "{error}");
        assert!(!error.to_string().contains(&Token::from_bytes([token; 32]).reveal()[3..]));
    }
    let mut nobody = daemon.options(1, 1);
    nobody.credentials = Credentials::Token(String::new());
    let error = refusal(nobody).await;
    assert!(error.to_string().contains("no credentials"), "{error}");
    let mut stranger = daemon.options(1, 1);
    let other = ServerIdentity::self_signed(&["localhost"]).unwrap();
    stranger.trust = Trust::Roots(vec![other.certificate()]);
    assert!(matches!(refusal(stranger).await, ClientError::Lost(_)));
}

#[tokio::test]
async fn a_token_revoked_while_in_use_ends_the_connection() {
    let daemon = Daemon::start(|_| {});
    let client = daemon.client(1).await;
    let (mut stream, _) = noted(&client, 1);
    let seq = stream.pings(AppId(1), &[ping(1, 0)]).await.unwrap();
    timeout(SOON, stream.acked(seq)).await.unwrap().unwrap();
    let mut changed = book();
    changed.tokens[0].revoked = Some(jiff::Timestamp::UNIX_EPOCH);
    daemon.authority.replace(changed);
    let error = timeout(SOON, stream.acked(FrameSeq(99))).await.unwrap().unwrap_err();
    assert_eq!(error.close_code(), Some(CloseCode::Unauthenticated), "{error}");
}

#[tokio::test]
async fn another_accounts_app_is_refused_record_by_record() {
    let daemon = Daemon::start(|_| {});
    let client = daemon.client(1).await;
    let (mut stream, acks) = noted(&client, 1);
    stream.pings(AppId(3), &[ping(1, 0), ping(2, 0)]).await.unwrap();
    stream.pings(AppId(2), &[ping(1, 0)]).await.unwrap();
    timeout(SOON, stream.end()).await.unwrap().unwrap();
    assert_eq!(refused(&acks.lock().unwrap(), RejectReason::AppNotAllowed), 2);
    assert_eq!(daemon.shards.records.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn connections_are_bounded_and_an_instance_has_one() {
    let daemon = Daemon::start(|config| {
        config.max_connections = 3;
        config.max_connections_per_account = 2;
        config.retry_above_handshakes = 0;
    });
    let first = daemon.client(1).await;
    let (mut stream, _) = noted(&first, 1);
    let _second = daemon.client(2).await;
    let error = refusal(daemon.options(1, 3)).await;
    assert_eq!(error.close_code(), Some(CloseCode::TooManyForAccount), "{error}");
    // The same instance again takes the place of its older connection.
    let _first_again = daemon.client(1).await;
    let error = timeout(SOON, stream.acked(FrameSeq(1))).await.unwrap().unwrap_err();
    assert_eq!(error.close_code(), Some(CloseCode::Superseded), "{error}");
    until("the old one is gone", || daemon.figures.snapshot().connections_open == 2).await;
    let _other = Client::connect(daemon.options(2, 1)).await.unwrap();
    let error = refusal(daemon.options(2, 2)).await;
    assert_eq!(error.close_code(), Some(CloseCode::TooManyConnections), "{error}");
    assert!(daemon.figures.snapshot().connections_retried >= 4);
}

mod raw {
    //! A client that breaks rules on purpose: plain QUIC, frames by hand.

    use super::*;
    use geofenced::wire::hello::Hello;
    use geofenced::wire::record::{FrameHead, encode_pings};

    struct Rude {
        connection: quinn::Connection,
        _endpoint: quinn::Endpoint,
    }

    impl Rude {
        async fn connect(daemon: &Daemon) -> Self {
            let mut roots = rustls::RootCertStore::empty();
            roots.add(daemon.identity.certificate()).unwrap();
            let provider = geofenced::auth::tls::provider();
            let mut tls = rustls::ClientConfig::builder_with_provider(provider)
                .with_protocol_versions(&[&rustls::version::TLS13])
                .unwrap()
                .with_root_certificates(roots)
                .with_no_client_auth();
            tls.alpn_protocols = vec![b"geofenced/1".to_vec()];
            let tls = quinn::crypto::rustls::QuicClientConfig::try_from(tls).unwrap();
            let endpoint = quinn::Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
            let config = quinn::ClientConfig::new(Arc::new(tls));
            let connecting = endpoint.connect_with(config, daemon.address, "localhost").unwrap();
            Self { connection: connecting.await.unwrap(), _endpoint: endpoint }
        }

        async fn greeted(daemon: &Daemon) -> Self {
            let rude = Self::connect(daemon).await;
            let mut hello = vec![];
            let token = Token::from_bytes([1; 32]).reveal();
            Hello { instance: InstanceId([9; 16]), token: &token, agent: "rude" }
                .encode(&mut hello)
                .unwrap();
            let (mut send, mut recv) = rude.connection.open_bi().await.unwrap();
            send.write_all(&hello).await.unwrap();
            let answer = recv.read_to_end(1000).await.unwrap();
            assert_eq!(answer.len(), 72);
            rude
        }

        /// Writes bytes to a new stream, and ends it if told to.
        async fn say(&self, bytes: &[u8], end: bool) -> quinn::SendStream {
            let (mut send, _recv) = self.connection.open_bi().await.unwrap();
            send.write_all(bytes).await.unwrap();
            if end {
                send.finish().unwrap();
            }
            send
        }

        async fn code(self) -> CloseCode {
            let ended = timeout(SOON, self.connection.closed()).await.unwrap();
            let quinn::ConnectionError::ApplicationClosed(close) = ended else { panic!("{ended}") };
            assert!(!close.reason.is_empty());
            CloseCode::from_number(close.error_code.into_inner()).unwrap()
        }
    }

    fn frame(stream: u32, seq: u64) -> Vec<u8> {
        let mut bytes = vec![];
        let head = FrameHead { stream: StreamNo(stream), seq: FrameSeq(seq), app: AppId(1) };
        encode_pings(head, &[ping(1, 0), ping(2, 0)], &mut bytes).unwrap();
        bytes
    }

    #[tokio::test]
    async fn every_broken_rule_closes_with_its_code() {
        let daemon = Daemon::start(|config| config.max_frame_records = 100);
        let good = frame(1, 1);
        let with = |at: usize, byte: u8| {
            let mut bytes = good.clone();
            bytes[at] = byte;
            bytes
        };
        let cases = [
            (with(0, 99), CloseCode::UnknownFrame),
            (with(0, 3), CloseCode::BadHeader),
            (with(1, 1), CloseCode::BadHeader),
            (with(2, 0), CloseCode::BadHeader),
            (with(3, 1), CloseCode::FrameTooLarge),
            (with(7, 255), CloseCode::FrameTooLarge),
            (with(8, 0), CloseCode::BadSequence),
            (with(20, 0), CloseCode::BadStream),
            ([frame(1, 1), frame(1, 3)].concat(), CloseCode::BadSequence),
            ([frame(1, 4), frame(1, 4)].concat(), CloseCode::BadSequence),
            ([frame(1, u64::MAX), frame(1, 1)].concat(), CloseCode::BadSequence),
            ([frame(1, 1), frame(2, 2)].concat(), CloseCode::BadStream),
            ([frame(1, 1), good[..50].to_vec()].concat(), CloseCode::BadSequence),
        ];
        for (number, (bytes, code)) in cases.into_iter().enumerate() {
            // The last case never completes its second frame: it is found when the stream ends.
            let code = if number == 12 { CloseCode::Truncated } else { code };
            let rude = Rude::greeted(&daemon).await;
            let _send = rude.say(&bytes, true).await;
            assert_eq!(rude.code().await, code, "case {number}");
        }
        let figures = daemon.figures.snapshot();
        until("all gone", || daemon.figures.snapshot().connections_open == 0).await;
        assert_eq!(figures.closes.iter().sum::<u64>(), 13);
    }

    #[tokio::test]
    async fn a_number_belongs_to_one_open_stream() {
        let daemon = Daemon::start(|_| {});
        let rude = Rude::greeted(&daemon).await;
        let _first = rude.say(&frame(5, 1), false).await;
        until("taken", || daemon.shards.submissions.load(Ordering::SeqCst) == 1).await;
        let _second = rude.say(&frame(5, 2), false).await;
        assert_eq!(rude.code().await, CloseCode::BadStream);
    }

    #[tokio::test]
    async fn half_frames_and_silence_are_not_waited_for() {
        let daemon = Daemon::start(|config| {
            config.frame_timeout_s = 1;
            config.hello_timeout_s = 1;
        });
        let rude = Rude::greeted(&daemon).await;
        let _send = rude.say(&frame(1, 1)[..40], false).await;
        assert_eq!(rude.code().await, CloseCode::FrameTimeout);
        let silent = Rude::connect(&daemon).await;
        assert_eq!(silent.code().await, CloseCode::HelloTimeout);
        let early = Rude::connect(&daemon).await;
        let _send = early.say(&frame(1, 1), false).await;
        assert_eq!(early.code().await, CloseCode::UnexpectedFrame);
    }

    #[tokio::test]
    async fn noise_never_harms_the_daemon() {
        let daemon = Daemon::start(|_| {});
        let mut state = 88_172_645_463_325_252u64;
        for _ in 0..40 {
            let mut noise = frame(1, 1);
            noise.extend(frame(1, 2));
            for _ in 0..3 {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                let [at, byte, ..] = state.to_le_bytes();
                let at = usize::from(at) % noise.len();
                noise[at] = byte;
            }
            let rude = Rude::greeted(&daemon).await;
            let _send = rude.say(&noise, true).await;
        }
        let client = daemon.client(1).await;
        let (mut stream, _) = noted(&client, 1);
        stream.pings(AppId(1), &[ping(1, 0)]).await.unwrap();
        timeout(SOON, stream.end()).await.unwrap().unwrap();
        let figures = daemon.figures.snapshot();
        let rejected: u64 = figures.rejected.iter().sum();
        assert_eq!(figures.received, figures.evaluated + rejected + figures.in_flight);
    }
}

/// Run with `cargo test --release --test ingest_wire -- --ignored --nocapture`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement, not a check"]
async fn speed() {
    let daemon = Daemon::start(|_| {});
    let client = daemon.client(1).await;
    let (mut stream, _) = noted(&client, 1);
    for size in [64usize, 512, 4096] {
        let frame: Vec<Ping> =
            (0..size).map(|n| ping(u8::try_from(n % 250 + 1).unwrap(), 0)).collect();
        let frames = 8_000_000 / size;
        let begun = tokio::time::Instant::now();
        let mut last = FrameSeq(0);
        for _ in 0..frames {
            last = stream.pings(AppId(1), &frame).await.unwrap();
        }
        stream.acked(last).await.unwrap();
        let seconds = begun.elapsed().as_secs_f64();
        let rate = f64::from(u32::try_from(frames * size).unwrap()) / seconds;
        println!("{size} pings a frame: {rate:.0} pings/s acknowledged");
    }
}
