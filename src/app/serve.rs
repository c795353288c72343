//! `geofenced serve`: a daemon, and the signals it obeys.

use std::path::Path;

use tokio::signal::unix::{SignalKind, signal};

use crate::admin::snapshots::SnapshotControl;
use crate::config::Config;
use crate::telemetry::logging::{self, LogFilter};
use crate::telemetry::systemd;

use super::daemon::Daemon;

/// Runs until SIGTERM or SIGINT, then drains. SIGHUP reads config, tokens and snapshots again.
///
/// # Errors
/// What kept the daemon from starting or from ending cleanly.
pub fn serve(file: Option<&Path>) -> anyhow::Result<()> {
    let config = Config::load(file)?;
    let filter = logging::start(&config.telemetry)?;
    let daemon = Daemon::start(&config)?;
    tracing::info!(quic = %daemon.quic, http = %daemon.http, "the daemon serves");
    println!("geofenced: quic {} http {}", daemon.quic, daemon.http);
    systemd::ready("serving");
    let reason = daemon.block_on(obey(&daemon, file, &config, &filter))?;
    let (End::Asked(why) | End::Broken(why)) = &reason;
    tracing::info!(reason = why, "draining");
    daemon.shutdown.request(why);
    daemon.drain()?;
    match reason {
        End::Asked(_) => Ok(()),
        End::Broken(why) => Err(anyhow::anyhow!(why)),
    }
}

/// Why the daemon ends.
enum End {
    /// Somebody asked for it: success.
    Asked(String),
    /// A part of it has broken: failure, so that the service is started again.
    Broken(String),
}

async fn obey(
    daemon: &Daemon,
    file: Option<&Path>,
    running: &Config,
    filter: &LogFilter,
) -> std::io::Result<End> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    loop {
        tokio::select! {
            _ = terminate.recv() => return Ok(End::Asked("SIGTERM".to_owned())),
            _ = interrupt.recv() => return Ok(End::Asked("SIGINT".to_owned())),
            reason = daemon.shutdown.requested() => return Ok(End::Broken(reason)),
            _ = hangup.recv() => reload(daemon, file, running, filter),
        }
    }
}

/// Takes over what can change while running: tokens, the log filter, the newest snapshot. A config with a
/// mistake changes nothing.
fn reload(daemon: &Daemon, file: Option<&Path>, running: &Config, filter: &LogFilter) {
    systemd::reloading();
    match Config::load(file) {
        Ok(config) => adopt(&config, running, filter),
        Err(error) => {
            tracing::error!(%error, "the config has mistakes; the old one stays in force")
        }
    }
    if let Err(error) = daemon.authority.reload() {
        tracing::error!(%error, "the tokens have mistakes; the old ones stay in force");
    }
    if let Err(error) = daemon.reload_identity(running) {
        tracing::error!(%error, "the certificates have mistakes; the old ones stay in force");
    }
    // A failure is logged where it happens.
    let _outcome = daemon.publisher.reload();
    systemd::ready("serving");
}

fn adopt(config: &Config, running: &Config, filter: &LogFilter) {
    let changed = running.changed_keys(config);
    if let Err(error) = filter.set(&config.telemetry.log_filter) {
        tracing::error!(%error, "the log filter has a mistake; the old one stays in force");
    }
    let waits: Vec<_> = changed.iter().filter(|key| *key != "telemetry.log_filter").collect();
    if !waits.is_empty() {
        tracing::warn!(keys = ?waits, "these keys take effect at the next start");
    }
}
