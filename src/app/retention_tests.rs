//! When an epoch counts as no longer needed.

use super::retention::{Marks, Sight};
use crate::domain::ids::Epoch;
use crate::journal::LogPosition;

fn sight(decides: u64, log: (u64, u64), outbox: (u64, u64)) -> Sight {
    let (log_begins, appended) = (LogPosition(log.0), LogPosition(log.1));
    Sight { decides: Epoch(decides), log_begins, appended, outbox }
}

#[test]
fn an_epoch_is_needed_until_log_and_outbox_have_passed_the_next() {
    let mut marks = Marks::default();
    assert_eq!(marks.pass(sight(0, (0, 10), (1, 0))), Epoch(0));
    assert_eq!(marks.pass(sight(3, (0, 100), (1, 5))), Epoch(0));
    assert_eq!(marks.pass(sight(4, (99, 200), (1, 8))), Epoch(0), "the log still names older ones");
    assert_eq!(marks.pass(sight(4, (100, 210), (2, 9))), Epoch(0), "jobs up to 9 may name them");
    assert_eq!(marks.pass(sight(4, (150, 220), (9, 20))), Epoch(0));
    assert_eq!(marks.pass(sight(4, (150, 220), (10, 20))), Epoch(3));
    assert_eq!(marks.pass(sight(4, (200, 400), (12, 25))), Epoch(3), "only now is 25 the last");
    assert_eq!(marks.pass(sight(4, (200, 400), (25, 30))), Epoch(3));
    assert_eq!(marks.pass(sight(4, (200, 400), (26, 30))), Epoch(4));
}
