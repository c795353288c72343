//! Which frames are known, and who is forgotten when the table is full.

use super::origins::Origins;
use super::testkit::{ACCOUNT, World, at, campaign, fence, seen};
use crate::domain::ids::{AccountId, FrameSeq, InstanceId, Origin, StreamNo};
use crate::domain::input::{Batch, Input};

fn frame(instance: u8, seq: u64) -> Origin {
    Origin {
        account: ACCOUNT,
        instance: InstanceId([instance; 16]),
        stream: StreamNo(0),
        seq: FrameSeq(seq),
    }
}

fn send(world: &mut World, origin: Origin) {
    let fixes = [seen(1, i64::from(origin.instance.0[0]) * 1000 + 1, 5000.0).fix];
    let plain = super::testkit::batch(at(0), &fixes);
    world.step(&Input::Fixes(Batch { origin: Some(origin), ..plain }));
}

#[test]
fn a_frame_is_known_by_instance_stream_and_sequence() {
    let mut world = World::new(vec![fence(1, 0.0, 100.0)], vec![campaign(10, &[1])]);
    send(&mut world, frame(1, 5));
    assert!(world.partition.has_applied(&frame(1, 5)) && world.partition.has_applied(&frame(1, 4)));
    assert!(
        !world.partition.has_applied(&frame(1, 6)) && !world.partition.has_applied(&frame(2, 5))
    );
    let other_stream = Origin { stream: StreamNo(1), ..frame(1, 5) };
    assert!(!world.partition.has_applied(&other_stream));
    assert!(!world.partition.admit(&frame(1, 5)) && world.partition.admit(&frame(1, 7)));
    assert!(!world.partition.admit(&frame(1, 6)), "sequences never go back");
}

#[test]
fn the_stream_silent_longest_is_forgotten() {
    let mut world = World::new(vec![fence(1, 0.0, 100.0)], vec![campaign(10, &[1])]);
    world.policy(|policy| policy.origins_per_partition = 2);
    send(&mut world, frame(1, 1));
    send(&mut world, frame(2, 1));
    send(&mut world, frame(1, 2));
    send(&mut world, frame(3, 1));
    let known = |world: &World, instance| world.partition.has_applied(&frame(instance, 1));
    assert_eq!([1, 2, 3].map(|one| known(&world, one)), [true, false, true]);
    world.policy(|policy| policy.origins_per_partition = 1);
    send(&mut world, frame(4, 1));
    assert_eq!([1, 2, 3, 4].map(|one| known(&world, one)), [false, false, false, true]);
}

fn of(account: u32, instance: u8) -> Origin {
    Origin { account: AccountId(account), ..frame(instance, 1) }
}

#[test]
fn who_makes_up_streams_pushes_out_its_own() {
    let mut origins = Origins::new(4, 7);
    let mine = [of(9, 1), of(9, 2)];
    mine.iter().for_each(|origin| origins.apply(origin));
    for instance in 0..200 {
        origins.apply(&of(1, instance));
    }
    assert!(mine.iter().all(|origin| origins.has_applied(origin)));
    assert!(origins.has_applied(&of(1, 199)) && origins.has_applied(&of(1, 198)));
    assert!(!origins.has_applied(&of(1, 197)));
}

#[test]
fn a_newcomer_takes_from_who_has_the_most() {
    let mut origins = Origins::new(4, 7);
    (0..4).for_each(|instance| origins.apply(&of(1, instance)));
    origins.apply(&of(1, 0));
    origins.apply(&of(2, 0));
    let known: Vec<u8> = (0..4).filter(|one| origins.has_applied(&of(1, *one))).collect();
    assert_eq!(known, [0, 2, 3], "the first was used again");
    assert!(origins.has_applied(&of(2, 0)));
}

#[test]
fn a_table_read_back_forgets_in_the_same_order() {
    let mut origins = Origins::new(6, 7);
    for (account, instance) in [(1, 0), (2, 0), (1, 1), (1, 2), (2, 1), (3, 0), (1, 0), (2, 0)] {
        origins.apply(&of(account, instance));
    }
    let mut restored = Origins::new(6, 7);
    origins.in_order_of_use().into_iter().for_each(|(sender, seq)| restored.insert(sender, seq));
    for instance in 10..20 {
        let one = of(u32::from(instance % 4) + 1, instance);
        origins.apply(&one);
        restored.apply(&one);
        assert_eq!(origins.in_order_of_use(), restored.in_order_of_use());
    }
    assert_eq!(origins.in_order_of_use().len(), 6);
}
