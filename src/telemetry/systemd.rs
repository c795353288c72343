//! Word to systemd: ready, reloading, stopping, alive. Without systemd each of these does nothing.
//!
//! The unit is `Type=notify` with a watchdog. "Alive" is not a timer that always fires: `app` passes a check
//! that looks at the [`pulse`](super::pulse) of every shard and writer, and the watchdog's word is withheld while it fails, so
//! that systemd restarts a daemon that hangs.

use std::time::Duration;

use sd_notify::NotifyState;

use crate::shutdown::Member;

/// Why the daemon is not alive: the name of what hangs.
pub type Hung = String;

/// Says that the daemon serves.
pub fn ready(status: &str) {
    send(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// How long a start may go on after each sign of its progress, µs: two minutes.
const PROGRESS_WITHIN_US: u32 = 120_000_000;

/// Says that the start goes on, and may take longer than the unit allows.
pub fn starting() {
    send(&[NotifyState::ExtendTimeoutUsec(PROGRESS_WITHIN_US)]);
}

/// Says that a reload has begun; [`ready`] ends it.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(since) => send(&[NotifyState::Reloading, since]),
        Err(error) => tracing::warn!(%error, "systemd isn't told of the reload: no monotonic time"),
    }
}

/// Says that the daemon drains.
pub fn stopping(status: &str) {
    send(&[NotifyState::Stopping, NotifyState::Status(status)]);
}

/// How often systemd wants a sign of life, if it watches us at all. Half its limit, as its manual advises.
#[must_use]
pub fn watchdog_period() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|limit| limit / 2)
}

/// Gives signs of life every `period` while `alive` says so, until asked to end.
pub async fn watchdog(
    period: Duration,
    mut alive: impl FnMut() -> Result<(), Hung> + Send,
    mut member: Member,
) {
    let mut ticks = tokio::time::interval(period);
    // After a stop of the whole machine two looks at once would find that nobody has moved.
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = member.asked() => return,
        }
        match alive() {
            Ok(()) => send(&[NotifyState::Watchdog]),
            Err(hung) => tracing::error!(hung, "no sign of life to systemd: restart or look"),
        }
    }
}

fn send(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "systemd could not be told; check NOTIFY_SOCKET and NotifyAccess=");
    }
}
