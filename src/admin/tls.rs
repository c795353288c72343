//! TLS for the HTTP server: a certificate that can be changed while it serves, and a word to those who speak plain HTTP.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::auth::tls::{ServerIdentity, TlsError};

/// What is spoken inside.
const ALPN: &[u8] = b"http/1.1";

/// The certificate in force. Cheap to clone; the server and whoever reloads it have one.
#[derive(Clone)]
pub struct TlsSwitch {
    in_force: Arc<ArcSwap<ServerConfig>>,
}

impl TlsSwitch {
    /// Shows this identity.
    ///
    /// # Errors
    /// [`TlsError`] when key and certificate do not belong together.
    pub fn new(identity: &ServerIdentity) -> Result<Self, TlsError> {
        let config = Arc::new(identity.server_config(ALPN)?);
        Ok(Self { in_force: Arc::new(ArcSwap::new(config)) })
    }

    /// Connections that begin from now on get this identity; those that are in are left alone.
    ///
    /// # Errors
    /// [`TlsError`]; the old identity is then still in force.
    pub fn reload(&self, identity: &ServerIdentity) -> Result<(), TlsError> {
        self.in_force.store(Arc::new(identity.server_config(ALPN)?));
        Ok(())
    }

    /// Shakes hands over a stream.
    ///
    /// # Errors
    /// What the client did not like, or how the connection broke.
    pub(super) async fn accept<S>(&self, stream: S) -> io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        TlsAcceptor::from(self.in_force.load_full()).accept(stream).await
    }
}

/// The first byte of a TLS connection: a record with a handshake in it.
const HANDSHAKE: u8 = 22;

/// Whether a client begins with TLS; waits for its first byte, and leaves it there.
///
/// # Errors
/// How the connection broke, or that it was closed before anything came.
pub(super) async fn is_tls(stream: &TcpStream) -> io::Result<bool> {
    let mut first = [0];
    match stream.peek(&mut first).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(first[0] == HANDSHAKE),
    }
}

/// So much of a plain request is read before the connection is closed; unread bytes would have the system reset it, and
/// the client might never see the answer.
const READ_BYTES: usize = 16 << 10;

/// How long the client may take with that.
const PATIENCE: Duration = Duration::from_secs(1);

/// Tells a client of plain HTTP to come back with TLS.
pub(super) async fn refuse_plain(mut stream: TcpStream) {
    let told = async {
        stream.write_all(PLAIN).await?;
        stream.shutdown().await?;
        let mut rest = [0; 1024];
        let mut read = 0;
        while read < READ_BYTES {
            match stream.read(&mut rest).await? {
                0 => break,
                more => read += more,
            }
        }
        Ok::<(), io::Error>(())
    };
    if let Ok(Err(error)) = tokio::time::timeout(PATIENCE, told).await {
        tracing::debug!(%error, "a client of plain HTTP left without its answer");
    }
}

const PLAIN: &[u8] = b"HTTP/1.1 400 Bad Request\r\n\
    content-type: application/problem+json\r\n\
    connection: close\r\n\
    content-length: 170\r\n\r\n\
    {\"type\":\"urn:geofenced:problem:bad-request\",\"title\":\"The request cannot be read\",\
    \"status\":400,\"detail\":\"this port speaks TLS and no plain HTTP; ask again with https://\"}\n";
