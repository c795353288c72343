//! The drain: order, names of those left behind, parts that join late, threads that only look.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::shutdown::{Shutdown, Stage};

const LONG: Duration = Duration::from_secs(20);

#[tokio::test]
async fn stages_end_in_order_each_after_the_one_before() {
    let shutdown = Shutdown::new();
    let order = Arc::new(Mutex::new(Vec::new()));
    for stage in Stage::ALL.into_iter().rev() {
        for part in 0..2 {
            let mut member = shutdown.join(stage, format!("{stage:?} {part}"));
            let order = order.clone();
            tokio::spawn(async move {
                member.asked().await;
                tokio::task::yield_now().await;
                order.lock().unwrap().push(stage);
            });
        }
    }
    assert_eq!(shutdown.drain(LONG).await, vec![]);
    let order = order.lock().unwrap();
    assert_eq!(order.len(), 12);
    assert!(order.is_sorted(), "{order:?}");
}

#[tokio::test]
async fn the_deadline_names_who_is_left_and_asks_the_rest() {
    let shutdown = Shutdown::new();
    let stuck = shutdown.join(Stage::Shards, "shard 3");
    let mut late = shutdown.join(Stage::Admin, "admin");
    assert!(!late.is_asked());
    let left = shutdown.drain(Duration::from_millis(20)).await;
    assert_eq!(
        left,
        vec![(Stage::Shards, "shard 3".to_owned()), (Stage::Admin, "admin".to_owned())]
    );
    late.asked().await;
    assert!(late.is_asked() && stuck.is_asked());
}

#[tokio::test]
async fn the_first_reason_is_kept() {
    let shutdown = Shutdown::new();
    assert!(!shutdown.is_requested());
    let waiting = tokio::spawn({
        let shutdown = shutdown.clone();
        async move { shutdown.requested().await }
    });
    shutdown.request("SIGTERM");
    shutdown.request("a second thought");
    assert_eq!(waiting.await.unwrap(), "SIGTERM");
    assert_eq!(shutdown.requested().await, "SIGTERM");
    assert!(shutdown.is_requested());
}

#[tokio::test]
async fn a_thread_that_looks_now_and_then_is_waited_for() {
    let shutdown = Shutdown::new();
    let member = shutdown.join(Stage::Shards, "shard 0");
    let thread = std::thread::spawn(move || {
        while !member.is_asked() {
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    assert_eq!(shutdown.drain(LONG).await, vec![]);
    thread.join().unwrap();
}

#[tokio::test]
async fn who_joins_after_the_asking_is_asked_at_once() {
    let shutdown = Shutdown::new();
    assert!(shutdown.drain(LONG).await.is_empty());
    let mut member = shutdown.join(Stage::Intake, "late connection");
    member.asked().await;
    member.signal().await;
}
