//! The daemon's two doors: QUIC for gateways, HTTP for people, consumers and scrapers.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::passed::or_bound;
use crate::admin::routes::Admin;
use crate::admin::server::Door;
use crate::admin::tls::TlsSwitch;
use crate::auth::authority::Authority;
use crate::auth::grant::Scope;
use crate::auth::tls::ServerIdentity;
use crate::config::Config;
use crate::ingest::endpoint::{Endpoint, EndpointParts, IdentitySwitch};
use crate::ingest::figures::IngestFigures;
use crate::ingest::http::{self, HttpIntake};
use crate::ingest::transport::LastingKeys;
use crate::shard::router::Router;
use crate::shutdown::{Shutdown, Stage};
use crate::sink::queue::{self, QueueService};

/// A request to the queue may wait this much longer than the longest poll.
const POLL_SLACK_S: u64 = 15;

/// Serves HTTP on its own thread.
pub(super) fn start_http(
    (config, passed): (&Config, Option<TcpListener>),
    admin: Admin,
    (queue, intake): (QueueService, HttpIntake<Router>),
    tls: Option<TlsSwitch>,
    shutdown: &Shutdown,
) -> anyhow::Result<SocketAddr> {
    let poll = Duration::from_secs(u64::from(queue::MAX_WAIT_S) + POLL_SLACK_S);
    let routes = admin
        .mount(Scope::Queue, poll, queue::routes(Arc::new(queue)))
        .mount(Scope::Ingest, config.admin.request_limit(), http::routes(intake))
        .into_router();
    let listener = or_bound(passed, ("admin.listen", config.admin.listen), TcpListener::bind)?;
    let addr = listener.local_addr()?;
    if tls.is_none() && !addr.ip().is_loopback() {
        tracing::warn!(
            http = %addr,
            "HTTP is plain and not on loopback: tokens and device ids can be read on the way; set admin.tls_cert and \
             admin.tls_key, or put a proxy with TLS before it"
        );
    }
    let member = shutdown.join(Stage::Admin, "admin");
    let door = Door { listener, tls };
    crate::admin::server::spawn(config.admin.clone(), door, routes, member)?;
    Ok(addr)
}

/// Takes gateways in.
pub(super) fn start_quic(
    (config, passed): (&Config, Option<UdpSocket>),
    runtime: &tokio::runtime::Runtime,
    (identity, keys): (&ServerIdentity, LastingKeys),
    (authority, intake, figures): (Arc<Authority>, Arc<Router>, Arc<IngestFigures>),
    shutdown: &Shutdown,
) -> anyhow::Result<(SocketAddr, IdentitySwitch)> {
    let (tell, stop) = watch::channel(false);
    let router = Arc::clone(&intake);
    let config = config.ingest.clone();
    let parts = EndpointParts { config, keys, authority, intake, figures, stop };
    let socket = or_bound(passed, ("ingest.listen", parts.config.listen), UdpSocket::bind)?;
    let _inside = runtime.enter();
    let endpoint = Endpoint::on(socket, parts, identity)?;
    let (addr, switch) = (endpoint.local_addr()?, endpoint.identity_switch());
    let mut member = shutdown.join(Stage::Intake, "quic");
    runtime.spawn(async move {
        let serving = endpoint.serve();
        tokio::pin!(serving);
        tokio::select! {
            () = &mut serving => {}
            () = member.asked() => {
                tell.send_replace(true);
                serving.await;
            }
        }
        // Only now, when what gateways were promised is acknowledged; HTTP is refused from here on.
        router.drain();
        drop(member);
    });
    Ok((addr, switch))
}

/// What QUIC shows of itself.
pub(super) fn server_identity(config: &Config) -> anyhow::Result<ServerIdentity> {
    let daemon = &config.daemon;
    let identity = match (&daemon.tls_cert, &daemon.tls_key) {
        (Some(chain), Some(key)) => ServerIdentity::load(chain, key)?,
        _ => {
            let dir = daemon.data_dir.join("tls");
            ServerIdentity::kept(&dir, &["localhost", "127.0.0.1"])?
        }
    };
    Ok(match &daemon.tls_client_issuers {
        Some(issuers) => identity.with_client_issuers(issuers)?,
        None => identity,
    })
}

/// What HTTP shows of itself, where it has TLS.
pub(super) fn http_identity(config: &Config) -> anyhow::Result<Option<ServerIdentity>> {
    match (&config.admin.tls_cert, &config.admin.tls_key) {
        (Some(chain), Some(key)) => Ok(Some(ServerIdentity::load(chain, key)?)),
        _ => Ok(None),
    }
}
