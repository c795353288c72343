//! A client from handshake to close: who it is, what it may do, and a task for each of its streams.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use quinn::{RecvStream, SendStream, VarInt};
use rustls_pki_types::CertificateDer;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout, timeout_at};

use super::acker::Owing;
use super::admission::{Leave, Visit};
use super::endpoint::{Shared, close_number, report_panic, stopped};
use super::intake::Intake;
use super::stream::{self, StreamContext};
use crate::auth::authority::AuthError;
use crate::auth::grant::{Grant, Scope};
use crate::domain::ids::InstanceId;
use crate::wire::close::CloseCode;
use crate::wire::frame::{self, Body, Frame, FrameError, Step};
use crate::wire::header::FrameKind;
use crate::wire::hello::{AckMode, HELLO_FIXED_BYTES, Hello, HelloAck};
use crate::wire::limits::{HEADER_BYTES, MAX_AGENT_BYTES, MAX_CLOSE_REASON_BYTES, MAX_TOKEN_BYTES};

/// The longest hello.
const MAX_HELLO_BYTES: usize = HEADER_BYTES + HELLO_FIXED_BYTES + MAX_TOKEN_BYTES + MAX_AGENT_BYTES;

/// Why a connection is closed by us.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) code: CloseCode,
    /// One sentence that says what to change.
    pub(super) why: String,
}

impl Refusal {
    pub(super) fn new(code: CloseCode, why: impl Into<String>) -> Self {
        Self { code, why: why.into() }
    }
}

impl From<FrameError> for Refusal {
    fn from(error: FrameError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

impl From<AuthError> for Refusal {
    fn from(error: AuthError) -> Self {
        let code = match error {
            AuthError::Scope { .. } => CloseCode::Forbidden,
            AuthError::Missing
            | AuthError::Malformed
            | AuthError::Unknown
            | AuthError::Revoked { .. }
            | AuthError::Ambiguous { .. }
            | AuthError::Certificate => CloseCode::Unauthenticated,
        };
        Self::new(code, error.to_string())
    }
}

/// How a step with a client can end before its time.
pub(super) enum Ended {
    /// The client went, or the network did.
    Lost,
    /// The shards take nothing any more, for the daemon drains: acks that are due still leave.
    Drained,
    /// We send it away.
    Refused(Refusal),
}

impl<E: Into<Refusal>> From<E> for Ended {
    fn from(error: E) -> Self {
        Self::Refused(error.into())
    }
}

/// Closes a connection with a code and a sentence.
pub(super) fn close<I>(shared: &Shared<I>, connection: &quinn::Connection, refusal: &Refusal) {
    let mut end = refusal.why.len().min(MAX_CLOSE_REASON_BYTES);
    while !refusal.why.is_char_boundary(end) {
        end -= 1;
    }
    if connection.close_reason().is_none() {
        shared.figures.close_with(refusal.code);
        let peer = connection.remote_address();
        tracing::debug!(%peer, code = %refusal.code, why = %refusal.why, "connection closed");
    }
    connection.close(close_number(refusal.code), &refusal.why.as_bytes()[..end]);
}

/// Closes a connection as a fault of ours if the task that serves it, or one of its streams, panics. The
/// others go on.
pub(super) struct Fuse<'a, I> {
    pub(super) shared: &'a Shared<I>,
    pub(super) connection: &'a quinn::Connection,
}

impl<I> Drop for Fuse<'_, I> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let why = "a fault of the daemon's own; please report it, and connect again";
            close(self.shared, self.connection, &Refusal::new(CloseCode::Internal, why));
        }
    }
}

/// Takes a client from its first packet to its last ack. `handshake` is given back once it is in.
pub(super) async fn serve<I: Intake>(
    shared: Arc<Shared<I>>,
    incoming: quinn::Incoming,
    handshake: Leave,
) {
    let deadline = Instant::now() + shared.config.hello_timeout();
    let Ok(connecting) = incoming.accept() else { return };
    let Ok(Ok(connection)) = timeout_at(deadline, connecting).await else { return };
    let _fuse = Fuse { shared: &*shared, connection: &connection };
    let greeted = timeout_at(deadline, greet(&shared, &connection)).await;
    drop(handshake);
    match greeted {
        Ok(Ok(guest)) => {
            shared.figures.open_connection();
            host(&shared, &connection, guest).await;
            shared.figures.close_connection();
        }
        Ok(Err(Ended::Lost | Ended::Drained)) => {}
        Ok(Err(Ended::Refused(refusal))) => close(&shared, &connection, &refusal),
        Err(_elapsed) => {
            let wait = shared.config.hello_timeout_s;
            let why =
                format!("no hello within {wait} s; send it on the first bidirectional stream");
            close(&shared, &connection, &Refusal::new(CloseCode::HelloTimeout, why));
        }
    }
}

/// A client that is in.
struct Guest {
    instance: InstanceId,
    grant: Grant,
    /// Tells when the book has changed since the grant was looked up.
    changes: watch::Receiver<u64>,
    /// Its entry among the guests, struck out when this is dropped.
    visit: Visit,
    /// Its place among all connections; given back when its last record is counted.
    slot: OwnedSemaphorePermit,
}

/// Reads the hello, checks the credentials, finds a place and answers.
async fn greet<I: Intake>(
    shared: &Arc<Shared<I>>,
    connection: &quinn::Connection,
) -> Result<Guest, Ended> {
    let (mut send, mut recv) = connection.accept_bi().await.map_err(|_lost| Ended::Lost)?;
    let mut buffer = [0; MAX_HELLO_BYTES];
    let hello = read_hello(shared, &mut recv, &mut buffer).await?;
    // From before the look-up on, so that no change falls between the two.
    let changes = shared.authority.changes();
    let grant = authenticate(shared, connection, &hello)?;
    let (visit, slot) = find_place(shared, connection, &grant, hello.instance).await?;
    tracing::debug!(
        peer = %connection.remote_address(), account = %grant.account, name = %grant.name,
        instance = %hello.instance, agent = hello.agent.escape_debug().to_string(), "gateway is in"
    );
    connection.set_max_concurrent_bi_streams(credit_for(shared.config.max_streams));
    answer(shared, &mut send, &grant).await?;
    Ok(Guest { instance: hello.instance, grant, changes, visit, slot })
}

/// The credit that leaves a client so many streams at all times. Quinn tells of credit that came back only when it is
/// more than an eighth of all, the greeting's stream being the first to give some back: without the difference the
/// last stream of eight waited until others ended.
fn credit_for(max_streams: u32) -> VarInt {
    VarInt::from_u32(max_streams + max_streams.saturating_sub(1) / 7)
}

/// A place among the account's connections and among all. Whoever comes back as an instance that is still in
/// takes the place of its older connection, however full the house is.
async fn find_place<I: Intake>(
    shared: &Shared<I>,
    connection: &quinn::Connection,
    grant: &Grant,
    instance: InstanceId,
) -> Result<(Visit, OwnedSemaphorePermit), Ended> {
    let entered = shared.admission.enter(grant.account, instance, connection);
    let (visit, older) = entered.map_err(|code| {
        let most = shared.config.max_connections_per_account;
        Refusal::new(code, format!("the account has {most} connections, as many as it may have"))
    })?;
    if let Some(older) = &older {
        let why = "another connection with the same instance took over; give each process its own";
        close(shared, older, &Refusal::new(CloseCode::Superseded, why));
    }
    match shared.admission.slot(older.is_some()).await {
        Some(slot) => Ok((visit, slot)),
        None => {
            let most = shared.config.max_connections;
            let why = format!("the daemon has {most} connections, as many as it may have");
            Err(Refusal::new(CloseCode::TooManyConnections, why).into())
        }
    }
}

async fn read_hello<'a, I: Intake>(
    shared: &Shared<I>,
    recv: &mut RecvStream,
    buffer: &'a mut [u8; MAX_HELLO_BYTES],
) -> Result<Hello<'a>, Ended> {
    let mut filled = 0;
    loop {
        if frame::kind_at(&buffer[..filled]).is_some_and(|kind| kind != FrameKind::Hello) {
            return Err(not_a_hello().into());
        }
        match frame::next(&buffer[..filled], shared.limits)? {
            Step::Whole(..) => break,
            Step::Needs(_) => {}
        }
        match recv.read(&mut buffer[filled..]).await {
            Ok(Some(read)) => filled += read,
            Ok(None) => {
                let why = "the control stream ended within the hello; send it whole";
                return Err(Refusal::new(CloseCode::Truncated, why).into());
            }
            Err(_lost) => return Err(Ended::Lost),
        }
    }
    match frame::next(&buffer[..filled], shared.limits)? {
        Step::Whole(Frame { body: Body::Hello(hello), .. }, _) => Ok(hello),
        Step::Whole(..) | Step::Needs(_) => Err(not_a_hello().into()),
    }
}

fn not_a_hello() -> Refusal {
    let why = "the first frame of a connection is its hello; this one is something else";
    Refusal::new(CloseCode::UnexpectedFrame, why)
}

/// A token counts alone; without one, the client certificate that TLS has verified.
fn authenticate<I: Intake>(
    shared: &Shared<I>,
    connection: &quinn::Connection,
    hello: &Hello<'_>,
) -> Result<Grant, AuthError> {
    if hello.token.is_empty() {
        let shown = connection.peer_identity();
        let chain = shown.and_then(|any| any.downcast::<Vec<CertificateDer<'static>>>().ok());
        if let Some(leaf) = chain.as_deref().and_then(|chain| chain.first()) {
            return shared.authority.by_certificate(leaf, Scope::Ingest);
        }
    }
    shared.authority.by_token(hello.token, Scope::Ingest)
}

async fn answer<I: Intake>(
    shared: &Shared<I>,
    send: &mut SendStream,
    grant: &Grant,
) -> Result<(), Ended> {
    let config = &shared.config;
    let frame_bytes = shared.limits.max_frame_bytes();
    let mut bytes = Vec::with_capacity(128);
    HelloAck {
        ack_mode: AckMode::Synced,
        account: grant.account,
        max_frame_records: config.max_frame_records,
        max_frame_bytes: u32::try_from(frame_bytes).unwrap_or(u32::MAX),
        max_streams: config.max_streams,
        max_unacked_frames: config.max_unacked_frames,
        idle_timeout_ms: config.idle_timeout_s.saturating_mul(1000),
        now: shared.intake.received_at(),
    }
    .encode(&mut bytes);
    send.write_all(&bytes).await.map_err(|_lost| Ended::Lost)?;
    send.finish().map_err(|_closed| Ended::Lost)
}

/// Serves the streams of a client until it goes, is sent away, or the daemon drains.
async fn host<I: Intake>(shared: &Arc<Shared<I>>, connection: &quinn::Connection, guest: Guest) {
    let Guest { instance, grant, mut changes, visit, slot: _until_all_is_counted } = guest;
    let mut stop = shared.stop.clone();
    let (grants, granted) = watch::channel(grant);
    let numbers = Arc::new(Mutex::new(HashSet::new()));
    let owing = Arc::new(watch::Sender::new(0));
    let mut streams = JoinSet::new();
    let draining = loop {
        // QUIC counts a stream as gone when both sides have let go of it; we, when its last record is counted.
        let has_room = streams.len() < shared.config.max_streams as usize;
        tokio::select! {
            accepted = connection.accept_bi(), if has_room => {
                let Ok((send, recv)) = accepted else { break false };
                streams.spawn(stream::serve(
                    StreamContext {
                        shared: Arc::clone(shared),
                        connection: connection.clone(),
                        grant: granted.clone(),
                        instance,
                        numbers: Arc::clone(&numbers),
                    },
                    Owing::new(&owing),
                    send,
                    recv,
                ));
            }
            Some(ended) = streams.join_next(), if !streams.is_empty() => report_panic(ended),
            Ok(()) = changes.changed() => ask_again(shared, connection, &grants),
            _gone = connection.closed() => break false,
            () = stopped(&mut stop) => break true,
        }
    };
    drop(visit);
    if draining {
        let all = async {
            while let Some(ended) = streams.join_next().await {
                report_panic(ended);
            }
        };
        let in_time = timeout(shared.config.drain_timeout(), all).await.is_ok();
        let why = "the daemon is stopping; what it read is acknowledged, send the rest again later";
        close(shared, connection, &Refusal::new(CloseCode::Draining, why));
        if !in_time {
            let peer = connection.remote_address();
            tracing::warn!(%peer, "client did not fetch its last acks in time");
        }
    }
    // The shards still hold tickets of these streams; they are waited for, so that every record is counted.
    while let Some(ended) = streams.join_next().await {
        report_panic(ended);
    }
}

/// After a change of the book: better or worse for this client?
fn ask_again<I: Intake>(
    shared: &Shared<I>,
    connection: &quinn::Connection,
    grants: &watch::Sender<Grant>,
) {
    let old = grants.borrow().clone();
    match shared.authority.again(&old, Scope::Ingest) {
        Ok(new) if new.account == old.account => {
            grants.send_replace(new);
        }
        Ok(_) => {
            let why = "the credentials now name another account; connect again";
            close(shared, connection, &Refusal::new(CloseCode::Unauthenticated, why));
        }
        Err(error) => close(shared, connection, &Refusal::from(error)),
    }
}
