//! `geofenced serve`: a daemon, and the signals it obeys.

use std::path::Path;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::admin::snapshots::SnapshotControl;
use crate::config::Config;
use crate::domain::policy::Policy;
use crate::telemetry::logging::{self, LogFilter};
use crate::telemetry::systemd;

use super::daemon::Daemon;
use super::passed::Passed;

/// Runs until SIGTERM or SIGINT, then drains. SIGHUP reads config, tokens and snapshots again.
///
/// # Errors
/// What kept the daemon from starting or from ending cleanly.
pub fn serve(file: Option<&Path>) -> anyhow::Result<()> {
    // First of all, while there is one thread.
    let passed = Passed::from_env()?;
    let config = Config::load(file)?;
    let filter = logging::start(&config.telemetry)?;
    let daemon = Daemon::start(&config, passed)?;
    // Before anybody is told that it serves: who sends a signal at once is heard, too.
    let signals = daemon.block_on(async { Signals::listen() })?;
    tracing::info!(quic = %daemon.quic, http = %daemon.http, "the daemon serves");
    println!("geofenced: quic {} http {}", daemon.quic, daemon.http);
    systemd::ready("serving");
    let reason = daemon.block_on(obey(signals, &daemon, (file, &config), &filter));
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

/// The signals that are obeyed, caught from here on.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }
}

async fn obey(
    mut signals: Signals,
    daemon: &Daemon,
    (file, running): (Option<&Path>, &Config),
    filter: &LogFilter,
) -> End {
    loop {
        tokio::select! {
            _ = signals.terminate.recv() => return End::Asked("SIGTERM".to_owned()),
            _ = signals.interrupt.recv() => return End::Asked("SIGINT".to_owned()),
            reason = daemon.shutdown.requested() => return End::Broken(reason),
            _ = signals.hangup.recv() => reload(daemon, file, running, filter),
        }
    }
}

/// Takes up what can change while running. A config with a mistake changes nothing at all.
fn reload(daemon: &Daemon, file: Option<&Path>, started: &Config, filter: &LogFilter) {
    systemd::reloading();
    match Config::load(file) {
        Ok(config) => adopt(daemon, &config, started, filter),
        Err(error) => tracing::error!(
            %error,
            "the config has mistakes: nothing was taken up, not the tokens and snapshots either"
        ),
    }
    systemd::ready("serving");
}

fn adopt(daemon: &Daemon, config: &Config, started: &Config, filter: &LogFilter) {
    // Which clock decides can't change under the outbox and recovery, which began with the other.
    daemon.policy.adopt(Policy { clock: started.policy.clock, ..config.policy });
    if let Err(error) = filter.set(&config.telemetry.log_filter) {
        tracing::error!(%error, "the log filter has a mistake; the old one stays in force");
    }
    if let Err(error) = daemon.authority.reload() {
        tracing::error!(%error, "the tokens have mistakes; the old ones stay in force");
    }
    if let Err(error) = daemon.reload_identity(started) {
        tracing::error!(%error, "the certificates have mistakes; the old ones stay in force");
    }
    if let Err(error) = daemon.reload_http_identity(started) {
        tracing::error!(%error, "the certificate of HTTP has mistakes; the old one stays in force");
    }
    // A failure is logged where it happens.
    let _outcome = daemon.publisher.reload();
    let (taken_up, waiting): (Vec<_>, Vec<_>) =
        started.changed_keys(config).into_iter().partition(|key| is_reloadable(key));
    tracing::info!(?taken_up, "reloaded; the keys that differ from the start's are in force");
    if !waiting.is_empty() {
        tracing::warn!(?waiting, "these changed keys take effect at the next start");
    }
}

/// Whether a changed key takes effect without a restart.
fn is_reloadable(key: &str) -> bool {
    key == "telemetry.log_filter" || (key.starts_with("policy.") && key != "policy.clock")
}
