//! The task behind a stream: opens it on each new connection, sends what is not acknowledged, reads acks.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use quinn::{RecvStream, SendStream};
use tokio::sync::watch;

use super::dial::Session;
use super::failure::ClientError;
use super::session::Link;
use super::stream::{AckSpan, Progress, Shelf};
use crate::domain::ids::{FrameSeq, StreamNo};
use crate::wire::ack::{Ack, MAX_ACK_BODY_BYTES};
use crate::wire::close::CloseCode;
use crate::wire::frame::{self, Body, Step};
use crate::wire::hello::HelloAck;
use crate::wire::limits::{FrameLimits, HEADER_BYTES};

/// Frames handed to QUIC in one go.
const WRITE_FRAMES: usize = 16;

/// How long a stream that has ended may be ahead of the close that explains it.
const CLOSE_WAIT: Duration = Duration::from_secs(2);

/// Room for many acks in one read.
const READ_BYTES: usize = 4 * (HEADER_BYTES + MAX_ACK_BODY_BYTES);

pub(super) struct Pump {
    pub(super) number: StreamNo,
    pub(super) shelf: Arc<Shelf>,
    pub(super) link: watch::Receiver<Link>,
    pub(super) told: watch::Sender<Progress>,
    pub(super) on_ack: Box<dyn FnMut(&AckSpan) + Send>,
}

impl Pump {
    pub(super) async fn run(mut self) {
        while let Some(session) = self.next_session().await {
            let Ok((send, recv)) = session.connection.open_bi().await else { continue };
            let shelf = Arc::clone(&self.shelf);
            let outcome = tokio::select! {
                outcome = self.read_acks(recv, &session) => outcome,
                error = send_frames(&shelf, send, session.terms) => Err(error),
            };
            match outcome {
                Ok(()) => return,
                Err(None) => {}
                Err(Some(error)) => {
                    session.break_off(complaint(&error), error.clone());
                    return self.fail(error);
                }
            }
            // Nothing more can be done on this connection; the keeper sees it end.
            let closed = session.connection.closed();
            if tokio::time::timeout(CLOSE_WAIT, closed).await.is_err() {
                let lost = ClientError::Lost(quinn::ConnectionError::TimedOut);
                session.break_off(CloseCode::Done, lost);
            }
        }
    }

    /// Waits for a connection that is in use; `None` when there will be none.
    async fn next_session(&mut self) -> Option<Session> {
        let usable = |link: &Link| match link {
            Link::Down => false,
            Link::Up(session) => session.connection.close_reason().is_none(),
            Link::Failed(_) => true,
        };
        let found = match self.link.wait_for(usable).await {
            Ok(link) => link.clone(),
            Err(_client_gone) => Link::Failed(ClientError::Ended),
        };
        match found {
            Link::Up(session) => Some(session),
            Link::Failed(error) => {
                self.fail(error);
                None
            }
            Link::Down => None,
        }
    }

    fn fail(&self, error: ClientError) {
        self.told.send_modify(|progress| progress.failure = Some(error));
    }

    /// Reads acks until the daemon has everything and ends the stream (`Ok`), the connection is lost
    /// (`None`), or the daemon says what it must not.
    async fn read_acks(
        &mut self,
        mut recv: RecvStream,
        session: &Session,
    ) -> Result<(), Option<ClientError>> {
        let mut buffer = [0; READ_BYTES];
        let mut filled = 0;
        loop {
            match recv.read(&mut buffer[filled..]).await {
                // No room is left: what fills it begins like a frame that has no place here.
                Ok(Some(0)) => return Err(Some(ClientError::Unexpected("a frame too long"))),
                Ok(Some(read)) => filled += read,
                Ok(None) => {
                    let frames = self.shelf.frames();
                    return if frames.ending && frames.unacked.is_empty() {
                        Ok(())
                    } else {
                        Err(None)
                    };
                }
                Err(_lost) => return Err(None),
            }
            let mut at = 0;
            while let Step::Whole(frame, rest) =
                frame::next(&buffer[at..filled], FrameLimits::PROTOCOL)
                    .map_err(ClientError::from)?
            {
                at = filled - rest.len();
                let Body::Ack(ack) = frame.body else {
                    return Err(Some(ClientError::Unexpected(frame.header.kind.name())));
                };
                if ack.stream != self.number {
                    return Err(Some(ClientError::Unexpected("an ack of another stream")));
                }
                self.acknowledge(&ack)?;
                session.note_ack();
            }
            buffer.copy_within(at..filled, 0);
            filled -= at;
        }
    }

    fn acknowledge(&mut self, ack: &Ack) -> Result<(), ClientError> {
        let from = {
            let mut frames = self.shelf.frames();
            let from = frames.first;
            let behind = from + frames.unacked.len() as u64;
            if ack.upto.0 < from || ack.upto.0 >= behind {
                return Err(ClientError::AckBeyond { stream: ack.stream, upto: ack.upto });
            }
            while frames.first <= ack.upto.0 {
                frames.unacked.pop_front();
                frames.first += 1;
            }
            from
        };
        (self.on_ack)(&AckSpan {
            stream: ack.stream,
            from: FrameSeq(from),
            upto: ack.upto,
            rejects: ack.rejects,
            unknown: ack.unknown,
        });
        self.told.send_modify(|progress| progress.acked = ack.upto.0);
        Ok(())
    }
}

/// The code to close with when the daemon said what it must not.
fn complaint(error: &ClientError) -> CloseCode {
    if let ClientError::Frame(frame) = error {
        frame.code()
    } else if matches!(error, ClientError::AckBeyond { .. }) {
        CloseCode::BadSequence
    } else if matches!(error, ClientError::TooManyRecords { .. }) {
        CloseCode::Done
    } else {
        CloseCode::UnexpectedFrame
    }
}

/// Sends every frame on the shelf, from the lowest that is not acknowledged, and then those that come. Ends
/// when the stream cannot be finished, which is when the connection is lost (`None`), or when a frame that was
/// kept is more than the daemon takes now.
async fn send_frames(shelf: &Shelf, mut send: SendStream, terms: HelloAck) -> Option<ClientError> {
    let mut next = shelf.frames().first;
    let mut batch: Vec<Bytes> = Vec::with_capacity(WRITE_FRAMES);
    loop {
        batch.clear();
        let ending = {
            let frames = shelf.frames();
            // Only a daemon that acknowledges what it never saw can overtake us.
            next = next.max(frames.first);
            let sent = usize::try_from(next - frames.first).unwrap_or(usize::MAX);
            batch.extend(frames.unacked.iter().skip(sent).take(WRITE_FRAMES).cloned());
            frames.ending
        };
        if batch.is_empty() {
            if ending {
                // The other half reads the last acks and the end that follows them.
                if send.finish().is_err() {
                    return None;
                }
                return std::future::pending().await;
            }
            shelf.stirred.notified().await;
            continue;
        }
        if let Some(error) = batch.iter().find_map(|frame| over_limits(frame, &terms)) {
            return Some(error);
        }
        next += batch.len() as u64;
        if send.write_all_chunks(&mut batch).await.is_err() {
            // The connection is going; the reading half sees why.
            return std::future::pending().await;
        }
    }
}

/// A kept frame must not change, so one that is too long for the daemon as it is now can never be sent to it.
fn over_limits(frame: &Bytes, terms: &HelloAck) -> Option<ClientError> {
    let Ok(Step::Whole(whole, _)) = frame::next(frame, FrameLimits::PROTOCOL) else { return None };
    let (records, max) = (usize::from(whole.header.records), terms.max_frame_records as usize);
    let is_over = records > max || frame.len() > terms.max_frame_bytes as usize;
    is_over.then_some(ClientError::TooManyRecords { records, max })
}
