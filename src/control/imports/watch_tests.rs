//! Looking on, and stopping.

use std::sync::atomic::{AtomicBool, Ordering};

use super::watch::{Progress, Stopped, Watch, within};
use crate::clock::Clock;
use crate::domain::units::UtcMs;

#[test]
fn progress_comes_every_so_many_rows() {
    let mut seen = Vec::new();
    let mut look = |progress: Progress| {
        seen.push((progress.rows, progress.per_cent));
        Ok(())
    };
    let mut watch = Watch::new(3, &mut look);
    for row in 1..=7_u8 {
        watch.row(|| Some(row * 10)).unwrap();
    }
    watch.pause().unwrap();
    assert_eq!(seen, [(3, Some(30)), (6, Some(60)), (7, None)]);
}

#[test]
fn time_runs_out_and_people_cancel() {
    let (clock, hands) = Clock::manual(UtcMs(0));
    let cancelled = AtomicBool::new(false);
    let mut told = 0;
    let progress = Progress { rows: 1, per_cent: None };
    {
        let mut look = within(&clock, 10, &cancelled, |_| told += 1);
        assert_eq!(look(progress), Ok(()));
        hands.advance_ms(10_000);
        assert_eq!(look(progress), Ok(()), "at the bound");
        hands.advance_ms(1);
        assert_eq!(look(progress), Err(Stopped::OutOfTime { seconds: 10 }));
        cancelled.store(true, Ordering::Relaxed);
        assert_eq!(look(progress), Err(Stopped::Cancelled));
    }
    assert_eq!(told, 2);
}
