//! A stream of frames that outlives connections: its owner encodes and waits for room, a task of its own sends.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use super::failure::ClientError;
use super::pump::Pump;
use super::session::Link;
use crate::domain::ids::{AppId, FrameSeq, StreamNo};
use crate::domain::ping::Ping;
use crate::domain::reasons::RejectCounts;
use crate::domain::report::{Outcome, PlaceHint, Profile};
use crate::wire::hello::HelloAck;
use crate::wire::record::{EncodeError, FrameHead, encode_pings};
use crate::wire::reports::{encode_hints, encode_outcomes, encode_profiles};

/// Frames that the daemon has made safe, as one ack told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AckSpan {
    /// The stream.
    pub stream: StreamNo,
    /// The first frame that this ack adds.
    pub from: FrameSeq,
    /// The last.
    pub upto: FrameSeq,
    /// Their records that were refused, by reason. Those that were applied before a reconnect count under
    /// [`Resent`](crate::domain::reasons::RejectReason::Resent).
    pub rejects: RejectCounts,
    /// Their records refused under reasons that this client does not know.
    pub unknown: u64,
}

/// A stream. Dropping it gives up what is not acknowledged yet; [`end`](Self::end) waits for it.
pub struct ClientStream {
    number: StreamNo,
    next: FrameSeq,
    /// What the daemon allows at present.
    terms: watch::Receiver<HelloAck>,
    window: u64,
    shelf: Arc<Shelf>,
    progress: watch::Receiver<Progress>,
    pump: JoinHandle<()>,
}

/// Frames that are not acknowledged yet. The owner puts them on, the pump takes copies (counted references)
/// and removes what is acknowledged.
#[derive(Debug)]
pub(super) struct Shelf {
    /// Held for a push or a few pops.
    frames: Mutex<Frames>,
    /// Tells the pump that there is a new frame, or an end.
    pub(super) stirred: Notify,
}

#[derive(Debug)]
pub(super) struct Frames {
    /// The sequence of the front frame, acknowledged ones being gone.
    pub(super) first: u64,
    pub(super) unacked: VecDeque<Bytes>,
    /// The owner sends nothing more.
    pub(super) ending: bool,
}

impl Shelf {
    pub(super) fn frames(&self) -> MutexGuard<'_, Frames> {
        self.frames.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How far the daemon has come, and whether it ever will.
#[derive(Clone, Debug)]
pub(super) struct Progress {
    pub(super) acked: u64,
    pub(super) failure: Option<ClientError>,
}

impl ClientStream {
    pub(super) fn start(
        number: StreamNo,
        first: FrameSeq,
        (terms, window): (watch::Receiver<HelloAck>, u64),
        link: watch::Receiver<Link>,
        on_ack: Box<dyn FnMut(&AckSpan) + Send>,
    ) -> Self {
        let first_seq = first.0.max(1);
        let frames = Frames { first: first_seq, unacked: VecDeque::new(), ending: false };
        let shelf = Arc::new(Shelf { frames: Mutex::new(frames), stirred: Notify::new() });
        let (told, progress) = watch::channel(Progress { acked: first_seq - 1, failure: None });
        let pump = Pump { number, shelf: Arc::clone(&shelf), link, told, on_ack };
        let pump = tokio::spawn(pump.run());
        let next = FrameSeq(first_seq);
        Self { number, next, terms, window, shelf, progress, pump }
    }

    /// Sends a frame of pings, waiting while the window is full. Returns the frame's sequence once it is on
    /// its way; its ack comes to the callback, or is awaited by [`acked`](Self::acked).
    ///
    /// # Errors
    /// [`ClientError`]; nothing was sent then.
    pub async fn pings(&mut self, app: AppId, pings: &[Ping]) -> Result<FrameSeq, ClientError> {
        self.send(app, pings, encode_pings).await
    }

    /// Sends a frame of outcomes, as [`pings`](Self::pings) does.
    ///
    /// # Errors
    /// [`ClientError`]; nothing was sent then.
    pub async fn outcomes(
        &mut self,
        app: AppId,
        outcomes: &[Outcome],
    ) -> Result<FrameSeq, ClientError> {
        self.send(app, outcomes, encode_outcomes).await
    }

    /// Sends a frame of profiles, as [`pings`](Self::pings) does.
    ///
    /// # Errors
    /// [`ClientError`]; nothing was sent then.
    pub async fn profiles(
        &mut self,
        app: AppId,
        profiles: &[Profile],
    ) -> Result<FrameSeq, ClientError> {
        self.send(app, profiles, encode_profiles).await
    }

    /// Sends a frame of place hints, as [`pings`](Self::pings) does.
    ///
    /// # Errors
    /// [`ClientError`]; nothing was sent then.
    pub async fn hints(
        &mut self,
        app: AppId,
        hints: &[PlaceHint],
    ) -> Result<FrameSeq, ClientError> {
        self.send(app, hints, encode_hints).await
    }

    /// The last sequence that was acknowledged; 0 before the first.
    #[must_use]
    pub fn last_acked(&self) -> FrameSeq {
        FrameSeq(self.progress.borrow().acked)
    }

    /// Waits until everything up to `seq` is acknowledged.
    ///
    /// # Errors
    /// [`ClientError`] when it never will be.
    pub async fn acked(&mut self, seq: FrameSeq) -> Result<(), ClientError> {
        let enough = |progress: &Progress| progress.acked >= seq.0 || progress.failure.is_some();
        let progress =
            self.progress.wait_for(enough).await.map_err(|_pump_gone| ClientError::Ended)?;
        match &progress.failure {
            Some(failure) if progress.acked < seq.0 => Err(failure.clone()),
            Some(_) | None => Ok(()),
        }
    }

    /// Waits until everything sent is acknowledged, and ends the stream.
    ///
    /// # Errors
    /// [`ClientError`] when that never happens.
    pub async fn end(mut self) -> Result<(), ClientError> {
        self.shelf.frames().ending = true;
        self.shelf.stirred.notify_one();
        self.acked(FrameSeq(self.next.0 - 1)).await?;
        // The daemon ends its side too; only then is the number free again.
        (&mut self.pump).await.map_err(|_aborted| ClientError::Ended)
    }

    async fn send<T>(
        &mut self,
        app: AppId,
        records: &[T],
        encode: impl Fn(FrameHead, &[T], &mut Vec<u8>) -> Result<(), EncodeError>,
    ) -> Result<FrameSeq, ClientError> {
        let max = self.terms.borrow().max_frame_records as usize;
        if records.len() > max {
            return Err(ClientError::TooManyRecords { records: records.len(), max });
        }
        let seq = self.next;
        let mut frame = Vec::new();
        encode(FrameHead { stream: self.number, seq, app }, records, &mut frame)?;
        self.room(seq).await?;
        self.next = FrameSeq(seq.0 + 1);
        self.shelf.frames().unacked.push_back(Bytes::from(frame));
        self.shelf.stirred.notify_one();
        Ok(seq)
    }

    async fn room(&mut self, seq: FrameSeq) -> Result<(), ClientError> {
        let window = self.window;
        let fits =
            |progress: &Progress| seq.0 - progress.acked <= window || progress.failure.is_some();
        let progress =
            self.progress.wait_for(fits).await.map_err(|_pump_gone| ClientError::Ended)?;
        progress.failure.clone().map_or(Ok(()), Err)
    }
}

impl Drop for ClientStream {
    fn drop(&mut self) {
        self.pump.abort();
    }
}
