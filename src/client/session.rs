//! The connection over its losses: one task dials, watches and dials again; streams follow what it finds.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::dial::{Dialer, Session, closed};
use super::failure::ClientError;
use super::options::{ClientOptions, Reconnect};
use super::stream::{AckSpan, ClientStream};
use crate::domain::ids::{FrameSeq, StreamNo};
use crate::wire::close::{CloseCode, Retry};
use crate::wire::hello::HelloAck;

/// A client of one daemon.
pub struct Client {
    dialer: Arc<Dialer>,
    link: watch::Receiver<Link>,
    terms: HelloAck,
    max_unacked_frames: usize,
    keeper: JoinHandle<()>,
}

/// What the streams see of the connection.
#[derive(Clone, Debug)]
pub(super) enum Link {
    /// There is none at present; one is being made.
    Down,
    /// The connection to use.
    Up(Session),
    /// There will be none any more.
    Failed(ClientError),
}

impl Client {
    /// Connects, trying again as the options say, and says hello.
    ///
    /// # Errors
    /// [`ClientError`] when trying again would not help, or was tried as often as allowed.
    pub async fn connect(options: ClientOptions) -> Result<Self, ClientError> {
        let (reconnect, max_unacked_frames) = (options.reconnect, options.max_unacked_frames);
        let dialer = Arc::new(Dialer::new(options)?);
        let first = dial_until(&dialer, reconnect).await?;
        let terms = first.terms;
        let (links, link) = watch::channel(Link::Up(first.clone()));
        let keeper = tokio::spawn(keep(Arc::clone(&dialer), reconnect, first, links));
        Ok(Self { dialer, link, terms, max_unacked_frames, keeper })
    }

    /// What the daemon allowed in its first hello_ack.
    #[must_use]
    pub fn terms(&self) -> &HelloAck {
        &self.terms
    }

    /// Opens a stream whose next frame is `first` (1 for a new instance). `on_ack` is called for each ack as
    /// it arrives, in order, on the task that reads them: it must not block.
    ///
    /// Must be called within a tokio runtime. A number may be open once at a time.
    #[must_use]
    pub fn open(
        &self,
        number: StreamNo,
        first: FrameSeq,
        on_ack: impl FnMut(&AckSpan) + Send + 'static,
    ) -> ClientStream {
        let max_records = self.terms.max_frame_records as usize;
        let link = self.link.clone();
        let window = self.max_unacked_frames.max(1) as u64;
        ClientStream::start(number, first, (max_records, window), link, Box::new(on_ack))
    }

    /// Closes the connection at once; streams that still wait for acks fail. End those first.
    pub async fn close(self) {
        self.keeper.abort();
        let up = match &*self.link.borrow() {
            Link::Up(session) => Some(session.connection.clone()),
            Link::Down | Link::Failed(_) => None,
        };
        if let Some(connection) = up {
            let done = u32::from(CloseCode::Done.number());
            connection.close(done.into(), b"the client is finished");
        }
        self.dialer.wait_idle().await;
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

async fn keep(
    dialer: Arc<Dialer>,
    reconnect: Reconnect,
    mut session: Session,
    links: watch::Sender<Link>,
) {
    loop {
        let lost = closed(&session.connection).await;
        if lost.retry() == Retry::Never {
            links.send_replace(Link::Failed(lost));
            return;
        }
        links.send_replace(Link::Down);
        if lost.retry() == Retry::Later {
            pause(reconnect, 1, true).await;
        }
        match dial_until(&dialer, reconnect).await {
            Ok(next) => {
                session = next.clone();
                links.send_replace(Link::Up(next));
            }
            Err(error) => {
                links.send_replace(Link::Failed(error));
                return;
            }
        }
    }
}

/// Dials until there is a connection, or no hope.
async fn dial_until(dialer: &Dialer, reconnect: Reconnect) -> Result<Session, ClientError> {
    let mut attempts = 0;
    loop {
        let error = match dialer.dial().await {
            Ok(session) => return Ok(session),
            Err(error) => error,
        };
        attempts += 1;
        let retry = error.retry();
        if retry == Retry::Never {
            return Err(error);
        }
        if attempts >= reconnect.max_attempts {
            return Err(ClientError::GaveUp { attempts, last: Box::new(error) });
        }
        pause(reconnect, attempts, retry == Retry::Later).await;
    }
}

async fn pause(reconnect: Reconnect, attempt: u32, later: bool) {
    // Without randomness the pauses are only less spread out.
    let jitter = getrandom::u32().unwrap_or(u32::MAX / 2);
    tokio::time::sleep(reconnect.pause(attempt, later, jitter)).await;
}
