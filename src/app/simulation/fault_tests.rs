//! One run, over and over; each time another of its calls to the disk goes wrong: the disk says no, says that it
//! is full, or loses its power within the call. And each write of the outbox fails, on the disk or not.
//!
//! No ack is false, nothing is lost or doubled, and after a restart all goes on. `GEOFENCED_FAULT_STRIDE` says
//! how far apart the calls are that fail (1: every call).

use std::io::ErrorKind;

use super::course::Course;
use super::simulation_tests::setting;
use crate::journal::sim_disk::Fault;

/// The run: long enough for every kind of call, and it ends with checkpoints of all partitions.
const SEED: u64 = 7;
const TURNS: u64 = 120;

/// Apart enough for the tests of every day; a prime, so that calls that recur are not met at one place alone.
const STRIDE: u64 = 61;

const FAULTS: [Fault; 3] =
    [Fault::Error(ErrorKind::Other), Fault::Error(ErrorKind::StorageFull), Fault::Death];

fn stride() -> usize {
    let stride = setting("GEOFENCED_FAULT_STRIDE").unwrap_or(STRIDE);
    usize::try_from(stride).expect("a small number")
}

#[test]
fn whatever_call_to_the_disk_fails_no_ack_is_false() {
    let mut sound = Course::new(SEED);
    sound.live(TURNS);
    let calls = sound.tally.calls;
    assert!(calls > 500, "{:?}", sound.tally);
    let (_, unharmed) = sound.come_to_an_end();
    let (mut runs, mut harmed) = (0, 0);
    for (place, fault) in FAULTS.into_iter().enumerate() {
        for nth in (1 + place as u64..=calls).step_by(stride()) {
            println!("{fault:?} at call {nth} of {calls}");
            let mut course = Course::new(SEED);
            course.tell(|hardware| hardware.disk.fail_at(Some((nth, fault))));
            course.live(TURNS);
            runs += 1;
            harmed += u64::from(course.come_to_an_end().1 != unharmed);
        }
    }
    println!("{runs} runs of {calls} calls; {harmed} took another course");
    assert!(harmed > 0, "nothing that failed made a difference");
}

#[test]
fn whatever_write_of_the_outbox_fails_nothing_is_lost_or_doubled() {
    let mut sound = Course::new(SEED);
    sound.live(TURNS);
    let commits = sound.tally.commits;
    assert!(commits > 5, "{:?}", sound.tally);
    for nth in 1..=commits {
        for is_written in [false, true] {
            let mut course = Course::new(SEED);
            course.tell(|hardware| hardware.rows.fail_commit(nth, is_written));
            course.live(TURNS);
            course.come_to_an_end();
        }
    }
}
