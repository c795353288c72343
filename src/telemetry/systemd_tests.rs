//! The watchdog's rhythm. Without NOTIFY_SOCKET every word goes nowhere, which is what the tests need.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::systemd;
use crate::shutdown::{Shutdown, Stage};

#[tokio::test]
async fn the_watchdog_asks_before_each_word_and_ends_when_asked() {
    let shutdown = Shutdown::new();
    let member = shutdown.join(Stage::Admin, "watchdog");
    let asked = Arc::new(AtomicUsize::new(0));
    let seen = asked.clone();
    let alive = move || match seen.fetch_add(1, Ordering::SeqCst) {
        0 => Err("shard 3".to_owned()),
        _ => Ok(()),
    };
    let watchdog = tokio::spawn(systemd::watchdog(Duration::from_millis(1), alive, member));
    while asked.load(Ordering::SeqCst) < 3 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(shutdown.drain(Duration::from_secs(20)).await.is_empty());
    watchdog.await.unwrap();
}

#[test]
fn without_systemd_every_word_is_silent() {
    systemd::starting();
    systemd::ready("serving");
    systemd::reloading();
    systemd::stopping("draining");
    assert_eq!(systemd::watchdog_period(), None);
}
