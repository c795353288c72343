//! One data stream: frames in, in order; acks out, in order.
//!
//! Two halves run in one task. The reader, here, turns bytes into submissions and waits whenever the shards or
//! the list of open tickets are full. The [`acker`](super::acker) resolves the tickets.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use quinn::{ReadError, RecvStream, SendStream};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout_at};

use super::acker::{Acker, Open, Owing};
use super::believe::{self, Believed};
use super::config::READ_BYTES;
use super::connection::{Ended, Fuse, Refusal, close};
use super::endpoint::{Shared, stopped};
use super::figures::{InFlight, RecordClass};
use super::intake::Intake;
use crate::auth::grant::Grant;
use crate::domain::ids::{FrameSeq, InstanceId, Origin, StreamNo};
use crate::domain::reasons::{RejectCounts, RejectReason};
use crate::domain::submission::{Submission, SubmitError};
use crate::shard::allowance::Allowance;
use crate::wire::close::CloseCode;
use crate::wire::frame::{self, Frame, Step};
use crate::wire::header::Header;

/// How often a stream that waits for its account's allowance looks at it.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What a stream needs to know of its connection.
pub(super) struct StreamContext<I> {
    pub(super) shared: Arc<Shared<I>>,
    pub(super) connection: quinn::Connection,
    /// What the client may do; the connection's task changes it when the book of credentials changes.
    pub(super) grant: watch::Receiver<Grant>,
    pub(super) instance: InstanceId,
    /// The stream numbers that are open on this connection.
    pub(super) numbers: Arc<Mutex<HashSet<StreamNo>>>,
}

impl<I> StreamContext<I> {
    fn open_number(&self, number: StreamNo) -> bool {
        self.numbers.lock().unwrap_or_else(PoisonError::into_inner).insert(number)
    }

    pub(super) fn close_number(&self, number: StreamNo) {
        self.numbers.lock().unwrap_or_else(PoisonError::into_inner).remove(&number);
    }
}

/// Serves a stream until the client ends it, the connection ends or the daemon drains.
pub(super) async fn serve<I: Intake>(
    context: StreamContext<I>,
    owing: Owing,
    send: SendStream,
    recv: RecvStream,
) {
    let _fuse = Fuse { shared: &*context.shared, connection: &context.connection };
    let (opened, open) = mpsc::channel(context.shared.config.max_unacked_frames as usize);
    let acker = Acker::new(&context, owing, send);
    let reading = async {
        let mut reader = Reader::new(&context, recv, opened);
        if let Err(Ended::Refused(refusal)) = reader.run().await {
            close(&context.shared, &context.connection, &refusal);
        }
        // Let go of it only when the acks are out: the client is told to stop sending by that.
        reader.recv
    };
    let (_recv, ()) = tokio::join!(reading, acker.run(open));
}

/// Turns the bytes of a stream into submissions.
struct Reader<'a, I: Intake> {
    context: &'a StreamContext<I>,
    recv: RecvStream,
    /// The other half resolves what is put in here; dropping it tells that nothing more will come.
    opened: mpsc::Sender<Open<I::Ticket>>,
    buffer: Vec<u8>,
    filled: usize,
    /// When the frame that is only partly here began to arrive.
    begun_at: Option<Instant>,
    /// The stream's number and last sequence, once a frame has told.
    last: Option<(StreamNo, FrameSeq)>,
    /// How fast the account may hand over.
    allowance: Arc<Allowance>,
}

enum Fill {
    More,
    End,
}

impl<'a, I: Intake> Reader<'a, I> {
    fn new(
        context: &'a StreamContext<I>,
        recv: RecvStream,
        opened: mpsc::Sender<Open<I::Ticket>>,
    ) -> Self {
        let buffer = vec![0; READ_BYTES];
        let account = context.grant.borrow().account;
        let allowance = context.shared.intake.allowance(account);
        Self { context, recv, opened, buffer, filled: 0, begun_at: None, last: None, allowance }
    }

    async fn run(&mut self) -> Result<(), Ended> {
        let mut stop = self.context.shared.stop.clone();
        loop {
            tokio::select! {
                biased;
                () = stopped(&mut stop) => return Ok(()),
                fill = self.fill() => match fill? {
                    Fill::More => {}
                    Fill::End if self.filled == 0 => return Ok(()),
                    Fill::End => {
                        let why = "a stream ended within a frame; end it after a whole one";
                        return Err(Refusal::new(CloseCode::Truncated, why).into());
                    }
                }
            }
            self.take_frames().await?;
        }
    }

    /// Waits for bytes. Giving up half-way loses none: QUIC hands them over in one step.
    async fn fill(&mut self) -> Result<Fill, Ended> {
        let reading = self.recv.read(&mut self.buffer[self.filled..]);
        let read = match self.begun_at {
            None => reading.await,
            Some(begun_at) => {
                let limit = self.context.shared.config.frame_timeout();
                timeout_at(begun_at + limit, reading).await.map_err(|_elapsed| {
                    let why = format!("a frame took over {} s to arrive", limit.as_secs());
                    Refusal::new(CloseCode::FrameTimeout, why + "; send frames whole")
                })?
            }
        };
        match read {
            Ok(Some(bytes)) => {
                self.filled += bytes;
                self.context.shared.figures.read_bytes(bytes);
                Ok(Fill::More)
            }
            Ok(None) => Ok(Fill::End),
            // A reset takes back what is not read yet; half a frame is then nobody's fault.
            Err(
                ReadError::Reset(_)
                | ReadError::ConnectionLost(_)
                | ReadError::ClosedStream
                | ReadError::IllegalOrderedRead
                | ReadError::ZeroRttRejected,
            ) => Err(Ended::Lost),
        }
    }

    /// Hands over every whole frame in the buffer and moves the rest to its front.
    async fn take_frames(&mut self) -> Result<(), Ended> {
        let (mut at, mut read_at) = (0, Instant::now());
        let needs = loop {
            let ahead = &self.buffer[at..self.filled];
            if let Some(kind) = frame::kind_at(ahead).filter(|kind| !kind.is_intake()) {
                let why = format!("a {kind} frame has no business on a data stream");
                return Err(Refusal::new(CloseCode::UnexpectedFrame, why).into());
            }
            match frame::next(ahead, self.context.shared.limits)? {
                Step::Needs(bytes) => break bytes,
                Step::Whole(frame, rest) => {
                    let header = frame.header;
                    if self.keep_to_allowance(header.records.into()).await? {
                        read_at = Instant::now();
                    }
                    let batch = self.believe(&frame).await?;
                    at = self.filled - rest.len();
                    self.hand_over(&header, batch, read_at).await?;
                }
            }
        };
        self.buffer.copy_within(at..self.filled, 0);
        self.filled -= at;
        if at > 0 || self.begun_at.is_none() {
            self.begun_at = (self.filled > 0).then(Instant::now);
        }
        // `needs` is bounded by the limits that the header was checked against.
        if needs > self.buffer.len() {
            self.buffer.reserve_exact(needs - self.buffer.len());
            self.buffer.resize(needs, 0);
        }
        Ok(())
    }

    /// Waits until the account may hand over so many more records; gives whether it had to. Meanwhile nothing is read:
    /// the client comes to know of it by flow control, and nothing is lost.
    async fn keep_to_allowance(&self, records: u32) -> Result<bool, Ended> {
        let StreamContext { shared, connection, .. } = self.context;
        let mut stop = shared.stop.clone();
        let mut waited = false;
        while let Err(wait) = self.allowance.take(records, shared.intake.uptime()) {
            if !waited {
                shared.figures.held_back();
                waited = true;
            }
            tokio::select! {
                biased;
                () = stopped(&mut stop) => return Err(Ended::Drained),
                _why = connection.closed() => return Err(Ended::Lost),
                // The limit may be another meanwhile.
                () = sleep(wait.min(LOOK_EVERY)) => {}
            }
        }
        Ok(waited)
    }

    /// Checks a frame's place in the stream and its app, and believes what can be believed of it.
    async fn believe(&self, frame: &Frame<'_>) -> Result<Batch, Ended> {
        let header = &frame.header;
        self.check_place(header)?;
        let shared = &self.context.shared;
        let received_at = shared.intake.received_at();
        let (account, allowed) = {
            let grant = self.context.grant.borrow();
            (grant.account, grant.apps.has(header.app))
        };
        let allowed = allowed && shared.intake.may_have_app(account, header.app);
        let instance = self.context.instance;
        let origin = Origin { account, instance, stream: header.stream, seq: header.seq };
        let believed = if allowed {
            believe::body(&frame.body, shared.intake.future_rule(received_at))
        } else {
            None
        };
        let Some(believed) = believed else {
            let mut rejects = RejectCounts::default();
            rejects[usize::from(RejectReason::AppNotAllowed.number())] = u64::from(header.records);
            let class = RecordClass::of_frame(header.kind);
            let in_flight = shared.figures.receive(class, &rejects, 0);
            return Ok(Batch { submission: None, rejects, in_flight });
        };
        let Believed { records, rejects } = believed.of_made_jobs(&*shared.intake, account).await;
        let in_flight = shared.figures.receive(RecordClass::of(&records), &rejects, records.len());
        let origin = Some(origin);
        let submission = Submission { account, app: header.app, origin, received_at, records };
        let submission = (!submission.records.is_empty()).then_some(submission);
        Ok(Batch { submission, rejects, in_flight })
    }

    fn check_place(&self, header: &Header) -> Result<(), Refusal> {
        match self.last {
            None if self.context.open_number(header.stream) => Ok(()),
            None => {
                let why = format!("stream number {} is open already", header.stream);
                Err(Refusal::new(CloseCode::BadStream, why + "; give each stream its own"))
            }
            Some((number, _)) if number != header.stream => {
                let why = format!("a frame of stream {} came on stream {number}", header.stream);
                Err(Refusal::new(CloseCode::BadStream, why + "; write one number into all"))
            }
            Some((_, last)) if last.0.checked_add(1) != Some(header.seq.0) => {
                let why = format!("sequence {} came after {last}; number by 1", header.seq);
                Err(Refusal::new(CloseCode::BadSequence, why))
            }
            Some(_) => Ok(()),
        }
    }

    /// Waits until the shards take the batch and the list of open frames has room for it.
    async fn hand_over(
        &mut self,
        header: &Header,
        batch: Batch,
        read_at: Instant,
    ) -> Result<(), Ended> {
        let Batch { submission, rejects, in_flight } = batch;
        let (stream, seq) = (header.stream, header.seq);
        self.last = Some((stream, seq));
        let ticket = match submission {
            None => None,
            Some(submission) => {
                Some(self.context.shared.intake.submit(submission).await.map_err(refused)?)
            }
        };
        let open = Open { stream, seq, read_at, rejects, in_flight, ticket };
        self.opened.send(open).await.map_err(|_ended| Ended::Lost)
    }
}

/// What a frame becomes.
struct Batch {
    /// `None` when nothing was left of it.
    submission: Option<Submission>,
    rejects: RejectCounts,
    in_flight: InFlight,
}

fn refused(error: SubmitError) -> Ended {
    match error {
        // A close now would take away the acks of the frames before this one.
        SubmitError::Draining => Ended::Drained,
        SubmitError::Closed { .. } => {
            Ended::Refused(Refusal::new(CloseCode::Unavailable, error.to_string()))
        }
    }
}
