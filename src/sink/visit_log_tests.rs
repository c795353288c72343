//! Readers of visits are noted once an hour each, and what can't be noted is noted the next time.

use std::sync::{Arc, Mutex};

use futures_util::FutureExt as _;

use super::visit_log::{VisitLog, VisitReader};
use crate::clock::Clock;
use crate::domain::ids::AccountId;
use crate::domain::problem::{Kind, Problem};
use crate::domain::units::UtcMs;
use crate::outbox::consumer::ConsumerName;

const HOUR_MS: i64 = 3_600_000;

/// A log that refuses the first note, and what it has noted.
fn log() -> (VisitLog, Arc<Mutex<Vec<VisitReader>>>) {
    let noted: Arc<Mutex<Vec<VisitReader>>> = Arc::default();
    let (notes, refused) = (Arc::clone(&noted), Mutex::new(false));
    let note = move |reader| {
        let first = !std::mem::replace(&mut *refused.lock().expect("whole"), true);
        if !first {
            notes.lock().expect("whole").push(reader);
        }
        let told = if first { Err(Problem::new(Kind::Unavailable, "not now")) } else { Ok(()) };
        async move { told }.boxed()
    };
    (VisitLog::new(Clock::start(UtcMs::MIN), Box::new(note)), noted)
}

fn reader(account: u32, by: &str, consumer: &str) -> VisitReader {
    let consumer = ConsumerName::parse(consumer).expect("a name");
    VisitReader { account: AccountId(account), by: by.into(), consumer }
}

#[tokio::test]
async fn a_reader_is_noted_once_an_hour() {
    let (log, noted) = log();
    let one = reader(1, "crm", "visits");
    log.note_at(one.clone(), UtcMs(0)).await.expect_err("it can't be noted");
    for at_ms in [1, 2, HOUR_MS - 1, HOUR_MS, HOUR_MS + 1, 3 * HOUR_MS] {
        log.note_at(one.clone(), UtcMs(at_ms)).await.expect("noted");
    }
    assert_eq!(*noted.lock().expect("whole"), [one.clone(), one.clone(), one]);
}

#[tokio::test]
async fn each_token_consumer_and_account_is_another_reader() {
    let (log, noted) = log();
    let first = reader(9, "crm", "visits");
    log.note_at(first, UtcMs(0)).await.expect_err("it can't be noted");
    let readers = [
        reader(1, "crm", "visits"),
        reader(1, "crm", "all"),
        reader(1, "bi", "visits"),
        reader(2, "crm", "visits"),
    ];
    for _ in 0..2 {
        for one in &readers {
            log.note_at(one.clone(), UtcMs(5)).await.expect("noted");
        }
    }
    assert_eq!(*noted.lock().expect("whole"), readers);
}
