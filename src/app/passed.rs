//! Sockets that systemd has opened for us: told apart by name, and looked at before they are used.
//!
//! A socket unit names its socket by `FileDescriptorName=`: `quic` or `http`. What is passed takes the place of an
//! address in the config; what is not is bound as the config says. While the daemon is down the system keeps a passed
//! socket open, so that packets and connections wait for the next start.

use std::net::{SocketAddr, TcpListener, UdpSocket};

use listenfd::ListenFd;

/// The name of the socket for gateways.
const QUIC: &str = "quic";

/// The name of the admin server's socket.
const HTTP: &str = "http";

/// Where systemd puts the names, with colons between.
const NAMES: &str = "LISTEN_FDNAMES";

/// What systemd has passed. By default nothing.
#[derive(Default, Debug)]
pub struct Passed {
    /// Taken by the QUIC endpoint.
    pub(super) quic: Option<UdpSocket>,
    /// Taken by the admin server.
    pub(super) http: Option<TcpListener>,
}

/// Why a passed socket can't be used. Nothing is bound in its place: who opened a socket for us waits there.
#[derive(Debug, thiserror::Error)]
pub enum PassedError {
    /// Some have no name, or there are more names than sockets.
    #[error(
        "{passed} sockets were passed with {named} names in LISTEN_FDNAMES; each socket unit needs \
         FileDescriptorName=quic or FileDescriptorName=http"
    )]
    Unnamed {
        /// How many sockets there are.
        passed: usize,
        /// How many names.
        named: usize,
    },
    /// A name that is none of ours.
    #[error(
        "a socket named {name:?} was passed; set its unit's FileDescriptorName= to quic or http"
    )]
    Unknown {
        /// The name.
        name: String,
    },
    /// One name for two sockets.
    #[error("two sockets named {name:?} were passed; leave one Listen line in its unit")]
    Twice {
        /// The name.
        name: &'static str,
    },
    /// A socket of another kind than its name says.
    #[error(
        "the socket named {name:?} that was passed is no {wanted}: {reason}; its unit needs {needs}"
    )]
    WrongKind {
        /// The name.
        name: &'static str,
        /// What it should be.
        wanted: &'static str,
        /// What was found.
        reason: std::io::Error,
        /// What to write into the unit.
        needs: &'static str,
    },
}

impl Passed {
    /// Takes what the environment tells of. Call it once, before there is a second thread: it takes the variables
    /// away.
    ///
    /// # Errors
    /// [`PassedError`]
    pub fn from_env() -> Result<Self, PassedError> {
        let names = std::env::var(NAMES).unwrap_or_default();
        Self::named(ListenFd::from_env(), &names)
    }

    fn named(mut sockets: ListenFd, names: &str) -> Result<Self, PassedError> {
        let mut passed = Self::default();
        if sockets.len() == 0 {
            // Names without sockets are another process's.
            return Ok(passed);
        }
        let names: Vec<&str> = names.split(':').filter(|name| !name.is_empty()).collect();
        if names.len() != sockets.len() {
            return Err(PassedError::Unnamed { passed: sockets.len(), named: names.len() });
        }
        for (at, name) in names.into_iter().enumerate() {
            match name {
                QUIC => put(&mut passed.quic, QUIC, udp(&mut sockets, at)?)?,
                HTTP => put(&mut passed.http, HTTP, tcp(&mut sockets, at)?)?,
                other => return Err(PassedError::Unknown { name: other.to_owned() }),
            }
        }
        Ok(passed)
    }
}

/// The socket that was passed, or else one that is bound to the config's address.
pub(super) fn or_bound<S>(
    passed: Option<S>,
    (key, listen): (&str, SocketAddr),
    bind: impl FnOnce(SocketAddr) -> std::io::Result<S>,
) -> anyhow::Result<S> {
    if let Some(socket) = passed {
        tracing::info!("a passed socket takes the place of {key}");
        return Ok(socket);
    }
    bind(listen)
        .map_err(|reason| anyhow::anyhow!("cannot listen on {listen}: {reason}; change {key}"))
}

fn put<S>(place: &mut Option<S>, name: &'static str, socket: Option<S>) -> Result<(), PassedError> {
    if place.is_some() {
        return Err(PassedError::Twice { name });
    }
    *place = socket;
    Ok(())
}

fn udp(sockets: &mut ListenFd, at: usize) -> Result<Option<UdpSocket>, PassedError> {
    sockets.take_udp_socket(at).map_err(|reason| PassedError::WrongKind {
        name: QUIC,
        wanted: "UDP socket",
        reason,
        needs: "ListenDatagram= with an address and a port",
    })
}

fn tcp(sockets: &mut ListenFd, at: usize) -> Result<Option<TcpListener>, PassedError> {
    let wrong = |reason| PassedError::WrongKind {
        name: HTTP,
        wanted: "listening TCP socket",
        reason,
        needs: "ListenStream= with an address and a port, and Accept=no",
    };
    let Some(socket) = sockets.take_tcp_listener(at).map_err(wrong)? else { return Ok(None) };
    // A connection that was accepted for us is a stream, too, and nobody could ever connect to it.
    match rustix::net::sockopt::socket_acceptconn(&socket) {
        Ok(true) => Ok(Some(socket)),
        Ok(false) => Err(wrong(std::io::Error::other("it does not listen"))),
        Err(error) => Err(wrong(error.into())),
    }
}
