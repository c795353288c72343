//! `geofenced queue …`: a consumer on the command line. Prints records as they come, one CloudEvent a line.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use hyper::Method;
use hyper::body::Bytes;
use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::json;

use super::http_client::{HttpClient, HttpError};

/// Records asked for at once.
const PAGE: u64 = 1000;

/// How long the daemon may wait with an answer when following, s.
const FOLLOW_WAIT_S: u32 = 30;

/// What to do with the embedded queue.
#[derive(Debug, Subcommand)]
pub enum QueueCommand {
    /// Print records as they come, one CloudEvent a line
    #[command(after_help = "Examples:\n  \
        geofenced queue tail --token $TOKEN --follow\n  \
        geofenced queue tail --token $TOKEN --name reports --kinds clicked,visited --ack --limit 100\n  \
        geofenced queue tail --token $TOKEN --addr https://daemon.example:8080 --ca issuer.pem")]
    Tail(TailArgs),
    /// List the consumers of the token's account
    List(DaemonArgs),
    /// Remove a consumer; records that only it held back are removed later
    Drop(DropArgs),
}

/// Which daemon, and as whom.
#[derive(Debug, Clone, Args)]
pub struct DaemonArgs {
    /// The daemon's HTTP address; with https:// before it where it has TLS
    #[arg(long, env = "GEOFENCED_HTTP_ADDR", default_value = "127.0.0.1:8080")]
    pub addr: String,
    /// Who has issued the daemon's certificate, PEM; a certificate that it has signed itself is its own issuer
    #[arg(long, env = "GEOFENCED_HTTP_CA", value_name = "PEM")]
    pub ca: Option<PathBuf>,
    /// A bearer token with the scope "queue"
    #[arg(long, env = "GEOFENCED_TOKEN", hide_env_values = true)]
    pub token: Option<String>,
}

/// What to print.
#[derive(Debug, Args)]
pub struct TailArgs {
    /// The daemon
    #[command(flatten)]
    pub daemon: DaemonArgs,
    /// The consumer's name; it is created when missing
    #[arg(long, default_value = "tail")]
    pub name: String,
    /// Where a new consumer begins
    #[arg(long, value_enum, default_value_t = From::Earliest)]
    pub from: From,
    /// The kinds a new consumer wants, by comma; all when left out
    #[arg(long, value_delimiter = ',')]
    pub kinds: Vec<String>,
    /// Wait for more when there is nothing left
    #[arg(long)]
    pub follow: bool,
    /// Stop after so many records
    #[arg(long)]
    pub limit: Option<u64>,
    /// Acknowledge what was printed, so that it doesn't come again
    #[arg(long)]
    pub ack: bool,
}

/// Where a new consumer begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum From {
    /// At the oldest record kept
    Earliest,
    /// Behind the newest
    Latest,
}

/// Which consumer to remove.
#[derive(Debug, Args)]
pub struct DropArgs {
    /// The daemon
    #[command(flatten)]
    pub daemon: DaemonArgs,
    /// The consumer's name
    #[arg(long)]
    pub name: String,
}

/// Why the command ended early.
#[derive(Debug, thiserror::Error)]
pub enum TailError {
    /// The daemon or the way to it.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// Printing.
    #[error("can't print: {0}")]
    Print(#[from] std::io::Error),
    /// A line that is no record.
    #[error("the daemon sent a line that is no record with an offset: {line:?}")]
    NotARecord {
        /// The line's beginning.
        line: String,
    },
    /// TLS needs to know whom to believe, and plain HTTP does not.
    #[error("--ca belongs to an --addr that begins with https://, and such an --addr to a --ca")]
    Half,
    /// The issuers can't be read.
    #[error("{}: {reason}; --ca names a PEM file with BEGIN CERTIFICATE", path.display())]
    Ca {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
}

/// Runs a command against a daemon, printing to `out`.
///
/// # Errors
/// [`TailError`].
pub async fn run(command: &QueueCommand, out: &mut impl Write) -> Result<(), TailError> {
    match command {
        QueueCommand::Tail(args) => tail(args, out).await,
        QueueCommand::List(daemon) => {
            let mut client = connect(daemon).await?;
            let list = client.get("/v1/queues").await?.success()?;
            out.write_all(&list)?;
            Ok(writeln!(out)?)
        }
        QueueCommand::Drop(args) => {
            let mut client = connect(&args.daemon).await?;
            let path = format!("/v1/queues/{}", escaped(&args.name));
            client.send(Method::DELETE, &path, Bytes::new()).await?.success()?;
            Ok(())
        }
    }
}

async fn connect(daemon: &DaemonArgs) -> Result<HttpClient, TailError> {
    let token = daemon.token.as_deref();
    match (daemon.addr.strip_prefix("https://"), &daemon.ca) {
        (None, None) => {
            let addr = daemon.addr.strip_prefix("http://").unwrap_or(&daemon.addr);
            Ok(HttpClient::connect(addr, token).await?)
        }
        (Some(addr), Some(ca)) => Ok(HttpClient::connect_tls(addr, token, roots(ca)?).await?),
        (Some(_), None) | (None, Some(_)) => Err(TailError::Half),
    }
}

fn roots(ca: &Path) -> Result<RootCertStore, TailError> {
    let unread = |reason: String| TailError::Ca { path: ca.to_owned(), reason };
    let mut roots = RootCertStore::empty();
    let read = CertificateDer::pem_file_iter(ca).map_err(|error| unread(error.to_string()))?;
    for certificate in read {
        let certificate = certificate.map_err(|error| unread(error.to_string()))?;
        roots.add(certificate).map_err(|error| unread(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(unread("it has no certificate".to_owned()));
    }
    Ok(roots)
}

async fn tail(args: &TailArgs, out: &mut impl Write) -> Result<(), TailError> {
    let mut client = connect(&args.daemon).await?;
    let queue = format!("/v1/queues/{}", escaped(&args.name));
    let mut ask = json!({ "from": if args.from == From::Latest { "latest" } else { "earliest" } });
    if !args.kinds.is_empty() {
        ask["kinds"] = json!(args.kinds);
    }
    client.send(Method::PUT, &queue, ask.to_string().into()).await?.success()?;
    let wait_s = if args.follow { FOLLOW_WAIT_S } else { 0 };
    let mut left = args.limit.unwrap_or(u64::MAX);
    let mut after: Option<u64> = None;
    while left > 0 {
        let page = left.min(PAGE);
        let from = after.map_or_else(String::new, |after| format!("&after={after}"));
        let path = format!("{queue}/records?limit={page}&wait_s={wait_s}{from}");
        let lines = client.get(&path).await?.success()?;
        let Some((printed, last)) = print(&lines, out)? else {
            if args.follow {
                continue;
            }
            break;
        };
        if args.ack {
            let body = json!({ "offset": last }).to_string();
            client.send(Method::POST, &format!("{queue}/ack"), body.into()).await?.success()?;
        }
        after = Some(last);
        left = left.saturating_sub(printed);
    }
    Ok(())
}

/// Prints lines as they are; how many there were and the offset of the last.
fn print(lines: &[u8], out: &mut impl Write) -> Result<Option<(u64, u64)>, TailError> {
    let Some(last) = lines.split(|&byte| byte == b'\n').rfind(|line| !line.is_empty()) else {
        return Ok(None);
    };
    let offset = offset_of(last).ok_or_else(|| TailError::NotARecord {
        line: String::from_utf8_lossy(last).chars().take(80).collect(),
    })?;
    out.write_all(lines)?;
    out.flush()?;
    let count = lines.iter().filter(|&&byte| byte == b'\n').count();
    Ok(Some((count as u64, offset)))
}

/// The offset that a line carries.
#[must_use]
pub fn offset_of(line: &[u8]) -> Option<u64> {
    let event: serde_json::Value = serde_json::from_slice(line).ok()?;
    event.get("geofencedoffset")?.as_str()?.parse().ok()
}

/// A name as part of a path. The daemon refuses odd names, with a reason, but they must reach it whole.
fn escaped(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    name.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
