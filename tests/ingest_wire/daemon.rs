//! The real endpoint on a port of its own, its clients, and what tests ask of them.

use std::net::{SocketAddr, UdpSocket};
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
use geofenced::domain::ids::{AccountId, AppId, DeviceId, FrameSeq, InstanceId, StreamNo};
use geofenced::domain::ping::{Ping, PingFlags};
use geofenced::domain::reasons::RejectReason;
use geofenced::ingest::config::IngestConfig;
use geofenced::ingest::endpoint::{Endpoint, EndpointParts, IdentitySwitch};
use geofenced::ingest::figures::IngestFigures;
use geofenced::ingest::transport::LastingKeys;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::shards::{NOW, Shards};

/// Longer than anything takes that does not hang.
pub(crate) const SOON: Duration = Duration::from_secs(20);

pub(crate) struct Daemon {
    pub(crate) address: SocketAddr,
    pub(crate) shards: Arc<Shards>,
    pub(crate) figures: Arc<IngestFigures>,
    pub(crate) authority: Arc<Authority>,
    pub(crate) identity: ServerIdentity,
    pub(crate) config: IngestConfig,
    pub(crate) stop: watch::Sender<bool>,
    pub(crate) switch: IdentitySwitch,
    pub(crate) task: JoinHandle<()>,
}

impl Daemon {
    pub(crate) fn start(change: impl FnOnce(&mut IngestConfig)) -> Self {
        let mut config =
            IngestConfig { listen: "127.0.0.1:0".parse().unwrap(), ..IngestConfig::default() };
        config.drain_timeout_s = 2;
        change(&mut config);
        let identity = ServerIdentity::self_signed(&["localhost"]).unwrap();
        let authority = Arc::new(Authority::of(book()));
        Self::with(config, identity, authority, Arc::new(Shards::new(1 << 30)))
    }

    pub(crate) fn with(
        config: IngestConfig,
        identity: ServerIdentity,
        authority: Arc<Authority>,
        shards: Arc<Shards>,
    ) -> Self {
        let figures = Arc::new(IngestFigures::default());
        let (stop, stopped) = watch::channel(false);
        let parts = EndpointParts {
            config: config.clone(),
            keys: LastingKeys::derive(&[7; 32]),
            authority: Arc::clone(&authority),
            intake: Arc::clone(&shards),
            figures: Arc::clone(&figures),
            stop: stopped,
        };
        let socket = UdpSocket::bind(parts.config.listen).unwrap();
        let endpoint = Endpoint::on(socket, parts, &identity).unwrap();
        let address = endpoint.local_addr().unwrap();
        let switch = endpoint.identity_switch();
        let task = tokio::spawn(endpoint.serve());
        Self { address, shards, figures, authority, identity, config, stop, switch, task }
    }

    /// Ends and comes back at the same address, with the same shards.
    pub(crate) async fn restart(self) -> Self {
        self.stop.send_replace(true);
        // It holds the socket.
        drop(self.switch);
        timeout(SOON, self.task).await.unwrap().unwrap();
        let config = IngestConfig { listen: self.address, ..self.config };
        Self::with(config, self.identity, self.authority, self.shards)
    }

    pub(crate) fn options(&self, token: u8, instance: u8) -> ClientOptions {
        let trust = Trust::Roots(vec![self.identity.certificate()]);
        let credentials = Credentials::Token(Token::from_bytes([token; 32]).reveal());
        let mut options =
            ClientOptions::new(self.address, trust, credentials, InstanceId([instance; 16]));
        options.reconnect = Reconnect { max_attempts: 50, ..Reconnect::default() };
        options
    }

    pub(crate) async fn client(&self, instance: u8) -> Client {
        Client::connect(self.options(1, instance)).await.unwrap()
    }
}

/// Token 1: account 1, apps 1 and 2. Token 2: account 2. Token 3: no ingest. Token 4: revoked.
pub(crate) fn book() -> Book {
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

pub(crate) fn ping(device: u8, flags: u16) -> Ping {
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
pub(crate) fn noted(client: &Client, number: u32) -> (ClientStream, Arc<Mutex<Vec<AckSpan>>>) {
    let acks = Arc::new(Mutex::new(Vec::new()));
    let notes = Arc::clone(&acks);
    let note = move |ack: &AckSpan| notes.lock().unwrap().push(*ack);
    (client.open(StreamNo(number), FrameSeq(1), note), acks)
}

pub(crate) fn refused(acks: &[AckSpan], reason: RejectReason) -> u64 {
    acks.iter().map(|ack| ack.rejects[usize::from(reason.number())]).sum()
}

pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..2000 {
        if holds() {
            return;
        }
        sleep(Duration::from_millis(5)).await;
    }
    panic!("never: {what}");
}

pub(crate) async fn refusal(options: ClientOptions) -> ClientError {
    let options = ClientOptions { reconnect: Reconnect::ONCE, ..options };
    match Client::connect(options).await {
        Ok(_) => panic!("was let in"),
        Err(error) => error,
    }
}
