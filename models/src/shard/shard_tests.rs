//! A submission on its way through a mailbox, while the shard steps, ends or is full.

use geofenced::domain::fix::Fix;
use geofenced::domain::ids::{AccountId, AppId, DeviceId, PartitionId};
use geofenced::domain::ping::PingFlags;
use geofenced::domain::reasons::RejectReason;
use geofenced::domain::submission::{Lost, Records};
use geofenced::domain::units::{PointE7, UtcMs};
use loom::future::block_on;
use loom::thread;

use super::mailbox::{Closed, Delivery, Mailbox, Parcel, mailbox};
use super::ticket::{AckTicket, ticket};

fn delivery(records: usize) -> (AckTicket, Delivery) {
    let fix = Fix {
        device: DeviceId([1; 16]),
        at: PointE7::default(),
        fixed_at: UtcMs(0),
        accuracy_m: 1,
        flags: PingFlags(0),
    };
    let parcel = Parcel {
        account: AccountId(1),
        app: AppId(1),
        origin: None,
        received_at: UtcMs(0),
        parts: vec![(PartitionId(0), u32::try_from(records).unwrap())],
        records: Records::Fixes(vec![fix; records]),
    };
    let (ack, mut parts) = ticket(1);
    (ack, Delivery { parcel, ticket: parts.remove(0) })
}

/// Every order in which threads are interrupted at most twice.
fn model(check: impl Fn() + Send + Sync + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(2);
    model.check(check);
}

/// Two shards settle their parts while the client waits: it wakes once both have, and sees what both counted.
#[test]
fn a_ticket_resolves_after_its_last_part_and_knows_all_counts() {
    model(|| {
        let (ack, mut parts) = ticket(2);
        let [second, first] = [parts.pop().unwrap(), parts.pop().unwrap()];
        let shards = [first, second].map(|part| {
            thread::spawn(move || {
                part.count(RejectReason::Duplicate, 1);
                part.applied();
            })
        });
        let applied = block_on(ack).expect("nothing was lost");
        assert_eq!(applied.rejects[usize::from(RejectReason::Duplicate.number())], 2);
        shards.into_iter().for_each(|shard| shard.join().unwrap());
    });
}

#[test]
fn a_ticket_whose_part_is_dropped_is_lost_and_not_waited_for() {
    loom::model(|| {
        let (ack, mut parts) = ticket(2);
        let dropped = parts.pop();
        let shard = thread::spawn(move || drop(dropped));
        parts.pop().unwrap().applied();
        assert_eq!(block_on(ack), Err(Lost::Stopped));
        shard.join().unwrap();
    });
}

/// The shard ends at any moment of a put: the ticket resolves, to whatever, and nobody waits for ever. Loom calls it a
/// deadlock if it does not.
#[test]
fn a_shard_that_ends_leaves_no_ticket_behind() {
    model(|| {
        let (mail, inbox) = mailbox(2);
        let shard = thread::spawn(move || {
            if let Some(taken) = inbox.take() {
                inbox.give_back(taken.parcel.records.len());
                taken.ticket.applied();
            }
            drop(inbox);
        });
        let (ack, delivery) = delivery(1);
        let put = block_on(mail.put(delivery));
        let told = block_on(ack);
        match (put, told) {
            (Ok(()), Ok(_) | Err(Lost::Stopped)) | (Err(Closed), Err(Lost::Stopped)) => {}
            other => panic!("{other:?}"),
        }
        shard.join().unwrap();
    });
}

/// Two senders and room for one: the second waits until the shard has given the room back, and both get through.
#[test]
fn a_full_mailbox_makes_senders_wait_and_lets_them_go_on() {
    model(|| {
        let (mail, inbox) = mailbox(1);
        let senders = [mail.clone(), mail].map(|mail: Mailbox| {
            thread::spawn(move || {
                let (ack, delivery) = delivery(1);
                block_on(mail.put(delivery)).expect("the shard is there");
                assert!(mail.waiting() <= 1, "never more than there is room for");
                block_on(ack).expect("stepped");
            })
        });
        for _ in 0..2 {
            let taken = inbox.wait().expect("the senders are there");
            inbox.give_back(taken.parcel.records.len());
            taken.ticket.applied();
        }
        senders.into_iter().for_each(|sender| sender.join().unwrap());
    });
}
