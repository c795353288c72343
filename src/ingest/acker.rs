//! The other half of a data stream: tickets in, resolved in their order; acks out, as few as will do.
//!
//! What is handed over by the [`stream`](super::stream)'s reader comes in here; the client gets what is safe. When
//! the client goes, tickets are still resolved, so that each record is counted.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use quinn::SendStream;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout};

use super::connection::{Refusal, close};
use super::figures::InFlight;
use super::intake::Intake;
use super::stream::StreamContext;
use crate::domain::ids::{FrameSeq, StreamNo};
use crate::domain::reasons::RejectCounts;
use crate::domain::submission::{Applied, Lost};
use crate::wire::ack::Ack;
use crate::wire::close::CloseCode;

/// A frame that was handed over and is not acknowledged yet.
pub(super) struct Open<T> {
    pub(super) stream: StreamNo,
    pub(super) seq: FrameSeq,
    /// When its last byte was here.
    pub(super) read_at: Instant,
    /// Refused at intake.
    pub(super) rejects: RejectCounts,
    /// Its other records, to be counted when the ticket tells.
    pub(super) in_flight: InFlight,
    /// `None` when nothing of the frame was left to submit.
    pub(super) ticket: Option<T>,
}

/// A stream of a connection that owes acks. The connection's streams share the count of those.
pub(super) struct Owing(Arc<watch::Sender<usize>>);

impl Owing {
    pub(super) fn new(streams: &Arc<watch::Sender<usize>>) -> Self {
        streams.send_modify(|owing| *owing += 1);
        Self(Arc::clone(streams))
    }

    /// The last ack is written. In a drain, waits until those of the other streams are, too: a client that
    /// sees a stream end waits for the close only a little.
    async fn paid(self, draining: bool) {
        let mut owing = self.0.subscribe();
        drop(self);
        if draining {
            // An error means that the connection's task is gone, and with it whoever owed.
            let _none = owing.wait_for(|&owing| owing == 0).await.is_ok();
        }
    }
}

impl Drop for Owing {
    fn drop(&mut self) {
        self.0.send_modify(|owing| *owing -= 1);
    }
}

/// Resolves tickets in their order and acknowledges what is safe.
pub(super) struct Acker<'a, I> {
    context: &'a StreamContext<I>,
    owing: Owing,
    send: SendStream,
    /// The ack being written; kept, so that none is allocated.
    bytes: Vec<u8>,
    /// When the frames that the ack is for were read; kept as well.
    read_at: Vec<Instant>,
    /// The client gets no more acks: it has gone, or a frame was lost and none behind it may be acknowledged.
    muted: bool,
}

impl<'a, I: Intake> Acker<'a, I> {
    pub(super) fn new(context: &'a StreamContext<I>, owing: Owing, send: SendStream) -> Self {
        let frames = context.shared.config.max_unacked_frames as usize;
        let (bytes, read_at) = (Vec::with_capacity(512), Vec::with_capacity(frames.min(256)));
        Self { context, owing, send, bytes, read_at, muted: false }
    }

    pub(super) async fn run(mut self, mut open: mpsc::Receiver<Open<I::Ticket>>) {
        let mut held = None;
        let mut number = None;
        loop {
            let first = match held.take() {
                Some(frame) => frame,
                None => match open.recv().await {
                    Some(frame) => frame,
                    None => break,
                },
            };
            number = Some(first.stream);
            let mut ack = new_ack(first.stream);
            self.add(&mut ack, first).await;
            held = self.add_ready(&mut ack, &mut open).await;
            self.send(&ack).await;
        }
        if let Some(number) = number {
            // Before the client can see the end of the stream and open the number again.
            self.context.close_number(number);
        }
        self.finish().await;
    }

    async fn add(&mut self, ack: &mut Ack, mut frame: Open<I::Ticket>) {
        let outcome = match frame.ticket.take() {
            None => Ok(Applied::default()),
            Some(ticket) => ticket.await,
        };
        self.settle(ack, frame, outcome);
    }

    /// Adds frames that are safe already, up to the first that is not; that one is returned.
    async fn add_ready(
        &mut self,
        ack: &mut Ack,
        open: &mut mpsc::Receiver<Open<I::Ticket>>,
    ) -> Option<Open<I::Ticket>> {
        while let Ok(mut frame) = open.try_recv() {
            let outcome = match &mut frame.ticket {
                None => Some(Ok(Applied::default())),
                Some(ticket) => now_or_never(ticket).await,
            };
            match outcome {
                Some(outcome) => self.settle(ack, frame, outcome),
                None => return Some(frame),
            }
        }
        None
    }

    fn settle(&mut self, ack: &mut Ack, frame: Open<I::Ticket>, outcome: Result<Applied, Lost>) {
        match outcome {
            Ok(applied) => {
                frame.in_flight.settle(&applied.rejects);
                self.read_at.push(frame.read_at);
                ack.upto = frame.seq;
                let refused = frame.rejects.iter().zip(&applied.rejects);
                for (sum, (early, late)) in ack.rejects.iter_mut().zip(refused) {
                    *sum += early + late;
                }
            }
            Err(why) => {
                self.muted = true;
                close(&self.context.shared, &self.context.connection, &lost(why));
            }
        }
    }

    async fn send(&mut self, ack: &Ack) {
        if !self.muted {
            self.bytes.clear();
            ack.encode(&mut self.bytes);
            // An error means that the client went, or does not want acks of this stream. It resends; nothing
            // is owed to it.
            self.muted = self.send.write_all(&self.bytes).await.is_err();
        }
        if !self.muted {
            let (figures, now) = (&self.context.shared.figures, Instant::now());
            figures.ack();
            self.read_at.iter().for_each(|&read_at| figures.ack_age(now - read_at));
        }
        self.read_at.clear();
    }

    /// Ends our side and waits until the client has everything, so that a close after it takes nothing away.
    async fn finish(mut self) {
        if self.muted {
            return;
        }
        let draining = *self.context.shared.stop.borrow();
        self.owing.paid(draining).await;
        if self.send.finish().is_err() {
            return;
        }
        let fetched = timeout(self.context.shared.config.drain_timeout(), self.send.stopped());
        if fetched.await.is_err() {
            tracing::debug!("a client did not fetch its last acks in time");
        }
    }
}

fn lost(why: Lost) -> Refusal {
    let code = match why {
        Lost::Stopped => CloseCode::Draining,
        Lost::SyncFailed | Lost::OutboxFailed => CloseCode::Unavailable,
    };
    Refusal::new(code, why.to_string())
}

fn new_ack(stream: StreamNo) -> Ack {
    Ack { stream, upto: FrameSeq(0), rejects: RejectCounts::default(), unknown: 0 }
}

/// The outcome of a future, if it has one by now.
async fn now_or_never<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    poll_fn(|cx| {
        Poll::Ready(match Pin::new(&mut *future).poll(cx) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        })
    })
    .await
}
