//! The hand-off from intake to a shard: bounded in records, so that its memory is known.
//!
//! A sender takes a permit for each record and waits while there are none; the shard gives them back when it
//! has stepped the records. Waiting senders are what makes a connection stop reading.

use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};

use crossbeam::channel::{self, Receiver, Sender, TrySendError};
use tokio::sync::Semaphore;

use crate::domain::ids::{AccountId, AppId, Origin, PartitionId};
use crate::domain::submission::Records;
use crate::domain::units::UtcMs;

use super::ticket::TicketPart;

/// A submission's records for one shard, those of a partition side by side.
#[derive(Debug)]
pub struct Parcel {
    /// Whose devices they are.
    pub account: AccountId,
    /// Which app they speak for.
    pub app: AppId,
    /// Which frame they came in.
    pub origin: Option<Origin>,
    /// When they were taken in.
    pub received_at: UtcMs,
    /// How many records each partition has, in the order they stand in `records`.
    pub parts: Vec<(PartitionId, u32)>,
    /// The records.
    pub records: Records,
}

/// A parcel, and what resolves when its records are synced and stepped.
#[derive(Debug)]
pub struct Delivery {
    /// What is delivered.
    pub parcel: Parcel,
    /// Its part of the ack.
    pub ticket: TicketPart,
}

/// The senders' end.
#[derive(Clone, Debug)]
pub struct Mailbox {
    sender: Sender<Delivery>,
    /// The shard's own receiver, for what comes in when it has ended: nobody else would take it out.
    leavings: Receiver<Delivery>,
    permits: Arc<Semaphore>,
    capacity: u32,
}

/// The shard's end.
#[derive(Debug)]
pub struct Inbox {
    pub(super) receiver: Receiver<Delivery>,
    permits: Arc<Semaphore>,
    capacity: u32,
}

/// The shard behind a mailbox has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Closed;

/// A mailbox for `capacity` records.
#[must_use]
pub fn mailbox(capacity: u32) -> (Mailbox, Inbox) {
    // A parcel has at least one record, so permits run out before slots do.
    let (sender, receiver) = channel::bounded(capacity as usize);
    let permits = Arc::new(Semaphore::new(capacity as usize));
    (
        Mailbox { sender, leavings: receiver.clone(), permits: Arc::clone(&permits), capacity },
        Inbox { receiver, permits, capacity },
    )
}

impl Mailbox {
    /// Puts a delivery in, waiting for room.
    ///
    /// # Errors
    /// [`Closed`] when the shard has ended; the delivery's ticket resolves to lost.
    pub async fn put(&self, delivery: Delivery) -> Result<(), Closed> {
        let permits = cost(delivery.parcel.records.len(), self.capacity);
        let Ok(permit) = self.permits.acquire_many(permits).await else { return Err(Closed) };
        permit.forget();
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) =
            self.sender.try_send(delivery)
        {
            return Err(Closed);
        }
        // The shard may have ended since the permit was had, and emptied the channel before this came in. One of the
        // two sees the other: the fence stands between our sending and our look, as one stands in the channel
        // between its closing and its look.
        fence(Ordering::SeqCst);
        if self.permits.is_closed() {
            drain(&self.leavings);
        }
        Ok(())
    }

    /// Records waiting.
    #[must_use]
    pub fn waiting(&self) -> usize {
        waiting(&self.permits, self.capacity)
    }
}

impl Inbox {
    /// Records not yet stepped.
    #[must_use]
    pub fn waiting(&self) -> usize {
        waiting(&self.permits, self.capacity)
    }

    /// Gives back the room of a parcel's records once they have been stepped.
    pub fn give_back(&self, records: usize) {
        self.permits.add_permits(cost(records, self.capacity) as usize);
    }
}

fn waiting(permits: &Semaphore, capacity: u32) -> usize {
    capacity as usize - permits.available_permits().min(capacity as usize)
}

/// Permits that a parcel takes; one larger than the whole mailbox takes all of it.
fn cost(records: usize, capacity: u32) -> u32 {
    u32::try_from(records).unwrap_or(u32::MAX).min(capacity)
}

impl Drop for Inbox {
    fn drop(&mut self) {
        self.permits.close();
        drain(&self.receiver);
    }
}

/// What waits is lost, and its senders are told so now: the channel keeps messages that nobody receives for as long as
/// a sender lives.
fn drain(left: &Receiver<Delivery>) {
    while left.try_recv().is_ok() {}
}
