//! The connection over its losses: one task dials, watches and dials again; streams follow what it finds.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::dial::{Dialer, Session};
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
    /// What the daemon allowed last; the keeper holds the other end.
    terms: watch::Receiver<HelloAck>,
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
        let mut line = Line { dialer: Arc::clone(&dialer), reconnect, failures: 0 };
        let first = line.connect(None).await?;
        let (told, terms) = watch::channel(first.terms);
        let (links, link) = watch::channel(Link::Up(first.clone()));
        let keeper = tokio::spawn(keep(line, first, links, told));
        Ok(Self { dialer, link, terms, max_unacked_frames, keeper })
    }

    /// What the daemon allowed in its last hello_ack.
    #[must_use]
    pub fn terms(&self) -> HelloAck {
        *self.terms.borrow()
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
        let (link, terms) = (self.link.clone(), self.terms.clone());
        let window = self.max_unacked_frames.max(1) as u64;
        ClientStream::start(number, first, (terms, window), link, Box::new(on_ack))
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

/// Follows the connection over its losses.
async fn keep(
    mut line: Line,
    mut session: Session,
    links: watch::Sender<Link>,
    terms: watch::Sender<HelloAck>,
) {
    loop {
        let lost = session.ended().await;
        if session.brought_acks() {
            line.failures = 0;
        }
        links.send_replace(Link::Down);
        match line.connect(Some(lost)).await {
            Ok(next) => {
                session = next.clone();
                terms.send_replace(next.terms);
                links.send_replace(Link::Up(next));
            }
            Err(error) => {
                links.send_replace(Link::Failed(error));
                return;
            }
        }
    }
}

/// The way to the daemon, and how often it has failed.
struct Line {
    dialer: Arc<Dialer>,
    reconnect: Reconnect,
    /// Since the last ack: a daemon that lets us in and sends us away again is not hurried.
    failures: u32,
}

impl Line {
    /// Dials until there is a connection, or no hope; after a failure, with a pause first.
    async fn connect(&mut self, mut failed: Option<ClientError>) -> Result<Session, ClientError> {
        loop {
            if let Some(error) = failed.take() {
                self.failures = self.failures.saturating_add(1);
                let retry = error.retry();
                if retry == Retry::Never {
                    return Err(error);
                }
                if self.failures >= self.reconnect.max_attempts {
                    let (attempts, last) = (self.failures, Box::new(error));
                    return Err(ClientError::GaveUp { attempts, last });
                }
                self.pause(retry == Retry::Later).await;
            }
            match self.dialer.dial(self.failures).await {
                Ok(session) => return Ok(session),
                Err(error) => failed = Some(error),
            }
        }
    }

    async fn pause(&self, later: bool) {
        // Without randomness the pauses are only less spread out.
        let jitter = getrandom::u32().unwrap_or(u32::MAX / 2);
        tokio::time::sleep(self.reconnect.pause(self.failures, later, jitter)).await;
    }
}
