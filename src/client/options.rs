//! What a client may choose, with defaults that suit a gateway.

use std::net::SocketAddr;
use std::time::Duration;

use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::domain::ids::InstanceId;

/// How to reach a daemon, as whom.
#[derive(Debug)]
pub struct ClientOptions {
    /// Where the daemon listens.
    pub address: SocketAddr,
    /// The name that its certificate must have.
    pub server_name: String,
    /// Whose certificates are believed.
    pub trust: Trust,
    /// Who we are.
    pub credentials: Credentials,
    /// The instance whose sequences go on. Draw one with [`draw_instance`], and keep it with the sequences.
    pub instance: InstanceId,
    /// What we call ourselves, for the daemon's logs; up to 128 bytes.
    pub agent: String,
    /// Frames of a stream that are kept until they are acknowledged. Default 256. When so many wait, senders
    /// wait. At most 256 × 160 KiB = 40 MiB a stream.
    pub max_unacked_frames: usize,
    /// Bytes that QUIC keeps until the daemon has them. Default 4 MiB a connection.
    pub send_window_bytes: u64,
    /// What to do when a connection is lost or cannot be made.
    pub reconnect: Reconnect,
}

impl ClientOptions {
    /// Everything but who and where at its default.
    #[must_use]
    pub fn new(
        address: SocketAddr,
        trust: Trust,
        credentials: Credentials,
        instance: InstanceId,
    ) -> Self {
        Self {
            address,
            server_name: "localhost".to_owned(),
            trust,
            credentials,
            instance,
            agent: concat!("geofenced-client/", env!("CARGO_PKG_VERSION")).to_owned(),
            max_unacked_frames: 256,
            send_window_bytes: 4 << 20,
            reconnect: Reconnect::default(),
        }
    }
}

/// Whose certificates are believed.
#[derive(Debug)]
pub enum Trust {
    /// Those issued by one of these, or one of these itself: also the way to pin a self-signed certificate.
    Roots(Vec<CertificateDer<'static>>),
    /// Anybody's: whoever is on the way can read and change everything. For tests and first steps on one
    /// machine.
    Anybody,
}

/// Who we are.
pub enum Credentials {
    /// A token, `gf_…`.
    Token(String),
    /// A client certificate chain, leaf first, and its key.
    Certificate(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>),
}

/// Tokens and keys stay out of logs.
impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Token(_) => "Token(…)",
            Self::Certificate(..) => "Certificate(…)",
        })
    }
}

/// The pauses between attempts: doubling, with jitter, as the specification says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reconnect {
    /// Before the second attempt. Default 100 ms.
    pub first_pause: Duration,
    /// The longest pause. Default 10 s.
    pub longest_pause: Duration,
    /// The least pause after a code that says *later*; up to half of it is added by chance. Default 10 s.
    pub later_pause: Duration,
    /// Failures after the last ack at which the client gives up: attempts that came to nothing and
    /// connections that were lost. Default: never.
    pub max_attempts: u32,
}

impl Default for Reconnect {
    fn default() -> Self {
        Self {
            first_pause: Duration::from_millis(100),
            longest_pause: Duration::from_secs(10),
            later_pause: Duration::from_secs(10),
            max_attempts: u32::MAX,
        }
    }
}

impl Reconnect {
    /// One attempt and no second: for tests that want to see the first error.
    pub const ONCE: Self = Self {
        first_pause: Duration::ZERO,
        longest_pause: Duration::ZERO,
        later_pause: Duration::ZERO,
        max_attempts: 1,
    };

    /// The pause after the `failure`th failure since the last ack (from 1); `jitter` is any number. Between
    /// half of the nominal pause and all of it; after *later*, between the nominal pause and half as much
    /// again.
    #[must_use]
    pub fn pause(&self, failure: u32, later: bool, jitter: u32) -> Duration {
        let doubled = self.first_pause.saturating_mul(1 << failure.saturating_sub(1).min(20));
        let least = if later { self.later_pause } else { doubled.min(self.longest_pause) / 2 };
        let spread = if later { least / 2 } else { least };
        least + spread.mul_f64(f64::from(jitter) / f64::from(u32::MAX))
    }
}

/// Draws an instance at random.
///
/// # Errors
/// When the operating system has no randomness to give.
pub fn draw_instance() -> Result<InstanceId, getrandom::Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    Ok(InstanceId(bytes))
}
