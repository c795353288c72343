//! The catalog's thread: work comes back, waits in bounds, and ends with the daemon.

use std::time::Duration;

use super::conformance::{OURS, named};
use super::{Catalog, Kind, Query, SqliteStore, StoreError};
use crate::control::refusal::Refusal;
use crate::domain::units::UtcMs;
use crate::shutdown::{Shutdown, Stage};

fn started() -> (tempfile::TempDir, Shutdown, Catalog) {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&dir.path().join("catalog.db")).unwrap();
    let shutdown = Shutdown::new();
    let catalog = Catalog::spawn(Box::new(store), shutdown.join(Stage::Admin, "catalog"));
    (dir, shutdown, catalog.unwrap())
}

async fn count(catalog: &Catalog) -> u64 {
    catalog.read(|tx| Ok(tx.count(&Query::all(OURS, Kind::Brand))?)).await.unwrap()
}

#[tokio::test]
async fn work_is_done_wholly_or_not_at_all() {
    let (_dir, _shutdown, catalog) = started();
    let insert = |fail: bool| {
        catalog.write(move |tx| {
            let made = tx.insert((OURS, Kind::Brand), named("x"), UtcMs(1))?;
            if fail { Err(Refusal::NoSuch(made.key)) } else { Ok(made.key.id) }
        })
    };
    assert_eq!(insert(false).await.unwrap(), 1);
    assert!(matches!(insert(true).await, Err(Refusal::NoSuch(key)) if key.id == 2));
    assert_eq!(count(&catalog).await, 1);
    // Whoever asked may go; it is done all the same.
    let gone = tokio::time::timeout(Duration::ZERO, insert(false));
    drop(gone.await);
    // What comes later to the thread that writes is done later.
    catalog.ask(|_store| Ok(())).await.unwrap();
    assert_eq!(count(&catalog).await, 2);
    let waited = tokio::task::spawn_blocking(move || catalog.ask_and_wait(|_store| Ok(7)));
    assert_eq!(waited.await.unwrap().unwrap(), 7);
}

#[tokio::test]
async fn a_full_queue_is_said_and_an_ended_thread_too() {
    let (_dir, shutdown, catalog) = started();
    let (hold, held) = crossbeam::channel::bounded::<()>(0);
    let (begun, began) = crossbeam::channel::bounded::<()>(1);
    let blocking = catalog.clone();
    let first = tokio::spawn(async move {
        blocking
            .ask(move |_store| {
                begun.send(()).unwrap();
                held.recv().map_err(|_closed| Refusal::Store(StoreError::GivenUp))
            })
            .await
    });
    tokio::task::spawn_blocking(move || began.recv()).await.unwrap().unwrap();
    let mut waiting = Vec::new();
    for _request in 0..1024 {
        let catalog = catalog.clone();
        let mut one = Box::pin(async move { catalog.ask(|_store| Ok(0)).await.unwrap() });
        // Polled once, it is in the queue.
        let polled = tokio::time::timeout(Duration::ZERO, &mut one).await;
        assert!(polled.is_err(), "nothing is done meanwhile");
        waiting.push(one);
    }
    let refused = catalog.write(|_tx| Ok(())).await;
    assert!(matches!(refused, Err(Refusal::Busy)), "{refused:?}");
    assert_eq!(count(&catalog).await, 0, "who only looks waits for no change");
    hold.send(()).unwrap();
    first.await.unwrap().unwrap();
    for one in waiting {
        assert_eq!(one.await, 0);
    }
    let late = shutdown.drain(Duration::from_secs(20)).await;
    assert!(late.is_empty(), "{late:?}");
    for refused in [catalog.read(|_tx| Ok(())).await, catalog.write(|_tx| Ok(())).await] {
        assert!(matches!(refused, Err(Refusal::Ending)), "{refused:?}");
    }
}

#[tokio::test]
async fn a_fault_in_one_piece_of_work_is_that_ones_alone() {
    let (_dir, _shutdown, catalog) = started();
    let broken: Result<u32, Refusal> = catalog
        .write(|tx| {
            tx.insert((OURS, Kind::Brand), named("x"), UtcMs(1))?;
            panic!("a fault")
        })
        .await;
    assert!(matches!(broken, Err(Refusal::Broken)), "{broken:?}");
    assert_eq!(count(&catalog).await, 0);
}
