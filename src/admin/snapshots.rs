//! Which snapshot decides, and asking for the newest one: `GET /v1/snapshots`, `POST /v1/snapshots/reload`.
//!
//! The work is done behind [`SnapshotControl`], which `app` implements over the store and the slot; SIGHUP and
//! the watched directory go the same way.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};

use crate::domain::ids::{Epoch, SnapshotHash};
use crate::domain::problem::{Kind, Problem};

/// The part that publishes snapshots.
pub trait SnapshotControl: Send + Sync {
    /// What is current and what is still in memory.
    fn state(&self) -> SnapshotState;

    /// Loads, verifies and publishes the newest snapshot of the store. May block; it runs off the server's
    /// thread.
    ///
    /// # Errors
    /// Why the last good snapshot stays, and what to change.
    fn reload(&self) -> Result<Reloaded, String>;
}

/// What is current and what is still in memory.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SnapshotState {
    /// Number and content hash of the snapshot that decides; `None` before the first.
    pub current: Option<(Epoch, SnapshotHash)>,
    /// The epochs in memory, ascending: the current one, and older ones that a batch still reads.
    pub live: Vec<Epoch>,
    /// Why the newest snapshot of the store is not the current one; `None` when nothing is wrong.
    pub last_failure: Option<String>,
}

/// How a reload ended well.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reloaded {
    /// The snapshot that now decides.
    pub epoch: Epoch,
    /// Its content hash.
    pub hash: SnapshotHash,
    /// Whether it decided before already: there was no newer one.
    pub unchanged: bool,
}

pub(crate) fn routes(control: Arc<dyn SnapshotControl>) -> Router {
    Router::new()
        .route("/v1/snapshots", get(list))
        .route("/v1/snapshots/reload", post(reload))
        .with_state(control)
}

async fn list(State(control): State<Arc<dyn SnapshotControl>>) -> Response {
    let state = control.state();
    let current = state.current.map(|(epoch, hash)| name(epoch, hash));
    let failure = state.last_failure;
    Json(serde_json::json!({ "current": current, "live": state.live, "last_failure": failure }))
        .into_response()
}

async fn reload(State(control): State<Arc<dyn SnapshotControl>>) -> Response {
    let asked = Arc::clone(&control);
    match tokio::task::spawn_blocking(move || asked.reload()).await {
        Ok(Ok(reloaded)) => {
            let mut document = name(reloaded.epoch, reloaded.hash);
            document["unchanged"] = reloaded.unchanged.into();
            Json(document).into_response()
        }
        Ok(Err(reason)) => {
            let detail = match control.state().current {
                Some(_) => format!("the last good snapshot stays: {reason}"),
                None => format!("no snapshot is in force: {reason}"),
            };
            Problem::new(Kind::Failed, detail).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "a snapshot reload broke off; look at the lines above");
            let detail = "the reload broke off and the last good snapshot stays; see the log";
            Problem::new(Kind::Internal, detail).into_response()
        }
    }
}

fn name(epoch: Epoch, hash: SnapshotHash) -> serde_json::Value {
    serde_json::json!({ "epoch": epoch, "hash": hash.to_string() })
}
