//! Who rests is alive, who moves is alive, who stands still at work is not.

use std::sync::Arc;
use std::time::Duration;

use super::pulse::{Pulse, Vitals};

fn watched(names: &[&str]) -> (Vitals, Vec<Arc<Pulse>>) {
    watched_by(Vitals::default(), names)
}

fn watched_by(mut vitals: Vitals, names: &[&str]) -> (Vitals, Vec<Arc<Pulse>>) {
    let pulses = names.iter().map(|name| {
        let pulse = Arc::new(Pulse::default());
        let read = Arc::clone(&pulse);
        vitals.watch(*name, move || read.read());
        pulse
    });
    let pulses = pulses.collect();
    (vitals, pulses)
}

#[test]
fn who_rests_is_alive_however_long() {
    let (mut vitals, pulses) = watched(&["shard 0"]);
    assert_eq!((vitals.look(), vitals.look()), (Ok(()), Ok(())));
    pulses[0].works();
    pulses[0].rests();
    assert_eq!((vitals.look(), vitals.look()), (Ok(()), Ok(())));
}

#[test]
fn who_takes_up_new_work_between_two_looks_is_alive() {
    let (mut vitals, pulses) = watched(&["shard 0"]);
    for _ in 0..3 {
        pulses[0].works();
        assert_eq!(vitals.look(), Ok(()));
    }
    pulses[0].resting(|| assert_eq!(vitals.look(), Ok(())));
    assert_eq!(vitals.look(), Ok(()));
}

#[test]
fn who_stands_still_at_work_is_named_until_it_moves() {
    let (mut vitals, pulses) = watched(&["shard 0", "journal writer", "outbox writer"]);
    pulses[0].works();
    pulses[2].works();
    assert_eq!(vitals.look(), Ok(()));
    pulses[1].works();
    assert_eq!(vitals.look(), Err("shard 0, outbox writer".to_owned()));
    pulses[0].rests();
    pulses[2].works();
    assert_eq!(vitals.look(), Err("journal writer".to_owned()));
    pulses[1].works();
    pulses[2].rests();
    assert_eq!(vitals.look(), Ok(()));
}

#[test]
fn who_sleeps_through_its_alarm_is_named_until_it_wakes() {
    let looks = Vitals::every(Duration::from_secs(15), Duration::from_millis(100));
    let (mut vitals, pulses) = watched_by(looks, &["shard 0", "shard 1"]);
    for _ in 0..3 {
        pulses.iter().for_each(|pulse| pulse.naps());
        assert_eq!(vitals.look(), Ok(()), "each nap is a new one");
    }
    pulses[0].naps();
    assert_eq!(vitals.look(), Err("shard 1".to_owned()));
    pulses[0].works();
    pulses[1].works();
    assert_eq!(vitals.look(), Ok(()));
}

#[test]
fn looks_closer_than_two_naps_let_everybody_sleep() {
    let looks = Vitals::every(Duration::from_millis(200), Duration::from_millis(100));
    let (mut vitals, pulses) = watched_by(looks, &["shard 0"]);
    pulses[0].naps();
    assert_eq!((vitals.look(), vitals.look()), (Ok(()), Ok(())));
}
