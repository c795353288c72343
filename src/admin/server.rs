//! The HTTP server: connections within bounds, on a thread and a runtime of their own.
//!
//! A connection past the bound is told so with a 503 and closed. A client has `header_s` to send a request's
//! header, the first or any later one, so that idle and trickling connections end by themselves; so long it may take
//! for the handshake of [TLS](super::tls), too. It has `write_s` to take each step of an answer
//! ([`pace`](super::pace)), so that nobody holds a connection by not reading.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::pace::{PacedStream, Stall};
use super::tls::{self, TlsSwitch};
use crate::domain::knobs::BadKnobs;
use crate::shutdown::Member;

/// The HTTP server's settings.
#[derive(Clone, PartialEq, Eq, Debug, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdminConfig {
    /// Where it listens. Default `127.0.0.1:8080`. Without `tls_cert` it is plain HTTP: keep it on loopback or behind a
    /// TLS proxy then, for in the worst case whoever listens reads tokens and device ids.
    pub listen: SocketAddr,
    /// The certificate chain of the HTTP server, PEM, leaf first; with it the port speaks TLS 1.3 alone. Default: none,
    /// plain HTTP. Read again on SIGHUP. In the worst case it has expired, and nobody is let in.
    pub tls_cert: Option<PathBuf>,
    /// The key of that certificate, PEM.
    pub tls_key: Option<PathBuf>,
    /// Connections at a time; a further one is refused. Default 256; 1 to 65,536.
    pub max_connections: u32,
    /// The largest request body. Default 2,097,152 bytes; 1,024 to 67,108,864. It is held in memory, so the
    /// worst case is this times `max_connections`.
    pub max_body_bytes: usize,
    /// How long a request's header may take, and an idle connection may stay. Default 15 s; 1 to 600.
    pub header_s: u32,
    /// How long a client may take for 64 KiB of an answer, or for the rest of it. Default 15 s; 1 to 600. What it has
    /// not taken stays in memory so long, at most 40 MB for an answer of the queue.
    pub write_s: u32,
    /// How long an answer may take, long polls apart. Default 30 s; 1 to 600.
    pub request_s: u32,
}

impl Default for AdminConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            tls_cert: None,
            tls_key: None,
            max_connections: 256,
            max_body_bytes: 2 << 20,
            header_s: 15,
            write_s: 15,
            request_s: 30,
        }
    }
}

impl AdminConfig {
    /// Every knob that is out of its range.
    #[must_use]
    pub fn check(&self) -> BadKnobs {
        let mut bad = BadKnobs::new();
        bad.unless(
            self.tls_cert.is_some() == self.tls_key.is_some(),
            "tls_key",
            &self.tls_key,
            "a path where tls_cert is one, and nothing where it is not",
        );
        bad.within("max_connections", self.max_connections, (1, 65_536), "connections");
        bad.within("max_body_bytes", self.max_body_bytes, (1024, 64 << 20), "bytes");
        bad.within("header_s", self.header_s, (1, 600), "s");
        bad.within("write_s", self.write_s, (1, 600), "s");
        bad.within("request_s", self.request_s, (1, 600), "s");
        bad
    }

    /// How long an answer may take.
    #[must_use]
    pub fn request_limit(&self) -> Duration {
        Duration::from_secs(u64::from(self.request_s))
    }
}

/// Where connections come from, and what they are wrapped in.
pub struct Door<L> {
    /// The socket.
    pub listener: L,
    /// TLS; without it, plain HTTP.
    pub tls: Option<TlsSwitch>,
}

/// Serves on a thread named `admin` until the member's stage is asked to end.
///
/// # Errors
/// When the thread, its runtime or the listener can't be set up.
pub fn spawn(
    config: AdminConfig,
    door: Door<std::net::TcpListener>,
    router: Router,
    member: Member,
) -> std::io::Result<std::thread::JoinHandle<()>> {
    let Door { listener, tls } = door;
    listener.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let listener = {
        let _inside = runtime.enter();
        TcpListener::from_std(listener)?
    };
    let door = Door { listener, tls };
    std::thread::Builder::new()
        .name("admin".to_owned())
        .spawn(move || runtime.block_on(run(config, door, router, member)))
}

/// Serves until the member's stage is asked to end and every request under way is answered.
pub async fn run(
    config: AdminConfig,
    Door { listener, tls }: Door<TcpListener>,
    router: Router,
    mut member: Member,
) {
    let room = Arc::new(Semaphore::new(usize::try_from(config.max_connections).unwrap_or(1)));
    let patience = Patience {
        header: Duration::from_secs(u64::from(config.header_s)),
        step: Duration::from_secs(u64::from(config.write_s)),
    };
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
            () = member.asked() => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "an admin connection could not be accepted; file descriptors?");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        match room.clone().try_acquire_owned() {
            Ok(permit) => {
                tracing::debug!(%peer, "admin connection");
                let (ends, service) = (member.signal(), (router.clone(), patience));
                match tls.clone() {
                    None => connections.spawn(serve_plain(stream, service, permit, ends)),
                    Some(tls) => connections.spawn(serve_tls(stream, tls, service, permit, ends)),
                };
            }
            Err(_full) => refuse(&stream),
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
    // The routes hold parts of the daemon: they go before the member says that this has ended.
    drop(router);
}

/// After a failed accept, mostly for want of file descriptors, which come back as connections end.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What a client may take its time for.
#[derive(Clone, Copy)]
struct Patience {
    /// To send a header.
    header: Duration,
    /// To take a step of an answer.
    step: Duration,
}

/// Once the server ends, an answer that does not move for so long is left; a client that reads is waited for.
const DRAIN_STALL: Duration = Duration::from_secs(1);

async fn serve_plain(
    stream: TcpStream,
    (router, patience): (Router, Patience),
    _permit: OwnedSemaphorePermit,
    ends: impl Future<Output = ()>,
) {
    let stream = PacedStream::new(stream, patience.step);
    let stall = stream.stall();
    serve(stream, stall, (router, patience), ends).await;
}

/// Nobody is waited for who has not shaken hands when the server ends.
async fn serve_tls(
    stream: TcpStream,
    tls: TlsSwitch,
    (router, patience): (Router, Patience),
    _permit: OwnedSemaphorePermit,
    ends: impl Future<Output = ()>,
) {
    let mut ends = std::pin::pin!(ends);
    // The pace is that of what the client takes from the socket, so it is watched below TLS.
    let hands = async {
        if !tls::is_tls(&stream).await? {
            tls::refuse_plain(stream).await;
            return Ok(None);
        }
        let paced = PacedStream::new(stream, patience.step);
        let stall = paced.stall();
        Ok::<_, std::io::Error>(Some((tls.accept(paced).await?, stall)))
    };
    let shaken = tokio::select! {
        shaken = tokio::time::timeout(patience.header, hands) => shaken,
        () = ends.as_mut() => return,
    };
    match shaken {
        Ok(Ok(Some((stream, stall)))) => serve(stream, stall, (router, patience), ends).await,
        Ok(Ok(None)) => tracing::debug!("a client spoke plain HTTP where TLS is spoken"),
        Ok(Err(error)) => tracing::debug!(%error, "a client did not shake hands"),
        Err(_elapsed) => tracing::debug!("a client took longer than header_s to shake hands"),
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    stall: Stall,
    (router, patience): (Router, Patience),
    ends: impl Future<Output = ()>,
) {
    let service = TowerToHyperService::new(router);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(patience.header)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let mut ends = std::pin::pin!(ends);
    let mut asked = false;
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "an admin connection broke off");
                }
                return;
            }
            () = ends.as_mut(), if !asked => {
                asked = true;
                connection.as_mut().graceful_shutdown();
            }
            () = tokio::time::sleep(DRAIN_STALL), if asked => {
                if stall.is_on() {
                    tracing::debug!("a client that reads no answer was left at the end");
                    return;
                }
            }
        }
    }
}

/// Tells a connection past the bound why it is closed. It fits any fresh socket's buffer, so no waiting.
fn refuse(stream: &TcpStream) {
    if let Err(error) = stream.try_write(FULL) {
        tracing::debug!(%error, "a connection past max_connections was closed without a word");
    }
}

const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\n\
    content-type: application/problem+json\r\n\
    connection: close\r\n\
    content-length: 147\r\n\
    retry-after: 1\r\n\r\n\
    {\"type\":\"urn:geofenced:problem:unavailable\",\"title\":\"Not now\",\"status\":503,\
    \"detail\":\"all admin.max_connections are in use; come back in a second\"}\n";
