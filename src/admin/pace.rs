//! A client has to take its answer at some pace: one that does not read, or reads a byte now and then, would hold a
//! connection for ever.
//!
//! Wrapped around a connection's stream. A write that has to wait begins a span; each [`STEP_BYTES`] that the client
//! has taken begin a new one, and a flush ends it: what the system has taken over is no longer ours to wait for. A
//! span over the limit breaks the connection off.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// What has to be taken within the limit, or the rest of the answer if that is less.
pub(super) const STEP_BYTES: usize = 64 << 10;

/// A stream whose other side has to keep pace with what is written.
pub(super) struct PacedStream<S> {
    stream: S,
    limit: Duration,
    /// The span that runs: when it is over, and what was written in it.
    span: Option<(Pin<Box<Sleep>>, usize)>,
    stall: Stall,
}

/// Whether a stream's writes wait for the other side at this moment.
#[derive(Clone, Default)]
pub(super) struct Stall(Arc<AtomicBool>);

impl Stall {
    /// Whether they do.
    pub(super) fn is_on(&self) -> bool {
        // A hint for one who looks twice; nothing else is read because of it.
        self.0.load(Ordering::Relaxed)
    }
}

impl<S> PacedStream<S> {
    /// Lets each step of an answer take `limit`.
    pub(super) fn new(stream: S, limit: Duration) -> Self {
        Self { stream, limit, span: None, stall: Stall::default() }
    }

    /// Tells, from outside, whether it waits.
    pub(super) fn stall(&self) -> Stall {
        self.stall.clone()
    }

    fn end_span(&mut self) {
        self.span = None;
        self.stall.0.store(false, Ordering::Relaxed);
    }

    /// What a write has come to, held against the span.
    fn judge(
        &mut self,
        written: Poll<io::Result<usize>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if let Poll::Ready(outcome) = written {
            if let (Ok(bytes), Some((_, taken))) = (&outcome, &mut self.span) {
                *taken += bytes;
                if *taken >= STEP_BYTES {
                    self.end_span();
                }
            }
            return Poll::Ready(outcome);
        }
        self.stall.0.store(true, Ordering::Relaxed);
        let begin = || (Box::pin(tokio::time::sleep_until(Instant::now() + self.limit)), 0);
        let (over, _) = self.span.get_or_insert_with(begin);
        ready!(over.as_mut().poll(cx));
        let why = format!("{STEP_BYTES} bytes of an answer were not taken in {:?}", self.limit);
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, why)))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for PacedStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.judge(written, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
        self.judge(written, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = ready!(Pin::new(&mut self.stream).poll_flush(cx));
        self.end_span();
        Poll::Ready(flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for PacedStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}
