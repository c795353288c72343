//! A small HTTP/1.1 client for talking to a daemon: one connection, bearer token, whole bodies.
//!
//! The tail, the tests and the load test use it, over plain HTTP on a local address or over TLS.

use std::sync::Arc;

use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

/// The longest answer taken: twice what a full read of the queue gives.
const MAX_BODY_BYTES: usize = 128 << 20;

/// A connection to a daemon's HTTP address. Dropping it closes the connection.
#[derive(Debug)]
pub struct HttpClient {
    host: String,
    authorization: Option<String>,
    sender: SendRequest<Full<Bytes>>,
    /// Moves the bytes; ends when `sender` is dropped or the daemon closes.
    connection: JoinHandle<hyper::Result<()>>,
}

/// An answer, whole.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl Answer {
    /// The body of a success.
    ///
    /// # Errors
    /// [`HttpError::Refused`] with what the daemon said, for any other status.
    pub fn success(self) -> Result<Bytes, HttpError> {
        if self.status.is_success() {
            return Ok(self.body);
        }
        let detail = serde_json::from_slice::<serde_json::Value>(&self.body)
            .ok()
            .and_then(|problem| Some(problem.get("detail")?.as_str()?.to_owned()))
            .unwrap_or_else(|| String::from_utf8_lossy(&self.body).into_owned());
        Err(HttpError::Refused { status: self.status, detail })
    }
}

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// Nobody there.
    #[error(
        "can't connect to {addr}: {source}; is the daemon running, and is this its HTTP address?"
    )]
    Connect {
        /// Where.
        addr: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// No TLS with the daemon.
    #[error(
        "no TLS with {addr}: {source}; is that its HTTPS address, and --ca who has issued its certificate?"
    )]
    Tls {
        /// Where.
        addr: String,
        /// What went wrong.
        source: std::io::Error,
    },
    /// The request itself can't be made of these parts.
    #[error("{path:?} with this token makes no request: {source}")]
    Request {
        /// The path and query.
        path: String,
        /// What is wrong with it.
        source: hyper::http::Error,
    },
    /// The connection broke or spoke no HTTP.
    #[error("the connection to {addr} failed: {source}")]
    Broken {
        /// With whom.
        addr: String,
        /// What went wrong.
        source: hyper::Error,
    },
    /// An answer larger than we take, or broken off.
    #[error("the answer from {addr} can't be read: {reason}")]
    Body {
        /// From whom.
        addr: String,
        /// What went wrong.
        reason: String,
    },
    /// The daemon said no.
    #[error("the daemon answered {status}: {detail}")]
    Refused {
        /// Its status.
        status: StatusCode,
        /// What it said.
        detail: String,
    },
}

impl HttpClient {
    /// Connects to `host:port`.
    ///
    /// # Errors
    /// [`HttpError`] if nobody answers there.
    pub async fn connect(addr: &str, token: Option<&str>) -> Result<Self, HttpError> {
        Self::over(reach(addr).await?, addr, token).await
    }

    /// Connects to `host:port` with TLS, believing the certificates that `roots` have issued.
    ///
    /// # Errors
    /// [`HttpError`] if nobody answers there, or not with such a certificate.
    pub async fn connect_tls(
        addr: &str,
        token: Option<&str>,
        roots: RootCertStore,
    ) -> Result<Self, HttpError> {
        let failed = |source| HttpError::Tls { addr: addr.to_owned(), source };
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(|error| failed(std::io::Error::other(error)))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let host = addr.rsplit_once(':').map_or(addr, |(host, _port)| host);
        let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned())
            .map_err(|error| failed(std::io::Error::other(error)))?;
        let connector = TlsConnector::from(Arc::new(config));
        let stream = connector.connect(name, reach(addr).await?).await.map_err(failed)?;
        Self::over(stream, addr, token).await
    }

    async fn over(
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        addr: &str,
        token: Option<&str>,
    ) -> Result<Self, HttpError> {
        let (sender, connection) = handshake(TokioIo::new(stream))
            .await
            .map_err(|source| HttpError::Broken { addr: addr.to_owned(), source })?;
        Ok(Self {
            host: addr.to_owned(),
            authorization: token.map(|token| format!("Bearer {token}")),
            sender,
            connection: tokio::spawn(connection),
        })
    }

    /// Whether the connection has ended, so that a new one is needed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.sender.is_closed() || self.connection.is_finished()
    }

    /// GET.
    ///
    /// # Errors
    /// [`HttpError`]; a refusal by status is an [`Answer`].
    pub async fn get(&mut self, path: &str) -> Result<Answer, HttpError> {
        self.send(Method::GET, path, Bytes::new()).await
    }

    /// Sends a request with a JSON body, which may be empty.
    ///
    /// # Errors
    /// [`HttpError`]; a refusal by status is an [`Answer`].
    pub async fn send(
        &mut self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<Answer, HttpError> {
        self.send_with(method, path, &[], body).await
    }

    /// The same with headers of its own.
    ///
    /// # Errors
    /// [`HttpError`]; a refusal by status is an [`Answer`].
    pub async fn send_with(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Answer, HttpError> {
        let mut request = Request::builder().method(method).uri(path).header(HOST, &self.host);
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request
            .body(Full::new(body))
            .map_err(|source| HttpError::Request { path: path.to_owned(), source })?;
        self.sender.ready().await.map_err(|source| self.broken(source))?;
        let answer = self.sender.send_request(request).await;
        let answer = answer.map_err(|source| self.broken(source))?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, MAX_BODY_BYTES).collect().await;
        let body = body.map_err(|error| HttpError::Body {
            addr: self.host.clone(),
            reason: if error.is::<LengthLimitError>() {
                format!("it is longer than {MAX_BODY_BYTES} bytes")
            } else {
                error.to_string()
            },
        })?;
        Ok(Answer { status: head.status, headers: head.headers, body: body.to_bytes() })
    }

    fn broken(&self, source: hyper::Error) -> HttpError {
        HttpError::Broken { addr: self.host.clone(), source }
    }
}

async fn reach(addr: &str) -> Result<TcpStream, HttpError> {
    let reached = TcpStream::connect(addr).await;
    reached.map_err(|source| HttpError::Connect { addr: addr.to_owned(), source })
}
