//! Requests of the campaign API, counted by method and by the class of their answers, and how long they took.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;

use crate::clock::process_ns;

/// The methods that are counted apart; others have no route.
pub const METHODS: [&str; 4] = ["GET", "POST", "PUT", "DELETE"];

/// The classes of answers, as labels.
pub const CLASSES: [&str; 4] = ["2xx", "3xx", "4xx", "5xx"];

/// The upper bounds in which durations are counted, ns; longer ones come last.
pub const BUCKETS_NS: [u64; 13] = [
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    10_000_000_000,
];

/// Counts since the start. All are figures for people, so their order does not matter.
#[derive(Debug, Default)]
pub struct ApiFigures {
    /// By [`METHODS`], then by [`CLASSES`].
    requests: [[AtomicU64; CLASSES.len()]; METHODS.len()],
    /// By [`BUCKETS_NS`], and one for what is longer.
    durations: [AtomicU64; BUCKETS_NS.len() + 1],
}

impl ApiFigures {
    /// Requests that were answered, by [`METHODS`], then by [`CLASSES`].
    #[must_use]
    pub fn requests(&self) -> [[u64; CLASSES.len()]; METHODS.len()] {
        self.requests.each_ref().map(|row| row.each_ref().map(|one| one.load(Ordering::Relaxed)))
    }

    /// How long they took, by [`BUCKETS_NS`]. Those that waited for an epoch are left out.
    #[must_use]
    pub fn durations(&self) -> [u64; BUCKETS_NS.len() + 1] {
        self.durations.each_ref().map(|one| one.load(Ordering::Relaxed))
    }

    fn answered(&self, method: &Method, status: StatusCode) {
        let row = METHODS.iter().position(|known| *known == method.as_str());
        let column = usize::from(status.as_u16() / 100).checked_sub(2);
        let count = row.zip(column).and_then(|(row, column)| self.requests[row].get(column));
        if let Some(count) = count {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn took(&self, ns: u64) {
        let bucket = BUCKETS_NS.partition_point(|bound| *bound < ns);
        self.durations[bucket].fetch_add(1, Ordering::Relaxed);
    }
}

/// Counts a request, refused ones too.
pub(crate) async fn count(
    State(figures): State<Arc<ApiFigures>>,
    request: Request,
    next: Next,
) -> Response {
    let (began_ns, method) = (process_ns(), request.method().clone());
    let waits = request.uri().query().is_some_and(|query| query.contains("wait_epoch="));
    let response = next.run(request).await;
    figures.answered(&method, response.status());
    if !waits {
        figures.took(process_ns().saturating_sub(began_ns));
    }
    response
}
